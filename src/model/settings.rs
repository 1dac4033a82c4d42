//! USER, WORKDIR and SHELL in force at a place, inherited from the stages below.

use std::sync::Arc;

/// A setting and the instruction that made it.
#[derive(Debug, PartialEq, Eq)]
pub struct Setting<T: ?Sized> {
    /// The value, variables expanded with their defaults; none where it cannot be known from the
    /// file (a variable without value, a relative WORKDIR on the base image's).
    pub value: Option<Arc<T>>,
    /// Index of the instruction, maybe in a stage below.
    pub instruction: usize,
}

impl<T: ?Sized> Clone for Setting<T> {
    fn clone(&self) -> Self {
        Setting {
            value: self.value.clone(),
            instruction: self.instruction,
        }
    }
}

/// What is in force at one place; none where neither the stage nor one below it says anything, so
/// that the base image's applies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// USER.
    pub user: Option<Setting<str>>,
    /// WORKDIR, absolute.
    pub workdir: Option<Setting<str>>,
    /// SHELL.
    pub shell: Option<Setting<[String]>>,
}

/// One setting over a stage.
#[derive(Debug)]
pub(super) struct Track<T: ?Sized> {
    inherited: Option<Setting<T>>,
    changes: Vec<Setting<T>>,
}

impl<T: ?Sized> Track<T> {
    /// Begins with what the stage below ends with.
    pub fn on(below: Option<&Track<T>>) -> Self {
        Track {
            inherited: below.and_then(|t| t.at(usize::MAX)).cloned(),
            changes: Vec::new(),
        }
    }

    /// Notes a change; instructions come in their order.
    pub fn set(&mut self, value: Option<Arc<T>>, instruction: usize) {
        self.changes.push(Setting { value, instruction });
    }

    /// What an instruction sees: changes by those before it.
    pub fn at(&self, instruction: usize) -> Option<&Setting<T>> {
        let known = self.changes.partition_point(|c| c.instruction < instruction);
        known
            .checked_sub(1)
            .and_then(|i| self.changes.get(i))
            .or(self.inherited.as_ref())
    }
}

impl<T: ?Sized> Default for Track<T> {
    fn default() -> Self {
        Track {
            inherited: None,
            changes: Vec::new(),
        }
    }
}

/// Joins a path of the image to the folder that it is relative to, such as a WORKDIR to the one before
/// it, and takes `.`, `..` and double slashes out. An absolute path stays; the result always is one.
pub fn join_path(before: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let base = if path.starts_with('/') { "" } else { before };
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_paths() {
        assert_eq!(join_path("/", "app"), "/app");
        assert_eq!(join_path("/a/b", "../c/./d//"), "/a/c/d");
        assert_eq!(join_path("/a", "/b"), "/b");
        assert_eq!(join_path("/", ".."), "/");
    }

    #[test]
    fn a_change_holds_for_later_instructions() {
        let mut below = Track::<str>::default();
        below.set(Some(Arc::from("a")), 3);
        let mut track = Track::on(Some(&below));
        track.set(None, 7);
        track.set(Some(Arc::from("b")), 9);
        let value = |at| track.at(at).map(|s| s.value.as_deref());
        assert_eq!(
            (value(7), value(8), value(10)),
            (Some(Some("a")), Some(None), Some(Some("b")))
        );
        assert_eq!(below.at(3), None);
    }
}
