//! Builds images and runs containers, with an engine that is installed or with the bundled one.
//!
//! [`Engine`] is what a caller sees; everything that happens meanwhile goes to its [`Sink`], and a
//! [`Cancel`] ends it. Nothing left of this layer starts a process, mounts anything or talks to a
//! daemon or a registry.

pub mod archive;
mod background;
pub mod cancel;
mod client;
pub mod config;
pub mod contents;
mod deaf;
pub mod dial;
pub mod digest;
pub mod docker;
pub mod engine;
pub mod error;
pub mod event;
pub mod image_file;
#[cfg(target_os = "linux")]
mod measure;
#[cfg(target_os = "linux")]
pub mod native;
mod owner;
pub mod podman;
mod process;
mod progress;
pub mod reference;
pub mod root_tree;
pub mod select;
pub mod shellcheck;
pub mod trace;

pub use background::{available_memory, crowding, in_background};
pub use cancel::Cancel;
pub use config::{Healthcheck, History, ImageConfig, Platform};
pub use contents::{ImageContents, LayerContents, LayerSource};
pub use digest::Digest;
pub use docker::Docker;
pub use engine::{
    BuildRequest, BuiltImage, Container, ContainerNetwork, ContainerSpec, Engine, EngineName, ExecOutput, Exit,
    ImageId, Limits, Logs, Network, Output, Secret, SecretSource, StepReport, Stopped,
};
pub use error::{Error, StepFailure};
pub use event::{Event, Sink, Stream};
pub use podman::Podman;
pub use reference::Reference;
pub use root_tree::RootTree;
pub use select::{Chosen, Places, choose};
pub use shellcheck::ShellCheck;
pub use trace::Trace;
