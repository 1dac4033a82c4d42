//! Builds what a sandboxed process sees as its files: the root, `/dev`, `/sys`, the network's
//! configuration, and the mounts that the instruction asks for.
//!
//! All of it happens in a mount namespace that only the sandbox has, on a small tmpfs whose `root`
//! directory becomes the process' `/`. The kernel takes it down when the last process is gone.

use super::failure::During;
use super::place::{self, Missing, Stub, locate};
use super::spec::{MountKind, MountSpec, Root, RunSpec};
use super::wire::{Failure, FailureKind};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags,
};
use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};

const EMPTY: &std::ffi::CStr = c"";

/// Where the sandbox' root is: in the tmpfs that is the holder's working directory.
pub(super) const ROOT: &str = "root";

/// What was mounted, to be taken down again.
pub(super) struct World {
    mountpoint: PathBuf,
    stubs: Vec<Stub>,
}

/// Mounts everything but `/proc`. Afterwards the working directory is a tmpfs with the sandbox' root at
/// [`ROOT`].
pub(super) fn build(spec: &RunSpec) -> Result<World, Failure> {
    let mountpoint = match &spec.root {
        Root::Overlay { mountpoint, .. } | Root::Directory { mountpoint, .. } => mountpoint,
    };
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).during("make the mounts private")?;
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount("tmpfs", mountpoint, "tmpfs", quiet, c"mode=0755,size=64m")
        .during(format!("mount a tmpfs on {}", mountpoint.display()))?;
    rustix::process::chdir(mountpoint).during("enter the tmpfs")?;
    mkdir(ROOT)?;
    match &spec.root {
        Root::Overlay {
            lowers, upper, work, ..
        } => overlay(ROOT, lowers, Some((upper, work)), "")?,
        Root::Directory { path, .. } => {
            let tree = clone(path, "the root")?;
            attach(&tree, &place::handle(ROOT).during("open the root")?, "the root")?;
            restrict(&tree, MountAttrFlags::MOUNT_ATTR_NODEV, false, "the root")?;
        }
    }
    let root = place::handle(ROOT).during("open the root")?;
    let mut stubs = Vec::new();
    devices(&root)?;
    system(&root)?;
    names(spec, &root, &mut stubs)?;
    for (number, mount) in spec.mounts.iter().enumerate() {
        extra(mount, number, &root, &mut stubs)?;
    }
    top(&root, "proc")?;
    Ok(World {
        mountpoint: mountpoint.clone(),
        stubs,
    })
}

impl World {
    /// Takes down what was mounted, and what was made only to mount on it.
    pub(super) fn take_down(mut self) {
        while let Some(stub) = self.stubs.pop() {
            stub.remove();
        }
        // Now, and not when the last process is gone: the builder may use the layer at once.
        let _ = rustix::process::chdir("/");
        let _ = rustix::mount::unmount(self.mountpoint, UnmountFlags::DETACH);
    }
}

fn mkdir(name: &str) -> Result<(), Failure> {
    rustix::fs::mkdirat(CWD, name, Mode::from_raw_mode(0o755)).during(format!("make the directory {name}"))
}

/// Merges layers on the directory `at` of the tmpfs that is the working directory.
///
/// The layers are named by short links in it: the options of `mount` must fit into one page, which
/// a few dozen absolute paths do not, and a link's name needs no escaping.
fn overlay(at: &str, lowers: &[PathBuf], upper: Option<(&PathBuf, &PathBuf)>, prefix: &str) -> Result<(), Failure> {
    let link =
        |to: &Path, name: &str| rustix::fs::symlinkat(to, CWD, name).during(format!("name the layer {}", to.display()));
    let mut options = String::from("lowerdir=");
    // Overlayfs wants the uppermost first.
    for (number, lower) in lowers.iter().rev().enumerate() {
        let name = format!("{prefix}{number}");
        link(lower, &name)?;
        if number > 0 {
            options.push(':');
        }
        options.push_str(&name);
    }
    let missing = match upper {
        Some(_) => usize::from(lowers.is_empty()),
        None => 2_usize.saturating_sub(lowers.len()),
    };
    for number in 0..missing {
        let name = format!("{prefix}e{number}");
        mkdir(&name)?;
        if number > 0 || !lowers.is_empty() {
            options.push(':');
        }
        options.push_str(&name);
    }
    if let Some((upper, work)) = upper {
        let (upper_name, work_name) = (format!("{prefix}u"), format!("{prefix}w"));
        link(upper, &upper_name)?;
        link(work, &work_name)?;
        options.push_str(&format!(",upperdir={upper_name},workdir={work_name}"));
    }
    let mut redirects = "off";
    if !rustix::process::geteuid().is_root() || in_user_namespace() {
        options.push_str(",userxattr");
        // The kernel takes no other word for "no redirects" then.
        redirects = "nofollow";
    }
    // A layer must say by itself what it holds: no redirects, no metadata without data. `volatile`
    // saves waiting for the disk, which whoever keeps the layer does once. Old kernels know less.
    let full = format!("{options},index=off,metacopy=off,redirect_dir={redirects}");
    let fast = format!("{full},volatile");
    let mut last = Errno::INVAL;
    for options in [fast, full, options] {
        let text = CString::new(options)
            .map_err(|_| Errno::INVAL)
            .during("name the layers")?;
        match rustix::mount::mount("overlay", at, "overlay", MountFlags::NODEV, text.as_c_str()) {
            Ok(()) => return Ok(()),
            Err(errno) => last = errno,
        }
        if last != Errno::INVAL {
            break;
        }
    }
    Err(Failure {
        kind: FailureKind::NoOverlay,
        what: format!("merge {} layers by overlayfs", lowers.len()),
        errno: last.raw_os_error(),
    })
}

/// Whether ids here are not the machine's own.
pub(super) fn in_user_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().ne(["0", "0", "4294967295"])
}

/// A detached copy of a mount of the host, with what is mounted below of it.
fn clone(path: &Path, what: &str) -> Result<OwnedFd, Failure> {
    clone_at(CWD, path, what)
}

fn clone_at(directory: BorrowedFd<'_>, path: &Path, what: &str) -> Result<OwnedFd, Failure> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    rustix::mount::open_tree(directory, path, flags).during(format!("take the mount for {what}"))
}

/// A new file system, detached.
fn fresh(kind: &str, options: &[(&str, &str)], flags: MountAttrFlags) -> Result<OwnedFd, Errno> {
    let system = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_set_string(&system, "source", kind)?;
    for (key, value) in options {
        rustix::mount::fsconfig_set_string(&system, *key, *value)?;
    }
    rustix::mount::fsconfig_create(&system)?;
    rustix::mount::fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, flags)
}

fn attach(mount: &OwnedFd, at: &OwnedFd, what: &str) -> Result<(), Failure> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(mount, EMPTY, at, EMPTY, flags).during(format!("mount {what}"))
}

/// Adds restrictions to an attached mount, and with `deep` to those below of it.
fn restrict(mount: &OwnedFd, add: MountAttrFlags, deep: bool, what: &str) -> Result<(), Failure> {
    let attributes = libc::mount_attr {
        attr_set: u64::from(add.bits()),
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if deep { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path and the attributes live longer than the call, and the size is theirs.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            EMPTY.as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if done == 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    if error.raw_os_error() != Some(libc::ENOSYS) {
        return Err(error).during(format!("restrict the mount of {what}"));
    }
    // Before Linux 5.12; what is mounted deeper cannot be reached then.
    let kept = rustix::fs::fstatvfs(mount).map_or(0, |about| about.f_flag.bits() as u32);
    let mut all = MountFlags::BIND | MountFlags::from_bits_retain(kept & 0xf);
    for (attribute, flag) in [
        (MountAttrFlags::MOUNT_ATTR_RDONLY, MountFlags::RDONLY),
        (MountAttrFlags::MOUNT_ATTR_NODEV, MountFlags::NODEV),
        (MountAttrFlags::MOUNT_ATTR_NOSUID, MountFlags::NOSUID),
        (MountAttrFlags::MOUNT_ATTR_NOEXEC, MountFlags::NOEXEC),
    ] {
        if add.contains(attribute) {
            all |= flag;
        }
    }
    rustix::mount::mount_remount(format!("/proc/self/fd/{}", mount.as_raw_fd()), all, EMPTY)
        .during(format!("restrict the mount of {what}"))
}

/// A directory directly below of the root that must not be a link.
fn top(root: &OwnedFd, name: &str) -> Result<OwnedFd, Failure> {
    let open = || {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(root, name, flags, Mode::empty())
    };
    match open() {
        Err(Errno::NOENT) => {
            rustix::fs::mkdirat(root, name, Mode::from_raw_mode(0o755)).during(format!("make /{name}"))?;
            open()
        }
        other => other,
    }
    .asked(format!("open /{name} of the image, which must be a directory"))
}

/// Mounts `/proc`, for the process id namespace that the caller is in.
pub(super) fn mount_proc() -> Result<(), Failure> {
    let flags =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mount = fresh("proc", &[], flags).during("mount /proc")?;
    let root = place::handle(ROOT).during("open the root")?;
    attach(&mount, &top(&root, "proc")?, "/proc")
}

/// The devices that every program may count on. They are the host's own nodes, mounted: everything
/// else in the root is mounted `nodev`, so that a node made inside opens nothing.
fn devices(root: &OwnedFd) -> Result<(), Failure> {
    let at = top(root, "dev")?;
    let flags =
        MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let dev = fresh(
        "tmpfs",
        &[("mode", "0755"), ("size", "64k")],
        MountAttrFlags::MOUNT_ATTR_NOSUID,
    )
    .during("mount /dev")?;
    attach(&dev, &at, "/dev")?;
    let mut ours = Vec::new();
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        let place = locate(dev.as_fd(), name, Missing::File, &mut ours).during(format!("make /dev/{name}"))?;
        let node = clone(Path::new(&format!("/dev/{name}")), &format!("/dev/{name}"))?;
        attach(&node, &place, &format!("/dev/{name}"))?;
    }
    for (name, to) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("ptmx", "pts/ptmx"),
    ] {
        rustix::fs::symlinkat(to, &dev, name).during(format!("link /dev/{name}"))?;
    }
    let directory = |name: &str, ours: &mut Vec<Stub>| {
        locate(dev.as_fd(), name, Missing::Directory, ours).during(format!("make /dev/{name}"))
    };
    let place = directory("pts", &mut ours)?;
    let exec_only = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    // The group of terminals may not be mapped for a rootless build.
    let terminals = fresh(
        "devpts",
        &[("ptmxmode", "0666"), ("mode", "0620"), ("gid", "5")],
        exec_only,
    )
    .or_else(|_| fresh("devpts", &[("ptmxmode", "0666"), ("mode", "0620")], exec_only))
    .during("mount /dev/pts")?;
    attach(&terminals, &place, "/dev/pts")?;
    let place = directory("shm", &mut ours)?;
    let shared = fresh("tmpfs", &[("mode", "1777"), ("size", "64m")], flags).during("mount /dev/shm")?;
    attach(&shared, &place, "/dev/shm")?;
    // Not every kernel has message queues, and hardly a build uses them.
    if let Ok(queues) = fresh("mqueue", &[], flags) {
        attach(&queues, &directory("mqueue", &mut ours)?, "/dev/mqueue")?;
    }
    restrict(&dev, MountAttrFlags::MOUNT_ATTR_NODEV, false, "/dev")
}

/// `/sys`, read-only. A rootless build on the host's network may not mount its own, and gets the
/// host's.
fn system(root: &OwnedFd) -> Result<(), Failure> {
    let flags = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC
        | MountAttrFlags::MOUNT_ATTR_RDONLY;
    let at = top(root, "sys")?;
    if let Ok(own) = fresh("sysfs", &[], flags) {
        return attach(&own, &at, "/sys");
    }
    // Without any, most builds still work.
    let Ok(host) = clone(Path::new("/sys"), "/sys") else {
        return Ok(());
    };
    attach(&host, &at, "/sys")?;
    restrict(&host, flags, true, "/sys")
}

/// `/etc/resolv.conf`, `/etc/hosts`.
fn names(spec: &RunSpec, root: &OwnedFd, stubs: &mut Vec<Stub>) -> Result<(), Failure> {
    let resolvers = fs::read("/etc/resolv.conf").unwrap_or_default();
    let mut hosts = format!(
        "127.0.0.1\tlocalhost {}\n::1\tlocalhost ip6-localhost ip6-loopback\n",
        spec.hostname
    );
    for (address, name) in &spec.extra_hosts {
        hosts.push_str(&format!("{address}\t{name}\n"));
    }
    for (name, content) in [("resolv.conf", resolvers.as_slice()), ("hosts", hosts.as_bytes())] {
        fs::write(name, content).during(format!("write {name}"))?;
        let what = format!("/etc/{name}");
        let tree = clone(Path::new(name), &what)?;
        let at = locate(root.as_fd(), &what, Missing::File, stubs).asked(format!("find a place for {what}"))?;
        attach(&tree, &at, &what)?;
        restrict(&tree, MountAttrFlags::MOUNT_ATTR_RDONLY, false, &what)?;
    }
    Ok(())
}

/// One mount that the instruction asks for.
fn extra(mount: &MountSpec, number: usize, root: &OwnedFd, stubs: &mut Vec<Stub>) -> Result<(), Failure> {
    let what = &mount.target;
    let below = |source: &OwnedFd, subpath: &str| {
        locate(source.as_fd(), subpath, Missing::Refuse, &mut Vec::new())
            .asked(format!("find {subpath} in the source of the mount {what}"))
    };
    let mut restrictions = MountAttrFlags::MOUNT_ATTR_NODEV;
    let mut deep = true;
    let tree = match &mount.kind {
        MountKind::Bind {
            source,
            subpath,
            readonly,
        } => {
            if *readonly {
                restrictions |= MountAttrFlags::MOUNT_ATTR_RDONLY;
            }
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let source = rustix::fs::openat(CWD, source, flags, Mode::empty())
                .asked(format!("open {}, the source of the mount {what}", source.display()))?;
            let chosen = if subpath.is_empty() {
                source
            } else {
                below(&source, subpath)?
            };
            clone_at(chosen.as_fd(), Path::new(""), what)?
        }
        MountKind::Layers {
            lowers,
            subpath,
            scratch,
        } => {
            let name = format!("m{number}");
            mkdir(&name)?;
            let changes = scratch
                .as_ref()
                .map(|scratch| (scratch.join("upper"), scratch.join("work")));
            if let Some((upper, work)) = &changes {
                fs::create_dir_all(upper)
                    .and_then(|()| fs::create_dir_all(work))
                    .during("make a throw-away layer")?;
            } else {
                restrictions |= MountAttrFlags::MOUNT_ATTR_RDONLY;
            }
            overlay(
                &name,
                lowers,
                changes.as_ref().map(|(upper, work)| (upper, work)),
                &format!("{name}."),
            )?;
            let merged = place::handle(&name).during(format!("open the mount {what}"))?;
            let chosen = if subpath.is_empty() {
                merged
            } else {
                below(&merged, subpath)?
            };
            let tree = clone_at(chosen.as_fd(), Path::new(""), what)?;
            rustix::mount::unmount(name, UnmountFlags::DETACH).during(format!("release the mount {what}"))?;
            tree
        }
        MountKind::Tmpfs { size } => {
            let size = size.map(|size| size.to_string());
            let mut options = vec![("mode", "1777")];
            options.extend(size.as_deref().map(|size| ("size", size)));
            fresh("tmpfs", &options, MountAttrFlags::MOUNT_ATTR_NOSUID).during(format!("mount a tmpfs on {what}"))?
        }
        MountKind::Secret {
            content,
            mode,
            uid,
            gid,
        } => {
            restrictions |= MountAttrFlags::MOUNT_ATTR_RDONLY
                | MountAttrFlags::MOUNT_ATTR_NOEXEC
                | MountAttrFlags::MOUNT_ATTR_NOSUID;
            deep = false;
            secret(&format!("s{number}"), content, (*mode, *uid, *gid), what)?
        }
    };
    let directory = rustix::fs::fstat(&tree)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode) == rustix::fs::FileType::Directory);
    let missing = if directory { Missing::Directory } else { Missing::File };
    let at = locate(root.as_fd(), what, missing, stubs).asked(format!("find a place for the mount {what}"))?;
    let identity = |fd: &OwnedFd| rustix::fs::fstat(fd).map(|stat| (stat.st_dev, stat.st_ino));
    if identity(&at) == identity(root) {
        return Err(Errno::BUSY).asked("mount on the root itself");
    }
    attach(&tree, &at, what)?;
    restrict(&tree, restrictions, deep, what)
}

fn secret(name: &str, content: &[u8], (mode, uid, gid): (u32, u32, u32), what: &str) -> Result<OwnedFd, Failure> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(CWD, name, flags, Mode::from_raw_mode(0o600)).during("make a secret's file")?;
    rustix::fs::fchown(
        &file,
        Some(rustix::fs::Uid::from_raw(uid)),
        Some(rustix::fs::Gid::from_raw(gid)),
    )
    .asked(format!("give the secret {what} to user {uid} and group {gid}"))?;
    rustix::fs::fchmod(&file, Mode::from_raw_mode(mode & 0o7777)).during("set a secret's mode")?;
    let mut file = fs::File::from(file);
    std::io::Write::write_all(&mut file, content).during("write a secret's file")?;
    clone(Path::new(name), what)
}
