//! What a fix changes: edits to text, how far they can be trusted, and what they announce.

use crate::source::Span;
use serde::{Deserialize, Serialize};

/// Replace the bytes under `span` by `text`; an empty span inserts, an empty text deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes that go.
    pub span: Span,
    /// The text that comes. Written with `\n`; the applier turns it into the file's line ending.
    pub text: String,
}

impl Edit {
    /// Replace `span` by `text`.
    pub fn replace(span: Span, text: impl Into<String>) -> Self {
        Edit {
            span,
            text: text.into(),
        }
    }

    /// Insert `text` before the byte at `offset`.
    pub fn insert(offset: usize, text: impl Into<String>) -> Self {
        Edit {
            span: Span::at(offset),
            text: text.into(),
        }
    }

    /// Remove the bytes under `span`.
    pub fn delete(span: Span) -> Self {
        Edit {
            span,
            text: String::new(),
        }
    }
}

/// How far a fix can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Applicability {
    /// Shown, never applied.
    DisplayOnly,
    /// Applied with `--unsafe-fixes`: the image may behave differently.
    #[default]
    Unsafe,
    /// Applied with `--fix`: the image's behaviour cannot change.
    Safe,
}

/// Fixes of one isolation group are applied at most one a pass, so that each sees the others' result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// May be applied together with any fix that does not overlap.
    #[default]
    None,
    /// At most one fix of this group a pass; groups are named after what they reorganise.
    Group(&'static str),
}

/// What a fix announces to change beyond the text: a name for each field of the image's config, its
/// files, or what people do with the file. Verification compares what it saw with what was announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// `Config.Cmd`.
    Cmd,
    /// `Config.Entrypoint`.
    Entrypoint,
    /// `Config.Env`.
    Env,
    /// `Config.ExposedPorts`.
    Expose,
    /// `Config.Healthcheck`.
    Healthcheck,
    /// `Config.Labels`.
    Labels,
    /// `Config.Shell`, and with it how later RUN instructions are run.
    Shell,
    /// `Config.StopSignal`.
    StopSignal,
    /// `Config.User`.
    User,
    /// `Config.Volumes`.
    Volumes,
    /// `Config.WorkingDir`.
    Workdir,
    /// The image's `author` field.
    Author,
    /// The base image.
    Base,
    /// Files that the image holds, their owner or mode.
    Files,
    /// Caches, package lists and other by-products leave the image.
    Leftovers,
    /// Which layers there are, and what each holds; the resulting tree is the same.
    Layers,
    /// Packages installed, or their versions.
    Packages,
    /// What a build fetches or where from.
    Network,
    /// When a build step fails.
    Failure,
    /// Which stages there are, or their names.
    Stages,
    /// What a build needs: BuildKit features, secrets, arguments, files of the context.
    Build,
}

/// A file that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewFile {
    /// Relative to the build context, `/` between names; its folder exists.
    pub path: String,
    /// The whole text, with `\n`.
    pub text: String,
}

/// A change that mends a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in the imperative: "add `-y`".
    pub title: String,
    /// Edits in any order; they must not overlap each other.
    pub edits: Vec<Edit>,
    /// Files that it makes in the build context. A fix that makes files has no edits: what is seen of
    /// the Dockerfile stays as it is, so nothing has to be read anew.
    pub creates: Vec<NewFile>,
    /// How far it can be trusted.
    pub applicability: Applicability,
    /// What may not be applied in the same pass.
    pub isolation: Isolation,
    /// What it announces to change.
    pub effects: Vec<Effect>,
    /// What whoever takes it must be told, a sentence each without a final full stop: tests that no
    /// longer run by default, another CMD, what is not proven.
    pub announces: Vec<String>,
}

impl Fix {
    /// An unsafe fix without effects that makes a file.
    pub fn create(title: impl Into<String>, path: impl Into<String>, text: impl Into<String>) -> Self {
        let file = NewFile {
            path: path.into(),
            text: text.into(),
        };
        Fix {
            creates: vec![file],
            ..Fix::unsafe_(title, Vec::new())
        }
    }

    /// A safe fix without effects.
    pub fn safe(title: impl Into<String>, edits: Vec<Edit>) -> Self {
        Fix {
            title: title.into(),
            edits,
            creates: Vec::new(),
            applicability: Applicability::Safe,
            isolation: Isolation::None,
            effects: Vec::new(),
            announces: Vec::new(),
        }
    }

    /// An unsafe fix without effects.
    pub fn unsafe_(title: impl Into<String>, edits: Vec<Edit>) -> Self {
        Fix {
            applicability: Applicability::Unsafe,
            ..Fix::safe(title, edits)
        }
    }

    /// The same fix, announcing `effects`.
    pub fn with_effects(mut self, effects: impl IntoIterator<Item = Effect>) -> Self {
        self.effects.extend(effects);
        self
    }

    /// The same fix in an isolation group.
    pub fn isolated(mut self, group: &'static str) -> Self {
        self.isolation = Isolation::Group(group);
        self
    }

    /// The smallest span that covers all edits; empty at 0 where there are none.
    pub fn span(&self) -> Span {
        self.edits
            .iter()
            .map(|e| e.span)
            .reduce(Span::to)
            .unwrap_or(Span::at(0))
    }
}
