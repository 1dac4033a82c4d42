//! The `native` engine.

use super::container;
use super::frontend;
use super::layer::Form;
use super::output;
use super::sandbox::{RunLimits, RunSpec, Sandbox, SandboxNetwork, User};
use super::solve::{Done, Solver, rfc3339, stacked};
use super::source::{self, Progress, Registries, ResolvedImage, Source};
use super::store::{Options, Scratch, Store};
use super::vertex::{Graph, ImageSource};
use crate::executor::cancel::Cancel;
use crate::executor::config::ImageConfig;
use crate::executor::contents::{ImageContents, LayerContents, LayerSource};
use crate::executor::digest::Digest;
use crate::executor::engine::{
    BuildRequest, BuiltImage, Container, ContainerNetwork, ContainerSpec, Engine, EngineName, ImageId, Output,
};
use crate::executor::error::Error;
use crate::executor::event::{Event, Sink};
use crate::model::Dockerfile;
use crate::source::SourceFile;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The bundled engine.
#[derive(Debug)]
pub struct Native {
    store: Store,
    sandbox: Sandbox,
    registries: Registries,
    /// Images that were built here and not removed yet, each with how many builds gave it.
    held: Mutex<HashMap<String, (ImageConfig, usize)>>,
}

impl Native {
    /// With the store in its usual place. Whoever calls this has seen to the rights that it needs.
    ///
    /// # Errors
    /// The store cannot be opened.
    pub fn new() -> Result<Native, Error> {
        Native::with(&Options::from_environment()?, Sandbox::new())
    }

    /// With another store or another program as the sandbox: for tests.
    ///
    /// # Errors
    /// The store cannot be opened.
    pub fn with(options: &Options, sandbox: Sandbox) -> Result<Native, Error> {
        Ok(Native {
            store: Store::open(options)?,
            sandbox,
            registries: Registries::default(),
            held: Mutex::default(),
        })
    }

    /// Reaches registries in this way.
    pub fn through(mut self, registries: Registries) -> Native {
        self.registries = registries;
        self
    }

    /// Its store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    fn image(&self, image: &ImageId) -> Result<ImageConfig, Error> {
        // Another process may have built the very same image, and be done with it.
        if let Some((config, _)) = self.held().get(&image.0) {
            return Ok(config.clone());
        }
        let gone = || Error::Image {
            reference: image.0.clone(),
            why: "there is no such image in the store".to_owned(),
            help: None,
        };
        let digest: Digest = image.0.parse().map_err(|_| gone())?;
        self.store.image(&digest)?.ok_or_else(gone)
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, (ImageConfig, usize)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn folders(&self, layers: &[Digest]) -> Result<Vec<std::path::PathBuf>, Error> {
        let folder = |layer: &Digest| match self.store.layer(layer)? {
            Some(found) => Ok(found.path),
            None => Err(Error::Image {
                reference: layer.to_string(),
                why: "this layer is gone from the store".to_owned(),
                help: Some("build the image again".to_owned()),
            }),
        };
        stacked(layers).into_iter().map(folder).collect()
    }
}

/// One image of a build, once it is looked up.
struct Images<'a> {
    native: &'a Native,
    events: &'a dyn Sink,
    cancel: &'a Cancel,
    vertices: &'a AtomicUsize,
    known: RefCell<HashMap<(String, String), ResolvedImage>>,
}

impl Images<'_> {
    fn find(&self, source: &ImageSource) -> Result<ResolvedImage, Error> {
        let key = (source.name.clone(), source.platform.to_string());
        if let Some(found) = self.known.borrow().get(&key) {
            return Ok(found.clone());
        }
        let vertex = self.vertices.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        self.events.event(Event::StepStarted {
            vertex,
            stage: None,
            name: &format!("pull {}", source.name),
        });
        let progress = Progress {
            sink: self.events,
            vertex,
        };
        let resolved = Source::parse(&source.name).and_then(|from| {
            let (store, registries) = (&self.native.store, &self.native.registries);
            source::resolve(&from, &source.platform, store, registries, progress, self.cancel)
        });
        let found = match resolved {
            Ok(found) => found,
            Err(error) => {
                self.events.event(Event::StepFailed {
                    vertex,
                    message: &error.to_string(),
                });
                return Err(error);
            }
        };
        self.events.event(Event::StepDone {
            vertex,
            cached: false,
            millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        self.known.borrow_mut().insert(key, found.clone());
        Ok(found)
    }
}

impl Engine for Native {
    fn name(&self) -> EngineName {
        EngineName::Native
    }

    fn describe(&self) -> String {
        let how = match self.store.form() {
            Form::Trusted => "as root",
            Form::User => "rootless",
        };
        format!(
            "mbopt's own engine, {how}, with its store in {}",
            self.store.root().display()
        )
    }

    fn build(&self, request: &BuildRequest, events: &dyn Sink, cancel: &Cancel) -> Result<BuiltImage, Error> {
        if request.builder.is_some() {
            return Err(Error::Unsupported {
                engine: EngineName::Native,
                what: "a builder by name".to_owned(),
                help: Some("use `--engine docker --builder NAME`".to_owned()),
            });
        }
        let file = Dockerfile::parse(SourceFile::new(frontend::name(request), request.dockerfile.as_str()));
        let vertices = AtomicUsize::new(0);
        let images = Images {
            native: self,
            events,
            cancel,
            vertices: &vertices,
            known: RefCell::default(),
        };
        let resolve = |source: &ImageSource| images.find(source).map(|found| found.config);
        let graph = frontend::graph(request, &file, &resolve)?;
        // Those that only `--from` names were not needed before.
        let layers: Result<Vec<Vec<Digest>>, Error> = graph
            .images
            .iter()
            .map(|source| Ok(images.find(source)?.layers))
            .collect();
        let solver = Solver {
            store: &self.store,
            sandbox: self.sandbox.clone(),
            request,
            graph: &graph,
            images: &layers?,
            events,
            vertices: &vertices,
        };
        let done = solver.solve(cancel)?;
        let config = finished(&graph, &done);
        let id = self.store.put_image(&config)?;
        self.held().entry(id.to_string()).or_insert((config.clone(), 0)).1 += 1;
        Ok(BuiltImage {
            id: ImageId(id.to_string()),
            config,
            steps: done.iter().flat_map(|stage| stage.steps.clone()).collect(),
        })
    }

    fn contents(&self, image: &ImageId, _: &Cancel) -> Result<ImageContents, Error> {
        let config = self.image(image)?;
        let made: Vec<_> = config.history.iter().filter(|entry| !entry.empty_layer).collect();
        let mut layers = Vec::with_capacity(config.diff_ids.len());
        for (index, diff_id) in config.diff_ids.iter().enumerate() {
            let Some(layer) = self.store.layer(diff_id)? else {
                return Err(Error::Image {
                    reference: image.0.clone(),
                    why: format!("its layer {} is gone from the store", diff_id.short()),
                    help: Some("build it again".to_owned()),
                });
            };
            layers.push(LayerContents {
                diff_id: diff_id.clone(),
                created_by: made.get(index).and_then(|entry| entry.created_by.clone()),
                unpacked_bytes: layer.record.unpacked_bytes,
                compressed_bytes: layer.record.compressed_bytes,
                source: LayerSource::Folder(layer.path),
            });
        }
        Ok(ImageContents {
            config,
            layers,
            keep: None,
        })
    }

    fn measure(&self, contents: &mut ImageContents, cancel: &Cancel) -> Result<(), Error> {
        for layer in &mut contents.layers {
            if layer.compressed_bytes.is_none() {
                layer.compressed_bytes = self.store.compressed_bytes(&layer.diff_id, cancel)?;
            }
        }
        Ok(())
    }

    fn create(&self, spec: &ContainerSpec) -> Result<Box<dyn Container>, Error> {
        let config = self.image(&spec.image)?;
        let scratch = self.store.scratch()?;
        let folders = self.folders(&config.diff_ids)?;
        let snapshot = self.sandbox.snapshot(scratch.path().join("s"), folders)?;
        let mut env = config.env.clone();
        for (name, value) in &spec.env {
            match env.iter_mut().find(|(known, _)| known == name) {
                Some((_, old)) => old.clone_from(value),
                None => env.push((name.clone(), value.clone())),
            }
        }
        let entrypoint = spec
            .entrypoint
            .clone()
            .or_else(|| config.entrypoint.clone())
            .unwrap_or_default();
        let args = match (&spec.args, &spec.entrypoint) {
            (Some(args), _) => args.clone(),
            // Another entrypoint takes no CMD.
            (None, Some(_)) => Vec::new(),
            (None, None) => config.cmd.clone().unwrap_or_default(),
        };
        let user = spec.user.clone().unwrap_or_else(|| config.user.clone());
        let cwd = spec.working_dir.clone().unwrap_or_else(|| config.working_dir.clone());
        let run = RunSpec {
            args: entrypoint.into_iter().chain(args).collect(),
            env,
            cwd: if cwd.is_empty() { "/".to_owned() } else { cwd },
            user: if user.is_empty() { User::ROOT } else { User::Named(user) },
            network: match spec.network {
                ContainerNetwork::Host => SandboxNetwork::Host,
                ContainerNetwork::Own | ContainerNetwork::None => SandboxNetwork::Loopback,
            },
            limits: RunLimits {
                time: spec.limits.step,
                processes: spec.limits.processes,
                disk: spec.limits.disk,
                memory: spec.limits.memory,
            },
            ..RunSpec::new(snapshot.root(), &[])
        };
        let mut inner = container::Container::new(self.sandbox.clone(), run, snapshot, config.stop_signal.as_deref())?;
        if spec.trace {
            inner = inner.traced();
        }
        Ok(Box::new(Held {
            inner,
            _scratch: scratch,
        }))
    }

    fn export(&self, image: &ImageId, to: &Output, _: &dyn Sink, cancel: &Cancel) -> Result<(), Error> {
        match image.0.parse() {
            Ok(digest) => output::export(&self.store, &digest, to, cancel),
            Err(_) => self.image(image).map(drop),
        }
    }

    fn remove(&self, image: &ImageId) -> Result<(), Error> {
        let mut held = self.held();
        if let Some((_, builds)) = held.get_mut(&image.0) {
            *builds -= 1;
            if *builds > 0 {
                return Ok(());
            }
            held.remove(&image.0);
        }
        drop(held);
        match image.0.parse::<Digest>() {
            Ok(digest) => self.store.remove_image(&digest),
            Err(_) => Ok(()),
        }
    }
}

/// A container with the directory that its snapshot is in.
struct Held {
    inner: container::Container,
    _scratch: Scratch,
}

/// The target's config with what the build found out: layers, and when they were made.
fn finished(graph: &Graph, done: &[Arc<Done>]) -> ImageConfig {
    let Some((stage, done)) = graph.stages.get(graph.target).zip(done.get(graph.target)) else {
        return ImageConfig::default();
    };
    let mut config = stage.config.clone();
    config.diff_ids.clone_from(&done.layers);
    // A base image whose history does not count all of its layers: the new ones are the last.
    let made = config.history.iter().filter(|entry| !entry.empty_layer).count();
    let mut created = done.created.iter().skip(done.created.len().saturating_sub(made));
    let mut last: Option<String> = None;
    for entry in &mut config.history {
        if !entry.empty_layer
            && let Some(time) = created.next()
        {
            entry.created = time.clone().or(entry.created.take());
        } else if entry.created.is_none() {
            entry.created.clone_from(&last);
        }
        last.clone_from(&entry.created);
    }
    // Instructions before the first layer were carried out with it.
    let mut next = None;
    for entry in config.history.iter_mut().rev() {
        match &entry.created {
            Some(time) => next = Some(time.clone()),
            None => entry.created.clone_from(&next),
        }
    }
    config.created = last.or(next).or_else(|| Some(rfc3339()));
    config
}

impl Container for Held {
    fn id(&self) -> String {
        self.inner.id()
    }

    fn start(&mut self) -> Result<(), Error> {
        self.inner.start()
    }

    fn wait(&mut self, at_most: std::time::Duration) -> Result<Option<crate::executor::Exit>, Error> {
        self.inner.wait(at_most)
    }

    fn logs(&self) -> Result<crate::executor::Logs, Error> {
        self.inner.logs()
    }

    fn exec(&self, args: &[String], at_most: std::time::Duration) -> Result<crate::executor::ExecOutput, Error> {
        self.inner.exec(args, at_most)
    }

    fn pid(&self) -> Option<u32> {
        self.inner.pid()
    }

    fn address(&self) -> Option<std::net::IpAddr> {
        self.inner.address()
    }

    fn stop(&mut self, grace: std::time::Duration) -> Result<crate::executor::Stopped, Error> {
        self.inner.stop(grace)
    }

    fn trace(&mut self) -> Result<crate::executor::Trace, String> {
        self.inner.trace()
    }
}
