//! What every engine can do.

use super::cancel::Cancel;
use super::config::{ImageConfig, Platform};
use super::contents::ImageContents;
use super::digest::Digest;
use super::error::Error;
use super::event::Sink;
use super::trace::Trace;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

/// The label that every image and container made here has, with the id of the process that made it
/// as value where an engine has no better way to know its leftovers.
pub const LABEL: &str = "mbopt";

/// The engines there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EngineName {
    /// The bundled one; needs no daemon.
    Native,
    /// A Docker Engine, with BuildKit.
    Docker,
    /// Podman or Buildah.
    Podman,
}

impl EngineName {
    /// As `--engine` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            EngineName::Native => "native",
            EngineName::Docker => "docker",
            EngineName::Podman => "podman",
        }
    }
}

impl fmt::Display for EngineName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Builds images, looks into them, runs containers.
///
/// Calls block; they may come from several threads at once.
pub trait Engine: Send + Sync {
    /// Which one it is.
    fn name(&self) -> EngineName;

    /// For people: `Docker Engine 20.10 (BuildKit without buildx) at unix:///...`. Never a credential.
    fn describe(&self) -> String;

    /// Builds an image. It stays until [`remove`](Self::remove).
    ///
    /// # Errors
    /// [`Error::Step`] where a step failed, [`Error::Dockerfile`] where the file is wrong,
    /// [`Error::Image`] where a base image cannot be had; nothing is left behind then.
    fn build(&self, request: &BuildRequest, events: &dyn Sink, cancel: &Cancel) -> Result<BuiltImage, Error>;

    /// Whether steps that two builds at the same time have in common run once, so that to build both at
    /// once costs no more than one after the other.
    fn shares_steps(&self) -> bool {
        false
    }

    /// An image's config and layers, to be looked into. What it borrows from the engine (an unpacked
    /// archive, locks) is given back when the value is dropped.
    ///
    /// # Errors
    /// The image is gone, or the disk is full.
    fn contents(&self, image: &ImageId, cancel: &Cancel) -> Result<ImageContents, Error>;

    /// Fills in the compressed sizes that an image's contents do not have yet; may take a while.
    ///
    /// # Errors
    /// A layer cannot be read, or `cancel` asks for the end.
    fn measure(&self, contents: &mut ImageContents, cancel: &Cancel) -> Result<(), Error> {
        #[cfg(target_os = "linux")]
        contents.measure(cancel)?;
        #[cfg(not(target_os = "linux"))]
        let _ = (contents, cancel);
        Ok(())
    }

    /// Makes a container, not started.
    ///
    /// # Errors
    /// The image is gone, or the engine refuses the specification.
    fn create(&self, spec: &ContainerSpec) -> Result<Box<dyn Container>, Error>;

    /// Writes an image elsewhere.
    ///
    /// # Errors
    /// The destination cannot be written; a half-written one is taken away.
    fn export(&self, image: &ImageId, to: &Output, events: &dyn Sink, cancel: &Cancel) -> Result<(), Error>;

    /// Forgets an image that [`build`](Self::build) made. One that is gone already is no error.
    ///
    /// # Errors
    /// The engine does not answer.
    fn remove(&self, image: &ImageId) -> Result<(), Error>;
}

/// An image of one engine: its config's digest, or what else that engine calls it by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageId(pub String);

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What to build.
#[derive(Debug, Clone, Default)]
pub struct BuildRequest {
    /// The Dockerfile's text; it need not be what is on the disk.
    pub dockerfile: String,
    /// Its path, for messages and for its own `.dockerignore`. May not exist.
    pub dockerfile_name: PathBuf,
    /// The build context's folder.
    pub context: PathBuf,
    /// The stage to build; the last one if none.
    pub target: Option<String>,
    /// `--build-arg`: name and value, in order.
    pub build_args: Vec<(String, String)>,
    /// For `RUN --mount=type=secret`.
    pub secrets: Vec<Secret>,
    /// What RUN can reach unless it says otherwise.
    pub network: Network,
    /// Runs every instruction again.
    pub no_cache: bool,
    /// The platform to build for; the machine's if none.
    pub platform: Option<Platform>,
    /// `--build-context name=folder`. For the native engine it may be an image, too: a `docker save`
    /// archive, or a folder that is an OCI layout.
    pub named_contexts: Vec<(String, PathBuf)>,
    /// When to give up.
    pub limits: Limits,
    /// The name of a buildx builder (docker only).
    pub builder: Option<String>,
    /// The image is for the user: it gets no label of mbopt's, so that the next run does not take it
    /// for a leftover. Such an image should get a name.
    pub keep: bool,
}

impl BuildRequest {
    /// Where the Dockerfile's own ignore file would be, which goes before the context's; none for a
    /// text without a name.
    pub fn own_ignore_file(&self) -> Option<PathBuf> {
        self.dockerfile_name.file_name()?;
        let mut own = self.dockerfile_name.clone().into_os_string();
        own.push(".dockerignore");
        Some(PathBuf::from(own))
    }
}

/// A secret for `RUN --mount=type=secret`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// Its id.
    pub id: String,
    /// Where its value comes from.
    pub source: SecretSource,
}

/// Where a secret's value comes from. The value itself is never held here, so that it cannot be
/// printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file.
    File(PathBuf),
    /// An environment variable of this process.
    Env(String),
}

/// What a RUN can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Network {
    /// What the engine gives by default: the host's network for the native engine, a bridge for
    /// Docker's and Podman's.
    #[default]
    Default,
    /// The host's network.
    Host,
    /// Nothing but its own loopback.
    None,
}

/// When to give up. None is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// For one step, or a container's life.
    pub step: Option<Duration>,
    /// For the whole build.
    pub build: Option<Duration>,
    /// Processes (threads count) at a time.
    pub processes: Option<u64>,
    /// Bytes that a build may add to the disk.
    pub disk: Option<u64>,
    /// Bytes of memory of a step or a container.
    pub memory: Option<u64>,
}

/// An image that was built.
#[derive(Debug, Clone)]
pub struct BuiltImage {
    /// What to call it by.
    pub id: ImageId,
    /// Its config.
    pub config: ImageConfig,
    /// Its steps, in the order in which they began. Steps of other stages that it needed are among
    /// them.
    pub steps: Vec<StepReport>,
}

/// One instruction of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepReport {
    /// The stage's name or number.
    pub stage: Option<String>,
    /// The instruction on one line, variables expanded.
    pub instruction: String,
    /// Its first line in the Dockerfile, from 1; 0 where the engine does not say.
    pub line: usize,
    /// It was in the cache.
    pub cached: bool,
    /// How long it took.
    pub millis: u64,
    /// The layer it made, by diff id, where the engine says so.
    pub layer: Option<Digest>,
}

/// Where an image is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// An OCI layout in a folder, with a name for the image in it.
    Oci(PathBuf, Option<String>),
    /// A `docker save` archive, with a name for the image in it.
    DockerArchive(PathBuf, Option<String>),
    /// Under a name in the Docker Engine that answers.
    Docker(String),
}

/// What a container can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ContainerNetwork {
    /// A network of its own, which this machine can reach: a bridge, or a loopback that
    /// [`Container::pid`]'s namespace leads to.
    #[default]
    Own,
    /// The host's.
    Host,
    /// Nothing but its own loopback.
    None,
}

/// A container to be made.
#[derive(Debug, Clone)]
pub struct ContainerSpec {
    /// Of this image.
    pub image: ImageId,
    /// Instead of the image's CMD.
    pub args: Option<Vec<String>>,
    /// Instead of the image's ENTRYPOINT; `Some(vec![])` runs `args` alone.
    pub entrypoint: Option<Vec<String>>,
    /// Added to the image's.
    pub env: Vec<(String, String)>,
    /// Instead of the image's USER.
    pub user: Option<String>,
    /// Instead of the image's WORKDIR.
    pub working_dir: Option<String>,
    /// What it can reach.
    pub network: ContainerNetwork,
    /// Added to the image's and to [`LABEL`].
    pub labels: BTreeMap<String, String>,
    /// When it is ended.
    pub limits: Limits,
    /// Whether [`Container::trace`] will be asked for.
    pub trace: bool,
}

impl ContainerSpec {
    /// The image as it would start by itself, in a network of its own.
    pub fn new(image: ImageId) -> ContainerSpec {
        ContainerSpec {
            image,
            args: None,
            entrypoint: None,
            env: Vec::new(),
            user: None,
            working_dir: None,
            network: ContainerNetwork::default(),
            labels: BTreeMap::new(),
            limits: Limits::default(),
            trace: false,
        }
    }
}

/// A container. Dropping it kills what runs in it and removes it.
pub trait Container: Send {
    /// Its name or id, for messages.
    fn id(&self) -> String;

    /// Starts its first process.
    ///
    /// # Errors
    /// The process cannot be started: no such executable, no permission.
    fn start(&mut self) -> Result<(), Error>;

    /// Waits for its first process to end, at most so long; none while it still runs.
    ///
    /// # Errors
    /// The engine does not answer.
    fn wait(&mut self, at_most: Duration) -> Result<Option<Exit>, Error>;

    /// What it wrote so far; the first MiB of each stream.
    ///
    /// # Errors
    /// The engine does not answer.
    fn logs(&self) -> Result<Logs, Error>;

    /// Runs another process in it.
    ///
    /// # Errors
    /// It cannot be started, or took longer ([`Error::Limit`]); it is ended then.
    fn exec(&self, args: &[String], at_most: Duration) -> Result<ExecOutput, Error>;

    /// Its first process as the host sees it, while it runs and where that can be known: its
    /// namespaces are under `/proc/PID/ns`, its files under `/proc/PID/root`.
    fn pid(&self) -> Option<u32>;

    /// The address at which this machine reaches it; none where it has no network of its own, or
    /// where only [`pid`](Self::pid)'s network namespace leads to it.
    fn address(&self) -> Option<std::net::IpAddr> {
        None
    }

    /// Connects to a TCP port in it.
    ///
    /// # Errors
    /// Nobody listens there, or there is no way to it ([`io::ErrorKind::Unsupported`]).
    fn dial(&self, port: u16, at_most: Duration) -> io::Result<TcpStream> {
        super::dial::dial(self.address(), self.pid(), port, at_most)
    }

    /// The TCP ports that are listened on in its network; none where that cannot be seen.
    fn listening(&self) -> Option<BTreeSet<u16>> {
        self.pid().and_then(super::dial::listening)
    }

    /// Whether SIGTERM does nothing to its first process, where that can be seen: to stop it by that is
    /// to wait for the kill.
    fn ignores_term(&self) -> bool {
        self.pid().is_some_and(super::deaf::ignores_term)
    }

    /// Sends the image's stop signal, and kills it where it still runs after `grace`.
    ///
    /// # Errors
    /// The engine does not answer.
    fn stop(&mut self, grace: Duration) -> Result<Stopped, Error>;

    /// What its processes opened and executed so far, where [`ContainerSpec::trace`] asked for it. It
    /// is told once.
    ///
    /// # Errors
    /// Why nobody could look.
    fn trace(&mut self) -> Result<Trace, String> {
        Err("this engine does not trace".to_owned())
    }
}

/// How a container's first process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The exit code; 128 and the signal's number where a signal ended it.
    pub code: i32,
}

/// What a container wrote; capped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Logs {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

/// What [`Container::exec`] gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecOutput {
    /// The exit code.
    pub code: i32,
    /// Standard output, capped.
    pub stdout: Vec<u8>,
    /// Standard error, capped.
    pub stderr: Vec<u8>,
}

/// How a container took being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped {
    /// Its exit code.
    pub code: i32,
    /// From the signal to the end.
    pub millis: u64,
    /// It did not end by itself within the grace time.
    pub killed: bool,
}
