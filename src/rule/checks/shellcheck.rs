//! ShellCheck's findings: nothing is looked for here, see [`crate::rule::shellcheck`].

use crate::rule::Inspect;

/// See `rules/shellcheck.yaml`.
pub struct Rule;

impl Inspect for Rule {}
