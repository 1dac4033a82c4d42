//! What a piece of a RUN is made of.

use crate::plan::site::{Place, Site};

/// A command's beginning, for a message.
pub fn short(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().filter(|w| *w != "\\").collect();
    let mut out = words.join(" ");
    if out.chars().count() > 60 {
        out = out.chars().take(57).collect::<String>() + "...";
    }
    out
}

/// The names of the programs of a piece.
pub fn commands<'a>(site: &Site<'a>, place: Place) -> impl Iterator<Item = &'a str> {
    let instruction = site.file().instructions.get(place.instruction);
    let run = instruction.and_then(|i| site.facts.run(i));
    run.into_iter().flat_map(move |run| {
        let link = place.piece.and_then(|p| run.script.chain.get(p));
        link.map(|l| run.script.link_commands(l))
            .unwrap_or_default()
            .iter()
            .map(|c| c.effective().base_name())
    })
}

/// The words of a piece that are no options.
pub(super) fn paths(site: &Site<'_>, place: Place) -> Vec<String> {
    let instruction = site.file().instructions.get(place.instruction);
    let Some(run) = instruction.and_then(|i| site.facts.run(i)) else {
        return Vec::new();
    };
    let link = place.piece.and_then(|p| run.script.chain.get(p));
    let commands = link.map(|l| run.script.link_commands(l)).unwrap_or_default();
    commands
        .iter()
        .flat_map(|c| c.effective().words)
        .filter(|w| !w.is_flag())
        .map(|w| w.text.clone())
        .collect()
}
