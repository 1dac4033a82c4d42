//! Variables and settings at a place in a stage, with the values of this very build.

use crate::executor::config::ImageConfig;
use crate::model::join_path;
use crate::syntax::expand::{self, Env, ExpandError, Options};
use std::borrow::Cow;

/// What ENV and ARG have set, in the order in which it was first set.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables(Vec<(String, String)>);

impl Variables {
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub fn value(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

impl Env for Variables {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.value(name).map(Cow::Borrowed)
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// The state of a stage between two instructions.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// ENV and ARG.
    pub variables: Variables,
    /// ARGs that were declared, in order, for the history.
    pub args: Vec<(String, Option<String>)>,
    /// The image's config so far.
    pub config: ImageConfig,
    /// Whether the stage itself has a CMD.
    pub has_cmd: bool,
    /// `\` or a backtick.
    pub escape: char,
}

/// BuildKit's PATH where the base image has none.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl State {
    /// Puts the variables in, takes quotes off.
    pub fn expand(&self, text: &str) -> Result<String, ExpandError> {
        Ok(expand::word(text, &self.variables, self.escape, Options::default())?.value)
    }

    /// The same, split at blanks.
    pub fn expand_words(&self, text: &str) -> Result<Vec<String>, ExpandError> {
        expand::words(text, &self.variables, self.escape, Options::default())
    }

    /// A heredoc's text: quotes are characters like others.
    pub fn expand_text(&self, text: &str) -> Result<String, ExpandError> {
        let options = Options {
            skip_quotes: true,
            ..Options::default()
        };
        Ok(expand::word(text, &self.variables, '\\', options)?.value)
    }

    /// As an instruction is shown: quotes stay, and so does what is not set.
    pub fn shown(&self, text: &str) -> String {
        let options = Options {
            raw_quotes: true,
            raw_escapes: true,
            skip_unset: true,
            skip_quotes: false,
        };
        let value = expand::word(text, &self.variables, self.escape, options).map_or(text.to_owned(), |e| e.value);
        value.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The arguments of a shell form.
    pub fn with_shell(&self, script: &str) -> Vec<String> {
        let mut args = match &self.config.shell {
            Some(shell) if !shell.is_empty() => shell.clone(),
            _ => vec!["/bin/sh".to_owned(), "-c".to_owned()],
        };
        args.push(script.to_owned());
        args
    }

    /// A path made absolute by WORKDIR; a slash at its end stays.
    pub fn absolute(&self, path: &str) -> String {
        let base = if path.starts_with('/') {
            ""
        } else {
            &self.config.working_dir
        };
        let joined = join(base, path);
        let is_dir = path.ends_with('/') || path == "." || path.ends_with("/.") || path.is_empty();
        if is_dir && joined != "/" { joined + "/" } else { joined }
    }
}

/// Joins two paths and takes `.`, `..` and double slashes out; always absolute.
pub(super) fn join(before: &str, path: &str) -> String {
    join_path(before, path.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_keep_their_slash() {
        let mut state = State {
            escape: '\\',
            ..State::default()
        };
        state.config.working_dir = "/app".to_owned();
        for (path, absolute) in [
            ("x", "/app/x"),
            ("x/", "/app/x/"),
            (".", "/app/"),
            ("/", "/"),
            ("../y", "/y"),
            ("./", "/app/"),
        ] {
            assert_eq!(state.absolute(path), absolute, "{path}");
        }
    }
}
