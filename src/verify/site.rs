//! Where images are built, opened and run: what all of a verification's work shares.

use super::behaviour::{Expected, Run, observe};
use super::learnt::Learnt;
use super::original::own_layers;
use super::owners::Owners;
use super::prove::{Input, Options};
use super::sizes::{ImageSize, image_size};
use super::start::Image;
use crate::executor::{
    BuildRequest, BuiltImage, Cancel, Engine, Error, Event, ImageContents, RootTree, Sink, root_tree,
};
use std::sync::mpsc::Sender;
use std::thread::ScopedJoinHandle;
use std::time::Instant;

/// What all of the work shares, from several threads.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub engine: &'a dyn Engine,
    pub input: &'a Input,
    pub options: &'a Options,
    pub events: &'a dyn Sink,
    pub cancel: &'a Cancel,
}

/// Where the first vertex of a build next to another one begins: above all numbers of that one.
const BESIDE: usize = 1 << 24;

/// Takes the events of a build next to another one.
pub(super) struct Beside<'a>(pub &'a dyn Sink);

impl Sink for Beside<'_> {
    fn event(&self, event: Event<'_>) {
        self.0.event(event.from_vertex(BESIDE));
    }
}

/// An image that is removed in the end.
pub(super) struct Made<'e> {
    pub engine: &'e dyn Engine,
    pub built: BuiltImage,
    /// How long the build took.
    pub millis: u64,
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        // Nobody is left who could be told.
        let _ = self.engine.remove(&self.built.id);
    }
}

/// An image that was looked into.
pub(super) struct Opened {
    pub contents: ImageContents,
    pub files: RootTree,
    pub owners: Owners,
    pub size: ImageSize,
    /// How many layers came with the base image.
    pub base_layers: usize,
}

impl Opened {
    pub fn image(&self) -> Image<'_> {
        Image {
            config: &self.contents.config,
            files: &self.files,
        }
    }
}

impl<'a> Site<'a> {
    /// Builds, a second time where the first failed: networks are flaky. The inner error is the
    /// build's own.
    pub fn build(&self, request: &BuildRequest, cancel: &Cancel) -> Result<Result<Made<'a>, Error>, Error> {
        let mut tries = 0;
        loop {
            cancel.check()?;
            let begun = Instant::now();
            match self.engine.build(request, self.events, cancel) {
                Ok(built) => {
                    return Ok(Ok(Made {
                        engine: self.engine,
                        built,
                        millis: millis(begun),
                    }));
                }
                Err(error @ (Error::Cancelled | Error::Unavailable { .. })) => return Err(error),
                Err(error) if error.is_transient() && tries == 0 => {
                    tries += 1;
                    let message = format!("the build failed and is tried once more: {error}");
                    self.events.event(Event::Warning { message: &message });
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// How another text is built.
    pub fn request(&self, text: &str) -> BuildRequest {
        BuildRequest {
            dockerfile: text.to_owned(),
            ..self.input.request.clone()
        }
    }

    pub fn open(&self, made: &Made<'_>, text: &str) -> Result<Opened, Error> {
        let contents = self.engine.contents(&made.built.id, self.cancel)?;
        let files = RootTree::of(&contents, root_tree::Options::default(), self.cancel)?;
        let owners = Owners::of(&files);
        let own = own_layers(
            &contents,
            &self.input.dockerfile,
            text,
            self.input.request.target.as_deref(),
        );
        let size = image_size(&contents, &own, &files, &owners);
        Ok(Opened {
            base_layers: match self.input.whole {
                true => 0,
                false => contents.layers.len().saturating_sub(own.len()),
            },
            contents,
            files,
            owners,
            size,
        })
    }

    /// Runs an image. `like` is an earlier run of the original, if there is one.
    pub fn observe(&self, made: &Made<'_>, like: Option<&Run>) -> Result<Run, Error> {
        self.look(made, like, false)
    }

    /// Runs an image for a first impression: what differs then is to be observed.
    pub fn glance(&self, made: &Made<'_>, like: &Run) -> Result<Run, Error> {
        self.look(made, Some(like), true)
    }

    fn look(&self, made: &Made<'_>, like: Option<&Run>, quick: bool) -> Result<Run, Error> {
        let BuiltImage { id, config, .. } = &made.built;
        let expected = Expected {
            like,
            exposes: !config.exposed_ports.is_empty(),
            stopped_by_term: matches!(config.stop_signal.as_deref(), None | Some("SIGTERM" | "TERM" | "15")),
            quick,
        };
        observe(self.engine, id, &self.options.manner, expected, self.cancel)
    }

    /// Runs the original twice; the first run is told when it is over.
    pub fn learn_behaviour(&self, made: &Made<'_>, tell: &Sender<Run>) -> Result<Learnt, Error> {
        let first = self.observe(made, None)?;
        // Nobody may be waiting any more.
        let _ = tell.send(first.clone());
        let second = self.observe(made, Some(&first))?;
        Ok(Learnt::new(first, second))
    }

    /// How large each layer is compressed. What cannot be found out is none.
    pub fn measure(&self, mut layers: ImageContents, cancel: &Cancel) -> Result<Vec<Option<u64>>, Error> {
        match self.engine.measure(&mut layers, cancel) {
            Err(Error::Cancelled) if self.cancel.is_cancelled() => return Err(Error::Cancelled),
            Err(_) | Ok(()) => {}
        }
        Ok(layers.layers.iter().map(|layer| layer.compressed_bytes).collect())
    }
}

/// The same layers, for a thread of its own; what they point to must be kept.
pub(super) fn layers_of(contents: &ImageContents) -> ImageContents {
    ImageContents {
        config: contents.config.clone(),
        layers: contents.layers.clone(),
        keep: None,
    }
}

/// Milliseconds since then.
pub(super) fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// What a thread found; a panic goes on.
pub(super) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
