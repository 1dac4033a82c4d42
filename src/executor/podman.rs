//! The `podman` engine: Podman, which builds with Buildah.
//!
//! Images are built in Docker's format, since OCI's has no room for HEALTHCHECK, SHELL and ONBUILD.

mod names;
mod steps;

use super::cancel::Cancel;
use super::client::Client;
use super::contents::ImageContents;
use super::engine::{
    BuildRequest, BuiltImage, Container, ContainerNetwork, ContainerSpec, Engine, EngineName, ImageId, Output,
};
use super::error::{Error, StepFailure};
use super::event::{Event, Sink};
use super::process::{Program, last_lines};
use crate::model::Dockerfile;
use crate::source::SourceFile;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use steps::{Outcome, Steps};

/// For the first answer.
const FIRST: Duration = Duration::from_secs(20);

/// How many images are looked for on Docker Hub that Podman itself does not find.
const MOST_NAMES: usize = 16;

/// Podman.
#[derive(Debug)]
pub struct Podman {
    client: Client,
    version: String,
}

impl Podman {
    /// The program named, or the first of the PATH that works. Leftovers of processes that are gone
    /// are removed.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: there is none, or it does not work.
    pub fn find(named: Option<&OsStr>, path: Option<&OsStr>) -> Result<Podman, Error> {
        let candidates = match named {
            Some(named) => vec![PathBuf::from(named)],
            None => Program::on_path("podman", path),
        };
        let mut why = None;
        for candidate in candidates {
            let client = Client::new(Program::new(candidate));
            let asked = client.program().ask(
                ["version", "--format", "{{.Client.Version}}"],
                Some(FIRST),
                &Cancel::new(),
            );
            match asked {
                Ok(version) => {
                    client.sweep();
                    return Ok(Podman { client, version });
                }
                Err(error) => why = why.or(Some(error.to_string())),
            }
        }
        let buildah = !Program::on_path("buildah", path).is_empty();
        Err(Error::Unavailable {
            engine: EngineName::Podman,
            why: why.unwrap_or_else(|| match buildah {
                true => "there is Buildah but no `podman` on the PATH".to_owned(),
                false => "there is no `podman` on the PATH".to_owned(),
            }),
            help: "install Podman (package podman), or use `--engine native`".to_owned(),
        })
    }

    fn arguments(&self, request: &BuildRequest, dockerfile: &std::path::Path, iid: &std::path::Path) -> Vec<OsString> {
        let mut args: Vec<OsString> = ["build", "--format=docker"].map(OsString::from).into();
        args.extend(self.client.build_arguments(request));
        if let Some(memory) = request.limits.memory {
            args.extend(["--memory".into(), memory.to_string().into()]);
        }
        if let Some(own) = request.own_ignore_file().filter(|own| own.is_file()) {
            args.push("--ignorefile".into());
            args.push(own.into());
        }
        args.push("--iidfile".into());
        args.push(iid.into());
        args.push("--file".into());
        args.push(dockerfile.into());
        args.push(
            std::path::absolute(&request.context)
                .unwrap_or_else(|_| request.context.clone())
                .into(),
        );
        args
    }

    /// One build. The outer error is of the surroundings, the inner one what Podman says.
    fn run(
        &self,
        request: &BuildRequest,
        file: &Dockerfile,
        events: &dyn Sink,
        cancel: &Cancel,
    ) -> Result<Result<BuiltImage, Failure>, Error> {
        let name = name(request);
        // Podman takes archives and layouts for images, too.
        let named_by_place = |span| {
            ["docker-archive:", "oci:", "oci-archive:", "dir:"]
                .iter()
                .any(|kind| file.source.slice(span).starts_with(kind))
        };
        if let Some(refusal) = file.hard_refusals().find(|refusal| !named_by_place(refusal.span)) {
            return Err(Error::Dockerfile {
                file: name,
                line: refusal.line.unwrap_or(1),
                message: refusal.message.clone(),
                help: None,
            });
        }
        let folder = self.client.folder()?;
        let dockerfile = folder.path().join("Dockerfile");
        fs::write(&dockerfile, file.source.text()).map_err(Error::io("write", &dockerfile))?;
        let iid = folder.path().join("iid");
        let args = self.arguments(request, &dockerfile, &iid);
        let mut steps = Steps::new(file, events);
        let limits = &request.limits;
        let status = self
            .client
            .program()
            .watch(args, limits.build, cancel, &mut |stream, bytes| {
                steps.feed(stream, bytes);
                match limits.step.and_then(|limit| Some((limit, steps.overdue(limit)?))) {
                    Some((limit, step)) => Err(Error::Limit {
                        what: format!("`{step}`"),
                        limit: format!("{} s", limit.as_secs()),
                    }),
                    None => Ok(()),
                }
            })?;
        let outcome = steps.finish(status.success());
        if !status.success() {
            let written = outcome.tail.clone();
            let error = failure(name, outcome);
            return Ok(Err(Failure { error, written }));
        }
        let id = fs::read_to_string(&iid).map_err(Error::io("read", &iid))?;
        let id = ImageId(id.trim().to_owned());
        let config = self.client.config(&id)?;
        Ok(Ok(BuiltImage {
            id,
            config,
            steps: outcome.steps,
        }))
    }
}

impl Engine for Podman {
    fn name(&self) -> EngineName {
        EngineName::Podman
    }

    fn describe(&self) -> String {
        format!("Podman {}", self.version)
    }

    fn build(&self, request: &BuildRequest, events: &dyn Sink, cancel: &Cancel) -> Result<BuiltImage, Error> {
        if request.builder.is_some() {
            return Err(Error::Unsupported {
                engine: EngineName::Podman,
                what: "a builder by name".to_owned(),
                help: Some("use `--engine docker --builder NAME`".to_owned()),
            });
        }
        let mut text = request.dockerfile.clone();
        for _ in 0..MOST_NAMES {
            let file = Dockerfile::parse(SourceFile::new(name(request), text.as_str()));
            let refused = match self.run(request, &file, events, cancel)? {
                Ok(built) => return Ok(built),
                Err(Failure { error, written }) => match names::refused(&written) {
                    Some(refused) => match names::in_full(&file, refused, &request.build_args) {
                        Some(full) => {
                            text = full;
                            refused.to_owned()
                        }
                        None => return Err(error),
                    },
                    None => return Err(error),
                },
            };
            events.event(Event::Warning {
                message: &format!(
                    "Podman's settings name no registry for `{refused}`: a copy of {} that takes it from Docker Hub is built",
                    name(request)
                ),
            });
        }
        Err(Error::Program {
            program: "podman build".to_owned(),
            message: "it names more images without a registry than can be looked for".to_owned(),
        })
    }

    fn contents(&self, image: &ImageId, cancel: &Cancel) -> Result<ImageContents, Error> {
        self.client.contents(image, cancel)
    }

    fn create(&self, spec: &ContainerSpec) -> Result<Box<dyn Container>, Error> {
        let network = match spec.network {
            ContainerNetwork::Own => "bridge",
            ContainerNetwork::None => "none",
            ContainerNetwork::Host => "host",
        };
        Ok(Box::new(self.client.create(spec, network)?))
    }

    fn export(&self, image: &ImageId, to: &Output, _: &dyn Sink, cancel: &Cancel) -> Result<(), Error> {
        // Podman writes all kinds by itself.
        let to = match to {
            Output::Oci(path, name) => format!("oci:{}{}", path.display(), tagged(name.as_deref())),
            Output::DockerArchive(path, name) => {
                format!("docker-archive:{}{}", path.display(), tagged(name.as_deref()))
            }
            Output::Docker(name) => format!("docker-daemon:{name}"),
        };
        let args = ["push", "--quiet", &image.0, &to];
        self.client.program().ask(args, None, cancel).map(drop)
    }

    fn remove(&self, image: &ImageId) -> Result<(), Error> {
        self.client.remove(image)
    }
}

/// A build that failed, with the end of what Podman wrote.
struct Failure {
    error: Error,
    written: String,
}

fn name(request: &BuildRequest) -> String {
    match request.dockerfile_name.as_os_str().is_empty() {
        true => "Dockerfile".to_owned(),
        false => request.dockerfile_name.display().to_string(),
    }
}

/// What a build failed of.
fn failure(file: String, outcome: Outcome) -> Error {
    let Some(step) = outcome.failed else {
        return Error::Program {
            program: "podman build".to_owned(),
            message: last_lines(&outcome.tail, 10),
        };
    };
    if let Some(image) = step.instruction.strip_prefix("FROM ") {
        return Error::Image {
            reference: image.split_whitespace().next().unwrap_or(image).to_owned(),
            why: last_lines(&outcome.tail, 3),
            help: Some("is the name right, is the registry reachable, and is `podman login` done for it?".to_owned()),
        };
    }
    let said = outcome.tail.lines().rev().find_map(|line| line.strip_prefix("Error: "));
    Error::Step(Box::new(StepFailure {
        file,
        line: step.line,
        stage: step.stage,
        instruction: step.instruction,
        message: match outcome.code {
            Some(code) => format!("exit code {code}"),
            None => said.unwrap_or("the reason was not given").to_owned(),
        },
        code: outcome.code,
        output: outcome.tail.trim_end().to_owned(),
        help: None,
    }))
}

fn tagged(name: Option<&str>) -> String {
    name.map(|name| format!(":{name}")).unwrap_or_default()
}
