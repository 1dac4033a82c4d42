//! Images of Node.js made of this machine's own, and packages for npm to install without a registry.

use super::base::{Base, archive};
use super::host_root;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// As Docker Hub names them.
pub type Images = [(&'static str, PathBuf); 2];

/// The full image and the slim one; none where this machine has no Node.js with an npm that stands in
/// one folder, as nodejs.org packs it.
pub fn images(base: &Base) -> Option<&'static Images> {
    static MADE: OnceLock<Option<Images>> = OnceLock::new();
    MADE.get_or_init(|| make(base.work())).as_ref()
}

fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&path).map(|folder| folder.join(program));
    fs::canonicalize(found.into_iter().find(|path| path.is_file())?).ok()
}

fn make(work: &Path) -> Option<Images> {
    let node = which("node")?;
    let npm = which("npm")?;
    // NPM/bin/npm-cli.js, with all that it needs in NPM/node_modules.
    let npm = npm.parent()?.parent()?;
    if !npm.join("node_modules").is_dir() || !npm.join("bin/npm-cli.js").is_file() {
        return None;
    }
    let root = work.join("node");
    fs::create_dir_all(&root).ok()?;
    host_root::make(&root, &[&node]);
    let modules = root.join("usr/local/lib/node_modules");
    fs::create_dir_all(&modules).ok()?;
    fs::create_dir_all(root.join("usr/local/bin")).ok()?;
    let copied = Command::new("cp").arg("-r").arg(npm).arg(modules.join("npm")).status();
    if !copied.is_ok_and(|status| status.success()) {
        return None;
    }
    symlink("../lib/node_modules/npm/bin/npm-cli.js", root.join("usr/local/bin/npm")).ok()?;
    archive(work, &root, "node-slim");
    fs::create_dir_all(root.join("usr/lib/gcc")).ok()?;
    fs::write(root.join("usr/lib/gcc/cc1"), vec![0; 40_000_000]).ok()?;
    archive(work, &root, "node-full");
    Some([
        ("node:20", work.join("node-full.tar")),
        ("node:20-slim", work.join("node-slim.tar")),
    ])
}

/// A copy of a project, each folder of its `packages` packed as `npm pack` does it.
pub fn project(folder: &Path, to: &Path) -> PathBuf {
    let copy = to.join("project");
    let copied = Command::new("cp").arg("-r").arg(folder).arg(&copy).status();
    assert!(copied.expect("cp runs").success());
    for package in fs::read_dir(copy.join("packages")).unwrap().flatten() {
        let name = package.file_name().into_string().unwrap();
        let packed = Command::new("tar")
            .arg("-czf")
            .arg(copy.join(format!("packages/{name}.tgz")))
            .arg(format!("--transform=s,^{name},package,"))
            .arg("-C")
            .arg(copy.join("packages"))
            .arg(&name)
            .status();
        assert!(packed.expect("tar runs").success());
    }
    copy
}
