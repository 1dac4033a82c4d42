//! Writing fixed files. Whoever looks sees the old file or the new one, whenever we are killed.

use super::read::irregular;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a file was not written. It is then as it was.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The path leads out of the linted tree.
    #[error("not written: it is a symbolic link that leads out of {}", .0.display())]
    Outside(PathBuf),
    /// Not a regular file.
    #[error("not written: it is {0}, not a regular file")]
    Irregular(&'static str),
    /// Write protected.
    #[error("not written: it is write-protected")]
    Protected,
    /// Somebody else wrote it.
    #[error("not written: it changed since it was read")]
    Changed,
    /// The system says no.
    #[error("cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// Puts `new` in the place of a file that held `old` when it was read, with the same mode and,
/// where the system lets us, the same owner. `tree` is the folder that the path must not leave
/// through symbolic links; a link within it stays, and its target is written.
///
/// # Errors
/// See [`WriteError`].
pub fn replace(path: &Path, tree: &Path, old: &[u8], new: &[u8]) -> Result<(), WriteError> {
    let target = fs::canonicalize(path)?;
    let root = fs::canonicalize(tree)?;
    if !target.starts_with(&root) {
        return Err(WriteError::Outside(tree.to_owned()));
    }
    let before = fs::symlink_metadata(&target)?;
    if let Some(kind) = irregular(&before) {
        return Err(WriteError::Irregular(kind));
    }
    if before.permissions().readonly() {
        return Err(WriteError::Protected);
    }
    let folder = target.parent().unwrap_or(&root);
    let mut file = tempfile::Builder::new().prefix(".mbopt-").tempfile_in(folder)?;
    file.write_all(new)?;
    keep_owner(file.as_file(), &before);
    file.as_file().set_permissions(before.permissions())?;
    file.as_file().sync_all()?;
    // As late as can be: between here and the rename nothing else is done.
    if fs::read(&target)? != old {
        return Err(WriteError::Changed);
    }
    file.persist(&target).map_err(|error| WriteError::Io(error.error))?;
    sync_folder(folder);
    Ok(())
}

/// Writes a report whole, or not at all where that can be had: a file that exists and is no
/// regular one (`/dev/stderr`) is written to as it is.
///
/// # Errors
/// Where the system says no.
pub fn report(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    match fs::metadata(path) {
        Ok(there) if irregular(&there).is_some() => {
            fs::OpenOptions::new().write(true).open(path)?.write_all(bytes)?;
            Ok(())
        }
        Ok(_) => Ok(fs::write(path, bytes)?),
        Err(_) => {
            let folder = path
                .parent()
                .filter(|p| !p.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            fs::create_dir_all(folder)?;
            Ok(fs::write(path, bytes)?)
        }
    }
}

/// Gives the file the owner that the old one had; not being allowed to is no reason to stop.
#[cfg(unix)]
fn keep_owner(file: &fs::File, before: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let ours = file.metadata().map(|m| (m.uid(), m.gid())).ok();
    if ours != Some((before.uid(), before.gid())) && fchown(file, Some(before.uid()), Some(before.gid())).is_err() {
        // The group alone may be allowed.
        let _ = fchown(file, None, Some(before.gid()));
    }
}

#[cfg(not(unix))]
fn keep_owner(_file: &fs::File, _before: &fs::Metadata) {}

/// Makes the rename itself last; some file systems cannot, and then it need not.
#[cfg(unix)]
fn sync_folder(folder: &Path) {
    if let Ok(folder) = fs::File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Dockerfile");
        fs::write(&path, "old").unwrap();
        (folder, path)
    }

    /// Names in a folder, to see that nothing is left behind.
    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_new_text_comes_and_nothing_is_left_behind() {
        let (folder, path) = sample();
        replace(&path, folder.path(), b"old", b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["Dockerfile"]);
    }

    #[test]
    fn a_file_that_changed_since_stays() {
        let (folder, path) = sample();
        assert!(matches!(
            replace(&path, folder.path(), b"older", b"new"),
            Err(WriteError::Changed)
        ));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["Dockerfile"]);
    }

    #[cfg(unix)]
    #[test]
    fn the_mode_is_kept() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, path) = sample();
        for mode in [0o640, 0o755, 0o600] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let old = fs::read(&path).unwrap();
            replace(&path, folder.path(), &old, format!("{mode}").as_bytes()).unwrap();
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, mode);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let old = fs::read(&path).unwrap();
        assert!(matches!(
            replace(&path, folder.path(), &old, b"x"),
            Err(WriteError::Protected)
        ));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_tree_is_refused_and_one_within_is_followed() {
        use std::os::unix::fs::symlink;
        let (outside, victim) = sample();
        let tree = tempfile::tempdir().unwrap();
        let link = tree.path().join("Dockerfile");
        symlink(&victim, &link).unwrap();
        assert!(matches!(
            replace(&link, tree.path(), b"old", b"new"),
            Err(WriteError::Outside(_))
        ));
        symlink(outside.path(), tree.path().join("sub")).unwrap();
        assert!(matches!(
            replace(&tree.path().join("sub/Dockerfile"), tree.path(), b"old", b"new"),
            Err(WriteError::Outside(_))
        ));
        assert_eq!(fs::read(&victim).unwrap(), b"old");

        let target = tree.path().join("real");
        fs::write(&target, "old").unwrap();
        let inner = tree.path().join("inner");
        symlink("real", &inner).unwrap();
        replace(&inner, tree.path(), b"old", b"new").unwrap();
        assert!(fs::symlink_metadata(&inner).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
    }

    #[test]
    fn whoever_reads_meanwhile_sees_the_old_text_or_the_new() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let (folder, path) = sample();
        let texts = ["a".repeat(200_000), "b".repeat(300_000)];
        fs::write(&path, &texts[0]).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut looks = 0;
                while !done.load(Ordering::Relaxed) || looks == 0 {
                    let seen = fs::read_to_string(&path).unwrap();
                    assert!(texts.contains(&seen), "{} bytes", seen.len());
                    looks += 1;
                }
            });
            for i in 0..60 {
                replace(
                    &path,
                    folder.path(),
                    texts[i % 2].as_bytes(),
                    texts[(i + 1) % 2].as_bytes(),
                )
                .unwrap();
            }
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap();
        });
    }
}
