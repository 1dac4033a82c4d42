//! Runs a process in a root filesystem of its own, out of reach of the machine.
//!
//! # How
//! The builder runs this very program again, with one hidden argument ([`entered`]). That process has
//! one thread, so it may do what a threaded builder must not: unshare namespaces and fork. It
//! - closes every file descriptor it was not meant to have, and hides itself from ptrace and `/proc`;
//! - makes a process id namespace and forks the *holder* (`holder`), which dies with it;
//! - the holder makes mount, IPC, UTS (and, for `--network=none`, network) namespaces, and mounts the
//!   root (`root`) on a tmpfs;
//! - the first process is forked into a second process id namespace, where it is pid 1 as in any
//!   container, leaves the host's files for good, and gives up its rights (`launch`) before it
//!   executes the program.
//!
//! All mounts are private to the holder's namespace: nothing can be left behind by a kill, because
//! there is nothing that the host sees. Killing the builder closes the socket that the holder
//! listens to; killing the process in between kills the holder by its death signal; killing the
//! holder makes the kernel kill both namespaces.
//!
//! # Why not a library
//! youki's `libcontainer` is a runtime for bundles on disk with state directories, cgroup managers and
//! checkpoints; without any of its features it still brings some eighty crates, and one `RUN` would
//! write a bundle, a state and a notify socket. hakoniwa is LGPL and links libseccomp, which
//! rules out a static program under our licences. A builder needs a dozen system calls in the right
//! order. `rustix` gives those safely and `seccompiler` writes the filter; both are pure Rust, MIT or
//! Apache licensed, and link statically with musl. What remains `unsafe` is in `process`, and in
//! a system call each of `root`, `seccomp` and `landlock` that no crate offers.
//!
//! # What a process is kept from
//! - Files: it sees its root and its mounts, and no device beyond `null`, `zero`, `full`, `random`,
//!   `urandom`, `tty` and its own terminals. Everything else is `nodev`, so CAP_MKNOD (which
//!   packages need) opens nothing.
//! - Rights: Docker's default capabilities; on the host's network without NET_RAW. See `launch`.
//! - System calls: those that Docker's profile leaves out. See `seccomp`.
//! - `/proc` and `/sys`: what Docker hides or protects.
//! - The host's abstract Unix sockets, where the kernel has Landlock's scopes. See `landlock`.
//!
//! Not kept from: the services of the host's network, unless it is given none. A 32-bit program can
//! ask for a VSOCK socket through `socketcall`, whose arguments no filter can see.
//!
//! Needs Linux 5.8; rootless builds need 5.11.

mod advice;
mod error;
mod failure;
mod holder;
mod landlock;
mod launch;
mod place;
pub(super) mod process;
mod root;
mod seccomp;
mod spec;
mod start;
mod user;
mod wire;

pub use advice::not_allowed;
pub use error::RunError;
pub use spec::{ExitStatus, MountKind, MountSpec, Root, RunLimits, RunSpec, SandboxNetwork, User};
pub use start::Sandbox;
pub use user::{Identity, identify};

pub(super) use start::{News, Running, changes};
pub(super) use wire::{Exec, Report, Request};

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

/// The hidden argument.
const ARGUMENT: &str = "--mbopt-sandbox";

/// Whether [`entered`] was called, so that this program can be started again.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Whether this program, started again with a hidden argument, knows what to do.
pub(super) fn restartable() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// To be called by `main` before anything else, while the process has one thread: does a sandbox'
/// work where this process was started for it. The exit code to end with in that case.
pub fn entered() -> Option<ExitCode> {
    ASKED.store(true, Ordering::Relaxed);
    let argument = std::env::args_os().nth(1)?;
    if argument == ARGUMENT {
        Some(holder::main())
    } else if argument == super::userns::ARGUMENT {
        Some(super::userns::main())
    } else {
        None
    }
}
