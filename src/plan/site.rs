//! What the rooms of the planner look at.

use super::role::RoleOf;
use super::{Observed, Options};
use crate::context::Context;
use crate::facts::{Facts, compiled};
use crate::knowledge::{self, Image, Variant};
use crate::model::{Dockerfile, Instruction, Kind, Stage, View};
use crate::syntax::Word;
use crate::syntax::expand::{self, Env, Modifier, references_in};
use std::borrow::Cow;

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
            Some(setting) => self.settled(setting.value.as_deref(), instruction),
            None => self.base_workdir(),
        }
    }

    /// Whether a word has a variable whose value neither this file nor the table of images gives.
    pub fn is_open(&self, text: &str, at: usize) -> bool {
        self.has_unset(text, at, |name| self.base_env(name).is_some())
    }

    /// Whether a word has a variable that the base image gives.
    pub fn names_base(&self, text: &str, at: usize) -> bool {
        self.has_unset(text, at, |_| false) && !self.is_open(text, at)
    }

    /// The working directory behind an instruction.
    pub fn workdir_behind(&self, instruction: usize) -> Option<String> {
        self.settled(None, instruction + 1)
    }

    /// A word with its variables put in, those of the base image too where the table knows them.
    /// None where BuildKit fails.
    pub fn value(&self, word: &Word, at: usize) -> Option<String> {
        let file = self.file();
        if !self.has_unset(&word.value, at, |_| false) {
            return file.expand(word, at).ok().map(|e| e.value);
        }
        self.expanded(&word.value, at)
    }

    /// A word of ours with its variables put in, those of the base image too where the table knows
    /// them.
    pub fn expanded(&self, word: &str, at: usize) -> Option<String> {
        let file = self.file();
        let env = OnBase {
            site: self,
            view: file.view_at(at),
        };
        let expanded = expand::word(word, &env, file.lines.escape, expand::Options::default());
        expanded.ok().map(|e| e.value)
    }

    fn has_unset(&self, text: &str, at: usize, known: impl Fn(&str) -> bool) -> bool {
        let file = self.file();
        let view = file.view_at(at);
        references_in(text, file.lines.escape)
            .iter()
            .any(|r| r.modifier == Modifier::None && view.get(&r.name).is_none() && !known(&r.name))
    }

    /// A variable of the base image's configuration.
    fn base_env(&self, name: &str) -> Option<&'static str> {
        let value = self.base?.variant.config?.env(name)?;
        (!value.contains('{')).then_some(value)
    }

    /// The working directory before an instruction: what the file alone says, or else what it says
    /// of the base image's folder and variables.
    fn settled(&self, said: Option<&str>, before: usize) -> Option<String> {
        let open = |instruction: &Instruction, word: &Word| self.has_unset(&word.value, instruction.index, |_| false);
        let words = || {
            self.instructions()
                .filter(move |i| i.index < before)
                .filter_map(|i| match &i.kind {
                    Kind::Workdir(word) => Some((i, word)),
                    _ => None,
                })
        };
        if let Some(said) = said
            && said.starts_with('/')
            && !words().any(|(i, word)| open(i, word))
        {
            return Some(said.to_owned());
        }
        let mut dir = self.base_workdir();
        for (instruction, word) in words() {
            let value = (!self.is_open(&word.value, instruction.index))
                .then(|| self.value(word, instruction.index))
                .flatten();
            dir = value.and_then(|value| super::artifact::absolute(dir.as_deref(), &value));
        }
        dir
    }

    /// The working directory that the base image gives.
    fn base_workdir(&self) -> Option<String> {
        let variant = self.base?.variant;
        Some(variant.config.map_or("/", |config| config.working_dir).to_owned())
    }

    /// The working directory at the stage's end.
    pub fn workdir(&self) -> Option<String> {
        match self.file().settings_of(self.stage).workdir {
            Some(setting) => self.settled(setting.value.as_deref(), usize::MAX),
            None => self.base_workdir(),
        }
    }

    /// What builds taught.
    pub fn observed(&self) -> &'a [Observed] {
        &self.options.observed
    }
}

/// The variables of a place, and below them those of the base image.
struct OnBase<'s, 'a> {
    site: &'s Site<'a>,
    view: View<'s>,
}

impl Env for OnBase<'_, '_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        Env::get(&self.view, name).or_else(|| self.site.base_env(name).map(Cow::Borrowed))
    }

    fn names(&self) -> Vec<String> {
        Env::names(&self.view)
    }
}

/// The build context, where it can be the one that the file is built with: it has a source or a manifest
/// of what the file compiles or installs, and something to be copied where all of it is.
pub fn context_of<'f>(facts: &Facts<'f>) -> Option<&'f Context> {
    let context = facts.context()?;
    let compiled = compiled::compiled(facts);
    let listing = context.walk();
    let has = || {
        let mut files = listing.files.iter();
        files.any(|file| compiled.iter().any(|e| compiled::is_of(e, &file.path)))
    };
    let bare = || compiled::takes_all(facts) && listing.files.iter().all(|file| compiled::is_anywhere(&file.path));
    let holds = if compiled.is_empty() { !bare() } else { has() };
    (listing.capped || holds).then_some(context)
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
