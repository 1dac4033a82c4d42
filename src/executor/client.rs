//! What `docker` and `podman` have in common: a command-line client that knows images and
//! containers by id.

mod container;
mod follow;
#[cfg(target_os = "linux")]
mod overlay;
mod removal;

use super::cancel::Cancel;
use super::config::ImageConfig;
use super::contents::ImageContents;
use super::engine::{BuildRequest, ContainerSpec, ImageId, LABEL, Limits, Network, SecretSource};
use super::error::Error;
use super::image_file::ImageFile;
use super::owner::Owner;
use super::process::Program;
use container::ClientContainer;
use removal::Removals;
use serde_json::{Map, Value, json};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// For an answer that needs no work.
const QUICK: Duration = Duration::from_secs(60);

/// A client program.
#[derive(Debug, Clone)]
pub(super) struct Client {
    program: Program,
    owner: Owner,
    removals: Arc<Removals>,
}

impl Client {
    /// A client that works for this process.
    pub fn new(program: Program) -> Client {
        Client {
            program,
            owner: Owner::here(),
            removals: Arc::default(),
        }
    }

    /// The program.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// `mbopt=...` for this process.
    pub fn label(&self) -> String {
        self.owner.label()
    }

    /// What both clients' `build` takes of a request: everything but where the Dockerfile, the image's id
    /// and the context are.
    pub fn build_arguments(&self, request: &BuildRequest) -> Vec<OsString> {
        let mut args: Vec<OsString> = Vec::new();
        let mut put = |arg: &str| args.push(arg.into());
        if !request.keep {
            put("--label");
            put(&self.label());
        }
        match request.network {
            Network::Default => {}
            Network::Host => put("--network=host"),
            Network::None => put("--network=none"),
        }
        if request.no_cache {
            put("--no-cache");
        }
        if let Some(platform) = &request.platform {
            put("--platform");
            put(&platform.to_string());
        }
        if let Some(target) = &request.target {
            put("--target");
            put(target);
        }
        for (name, value) in &request.build_args {
            put("--build-arg");
            put(&format!("{name}={value}"));
        }
        for secret in &request.secrets {
            put("--secret");
            match &secret.source {
                SecretSource::File(path) => put(&format!("id={},src={}", secret.id, path.display())),
                SecretSource::Env(name) => put(&format!("id={},type=env,env={name}", secret.id)),
            }
        }
        for (name, folder) in &request.named_contexts {
            put("--build-context");
            put(&format!("{name}={}", folder.display()));
        }
        args
    }

    /// Asks for something that takes no time.
    pub fn ask(&self, args: &[&str]) -> Result<String, Error> {
        self.program.ask(args, Some(QUICK), &Cancel::new())
    }

    /// A folder for what is handed to the program or taken from it, gone with the value, or swept away
    /// by a later process.
    pub fn folder(&self) -> Result<tempfile::TempDir, Error> {
        self.owner.folder()
    }

    /// Removes what processes that are gone have left behind. Best done before work begins; what
    /// cannot be removed is left for the next time.
    pub fn sweep(&self) {
        self.owner.sweep_folders();
        let filter = format!("label={LABEL}");
        let format = format!("{{{{.ID}}}} {{{{index .Labels \"{LABEL}\"}}}}");
        // Docker's list has a function for a label, Podman's a map.
        let docker = format!("{{{{.ID}}}} {{{{.Label \"{LABEL}\"}}}}");
        let containers = self
            .ask(&["ps", "--all", "--filter", &filter, "--format", &docker])
            .or_else(|_| self.ask(&["ps", "--all", "--filter", &filter, "--format", &format]));
        for line in containers.unwrap_or_default().lines() {
            if let Some((id, owner)) = line.split_once(' ')
                && self.owner.is_gone(owner)
            {
                let _ = self.ask(&["rm", "--force", "--volumes", id]);
            }
        }
        let images = self.ask(&[
            "images",
            "--quiet",
            "--no-trunc",
            "--filter",
            &filter,
            "--filter",
            "dangling=true",
        ]);
        for id in images.unwrap_or_default().lines() {
            let label = format!("{{{{index .Config.Labels \"{LABEL}\"}}}}");
            if let Ok(owner) = self.ask(&["image", "inspect", "--format", &label, id])
                && self.owner.is_gone(&owner)
            {
                let _ = self.ask(&["rmi", id]);
            }
        }
    }

    /// Removes what a build that was given up has made after all: an engine that is just finishing does
    /// not hear that nobody waits any more.
    pub fn forget(&self, label: &str) {
        let filter = format!("label={label}");
        for pause in [0, 400] {
            std::thread::sleep(Duration::from_millis(pause));
            let images = self.ask(&["images", "--quiet", "--no-trunc", "--filter", &filter]);
            for id in images.unwrap_or_default().lines() {
                let _ = self.ask(&["rmi", id]);
            }
        }
    }

    /// An image's config as far as the client tells it: without history, which only the image's own
    /// file has.
    pub fn config(&self, image: &ImageId) -> Result<ImageConfig, Error> {
        let text = self.ask(&["image", "inspect", &image.0])?;
        let unreadable = |why: String| Error::Program {
            program: "image inspect".to_owned(),
            message: why,
        };
        let parsed: Value = serde_json::from_str(&text).map_err(|e| unreadable(e.to_string()))?;
        let Some(Value::Object(found)) = parsed.get(0) else {
            return Err(unreadable(format!("there is no image {image}")));
        };
        let take = |key: &str| found.get(key).cloned().unwrap_or(Value::Null);
        let mut document = Map::new();
        for (from, to) in [("Architecture", "architecture"), ("Os", "os"), ("Config", "config")] {
            document.insert(to.to_owned(), take(from));
        }
        for (from, to) in [("Variant", "variant"), ("Created", "created"), ("Author", "author")] {
            if let Value::String(text) = take(from)
                && !text.is_empty()
            {
                document.insert(to.to_owned(), Value::String(text));
            }
        }
        let layers = found.get("RootFS").and_then(|rootfs| rootfs.get("Layers")).cloned();
        document.insert("rootfs".to_owned(), json!({"type": "layers", "diff_ids": layers}));
        let bytes = serde_json::to_vec(&document).map_err(|e| unreadable(e.to_string()))?;
        let mut config = ImageConfig::from_json(&bytes).map_err(|e| unreadable(e.to_string()))?;
        config.labels.remove(LABEL);
        Ok(config)
    }

    /// Writes an image to a `docker save` archive.
    pub fn save(&self, image: &str, to: &Path, cancel: &Cancel) -> Result<(), Error> {
        let args: [OsString; 4] = ["save".into(), "--output".into(), to.into(), image.into()];
        self.program.ask(args, None, cancel).map(drop)
    }

    /// An image's config and layers, where they lie if they can be read there, else by way of an archive
    /// that is gone with the value.
    pub fn contents(&self, image: &ImageId, cancel: &Cancel) -> Result<ImageContents, Error> {
        #[cfg(target_os = "linux")]
        if let Some(mut contents) = overlay::contents(self, image, cancel)? {
            unlabel(&mut contents.config);
            return Ok(contents);
        }
        let folder = self.folder()?;
        let archive = folder.path().join("image.tar");
        self.save(&image.0, &archive, cancel)?;
        let mut contents = ImageFile::docker_archive(&archive, None, cancel)?.into_contents(cancel)?;
        unlabel(&mut contents.config);
        contents.keep = Some(folder);
        Ok(contents)
    }

    /// Gives an image a name.
    pub fn tag(&self, image: &ImageId, name: &str) -> Result<(), Error> {
        self.ask(&["tag", &image.0, name]).map(drop)
    }

    /// Removes an image that has no name: a name shows that somebody wants it.
    pub fn remove(&self, image: &ImageId) -> Result<(), Error> {
        self.removals.wait();
        let names = match self.ask(&["image", "inspect", "--format", "{{json .RepoTags}}", &image.0]) {
            Ok(names) => names,
            Err(Error::Program { message, .. }) if is_absent(&message) => return Ok(()),
            Err(error) => return Err(error),
        };
        let named = serde_json::from_str::<Option<Vec<String>>>(&names).is_ok_and(|n| n.is_some_and(|n| !n.is_empty()));
        if named {
            return Ok(());
        }
        match self.ask(&["rmi", &image.0]) {
            // An image that was built on it keeps it.
            Err(Error::Program { message, .. }) if is_absent(&message) || message.contains("has dependent") => Ok(()),
            done => done.map(drop),
        }
    }

    /// Makes a container, not started. `network` is what the client's `--network` takes.
    pub fn create(&self, spec: &ContainerSpec, network: &str) -> Result<ClientContainer, Error> {
        let mut args: Vec<String> = ["create", "--label"].map(str::to_owned).into();
        args.push(self.label());
        let mut option = |name: &str, value: String| args.extend([name.to_owned(), value]);
        option("--network", network.to_owned());
        for (name, value) in &spec.labels {
            option("--label", format!("{name}={value}"));
        }
        for (name, value) in &spec.env {
            option("--env", format!("{name}={value}"));
        }
        if let Some(user) = &spec.user {
            option("--user", user.clone());
        }
        if let Some(folder) = &spec.working_dir {
            option("--workdir", folder.clone());
        }
        limits(&spec.limits, &mut option);
        let mut rest: &[String] = &[];
        if let Some(entrypoint) = &spec.entrypoint {
            let first = entrypoint.first().map_or("", String::as_str);
            args.extend(["--entrypoint".to_owned(), first.to_owned()]);
            rest = entrypoint.get(1..).unwrap_or_default();
        }
        args.push(spec.image.0.clone());
        args.extend(rest.iter().cloned());
        args.extend(spec.args.iter().flatten().cloned());
        let id = self.program.ask(args, Some(QUICK), &Cancel::new())?;
        // Warnings may stand before it.
        let id = id.lines().last().unwrap_or_default().trim().to_owned();
        Ok(ClientContainer::new(self.clone(), id, spec.limits.step, spec.trace))
    }
}

/// Takes mbopt's own label away, and the step that Buildah puts into the history for it: what is left are
/// the Dockerfile's instructions.
fn unlabel(config: &mut ImageConfig) {
    config.labels.remove(LABEL);
    let sign = format!("LABEL \"{LABEL}\"=");
    let ours = |made: &Option<String>| made.as_deref().is_some_and(|made| made.contains(&sign));
    config
        .history
        .retain(|entry| !(entry.empty_layer && ours(&entry.created_by)));
}

fn limits(limits: &Limits, option: &mut dyn FnMut(&str, String)) {
    if let Some(processes) = limits.processes {
        option("--pids-limit", processes.to_string());
    }
    if let Some(memory) = limits.memory {
        option("--memory", memory.to_string());
    }
}

fn is_absent(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "no such image",
        "image not known",
        "no such object",
        "no such container",
        "not found",
    ]
    .iter()
    .any(|sign| message.contains(sign))
}
