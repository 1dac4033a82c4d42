//! What words become when a build sets no argument: ARGs take their defaults.

use crate::model::Dockerfile;
use crate::syntax::Word;
use crate::syntax::expand;

/// Values longer than this are not put in: a name or a path is shorter, and values that hold each
/// other may grow without bounds.
const MAX_VALUE: usize = 4096;

/// The word's value as the instruction `at` sees it with all defaults; none where it cannot be
/// expanded or is too long.
pub fn value(file: &Dockerfile, word: &Word, at: usize) -> Option<String> {
    short(file, &word.value, at).then(|| file.expand(word, at).ok().map(|e| e.value))?
}

/// [`value`], split at blanks as EXPOSE does.
pub fn values(file: &Dockerfile, word: &Word, at: usize) -> Option<Vec<String>> {
    if !short(file, &word.value, at) {
        return None;
    }
    expand::words(&word.value, &file.view_at(at), file.lines.escape, expand::Options::default()).ok()
}

fn short(file: &Dockerfile, text: &str, at: usize) -> bool {
    let view = file.view_at(at);
    let fits = |name: &str| view.get(name).and_then(|v| v.value.as_deref()).is_none_or(|v| v.len() <= MAX_VALUE);
    text.len() <= MAX_VALUE && expand::references_in(text, file.lines.escape).iter().all(|r| fits(&r.name))
}
