//! Turns parsed instructions into stages, scopes and a graph, in the order in which BuildKit does,
//! and finds what it refuses on the way.
//!
//! The order: ARGs above the first FROM, `SOURCE_DATE_EPOCH`, every FROM, every `--from`, circles,
//! image names, what ONBUILD put off, then each stage's instructions one after the other.

mod dispatch;
mod epoch;
mod expansion;
mod graph;
mod mounts;
mod transfer;

use super::build::{Block, Fault, Parsed};
use super::image::ImageRef;
use super::instruction::{Instruction, Keyword, Kind};
use super::refusal::{Phase, Refusal};
use super::scope::{Scope, Variable, View};
use super::settings::Track;
use super::stage::{Stage, StageId, StageRef};
use super::{platform, reference};
use crate::source::{SourceFile, Span};
use crate::syntax::Lines;
use std::collections::HashMap;
use std::sync::Arc;

pub(super) use expansion::{Budget, Expanded, expand};

/// What the conversion makes.
#[derive(Debug, Default)]
pub(super) struct Converted {
    pub stages: Vec<Stage>,
    pub globals: Scope,
    /// Lower-cased names; of several stages with one name the last.
    pub names: HashMap<String, StageId>,
    pub refusals: Vec<Refusal>,
}

/// Builds stages on top of the parsed instructions; puts what they refer to into these.
pub(super) fn convert(file: &SourceFile, lines: &Lines, parsed: &mut Parsed) -> Converted {
    let mut converter = Converter {
        file,
        escape: lines.escape,
        budget: Budget::default(),
        out: Converted::default(),
        has_syntax: has_syntax(lines),
    };
    converter.globals(&parsed.instructions, &parsed.blocks);
    if parsed.blocks.is_empty() {
        if parsed.refusals.is_empty() {
            converter.out.refusals.push(Refusal {
                phase: Phase::Convert,
                message: "there is no stage to build: a Dockerfile needs a FROM".to_owned(),
                span: Span::at(0),
                line: None,
            });
        }
        return converter.out;
    }
    converter.epoch(&parsed.instructions, &parsed.blocks);
    for (i, block) in parsed.blocks.iter().enumerate() {
        converter.stage(StageId(i), block, &mut parsed.instructions);
    }
    let extras = converter.resolve(&mut parsed.instructions);
    converter.check_references(&parsed.instructions, &extras);
    converter.dispatch_all(&parsed.instructions, &parsed.triggers);
    converter.mark_reachable();
    converter.out
}

fn has_syntax(lines: &Lines) -> bool {
    lines.directives.iter().any(|d| d.name == "syntax")
}

struct Converter<'a> {
    file: &'a SourceFile,
    escape: char,
    budget: Budget,
    out: Converted,
    /// Another frontend than the built-in one reads the file.
    has_syntax: bool,
}

impl Converter<'_> {
    fn refuse(&mut self, open: bool, fault: Fault, line: Option<usize>) {
        let phase = if open { Phase::Context } else { Phase::Convert };
        self.out.refusals.push(Refusal {
            phase,
            message: fault.message,
            span: fault.span,
            line,
        });
    }

    /// What FROM sees.
    fn global_view(&self) -> View<'_> {
        View {
            globals: &self.out.globals,
            stages: &self.out.stages,
            stage: None,
            at: usize::MAX,
        }
    }

    /// What a stage sees at the place where the conversion is.
    fn view(&self, stage: StageId) -> View<'_> {
        View {
            stage: Some(stage),
            ..self.global_view()
        }
    }

    fn globals(&mut self, instructions: &[Instruction], blocks: &[Block]) {
        let target = blocks
            .last()
            .and_then(|b| instructions.get(b.from))
            .and_then(|from| match &from.kind {
                Kind::From { name, .. } => name.as_ref().map(|n| n.value.to_lowercase()),
                _ => None,
            });
        self.out.globals.declare(Variable {
            name: "TARGETSTAGE".to_owned(),
            value: Some(Arc::from(target.as_deref().unwrap_or("default"))),
            is_env: false,
            declared: None,
            settable: true,
            from: 0,
            lost: false,
        });
        let end = blocks.first().map_or(instructions.len(), |b| b.from);
        for instruction in instructions.iter().take(end) {
            let Kind::Arg(pairs) = &instruction.kind else {
                continue;
            };
            if instruction.opaque {
                continue;
            }
            for pair in pairs {
                let before = self.global_view().get(&pair.key.value);
                let mut lost = before.is_some_and(|v| v.lost);
                let mut value = before.and_then(|v| v.value.clone());
                if let Some(word) = &pair.value {
                    match expand(&word.value, self.global_view(), self.escape, &self.budget) {
                        Ok(expanded) => (lost, value) = (expanded.lost, expanded.known()),
                        Err(error) => {
                            let line = Some(instruction.lines.0);
                            self.refuse(error.open, Fault::new(error.message, word.span), line);
                        }
                    }
                }
                self.out.globals.declare(Variable {
                    name: pair.key.value.clone(),
                    value,
                    is_env: false,
                    declared: Some(pair.key.span),
                    settable: true,
                    from: instruction.index + 1,
                    lost,
                });
            }
        }
    }

    /// Begins a stage: expands its FROM and finds what it is built on.
    fn stage(&mut self, id: StageId, block: &Block, instructions: &mut [Instruction]) {
        let mut base = StageRef::Unknown;
        let mut image = None;
        let mut platform = None;
        let mut name = None;
        if let Some(from) = instructions.get(block.from)
            && let Kind::From {
                image: written,
                platform: flag,
                name: word,
                ..
            } = &from.kind
        {
            name.clone_from(word);
            (base, image) = self.base(from, written);
            if let Some(flag) = flag {
                platform = self.platform(from, flag);
            }
        }
        if let Some(Instruction {
            kind: Kind::From { base: reference, .. },
            ..
        }) = instructions.get_mut(block.from)
        {
            reference.clone_from(&base);
        }
        let below = base.stage().and_then(|p| self.out.stages.get(p.0));
        let stage = Stage {
            id,
            name: name.as_ref().map(|n| n.value.clone()),
            name_span: name.as_ref().map(|n| n.span),
            from: block.from,
            instructions: block.instructions.clone(),
            root_image: below.map_or_else(|| image.clone(), |b| b.root_image.clone()),
            from_scratch: below.map_or(base == StageRef::Scratch, |b| b.from_scratch),
            base,
            image,
            windows: match (below, &platform) {
                (Some(below), _) => below.windows,
                (None, platform) => platform.as_deref().is_some_and(|p| platform::system(p) == "windows"),
            },
            platform,
            depends_on: Vec::new(),
            uses: Vec::new(),
            ships: false,
            reachable: false,
            scope: Scope::default(),
            users: Track::default(),
            workdirs: Track::default(),
            shells: Track::default(),
            onbuilds: Vec::new(),
        };
        self.out.stages.push(stage);
        if let Some(name) = name {
            self.out.names.insert(name.value.to_lowercase(), id);
        }
    }

    /// What a FROM is built on, and its image with variables put in.
    fn base(&mut self, from: &Instruction, written: &ImageRef) -> (StageRef, Option<ImageRef>) {
        let line = Some(from.lines.0);
        let place = Fault::new("", written.span);
        let word = self.file.slice(written.span);
        // A name that is continued on another line cannot be taken from the file as it is.
        let word = if word.len() == written.text.len() {
            self.quoted(written.span)
        } else {
            written.text.clone()
        };
        let expanded = match expand(&word, self.global_view(), self.escape, &self.budget) {
            Ok(expanded) => expanded.owned(),
            Err(error) => {
                if !from.opaque {
                    self.refuse(
                        error.open,
                        Fault {
                            message: error.message,
                            ..place
                        },
                        line,
                    );
                }
                return (StageRef::Unknown, None);
            }
        };
        if expanded.value.is_empty() {
            let message = format!(
                "the image `{word}` is empty: {}",
                if expanded.open {
                    "give its ARG a default, or pass `--build-arg`"
                } else {
                    "no ARG above the first FROM sets it"
                }
            );
            if !from.opaque {
                self.refuse(expanded.open, Fault { message, ..place }, line);
            }
            return (StageRef::Unknown, None);
        }
        if let Some(&stage) = self.out.names.get(expanded.value.as_ref()) {
            return (StageRef::Named(stage), None);
        }
        if expanded.value == "scratch" {
            return (StageRef::Scratch, None);
        }
        if expanded.lost {
            return (StageRef::Unknown, None);
        }
        let image = ImageRef::expanded(&expanded.value, written.span);
        (StageRef::Image(written.clone()), Some(image))
    }

    /// The word with quotes that stand right around it.
    fn quoted(&self, span: Span) -> String {
        let around = Span::new(span.start.saturating_sub(1), span.end + 1);
        let text = self.file.slice(around);
        let quoted = matches!(text.as_bytes(), [q @ (b'"' | b'\''), .., last] if q == last);
        if quoted {
            text.to_owned()
        } else {
            self.file.slice(span).to_owned()
        }
    }

    fn platform(&mut self, from: &Instruction, flag: &crate::syntax::Word) -> Option<String> {
        if flag.value.is_empty() {
            return None;
        }
        let line = Some(from.lines.0);
        let fault = |message: String| Fault::new(message, flag.span);
        let expanded = match expand(&flag.value, self.global_view(), self.escape, &self.budget) {
            Ok(expanded) => expanded.owned(),
            Err(error) => {
                self.refuse(error.open, fault(error.message), line);
                return None;
            }
        };
        if expanded.value.is_empty() {
            let message = format!("the platform `{}` is empty: write it like `linux/amd64`", flag.value);
            self.refuse(expanded.open, fault(message), line);
            return None;
        }
        if let Err(error) = platform::check(&expanded.value) {
            self.refuse(
                expanded.open,
                fault(format!("the platform `{}` is wrong: {error}", flag.value)),
                line,
            );
        }
        expanded.known().map(|v| v.to_string())
    }

    /// Looks at all image names: those of FROM, then those of `--from`.
    fn check_references(&mut self, instructions: &[Instruction], extras: &[graph::Extra]) {
        let mut found = Vec::new();
        for stage in &self.out.stages {
            let Some(image) = &stage.image else { continue };
            let Some(from) = instructions.get(stage.from).filter(|f| !f.opaque) else {
                continue;
            };
            if let Err(error) = reference::check(&image.text) {
                let written = stage.base.image().map_or(image.text.as_str(), |i| &i.text);
                let open = written.contains('$') && self.depends_on_build(written, self.global_view());
                let message = if written == image.text {
                    format!("`{written}` is no image name: {error}")
                } else {
                    format!("`{written}` becomes `{}`, which is no image name: {error}", image.text)
                };
                found.push((open, Fault::new(message, image.span), Some(from.lines.0)));
            }
        }
        for extra in extras {
            if let Err(error) = reference::check(&extra.name) {
                let message = format!("`{}` is neither a stage nor an image name: {error}", extra.name);
                found.push((false, Fault::new(message, extra.span), extra.line));
            }
        }
        // BuildKit looks at all names at once, and it is the last wrong one that it names.
        for (open, fault, line) in found.into_iter().rev() {
            self.refuse(open, fault, line);
        }
    }

    /// Whether another build of the same file can give a text another value.
    fn depends_on_build(&self, text: &str, view: View<'_>) -> bool {
        expansion::is_open(text, view, self.escape)
    }

    /// Marks what the last stage is built on and what it needs.
    fn mark_reachable(&mut self) {
        let Some(target) = self.out.stages.last().map(|s| s.id) else {
            return;
        };
        let mut next = Some(target);
        while let Some(stage) = next.and_then(|id| self.out.stages.get_mut(id.0)) {
            stage.ships = true;
            next = stage.parent();
        }
        let mut open = vec![target];
        while let Some(stage) = open.pop().and_then(|id| self.out.stages.get_mut(id.0)) {
            if !stage.reachable {
                stage.reachable = true;
                open.extend(&stage.depends_on);
            }
        }
    }
}

/// Whether an instruction is one that the conversion looks at.
fn is_sound(instruction: &Instruction) -> bool {
    !instruction.opaque && instruction.keyword != Keyword::Unknown && instruction.kind != Kind::Broken
}
