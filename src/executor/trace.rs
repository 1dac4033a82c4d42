//! What the processes of a container opened and executed.
//!
//! Linux' fanotify tells it of a whole file system, which a container's merged root is. It needs root
//! on the machine that the container runs on; inotify, which tells it by folder, does without.

#[cfg(target_os = "linux")]
mod folders;

use std::collections::BTreeSet;

/// Files by their absolute paths in the container, links followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// Files that were opened, also for executing.
    pub opened: BTreeSet<String>,
    /// Files that were executed; interpreters of scripts and loaders are among them.
    pub executed: BTreeSet<String>,
    /// Folders that were listed, or at least opened.
    pub listed: BTreeSet<String>,
    /// Files that were opened for writing, and closed again.
    pub written: BTreeSet<String>,
    /// Events were lost, so that this is not all.
    pub incomplete: bool,
}

impl Trace {
    /// Adds what another run showed.
    pub fn add(&mut self, more: Trace) {
        self.opened.extend(more.opened);
        self.executed.extend(more.executed);
        self.listed.extend(more.listed);
        self.written.extend(more.written);
        self.incomplete |= more.incomplete;
    }
}

#[cfg(target_os = "linux")]
pub(in crate::executor) use linux::{Tracer, when_mounted};

/// How long the thread that reads waits between two looks at whether it is to end.
#[cfg(target_os = "linux")]
const TICK: rustix::event::Timespec = rustix::event::Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

#[cfg(target_os = "linux")]
mod linux {
    use super::folders::Folders;
    use super::{TICK, Trace};
    use nix::sys::fanotify::{EventFFlags, Fanotify, FanotifyEvent, InitFlags, MarkFlags, MaskFlags};
    use rustix::event::{PollFd, PollFlags};
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::fs::MetadataExt;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread::JoinHandle;
    use std::time::Duration;

    /// Takes down what happens on one file system, until it is finished or dropped.
    #[derive(Debug)]
    pub(in crate::executor) struct Tracer {
        end: Arc<AtomicBool>,
        reader: Option<JoinHandle<Trace>>,
    }

    impl Tracer {
        /// Watches the file system that `root` is on, which must be the container's alone. `outside` is
        /// where whoever prepares the container reaches it; what is opened through there is left out.
        ///
        /// # Errors
        /// Why it cannot be watched.
        pub(in crate::executor) fn watch(root: &Path, outside: Option<PathBuf>) -> Result<Tracer, String> {
            let refused = |what: &str, errno: nix::errno::Errno| match errno {
                nix::errno::Errno::EPERM => "tracing with fanotify needs root".to_owned(),
                nix::errno::Errno::ENOSYS => "this kernel has no fanotify".to_owned(),
                other => format!("fanotify cannot {what}: {}", other.desc()),
            };
            let flags = InitFlags::FAN_CLASS_NOTIF
                | InitFlags::FAN_CLOEXEC
                | InitFlags::FAN_NONBLOCK
                | InitFlags::FAN_UNLIMITED_QUEUE;
            let group = Fanotify::init(flags, EventFFlags::O_RDONLY | EventFFlags::O_CLOEXEC)
                .map_err(|errno| refused("begin", errno))?;
            let events =
                MaskFlags::FAN_OPEN | MaskFlags::FAN_OPEN_EXEC | MaskFlags::FAN_CLOSE_WRITE | MaskFlags::FAN_ONDIR;
            let mark = MarkFlags::FAN_MARK_ADD | MarkFlags::FAN_MARK_FILESYSTEM;
            group
                .mark(mark, events, rustix::fs::CWD, Some(root))
                .map_err(|errno| refused("watch the container's files", errno))?;
            Tracer::begin(move |end| read(&group, end, outside.as_deref()))
        }

        /// Watches the files below `root` without root: by folder, which takes a moment, so that the
        /// container's first process must not have begun.
        ///
        /// # Errors
        /// Why they cannot be watched.
        pub(in crate::executor) fn watch_folders(root: &Path) -> Result<Tracer, String> {
            let folders = Folders::watch(root)?;
            Tracer::begin(move |end| folders.read(end))
        }

        fn begin(read: impl FnOnce(&AtomicBool) -> Trace + Send + 'static) -> Result<Tracer, String> {
            let end = Arc::new(AtomicBool::new(false));
            let asked = Arc::clone(&end);
            let reader = std::thread::Builder::new()
                .name("trace".to_owned())
                .spawn(move || read(&asked))
                .map_err(|error| error.to_string())?;
            Ok(Tracer {
                end,
                reader: Some(reader),
            })
        }

        /// All that happened so far.
        pub(in crate::executor) fn finish(mut self) -> Trace {
            self.end()
        }

        fn end(&mut self) -> Trace {
            self.end.store(true, Ordering::Relaxed);
            let reader = self.reader.take();
            reader.and_then(|reader| reader.join().ok()).unwrap_or_default()
        }
    }

    impl Drop for Tracer {
        fn drop(&mut self) {
            self.end();
        }
    }

    fn read(group: &Fanotify, end: &AtomicBool, outside: Option<&Path>) -> Trace {
        let mut trace = Trace::default();
        // Whoever starts the container looks into it first; the container itself begins by executing.
        let mut begun = false;
        loop {
            let last = end.load(Ordering::Relaxed);
            let mut polled = [PollFd::from_borrowed_fd(group.as_fd(), PollFlags::IN)];
            let _ = rustix::event::poll(&mut polled, Some(&TICK));
            loop {
                match group.read_events() {
                    Ok(events) if !events.is_empty() => {
                        for event in &events {
                            take(&mut trace, event, &mut begun, outside);
                        }
                    }
                    _ => break,
                }
            }
            if last {
                return trace;
            }
        }
    }

    fn take(trace: &mut Trace, event: &FanotifyEvent, begun: &mut bool, outside: Option<&Path>) {
        let mask = event.mask();
        let Some(file) = event.fd() else {
            trace.incomplete |= mask.contains(MaskFlags::FAN_Q_OVERFLOW);
            return;
        };
        let Ok(path) = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())) else {
            return;
        };
        if outside.is_some_and(|outside| path.starts_with(outside)) {
            return;
        }
        let Some(path) = path.to_str().filter(|path| path.starts_with('/')) else {
            return;
        };
        // The kernel says so of what has no name any more.
        let Some(path) = Some(path).filter(|path| !path.ends_with(" (deleted)")) else {
            return;
        };
        *begun |= mask.contains(MaskFlags::FAN_OPEN_EXEC);
        if !*begun {
            return;
        }
        if mask.contains(MaskFlags::FAN_ONDIR) {
            trace.listed.insert(path.to_owned());
            return;
        }
        if mask.contains(MaskFlags::FAN_CLOSE_WRITE) {
            trace.written.insert(path.to_owned());
        }
        if mask.contains(MaskFlags::FAN_OPEN) {
            trace.opened.insert(path.to_owned());
        }
        if mask.contains(MaskFlags::FAN_OPEN_EXEC) {
            trace.opened.insert(path.to_owned());
            trace.executed.insert(path.to_owned());
        }
    }

    /// Watches a folder from the moment at which something is mounted on it, which is well before the
    /// container's own process is there; gives up when `asked` to.
    pub(in crate::executor) fn when_mounted(
        root: PathBuf,
        asked: Arc<AtomicBool>,
    ) -> JoinHandle<Result<Tracer, String>> {
        std::thread::spawn(move || {
            let device = |path: &Path| std::fs::metadata(path).map(|known| known.dev()).ok();
            let parent = root.parent().map(Path::to_owned).unwrap_or_default();
            loop {
                let last = asked.load(Ordering::Relaxed);
                match (device(&root), device(&parent)) {
                    (Some(own), Some(above)) if own != above => return Tracer::watch(&root, Some(root.clone())),
                    _ if last => return Err("the container's files are not on this machine".to_owned()),
                    _ => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        })
    }
}
