//! Settings: `mbopt.yaml`, and `.hadolint.yaml` where there is none.
//!
//! Reading goes in two steps, since settings name rules, and rules may come from files that the
//! settings name: [`Document::read`] checks everything but rule names, [`Document::check`] turns the
//! result into [`Settings`], given the [`Names`] that exist. Nothing here touches a file.

mod check;
pub mod discovery;
mod document;
mod error;
pub mod glob;
pub mod hadolint;
mod nearest;
mod registries;
mod schema;
mod settings;
mod verify;
mod yaml;

pub use check::{Names, OptionName, UnknownName};
pub use document::{Document, KEYS, Loader, Scoped};
pub use error::{ConfigError, ConfigErrors};
pub use nearest::nearest;
pub use registries::{Registries, Registry};
pub use schema::{RuleEntry, schema};
pub use settings::{Candidate, FileSettings, Settings};
pub use verify::{ProbeSetting, Verify};

use std::collections::BTreeMap;

/// A severity as settings name it, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// `style`
    Style,
    /// `info`
    Info,
    /// `warning`
    Warning,
    /// `error`
    Error,
}

/// Which findings make the exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// Those of this level and above.
    At(Level),
    /// None.
    Never,
}

/// Whether ShellCheck looks at RUN scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShellCheck {
    /// Never.
    #[default]
    Off,
    /// Where it is installed.
    Auto,
    /// Its absence is an error.
    Require,
}

/// Whether a rewrite makes a stage for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tester {
    /// A stage that nothing depends on: tests run with `--target`.
    #[default]
    Leaf,
    /// The runtime stage depends on it: a build fails with its tests.
    Gate,
    /// No such stage.
    Off,
}

/// Whether a rewrite gives RUNs that download or compile a cache of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheMounts {
    /// Where the file needs BuildKit anyway, and only caches that cannot change what is built.
    #[default]
    Auto,
    /// Always; also cargo's target folder.
    On,
    /// Never.
    Off,
}

/// How far a rewrite goes; later ones are bolder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum StageLevel {
    /// L0: one stage stays; order, caches and clean-up inside it.
    Order,
    /// L1: the same family's slim image with the whole application directory and the prefixes that
    /// dependencies were installed to.
    Slim,
    /// L2: the application directory and its production dependencies.
    Application,
    /// L3: only what the build makes, and what is proven to be read at run time.
    #[default]
    Artifacts,
}

/// Which base a rewrite gives the runtime stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RuntimeBase {
    /// The smallest for which there is evidence that it does.
    Smallest,
    /// The slim variant of the same image.
    #[default]
    Slim,
    /// The image itself.
    Same,
}

/// How multi-stage rewrites are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stages {
    /// Whether any are made.
    pub rewrite: bool,
    /// Names of new stages by role (`base`, `builder`, `deps`, `tester`, `runtime`), where not the role's own.
    pub names: BTreeMap<String, String>,
    /// The stage for tests.
    pub tester: Tester,
    /// The runtime's base.
    pub runtime: RuntimeBase,
    /// The boldest that is made.
    pub level: StageLevel,
    /// Cache mounts.
    pub cache_mounts: CacheMounts,
}

impl Stages {
    /// The name of the stage for a role.
    pub fn name<'a>(&'a self, role: &'a str) -> &'a str {
        self.names.get(role).map_or(role, String::as_str)
    }
}

impl Default for Stages {
    fn default() -> Self {
        Stages {
            rewrite: true,
            names: BTreeMap::new(),
            tester: Tester::default(),
            runtime: RuntimeBase::default(),
            level: StageLevel::default(),
            cache_mounts: CacheMounts::default(),
        }
    }
}
