//! Commands run, and what they see.

use super::{run_with, sh, sh_with};
use mbopt::executor::native::sandbox::{Root, RunError, SandboxNetwork, User};
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

#[test]
fn a_command_really_runs() {
    if super::unprivileged() {
        return;
    }
    let ran = sh("echo one; echo two >&2; echo $$ > /pid; exit 7");
    assert_eq!((ran.code(), ran.out.as_str(), ran.err.as_str()), (7, "one\n", "two\n"));
    assert_eq!(fs::read_to_string(ran.changed("pid")).unwrap(), "1\n");
    // Nothing of the sandbox' own is left in the layer: mount points of the root alone.
    let mut names: Vec<_> = fs::read_dir(ran.snapshot.upper())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["dev", "etc", "pid", "proc", "sys"]);
    assert_eq!(fs::read_dir(ran.changed("etc")).unwrap().count(), 0);
    let base = fs::metadata(super::BASE.join("etc")).unwrap();
    assert_eq!(
        fs::metadata(ran.changed("etc")).unwrap().mtime_nsec(),
        base.mtime_nsec()
    );
}

#[test]
fn ends_are_told_as_they_are() {
    if super::unprivileged() {
        return;
    }
    assert_eq!(sh("exit 255").code(), 255);
    assert_eq!(sh("(exit 3)").code(), 3);
    // As in a container, the first process ignores signals that it has no handler for.
    assert_eq!(sh("kill -9 $$; kill -TERM $$; exit 5").code(), 5);
    // `kill 0` reaches its own group, and nobody outside of the sandbox.
    assert_eq!(sh("kill -9 0; kill -9 -1; exit 6").code(), 6);
    assert_eq!(sh("/bin/sh -c 'kill -9 $$'").code(), 137);
    // What was started in the background ends with the first process.
    let begun = Instant::now();
    assert_eq!(sh("sleep 100 & (setsid sleep 100 &) ; exit 4").code(), 4);
    assert!(begun.elapsed().as_secs() < 20);
}

#[test]
fn much_output_arrives_whole() {
    if super::unprivileged() {
        return;
    }
    let ran = sh("head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2");
    assert_eq!((ran.code(), ran.out.len(), ran.err.as_str()), (0, 3_000_000, "end\n"));
}

#[test]
fn the_environment_is_exact() {
    if super::unprivileged() {
        return;
    }
    let ran = run_with(&["printenv"], |spec| {
        spec.env.push(("A".into(), "b c".into()));
    });
    let mut lines: Vec<_> = ran.out.lines().collect();
    lines.sort_unstable();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(lines, ["A=b c", "HOME=/root", path]);
    let ran = sh_with("echo $HOME; pwd; umask; cat; hostname; nproc >/dev/null", |spec| {
        spec.env.push(("HOME".into(), "/elsewhere".into()));
        spec.cwd = "/made/by run".into();
        spec.hostname = "builder".into();
    });
    assert_eq!(ran.out, "/elsewhere\n/made/by run\n0022\nbuilder\n");
    assert!(ran.changed("made/by run").is_dir());
}

#[test]
fn users_are_the_roots_own() {
    if super::unprivileged() {
        return;
    }
    let who = |user: &str| {
        let ran = sh_with("echo $(id -u):$(id -g):$(id -G):$HOME; touch /tmp/made", |spec| {
            spec.user = User::Named(user.to_owned());
        });
        assert_eq!(ran.code(), 0, "{}", ran.err);
        ran.out.trim().to_owned()
    };
    assert_eq!(who("app"), "1000:1000:1000 50:/home/app");
    assert_eq!(who("app:staff"), "1000:50:50:/home/app");
    assert_eq!(who("1234"), "1234:0:0:/");
    assert_eq!(who("1234:5"), "1234:5:5:/");
    assert_eq!(who(""), "0:0:0:/root");
    let ran = sh_with("true", |spec| spec.user = User::Named("stranger".into()));
    assert!(
        matches!(&ran.status, Err(RunError::Instruction(text)) if text.contains("stranger")),
        "{:?}",
        ran.status
    );
    let ran = sh_with("grep Cap /proc/self/status; touch /x; mkdir /root/x", |spec| {
        spec.user = User::Named("app".into());
    });
    assert!(
        ran.code() != 0 && ran.out.contains("CapEff:\t0000000000000000"),
        "{}",
        ran.out
    );
}

#[test]
fn packages_can_be_unpacked() {
    if super::unprivileged() {
        return;
    }
    // What package managers need of root's rights.
    let ran = sh(
        "touch /a && chown 1:2 /a && chmod 4755 /a && mkfifo /fifo && cd /home/app && chown app:app . && id -u && chroot / id -g",
    );
    assert_eq!((ran.code(), ran.out.as_str()), (0, "0\n0\n"), "{}", ran.err);
    let about = fs::metadata(ran.changed("a")).unwrap();
    assert_eq!((about.uid(), about.gid(), about.mode()), (1, 2, 0o104_755));
    let node = sh("mknod /null c 1 3");
    assert_eq!(node.code() == 0, !super::rootless(), "{}", node.err);
    assert!(super::rootless() || fs::metadata(node.changed("null")).unwrap().file_type().is_char_device());
}

#[test]
fn programs_may_be_set_user_id() {
    if super::unprivileged() {
        return;
    }
    let layer = tempfile::tempdir().unwrap();
    fs::copy(super::BASE.join("bin/id"), layer.path().join("id")).unwrap();
    fs::set_permissions(layer.path().join("id"), fs::Permissions::from_mode(0o4755)).unwrap();
    let ran = sh_with("/id -u", |spec| {
        if let Root::Overlay { lowers, .. } = &mut spec.root {
            lowers.push(layer.path().to_owned());
        }
        spec.user = User::Named("app".into());
    });
    assert_eq!(ran.out, "0\n", "{}", ran.err);
}

#[test]
fn what_cannot_be_executed_is_named() {
    if super::unprivileged() {
        return;
    }
    let failed = |args: &[&str]| match run_with(args, |_| {}).status {
        Err(RunError::Program { program, code, .. }) => (program, code),
        other => panic!("{other:?}"),
    };
    assert_eq!(failed(&["no-such-program"]), ("no-such-program".into(), 127));
    assert_eq!(failed(&["/no/such"]), ("/no/such".into(), 127));
    assert_eq!(failed(&["/etc/passwd"]), ("/etc/passwd".into(), 126));
    let ran = sh_with("pwd", |spec| spec.cwd = "/etc/passwd".into());
    assert!(
        matches!(&ran.status, Err(RunError::Instruction(text)) if text.contains("/etc/passwd")),
        "{:?}",
        ran.status
    );
}

#[test]
fn devices_are_there_and_work() {
    if super::unprivileged() {
        return;
    }
    let ran = sh(
        "ls /dev; head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo x > /dev/null; \
                  (echo x > /dev/full) || echo full >&2; echo y > /dev/stderr; ls /dev/pts; echo > /dev/shm/x; ls -l /proc/self/fd/ | wc -l",
    );
    assert!(ran.out.starts_with("fd\nfull\n"), "{}", ran.out);
    for device in [
        "mqueue", "null", "ptmx", "pts", "random", "shm", "stdin", "stdout", "tty", "urandom", "zero",
    ] {
        assert!(ran.out.lines().any(|line| line == device), "{device}: {}", ran.out);
    }
    assert!(ran.out.contains("\n4\n4\nptmx\n"), "{}", ran.out);
    assert!(ran.err.contains("full\n") && ran.err.contains("y\n"), "{}", ran.err);
}

#[test]
fn the_network_is_the_hosts_or_none() {
    if super::unprivileged() {
        return;
    }
    let interfaces =
        "cat /proc/net/dev | sed 1,2d | cut -d: -f1; cat /etc/resolv.conf > /dev/null; grep localhost /etc/hosts";
    let own = sh_with(interfaces, |spec| {
        spec.network = SandboxNetwork::Loopback;
        spec.hostname = "step".into();
        spec.extra_hosts = vec![("10.0.0.1".into(), "db".into())];
    });
    assert_eq!(own.code(), 0, "{}", own.err);
    let names: Vec<_> = own.out.lines().map(str::trim).collect();
    assert_eq!(names.first(), Some(&"lo"));
    assert!(names.iter().any(|line| line.ends_with("localhost step")), "{names:?}");
    assert_eq!(fs::read_dir(own.changed("etc")).unwrap().count(), 0);
    // It is up.
    let up = sh_with("cat /sys/class/net/lo/flags", |spec| {
        spec.network = SandboxNetwork::Loopback
    });
    assert_eq!(up.out, "0x9\n", "{}", up.err);
    let host = fs::read_to_string("/proc/net/dev").unwrap();
    assert_eq!(
        sh("cat /proc/net/dev | wc -l").out.trim().parse::<usize>().unwrap(),
        host.lines().count()
    );
}

#[test]
fn a_step_costs_little() {
    if super::unprivileged() {
        return;
    }
    sh("true");
    let one = |_| {
        let begun = Instant::now();
        assert_eq!(run_with(&["/bin/true"], |_| {}).code(), 0);
        begun.elapsed()
    };
    // The mark is 60 ms a step. Other tests run beside this one, so the fastest tells most; a few tries
    // keep a busy machine from failing it.
    let mut fastest = Duration::MAX;
    for _ in 0..4 {
        let mut all: Vec<_> = (0..15).map(one).collect();
        all.sort();
        println!(
            "overhead of a RUN: fastest {:?}, median {:?}, slowest {:?}",
            all[0], all[7], all[14]
        );
        fastest = fastest.min(all[0]);
        if fastest.as_millis() <= 60 {
            return;
        }
    }
    panic!("a step costs {fastest:?}");
}
