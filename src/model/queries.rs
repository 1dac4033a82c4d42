//! What rules ask a [`Dockerfile`].

use super::convert::{Budget, Expanded, expand};
use super::instruction::Instruction;
use super::refusal::{Phase, Refusal};
use super::scope::View;
use super::settings::Settings;
use super::stage::{Stage, StageId, Use, UseKind};
use super::{Dockerfile, Keyword};
use crate::syntax::Word;
use crate::syntax::expand::{self, ExpandError, Expansion, Options};
use crate::syntax::tree::Grammar;

impl Dockerfile {
    /// A stage.
    pub fn stage(&self, id: StageId) -> Option<&Stage> {
        self.stages.get(id.0)
    }

    /// The stage with that name, in any case; of several the last.
    pub fn stage_by_name(&self, name: &str) -> Option<&Stage> {
        self.names.get(&name.to_lowercase()).and_then(|id| self.stage(*id))
    }

    /// The stage an instruction belongs to; none above the first FROM.
    pub fn stage_of(&self, instruction: &Instruction) -> Option<&Stage> {
        instruction.stage.and_then(|id| self.stage(id))
    }

    /// The instruction that covers a byte of the file, heredocs included.
    pub fn instruction_at(&self, offset: usize) -> Option<&Instruction> {
        let behind = self.instructions.partition_point(|i| i.span.start <= offset);
        let instruction = self.instructions.get(behind.checked_sub(1)?)?;
        (offset < instruction.span.end).then_some(instruction)
    }

    /// A stage's instructions, FROM excluded.
    pub fn instructions_of(&self, stage: &Stage) -> &[Instruction] {
        self.instructions.get(stage.instructions.clone()).unwrap_or_default()
    }

    /// A stage's FROM.
    pub fn from_of(&self, stage: &Stage) -> Option<&Instruction> {
        self.instructions.get(stage.from)
    }

    /// Instructions above the first FROM.
    pub fn preamble(&self) -> &[Instruction] {
        let end = self.stages.first().map_or(self.instructions.len(), |s| s.from);
        self.instructions.get(..end).unwrap_or_default()
    }

    /// Whether it is the last stage, the one that is built unless `--target` says otherwise.
    pub fn is_last(&self, stage: &Stage) -> bool {
        self.default_target == Some(stage.id)
    }

    /// The last stage.
    pub fn target(&self) -> Option<&Stage> {
        self.default_target.and_then(|id| self.stage(id))
    }

    /// The stage itself, the one it is built on, and so on down to the one built on an image.
    pub fn chain<'a>(&'a self, stage: &'a Stage) -> impl Iterator<Item = &'a Stage> {
        std::iter::successors(Some(stage), |s| s.parent().and_then(|id| self.stage(id)))
    }

    /// Stages that are built on this one directly.
    pub fn children<'a>(&'a self, stage: &'a Stage) -> impl Iterator<Item = &'a Stage> {
        let bases = stage.uses.iter().filter(|u| u.kind == UseKind::Base);
        bases.filter_map(|u| {
            self.instructions
                .get(u.instruction)?
                .stage
                .and_then(|id| self.stage(id))
        })
    }

    /// All places that refer to a stage.
    pub fn uses_of<'a>(&self, stage: &'a Stage) -> &'a [Use] {
        &stage.uses
    }

    /// The variables that an instruction sees: in a FROM and above the first one the global ARGs,
    /// in a stage what stands above the instruction. Costs nothing.
    pub fn view_at(&self, index: usize) -> View<'_> {
        let instruction = self.instructions.get(index);
        let is_from = instruction.is_some_and(|i| i.keyword == Keyword::From);
        let stage = instruction.and_then(|i| i.stage).filter(|_| !is_from);
        View {
            globals: &self.globals,
            stages: &self.stages,
            stage,
            at: if is_from { usize::MAX } else { index },
        }
    }

    /// The variables in force at a stage's end.
    pub fn view_of(&self, stage: &Stage) -> View<'_> {
        View {
            globals: &self.globals,
            stages: &self.stages,
            stage: Some(stage.id),
            at: usize::MAX,
        }
    }

    /// Expands a word as BuildKit would in the instruction `at`, with ARGs' defaults and
    /// linux/amd64; quotes and escapes are taken off.
    ///
    /// # Errors
    /// Where BuildKit fails too.
    pub fn expand(&self, word: &Word, at: usize) -> Result<Expansion, ExpandError> {
        expand::word(&word.value, &self.view_at(at), self.lines.escape, Options::default())
    }

    /// The value of a word in the instruction `at`, where the file alone decides it: no build
    /// argument, platform or base image can change it.
    pub fn fixed_value(&self, word: &Word, at: usize) -> Option<String> {
        match expand(&word.value, self.view_at(at), self.lines.escape, &Budget::default()) {
            Ok(Expanded {
                value,
                open: false,
                lost: false,
            }) => Some(value.into_owned()),
            _ => None,
        }
    }

    /// USER, WORKDIR and SHELL as the instruction sees them.
    pub fn settings_at(&self, index: usize) -> Settings {
        let stage = self
            .instructions
            .get(index)
            .and_then(|i| i.stage)
            .and_then(|id| self.stage(id));
        Settings {
            user: stage.and_then(|s| s.users.at(index)).cloned(),
            workdir: stage.and_then(|s| s.workdirs.at(index)).cloned(),
            shell: stage.and_then(|s| s.shells.at(index)).cloned(),
        }
    }

    /// USER, WORKDIR and SHELL at a stage's end.
    pub fn settings_of(&self, stage: &Stage) -> Settings {
        Settings {
            user: stage.users.at(usize::MAX).cloned(),
            workdir: stage.workdirs.at(usize::MAX).cloned(),
            shell: stage.shells.at(usize::MAX).cloned(),
        }
    }

    /// The tree-sitter view of the file; parsed when it is first asked for.
    pub fn grammar(&self) -> &Grammar {
        self.grammar.get_or_init(|| Grammar::parse(&self.source))
    }

    /// Whether no fix may touch the instruction: BuildKit refuses it, or the grammar sees it otherwise.
    pub fn is_opaque(&self, index: usize) -> bool {
        let Some(instruction) = self.instructions.get(index) else {
            return true;
        };
        let agrees = || {
            self.lines
                .instructions
                .get(instruction.line)
                .is_some_and(|l| self.grammar().agrees(l))
        };
        // Of ports, the grammar knows fewer forms than BuildKit; the words are the splitter's alone.
        let needs_grammar = !matches!(instruction.kind, super::Kind::Expose(_));
        instruction.opaque || needs_grammar && !agrees()
    }

    /// The reasons for which BuildKit refuses the file whatever the context and the arguments.
    pub fn hard_refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.refusals.iter().filter(|r| r.phase != Phase::Context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    const TEXT: &str = "ARG V=1\nFROM alpine AS Base\nENV A=$V B=x\nRUN one\nFROM base\nARG V\nRUN $A $V\nFROM base AS last\nCOPY --from=1 a b\nNO x\n";

    fn file() -> Dockerfile {
        Dockerfile::parse(SourceFile::new("Dockerfile", TEXT))
    }

    #[test]
    fn stages_know_each_other() {
        let file = file();
        let base = file.stage_by_name("BASE").expect("the stage");
        let ids = |stages: Vec<&Stage>| stages.iter().map(|s| s.id.0).collect::<Vec<_>>();
        assert_eq!(ids(file.children(base).collect()), [1, 2]);
        let last = file.target().expect("the target");
        assert_eq!(ids(file.chain(last).collect()), [2, 0]);
        assert!(file.is_last(last) && !file.is_last(base));
        assert_eq!(file.uses_of(base).len(), 2);
        assert_eq!(file.instructions_of(last).len(), 2);
        assert_eq!(file.from_of(last).map(|f| f.lines), Some((8, 8)));
        assert_eq!(file.preamble().len(), 1);
        let copy = file
            .instruction_at(TEXT.find("--from").expect("a flag"))
            .expect("the COPY");
        assert_eq!((copy.index, file.stage_of(copy).map(|s| s.id.0)), (8, Some(2)));
        assert!(file.instruction_at(7).is_none() && file.instruction_at(TEXT.len()).is_none());
    }

    #[test]
    fn words_are_expanded_at_their_place() {
        let file = file();
        let span = file.instructions[6].arguments_span;
        let value = |text: &str, at| file.expand(&Word::new(text, span), at).map(|e| e.value);
        assert_eq!(value("$A-$V-$B", 6).as_deref(), Ok("-1-x"));
        assert_eq!(value("'$V' \"$V\"", 6).as_deref(), Ok("$V 1"));
        assert_eq!(value("$V", 1).as_deref(), Ok("1"));
        assert_eq!(value("$V", 3).as_deref(), Ok(""));
        assert!(value("${V:x}", 3).is_err());
        let fixed = |text: &str| file.fixed_value(&Word::new(text, span), 6);
        assert_eq!(fixed("/$B/y").as_deref(), Some("/x/y"));
        assert_eq!((fixed("$V"), fixed("$A"), fixed("$HOME")), (None, None, None));
        let view = file.view_of(file.target().expect("the target"));
        assert_eq!((view.get("V").is_none(), view.get("B").is_some()), (true, true));
    }

    #[test]
    fn what_is_refused_is_opaque() {
        let file = file();
        assert_eq!(file.hard_refusals().count(), 1);
        let opaque: Vec<_> = (0..file.instructions.len()).filter(|i| file.is_opaque(*i)).collect();
        assert_eq!(opaque, [9]);
        assert!(file.is_opaque(usize::MAX));
    }
}
