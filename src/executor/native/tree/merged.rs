//! Layers as one tree: an overlay mount that is attached nowhere, so that nobody else sees it and
//! nothing is left of it when its descriptor is closed, by a kill too.

use crate::executor::native::layer::Form;
use rustix::fd::{AsRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
use std::path::{Path, PathBuf};

/// Merges layers, the lowest first; changes go to `upper` (with overlayfs' own `work` beside it), or
/// are refused. `empty` is an empty directory: overlayfs wants two layers where nothing is written.
///
/// # Errors
/// What the kernel says; `INVAL` also where it is older than 6.5 and there are too many layers.
pub fn merged(lowers: &[PathBuf], upper: Option<(&Path, &Path)>, form: Form, empty: &Path) -> Result<OwnedFd, Errno> {
    // The uppermost first, as overlayfs has it.
    let mut all: Vec<&Path> = lowers.iter().rev().map(PathBuf::as_path).collect();
    let least = if upper.is_some() { 1 } else { 2 };
    while all.len() < least {
        all.push(empty);
    }
    match with(&all, upper, form, true) {
        Err(Errno::INVAL) => with(&all, upper, form, false),
        done => done,
    }
}

/// Whether this says that overlayfs cannot be used there, rather than that something is wrong.
pub fn is_no_overlay(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::PERM | Errno::NODEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP
    )
}

fn with(lowers: &[&Path], upper: Option<(&Path, &Path)>, form: Form, one_by_one: bool) -> Result<OwnedFd, Errno> {
    let system = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let set = |key: &str, value: &Path| rustix::mount::fsconfig_set_string(&system, key, value);
    // Held until the mount is made: an option is no longer than 255 bytes, a descriptor's name fits.
    let mut held = Vec::new();
    if one_by_one {
        for lower in lowers {
            set("lowerdir+", lower)?;
        }
    } else {
        let mut names = String::new();
        for lower in lowers {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let fd = rustix::fs::open(*lower, flags, Mode::empty())?;
            if !names.is_empty() {
                names.push(':');
            }
            names.push_str(&format!("/proc/self/fd/{}", fd.as_raw_fd()));
            held.push(fd);
        }
        set("lowerdir", Path::new(&names))?;
    }
    if let Some((upper, work)) = upper {
        set("upperdir", upper)?;
        set("workdir", work)?;
    }
    // With `userxattr` the kernel takes no other word for "no redirects".
    let redirects = if form == Form::User { "nofollow" } else { "off" };
    for (key, value) in [("index", "off"), ("metacopy", "off"), ("redirect_dir", redirects)] {
        rustix::mount::fsconfig_set_string(&system, key, value)?;
    }
    if form == Form::User {
        rustix::mount::fsconfig_set_flag(&system, "userxattr")?;
    }
    if upper.is_some() {
        // The layer is made sure of once, by whoever keeps it. Old kernels do not know this.
        let _ = rustix::mount::fsconfig_set_flag(&system, "volatile");
    }
    rustix::mount::fsconfig_create(&system)?;
    let mut attributes = MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOSUID;
    if upper.is_none() {
        attributes |= MountAttrFlags::MOUNT_ATTR_RDONLY;
    }
    rustix::mount::fsmount(&system, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}
