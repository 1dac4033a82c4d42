//! A root filesystem made of this machine's own shell, tools and libraries: tests of the bundled
//! engine need no image and no network.

#![allow(dead_code)] // Not every test program uses all of it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that the tests use; one that this machine lacks is left out.
const TOOLS: &[&str] = &[
    "sh", "cat", "chgrp", "chmod", "chown", "chroot", "cp", "cut", "date", "dd", "echo", "env", "false", "find",
    "grep", "head", "hostname", "id", "ln", "ls", "mkdir", "mkfifo", "mknod", "mktemp", "mount", "mv", "nproc",
    "nsenter", "od", "printenv", "pwd", "readlink", "rm", "rmdir", "sed", "seq", "setsid", "sleep", "sort", "stat",
    "su", "tail", "tee", "test", "timeout", "touch", "tr", "true", "umount", "uname", "uniq", "unshare", "wc", "xargs",
];

/// Makes it in `root`, with further programs of this machine under `/bin`.
pub fn make(root: &Path, more: &[&Path]) {
    for directory in ["bin", "etc", "root", "tmp", "home/app", "usr", "var/tmp"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    for directory in ["tmp", "var/tmp"] {
        fs::set_permissions(root.join(directory), fs::Permissions::from_mode(0o1777)).unwrap();
    }
    for (link, to) in [("usr/bin", "../bin"), ("usr/sbin", "../bin"), ("sbin", "bin")] {
        symlink(to, root.join(link)).unwrap();
    }
    let passwd =
        "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
    fs::write(root.join("etc/passwd"), passwd).unwrap();
    fs::write(
        root.join("etc/group"),
        "root:x:0:\nstaff:x:50:app\napp:x:1000:\nnogroup:x:65534:\n",
    )
    .unwrap();
    let found = TOOLS.iter().filter_map(|tool| find(tool));
    let programs: Vec<PathBuf> = found.chain(more.iter().map(|path| path.to_path_buf())).collect();
    let mut libraries = BTreeSet::new();
    for program in &programs {
        let to = root.join("bin").join(program.file_name().unwrap());
        fs::copy(program, &to).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        fs::set_permissions(&to, fs::Permissions::from_mode(0o755)).unwrap();
        libraries.extend(needed(program));
    }
    for library in libraries {
        let to = root.join(library.strip_prefix("/").unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(&library, &to).unwrap();
    }
    if !root.join("bin/sh").exists() {
        panic!("this machine has no `sh` on its PATH");
    }
}

fn find(tool: &str) -> Option<PathBuf> {
    ["/bin", "/usr/bin", "/sbin", "/usr/sbin"]
        .iter()
        .map(|directory| Path::new(directory).join(tool))
        .find(|path| path.is_file())
}

/// The libraries and the interpreter that a program is linked with.
fn needed(program: &Path) -> Vec<PathBuf> {
    let output = Command::new("ldd").arg(program).output().expect("`ldd` runs");
    String::from_utf8_lossy(&output.stdout)
        .split_whitespace()
        .filter(|word| word.starts_with('/') && Path::new(word).is_file())
        .map(PathBuf::from)
        .collect()
}
