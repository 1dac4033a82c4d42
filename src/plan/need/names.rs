//! What the literals of sources name, looked up by the paths of the context.

use super::literals::{Literals, Seen};
use crate::config::glob::Glob;
use crate::plan::site::Site;
use crate::shell::lies_in;
use std::collections::HashMap;

/// Literals, looked up by what they may name.
pub(super) struct Names<'l> {
    /// Whole paths and plain names, without a `/` at the end and what follows a wildcard.
    known: HashMap<String, (&'l str, &'l Seen)>,
    /// Folders that something is written in.
    written: HashMap<String, (&'l str, &'l Seen)>,
}

impl<'l> Names<'l> {
    pub fn of(site: &Site<'_>, literals: &'l Literals) -> Self {
        let workdir = site.workdir().unwrap_or_default();
        let prefix = format!("{}/", workdir.trim_end_matches('/'));
        let mut known = HashMap::new();
        for (name, seen) in &literals.names {
            let fixed = match name.find(['*', '?', '[', '{', '%']) {
                // A pattern stands for its folder.
                Some(at) => name.get(..at).and_then(|n| n.rsplit_once('/')).map_or("", |(f, _)| f),
                None => name.as_str(),
            };
            let fixed = fixed.strip_prefix(&prefix).unwrap_or(fixed).trim_end_matches('/');
            if !fixed.is_empty() && fixed != "." && fixed != ".." {
                known.insert(fixed.to_owned(), (name.as_str(), seen));
            }
        }
        let folders = literals.written.iter().filter_map(|(name, seen)| {
            let own = name.strip_prefix(&prefix).unwrap_or(name).trim_start_matches("./");
            Some((own.rsplit_once('/')?.0.to_owned(), (name.as_str(), seen)))
        });
        Names {
            known,
            written: folders.collect(),
        }
    }

    /// The literal that names the folder of a file of the context, or what is written there.
    pub fn written_beside(&self, path: &str) -> Option<(&'l str, &'l Seen)> {
        let (folder, _) = path.rsplit_once('/')?;
        self.written.get(folder).or_else(|| self.known.get(folder)).copied()
    }

    /// The literal that names a file of the context by its path.
    pub fn exact(&self, path: &str, places: &[(String, usize)]) -> Option<(&'l str, &'l Seen)> {
        let get = |name: &str| self.known.get(name).copied();
        get(path).or_else(|| places.iter().find_map(|(place, _)| get(place)))
    }

    /// The literal that names a file of the context, or a folder that it lies in.
    pub fn find(&self, path: &str, places: &[(String, usize)]) -> Option<(&'l str, &'l Seen)> {
        let base = path.rsplit('/').next().unwrap_or(path);
        let get = |name: &str| self.known.get(name).copied();
        get(path)
            .or_else(|| places.iter().find_map(|(place, _)| get(place)))
            .or_else(|| base.contains('.').then(|| get(base)).flatten())
            .or_else(|| ancestors(path).find_map(get))
            .or_else(|| {
                let (folder, _) = path.rsplit_once('/')?;
                get(folder.rsplit('/').next()?)
            })
            .or_else(|| places.iter().find_map(|(place, _)| ancestors(place).find_map(get)))
    }
}

/// What is taken into the program when it is built.
pub(super) struct Embedded {
    globs: Vec<Glob>,
    folders: Vec<String>,
}

impl Embedded {
    pub fn of(literals: &Literals) -> Self {
        let (patterns, plain): (Vec<&String>, Vec<&String>) =
            literals.embedded.iter().partition(|p| p.contains(['*', '?', '[']));
        Embedded {
            globs: patterns.into_iter().filter_map(|p| Glob::go(p).ok()).collect(),
            folders: plain
                .into_iter()
                .map(|p| p.trim_end_matches('/').to_owned())
                .filter(|p| !p.is_empty())
                .collect(),
        }
    }

    pub fn holds(&self, path: &str) -> bool {
        self.folders.iter().any(|f| lies_in(path, f)) || self.globs.iter().any(|g| g.matches(path))
    }
}

/// The folders that a file lies in, the outermost first; the root is left out.
pub(super) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}
