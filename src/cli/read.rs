//! Reading Dockerfiles: nothing that could block or never end is opened, nothing huge is held.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use thiserror::Error;

/// The largest file that is linted, in bytes. BuildKit's own limit is far below.
pub const LIMIT: u64 = 32 * 1024 * 1024;

/// Why a file was not read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Nothing is there.
    #[error("no such file or folder")]
    Missing,
    /// A symbolic link that leads nowhere.
    #[error("a symbolic link to something that does not exist")]
    Dangling,
    /// Not a regular file.
    #[error("is {0}, not a regular file; use `-` to read standard input")]
    Irregular(&'static str),
    /// Too large.
    #[error("is larger than {} MiB, which no Dockerfile is", LIMIT >> 20)]
    TooLarge,
    /// Has NUL bytes.
    #[error("is a binary file: it has a NUL byte at offset {0}")]
    Binary(usize),
    /// Was written to meanwhile.
    #[error("changed while it was read; try again")]
    Changed,
    /// The system says no.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
}

/// The content of a regular file of at most [`LIMIT`] bytes that is text.
///
/// # Errors
/// See [`ReadError`].
pub fn file(path: &Path) -> Result<Vec<u8>, ReadError> {
    // Opening a pipe blocks until somebody writes, so the kind is asked for first.
    let named = fs::metadata(path).map_err(|error| missing(path, error))?;
    check(&named)?;
    let mut changed = false;
    // An editor that saves while we read is done the next time.
    for _ in 0..2 {
        let mut file = File::open(path).map_err(ReadError::Io)?;
        let before = file.metadata().map_err(ReadError::Io)?;
        check(&before)?;
        let bytes = read_to_limit(&mut file, before.len())?;
        let after = file.metadata().map_err(ReadError::Io)?;
        changed = bytes.len() as u64 != after.len() || before.modified().ok() != after.modified().ok();
        if !changed {
            return text(bytes);
        }
    }
    debug_assert!(changed);
    Err(ReadError::Changed)
}

/// The content of standard input, under the same limits.
///
/// # Errors
/// See [`ReadError`].
pub fn stdin() -> Result<Vec<u8>, ReadError> {
    text(read_to_limit(&mut io::stdin().lock(), 0)?)
}

fn read_to_limit(from: &mut impl Read, expected: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::with_capacity(usize::try_from(expected.min(LIMIT)).unwrap_or_default() + 1);
    from.take(LIMIT + 1).read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > LIMIT {
        Err(ReadError::TooLarge)
    } else {
        Ok(bytes)
    }
}

fn text(bytes: Vec<u8>) -> Result<Vec<u8>, ReadError> {
    match bytes.iter().position(|b| *b == 0) {
        Some(at) => Err(ReadError::Binary(at)),
        None => Ok(bytes),
    }
}

/// What an error on opening `path` means.
pub fn missing(path: &Path, error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound if fs::symlink_metadata(path).is_ok() => ReadError::Dangling,
        io::ErrorKind::NotFound => ReadError::Missing,
        _ => ReadError::Io(error),
    }
}

fn check(metadata: &Metadata) -> Result<(), ReadError> {
    match irregular(metadata) {
        Some(kind) => Err(ReadError::Irregular(kind)),
        None if metadata.len() > LIMIT => Err(ReadError::TooLarge),
        None => Ok(()),
    }
}

/// What a thing that is no regular file is.
pub(super) fn irregular(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return None;
    }
    if kind.is_dir() {
        return Some("a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("a pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    Some("something else")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_and_binaries_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Dockerfile");
        fs::write(&path, b"FROM a\xff\n").unwrap();
        assert_eq!(file(&path).unwrap(), b"FROM a\xff\n");
        fs::write(&path, b"\x7fELF\0\0").unwrap();
        assert!(matches!(file(&path), Err(ReadError::Binary(4))));
    }

    #[test]
    fn a_huge_file_is_not_even_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Dockerfile");
        File::create(&path).unwrap().set_len(LIMIT + 1).unwrap();
        assert!(matches!(file(&path), Err(ReadError::TooLarge)));
        assert!(matches!(
            read_to_limit(&mut io::repeat(b'x'), 0),
            Err(ReadError::TooLarge)
        ));
    }

    #[test]
    fn what_is_no_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(file(folder.path()), Err(ReadError::Irregular("a folder"))));
        assert!(matches!(file(&folder.path().join("gone")), Err(ReadError::Missing)));
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink("gone", &link).unwrap();
            assert!(matches!(file(&link), Err(ReadError::Dangling)));
            let socket = folder.path().join("socket");
            let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
            assert!(matches!(file(&socket), Err(ReadError::Irregular("a socket"))));
            assert!(matches!(
                file(Path::new("/dev/zero")),
                Err(ReadError::Irregular("a device"))
            ));
        }
    }
}
