//! Limits on what a sandboxed process takes, beyond its time.

use super::sandbox::RunLimits;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Watches how much a directory grows.
#[derive(Debug)]
pub(super) struct DiskWatch {
    path: PathBuf,
    limit: u64,
    /// Free bytes of the file system at the start, where it can be asked.
    free: Option<u64>,
    looked: Instant,
    pause: Duration,
}

impl DiskWatch {
    pub(super) fn new(path: &Path, limit: u64) -> DiskWatch {
        DiskWatch {
            path: path.to_owned(),
            limit,
            free: free(path),
            looked: Instant::now(),
            pause: Duration::from_millis(200),
        }
    }

    /// In bytes.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether the directory holds more than the limit. Cheap to ask often: the files are only summed
    /// up when the file system has lost that much, and not all the time.
    pub(super) fn exceeded(&mut self) -> bool {
        if self.looked.elapsed() < self.pause {
            return false;
        }
        let lost = match (self.free, free(&self.path)) {
            (Some(before), Some(now)) => before.saturating_sub(now),
            _ => u64::MAX,
        };
        let began = Instant::now();
        let exceeded = lost > self.limit && size(&self.path) > self.limit;
        // Summing up a large tree is not to become what the machine is busy with.
        self.pause = Duration::from_millis(200).max(began.elapsed() * 20);
        self.looked = Instant::now();
        exceeded
    }
}

fn free(path: &Path) -> Option<u64> {
    let about = rustix::fs::statvfs(path).ok()?;
    Some(about.f_bfree.saturating_mul(about.f_frsize))
}

/// Bytes on the disk below of a directory.
fn size(path: &Path) -> u64 {
    let mut pending = vec![path.to_owned()];
    let mut bytes = 0;
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let Ok(about) = entry.metadata() else {
                continue;
            };
            bytes += about.blocks() * 512;
            if about.is_dir() {
                pending.push(entry.path());
            }
        }
    }
    bytes
}

/// A control group of the processes of one sandbox. Only a builder that may write to the control
/// groups' file system has it; others go without these limits. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Group {
    directories: Vec<PathBuf>,
}

/// Numbers the groups of this process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Group {
    /// Puts a process, and all it will start, into a group of its own.
    pub(super) fn around(pid: u32, limits: &RunLimits) -> Option<Group> {
        let files = [
            ("pids", "pids.max", "pids.max", limits.processes),
            ("memory", "memory.max", "memory.limit_in_bytes", limits.memory),
        ];
        if files.iter().all(|(.., limit)| limit.is_none()) {
            return None;
        }
        let name = format!(
            "mbopt-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let base = Path::new("/sys/fs/cgroup");
        let mut group = Group {
            directories: Vec::new(),
        };
        if base.join("cgroup.controllers").exists() {
            // Controllers reach a group only from parents that hold no process themselves.
            let _ = fs::write(base.join("cgroup.subtree_control"), "+pids +memory");
            let limits: Vec<_> = files
                .iter()
                .filter_map(|(_, file, _, limit)| Some((*file, (*limit)?)))
                .collect();
            group.join(base, &name, pid, &limits);
        } else {
            for (controller, _, file, limit) in files {
                if let Some(limit) = limit {
                    group.join(&base.join(controller), &name, pid, &[(file, limit)]);
                }
            }
        }
        Some(group).filter(|group| !group.directories.is_empty())
    }

    fn join(&mut self, base: &Path, name: &str, pid: u32, limits: &[(&str, u64)]) {
        sweep(base);
        let directory = base.join(name);
        if fs::create_dir(&directory).is_err() {
            return;
        }
        for (file, limit) in limits {
            let _ = fs::write(directory.join(file), limit.to_string());
        }
        let _ = fs::write(directory.join("cgroup.procs"), pid.to_string());
        self.directories.push(directory);
    }
}

/// Removes groups of builders that were killed. One that is in use cannot be removed.
fn sweep(base: &Path) {
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix("mbopt-")?.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for directory in &self.directories {
            // Its last process may be on its way out.
            for _ in 0..50 {
                match fs::remove_dir(directory) {
                    Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                        std::thread::sleep(Duration::from_millis(2));
                    }
                    _ => break,
                }
            }
        }
    }
}
