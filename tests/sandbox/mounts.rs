//! Mounts that an instruction asks for.

use super::{BASE, sh_with};
use mbopt::executor::native::sandbox::{MountKind, MountSpec, Root, RunError};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

fn bind(source: &Path, subpath: &str, target: &str, readonly: bool) -> MountSpec {
    MountSpec {
        target: target.into(),
        kind: MountKind::Bind {
            source: source.into(),
            subpath: subpath.into(),
            readonly,
        },
    }
}

#[test]
fn directories_and_files_are_bound() {
    if super::unprivileged() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    fs::create_dir_all(cache.path().join("a/b")).unwrap();
    fs::write(cache.path().join("a/b/file"), "content").unwrap();
    let script =
        "cat /c/a/b/file /one /deep/er/file; echo new > /c/new; echo no > /ro/no; echo $?; echo no > /one; echo $?";
    let ran = sh_with(script, |spec| {
        spec.mounts = vec![
            bind(cache.path(), "", "/c", false),
            bind(cache.path(), "a/b/file", "/one", true),
            bind(cache.path(), "/a/b", "/deep/er", true),
            bind(cache.path(), "a", "/ro", true),
        ];
    });
    assert_eq!(ran.out, "contentcontentcontent2\n2\n", "{} {:?}", ran.err, ran.status);
    assert_eq!(fs::read_to_string(cache.path().join("new")).unwrap(), "new\n");
    for gone in ["c", "one", "deep", "ro"] {
        assert!(!ran.changed(gone).exists(), "{gone} is left in the layer");
    }
}

#[test]
fn a_mount_point_that_came_to_hold_something_stays() {
    if super::unprivileged() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    // The file is written beside the mount, in a directory that was made for it.
    let ran = sh_with("echo kept > /new/beside", |spec| {
        spec.mounts = vec![bind(cache.path(), "", "/new/cache", false)]
    });
    assert_eq!(ran.code(), 0, "{}", ran.err);
    assert_eq!(fs::read_to_string(ran.changed("new/beside")).unwrap(), "kept\n");
    assert!(!ran.changed("new/cache").exists());
}

#[test]
fn a_source_that_is_not_there_is_named() {
    if super::unprivileged() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    let ran = sh_with("true", |spec| {
        spec.mounts = vec![bind(cache.path(), "no/such", "/c", false)]
    });
    assert!(
        matches!(&ran.status, Err(RunError::Instruction(text)) if text.contains("no/such")),
        "{:?}",
        ran.status
    );
}

#[test]
fn nothing_is_mounted_on_the_root() {
    if super::unprivileged() {
        return;
    }
    let cache = tempfile::tempdir().unwrap();
    for target in ["/", "", "/..", "/bin/../."] {
        let ran = sh_with("true", |spec| spec.mounts = vec![bind(cache.path(), "", target, false)]);
        assert!(
            matches!(ran.status, Err(RunError::Instruction(_))),
            "{target}: {:?}",
            ran.status
        );
    }
}

#[test]
fn links_never_lead_out() {
    if super::unprivileged() {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "outside").unwrap();
    let inside = tempfile::tempdir().unwrap();
    symlink(outside.path(), inside.path().join("absolute")).unwrap();
    let up = format!("{}{}", "../".repeat(40), outside.path().display());
    symlink(&up, inside.path().join("relative")).unwrap();
    symlink("self", inside.path().join("self")).unwrap();
    for subpath in ["absolute", "relative", up.as_str(), "absolute/secret", "self"] {
        let ran = sh_with("cat /c/secret /c", |spec| {
            spec.mounts = vec![bind(inside.path(), subpath, "/c", true)]
        });
        assert!(
            ran.status.is_err() || !ran.out.contains("outside"),
            "{subpath}: {}",
            ran.out
        );
    }
    // Targets: the image has links to the host's directories, and to places of its own.
    let layer = tempfile::tempdir().unwrap();
    symlink(outside.path(), layer.path().join("evil")).unwrap();
    symlink(&up, layer.path().join("evil2")).unwrap();
    symlink("/bin/../var/tmp", layer.path().join("own")).unwrap();
    let cache = tempfile::tempdir().unwrap();
    fs::write(cache.path().join("f"), "bound").unwrap();
    for target in ["/evil/x", "/evil2/x", "/evil", "/../../../../../etc/x"] {
        let ran = sh_with("true", |spec| {
            if let Root::Overlay { lowers, .. } = &mut spec.root {
                lowers.push(layer.path().to_owned());
            }
            spec.mounts = vec![bind(cache.path(), "", target, false)];
        });
        assert_eq!(ran.code(), 0, "{target}");
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "{target}");
    }
    assert!(!Path::new("/etc/x").exists());
    let ran = sh_with("cat /var/tmp/f", |spec| {
        if let Root::Overlay { lowers, .. } = &mut spec.root {
            lowers.push(layer.path().to_owned());
        }
        spec.mounts = vec![bind(cache.path(), "", "/own", false)];
    });
    assert_eq!(ran.out, "bound", "{}", ran.err);
}

#[test]
fn a_memory_disk_has_its_size() {
    if super::unprivileged() {
        return;
    }
    let script = "dd if=/dev/zero of=/m/x bs=1k count=64 2>/dev/null && echo small; dd if=/dev/zero of=/m/y bs=1k count=4096 2>/dev/null || echo full";
    let ran = sh_with(script, |spec| {
        spec.mounts = vec![MountSpec {
            target: "/m".into(),
            kind: MountKind::Tmpfs { size: Some(1 << 20) },
        }];
    });
    assert_eq!(ran.out, "small\nfull\n", "{}", ran.err);
    assert!(!ran.changed("m").exists());
}

#[test]
fn a_secret_is_read_and_not_kept() {
    if super::unprivileged() {
        return;
    }
    let script = "cat /run/secrets/key; stat -c '%a %u %g' /run/secrets/key; echo x > /run/secrets/key";
    let ran = sh_with(script, |spec| {
        spec.mounts = vec![MountSpec {
            target: "/run/secrets/key".into(),
            kind: MountKind::Secret {
                content: b"hunter2\n".to_vec(),
                mode: 0o400,
                uid: 5,
                gid: 6,
            },
        }];
    });
    assert_eq!(ran.out, "hunter2\n400 5 6\n", "{}", ran.err);
    assert_ne!(ran.code(), 0);
    assert!(!ran.changed("run").exists());
}

#[test]
fn layers_of_another_stage_are_merged() {
    if super::unprivileged() {
        return;
    }
    let (low, high, scratch) = (
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
        tempfile::tempdir().unwrap(),
    );
    for (layer, name, text) in [(&low, "d/a", "low"), (&low, "d/b", "low"), (&high, "d/b", "high")] {
        fs::create_dir_all(layer.path().join("d")).unwrap();
        fs::write(layer.path().join(name), text).unwrap();
    }
    let layers = |scratch: Option<&Path>, target: &str, subpath: &str| MountSpec {
        target: target.into(),
        kind: MountKind::Layers {
            lowers: vec![low.path().into(), high.path().into()],
            subpath: subpath.into(),
            scratch: scratch.map(Into::into),
        },
    };
    let script =
        "cat /ro/d/a /ro/d/b /sub/b; echo x > /ro/d/x || echo refused; echo changed > /rw/a; cat /rw/a; cat /d2";
    let ran = sh_with(script, |spec| {
        spec.mounts = vec![
            layers(None, "/ro", ""),
            layers(None, "/sub", "d"),
            layers(Some(scratch.path()), "/rw", "/d"),
            layers(None, "/d2", "d/b"),
        ];
    });
    assert_eq!(
        ran.out, "lowhighhighrefused\nchanged\nhigh",
        "{} {:?}",
        ran.err, ran.status
    );
    assert_eq!(fs::read_to_string(low.path().join("d/a")).unwrap(), "low");
    assert!(!ran.changed("rw").exists());
}

#[test]
fn many_layers_with_odd_names() {
    if super::unprivileged() {
        return;
    }
    let all = tempfile::tempdir().unwrap();
    // Far more text than the options of one mount may have; colons and commas mean something there.
    let layers: Vec<_> = (0..200)
        .map(|number| {
            let layer = all.path().join(format!("layer:{number},{}\\", "x".repeat(100)));
            fs::create_dir_all(&layer).unwrap();
            fs::write(layer.join(format!("file{number}")), "").unwrap();
            fs::write(layer.join("last"), number.to_string()).unwrap();
            layer
        })
        .collect();
    let ran = sh_with("ls / | grep -c file; cat /last", |spec| {
        if let Root::Overlay { lowers, .. } = &mut spec.root {
            lowers.extend(layers.iter().cloned());
        }
    });
    assert_eq!(ran.out, "200\n199", "{} {:?}", ran.err, ran.status);
}

#[test]
fn a_root_of_nothing_but_a_static_program() {
    if super::unprivileged() {
        return;
    }
    // `FROM scratch`: no directory is there before, not even one to mount on.
    let Some(busybox) = ["/bin/busybox", "/usr/bin/busybox"]
        .iter()
        .map(Path::new)
        .find(|path| path.exists())
    else {
        return;
    };
    let layer = tempfile::tempdir().unwrap();
    fs::copy(busybox, layer.path().join("busybox")).unwrap();
    let ran = super::run_with(&["/busybox", "sh", "-c", "/busybox ls /"], |spec| {
        if let Root::Overlay { lowers, .. } = &mut spec.root {
            *lowers = vec![layer.path().to_owned()];
        }
    });
    if ran.status.is_ok() {
        assert_eq!(ran.out, "busybox\ndev\netc\nproc\nsys\n", "{}", ran.err);
        assert!(!ran.changed("etc").exists());
    }
    assert!(BASE.exists());
}
