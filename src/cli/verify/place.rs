//! Where a Dockerfile and its context are, and copies of contexts.

use super::Failure;
use std::io;
use std::path::{Path, PathBuf};

/// A Dockerfile and its build context's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    pub context: PathBuf,
}

impl Place {
    /// From what was given: a Dockerfile, or a folder with one.
    ///
    /// # Errors
    /// There is no such file, or the context is no folder.
    pub fn of(given: Option<&Path>, context: Option<&Path>) -> Result<Place, Failure> {
        let given = given.unwrap_or(Path::new("."));
        let file = match given.is_dir() {
            true => dockerfile_in(given).unwrap_or_else(|| super::super::build::dockerfile_in(given)),
            false => given.to_owned(),
        };
        if !file.exists() {
            return Err(Failure::Usage(match given.is_dir() {
                true => format!("no Dockerfile found in {}", given.display()),
                false => format!("{}: no such file or folder", given.display()),
            }));
        }
        // Nobody writes `./Dockerfile`.
        let file = file.strip_prefix(".").map_or(file.clone(), Path::to_owned);
        let context = match context {
            Some(context) => context.to_owned(),
            None => match file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
                _ => PathBuf::from("."),
            },
        };
        match context.is_dir() {
            true => Ok(Place { file, context }),
            false => Err(Failure::Usage(format!(
                "the build context {} is no folder",
                context.display()
            ))),
        }
    }
}

/// The Dockerfile in a folder, by one of its usual names.
pub fn dockerfile_in(folder: &Path) -> Option<PathBuf> {
    ["Dockerfile", "Containerfile", "dockerfile"]
        .iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// A copy of the context in which `file` is a little longer: a line end more changes no program, and
/// every cache.
///
/// # Errors
/// A file cannot be read, or there is no space.
pub fn changed_copy(context: &Path, file: &Path) -> Result<tempfile::TempDir, Failure> {
    let failed = |path: &Path, error: io::Error| Failure::Usage(format!("{}: {error}", path.display()));
    let copy = tempfile::Builder::new()
        .prefix("mbopt-")
        .tempdir()
        .map_err(|error| failed(context, error))?;
    for entry in ignore::WalkBuilder::new(context).standard_filters(false).build() {
        let entry = entry.map_err(|error| Failure::Usage(error.to_string()))?;
        let Ok(relative) = entry.path().strip_prefix(context) else {
            continue;
        };
        let to = copy.path().join(relative);
        let Some(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            std::fs::create_dir_all(&to).map_err(|error| failed(&to, error))?;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &to).map_err(|error| failed(entry.path(), error))?;
        } else if kind.is_symlink() {
            link(entry.path(), &to).map_err(|error| failed(entry.path(), error))?;
        }
    }
    let changed = copy.path().join(file);
    let append = |path: &Path| -> io::Result<()> {
        let mut file = std::fs::OpenOptions::new().append(true).open(path)?;
        io::Write::write_all(&mut file, b"\n")
    };
    append(&changed).map_err(|error| failed(&context.join(file), error))?;
    Ok(copy)
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(std::fs::read_link(from)?, to)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}
