//! The same without root: Linux' inotify, which any user may use, on every folder that a container has
//! when it begins. It does not tell executing from opening; what is executed is known by its mode and
//! its first bytes.

use super::Trace;
use rustix::event::{PollFd, PollFlags};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// More folders than any image has that is worth watching: each takes memory of the kernel's.
const MOST: usize = 400_000;

/// Bytes of events that are taken at once.
const BUFFER: usize = 64 << 10;

/// Every folder of a container's files.
#[derive(Debug)]
pub(super) struct Folders {
    events: OwnedFd,
    /// As whoever prepares the container reaches it.
    root: PathBuf,
    /// By the kernel's number: absolute in the container.
    names: HashMap<i32, String>,
    /// Not all of them could be looked into.
    incomplete: bool,
}

impl Folders {
    /// Watches all folders below `root` that are on its file system.
    ///
    /// # Errors
    /// Why they cannot be watched.
    pub fn watch(root: &Path) -> Result<Folders, String> {
        let refused = |errno: rustix::io::Errno| match errno {
            rustix::io::Errno::NOSPC => {
                "the kernel lets a user watch too few folders: see /proc/sys/fs/inotify/max_user_watches".to_owned()
            }
            rustix::io::Errno::MFILE => {
                "the kernel lets a user watch too few things: see /proc/sys/fs/inotify/max_user_instances".to_owned()
            }
            other => format!("inotify cannot watch the container's files: {other}"),
        };
        let events = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(refused)?;
        let mut folders = Folders {
            events,
            root: root.to_owned(),
            names: HashMap::new(),
            incomplete: false,
        };
        // To list them is to open them: all that is done before the first is watched.
        let flags = WatchFlags::OPEN | WatchFlags::CLOSE_WRITE | WatchFlags::ONLYDIR | WatchFlags::EXCL_UNLINK;
        for name in folders.below()? {
            match inotify::add_watch(&folders.events, place(root, &name), flags) {
                Ok(number) => drop(folders.names.insert(number, name)),
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::ACCESS) => folders.incomplete = true,
                Err(errno) => return Err(refused(errno)),
            }
        }
        Ok(folders)
    }

    /// The folders, absolute in the container, each before those in it; the root's name is empty.
    fn below(&mut self) -> Result<Vec<String>, String> {
        let device = |path: &Path| fs::symlink_metadata(path).map(|known| known.dev());
        let own = device(&self.root).map_err(|error| format!("the container's files cannot be looked at: {error}"))?;
        let mut found = vec![String::new()];
        let mut at = 0;
        while let Some(folder) = found.get(at).cloned() {
            at += 1;
            let Ok(entries) = fs::read_dir(place(&self.root, &folder)) else {
                self.incomplete = true;
                continue;
            };
            for entry in entries.flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                // What is mounted in the container is no part of its image.
                let inside = device(&entry.path()).is_ok_and(|device| device == own);
                match entry.file_name().to_str() {
                    Some(name) if inside && found.len() < MOST => found.push(format!("{folder}/{name}")),
                    Some(_) if !inside => {}
                    _ => self.incomplete = true,
                }
            }
        }
        Ok(found)
    }

    /// Takes down what happens until it is asked to end.
    pub fn read(self, end: &AtomicBool) -> Trace {
        let mut trace = Trace {
            incomplete: self.incomplete,
            ..Trace::default()
        };
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        loop {
            let last = end.load(Ordering::Relaxed);
            let mut polled = [PollFd::from_borrowed_fd(self.events.as_fd(), PollFlags::IN)];
            let _ = rustix::event::poll(&mut polled, Some(&super::TICK));
            let mut reader = inotify::Reader::new(self.events.as_fd(), &mut buffer);
            while let Ok(event) = reader.next() {
                let name = event.file_name().map(|name| name.to_str());
                match name {
                    Some(Err(_)) => {}
                    None => self.take(&mut trace, event.wd(), event.events(), None),
                    Some(Ok(name)) => self.take(&mut trace, event.wd(), event.events(), Some(name)),
                }
            }
            if last {
                return trace;
            }
        }
    }

    fn take(&self, trace: &mut Trace, number: i32, events: ReadFlags, name: Option<&str>) {
        trace.incomplete |= events.contains(ReadFlags::QUEUE_OVERFLOW);
        let (Some(folder), true) = (
            self.names.get(&number),
            events.intersects(ReadFlags::OPEN | ReadFlags::CLOSE_WRITE),
        ) else {
            return;
        };
        let path = match name {
            Some(name) => format!("{folder}/{name}"),
            None if folder.is_empty() => "/".to_owned(),
            None => folder.clone(),
        };
        if events.contains(ReadFlags::ISDIR) {
            trace.listed.insert(path);
            return;
        }
        if events.contains(ReadFlags::CLOSE_WRITE) {
            trace.written.insert(path.clone());
        }
        if events.contains(ReadFlags::OPEN)
            && trace.opened.insert(path.clone())
            && is_program(&place(&self.root, &path))
        {
            trace.executed.insert(path);
        }
    }
}

/// Where something of the container's is.
fn place(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// A file that may be executed, and that is a program: a library is not.
fn is_program(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let executable =
        fs::symlink_metadata(path).is_ok_and(|known| known.is_file() && known.permissions().mode() & 0o111 != 0);
    if !executable || name.ends_with(".so") || name.contains(".so.") {
        return false;
    }
    let mut first = [0; 4];
    let read = File::open(path).and_then(|mut file| file.read(&mut first));
    read.is_ok_and(|read| {
        first
            .get(..read)
            .is_some_and(|first| first == b"\x7fELF" || first.starts_with(b"#!"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn what_is_opened_is_written_down() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("app/data")).unwrap();
        fs::create_dir_all(at("app/other")).unwrap();
        for (path, mode, text) in [
            ("app/run", 0o755, "#!/bin/sh\n"),
            ("app/data/words", 0o755, "words"),
            ("app/other/never", 0o644, "x"),
            ("app/libx.so.1", 0o755, "\x7fELF"),
        ] {
            fs::write(at(path), text).unwrap();
            fs::set_permissions(at(path), fs::Permissions::from_mode(mode)).unwrap();
        }
        let folders = Folders::watch(root.path()).unwrap();
        let end = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&end);
        let reader = std::thread::spawn(move || folders.read(&asked));
        for path in ["app/run", "app/data/words", "app/libx.so.1"] {
            fs::read(at(path)).unwrap();
        }
        fs::read_dir(at("app/data")).unwrap().for_each(drop);
        fs::write(at("app/log"), "x").unwrap();
        end.store(true, Ordering::Relaxed);
        let trace = reader.join().unwrap();
        let list = |set: &std::collections::BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(list(&trace.opened), "/app/data/words /app/libx.so.1 /app/log /app/run");
        assert_eq!(list(&trace.executed), "/app/run");
        assert_eq!(list(&trace.listed), "/app/data");
        assert_eq!(list(&trace.written), "/app/log");
        assert!(!trace.incomplete);
    }
}
