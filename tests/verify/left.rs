//! Nothing is left behind: not after a verdict, and not after Ctrl-C at any moment.

use super::base::Base;
use super::mbopt;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Processes that have the words among their arguments, but for ours.
fn processes(words: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(line) = fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        if line.contains(words) && entry.file_name().to_string_lossy() != std::process::id().to_string() {
            found.push(line);
        }
    }
    found
}

fn begin(base: &Base, project: &Path, scratch: &Path) -> Child {
    mbopt(base)
        .arg("--against")
        .arg(project.join("rewrite.Dockerfile"))
        .arg("--build-context")
        .arg(format!("base={}", base.archive().display()))
        .arg(project.join("Dockerfile"))
        .env("TMPDIR", scratch)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until a process has said that it takes Ctrl-C, which is late on a busy machine: before that any
/// program would end of it.
fn await_handler(child: &mut Child) {
    let bit = 1 << (rustix::process::Signal::INT.as_raw() - 1);
    let path = format!("/proc/{}/status", child.id());
    let until = Instant::now() + Duration::from_secs(10);
    while child.try_wait().unwrap().is_none() && Instant::now() < until {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        if caught.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & bit != 0) {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn ctrl_c_leaves_nothing_behind() {
    let Some(base) = Base::get() else { return };
    let project = tempfile::tempdir().unwrap();
    let mark = format!("/mark-{}", std::process::id());
    let file = format!(
        "FROM base\nRUN sleep 1; mkdir {mark}; echo x >{mark}/index.html\nCMD [\"serve\", \"8080\", \"{mark}\"]\n"
    );
    fs::write(
        project.path().join("rewrite.Dockerfile"),
        file.replace("sleep 1", "sleep 0.9"),
    )
    .unwrap();
    let images = base.cache().join("mbopt");
    for millis in [50, 400, 1200, 1800, 2500, 3500, 5000] {
        // Another text each time: what was built would be taken from the cache.
        fs::write(
            project.path().join("Dockerfile"),
            file.replace("sleep 1", &format!("sleep 1.{millis}")),
        )
        .unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let mut child = begin(base, project.path(), scratch.path());
        std::thread::sleep(Duration::from_millis(millis));
        await_handler(&mut child);
        let asked = Instant::now();
        let pid = rustix::process::Pid::from_child(&child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let status = child.wait().unwrap();
        assert!(
            asked.elapsed() < Duration::from_secs(15),
            "after {millis} ms it took {:?} to end",
            asked.elapsed()
        );
        assert!(
            matches!(status.code(), Some(130 | 0 | 5)),
            "after {millis} ms it ended with {status}"
        );
        let left: Vec<_> = fs::read_dir(scratch.path())
            .unwrap()
            .flatten()
            .map(|e| e.path())
            .collect();
        assert!(left.is_empty(), "after {millis} ms temporary files are left: {left:?}");
        assert_eq!(processes(&mark), Vec::<String>::new(), "after {millis} ms");
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(
            !mounts.contains(&*images.to_string_lossy()),
            "after {millis} ms a mount is left"
        );
    }
}
