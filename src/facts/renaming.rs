//! Another name for a stage.

use crate::edit::Edit;
use crate::model::{Dockerfile, Stage};

/// The edits that name the stage `new` and refer to it so; none where it has no name of its own, or
/// shares it with another stage.
pub fn edits(file: &Dockerfile, stage: &Stage, new: &str) -> Option<Vec<Edit>> {
    let (name, span) = (stage.name.as_deref()?, stage.name_span?);
    let is_name = |other: &Stage| other.name.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name));
    if file.stages.iter().filter(|s| is_name(s)).count() != 1 || file.source.slice(span) != name {
        return None;
    }
    // What reaches the stage through a variable stays: names are compared in lower case.
    let places = stage.uses.iter().map(|used| used.span).filter(|s| file.source.slice(*s).eq_ignore_ascii_case(name));
    Some(std::iter::once(span).chain(places).filter(|s| file.source.slice(*s) != new).map(|s| Edit::replace(s, new)).collect())
}
