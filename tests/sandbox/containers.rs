//! Containers: processes that go on while they are looked at.

use super::{BASE, sandbox};
use mbopt::executor::Container as _;
use mbopt::executor::Error;
use mbopt::executor::native::container::Container;
use mbopt::executor::native::sandbox::{RunSpec, SandboxNetwork};
use mbopt::executor::native::snapshot::Snapshot;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

fn container(script: &str, stop_signal: Option<&str>) -> (Container, TempDir) {
    of(&["/bin/sh", "-c", script], stop_signal)
}

fn of(args: &[&str], stop_signal: Option<&str>) -> (Container, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let snapshot = Snapshot::create(directory.path().join("s"), vec![BASE.clone()]).unwrap();
    let mut spec = RunSpec::new(snapshot.root(), args);
    spec.network = SandboxNetwork::Loopback;
    let container = Container::new(sandbox(), spec, snapshot, stop_signal).unwrap();
    (container, directory)
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

fn wait_for(container: &Container, text: &str) {
    for _ in 0..500 {
        if String::from_utf8_lossy(&container.logs().unwrap().stdout).contains(text) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("{text} never came: {:?}", container.logs());
}

const SOON: Duration = Duration::from_secs(20);

#[test]
fn one_ends_by_itself() {
    if super::unprivileged() {
        return;
    }
    let (mut container, _directory) = container("echo out; echo err >&2; exit 3", None);
    container.start().unwrap();
    assert_eq!(container.wait(SOON).unwrap().unwrap().code, 3);
    let logs = container.logs().unwrap();
    assert_eq!(
        (logs.stdout.as_slice(), logs.stderr.as_slice()),
        (&b"out\n"[..], &b"err\n"[..])
    );
    assert_eq!(container.pid(), None);
}

#[test]
fn one_runs_on_and_more_is_run_in_it() {
    if super::unprivileged() {
        return;
    }
    let (mut container, directory) = container("echo $$ > /marker; echo up; exec sleep 1000", None);
    container.start().unwrap();
    wait_for(&container, "up");
    assert_eq!(container.wait(Duration::from_millis(50)).unwrap(), None);
    let pid = container.pid().unwrap();
    assert!(Path::new(&format!("/proc/{pid}/root/marker")).exists());
    let output = container.exec(&words("cat /marker /no-such"), SOON).unwrap();
    assert_eq!((output.code, output.stdout.as_slice()), (1, &b"1\n"[..]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/no-such"));
    assert_eq!(container.exec(&words("no-such-program"), SOON).unwrap().code, 127);
    // It is inside: it sees the first process, and none of this machine's.
    let output = container.exec(&words("ls /proc"), SOON).unwrap();
    let seen = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter(|name| name.parse::<u32>().is_ok())
        .count();
    assert_eq!(seen, 2);
    let error = container
        .exec(&words("sleep 98763"), Duration::from_millis(200))
        .unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
    std::thread::sleep(Duration::from_millis(200));
    assert!(!super::limits::is_running("98763"));
    drop(container);
    assert!(!Path::new(&format!("/proc/{pid}")).exists());
    assert!(!directory.path().join("s").exists());
}

#[test]
fn stopping_is_as_dockers() {
    if super::unprivileged() {
        return;
    }
    let (mut one, _directory) = container(
        "trap 'echo bye; exit 9' TERM; echo up; while :; do sleep 0.05; done",
        None,
    );
    one.start().unwrap();
    wait_for(&one, "up");
    let stopped = one.stop(SOON).unwrap();
    assert_eq!((stopped.code, stopped.killed), (9, false));
    // A first process without a handler does not hear the signal.
    let (mut two, _directory) = of(&["sleep", "1000"], None);
    two.start().unwrap();
    let stopped = two.stop(Duration::from_millis(300)).unwrap();
    assert_eq!((stopped.code, stopped.killed), (137, true));
    assert!(stopped.millis >= 300);
    let (mut three, _directory) = container(
        "trap 'exit 4' QUIT; echo up; while :; do sleep 0.05; done",
        Some("SIGQUIT"),
    );
    three.start().unwrap();
    wait_for(&three, "up");
    assert_eq!(three.stop(SOON).unwrap().code, 4);
}

#[test]
fn what_cannot_start_says_so() {
    if super::unprivileged() {
        return;
    }
    let (mut container, _directory) = of(&["/no/such"], None);
    let error = container.start().unwrap_err().to_string();
    assert!(error.contains("/no/such"), "{error}");
    assert!(
        Container::new(
            sandbox(),
            RunSpec::new(container_root(), &["x"]),
            snapshot(),
            Some("NOPE")
        )
        .is_err()
    );
}

fn snapshot() -> Snapshot {
    let directory = tempfile::tempdir().unwrap();
    Snapshot::create(directory.path().join("s"), Vec::new()).unwrap()
}

fn container_root() -> mbopt::executor::native::sandbox::Root {
    snapshot().root()
}

#[test]
fn its_ports_are_reached_from_outside() {
    if super::unprivileged() {
        return;
    }
    let (mut container, _directory) = of(
        &[
            "/bin/test-program",
            "--exact",
            "inside::serve",
            "--ignored",
            "--nocapture",
        ],
        None,
    );
    container.start().unwrap();
    wait_for(&container, "serving");
    let ports = container.listening().unwrap();
    assert_eq!(ports.into_iter().collect::<Vec<_>>(), [8080]);
    let mut stream = match container.dial(8080, Duration::from_secs(5)) {
        Ok(stream) => stream,
        Err(error) => panic!("{error}"),
    };
    std::io::Write::write_all(&mut stream, b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.ends_with("hello"), "{answer}");
    assert!(container.dial(8081, Duration::from_secs(5)).is_err());
    // Nobody else of this machine reaches it.
    assert!(
        std::net::TcpStream::connect("127.0.0.1:8080").is_err()
            || std::net::TcpListener::bind("127.0.0.1:8080").is_err()
    );
}
