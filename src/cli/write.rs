//! Writing fixed files. Whoever looks sees the old file or the new one, whenever we are killed.

use super::read::irregular;
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
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
    /// There is a file already.
    #[error("not written: there is one by now, with another text")]
    Exists,
    /// Neither the folder nor the one above it exists.
    #[error("cannot be written: there is no folder {}", .0.display())]
    Nowhere(PathBuf),
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

/// Makes the file `name`, given relative to `folder` with `/` between its parts, which nothing may
/// stand in the way of: a file that is there is never written over. Where it holds this text
/// already, all is well.
///
/// # Errors
/// See [`WriteError`].
pub fn create(folder: &Path, name: &str, text: &[u8]) -> Result<(), WriteError> {
    let root = fs::canonicalize(folder)?;
    let plain = Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
    let path = root.join(name);
    let Some(parent) = path.parent().filter(|_| plain) else {
        return Err(WriteError::Outside(folder.to_owned()));
    };
    let parent = fs::canonicalize(parent)?;
    if !parent.starts_with(&root) {
        return Err(WriteError::Outside(folder.to_owned()));
    }
    let mut builder = tempfile::Builder::new();
    builder.prefix(".mbopt-");
    common_mode(&mut builder);
    let mut file = builder.tempfile_in(&parent)?;
    file.write_all(text)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(&path) {
        Ok(_) => {
            sync_folder(&parent);
            Ok(())
        }
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            let regular = fs::symlink_metadata(&path).is_ok_and(|m| irregular(&m).is_none());
            if regular && fs::read(&path)? == text {
                Ok(())
            } else {
                Err(WriteError::Exists)
            }
        }
        Err(error) => Err(WriteError::Io(error.error)),
    }
}

/// The mode that any new file gets, instead of a temporary one's.
#[cfg(unix)]
fn common_mode(builder: &mut tempfile::Builder<'_, '_>) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(0o666));
}

#[cfg(not(unix))]
fn common_mode(_builder: &mut tempfile::Builder<'_, '_>) {}

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
            make_folder(path)?;
            Ok(fs::write(path, bytes)?)
        }
    }
}

/// Makes the folder of a file that is to be written.
fn make_folder(path: &Path) -> Result<(), WriteError> {
    check_folder(path)?;
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => Ok(fs::create_dir_all(folder)?),
        None => Ok(()),
    }
}

/// Whether the folder of a file that is to be written is there, or may be made: below the current
/// folder as deep as it is named (`reports/lint/today.json`), elsewhere only the last one, since a path
/// that leads nowhere is more likely a mistake there.
///
/// # Errors
/// It leads nowhere.
pub fn check_folder(path: &Path) -> Result<(), WriteError> {
    let folders = path.ancestors().skip(1);
    let Some(folder) = path.parent() else { return Ok(()) };
    let elsewhere = folder.has_root() || folder.components().any(|part| part == Component::ParentDir);
    let missing: Vec<&Path> = folders
        .take_while(|folder| !folder.as_os_str().is_empty() && !folder.exists())
        .collect();
    match missing.get(1) {
        Some(above) if elsewhere => Err(WriteError::Nowhere((*above).to_owned())),
        _ => Ok(()),
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

    #[test]
    fn reports_make_folders_that_are_near() {
        let (folder, _) = sample();
        let near = folder.path().join("reports/x.json");
        report(&near, b"x").unwrap();
        assert!(near.exists());
        let far = folder.path().join("no/such/folder/x.json");
        let error = report(&far, b"x").unwrap_err();
        let above = folder.path().join("no/such");
        assert!(matches!(&error, WriteError::Nowhere(path) if *path == above), "{error}");
        assert!(!folder.path().join("no").exists());
        assert!(check_folder(Path::new("a/b/c/x.json")).is_ok() && check_folder(Path::new("x.json")).is_ok());
        assert!(check_folder(Path::new("../no-such-folder/at/all/x.json")).is_err());
    }

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
    fn a_new_file_never_takes_the_place_of_another() {
        let (folder, path) = sample();
        create(folder.path(), ".dockerignore", b"a\n").unwrap();
        create(folder.path(), ".dockerignore", b"a\n").unwrap();
        assert!(matches!(
            create(folder.path(), ".dockerignore", b"b\n"),
            Err(WriteError::Exists)
        ));
        assert!(matches!(
            create(folder.path(), "Dockerfile", b"b"),
            Err(WriteError::Exists)
        ));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read(folder.path().join(".dockerignore")).unwrap(), b"a\n");
        for name in ["../x", "/x", "a/../../x", ""] {
            assert!(create(folder.path(), name, b"").is_err(), "{name}");
        }
        assert_eq!(names(folder.path()), [".dockerignore", "Dockerfile"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_made_through_no_link_and_with_a_common_mode() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let (folder, path) = sample();
        let other = tempfile::tempdir().unwrap();
        symlink(other.path(), folder.path().join("out")).unwrap();
        symlink("nowhere", folder.path().join("broken")).unwrap();
        assert!(matches!(
            create(folder.path(), "out/x", b""),
            Err(WriteError::Outside(_))
        ));
        assert!(matches!(create(folder.path(), "broken", b""), Err(WriteError::Exists)));
        assert!(names(other.path()).is_empty());
        create(folder.path(), "new", b"").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&folder.path().join("new")), mode(&path));
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
