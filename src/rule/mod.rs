//! Rules: what they say of themselves, how they look at a file, and what they find.
//!
//! A rule is `rules/<id>.yaml`, and `src/rule/checks/<id>.rs` where a condition over fields is not
//! enough. The build script compiles the YAML into [`registry`]; [`walk`] takes one walk over a file
//! and shows each part to the rules that asked for it; [`fields`] and [`evaluate`] decide the
//! declarative ones.

pub mod check;
pub mod cleanup;
pub mod diagnostic;
pub mod evaluate;
pub mod fields;
pub mod filters;
pub mod layout;
pub mod matcher;
pub mod meta;
pub mod registry;
pub mod rewrite;
pub mod schema;
pub mod shellcheck;
pub mod suppression;
pub mod user;
pub mod walk;
pub mod yielding;

pub use check::{Check, Cx, Inspect, Rule};
pub use diagnostic::{Diagnostic, Finding, Label, Severity};
pub use meta::RuleMeta;
pub use walk::{Registry, failed_checks, lint, lint_with};
