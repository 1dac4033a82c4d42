//! The bundled engine's sandbox, for real: processes are run in a root made of this machine's own
//! shell and libraries. As root, or in a user namespace where those are allowed.

#![cfg(target_os = "linux")]
#![allow(unsafe_code)] // System calls that no safe function makes, to see them refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../host_root/mod.rs"]
mod host_root;

mod containers;
mod copies;
mod escapes;
mod inside;
mod kills;
mod limits;
mod mounts;
mod rootless;
mod runs;

use mbopt::executor::native::sandbox::{ExitStatus, RunError, RunSpec, Sandbox};
use mbopt::executor::native::snapshot::Snapshot;
use mbopt::executor::{Cancel, Stream};
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;

/// Made once; tests only read it. It has this very test program as `/bin/test-program`, which makes
/// the system calls that no shell makes.
static BASE: LazyLock<PathBuf> = LazyLock::new(|| {
    let directory = base_directory();
    let program = directory.join("test-program");
    std::fs::create_dir_all(directory.join("root")).unwrap();
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    host_root::make(&directory.join("root"), &[&program]);
    // SAFETY: the function takes nothing and lives as long as the program.
    unsafe { libc::atexit(remove_base) };
    directory.join("root")
});

fn base_directory() -> PathBuf {
    std::env::temp_dir().join(format!("mbopt-test-root-{}", std::process::id()))
}

/// A static is never dropped.
extern "C" fn remove_base() {
    let _ = std::fs::remove_dir_all(base_directory());
}

/// What came of a run.
struct Ran {
    status: Result<ExitStatus, RunError>,
    out: String,
    err: String,
    snapshot: Snapshot,
    _directory: TempDir,
}

impl Ran {
    fn code(&self) -> i32 {
        self.status
            .as_ref()
            .unwrap_or_else(|error| panic!("{error}: {:?}", error.help()))
            .code()
    }

    /// A changed file, as the next layer has it.
    fn changed(&self, path: &str) -> PathBuf {
        self.snapshot.upper().join(path)
    }
}

/// The program that becomes the sandbox. Continuous integration runs these tests as a user who may not
/// see where it was built, and gives a copy.
fn mbopt() -> PathBuf {
    std::env::var_os("MBOPT_TEST_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_mbopt").into(), PathBuf::from)
}

fn sandbox() -> Sandbox {
    Sandbox::with_program(mbopt())
}

fn run_with(args: &[&str], change: impl FnOnce(&mut RunSpec)) -> Ran {
    run_under(args, &Cancel::new(), change)
}

fn run_under(args: &[&str], cancel: &Cancel, change: impl FnOnce(&mut RunSpec)) -> Ran {
    let directory = tempfile::tempdir().unwrap();
    let snapshot = Snapshot::create(directory.path().join("s"), vec![BASE.clone()]).unwrap();
    run_in(snapshot, directory, args, cancel, change)
}

fn run_in(
    snapshot: Snapshot,
    directory: TempDir,
    args: &[&str],
    cancel: &Cancel,
    change: impl FnOnce(&mut RunSpec),
) -> Ran {
    let mut spec = RunSpec::new(snapshot.root(), args);
    change(&mut spec);
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = |stream: Stream, bytes: &[u8]| match stream {
        Stream::Stdout => out.extend_from_slice(bytes),
        Stream::Stderr => err.extend_from_slice(bytes),
    };
    let status = sandbox().run(&spec, &mut output, cancel);
    Ran {
        status,
        out: String::from_utf8_lossy(&out).into_owned(),
        err: String::from_utf8_lossy(&err).into_owned(),
        snapshot,
        _directory: directory,
    }
}

fn sh(script: &str) -> Ran {
    sh_with(script, |_| {})
}

fn sh_with(script: &str, change: impl FnOnce(&mut RunSpec)) -> Ran {
    run_with(&["/bin/sh", "-c", script], change)
}

/// Without root every test is run by `rootless::all_of_it_without_root` instead, inside of a user
/// namespace.
fn unprivileged() -> bool {
    !mbopt::executor::native::userns::privileged()
}

/// Inside of a user namespace: the kernel refuses device nodes there, and control groups.
fn rootless() -> bool {
    std::env::var_os("MBOPT_USER_NAMESPACE").is_some()
}
