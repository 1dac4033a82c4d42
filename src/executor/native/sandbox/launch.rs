//! The last steps of a sandboxed process before its program: into its root, out of its rights.

use super::failure::During;
use super::process;
use super::root;
use super::spec::{SandboxNetwork, User};
use super::user::{Identity, identify};
use super::wire::{Failure, FailureKind};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};
use rustix::process::{Gid, Resource, Rlimit, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets, ThreadNameSpaceType, UnshareFlags};
use std::ffi::CStr;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What is executed, and as whom.
pub(super) struct Program<'a> {
    pub args: &'a [String],
    pub env: &'a [(String, String)],
    pub cwd: &'a str,
    pub user: &'a User,
    pub network: SandboxNetwork,
    pub processes: Option<u64>,
}

/// Parts of `/proc` and `/sys` that tell about, or change, the machine: those that Docker hides.
const HIDDEN: &[&CStr] = &[
    c"/proc/acpi",
    c"/proc/asound",
    c"/proc/interrupts",
    c"/proc/kcore",
    c"/proc/keys",
    c"/proc/latency_stats",
    c"/proc/sched_debug",
    c"/proc/scsi",
    c"/proc/timer_list",
    c"/proc/timer_stats",
    c"/sys/devices/virtual/powercap",
    c"/sys/firmware",
];

/// Parts of `/proc` that may be read only.
const READ_ONLY: &[&CStr] = &[
    c"/proc/bus",
    c"/proc/fs",
    c"/proc/irq",
    c"/proc/sys",
    c"/proc/sysrq-trigger",
];

/// The capabilities that Docker gives by default. On the host's network NET_RAW is not among them: it
/// would let a RUN listen to the whole machine, which Docker's bridge does not.
fn capabilities(network: SandboxNetwork) -> CapabilitySet {
    let always = CapabilitySet::CHOWN
        | CapabilitySet::DAC_OVERRIDE
        | CapabilitySet::FSETID
        | CapabilitySet::FOWNER
        | CapabilitySet::MKNOD
        | CapabilitySet::SETGID
        | CapabilitySet::SETUID
        | CapabilitySet::SETFCAP
        | CapabilitySet::SETPCAP
        | CapabilitySet::NET_BIND_SERVICE
        | CapabilitySet::SYS_CHROOT
        | CapabilitySet::KILL
        | CapabilitySet::AUDIT_WRITE;
    match network {
        SandboxNetwork::Host => always,
        SandboxNetwork::Loopback => always | CapabilitySet::NET_RAW,
    }
}

/// Makes the sandbox' root the only one that this process has, in a mount namespace of its own: around
/// it there is nothing to break out to.
pub(super) fn enter() -> Result<(), Failure> {
    process::unshare(UnshareFlags::NEWNS).during("make the inner mount namespace")?;
    // While the host's own is still in sight: without root the kernel wants to see that nothing of
    // it is hidden from us.
    root::mount_proc()?;
    rustix::process::chdir(root::ROOT).during("enter the root")?;
    rustix::process::pivot_root(".", ".").during("enter the root")?;
    rustix::mount::unmount(".", UnmountFlags::DETACH).during("leave the host's root")?;
    rustix::process::chdir("/").during("enter the root")
}

/// Joins the namespaces of mounts of a process that has entered.
pub(super) fn follow(first: &OwnedFd) -> Result<(), Failure> {
    rustix::thread::move_into_thread_name_spaces(first.as_fd(), ThreadNameSpaceType::MOUNT)
        .during("enter the running container")
}

/// Covers what [`HIDDEN`] names, protects what [`READ_ONLY`] names. Inside of `/proc` and `/sys` there
/// is nothing of the image's, so paths are safe here.
pub(super) fn hide() -> Result<(), Failure> {
    for path in HIDDEN {
        let Ok(stat) = rustix::fs::stat(*path) else {
            continue;
        };
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RDONLY;
        let done = if rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory {
            rustix::mount::mount("tmpfs", *path, "tmpfs", flags, c"size=0,mode=0555")
        } else {
            rustix::mount::mount_bind(c"/dev/null", *path)
        };
        done.during(format!("cover {}", path.to_string_lossy()))?;
    }
    for path in READ_ONLY {
        match rustix::mount::mount_bind_recursive(*path, *path) {
            Err(Errno::NOENT) => continue,
            other => other.during(format!("protect {}", path.to_string_lossy()))?,
        }
        let flags = MountFlags::BIND | MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        rustix::mount::mount_remount(*path, flags, c"").during(format!("protect {}", path.to_string_lossy()))?;
    }
    Ok(())
}

/// Takes the working directory, the user and no more rights than that user has in a container.
pub(super) fn become_user(program: &Program<'_>) -> Result<(), Failure> {
    let identity = who(program.user)?;
    rustix::process::umask(Mode::from_raw_mode(0o022));
    fs::create_dir_all(program.cwd).asked(format!("make the working directory {}", program.cwd))?;
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // A core file would end up in a layer.
    let _ = rustix::process::setrlimit(Resource::Core, none);
    // Without root there are no control groups, but this limit counts within the user namespace.
    if let Some(most) = program.processes.filter(|_| root::in_user_namespace()) {
        let most = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        rustix::process::setrlimit(Resource::Nproc, most).during("limit the processes")?;
    }
    if program.network == SandboxNetwork::Host {
        super::landlock::restrict();
    }
    super::seccomp::install().during("filter system calls")?;
    rights(&identity, capabilities(program.network))?;
    // As the user: a directory that is closed to it must not be entered with root's rights.
    rustix::process::chdir(program.cwd).asked(format!("enter the working directory {}", program.cwd))?;
    match rustix::process::getcwd(Vec::new()) {
        // The kernel says `(unreachable)` of a directory outside of the root.
        Ok(path) if path.as_bytes().starts_with(b"/") => Ok(()),
        _ => Err(Errno::XDEV).asked(format!(
            "stay inside of the root in the working directory {}",
            program.cwd
        )),
    }
}

fn who(user: &User) -> Result<Identity, Failure> {
    match user {
        User::Ids { uid, gid, groups } => Ok(Identity {
            uid: *uid,
            gid: *gid,
            groups: groups.clone(),
            home: None,
        }),
        User::Named(name) => {
            let (passwd, group) = (small_file("/etc/passwd"), small_file("/etc/group"));
            identify(name, &passwd, &group).map_err(|what| Failure {
                kind: FailureKind::Instruction,
                what,
                errno: 0,
            })
        }
    }
}

/// A regular file of the image, as far as one is read that may be anything; empty where there is none.
fn small_file(path: &str) -> String {
    // A named pipe must not be waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mut bytes = Vec::new();
    if let Ok(file) = rustix::fs::open(path, flags, Mode::empty()) {
        let _ = fs::File::from(file).take(16 << 20).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn rights(identity: &Identity, allowed: CapabilitySet) -> Result<(), Failure> {
    let last = fs::read_to_string("/proc/sys/kernel/cap_last_cap")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    for number in 0..=last.unwrap_or(40_u32) {
        let one = CapabilitySet::from_bits_retain(1 << number);
        if !allowed.contains(one) {
            rustix::thread::remove_capability_from_bounding_set(one).during("drop a capability")?;
        }
    }
    let groups: Vec<Gid> = identity.groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    rustix::thread::set_thread_groups(&groups).during("set the groups")?;
    rustix::thread::set_thread_res_gid(gid, gid, gid).asked(format!("become group {}", identity.gid))?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).asked(format!("become user {}", identity.uid))?;
    // The kernel has taken a user's capabilities with the user; root keeps those allowed.
    let held = if uid.is_root() { allowed } else { CapabilitySet::empty() };
    let sets = CapabilitySets {
        effective: held,
        permitted: held,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, sets).during("drop capabilities")
}

/// Executes the program; comes back only with the reason why not.
pub(super) fn execute(program: &Program<'_>) -> Failure {
    let mut args = program.args.iter();
    let name = args.next().cloned().unwrap_or_default();
    let mut command = Command::new(&name);
    command
        .args(args)
        .env_clear()
        .envs(program.env.iter().map(|(name, value)| (name, value)));
    if !program.env.iter().any(|(name, _)| name == "HOME") {
        command.env("HOME", home());
    }
    let error = command.exec();
    Failure {
        kind: FailureKind::Program,
        what: name,
        errno: error.raw_os_error().unwrap_or(0),
    }
}

/// The home directory of the user that this process is, as runc finds it.
fn home() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let passwd = small_file("/etc/passwd");
    identify(&uid, &passwd, "")
        .ok()
        .and_then(|identity| identity.home)
        .unwrap_or_else(|| "/".to_owned())
}
