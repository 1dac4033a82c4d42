//! What the rooms of the planner look at.

use super::role::RoleOf;
use super::{Observed, Options};
use crate::context::Context;
use crate::facts::Facts;
use crate::knowledge::{self, Image, Variant};
use crate::model::{Dockerfile, Instruction, Kind, Stage};
use crate::syntax::expand::{Modifier, references_in};

/// A stage to be planned, with what is known around it.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// The facts of its file.
    pub facts: &'a Facts<'a>,
    /// The stage: the default target.
    pub stage: &'a Stage,
    /// The build context, where one is known.
    pub context: Option<&'a Context>,
    /// What is known of the image at the root of the stage's chain.
    pub base: Option<Base>,
    /// What its instructions are for, in the order of the text.
    pub roles: &'a [RoleOf],
    /// What is wanted.
    pub options: &'a Options,
}

/// A base image of the table.
#[derive(Debug, Clone, Copy)]
pub struct Base {
    /// The image.
    pub image: &'static Image,
    /// The variant that the tag stands for.
    pub variant: &'static Variant,
}

/// A command: a RUN and the link of its script's chain, or an instruction as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Index of the instruction.
    pub instruction: usize,
    /// Index in `Script::chain`; none for the whole instruction.
    pub piece: Option<usize>,
}

impl<'a> Site<'a> {
    /// The file.
    pub fn file(&self) -> &'a Dockerfile {
        self.facts.file()
    }

    /// The instructions that the image is made of, the lowest stage's first, FROMs excluded.
    pub fn instructions(&self) -> impl Iterator<Item = &'a Instruction> + use<'a> {
        let file = self.file();
        let mut chain: Vec<&Stage> = file.chain(self.stage).collect();
        chain.reverse();
        chain.into_iter().flat_map(|stage| file.instructions_of(stage))
    }

    /// The tag of the image at the root; empty for none.
    pub fn base_tag(&self) -> &'a str {
        let image = self.stage.root_image.as_ref();
        image.and_then(|i| i.tag.as_deref()).unwrap_or_default()
    }

    /// The working directory that an instruction sees, absolute; none where the base image decides
    /// and is not known, or a variable has no value.
    pub fn workdir_at(&self, instruction: usize) -> Option<String> {
        match self.file().settings_at(instruction).workdir {
            Some(_) if self.workdir_is_open(instruction) => None,
            Some(setting) => setting.value.map(|dir| dir.to_string()),
            None => self.base_workdir(),
        }
    }

    /// Whether a word has a variable whose value this file does not give: the base image may.
    pub fn is_open(&self, text: &str, at: usize) -> bool {
        let file = self.file();
        let view = file.view_at(at);
        references_in(text, file.lines.escape)
            .iter()
            .any(|r| r.modifier == Modifier::None && view.get(&r.name).is_none())
    }

    /// Whether a variable of the base image's is in the WORKDIR that an instruction sees.
    fn workdir_is_open(&self, before: usize) -> bool {
        let mut open = false;
        for instruction in self.instructions().filter(|i| i.index < before) {
            if let Kind::Workdir(word) = &instruction.kind {
                let own = self.is_open(&word.value, instruction.index);
                open = own || open && !word.value.starts_with('/');
            }
        }
        open
    }

    /// The working directory that the base image gives.
    fn base_workdir(&self) -> Option<String> {
        let variant = self.base?.variant;
        Some(variant.config.map_or("/", |config| config.working_dir).to_owned())
    }

    /// The working directory at the stage's end.
    pub fn workdir(&self) -> Option<String> {
        match self.file().settings_of(self.stage).workdir {
            Some(_) if self.workdir_is_open(usize::MAX) => None,
            Some(setting) => setting.value.map(|dir| dir.to_string()),
            None => self.base_workdir(),
        }
    }

    /// What builds taught.
    pub fn observed(&self) -> &'a [Observed] {
        &self.options.observed
    }
}

/// What the table knows of the image at the root of a stage's chain.
pub fn base_of(file: &Dockerfile, stage: &Stage) -> Option<Base> {
    let image = match &stage.root_image {
        Some(image) => image,
        None => file.chain(stage).last()?.image.as_ref()?,
    };
    let known = knowledge::image(image.registry.as_deref(), &image.repository)?;
    let variant = known.variant(image.tag.as_deref().unwrap_or_default())?;
    Some(Base { image: known, variant })
}
