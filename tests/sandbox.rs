//! The bundled engine's sandbox, for real: processes are run in a root made of this machine's own
//! shell and libraries. As root, or in a user namespace where those are allowed.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod host_root;

use mbopt::executor::native::sandbox::{ExitStatus, RunError, RunSpec, Sandbox};
use mbopt::executor::native::snapshot::Snapshot;
use mbopt::executor::{Cancel, Stream};
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;

/// Made once; tests only read it.
static BASE: LazyLock<TempDir> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    host_root::make(directory.path(), &[]);
    directory
});

struct Ran {
    status: Result<ExitStatus, RunError>,
    out: String,
    err: String,
    snapshot: Snapshot,
    _directory: TempDir,
}

impl Ran {
    fn code(&self) -> i32 {
        self.status.as_ref().unwrap_or_else(|error| panic!("{error}")).code()
    }

    fn changed(&self, path: &str) -> PathBuf {
        self.snapshot.upper().join(path)
    }
}

fn sandbox() -> Sandbox {
    Sandbox::with_program(env!("CARGO_BIN_EXE_mbopt"))
}

fn run_with(args: &[&str], change: impl FnOnce(&mut RunSpec)) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let snapshot = Snapshot::create(directory.path().join("s"), vec![BASE.path().to_owned()]).unwrap();
    let mut spec = RunSpec::new(snapshot.root(), args);
    change(&mut spec);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = |stream: Stream, bytes: &[u8]| match stream {
        Stream::Stdout => out.extend_from_slice(bytes),
        Stream::Stderr => err.extend_from_slice(bytes),
    };
    let status = sandbox().run(&spec, &mut output, &Cancel::new());
    Ran {
        status,
        out: String::from_utf8_lossy(&out).into_owned(),
        err: String::from_utf8_lossy(&err).into_owned(),
        snapshot,
        _directory: directory,
    }
}

fn sh(script: &str) -> Ran {
    run_with(&["/bin/sh", "-c", script], |_| {})
}

#[test]
fn a_command_really_runs() {
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
}

#[test]
fn ends_are_told_as_they_are() {
    assert_eq!(sh("exit 255").code(), 255);
    assert_eq!(sh("(exit 3)").code(), 3);
    // As in a container, the first process ignores signals that it has no handler for.
    assert_eq!(sh("kill -9 $$; kill -TERM $$; exit 5").code(), 5);
    // `kill 0` reaches its own group, and nobody outside of the sandbox.
    assert_eq!(sh("kill -9 0; kill -9 -1; exit 6").code(), 6);
    assert_eq!(sh("/bin/sh -c 'kill -9 $$'").code(), 137);
}
