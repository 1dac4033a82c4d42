//! What COPY and ADD take from the build context.

use crate::context::ListedFile;
use crate::model::{Instruction, Transfer};
use crate::syntax::Word;

/// The sources of a COPY or ADD that are paths in the build context, without quotes around them.
pub fn of_context(instruction: &Instruction) -> impl Iterator<Item = (&Word, &str)> {
    let transfer = instruction.transfer().filter(|t| t.from.is_none());
    transfer
        .into_iter()
        .flat_map(|t: &Transfer| &t.sources)
        .filter_map(|source| {
            let path = source.value.trim_matches(['"', '\'']);
            (!path.is_empty() && !super::archives::is_remote(path)).then_some((source, path))
        })
}

/// Whether a source is the whole build context.
pub fn is_whole(path: &str) -> bool {
    matches!(path.trim_start_matches("./").trim_matches('/'), "" | "." | "*" | "**")
}

/// The files whose paths begin with `prefix`; `files` are sorted by path.
pub fn below<'a>(files: &'a [ListedFile], prefix: &'a str) -> impl Iterator<Item = &'a str> {
    let first = files.partition_point(|f| f.path.as_str() < prefix);
    let behind = files.get(first..).unwrap_or_default();
    behind
        .iter()
        .map(|f| f.path.as_str())
        .take_while(move |path| path.starts_with(prefix))
}
