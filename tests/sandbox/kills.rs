//! Kills at random moments leave no process and no mount. `MBOPT_KILLS` is how many; continuous
//! integration takes 200.

use super::BASE;
use mbopt::executor::Cancel;
use mbopt::executor::native::sandbox::{RunSpec, Sandbox};
use mbopt::executor::native::snapshot::Snapshot;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What is killed: runs one step after the other until it is.
#[test]
#[ignore = "is killed by another test"]
fn builder() {
    let place = std::env::var("MBOPT_KILL_PLACE").unwrap();
    let base = std::env::var("MBOPT_KILL_BASE").unwrap();
    let place = Path::new(&place);
    for number in 0.. {
        let snapshot = Snapshot::create(place.join(number.to_string()), vec![base.clone().into()]).unwrap();
        let script = "(setsid sleep 1000 &) ; trap '' TERM; echo x > /file; n=0; while [ $n -lt 20 ]; do n=$((n+1)); true | cat; done";
        let spec = RunSpec::new(snapshot.root(), &["/bin/sh", "-c", script]);
        Sandbox::with_program(place.join("mbopt"))
            .run(&spec, &mut |_, _| {}, &Cancel::new())
            .unwrap();
        snapshot.remove();
    }
}

/// Processes that have to do with a directory: their program lies in it, or it is mounted for them.
fn left(place: &Path) -> Vec<u32> {
    let place = place.display().to_string();
    let of = |pid: &u32| {
        let exe = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        exe.starts_with(&place) || String::from_utf8_lossy(&line).contains(&place) || mounts.contains(&place)
    };
    let all = fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| *pid != std::process::id())
        .filter(of)
        .collect()
}

fn kill(pid: u32) {
    // SAFETY: a process that this test has started, or one of its children.
    unsafe { libc::kill(pid as i32, libc::SIGKILL) };
}

#[test]
fn kills_leave_nothing() {
    if super::unprivileged() {
        return;
    }
    let kills: u64 = std::env::var("MBOPT_KILLS")
        .ok()
        .and_then(|kills| kills.parse().ok())
        .unwrap_or(12);
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().canonicalize().unwrap();
    fs::copy(super::mbopt(), place.join("mbopt")).unwrap();
    let mut random = u64::from(std::process::id()) | 1;
    let mut slowest = Duration::ZERO;
    for round in 0..kills {
        let mut builder = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kills::builder", "--ignored"])
            .env("MBOPT_KILL_PLACE", &place)
            .env("MBOPT_KILL_BASE", &*BASE)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // xorshift: where the kills fall needs no more.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_micros(5_000 + random % 200_000));
        let others: Vec<u32> = left(&place).into_iter().filter(|pid| *pid != builder.id()).collect();
        if round % 3 == 1 {
            // The processes between go first, in any order; the builder must notice, or is killed next.
            if let Some(pid) = others.get(random as usize % others.len().max(1)) {
                kill(*pid);
            }
            std::thread::sleep(Duration::from_millis(random % 20));
        }
        kill(builder.id());
        builder.wait().unwrap();
        let killed = Instant::now();
        loop {
            let left = left(&place);
            if left.is_empty() {
                break;
            }
            assert!(
                killed.elapsed() < Duration::from_secs(10),
                "round {round}: processes {left:?} are left"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        slowest = slowest.max(killed.elapsed());
        for entry in fs::read_dir(&place)
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_dir())
        {
            assert_eq!(
                fs::read_dir(entry.path().join("mount")).map_or(0, Iterator::count),
                0,
                "something is mounted"
            );
            // Nothing holds it: it can be taken away.
            fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    println!("{kills} kills: no process and no mount left; the last one was gone after {slowest:?} at most");
}
