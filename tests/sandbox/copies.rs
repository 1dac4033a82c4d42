//! Snapshots without overlayfs: they must come to the same layers.

use super::{BASE, Ran, rootless, run_in};
use mbopt::executor::native::layer::Form;
use mbopt::executor::native::snapshot::{Backing, Snapshot};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Path, kind, mode, owner, and content or link; whiteouts and opaque directories by their signs.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut pending = vec![root.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).unwrap().flatten() {
            let (path, about) = (entry.path(), entry.metadata().unwrap());
            let kind = about.file_type();
            let what = if kind.is_dir() {
                pending.push(path.clone());
                let mut value = [0; 4];
                let opaque = ["trusted.overlay.opaque", "user.overlay.opaque"]
                    .iter()
                    .any(|name| rustix::fs::lgetxattr(&path, *name, &mut value) == Ok(1));
                if opaque {
                    "opaque directory".into()
                } else {
                    "directory".into()
                }
            } else if kind.is_symlink() {
                format!("link to {}", fs::read_link(&path).unwrap().display())
            } else if kind.is_char_device() {
                format!("device {}", about.rdev())
            } else if kind.is_file() {
                format!(
                    "file of {} names: {}",
                    about.nlink(),
                    String::from_utf8_lossy(&fs::read(&path).unwrap())
                )
            } else {
                "other".into()
            };
            // A sign's mode and owner mean nothing.
            let sign = kind.is_char_device() && about.rdev() == 0;
            let owner = if sign {
                String::new()
            } else {
                format!("{:o} {} {}", about.mode(), about.uid(), about.gid())
            };
            found.insert(
                path.strip_prefix(root).unwrap().display().to_string(),
                format!("{what} {owner}"),
            );
        }
    }
    found
}

fn ran(backing: Backing, lowers: &[&Path], script: &str) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let lowers = lowers.iter().map(|lower| lower.to_path_buf()).collect();
    let snapshot = Snapshot::create_as(backing, directory.path().join("s"), lowers).unwrap();
    let mut ran = run_in(
        snapshot,
        directory,
        &["/bin/sh", "-c", script],
        &Default::default(),
        |_| {},
    );
    assert_eq!(ran.code(), 0, "{backing:?}: {}", ran.err);
    ran.snapshot
        .finish(if rootless() { Form::User } else { Form::Trusted })
        .unwrap();
    ran
}

#[test]
fn both_kinds_give_the_same_layers() {
    if super::unprivileged() {
        return;
    }
    let first = "mkdir -p /d/sub /gone/x /again/old /moved/in; echo a > /d/a; echo b > /d/b; ln /d/b /d/b2; ln -s a /d/link; \
                 echo 1 > /gone/x/1; echo 2 > /again/old/2; echo keep > /moved/in/k; mkfifo /fifo; chmod 700 /d/sub; \
                 chown 5:6 /d/a; echo same > /same; echo was > /kind; mkdir /dir2file; echo x > /dir2file/x";
    let layer = ran(Backing::Overlay, &[&BASE], first);
    let lowers = [BASE.as_path(), &layer.snapshot.upper()];
    let second = "rm /d/a; echo more >> /d/b; rm -r /gone; rm -r /again; mkdir /again; echo new > /again/new; cp -a /moved /copy; \
                  rm /d/link; mkdir /d/link; echo y > /d/link/y; rm -r /dir2file; echo f > /dir2file; chmod 755 /d/sub; \
                  rm /kind; ln -s /same /kind; mkdir -p /deep/er; touch /deep/er/file; cat /same > /dev/null; rm /fifo; rm /etc/group";
    let (overlay, copies) = (
        ran(Backing::Overlay, &lowers, second),
        ran(Backing::Copies, &lowers, second),
    );
    let (overlay, copies) = (tree(&overlay.snapshot.upper()), tree(&copies.snapshot.upper()));
    for name in [
        "d/a",
        "d/b",
        "gone",
        "again",
        "again/new",
        "d/link",
        "dir2file",
        "kind",
        "deep/er/file",
        "etc/group",
    ] {
        assert!(overlay.contains_key(name), "{name}: {overlay:#?}");
    }
    assert!(!overlay.contains_key("same") && !copies.contains_key("same"));
    // Overlayfs copies one name of a file of several up, and leaves the others as they were; it marks new directories opaque
    // also where nothing is below them.
    let plain = |tree: BTreeMap<String, String>| -> BTreeMap<String, String> {
        tree.into_iter()
            .map(|(path, what)| {
                (
                    path,
                    what.replace("of 2 names", "of 1 names")
                        .replace("opaque directory", "directory"),
                )
            })
            .filter(|(path, _)| path != "d/b2")
            .collect()
    };
    let replaced = |tree: &BTreeMap<String, String>| ["again", "d/link"].map(|path| tree[path].starts_with("opaque"));
    assert_eq!(replaced(&copies), [true, true]);
    assert_eq!(plain(overlay), plain(copies));
}

#[test]
fn a_layer_is_never_changed_through_a_copy() {
    if super::unprivileged() {
        return;
    }
    let layer = tempfile::tempdir().unwrap();
    fs::write(layer.path().join("file"), "as it was").unwrap();
    fs::hard_link(layer.path().join("file"), layer.path().join("other")).unwrap();
    let ran = ran(
        Backing::Copies,
        &[&BASE, layer.path()],
        "echo more >> /file; cat /other",
    );
    assert_eq!(ran.out, "as it wasmore\n");
    assert_eq!(fs::read_to_string(layer.path().join("other")).unwrap(), "as it was");
}

#[test]
fn what_works_here_is_found_out() {
    if super::unprivileged() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let snapshot = super::sandbox()
        .snapshot(directory.path().join("s"), vec![BASE.clone()])
        .unwrap();
    assert!(snapshot.upper().is_dir());
    snapshot.remove();
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    // Overlayfs does not take changes on a file system without the attributes that it needs.
    if let Ok(found) = super::sandbox().backing(Path::new("/proc")) {
        panic!("{found:?}");
    }
}
