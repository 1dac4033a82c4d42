//! Image references.

use crate::source::Span;

/// An image name as written in FROM or `COPY --from`, split as far as the text allows; variables
/// are kept as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRef {
    /// As written, unquoted.
    pub text: String,
    /// The whole reference in the file.
    pub span: Span,
    /// `docker.io`, `ghcr.io`, `localhost:5000`; none where none is written.
    pub registry: Option<String>,
    /// The repository without registry: `library/node` is kept as written.
    pub repository: String,
    /// Behind `:`.
    pub tag: Option<String>,
    /// Where the tag stands, without the colon.
    pub tag_span: Option<Span>,
    /// Behind `@`.
    pub digest: Option<String>,
}
