//! Whether to use colours: `--color`, then <https://no-color.org>, `CLICOLOR_FORCE`, the terminal.

use clap::ValueEnum;
use std::ffi::OsString;

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum When {
    /// Where the output is a terminal.
    #[default]
    Auto,
    /// Everywhere but in a file.
    Always,
    /// Nowhere.
    Never,
}

/// Whether output gets colours. `env` looks up an environment variable, `terminal` says whether
/// the output is one.
pub fn wanted(when: When, env: impl Fn(&str) -> Option<OsString>, terminal: bool) -> bool {
    // An empty variable counts as unset.
    let set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if set("NO_COLOR") => false,
        When::Auto if set("CLICOLOR_FORCE") => env("CLICOLOR_FORCE").is_some_and(|v| v != "0") || terminal,
        When::Auto => terminal && env("TERM").is_none_or(|term| term != "dumb"),
    }
}

/// [`wanted`] for this process.
pub fn wanted_here(when: When, terminal: bool) -> bool {
    wanted(when, |name| std::env::var_os(name), terminal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(when: When, vars: &[(&str, &str)], terminal: bool) -> bool {
        wanted(
            when,
            |name| vars.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v)),
            terminal,
        )
    }

    #[test]
    fn the_flag_wins() {
        assert!(with(When::Always, &[("NO_COLOR", "1")], false));
        assert!(!with(When::Never, &[("CLICOLOR_FORCE", "1")], true));
    }

    #[test]
    fn an_empty_no_color_is_unset() {
        assert!(with(When::Auto, &[("NO_COLOR", "")], true));
        assert!(!with(When::Auto, &[("NO_COLOR", "0")], true));
        assert!(!with(When::Auto, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true));
    }

    #[test]
    fn a_terminal_or_force_is_needed() {
        assert!(!with(When::Auto, &[], false));
        assert!(with(When::Auto, &[("CLICOLOR_FORCE", "1")], false));
        assert!(!with(When::Auto, &[("CLICOLOR_FORCE", "0")], false));
        assert!(!with(When::Auto, &[("TERM", "dumb")], true));
    }
}
