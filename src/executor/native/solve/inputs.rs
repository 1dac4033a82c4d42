//! The build's contexts.

use crate::context::Ignore;
use crate::executor::engine::BuildRequest;
use crate::executor::error::Error;
use crate::executor::native::tree::Rooted;
use std::fs;
use std::io;
use std::path::Path;

/// A folder and what is left out of it.
#[derive(Debug)]
pub struct Context {
    /// It.
    pub root: Rooted,
    /// Its `.dockerignore`.
    pub ignore: Ignore,
}

/// The build context and the named ones.
#[derive(Debug)]
pub struct Inputs<'a> {
    main: Context,
    named: Vec<(&'a str, Context)>,
}

impl<'a> Inputs<'a> {
    /// Opens them.
    ///
    /// # Errors
    /// A folder is missing, or an ignore file is one that Docker refuses.
    pub fn open(request: &'a BuildRequest) -> Result<Inputs<'a>, Error> {
        let own = request.own_ignore_file();
        let files = |name: &str| crate::executor::native::frontend::image_context(request, name).is_none();
        let named = request.named_contexts.iter().filter(|(name, _)| files(name));
        Ok(Inputs {
            main: open(&request.context, own.as_deref())?,
            named: named
                .map(|(name, folder)| Ok((name.as_str(), open(folder, None)?)))
                .collect::<Result<_, Error>>()?,
        })
    }

    /// The build context.
    pub fn main(&self) -> &Context {
        &self.main
    }

    /// A named context.
    pub fn named(&self, name: &str) -> Option<&Context> {
        self.named
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, context)| context)
    }
}

/// A regular file's content; never waits for a pipe.
fn regular(path: &Path) -> io::Result<Vec<u8>> {
    match fs::metadata(path)?.is_file() {
        true => fs::read(path),
        false => Err(io::Error::other("it is no regular file")),
    }
}

fn open(folder: &Path, own: Option<&Path>) -> Result<Context, Error> {
    let root = Rooted::open(folder).map_err(|errno| Error::io("open the build context", folder)(errno.into()))?;
    let usual = folder.join(".dockerignore");
    let mut ignore = Ignore::default();
    for path in own.into_iter().chain([usual.as_path()]) {
        match regular(path) {
            Ok(bytes) => {
                ignore = Ignore::parse(&String::from_utf8_lossy(&bytes));
                if let Some(problem) = ignore.problems().first() {
                    return Err(Error::Dockerfile {
                        file: path.display().to_string(),
                        line: problem.line,
                        message: problem.kind.to_string(),
                        help: None,
                    });
                }
                break;
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(Error::io("read", path)(error)),
        }
    }
    Ok(Context { root, ignore })
}
