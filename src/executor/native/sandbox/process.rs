//! The few calls on processes that have no safe form.

use rustix::fd::{AsFd, FromRawFd, IntoRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitOptions, WaitStatus};
use rustix::thread::UnshareFlags;
use std::io;

use super::spec::ExitStatus;

/// The two sides of a [`fork`].
pub(in crate::executor::native) enum Side {
    Parent(Child),
    Child,
}

/// A process of ours that was not waited for yet.
pub(in crate::executor::native) struct Child {
    pub pid: Pid,
    /// Readable when it ended.
    pub handle: OwnedFd,
}

/// Doubles this process.
pub(in crate::executor::native) fn fork() -> Result<Side, Errno> {
    // SAFETY: the sandbox' own processes have one thread each, so the child finds every lock free
    // and may go on as any program.
    match unsafe { libc::fork() } {
        0 => Ok(Side::Child),
        raw => {
            let pid = Pid::from_raw(raw).filter(|_| raw > 0).ok_or(Errno::AGAIN)?;
            let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
            Ok(Side::Parent(Child { pid, handle }))
        }
    }
}

/// Leaves namespaces for new ones.
pub(in crate::executor::native) fn unshare(flags: UnshareFlags) -> Result<(), Errno> {
    // SAFETY: the file descriptor table is not among what callers here unshare.
    unsafe { rustix::thread::unshare_unsafe(flags) }
}

impl Child {
    /// How it ended; waits for it.
    pub(in crate::executor::native) fn wait(&self) -> Result<ExitStatus, Errno> {
        loop {
            match rustix::process::waitpid(Some(self.pid), WaitOptions::empty()) {
                Err(Errno::INTR) | Ok(None) => {}
                Ok(Some((_, status))) => return Ok(exit_status(status)),
                Err(errno) => return Err(errno),
            }
        }
    }

    pub(in crate::executor::native) fn signal(&self, signal: i32) {
        // SAFETY: sends a signal to a child that was not waited for yet, so the number is still its own.
        unsafe { libc::kill(self.pid.as_raw_nonzero().get(), signal) };
    }
}

fn exit_status(status: WaitStatus) -> ExitStatus {
    match status.terminating_signal() {
        Some(signal) => ExitStatus::Signal(signal),
        None => ExitStatus::Code(status.exit_status().unwrap_or(0)),
    }
}

/// Closes every file descriptor from 3 on: none that the builder, or whoever started it, forgot to
/// mark as its own may reach a sandboxed process.
pub(in crate::executor::native) fn close_strangers() {
    close_from(3);
}

/// Closes every file descriptor from 3 on but this one, which becomes 3. Only for a process that goes on
/// to execute or to [`exit`]: values that own the others must not be dropped afterwards.
pub(in crate::executor::native) fn keep_only(kept: OwnedFd) -> OwnedFd {
    let raw = kept.into_raw_fd();
    if raw != 3 {
        // SAFETY: both are numbers; whatever had this one is not used again.
        if unsafe { libc::dup3(raw, 3, libc::O_CLOEXEC) } != 3 {
            exit(127);
        }
    }
    close_from(4);
    // SAFETY: open, and nobody else's any more.
    unsafe { OwnedFd::from_raw_fd(3) }
}

fn close_from(first: i32) {
    // SAFETY: callers promise that nothing uses these any more.
    let closed = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    if closed == 0 {
        return;
    }
    // Before Linux 5.9.
    let open: Vec<i32> = std::fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor >= first) {
        // SAFETY: as above; one that is closed already is no harm.
        unsafe { libc::close(descriptor) };
    }
}

/// Ends this process at once; nothing is flushed or dropped.
pub(in crate::executor::native) fn exit(code: i32) -> ! {
    // SAFETY: does not return.
    unsafe { libc::_exit(code) }
}

/// Brings up the loopback of the network namespace that this process is in.
pub(in crate::executor::native) fn loopback_up() -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let socket = rustix::net::socket_with(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::DGRAM,
        rustix::net::SocketFlags::CLOEXEC,
        None,
    )?;
    // SAFETY: a request is plain data, for which zeros are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request lives longer than the call and is of the type that this one takes.
    let done = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
