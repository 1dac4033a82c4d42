//! The typed Dockerfile: instructions with a span for every part, stages and how they depend on
//! each other, and which variables are known where.

pub mod build;
pub mod image;
pub mod instruction;
pub mod refusal;
pub mod scope;
pub mod stage;

pub use image::ImageRef;
pub use instruction::{Flag, Form, Instruction, Keyword, Kind, Mount, Pair};
pub use refusal::Refusal;
pub use scope::{Scope, Variable};
pub use stage::{Stage, StageId, StageRef};

use crate::source::SourceFile;
use crate::syntax::Lines;

/// A Dockerfile, understood.
#[derive(Debug)]
pub struct Dockerfile {
    /// The text it was read from.
    pub source: SourceFile,
    /// Its logical lines, directives and comments.
    pub lines: Lines,
    /// Instructions in order, those before the first FROM included. An instruction that BuildKit
    /// refuses stands here too, as far as it can be understood.
    pub instructions: Vec<Instruction>,
    /// Stages in order.
    pub stages: Vec<Stage>,
    /// ARGs before the first FROM.
    pub globals: Scope,
    /// Why BuildKit would refuse the file; empty for a valid one. In the order BuildKit finds them.
    pub refusals: Vec<Refusal>,
    /// The stage that a build without `--target` makes: the last one.
    pub default_target: Option<StageId>,
}
