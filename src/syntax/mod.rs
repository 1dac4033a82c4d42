//! From text to a concrete syntax: logical lines and words as BuildKit sees them, and
//! tree-sitter's view beside them.
//!
//! [`lines`] is the authority on where an instruction begins and ends, [`words`] on what its
//! arguments are; [`tree`] only adds nodes and queries, and an instruction in which it disagrees
//! with the splitter is opaque to fixes. [`suppress`] reads the comments that silence findings.

pub mod directive;
pub mod expand;
pub mod heredoc;
pub mod joined;
pub mod json;
pub mod lines;
pub mod pattern;
pub mod quote;
pub mod suppress;
pub mod tree;
pub mod words;

pub use heredoc::Heredoc;
pub use joined::Joined;
pub use lines::{Comment, Directive, Lines, LogicalLine, SyntaxError};
pub use words::Word;
