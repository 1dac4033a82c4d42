//! Stages that are referred to by their number get a name.

use crate::edit::Edit;
use crate::plan::site::Site;
use std::collections::BTreeSet;

/// Names for stages.
#[derive(Debug, Clone, Default)]
pub(super) struct Named {
    /// The edits that give and use them.
    pub edits: Vec<Edit>,
}

/// Names every stage that something refers to by its number.
pub(super) fn names(site: &Site<'_>) -> Named {
    let file = site.file();
    let mut out = Named::default();
    let mut taken: BTreeSet<String> = file
        .stages
        .iter()
        .flat_map(|s| {
            let image = s.image.as_ref().map(|i| i.text.to_lowercase());
            s.name.as_ref().map(|n| n.to_lowercase()).into_iter().chain(image)
        })
        .collect();
    for stage in &file.stages {
        let numbers: Vec<_> = stage
            .uses
            .iter()
            .filter(|used| used.numbered)
            .map(|used| used.span)
            .collect();
        let Some(from) = file.instructions.get(stage.from).filter(|_| !numbers.is_empty()) else {
            continue;
        };
        let name = stage.name.clone().unwrap_or_else(|| {
            let wanted = site.options.name("builder");
            let mut name = wanted.to_owned();
            let mut number = 2;
            while !taken.insert(name.to_lowercase()) {
                name = format!("{wanted}{number}");
                number += 1;
            }
            name
        });
        if stage.name.is_none() {
            let keyword = file.source.slice(from.keyword_span);
            let upper = keyword.chars().all(|c| c.is_ascii_uppercase());
            let word = if upper { "AS" } else { "as" };
            out.edits
                .push(Edit::insert(from.arguments_span.end, format!(" {word} {name}")));
        }
        out.edits
            .extend(numbers.into_iter().map(|span| Edit::replace(span, name.clone())));
    }
    out
}
