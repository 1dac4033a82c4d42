//! Builds that are killed at any moment: no process, no mount and no corrupt store is left, and the
//! next build works.

use crate::{Place, is_possible};
use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const DOCKERFILE: &str = "FROM scratch AS one\n\
    COPY --from=base / /\n\
    COPY data /data\n\
    RUN cp /data /again && sleep 0.02 && rm /data\n\
    FROM one AS two\n\
    RUN --mount=type=cache,target=/c --mount=type=bind,from=one,target=/m cat /m/again > /c/f\n\
    WORKDIR /w\n\
    FROM one\n\
    ADD x.tar /x\n\
    COPY --from=two /again /third\n";

fn lines(file: &str, word: &str) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines()
        .filter(|line| line.contains(word))
        .map(str::to_owned)
        .collect()
}

/// Processes that have the store open, or were told of it.
fn processes(word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        if pid.parse::<u32>().is_err() || pid == std::process::id().to_string() {
            continue;
        }
        let told = |file: &str| {
            let bytes = fs::read(entry.path().join(file)).unwrap_or_default();
            String::from_utf8_lossy(&bytes).contains(word)
        };
        if told("cmdline") || told("environ") || told("mountinfo") {
            found.push(pid);
        }
    }
    found
}

#[test]
fn killed_builds_leave_nothing() {
    if !is_possible() {
        return;
    }
    let kills: u32 = std::env::var("MBOPT_KILLS")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(12);
    let place = Place::new();
    place.prepare("head -c 3000000 /dev/urandom > data; tar -cf x.tar data");
    let word = place.folder.path().display().to_string();
    let whole = place.build(DOCKERFILE, &["--no-cache"]);
    assert_eq!(whole.code, Some(0), "{}", whole.text);
    let began = std::time::Instant::now();
    let again = place.build(DOCKERFILE, &["--no-cache"]);
    assert_eq!(again.code, Some(0), "{}", again.text);
    let length = began.elapsed();
    let mut state = 0x2545_F491_u64 ^ u64::from(std::process::id());
    for number in 0..kills {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let wait = length.mul_f64((state >> 40) as f64 / (1 << 24) as f64);
        let mut command = place.command(DOCKERFILE, &["--no-cache"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        sleep(wait);
        // Every third by Ctrl-C, which a build answers itself.
        let polite = number % 3 == 2;
        if polite {
            let pid = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        } else {
            child.kill().unwrap();
        }
        let status = child.wait().unwrap();
        if polite {
            // Before the program listens to it.
            let early = std::os::unix::process::ExitStatusExt::signal(&status) == Some(2);
            assert!(
                matches!(status.code(), Some(0 | 130)) || early,
                "Ctrl-C after {wait:?} ended with {status:?}"
            );
        }
        // The kernel ends a namespace's processes with its first one, in its own time.
        let mut left = processes(&word);
        for _ in 0..100 {
            if left.is_empty() {
                break;
            }
            sleep(Duration::from_millis(20));
            left = processes(&word);
        }
        assert!(left.is_empty(), "after {wait:?} there are the processes {left:?}");
        let mounts = lines("/proc/self/mountinfo", &word);
        assert!(mounts.is_empty(), "after {wait:?} there are the mounts {mounts:?}");
    }
    // What is there is whole: a build from the cache, and one of everything again.
    for more in [&[][..], &["--no-cache"]] {
        let said = place.build(DOCKERFILE, more);
        assert_eq!(said.code, Some(0), "{}", said.text);
    }
    let to = format!("oci:{}", place.at("layout").display());
    let said = place.build(DOCKERFILE, &["-o", &to]);
    assert_eq!(said.code, Some(0), "{}", said.text);
    place.is_untouched().unwrap();
}

#[test]
fn a_full_disk_is_said_and_left_clean() {
    if !is_possible() {
        return;
    }
    let place = Place::new();
    place.prepare("head -c 40000000 /dev/urandom > data");
    // A file system of its own, in a mount namespace of its own.
    let script = "mount -t tmpfs -o size=60m tmpfs \"$XDG_CACHE_HOME\" || exit 77\n\
        \"$@\"; code=$?\n\
        echo \"left: $(find \"$XDG_CACHE_HOME\"/mbopt/store*/tmp -mindepth 1 -maxdepth 1 -type d | wc -l)\"\n\
        exit $code";
    for lines in ["COPY data /a\nCOPY data /b\n", "COPY data /a\nRUN cp /a /b\n"] {
        let inner = place.command(&format!("FROM scratch\nCOPY --from=base / /\n{lines}"), &[]);
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(inner.get_program())
            .args(inner.get_args());
        for (name, value) in inner.get_envs() {
            command.env(name, value.unwrap());
        }
        let done = command.output().unwrap();
        if done.status.code() == Some(77) {
            eprintln!("skipped: a tmpfs cannot be mounted here");
            return;
        }
        let text = String::from_utf8_lossy(&done.stderr).into_owned() + &String::from_utf8_lossy(&done.stdout);
        assert!(matches!(done.status.code(), Some(1 | 2)), "{text}");
        assert!(text.to_lowercase().contains("no space left"), "{text}");
        assert!(text.contains("left: 0"), "{text}");
    }
}
