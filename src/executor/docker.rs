//! The `docker` engine: a Docker Engine that answers, building with BuildKit.
//!
//! buildx is used where it is installed; without it a client older than 23 that drives the Engine's
//! own BuildKit. A newer client without buildx can only use the legacy builder, which is never done:
//! it builds stages that nobody needs, and knows neither mounts nor heredocs.

mod build;

use super::cancel::Cancel;
use super::client::Client;
use super::contents::ImageContents;
use super::engine::{
    BuildRequest, BuiltImage, Container, ContainerNetwork, ContainerSpec, Engine, EngineName, ImageId, Output,
};
use super::error::Error;
use super::event::Sink;
use super::process::Program;
use serde_json::Value;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

/// For the first answers; a daemon that has just been started may take a while.
const FIRST: Duration = Duration::from_secs(20);

/// The first client that needs buildx for BuildKit.
const NEEDS_BUILDX: u32 = 23;

/// The first Engine that is given two builds at the same moment. The BuildKit of 20.10 takes the whole
/// Engine down where it finds an image's layer by an entry that has just been pruned
/// (moby/buildkit#2153), and two builds that begin together were seen to do that.
const BUILDS_AT_ONCE: u32 = 23;

/// How BuildKit is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Builder {
    /// Through the buildx plugin.
    Buildx,
    /// `docker build` with `DOCKER_BUILDKIT=1`.
    Engine,
}

/// A Docker Engine.
#[derive(Debug)]
pub struct Docker {
    client: Client,
    builder: Builder,
    version: String,
    endpoint: String,
    /// Whether there is a bridge for containers.
    bridge: bool,
}

impl Docker {
    /// The Engine that answers the client program named, or the first of the PATH that can be used.
    /// `DOCKER_HOST` and the current context decide which Engine it is. Leftovers of processes that
    /// are gone are removed.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: no client, no answer, or no way to BuildKit.
    pub fn find(named: Option<&OsStr>, path: Option<&OsStr>) -> Result<Docker, Error> {
        let candidates = match named {
            Some(named) => vec![PathBuf::from(named)],
            None => Program::on_path("docker", path),
        };
        let mut why = None;
        for candidate in candidates {
            match Docker::of(candidate) {
                Ok(docker) => {
                    docker.client.sweep();
                    return Ok(docker);
                }
                Err(error) => why = why.or(Some(error)),
            }
        }
        Err(why.unwrap_or_else(|| {
            unavailable(
                "there is no `docker` on the PATH",
                "install Docker (packages docker.io or docker-ce-cli), or use `--engine native`",
            )
        }))
    }

    fn of(path: PathBuf) -> Result<Docker, Error> {
        let program = Program::new(path)
            .with_env("DOCKER_BUILDKIT", "1")
            .with_env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
            .with_env("DOCKER_CLI_HINTS", "false");
        let shown = program.path().display().to_string();
        let asked = program.run(["version", "--format", "{{json .}}"], Some(FIRST), &Cancel::new());
        let answer = asked
            .map_err(|error| unavailable(&format!("{shown}: {error}"), "name a client that works in MBOPT_DOCKER"))?;
        let versions: Value = serde_json::from_str(&answer.text()).unwrap_or(Value::Null);
        let version = |side: &str| versions.get(side)?.get("Version")?.as_str().map(str::to_owned);
        let Some(server) = version("Server") else {
            return Err(unavailable(
                &format!("no Docker Engine answers: {}", answer.complaint()),
                "start it (`systemctl start docker`), say where it is with DOCKER_HOST, or use `--engine native`",
            ));
        };
        let client = version("Client").unwrap_or_default();
        let buildx = program
            .run(["buildx", "version"], Some(FIRST), &Cancel::new())
            .is_ok_and(|done| done.status.success());
        let builder = if buildx {
            Builder::Buildx
        } else if major(&client) < NEEDS_BUILDX {
            Builder::Engine
        } else {
            return Err(unavailable(
                &format!("{shown} is version {client}, which needs the buildx plugin to build with BuildKit"),
                "install it (packages docker-buildx or docker-buildx-plugin), or name an older client in MBOPT_DOCKER",
            ));
        };
        let client = Client::new(program);
        let endpoint = match std::env::var("DOCKER_HOST") {
            Ok(host) if !host.is_empty() => host,
            _ => client
                .ask(&["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
                .unwrap_or_default(),
        };
        let bridge = client
            .ask(&["network", "ls", "--quiet", "--filter", "name=^bridge$"])
            .is_ok_and(|found| !found.is_empty());
        Ok(Docker {
            client,
            builder,
            version: server,
            endpoint: without_credentials(&endpoint),
            bridge,
        })
    }
}

fn unavailable(why: &str, help: &str) -> Error {
    Error::Unavailable {
        engine: EngineName::Docker,
        why: why.to_owned(),
        help: help.to_owned(),
    }
}

fn major(version: &str) -> u32 {
    version.split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// `ssh://user:password@host` without what stands before the `@`.
fn without_credentials(endpoint: &str) -> String {
    match (endpoint.split_once("://"), endpoint.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        _ => endpoint.to_owned(),
    }
}

impl Engine for Docker {
    fn name(&self) -> EngineName {
        EngineName::Docker
    }

    fn describe(&self) -> String {
        let how = match self.builder {
            Builder::Buildx => "buildx",
            Builder::Engine => "BuildKit without buildx",
        };
        let mut text = format!("Docker Engine {} ({how})", self.version);
        if !self.endpoint.is_empty() {
            text.push_str(" at ");
            text.push_str(&self.endpoint);
        }
        text
    }

    fn build(&self, request: &BuildRequest, events: &dyn Sink, cancel: &Cancel) -> Result<BuiltImage, Error> {
        build::build(&self.client, &self.builder, request, events, cancel)
    }

    // BuildKit merges what is equal in the graphs that it works on.
    fn shares_steps(&self) -> bool {
        major(&self.version) >= BUILDS_AT_ONCE
    }

    fn contents(&self, image: &ImageId, cancel: &Cancel) -> Result<ImageContents, Error> {
        self.client.contents(image, cancel)
    }

    fn create(&self, spec: &ContainerSpec) -> Result<Box<dyn Container>, Error> {
        let network = match spec.network {
            ContainerNetwork::Own if self.bridge => "bridge",
            ContainerNetwork::Own | ContainerNetwork::None => "none",
            ContainerNetwork::Host => "host",
        };
        Ok(Box::new(self.client.create(spec, network)?))
    }

    fn export(&self, image: &ImageId, to: &Output, _: &dyn Sink, cancel: &Cancel) -> Result<(), Error> {
        match to {
            Output::Docker(name) => self.client.tag(image, name),
            Output::DockerArchive(path, None) => self.client.save(&image.0, path, cancel),
            Output::DockerArchive(_, Some(_)) | Output::Oci(..) => Err(Error::Unsupported {
                engine: EngineName::Docker,
                what: "writing this kind of image".to_owned(),
                help: Some("use `-o docker:NAME` or `-o docker-archive:FILE`".to_owned()),
            }),
        }
    }

    fn remove(&self, image: &ImageId) -> Result<(), Error> {
        self.client.remove(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_shows_no_credentials() {
        assert_eq!(
            without_credentials("unix:///run/docker.sock"),
            "unix:///run/docker.sock"
        );
        assert_eq!(without_credentials("ssh://me:secret@host:22"), "ssh://host:22");
    }

    #[test]
    fn an_absent_client_is_named() {
        let error = Docker::find(Some(OsStr::new("/nonexistent/docker")), None).expect_err("it is not there");
        assert!(error.to_string().contains("/nonexistent/docker"), "{error}");
        let error = Docker::find(None, Some(OsStr::new("/nonexistent"))).expect_err("there is none");
        assert!(error.help().is_some_and(|help| help.contains("native")), "{error}");
    }
}
