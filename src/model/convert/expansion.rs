//! Expansion of words, with an account of what the result depends on.

use crate::model::scope::View;
use crate::syntax::expand::{self, Env, NoEnv, Options};
use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

/// How many bytes of variables' values may be put in over the whole file. Values that contain each
/// other grow without bounds; beyond this they are taken as unknown.
const MAX_BYTES: usize = 32 << 20;

/// What is left of [`MAX_BYTES`].
#[derive(Debug)]
pub(in crate::model) struct Budget(Cell<usize>);

impl Default for Budget {
    fn default() -> Self {
        Budget(Cell::new(MAX_BYTES))
    }
}

/// A word with its variables put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::model) struct Expanded<'t> {
    pub value: Cow<'t, str>,
    /// Another build of the same file can give another value.
    pub open: bool,
    /// A variable was too large to put in; the value is not whole.
    pub lost: bool,
}

impl Expanded<'_> {
    /// The value, where it is whole.
    pub fn known(&self) -> Option<Arc<str>> {
        (!self.lost).then(|| Arc::from(self.value.as_ref()))
    }

    pub fn owned(self) -> Expanded<'static> {
        Expanded {
            value: Cow::Owned(self.value.into_owned()),
            open: self.open,
            lost: self.lost,
        }
    }
}

/// Why a word cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::model) struct Unexpanded {
    pub message: String,
    /// Another build of the same file may pass.
    pub open: bool,
}

/// Whether the expansion of a text is the text itself.
pub(super) fn is_plain(text: &str, escape: char) -> bool {
    !text
        .bytes()
        .any(|b| matches!(b, b'$' | b'"' | b'\'') || char::from(b) == escape)
}

/// Expands a word as BuildKit does, quotes and escapes taken off.
pub(in crate::model) fn expand<'t>(
    text: &'t str,
    view: View<'_>,
    escape: char,
    budget: &Budget,
) -> Result<Expanded<'t>, Unexpanded> {
    expand_with(text, view, escape, budget, Options::default())
}

/// [`expand()`] with options.
pub(super) fn expand_with<'t>(
    text: &'t str,
    view: View<'_>,
    escape: char,
    budget: &Budget,
    options: Options,
) -> Result<Expanded<'t>, Unexpanded> {
    if is_plain(text, escape) {
        return Ok(Expanded {
            value: Cow::Borrowed(text),
            open: false,
            lost: false,
        });
    }
    let env = Metered {
        view,
        budget,
        lost: Cell::new(false),
    };
    match expand::word(text, &env, escape, options) {
        Ok(expansion) => {
            let lost = env.lost.get();
            let open = lost
                || expansion
                    .used
                    .iter()
                    .chain(&expansion.unset)
                    .any(|name| is_open_name(name, view));
            Ok(Expanded {
                value: Cow::Owned(expansion.value),
                open,
                lost,
            })
        }
        Err(error) => Err(unexpanded(text, &error.to_string(), view, escape, options)),
    }
}

/// Expands a text to words split at blanks, as EXPOSE's are.
pub(super) fn expand_words(
    text: &str,
    view: View<'_>,
    escape: char,
    budget: &Budget,
) -> Result<(Vec<String>, bool), Unexpanded> {
    if is_plain(text, escape) {
        return Ok((vec![text.to_owned()], false));
    }
    let env = Metered {
        view,
        budget,
        lost: Cell::new(false),
    };
    match expand::words(text, &env, escape, Options::default()) {
        Ok(words) => Ok((words, env.lost.get() || is_open(text, view, escape))),
        Err(error) => Err(unexpanded(text, &error.to_string(), view, escape, Options::default())),
    }
}

/// An error stays whatever the variables' values are, or it is of this build only.
fn unexpanded(text: &str, message: &str, view: View<'_>, escape: char, options: Options) -> Unexpanded {
    let by_values = expand::word(text, &AllSet, escape, options).is_ok();
    Unexpanded {
        message: format!("`{text}` cannot be expanded: {}", reason(message)),
        open: by_values && is_open(text, view, escape),
    }
}

/// The reason behind what the expansion puts before it.
fn reason(message: &str) -> &str {
    match message.strip_prefix("failed to process ") {
        Some(rest) => rest.split_once("\": ").map_or(rest, |(_, reason)| reason),
        None => message,
    }
}

/// Whether a text names a variable that another build can set.
pub(super) fn is_open(text: &str, view: View<'_>, escape: char) -> bool {
    expand::references_in(text, escape)
        .iter()
        .any(|r| is_open_name(&r.name, view))
}

fn is_open_name(name: &str, view: View<'_>) -> bool {
    match view.get(name) {
        Some(variable) => variable.settable,
        // The base image may set what the file does not.
        None => view
            .stage
            .and_then(|id| view.stages.get(id.0))
            .is_some_and(|s| !s.from_scratch),
    }
}

/// Whether a text has no variables, and taking quotes and escapes off leaves it as it is.
pub(super) fn is_literal(text: &str, escape: char) -> bool {
    is_plain(text, escape) || expand::word(text, &NoEnv, escape, Options::default()).is_ok_and(|e| e.value == text)
}

struct Metered<'a> {
    view: View<'a>,
    budget: &'a Budget,
    lost: Cell<bool>,
}

impl Env for Metered<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let variable = self.view.get(name)?;
        if variable.lost {
            self.lost.set(true);
            return Some(Cow::Borrowed("?"));
        }
        let value = variable.value.as_deref()?;
        match self.budget.0.get().checked_sub(value.len()) {
            Some(left) => {
                self.budget.0.set(left);
                Some(Cow::Borrowed(value))
            }
            None => {
                self.lost.set(true);
                Some(Cow::Borrowed("?"))
            }
        }
    }

    fn names(&self) -> Vec<String> {
        Env::names(&self.view)
    }
}

/// Every variable is set.
struct AllSet;

impl Env for AllSet {
    fn get(&self, _: &str) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("x"))
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}
