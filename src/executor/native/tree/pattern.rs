//! COPY's wildcards.

use super::{Parts, Rooted, is_dir, joined, names};
use crate::config::glob::{BadPattern, Glob};
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::os::fd::AsFd;

/// Why nothing can be given.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// A malformed pattern.
    #[error("the pattern {0} is malformed: {1}")]
    Bad(String, BadPattern),
    /// The system.
    #[error("{0}")]
    Os(#[from] Errno),
}

/// What fits a pattern, in order: each path with its links not yet followed. A pattern without a
/// wildcard gives itself, whether it is there or not.
///
/// # Errors
/// See [`PatternError`].
pub fn matches(root: &Rooted, pattern: &str) -> Result<Vec<Parts>, PatternError> {
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    let Some(first) = parts.iter().position(|part| is_wild(part)) else {
        return Ok(vec![parts.iter().map(|part| unescaped(part).into()).collect()]);
    };
    let fixed: Vec<String> = parts.iter().take(first).map(|part| unescaped(part)).collect();
    let wild = parts.get(first..).unwrap_or_default().join("/");
    let glob = Glob::go(&wild).map_err(|why| PatternError::Bad(pattern.to_owned(), why))?;
    let base = root.follow(fixed.join("/").as_bytes(), true)?;
    let mut found = Vec::new();
    let mut path = base.clone();
    below(
        root,
        &mut path,
        base.len(),
        wild.matches('/').count(),
        &glob,
        &mut found,
    )?;
    Ok(found)
}

/// A pattern fits a path with as many slashes as it has itself.
fn below(
    root: &Rooted,
    path: &mut Parts,
    base: usize,
    deeper: usize,
    glob: &Glob,
    found: &mut Vec<Parts>,
) -> Result<(), Errno> {
    let directory = match root.directory(path) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        directory => directory?,
    };
    for name in names(directory.as_fd())? {
        path.push(name);
        if glob.matches(&joined(path.get(base..).unwrap_or_default())) {
            found.push(path.clone());
        } else if deeper > 0
            && let Some(name) = path.last()
            && rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| is_dir(&stat))
            && rustix::fs::openat(&directory, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).is_ok()
        {
            below(root, path, base, deeper - 1, glob, found)?;
        }
        path.pop();
    }
    Ok(())
}

fn is_wild(part: &str) -> bool {
    let mut escaped = false;
    part.chars().any(|c| {
        let wild = !escaped && matches!(c, '*' | '?' | '[');
        escaped = !escaped && c == '\\';
        wild
    })
}

/// Without backslashes before characters.
fn unescaped(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    let mut chars = part.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => chars.next().unwrap_or('\\'),
            c => c,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stay_within_a_name() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a/x.txt", "a/y.md", "b/x.txt", "b/c/x.txt", "top.txt", "[odd]"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, "").expect("a file");
        }
        let root = Rooted::open(folder.path()).expect("a root");
        let all = |pattern: &str| -> Vec<String> {
            matches(&root, pattern)
                .expect("a pattern")
                .iter()
                .map(|parts| joined(parts))
                .collect()
        };
        assert_eq!(all("/*.txt"), ["top.txt"]);
        assert_eq!(all("/*/x.txt"), ["a/x.txt", "b/x.txt"]);
        assert_eq!(all("a/*"), ["a/x.txt", "a/y.md"]);
        assert_eq!(all("/nothing*"), [""; 0]);
        assert_eq!(all("/absent"), ["absent"]);
        assert_eq!(all("/\\[odd]"), ["[odd]"]);
        assert!(matches(&root, "/[a").is_err());
    }
}
