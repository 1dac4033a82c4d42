//! Build stages.

use super::image::ImageRef;
use super::scope::Scope;
use crate::source::Span;

/// Index of a stage in `Dockerfile::stages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageId(pub usize);

/// What FROM, `COPY --from` or `--mount=from=` refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageRef {
    /// An earlier stage, by name.
    Named(StageId),
    /// An earlier stage, by number.
    Numbered(StageId),
    /// An image (or a named context given at build time: the file cannot tell them apart).
    Image(ImageRef),
    /// `scratch`.
    Scratch,
    /// `context`-like or anything that only the build can resolve (a variable).
    Unknown,
}

/// One stage.
#[derive(Debug)]
pub struct Stage {
    /// Which one.
    pub id: StageId,
    /// Its name as written, where it has one.
    pub name: Option<String>,
    /// Where the name stands.
    pub name_span: Option<Span>,
    /// Index of its FROM in `Dockerfile::instructions`; its instructions follow until the next FROM.
    pub from: usize,
    /// Indices of its instructions, FROM excluded.
    pub instructions: std::ops::Range<usize>,
    /// What it is built on, variables as written.
    pub base: StageRef,
    /// The base image after expansion with default values; none where a variable has none, and for
    /// stages built on stages.
    pub image: Option<ImageRef>,
    /// The image at the root of its chain of stages, expanded.
    pub root_image: Option<ImageRef>,
    /// Stages it takes anything from: base, `COPY --from`, mounts.
    pub depends_on: Vec<StageId>,
    /// Whether the default target is this stage or is built on it: its layers end up in the image.
    pub ships: bool,
    /// Whether the default target needs it at all.
    pub reachable: bool,
    /// Variables in force at its end.
    pub scope: Scope,
}
