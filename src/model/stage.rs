//! Build stages.

use super::image::ImageRef;
use super::scope::Scope;
use super::settings::Track;
use crate::source::Span;

/// Index of a stage in `Dockerfile::stages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageId(pub usize);

/// What FROM, `COPY --from` or `--mount=from=` refers to.
///
/// Where BuildKit refuses the reference (a stage that copies from itself or from a later one), the
/// stage is given all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StageRef {
    /// A stage, by name.
    Named(StageId),
    /// A stage, by number.
    Numbered(StageId),
    /// An image (or a named context given at build time: the file cannot tell them apart).
    Image(ImageRef),
    /// `scratch`.
    Scratch,
    /// `context`-like or anything that only the build can resolve (a variable).
    Unknown,
}

impl StageRef {
    /// The stage, where it is one.
    pub fn stage(&self) -> Option<StageId> {
        match self {
            StageRef::Named(id) | StageRef::Numbered(id) => Some(*id),
            _ => None,
        }
    }

    /// The image, where it is one.
    pub fn image(&self) -> Option<&ImageRef> {
        match self {
            StageRef::Image(image) => Some(image),
            _ => None,
        }
    }
}

/// How a place refers to a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UseKind {
    /// `FROM stage`.
    Base,
    /// `COPY --from=stage`.
    Copy,
    /// `RUN --mount=from=stage`.
    Mount,
}

/// A place that refers to a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Use {
    /// How.
    pub kind: UseKind,
    /// The name or number as it stands there.
    pub span: Span,
    /// The instruction.
    pub instruction: usize,
    /// Whether it is a number.
    pub numbered: bool,
}

/// One stage.
#[derive(Debug)]
pub struct Stage {
    /// Which one.
    pub id: StageId,
    /// Its name as written, where it has one. BuildKit takes it in lower case.
    pub name: Option<String>,
    /// Where the name stands.
    pub name_span: Option<Span>,
    /// Index of its FROM in `Dockerfile::instructions`; its instructions follow until the next FROM.
    pub from: usize,
    /// Indices of its instructions, FROM excluded.
    pub instructions: std::ops::Range<usize>,
    /// What it is built on: a stage is found after expansion with default values, an image is given
    /// with its variables as written.
    pub base: StageRef,
    /// The base image after expansion with default values; none where a variable has none, and for
    /// stages built on stages.
    pub image: Option<ImageRef>,
    /// The image at the root of its chain of stages, expanded.
    pub root_image: Option<ImageRef>,
    /// Whether `scratch` is at the root of its chain, so that nothing comes from an image.
    pub from_scratch: bool,
    /// `--platform` after expansion with default values.
    pub platform: Option<String>,
    /// Whether its platform, or that of the stage it is built on, is Windows by name.
    pub windows: bool,
    /// Stages it takes anything from: base, `COPY --from`, mounts. Each once, in order; a stage's own
    /// and later ones, which BuildKit refuses, are left out.
    pub depends_on: Vec<StageId>,
    /// All places that refer to it.
    pub uses: Vec<Use>,
    /// Whether the default target is this stage or is built on it: its layers end up in the image.
    pub ships: bool,
    /// Whether the default target needs it at all.
    pub reachable: bool,
    /// Variables it declares itself; see [`super::Dockerfile::view_at`] for what is in force.
    pub scope: Scope,
    /// USER, as it changes.
    pub(super) users: Track<str>,
    /// WORKDIR, made absolute, as it changes.
    pub(super) workdirs: Track<str>,
    /// SHELL, as it changes.
    pub(super) shells: Track<[String]>,
    /// Indices of its ONBUILDs.
    pub(super) onbuilds: Vec<usize>,
}

impl Stage {
    /// The stage it is built on.
    pub fn parent(&self) -> Option<StageId> {
        self.base.stage()
    }
}
