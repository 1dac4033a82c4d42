//! Ways out of the sandbox: every one is refused.

use super::{Ran, run_with};
use mbopt::executor::native::sandbox::{MountKind, MountSpec, SandboxNetwork, User};
use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Landlock with scopes is in this kernel.
fn scopes() -> bool {
    // SAFETY: asks for a version; no memory is passed.
    (unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1) }) >= 6
}

fn attempts(network: SandboxNetwork, user: &str) -> (Ran, Vec<String>) {
    let outside = tempfile::tempdir().unwrap();
    let marker = outside.path().join("marker");
    fs::write(&marker, "of the host").unwrap();
    let cache = tempfile::tempdir().unwrap();
    let name = format!("mbopt-test-{}-{user}-{network:?}", std::process::id());
    let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    // A careless program may have left a descriptor that its children inherit.
    let path = std::ffi::CString::new(marker.to_str().unwrap()).unwrap();
    // SAFETY: the path lives longer than the call.
    let leaked = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY) };
    let key = 0x6d62_0000 + std::process::id() as i32 % 60_000;
    // SAFETY: no memory is passed.
    let segment = unsafe { libc::shmget(key, 4096, libc::IPC_CREAT | 0o666) };
    let ran = run_with(
        &[
            "/bin/test-program",
            "--exact",
            "inside::escape",
            "--ignored",
            "--nocapture",
        ],
        |spec| {
            let mut about = |name: &str, value: String| spec.env.push((name.into(), value));
            about("MBOPT_MARKER", marker.display().to_string());
            about("MBOPT_DEVICE", fs::metadata(&marker).unwrap().dev().to_string());
            about("MBOPT_PID", std::process::id().to_string());
            about("MBOPT_KEY", key.to_string());
            about("MBOPT_SOCKET", name.clone());
            about(
                "MBOPT_NETWORK",
                if network == SandboxNetwork::Host {
                    "host"
                } else {
                    "none"
                }
                .into(),
            );
            spec.network = network;
            spec.user = User::Named(user.to_owned());
            spec.mounts = vec![MountSpec {
                target: "/cache".into(),
                kind: MountKind::Bind {
                    source: cache.path().into(),
                    subpath: String::new(),
                    readonly: false,
                },
            }];
        },
    );
    // SAFETY: what was made above.
    unsafe {
        libc::close(leaked);
        libc::shmctl(segment, libc::IPC_RMID, std::ptr::null_mut());
    }
    let lines = ran
        .out
        .lines()
        .filter(|line| line.starts_with("ATTEMPT "))
        .map(str::to_owned)
        .collect();
    (ran, lines)
}

fn all_are_refused(network: SandboxNetwork, user: &str) {
    let (ran, lines) = attempts(network, user);
    assert!(
        ran.out.contains("ATTEMPTS END"),
        "{:?} {} {}",
        ran.status,
        ran.out,
        ran.err
    );
    assert!(lines.len() >= 60, "only {} attempts", lines.len());
    let escaped: Vec<_> = lines
        .iter()
        .filter(|line| line.contains(": ESCAPED: "))
        .filter(|line| scopes() || network != SandboxNetwork::Host || !line.contains("abstract socket"))
        .collect();
    assert!(escaped.is_empty(), "{escaped:#?}");
    println!("{}\n{} attempts refused", lines.join("\n"), lines.len());
}

#[test]
fn root_does_not_get_out() {
    if super::unprivileged() {
        return;
    }
    all_are_refused(SandboxNetwork::Host, "root");
}

#[test]
fn root_does_not_get_out_of_its_own_network() {
    if super::unprivileged() {
        return;
    }
    all_are_refused(SandboxNetwork::Loopback, "root");
}

#[test]
fn a_user_does_not_get_out() {
    if super::unprivileged() {
        return;
    }
    all_are_refused(SandboxNetwork::Host, "app");
}

#[test]
fn a_working_directory_does_not_lead_out() {
    if super::unprivileged() {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let marker = outside.path().join("marker");
    fs::write(&marker, "of the host").unwrap();
    // By a descriptor of the sandbox' own that is still open when the directory is entered.
    let script = format!(
        "pwd; cat {0}{1}; ls {0}; ls ../../../../../../../..",
        "../".repeat(20),
        &marker.display().to_string()[1..]
    );
    for number in 0..24 {
        for form in ["/proc/self/fd", "/proc/1/fd", "/proc/self/task/1/fd"] {
            let ran = run_with(&["/bin/sh", "-c", &script], |spec| {
                spec.cwd = format!("{form}/{number}")
            });
            assert!(!ran.out.contains("of the host"), "{form}/{number}: {}", ran.out);
            assert!(ran.status.is_err(), "{form}/{number} can be entered: {}", ran.out);
        }
    }
}
