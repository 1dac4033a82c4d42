//! The base image: one static program that is a shell and a hundred tools, and a few users.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The image: its name in the Docker Engine, and its archive.
pub struct Bases {
    pub name: String,
    pub archive: PathBuf,
    /// Its only layer.
    pub layer: PathBuf,
    imported: bool,
}

const PASSWD: &str =
    "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home/app:/bin/sh\nlone:x:1234:1234::/:/bin/sh\n";
const GROUP: &str = "root:x:0:\nstaff:x:50:app\napp:x:1001:\nlone:x:1234:\n";

/// The static program that the base image has; none where it is not installed.
pub fn busybox() -> Option<&'static Path> {
    ["/bin/busybox", "/usr/bin/busybox"]
        .into_iter()
        .map(Path::new)
        .find(|path| path.exists())
}

pub fn make(work: &Path, import: bool) -> Bases {
    let root = work.join("base");
    let at = |path: &str| root.join(path);
    for folder in [
        "bin",
        "etc",
        "home/app",
        "root",
        "tmp",
        "usr/share/old",
        "var/empty",
        "opt/pack/sub",
        "dev",
        "proc",
        "sys",
        "run",
    ] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    let busybox = busybox().expect("busybox is installed (package busybox-static)");
    fs::copy(busybox, at("bin/busybox")).unwrap();
    let applets = Command::new(busybox).arg("--list").output().expect("busybox runs");
    for name in String::from_utf8_lossy(&applets.stdout)
        .lines()
        .filter(|name| *name != "busybox")
    {
        symlink("busybox", at("bin").join(name)).unwrap();
    }
    for (path, text) in [
        ("etc/passwd", PASSWD),
        ("etc/group", GROUP),
        ("etc/conf", "old\n"),
        ("usr/share/old/a", "a\n"),
        ("usr/share/old/b", "b\n"),
        ("opt/pack/one", "1\n"),
        ("opt/pack/sub/two", "2\n"),
    ] {
        fs::write(at(path), text).unwrap();
    }
    fs::hard_link(at("opt/pack/one"), at("opt/pack/linked")).unwrap();
    symlink("pack", at("opt/link")).unwrap();
    symlink("/opt/pack/sub", at("opt/absolute")).unwrap();
    fs::set_permissions(at("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    std::os::unix::fs::chown(at("home/app"), Some(1000), Some(1001)).unwrap();
    std::os::unix::fs::chown(at("opt/pack/one"), Some(1000), Some(1001)).unwrap();
    let layer = work.join("layer.tar");
    let packed = Command::new("tar")
        .args(["--numeric-owner", "--sort=name", "--mtime=@1700000000", "-cf"])
        .arg(&layer)
        .arg("-C")
        .arg(&root)
        .arg(".")
        .status();
    assert!(packed.expect("tar runs").success());
    let archive = work.join("base.tar");
    let docker = format!("mbopt-differential:{}", std::process::id());
    if import {
        let client = std::env::var_os("MBOPT_DOCKER").unwrap_or_else(|| "docker".into());
        let run = |args: &[&str]| {
            let done = Command::new(&client).args(args).output().expect("docker runs");
            assert!(
                done.status.success(),
                "{args:?}: {}",
                String::from_utf8_lossy(&done.stderr)
            );
        };
        let layer = layer.to_string_lossy();
        run(&[
            "import",
            "--change",
            "ENV PATH=/bin BASE=1",
            "--change",
            "CMD [\"sh\"]",
            "--change",
            "LABEL from=base",
            &layer,
            &docker,
        ]);
        run(&["save", "--output", &archive.to_string_lossy(), &docker]);
    } else {
        by_hand(work, &layer, &archive);
    }
    Bases {
        name: docker,
        archive,
        layer: work.join("layer.tar"),
        imported: import,
    }
}

/// The same image without an Engine.
fn by_hand(work: &Path, layer: &Path, archive: &Path) {
    use sha2::{Digest, Sha256};
    let sum: String = Sha256::digest(fs::read(layer).unwrap())
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let config = format!(
        r#"{{"architecture":"{}","os":"linux","config":{{"Env":["PATH=/bin","BASE=1"],"Cmd":["sh"],"Labels":{{"from":"base"}}}},"rootfs":{{"type":"layers","diff_ids":["sha256:{sum}"]}},"history":[{{"created":"2024-01-01T00:00:00Z","comment":"Imported"}}]}}"#,
        mbopt::executor::Platform::host().architecture
    );
    fs::write(work.join("config.json"), config).unwrap();
    fs::write(
        work.join("manifest.json"),
        r#"[{"Config":"config.json","RepoTags":[],"Layers":["layer.tar"]}]"#,
    )
    .unwrap();
    let done = Command::new("tar")
        .arg("-cf")
        .arg(archive)
        .arg("-C")
        .arg(work)
        .args(["manifest.json", "config.json", "layer.tar"])
        .status();
    assert!(done.expect("tar runs").success());
}

impl Bases {
    pub fn remove(&self) {
        if self.imported {
            let client = std::env::var_os("MBOPT_DOCKER").unwrap_or_else(|| "docker".into());
            let _ = Command::new(client).args(["rmi", &self.name]).output();
        }
    }
}
