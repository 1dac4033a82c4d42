//! Rules: what they say of themselves, how they look at a file, and what they find.

pub mod diagnostic;
pub mod meta;

pub use diagnostic::{Diagnostic, Label, Severity};
pub use meta::RuleMeta;
