//! As whom steps run.

use super::Facts;
use crate::knowledge;
use crate::model::{Instruction, Stage};

/// Whether a USER's text means root.
pub fn is_root(user: &str) -> bool {
    let name = user.trim_matches(['"', '\'']).split(':').next().unwrap_or_default();
    matches!(name, "root" | "0" | "")
}

/// Whether the base image of the stage's chain starts as root; none where that is not known.
pub fn base_is_root(facts: &Facts<'_>, stage: &Stage) -> Option<bool> {
    if stage.from_scratch {
        return Some(true);
    }
    let image = stage
        .root_image
        .as_ref()
        .or_else(|| facts.file().chain(stage).last()?.image.as_ref())?;
    let known = knowledge::image(image.registry.as_deref(), &image.repository)?;
    if image.tag.as_deref().is_some_and(|tag| tag.contains("nonroot")) {
        return Some(false);
    }
    let variant = known.variant(image.tag.as_deref().unwrap_or_default())?;
    Some(is_root(variant.user))
}

/// Whether the instruction is carried out as root; none where the base image decides and is not
/// known, or the user is a variable without value.
pub fn runs_as_root(facts: &Facts<'_>, instruction: &Instruction) -> Option<bool> {
    let file = facts.file();
    match file.settings_at(instruction.index).user {
        Some(setting) => setting.value.map(|user| is_root(&user)),
        None => base_is_root(facts, file.stage(instruction.stage?)?),
    }
}
