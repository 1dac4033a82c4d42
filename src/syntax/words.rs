//! BuildKit's splitting of an instruction's text into keyword, flags and arguments.

use crate::source::Span;

/// A piece of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// What BuildKit's parser makes of it, before any variable is expanded. Quotes are still there
    /// where BuildKit keeps them for the expansion (see [`super::expand`]); JSON strings are decoded.
    pub value: String,
    /// Where it stands in the file, quotes included.
    pub span: Span,
}

impl Word {
    /// A word.
    pub fn new(value: impl Into<String>, span: Span) -> Self {
        Word { value: value.into(), span }
    }
}
