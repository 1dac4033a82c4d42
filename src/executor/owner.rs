//! Whose leftovers are whose: a process that is gone can be told from one that works.

use super::engine::LABEL;
use super::error::Error;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the names of folders for a build or an image begin with, before their owner.
const FOLDER: &str = "mbopt-of-";

/// A process, as the value of [`LABEL`]: boot, pid namespace, pid, start time. Of two machines or
/// containers that use one engine, neither takes the other's things for leftovers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Owner {
    world: String,
    pid: u32,
    begun: String,
}

impl Owner {
    /// This process.
    pub fn here() -> Owner {
        let pid = std::process::id();
        Owner {
            world: world(),
            pid,
            begun: begun(pid).unwrap_or_else(|| "0".to_owned()),
        }
    }

    /// `mbopt=...`, for `--label`; another one each time, so that no two images of this process are
    /// one, of which the first to be removed would take the other along.
    pub fn label(&self) -> String {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        format!("{LABEL}={self}.{}", NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// A folder for what is handed to another program or taken from it, gone with the value.
    pub fn folder(&self) -> Result<tempfile::TempDir, Error> {
        tempfile::Builder::new()
            .prefix(&format!("{FOLDER}{self}."))
            .tempdir()
            .map_err(Error::io("create a folder in", std::env::temp_dir()))
    }

    /// Removes the folders of processes that are gone; what cannot be removed is left for the next time.
    pub fn sweep_folders(&self) {
        for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let owner = name.to_str().and_then(|name| name.strip_prefix(FOLDER));
            if owner.is_some_and(|owner| self.is_gone(owner)) && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Whether a label's value names a process of this world that has ended.
    pub fn is_gone(&self, value: &str) -> bool {
        let mut parts = value.rsplitn(4, '.').skip(1);
        let (Some(begun_then), Some(pid), Some(world)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        let Ok(pid) = pid.parse::<u32>() else { return false };
        // Without a /proc nothing is known of other processes.
        world == self.world && !self.world.is_empty() && begun(pid).as_deref() != Some(begun_then)
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.world, self.pid, self.begun)
    }
}

/// The boot and the pid namespace; empty where there is no /proc.
fn world() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let namespace: String = namespace
        .to_string_lossy()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    match boot.trim() {
        "" => String::new(),
        boot => format!("{boot}.{namespace}"),
    }
}

/// When a process began, in the kernel's ticks; none where there is no such process.
fn begun(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(all(test, target_os = "linux"))]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_is_not_gone() {
        let here = Owner::here();
        let value = |owner: &Owner| {
            owner
                .label()
                .split_once('=')
                .map(|(_, v)| v.to_owned())
                .unwrap_or_default()
        };
        assert!(!here.is_gone(&value(&here)));
        assert_ne!(value(&here), value(&here));
        let mut other = here.clone();
        other.begun = "1".to_owned();
        assert!(here.is_gone(&value(&other)));
        other.world = "elsewhere.1".to_owned();
        assert!(!here.is_gone(&value(&other)));
        assert!(!here.is_gone("") && !here.is_gone("1"));
    }

    #[test]
    fn folders_of_processes_that_are_gone_go() {
        let here = Owner::here();
        let mut other = here.clone();
        other.begun = "1".to_owned();
        let (own, left) = (here.folder().unwrap(), other.folder().unwrap().keep());
        here.sweep_folders();
        assert!(own.path().is_dir() && !left.exists());
    }
}
