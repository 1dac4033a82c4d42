//! Limits, cancelling, and what is left afterwards.

use super::{run_under, sh, sh_with};
use mbopt::executor::Cancel;
use mbopt::executor::native::sandbox::RunError;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Whether some process' command line has this word.
pub fn is_running(word: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        entry
            .file_name()
            .to_string_lossy()
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            && line.split(|byte| *byte == 0).any(|part| part == word.as_bytes())
    })
}

#[test]
fn time_is_limited() {
    if super::unprivileged() {
        return;
    }
    let begun = Instant::now();
    let ran = sh_with(
        "trap '' TERM INT HUP; (setsid sleep 98761 &); echo begun; sleep 98761",
        |spec| {
            spec.limits.time = Some(Duration::from_millis(500));
        },
    );
    assert!(
        matches!(&ran.status, Err(RunError::Limit(limit)) if limit == "0.5 s"),
        "{:?}",
        ran.status
    );
    assert_eq!(ran.out, "begun\n");
    assert!(begun.elapsed() < Duration::from_secs(15) && !is_running("98761"));
}

#[test]
fn cancelling_ends_everything() {
    if super::unprivileged() {
        return;
    }
    let cancel = Cancel::new();
    let other = cancel.clone();
    let canceller = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        other.cancel();
    });
    let ran = run_under(
        &["/bin/sh", "-c", "(setsid sleep 98762 &); sleep 98762"],
        &cancel,
        |_| {},
    );
    canceller.join().unwrap();
    assert!(matches!(ran.status, Err(RunError::Cancelled)), "{:?}", ran.status);
    assert!(!is_running("98762"));
}

#[test]
fn the_disk_is_limited() {
    if super::unprivileged() {
        return;
    }
    let ran = sh_with(
        "while :; do dd if=/dev/zero of=/big bs=1M count=8 oflag=append conv=notrunc 2>/dev/null || exit; done",
        |spec| {
            spec.limits.disk = Some(32 << 20);
            spec.limits.time = Some(Duration::from_secs(60));
        },
    );
    assert!(
        matches!(&ran.status, Err(RunError::Limit(limit)) if limit.contains("32 MiB")),
        "{:?}",
        ran.status
    );
}

#[test]
fn processes_are_limited_where_there_are_groups() {
    if super::unprivileged() {
        return;
    }
    let groups = [
        "/sys/fs/cgroup/pids/cgroup.procs",
        "/sys/fs/cgroup/cgroup.subtree_control",
    ];
    if !super::rootless() && !groups.iter().any(|path| Path::new(path).exists()) {
        return;
    }
    let bomb = "n=0; while [ $n -lt 300 ]; do sleep 30 & n=$((n+1)); done; echo all";
    let ran = sh_with(bomb, |spec| spec.limits.processes = Some(40));
    assert!(
        !ran.out.contains("all") && ran.err.to_lowercase().contains("fork"),
        "{} {}",
        ran.out,
        ran.err
    );
    let left = |base: &str| {
        fs::read_dir(base).into_iter().flatten().flatten().any(|entry| {
            let own = format!("mbopt-{}-", std::process::id());
            entry.file_name().to_string_lossy().starts_with(&own)
        })
    };
    assert!(!left("/sys/fs/cgroup") && !left("/sys/fs/cgroup/pids"));
}

#[test]
fn memory_is_limited_where_there_are_groups() {
    let groups = [
        "/sys/fs/cgroup/memory/cgroup.procs",
        "/sys/fs/cgroup/cgroup.subtree_control",
    ];
    if super::unprivileged() || super::rootless() || !groups.iter().any(|path| Path::new(path).exists()) {
        return;
    }
    let ran = sh_with("head -c 300000000 /dev/zero | tail > /dev/null; echo $?", |spec| {
        spec.limits.memory = Some(64 << 20);
    });
    assert_eq!(ran.out, "137\n", "{}", ran.err);
}

#[test]
fn nothing_of_a_run_is_mounted_on_the_host() {
    if super::unprivileged() {
        return;
    }
    let ran = sh("true");
    let mount = ran.snapshot.directory().join("mount");
    assert_eq!(fs::read_dir(mount).unwrap().count(), 0);
    let after = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!after.contains(&ran.snapshot.directory().display().to_string()));
}
