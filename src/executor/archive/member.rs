//! One entry of an archive.

use super::{Bad, Limits};

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link and what it says, not resolved.
    Symlink(Vec<u8>),
    /// Another name of an earlier entry.
    Hardlink(Vec<u8>),
    /// A character device: major and minor number.
    Character(u32, u32),
    /// A block device: major and minor number.
    Block(u32, u32),
    /// A named pipe.
    Fifo,
}

/// Seconds since 1970 and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Time {
    /// Seconds since 1970; negative before.
    pub seconds: i64,
    /// Nanoseconds, below 10^9.
    pub nanos: u32,
}

impl Time {
    /// A decimal number of seconds, as extension headers have it.
    pub(super) fn parse(text: &[u8]) -> Option<Time> {
        let text = std::str::from_utf8(text).ok()?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let seconds: i64 = whole.parse().ok()?;
        let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
        let nanos: u32 = digits.parse().ok()?;
        Some(if whole.starts_with('-') && nanos > 0 {
            Time {
                seconds: seconds.checked_sub(1)?,
                nanos: 1_000_000_000 - nanos,
            }
        } else {
            Time { seconds, nanos }
        })
    }
}

/// One entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its path as it is written.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permissions, with setuid, setgid and sticky bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of its content.
    pub size: u64,
    /// When it was changed.
    pub mtime: Time,
    /// Extended attributes.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Member {
    /// Its path's components below the archive's root; empty for the root itself.
    ///
    /// A slash at the beginning means the archive's root, as it does for every container engine.
    ///
    /// # Errors
    /// It climbs (`..`), holds a NUL, or is too long.
    pub fn components(&self, limits: &Limits) -> Result<Vec<&[u8]>, Bad> {
        components(&self.path, limits)
    }

    /// The path, for people.
    pub fn display(&self) -> String {
        display(&self.path)
    }
}

/// A name, for people: never a control character, never endless.
pub fn display(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let mut short: String = text.chars().take(120).flat_map(char::escape_debug).collect();
    if text.chars().nth(120).is_some() {
        short.push_str("...");
    }
    format!("`{short}`")
}

/// See [`Member::components`].
pub fn components<'a>(path: &'a [u8], limits: &Limits) -> Result<Vec<&'a [u8]>, Bad> {
    if path.len() > limits.path {
        return Err(Bad(format!(
            "{} is a path of {} bytes; at most {} are possible",
            display(path),
            path.len(),
            limits.path
        )));
    }
    let mut parts = Vec::new();
    for part in path.split(|b| *b == b'/') {
        match part {
            b"" | b"." => continue,
            b".." => {
                return Err(Bad(format!(
                    "{} has `..` in it, and could lead out of the archive's root",
                    display(path)
                )));
            }
            _ => {}
        }
        if part.contains(&0) {
            return Err(Bad(format!("{} has a NUL byte in it", display(path))));
        }
        if part.len() > 255 {
            return Err(Bad(format!(
                "{} has a name of more than 255 bytes in it",
                display(path)
            )));
        }
        parts.push(part);
    }
    if parts.len() > limits.depth {
        return Err(Bad(format!(
            "{} is {} directories deep; at most {} are possible",
            display(path),
            parts.len(),
            limits.depth
        )));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_root() {
        let limits = Limits::default();
        assert_eq!(
            components(b"./usr//bin/./sh", &limits).unwrap(),
            [b"usr".as_slice(), b"bin", b"sh"]
        );
        assert_eq!(
            components(b"/etc/passwd", &limits).unwrap(),
            [b"etc".as_slice(), b"passwd"]
        );
        assert!(components(b"./", &limits).unwrap().is_empty());
        let deep = b"a/".repeat(600);
        let long = [b'x'; 256];
        let endless = vec![b'/'; 5000];
        for bad in [&b"../x"[..], b"a/../../x", b"/..", b"a\0b", &deep, &long, &endless] {
            assert!(components(bad, &limits).is_err(), "{}", display(bad));
        }
    }

    #[test]
    fn times_have_fractions() {
        let time = |text: &str| Time::parse(text.as_bytes());
        assert_eq!(
            time("12.5"),
            Some(Time {
                seconds: 12,
                nanos: 500_000_000
            })
        );
        assert_eq!(time("12"), Some(Time { seconds: 12, nanos: 0 }));
        assert_eq!(
            time("-1.25"),
            Some(Time {
                seconds: -2,
                nanos: 750_000_000
            })
        );
        assert_eq!(time("1.0123456789"), time("1.012345678"));
        assert_eq!(time("x"), None);
    }
}
