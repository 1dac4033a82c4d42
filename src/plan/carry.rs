//! What the old image gave and the new one would not: settings of the old stage and of its base.

use super::evidence::Condition;
use super::program::Program;
use super::runtime::RuntimeBase;
use super::site::Site;
use crate::edit::Effect;
use crate::model::Keyword;

/// Where a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An instruction of the old file: its text is wanted as it is.
    Instruction(usize),
    /// The old base image, or a rule of the format.
    Base,
}

/// An instruction of the new runtime stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carry {
    /// Its keyword.
    pub keyword: Keyword,
    /// The whole instruction, for [`Origin::Base`]; for an instruction of the old file empty where
    /// its text is taken as it is, else what it becomes.
    pub text: String,
    /// Where it comes from.
    pub from: Origin,
}

/// What the runtime stage is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// Instructions, those of the base first, then those of the file in its order.
    pub instructions: Vec<Carry>,
    /// What of the image's configuration changes all the same.
    pub effects: Vec<Effect>,
    /// What is lost, to be announced, a sentence each.
    pub lost: Vec<String>,
    /// What must hold.
    pub conditions: Vec<Condition>,
}

/// What a runtime stage on `new` must be told so that it behaves as the old stage.
pub fn carry(site: &Site<'_>, programs: &[Program], new: &RuntimeBase) -> Carried {
    let _ = (site, programs, new);
    Carried::default()
}
