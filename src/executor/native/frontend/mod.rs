//! From a Dockerfile to the graph of a build, with the values of this very build: build arguments,
//! platform, and what the base images say. Nothing is run and no file is read.

mod dispatch;
mod mounts;
mod run;
mod scope;
mod texts;
mod transfer;

use super::vertex::{Base, Graph, ImageSource, Source, Stage};
use crate::executor::config::{ImageConfig, Platform};
use crate::executor::engine::BuildRequest;
use crate::executor::error::Error;
use crate::model::{Dockerfile, Instruction, Keyword, Kind};
use crate::source::SourceFile;
use crate::syntax::expand::{self, Options};
use scope::{State, Variables};
use std::collections::HashMap;

/// Gives a base image's config.
pub type Resolve<'a> = dyn Fn(&ImageSource) -> Result<ImageConfig, Error> + 'a;

/// ARGs that only steer the build: they never become variables.
const BUILD_ONLY_ARGS: [&str; 2] = ["BUILDKIT_SBOM_SCAN_CONTEXT", "BUILDKIT_SBOM_SCAN_STAGE"];

/// Reads a request's Dockerfile as the graph of its target.
///
/// # Errors
/// [`Error::Dockerfile`] where BuildKit refuses the file with these arguments, and what `resolve`
/// says.
pub fn graph(request: &BuildRequest, file: &Dockerfile, resolve: &Resolve<'_>) -> Result<Graph, Error> {
    // The names of archives and layouts are no image names for BuildKit.
    let named_by_place = |span| is_transport(file.source.slice(span));
    if let Some(refusal) = file.hard_refusals().find(|refusal| !named_by_place(refusal.span)) {
        let line = refusal
            .line
            .unwrap_or_else(|| file.source.lines().line(refusal.span.start));
        return Err(Error::Dockerfile {
            file: name(request),
            line,
            message: refusal.message.clone(),
            help: None,
        });
    }
    let mut frontend = Frontend::new(request, file, resolve);
    frontend.globals()?;
    let target = frontend.target()?;
    let target = frontend.stage(target)?;
    Ok(Graph {
        stages: frontend.done,
        target,
        images: frontend.images,
    })
}

/// The Dockerfile's name for messages.
pub fn name(request: &BuildRequest) -> String {
    match request.dockerfile_name.as_os_str().is_empty() {
        true => "Dockerfile".to_owned(),
        false => request.dockerfile_name.display().to_string(),
    }
}

struct Frontend<'a> {
    request: &'a BuildRequest,
    file: &'a Dockerfile,
    resolve: &'a Resolve<'a>,
    platform: Platform,
    /// ARGs above the first FROM, and the predefined ones.
    globals: Variables,
    /// Stages by lower-cased name; of several the last.
    names: HashMap<String, usize>,
    /// For each stage of the file its place in `done`, and whether it is being worked on.
    known: Vec<Progress>,
    done: Vec<Stage>,
    /// The states at the ends of `done`.
    states: Vec<State>,
    images: Vec<ImageSource>,
}

#[derive(Clone, Copy, PartialEq)]
enum Progress {
    New,
    Begun,
    Done(usize),
}

impl<'a> Frontend<'a> {
    fn new(request: &'a BuildRequest, file: &'a Dockerfile, resolve: &'a Resolve<'a>) -> Frontend<'a> {
        let stages = file.stages.iter().enumerate();
        Frontend {
            platform: request.platform.clone().unwrap_or_default(),
            names: stages
                .filter_map(|(i, stage)| Some((stage.name.as_ref()?.to_lowercase(), i)))
                .collect(),
            known: vec![Progress::New; file.stages.len()],
            request,
            file,
            resolve,
            globals: Variables::default(),
            done: Vec::new(),
            states: Vec::new(),
            images: Vec::new(),
        }
    }

    fn error(&self, line: usize, message: impl std::fmt::Display) -> Error {
        Error::Dockerfile {
            file: name(self.request),
            line,
            message: message.to_string(),
            help: None,
        }
    }

    /// `--build-arg`; the last one counts.
    fn build_arg(&self, name: &str) -> Option<&'a str> {
        let mut args = self.request.build_args.iter().rev();
        args.find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn globals(&mut self) -> Result<(), Error> {
        let host = Platform::host();
        for (side, platform) in [("BUILD", &host), ("TARGET", &self.platform)] {
            for (what, value) in [
                ("PLATFORM", platform.to_string()),
                ("OS", platform.os.clone()),
                ("OSVERSION", String::new()),
                ("ARCH", platform.architecture.clone()),
                ("VARIANT", platform.variant.clone().unwrap_or_default()),
            ] {
                self.globals.set(&format!("{side}{what}"), value);
            }
        }
        let target = match (&self.request.target, self.file.target()) {
            (Some(target), _) => target.to_lowercase(),
            (None, Some(stage)) => stage.name.as_ref().map_or("default".to_owned(), |n| n.to_lowercase()),
            (None, None) => "default".to_owned(),
        };
        self.globals.set("TARGETSTAGE", target);
        for name in [
            "TARGETPLATFORM",
            "TARGETOS",
            "TARGETARCH",
            "TARGETVARIANT",
            "BUILDPLATFORM",
            "BUILDOS",
            "BUILDARCH",
        ] {
            if let Some(value) = self.build_arg(name) {
                self.globals.set(name, value);
            }
        }
        for instruction in self.file.preamble() {
            let Kind::Arg(pairs) = &instruction.kind else { continue };
            for pair in pairs {
                let name = &pair.key.value;
                let value = match (self.build_arg(name), &pair.value) {
                    (Some(value), _) => value.to_owned(),
                    (None, Some(word)) => {
                        expand::word(&word.value, &self.globals, self.file.lines.escape, Options::default())
                            .map_err(|error| self.error(instruction.lines.0, error))?
                            .value
                    }
                    (None, None) => continue,
                };
                self.globals.set(name, value);
            }
        }
        Ok(())
    }

    fn target(&self) -> Result<usize, Error> {
        let Some(target) = &self.request.target else {
            return match self.file.stages.len().checked_sub(1) {
                Some(last) => Ok(last),
                None => Err(self.error(1, "there is no stage to build")),
            };
        };
        let found = self.names.get(&target.to_lowercase()).copied();
        found.ok_or_else(|| {
            let names: Vec<_> = self.file.stages.iter().filter_map(|s| s.name.as_deref()).collect();
            let known = match names.is_empty() {
                true => "no stage has a name".to_owned(),
                false => format!("there are {}", names.join(", ")),
            };
            self.error(1, format!("there is no stage `{target}` to build: {known}"))
        })
    }

    /// Makes a stage of the file and those that it needs; its place in `done`.
    fn stage(&mut self, index: usize) -> Result<usize, Error> {
        match self.known.get(index) {
            Some(Progress::Done(place)) => return Ok(*place),
            Some(Progress::New) => {}
            _ => {
                let line = self
                    .file
                    .stages
                    .get(index)
                    .and_then(|s| self.file.from_of(s))
                    .map_or(1, |f| f.lines.0);
                return Err(self.error(line, "stages need each other in a circle"));
            }
        }
        self.mark(index, Progress::Begun);
        let (Some(stage), file) = (self.file.stages.get(index), self.file) else {
            return Err(self.error(1, format!("there is no stage {index}")));
        };
        let Some(from) = file.from_of(stage) else {
            return Err(self.error(1, format!("stage {index} has no FROM")));
        };
        let line = from.lines.0;
        let (base, mut state) = self.base(index, from)?;
        let onbuild = std::mem::take(&mut state.config.onbuild);
        state.has_cmd = false;
        state.escape = file.lines.escape;
        if state.config.env("PATH").is_none() {
            state.config.env.push(("PATH".to_owned(), scope::PATH.to_owned()));
        }
        for (name, value) in state.config.env.clone() {
            state.variables.set(&name, value);
        }
        let mut work = dispatch::Work::new(self, index, state);
        for trigger in &onbuild {
            // Nothing of it may be taken for a heredoc's end or a directive: a FROM stands above it.
            let text = format!("FROM scratch\n{trigger}\n");
            let parsed = Dockerfile::parse(SourceFile::new("ONBUILD", text));
            if let Some(refusal) = parsed.hard_refusals().next() {
                return Err(work
                    .frontend
                    .error(line, format!("what ONBUILD puts off is refused: {}", refusal.message)));
            }
            for instruction in parsed.instructions.iter().skip(1) {
                work.instruction(&parsed, instruction, line)?;
            }
        }
        for instruction in file.instructions_of(stage) {
            work.instruction(file, instruction, instruction.lines.0)?;
        }
        let (steps, state) = work.finish();
        let name = match (&stage.name, file.stages.len()) {
            (Some(name), _) => Some(name.clone()),
            (None, 1) => None,
            (None, _) => Some(format!("stage-{index}")),
        };
        let shown = match &from.kind {
            Kind::From { image, .. } => format!("FROM {}", image.text),
            _ => "FROM".to_owned(),
        };
        self.done.push(Stage {
            name,
            base,
            line,
            from: shown,
            steps,
            config: state.config.clone(),
        });
        self.states.push(state);
        let place = self.done.len() - 1;
        self.mark(index, Progress::Done(place));
        Ok(place)
    }

    fn mark(&mut self, index: usize, progress: Progress) {
        if let Some(known) = self.known.get_mut(index) {
            *known = progress;
        }
    }

    /// What FROM means, and the state that the stage begins with.
    fn base(&mut self, index: usize, from: &Instruction) -> Result<(Base, State), Error> {
        let line = from.lines.0;
        let Kind::From { image, platform, .. } = &from.kind else {
            return Err(self.error(line, "this FROM cannot be read"));
        };
        let escape = self.file.lines.escape;
        let expanded = |text: &str| expand::word(text, &self.globals, escape, Options::default());
        let base = expanded(&image.text).map_err(|error| self.error(line, error))?.value;
        if base.is_empty() {
            let message = format!(
                "the image `{}` is empty: give its ARG a default, or pass `--build-arg`",
                image.text
            );
            return Err(self.error(line, message));
        }
        let platform = match platform {
            None => self.platform.clone(),
            Some(word) => {
                let text = expanded(&word.value).map_err(|error| self.error(line, error))?.value;
                Platform::parse(&text).map_err(|error| self.error(line, error))?
            }
        };
        // Only stages above count, and their names as they were then.
        let above = self
            .file
            .stages
            .iter()
            .take(index)
            .rposition(|stage| stage.name.as_ref().is_some_and(|name| name.to_lowercase() == base));
        if let Some(above) = above {
            let place = self.stage(above)?;
            let state = self.states.get(place).cloned().unwrap_or_default();
            return Ok((Base::Stage(place), state));
        }
        let place = image_context(self.request, &base);
        if base == "scratch" || place.is_none() && self.has_context(&base) {
            let mut config = ImageConfig {
                platform,
                working_dir: "/".to_owned(),
                ..ImageConfig::default()
            };
            config.set_env("PATH", scope::PATH);
            let state = State {
                config,
                ..State::default()
            };
            if base != "scratch" {
                return Err(Error::Unsupported {
                    engine: crate::executor::EngineName::Native,
                    what: format!("`FROM {base}` where `{base}` is a folder"),
                    help: Some("copy from it: `COPY --from=...`".to_owned()),
                });
            }
            return Ok((Base::Scratch, state));
        }
        let image = self.image(place.as_deref().unwrap_or(&base), platform, line)?;
        let source = self.images.get(image).cloned();
        let mut config = match source {
            Some(source) => (self.resolve)(&source)?,
            None => ImageConfig::default(),
        };
        config.created = None;
        config.extra_config.clear();
        config
            .extra
            .retain(|key, _| key == "os.version" || key == "os.features");
        let state = State {
            config,
            ..State::default()
        };
        Ok((Base::Image(image), state))
    }

    fn has_context(&self, name: &str) -> bool {
        self.request.named_contexts.iter().any(|(context, _)| context == name)
    }

    /// The place of an image among those that are needed.
    fn image(&mut self, name: &str, platform: Platform, line: usize) -> Result<usize, Error> {
        if let Err(error) = crate::model::reference::check(name)
            && !is_transport(name)
        {
            return Err(self.error(line, format!("`{name}` is no image name: {error}")));
        }
        let source = ImageSource {
            name: name.to_owned(),
            platform,
        };
        if let Some(found) = self.images.iter().position(|image| *image == source) {
            return Ok(found);
        }
        self.images.push(source);
        Ok(self.images.len() - 1)
    }

    /// What `--from` means for a stage: one above it, a context, an image.
    fn source(&mut self, index: usize, name: &str, numbers: bool, line: usize) -> Result<Source, Error> {
        let number = name.parse::<usize>().ok().filter(|_| numbers);
        let stage = match number {
            Some(number) => Some(number),
            None => self.names.get(&name.to_lowercase()).copied(),
        };
        if let Some(stage) = stage {
            if stage >= index {
                return Err(self.error(line, format!("`{name}` is no stage above this one")));
            }
            return Ok(Source::Stage(self.stage(stage)?));
        }
        let place = image_context(self.request, name);
        if place.is_none() && self.has_context(name) {
            return Ok(Source::Named(name.to_owned()));
        }
        if name == "scratch" {
            return Ok(Source::Scratch);
        }
        let platform = self.platform.clone();
        Ok(Source::Image(self.image(
            place.as_deref().unwrap_or(name),
            platform,
            line,
        )?))
    }
}

/// Where an image lies that a named context gives: a `docker save` archive, or an OCI layout.
pub fn image_context(request: &BuildRequest, name: &str) -> Option<String> {
    let (_, path) = request.named_contexts.iter().find(|(known, _)| known == name)?;
    if path.is_file() {
        return Some(format!("docker-archive:{}", path.display()));
    }
    path.join("oci-layout")
        .is_file()
        .then(|| format!("oci:{}", path.display()))
}

/// A name that says itself where the image lies.
pub fn is_transport(name: &str) -> bool {
    ["oci:", "docker-archive:", "docker-daemon:"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Whether an instruction changes nothing by itself.
fn is_quiet(keyword: Keyword) -> bool {
    matches!(keyword, Keyword::Onbuild | Keyword::From | Keyword::Unknown)
}
