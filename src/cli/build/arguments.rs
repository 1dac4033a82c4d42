//! The arguments of `mbopt build`, and those that `verify` shares with it.

use crate::executor::{EngineName, Network, Output, Platform, Secret, SecretSource};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `mbopt build`.
#[derive(Debug, Args, Default)]
#[command(
    after_help = "Exit codes: 0 built, 1 a step failed or an image cannot be had, 2 usage, engine or I/O,\n4 a file that BuildKit would refuse, 130 Ctrl-C.\n\nExample: mbopt build --engine native -o oci:image ."
)]
pub struct Build {
    /// The build context's folder [default: the current folder]
    #[arg(value_name = "CONTEXT")]
    pub context: Option<PathBuf>,
    /// The Dockerfile [default: CONTEXT/Dockerfile]
    #[arg(short, long, value_name = "FILE", help_heading = "Input")]
    pub file: Option<PathBuf>,
    /// Use this config instead of the nearest mbopt.yaml
    #[arg(long, value_name = "FILE", help_heading = "Input", conflicts_with = "no_config")]
    pub config: Option<PathBuf>,
    /// Use no config
    #[arg(long, help_heading = "Input")]
    pub no_config: bool,
    /// What is built, and how
    #[command(flatten)]
    pub how: How,
    /// Write the image: oci:DIR, docker-archive:FILE (both take :NAME behind), docker:NAME
    #[arg(short, long, value_name = "WHERE", help_heading = "Output", value_parser = output)]
    pub output: Vec<Output>,
    /// How to report: text, json
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub format: BuildFormat,
}

/// How an image is built.
#[derive(Debug, Args, Default, Clone)]
pub struct How {
    /// Who builds: auto, docker, podman, native
    #[arg(
        long,
        env = "MBOPT_ENGINE",
        hide_env = true,
        value_name = "NAME",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Build"
    )]
    pub engine: EngineChoice,
    /// The buildx builder to use, for builds on another machine
    #[arg(long, value_name = "NAME", help_heading = "Build")]
    pub builder: Option<String>,
    /// The `docker` client to use
    #[arg(long, env = "MBOPT_DOCKER", value_name = "FILE", help_heading = "Build", hide = true)]
    pub docker: Option<PathBuf>,
    /// The `podman` or `buildah` to use
    #[arg(long, env = "MBOPT_PODMAN", value_name = "FILE", help_heading = "Build", hide = true)]
    pub podman: Option<PathBuf>,

    /// The stage to build [default: the last one]
    #[arg(long, value_name = "STAGE", help_heading = "Build")]
    pub target: Option<String>,
    /// Set an ARG; without a value it is the environment's
    #[arg(long, value_name = "NAME[=VALUE]", help_heading = "Build")]
    pub build_arg: Vec<String>,
    /// A named context: another folder that COPY --from=NAME takes from
    #[arg(long, value_name = "NAME=DIR", help_heading = "Build", value_parser = named_context)]
    pub build_context: Vec<(String, PathBuf)>,
    /// A secret for RUN --mount=type=secret: id=ID[,src=FILE|,env=NAME]
    #[arg(long, value_name = "SPEC", help_heading = "Build", value_parser = secret)]
    pub secret: Vec<Secret>,
    /// What RUN reaches: default, host, none
    #[arg(
        long,
        env = "MBOPT_NETWORK",
        hide_env = true,
        value_name = "NET",
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Build"
    )]
    pub network: NetworkChoice,
    /// The platform to build for [default: this machine's]
    #[arg(long, value_name = "OS/ARCH", help_heading = "Build", value_parser = platform)]
    pub platform: Option<Platform>,
    /// Run every instruction again
    #[arg(long, help_heading = "Build")]
    pub no_cache: bool,
    /// End the build after so many seconds
    #[arg(long, value_name = "SECONDS", help_heading = "Build")]
    pub timeout: Option<u64>,
}

/// `--engine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum EngineChoice {
    /// The first there is of docker, podman, native.
    #[default]
    Auto,
    /// The bundled one.
    Native,
    /// A Docker Engine.
    Docker,
    /// Podman or Buildah.
    Podman,
}

impl How {
    /// What the environment says (`MBOPT_ENGINE`, `MBOPT_NETWORK`, `MBOPT_DOCKER`, `MBOPT_PODMAN`),
    /// for commands that build on the side and have no arguments for it.
    ///
    /// # Errors
    /// A variable has a value that its argument would not take.
    pub fn of_environment() -> Result<How, String> {
        fn choice<T: ValueEnum + Default>(name: &str) -> Result<T, String> {
            match std::env::var(name) {
                Ok(value) if !value.is_empty() => {
                    T::from_str(&value, true).map_err(|_| format!("{name}: there is no `{value}`"))
                }
                _ => Ok(T::default()),
            }
        }
        Ok(How {
            engine: choice("MBOPT_ENGINE")?,
            network: choice("MBOPT_NETWORK")?,
            docker: std::env::var_os("MBOPT_DOCKER").map(PathBuf::from),
            podman: std::env::var_os("MBOPT_PODMAN").map(PathBuf::from),
            ..How::default()
        })
    }
}

impl EngineChoice {
    /// The engine; none for the first there is.
    pub fn name(self) -> Option<EngineName> {
        match self {
            EngineChoice::Auto => None,
            EngineChoice::Native => Some(EngineName::Native),
            EngineChoice::Docker => Some(EngineName::Docker),
            EngineChoice::Podman => Some(EngineName::Podman),
        }
    }
}

/// `--network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum NetworkChoice {
    /// What the engine gives.
    #[default]
    Default,
    /// The host's.
    Host,
    /// None.
    None,
}

impl From<NetworkChoice> for Network {
    fn from(choice: NetworkChoice) -> Network {
        match choice {
            NetworkChoice::Default => Network::Default,
            NetworkChoice::Host => Network::Host,
            NetworkChoice::None => Network::None,
        }
    }
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum BuildFormat {
    /// For people.
    #[default]
    Text,
    /// mbopt's own, versioned.
    Json,
}

/// Reads `oci:DIR[:NAME]`, `docker-archive:FILE[:NAME]`, `docker:NAME`.
fn output(text: &str) -> Result<Output, String> {
    let wrong = || "write oci:DIR, docker-archive:FILE or docker:NAME".to_owned();
    let (kind, rest) = text
        .split_once(':')
        .filter(|(_, rest)| !rest.is_empty())
        .ok_or_else(wrong)?;
    // A path may hold a colon only in its last part's name, which then counts as the image's.
    let (path, name) = match rest.split_once(':') {
        Some((path, name)) if !path.is_empty() && !name.is_empty() => (path, Some(name.to_owned())),
        _ => (rest, None),
    };
    match kind {
        "oci" => Ok(Output::Oci(PathBuf::from(path), name)),
        "docker-archive" => Ok(Output::DockerArchive(PathBuf::from(path), name)),
        "docker" => Ok(Output::Docker(rest.to_owned())),
        _ => Err(wrong()),
    }
}

fn named_context(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => Ok((name.to_owned(), PathBuf::from(folder))),
        _ => Err("write NAME=DIR".to_owned()),
    }
}

/// Reads `id=ID,src=FILE`, `id=ID,env=NAME`, `id=ID`: the variable of that name, else the file.
fn secret(text: &str) -> Result<Secret, String> {
    let (mut id, mut source) = (None, None);
    for part in text.split(',') {
        match part.split_once('=') {
            Some(("id", value)) if !value.is_empty() => id = Some(value.to_owned()),
            Some(("src" | "source", value)) => source = Some(SecretSource::File(PathBuf::from(value))),
            Some(("env", value)) => source = Some(SecretSource::Env(value.to_owned())),
            Some(("type", "file" | "env")) => {}
            _ => return Err(format!("`{part}` is none of id=, src=, env=")),
        }
    }
    let id = id.ok_or("a secret needs an id: id=ID,src=FILE")?;
    let source = source.unwrap_or_else(|| match std::env::var_os(&id) {
        Some(_) => SecretSource::Env(id.clone()),
        None => SecretSource::File(PathBuf::from(&id)),
    });
    Ok(Secret { id, source })
}

fn platform(text: &str) -> Result<Platform, String> {
    Platform::parse(text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_told_apart() {
        assert_eq!(output("oci:a/b"), Ok(Output::Oci("a/b".into(), None)));
        assert_eq!(
            output("docker-archive:x.tar:app:1"),
            Ok(Output::DockerArchive("x.tar".into(), Some("app:1".into())))
        );
        assert_eq!(output("docker:app:1"), Ok(Output::Docker("app:1".into())));
        for bad in ["oci", "oci:", "tar:x", ""] {
            assert!(output(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_say_where_they_come_from() {
        let of = |text| secret(text).map(|s| (s.id, s.source));
        assert_eq!(of("id=a,src=b"), Ok(("a".into(), SecretSource::File("b".into()))));
        assert_eq!(of("id=a,env=B"), Ok(("a".into(), SecretSource::Env("B".into()))));
        assert!(of("src=b").is_err() && of("id=a,x=y").is_err());
    }
}
