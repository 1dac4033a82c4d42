//! What a Dockerfile's text says of its image.

use super::prove::Input;
use crate::executor::ImageContents;
use crate::model::{Dockerfile, Keyword, Kind};
use crate::source::SourceFile;
use std::collections::BTreeSet;

/// What the original's text says.
pub(super) struct Original {
    pub variables: BTreeSet<String>,
    pub labels: BTreeSet<String>,
}

impl Original {
    pub fn of(input: &Input) -> Original {
        let file = parse(&input.dockerfile, &input.request.dockerfile);
        let mut original = Original {
            variables: BTreeSet::new(),
            labels: BTreeSet::new(),
        };
        for instruction in final_instructions(&file, input.request.target.as_deref()) {
            let (pairs, names) = match &instruction.kind {
                Kind::Env(pairs) => (pairs, &mut original.variables),
                Kind::Label(pairs) => (pairs, &mut original.labels),
                _ => continue,
            };
            for pair in pairs {
                if let Some(name) = file.fixed_value(&pair.key, instruction.index) {
                    names.insert(name);
                }
            }
        }
        original
    }
}

pub(super) fn parse(name: &str, text: &str) -> Dockerfile {
    Dockerfile::parse(SourceFile::new(name, text.as_bytes().to_vec()))
}

/// The instructions whose results are in the image: those of the target and of the stages below it.
fn final_instructions<'f>(
    file: &'f Dockerfile,
    target: Option<&str>,
) -> impl Iterator<Item = &'f crate::model::Instruction> {
    let stage = match target {
        Some(name) => file.stage_by_name(name),
        None => file.target(),
    };
    let stages: Vec<_> = stage.map(|stage| file.chain(stage).collect()).unwrap_or_default();
    stages.into_iter().flat_map(|stage| file.instructions_of(stage))
}

/// The stages that a Dockerfile's own layers were made in, a name for each of those layers, lowest
/// first. BuildKit writes a line of history for each instruction, and none for FROM.
pub(super) fn own_layers(contents: &ImageContents, name: &str, text: &str, target: Option<&str>) -> Vec<String> {
    let file = parse(name, text);
    let mut lines = Vec::new();
    for instruction in final_instructions(&file, target) {
        if instruction.keyword != Keyword::From {
            let stage = instruction
                .stage
                .and_then(|id| file.stages.iter().find(|stage| stage.id == id));
            let at = stage.and_then(|stage| file.stages.iter().position(|known| known.id == stage.id));
            let named = stage.and_then(|stage| stage.name.clone());
            lines.push((
                instruction.index,
                named.unwrap_or_else(|| format!("stage {}", at.unwrap_or(0))),
            ));
        }
    }
    lines.sort_by_key(|(index, _)| *index);
    let history = &contents.config.history;
    let own = history
        .get(history.len().saturating_sub(lines.len())..)
        .unwrap_or_default();
    let made = own.iter().zip(lines).filter(|(entry, _)| !entry.empty_layer);
    made.map(|(_, (_, stage))| stage).collect()
}
