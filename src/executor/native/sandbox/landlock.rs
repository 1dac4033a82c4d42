//! Keeps a process on the host's network from the host's abstract Unix sockets.
//!
//! Those have names instead of files (a desktop's bus, a container daemon's shim), so no root
//! filesystem hides them; only a network namespace does, or Landlock from Linux 6.12 on. Where it is
//! missing the process runs without, as it does under BuildKit.

use rustix::fd::{AsRawFd, FromRawFd, OwnedFd};

/// `struct landlock_ruleset_attr`.
#[repr(C)]
struct Ruleset {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

/// `LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET`.
const ABSTRACT_SOCKETS: u64 = 1;

/// `LANDLOCK_CREATE_RULESET_VERSION`.
const VERSION: u32 = 1;

/// The version that knows scopes.
const SCOPES: libc::c_long = 6;

/// Restricts this process and all it will start. Needs CAP_SYS_ADMIN.
pub(super) fn restrict() {
    // SAFETY: asks for a number; no memory is passed.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<Ruleset>(),
            0,
            VERSION,
        )
    };
    if version < SCOPES {
        return;
    }
    let ruleset = Ruleset {
        handled_access_fs: 0,
        handled_access_net: 0,
        scoped: ABSTRACT_SOCKETS,
    };
    // SAFETY: the kernel reads a structure of this size, which lives longer than the call.
    let made = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            &raw const ruleset,
            size_of::<Ruleset>(),
            0,
        )
    };
    let Some(made) = i32::try_from(made).ok().filter(|made| *made >= 0) else {
        return;
    };
    // SAFETY: the kernel has just made it, for us alone.
    let made = unsafe { OwnedFd::from_raw_fd(made) };
    // SAFETY: passes a descriptor that is open.
    unsafe { libc::syscall(libc::SYS_landlock_restrict_self, made.as_raw_fd(), 0) };
}
