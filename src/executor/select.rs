//! Which engine to use.

use super::docker::Docker;
use super::engine::{Engine, EngineName};
use super::error::Error;
use super::podman::Podman;
use crate::config::Registries;
use std::ffi::OsString;

/// Where engines are looked for, and what the settings say to them.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// PATH.
    pub path: Option<OsString>,
    /// The `docker` client to use instead of the PATH's.
    pub docker: Option<OsString>,
    /// The `podman` or `buildah` to use instead of the PATH's.
    pub podman: Option<OsString>,
    /// How the bundled engine reaches registries.
    pub registries: Registries,
}

/// An engine, and why it is this one.
pub struct Chosen {
    /// The engine.
    pub engine: Box<dyn Engine>,
    /// One line: what it is, and what was not there.
    pub why: String,
}

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chosen").field("why", &self.why).finish_non_exhaustive()
    }
}

/// The engine of that name; without one the first that can be used of docker, podman, native.
///
/// # Errors
/// [`Error::Unavailable`], of the one that was wanted, or of the last that was looked for.
pub fn choose(wanted: Option<EngineName>, places: &Places) -> Result<Chosen, Error> {
    if let Some(name) = wanted {
        let engine = find(name, places)?;
        let why = engine.describe();
        return Ok(Chosen { engine, why });
    }
    let mut absent = Vec::new();
    let mut last = None;
    for name in [EngineName::Docker, EngineName::Podman, EngineName::Native] {
        match find(name, places) {
            Ok(engine) => {
                let mut why = engine.describe();
                if !absent.is_empty() {
                    why.push_str(" (");
                    why.push_str(&absent.join("; "));
                    why.push(')');
                }
                return Ok(Chosen { engine, why });
            }
            Err(error) => {
                absent.push(match &error {
                    Error::Unavailable { engine, why, .. } => format!("not {engine}: {}", first_line(why)),
                    other => other.to_string(),
                });
                last = Some(error);
            }
        }
    }
    Err(last.unwrap_or(Error::Cancelled))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn find(name: EngineName, places: &Places) -> Result<Box<dyn Engine>, Error> {
    match name {
        EngineName::Docker => Ok(Box::new(Docker::find(
            places.docker.as_deref(),
            places.path.as_deref(),
        )?)),
        EngineName::Podman => Ok(Box::new(Podman::find(
            places.podman.as_deref(),
            places.path.as_deref(),
        )?)),
        #[cfg(target_os = "linux")]
        EngineName::Native => {
            // Without root, this starts the program again in a user namespace.
            super::native::userns::ensure()?;
            Ok(Box::new(
                super::native::engine::Native::new()?.through((&places.registries).into()),
            ))
        }
        #[cfg(not(target_os = "linux"))]
        EngineName::Native => Err(Error::Unavailable {
            engine: name,
            why: "it works on Linux only".to_owned(),
            help: "use another engine: `--engine docker`".to_owned(),
        }),
    }
}
