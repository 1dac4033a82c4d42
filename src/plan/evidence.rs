//! What an inference rests on, and what must hold for a rewrite.

use crate::source::Span;

/// Where something was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvidenceSource {
    /// A command or instruction of the Dockerfile.
    Command(Span),
    /// CMD, ENTRYPOINT or HEALTHCHECK.
    Cmd(Span),
    /// A comment of the Dockerfile.
    Comment(Span),
    /// A manifest, lock or tool's configuration file of the context.
    Manifest {
        /// Relative to the context's root.
        path: String,
        /// From 1; none for the whole file.
        line: Option<usize>,
    },
    /// A source or script of the context.
    SourceFile {
        /// Relative to the context's root.
        path: String,
        /// From 1; none for the whole file.
        line: Option<usize>,
    },
    /// `rules/knowledge/images.yaml`.
    ImageTable,
    /// `rules/knowledge/packages.yaml`.
    PackageTable,
    /// What a tool does unless it is told otherwise.
    ToolDefault,
    /// A build or a run.
    Observed,
}

/// One thing that was seen, and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Where.
    pub from: EvidenceSource,
    /// A sentence for people, without a final full stop.
    pub says: String,
}

impl Evidence {
    /// Something seen at `from`.
    pub fn new(from: EvidenceSource, says: impl Into<String>) -> Self {
        Evidence {
            from,
            says: says.into(),
        }
    }

    /// Something that a command or instruction of the file shows.
    pub fn command(span: Span, says: impl Into<String>) -> Self {
        Evidence::new(EvidenceSource::Command(span), says)
    }

    /// Something that CMD, ENTRYPOINT or HEALTHCHECK shows.
    pub fn cmd(span: Span, says: impl Into<String>) -> Self {
        Evidence::new(EvidenceSource::Cmd(span), says)
    }

    /// Something that a manifest of the context shows.
    pub fn manifest(path: impl Into<String>, line: Option<usize>, says: impl Into<String>) -> Self {
        Evidence::new(
            EvidenceSource::Manifest {
                path: path.into(),
                line,
            },
            says,
        )
    }

    /// Something that a source file or script of the context shows.
    pub fn source(path: impl Into<String>, line: Option<usize>, says: impl Into<String>) -> Self {
        Evidence::new(
            EvidenceSource::SourceFile {
                path: path.into(),
                line,
            },
            says,
        )
    }

    /// What a tool does by default.
    pub fn tool(says: impl Into<String>) -> Self {
        Evidence::new(EvidenceSource::ToolDefault, says)
    }

    /// What the table of images says.
    pub fn image(says: impl Into<String>) -> Self {
        Evidence::new(EvidenceSource::ImageTable, says)
    }
}

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Met {
    /// It does not.
    No,
    /// Nothing shows it; a build may.
    Unproven,
    /// It does.
    Yes,
}

/// Something that must hold.
///
/// A level whose conditions are all met can be taken safely; with one that is unproven it can be
/// taken by an unsafe fix; with one that is not met it cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What must hold, as a sentence without a final full stop: "the binary needs no C library".
    pub what: String,
    /// Whether it does.
    pub met: Met,
    /// What shows it, or speaks against it.
    pub evidence: Vec<Evidence>,
    /// What would prove it, for the user: "set CGO_ENABLED=0"; none where nothing would.
    pub would_prove: Option<String>,
}

impl Condition {
    /// A condition that holds.
    pub fn met(what: impl Into<String>, evidence: Vec<Evidence>) -> Self {
        Condition {
            what: what.into(),
            met: Met::Yes,
            evidence,
            would_prove: None,
        }
    }

    /// A condition that nothing shows.
    pub fn unproven(what: impl Into<String>, evidence: Vec<Evidence>, would_prove: impl Into<String>) -> Self {
        Condition {
            what: what.into(),
            met: Met::Unproven,
            evidence,
            would_prove: Some(would_prove.into()),
        }
    }

    /// A condition that does not hold.
    pub fn not_met(what: impl Into<String>, evidence: Vec<Evidence>) -> Self {
        Condition {
            what: what.into(),
            met: Met::No,
            evidence,
            would_prove: None,
        }
    }
}
