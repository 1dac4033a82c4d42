//! What is derived once from a file and shared by rules and planner: the scripts of its RUN
//! instructions, and for each stage what it installs, copies, builds and sets.

pub mod archives;
pub mod command;
pub mod compiled;
pub mod defaults;
pub mod dependencies;
pub mod identity;
pub mod leftovers;
pub mod pins;
pub mod private;
pub mod renaming;
pub mod scripts;
pub mod secrets;
pub mod ship;
pub mod sources;
pub mod stage;
pub mod transcript;
pub mod unneeded;
pub mod windows;

pub use command::CommandView;
pub use stage::StageFacts;
pub use transcript::Transcript;

use crate::context::Context;
use crate::model::{Dockerfile, Instruction, Keyword, Kind, Stage, StageId};
use crate::shell::Dialect;
use scripts::{RunFacts, Shells};
use std::cell::OnceCell;
use std::collections::HashMap;

/// Facts on one file.
pub struct Facts<'f> {
    file: &'f Dockerfile,
    context: Option<&'f Context>,
    /// By instruction index; none for what is no RUN, and not computed until asked for.
    runs: Vec<OnceCell<Option<RunFacts>>>,
    /// By stage.
    stages: Vec<OnceCell<StageFacts>>,
    shells: OnceCell<Shells>,
    /// The last instruction of each kind in each stage; see [`Facts::is_superseded`].
    last: OnceCell<HashMap<(Option<StageId>, Keyword), usize>>,
}

impl<'f> Facts<'f> {
    /// Facts that are derived when they are asked for.
    pub fn new(file: &'f Dockerfile, context: Option<&'f Context>) -> Self {
        Facts {
            file,
            context,
            runs: file.instructions.iter().map(|_| OnceCell::new()).collect(),
            stages: file.stages.iter().map(|_| OnceCell::new()).collect(),
            shells: OnceCell::new(),
            last: OnceCell::new(),
        }
    }

    /// The file they are about.
    pub fn file(&self) -> &'f Dockerfile {
        self.file
    }

    /// The build context, where one is known.
    pub fn context(&self) -> Option<&'f Context> {
        self.context
    }

    /// The script of a RUN (also one inside an ONBUILD); none for other instructions. An ONBUILD
    /// itself runs nothing, and shares its place with the RUN inside it, so it must not fill it.
    pub fn run(&self, instruction: &Instruction) -> Option<&RunFacts> {
        if !matches!(instruction.kind, Kind::Run { .. }) {
            return None;
        }
        self.runs
            .get(instruction.index)?
            .get_or_init(|| scripts::of_run(self.file, instruction, self.shell(instruction)))
            .as_ref()
    }

    /// The commands of a RUN, in the order of the text.
    pub fn commands(&self, instruction: &'f Instruction) -> impl Iterator<Item = CommandView<'_>> {
        self.run(instruction)
            .into_iter()
            .flat_map(move |run| run.views(self.file, instruction))
    }

    /// What is known of a stage.
    pub fn stage(&self, id: StageId) -> Option<&StageFacts> {
        let stage = self.file.stages.get(id.0)?;
        Some(self.stages.get(id.0)?.get_or_init(|| stage::derive(self, stage)))
    }

    /// Whether the shell in force at an instruction is a POSIX-like one.
    pub fn is_posix(&self, instruction: &Instruction) -> bool {
        self.shell(instruction).is_posix_like()
    }

    /// The shell in force at an instruction.
    pub fn shell(&self, instruction: &Instruction) -> &Dialect {
        self.shells.get_or_init(|| Shells::of(self.file)).at(instruction.index)
    }

    /// Whether the instruction stands inside an ONBUILD.
    pub fn in_onbuild(&self, instruction: &Instruction) -> bool {
        self.file.instructions.get(instruction.index).is_some_and(|outer| {
            matches!(&outer.kind, Kind::Onbuild(_)) && outer.keyword_span != instruction.keyword_span
        })
    }

    /// Whether a later instruction of the same kind stands in the same stage. What ONBUILD puts off
    /// is none of the stage's own.
    pub fn is_superseded(&self, instruction: &Instruction) -> bool {
        let last = self.last.get_or_init(|| {
            self.file
                .instructions
                .iter()
                .map(|i| ((i.stage, i.keyword), i.index))
                .collect()
        });
        !self.in_onbuild(instruction)
            && last
                .get(&(instruction.stage, instruction.keyword))
                .is_some_and(|&last| last > instruction.index)
    }

    /// Whether the stage begins with nothing and neither it nor a stage below writes a file.
    pub fn is_empty_stage(&self, stage: &Stage) -> bool {
        let writes = |k| {
            matches!(
                k,
                Keyword::Copy | Keyword::Add | Keyword::Run | Keyword::Workdir | Keyword::Onbuild
            )
        };
        stage.from_scratch
            && self
                .file
                .chain(stage)
                .all(|s| !self.file.instructions_of(s).iter().any(|i| writes(i.keyword)))
    }
}
