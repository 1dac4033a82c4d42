//! Walks over the files that a source takes in: what is ignored, excluded, or fits no pattern is
//! left out, and a folder that is itself left out comes with a file below of it that is not.

use super::{Parts, Rooted, is_dir, joined, names};
use crate::config::glob::Glob;
use crate::context::Ignore;
use crate::context::dockerignore::FolderState;
use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Folders in each other that are followed.
const DEPTH: usize = 1000;

/// What is left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// `.dockerignore`, by paths from the root.
    pub ignore: Option<&'a Ignore>,
    /// `--exclude`, by paths from the source.
    pub exclude: Option<&'a Ignore>,
    /// The pattern of `--parents`, by paths from the source.
    pub include: Option<&'a Glob>,
}

/// A source that exists.
#[derive(Debug)]
pub struct Selection<'a> {
    /// Whose.
    pub root: &'a Rooted,
    /// Where, links followed.
    pub parts: Parts,
    /// What of it.
    pub filter: Filter<'a>,
}

/// Something on the way.
#[derive(Debug)]
pub struct Entry<'e> {
    /// From the source; empty for the source itself.
    pub path: &'e str,
    /// The directory that it is in.
    pub directory: BorrowedFd<'e>,
    /// Its name there.
    pub name: &'e OsStr,
    /// About it.
    pub stat: &'e Stat,
}

/// Takes what a walk meets.
pub trait Visitor {
    /// Into a folder; `taken` is false for one that only comes along with what is below.
    ///
    /// # Errors
    /// Ends the walk.
    fn enter(&mut self, entry: &Entry<'_>, taken: bool) -> Result<(), Errno>;
    /// Out of it.
    ///
    /// # Errors
    /// Ends the walk.
    fn leave(&mut self, entry: &Entry<'_>) -> Result<(), Errno>;
    /// Anything else.
    ///
    /// # Errors
    /// Ends the walk.
    fn leaf(&mut self, entry: &Entry<'_>) -> Result<(), Errno>;
}

/// What is known of a folder on the way down.
#[derive(Clone, Default)]
struct State {
    ignore: FolderState,
    exclude: FolderState,
    /// It, or one above, fits the pattern.
    included: bool,
}

/// Where a walk is.
struct Place {
    /// From the root.
    full: String,
    /// From the source.
    path: String,
    depth: usize,
}

impl Selection<'_> {
    /// Walks over it.
    ///
    /// # Errors
    /// What the visitor or the system says.
    pub fn walk(&self, visitor: &mut dyn Visitor) -> Result<(), Errno> {
        let (parent, name) = self.root.parent(&self.parts)?;
        let stat = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mut state = State::default();
        let mut ignored = false;
        if let Some(ignore) = self.filter.ignore {
            for count in 1..=self.parts.len() {
                let above = joined(self.parts.get(..count).unwrap_or_default());
                (ignored, state.ignore) = ignore.enter(&above, &state.ignore);
            }
        }
        let place = Place {
            full: joined(&self.parts),
            path: String::new(),
            depth: 0,
        };
        if is_dir(&stat) {
            let taken = !ignored && self.filter.include.is_none();
            return self.folder(parent.as_fd(), name, &stat, &place, &state, taken, visitor);
        }
        // A file that is named by itself is never excluded: patterns are for what is in a folder.
        if ignored || self.filter.include.is_some() {
            return Ok(());
        }
        visitor.leaf(&Entry {
            path: "",
            directory: parent.as_fd(),
            name,
            stat: &stat,
        })
    }

    #[allow(clippy::too_many_arguments)]
    fn folder(
        &self,
        directory: BorrowedFd<'_>,
        name: &OsStr,
        stat: &Stat,
        place: &Place,
        state: &State,
        taken: bool,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Errno> {
        if place.depth > DEPTH {
            return Err(Errno::NAMETOOLONG);
        }
        let entry = Entry {
            path: &place.path,
            directory,
            name,
            stat,
        };
        visitor.enter(&entry, taken)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened: OwnedFd = rustix::fs::openat(directory, name, flags, Mode::empty())?;
        for child in names(opened.as_fd())? {
            self.child(opened.as_fd(), &child, place, state, visitor)?;
        }
        visitor.leave(&entry)
    }

    fn child(
        &self,
        directory: BorrowedFd<'_>,
        name: &OsString,
        above: &Place,
        state: &State,
        visitor: &mut dyn Visitor,
    ) -> Result<(), Errno> {
        let below = |folder: &str| match folder {
            "" => name.to_string_lossy().into_owned(),
            folder => format!("{folder}/{}", name.to_string_lossy()),
        };
        let place = Place {
            full: below(&above.full),
            path: below(&above.path),
            depth: above.depth + 1,
        };
        let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Gone meanwhile.
            Err(Errno::NOENT) => return Ok(()),
            stat => stat?,
        };
        let mut now = state.clone();
        let (mut out, mut hopeless) = (false, false);
        if let Some(ignore) = self.filter.ignore {
            let ignored;
            (ignored, now.ignore) = ignore.enter(&place.full, &state.ignore);
            out |= ignored;
            hopeless |= ignored && ignore.prunes(&place.full);
        }
        if let Some(exclude) = self.filter.exclude {
            let excluded;
            (excluded, now.exclude) = exclude.enter(&place.path, &state.exclude);
            out |= excluded;
            hopeless |= excluded && exclude.prunes(&place.path);
        }
        if let Some(include) = self.filter.include
            && !state.included
        {
            now.included = include.matches(&place.path);
            out |= !now.included;
            hopeless |= !now.included && !include.may_match_below(&place.path);
        }
        if is_dir(&stat) {
            if hopeless {
                return Ok(());
            }
            return self.folder(directory, name, &stat, &place, &now, !out, visitor);
        }
        if out {
            return Ok(());
        }
        visitor.leaf(&Entry {
            path: &place.path,
            directory,
            name,
            stat: &stat,
        })
    }
}
