//! The typed Dockerfile: instructions with a span for every part, stages and how they depend on
//! each other, and which variables are known where.

pub mod image;
pub mod instruction;
pub mod platform;
pub mod reference;
pub mod refusal;
pub mod remote;
pub mod scope;
pub mod settings;
pub mod stage;
pub mod suggest;

mod build;
mod convert;
mod drive;
pub mod duration;
mod mode;
mod mount;
mod port;
mod queries;
mod signal;

pub use image::ImageRef;
pub use instruction::{Flag, Form, Instruction, Keyword, Kind, Mount, Pair, Transfer};
pub use refusal::{Phase, Refusal};
pub use scope::{Scope, Variable, View};
pub use settings::{Setting, Settings, join_path};
pub use stage::{Stage, StageId, StageRef, Use, UseKind};

use crate::source::SourceFile;
use crate::syntax::Lines;
use crate::syntax::tree::Grammar;
use std::collections::HashMap;
use std::sync::OnceLock;

/// A Dockerfile, understood.
#[derive(Debug)]
pub struct Dockerfile {
    /// The text it was read from.
    pub source: SourceFile,
    /// Its logical lines, directives and comments.
    pub lines: Lines,
    /// Instructions in order, those before the first FROM included; one for each logical line, with
    /// the same index. An instruction that BuildKit refuses stands here too, as far as it can be
    /// understood.
    pub instructions: Vec<Instruction>,
    /// Stages in order.
    pub stages: Vec<Stage>,
    /// ARGs before the first FROM. The predefined ones are not among them; see [`View::global`].
    pub globals: Scope,
    /// Why BuildKit would refuse the file; empty for a valid one. In the order BuildKit finds them.
    pub refusals: Vec<Refusal>,
    /// The stage that a build without `--target` makes: the last one.
    pub default_target: Option<StageId>,
    /// Stages by lower-cased name; of several with one name the last.
    names: HashMap<String, StageId>,
    /// Made when first asked for.
    grammar: OnceLock<Grammar>,
}

impl Dockerfile {
    /// Reads a file. Never fails: what BuildKit would refuse is in
    /// [`refusals`](Self::refusals), and everything else is read as far as it makes sense.
    pub fn parse(source: SourceFile) -> Dockerfile {
        let lines = crate::syntax::lines::scan(&source);
        let mut parsed = build::instructions(&source, &lines);
        let converted = convert::convert(&source, &lines, &mut parsed);
        let mut refusals = parsed.refusals;
        refusals.extend(converted.refusals);
        Dockerfile {
            source,
            lines,
            instructions: parsed.instructions,
            default_target: converted.stages.last().map(|s| s.id),
            stages: converted.stages,
            globals: converted.globals,
            refusals,
            names: converted.names,
            grammar: OnceLock::new(),
        }
    }
}
