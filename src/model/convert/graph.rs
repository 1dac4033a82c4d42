//! Which stages `--from` and `--mount=from=` mean, and whether they go in circles.

use super::{Converter, expansion, is_sound};
use crate::model::build::Fault;
use crate::model::image::ImageRef;
use crate::model::instruction::{Instruction, Kind};
use crate::model::stage::{StageId, StageRef, Use, UseKind};
use crate::source::Span;
use crate::syntax::Word;

/// An image that only a `--from` names.
#[derive(Debug)]
pub(super) struct Extra {
    pub name: String,
    pub span: Span,
    /// The line BuildKit names for it: none for a mount.
    pub line: Option<usize>,
}

/// A stage that another one takes something from, by COPY or a mount.
#[derive(Debug, Clone, Copy)]
struct Edge {
    to: StageId,
    instruction: usize,
    span: Span,
}

impl Converter<'_> {
    /// Resolves all references, checks them, and fills in what stages depend on.
    pub(super) fn resolve(&mut self, instructions: &mut [Instruction]) -> Vec<Extra> {
        let mut extras = Vec::new();
        // BuildKit gives every image of a `--from` a number behind those of the stages.
        let mut images = 0;
        let mut edges: Vec<Vec<Edge>> = Vec::with_capacity(self.out.stages.len());
        for i in 0..self.out.stages.len() {
            let id = StageId(i);
            let mut from_here = Vec::new();
            let Some((from, range)) = self.out.stages.get(i).map(|s| (s.from, s.instructions.clone())) else {
                continue;
            };
            if let Some(Instruction {
                kind: Kind::From { image, base, .. },
                ..
            }) = instructions.get(from)
            {
                self.note_use(base.stage(), UseKind::Base, image.span, from, false);
            }
            for instruction in instructions.get_mut(range).unwrap_or_default() {
                self.references(id, instruction, &mut images, &mut extras, &mut from_here);
            }
            edges.push(from_here);
        }
        for (stage, edges) in self.out.stages.iter_mut().zip(&edges) {
            stage.depends_on = dependencies(stage.id, stage.parent(), edges);
        }
        if let Some(edge) = circle(&edges) {
            let line = instructions.get(edge.instruction).map(|i| i.lines.0);
            let name = self.file.slice(edge.span).to_owned();
            let message = format!("taking files from `{name}` goes in a circle: it needs the stage it is used in");
            self.refuse(false, Fault::new(message, edge.span), line);
        }
        extras
    }

    fn references(
        &mut self,
        stage: StageId,
        instruction: &mut Instruction,
        images: &mut usize,
        extras: &mut Vec<Extra>,
        edges: &mut Vec<Edge>,
    ) {
        let sound = is_sound(instruction);
        let index = instruction.index;
        let first_line = instruction.lines.0;
        match &mut instruction.kind {
            Kind::Copy(transfer) => {
                let Some((word, reference)) = &mut transfer.from else {
                    return;
                };
                match self.copy_from(word, *images) {
                    Ok(found) => *reference = found,
                    Err(fault) => {
                        if sound {
                            self.refuse(false, fault, None);
                        }
                        return;
                    }
                }
                match reference {
                    StageRef::Named(to) | StageRef::Numbered(to) => {
                        edges.push(Edge {
                            to: *to,
                            instruction: index,
                            span: word.span,
                        });
                        let numbered = matches!(reference, StageRef::Numbered(_));
                        self.note_use(reference.stage(), UseKind::Copy, word.span, index, numbered);
                    }
                    // A number among the images' names none anew.
                    StageRef::Image(image) if sound && word.value.parse::<i64>().is_err() => {
                        *images += 1;
                        extras.push(Extra {
                            name: image.text.clone(),
                            span: word.span,
                            line: Some(first_line),
                        });
                    }
                    StageRef::Scratch => *images += 1,
                    _ => {}
                }
            }
            Kind::Run { mounts, .. } => {
                for mount in mounts {
                    let Some((word, reference)) = &mut mount.from else {
                        *images += 1;
                        continue;
                    };
                    *reference = self.named(word);
                    match reference {
                        StageRef::Named(to) => {
                            edges.push(Edge {
                                to: *to,
                                instruction: index,
                                span: word.span,
                            });
                            self.note_use(reference.stage(), UseKind::Mount, word.span, index, false);
                        }
                        StageRef::Image(image) if sound => {
                            *images += 1;
                            extras.push(Extra {
                                name: image.text.clone(),
                                span: word.span,
                                line: None,
                            });
                        }
                        _ => *images += 1,
                    }
                }
            }
            Kind::Onbuild(inner) => {
                if let Some(stage) = self.out.stages.get_mut(stage.0)
                    && sound
                {
                    stage.onbuilds.push(index);
                }
                match &mut inner.kind {
                    Kind::Copy(transfer) => {
                        if let Some((word, reference)) = &mut transfer.from
                            && let Ok(found) = self.copy_from(word, *images)
                        {
                            *reference = found;
                        }
                    }
                    Kind::Run { mounts, .. } => {
                        for (word, reference) in mounts.iter_mut().filter_map(|m| m.from.as_mut()) {
                            *reference = self.named(word);
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// What `COPY --from` means.
    pub(super) fn copy_from(&self, word: &Word, images: usize) -> Result<StageRef, Fault> {
        if !expansion::is_literal(&word.value, self.escape) {
            return Err(Fault::new(
                "`--from` takes no variable: give the image a stage of its own (`FROM $IMAGE AS name`) and name that",
                word.span,
            ));
        }
        let Ok(number) = word.value.parse::<i64>() else {
            return Ok(self.named(word));
        };
        match usize::try_from(number) {
            Ok(n) if n < self.out.stages.len() => Ok(StageRef::Numbered(StageId(n))),
            Ok(n) if n < self.out.stages.len() + images => Ok(StageRef::Image(ImageRef::of(word))),
            _ => {
                let message = format!(
                    "there is no stage {number}: stages count from 0 to {}",
                    self.out.stages.len() - 1
                );
                Err(Fault::new(message, word.span))
            }
        }
    }

    fn named(&self, word: &Word) -> StageRef {
        match self.out.names.get(&word.value.to_lowercase()) {
            Some(&stage) => StageRef::Named(stage),
            None if word.value == "scratch" => StageRef::Scratch,
            None => StageRef::Image(ImageRef::of(word)),
        }
    }

    fn note_use(&mut self, stage: Option<StageId>, kind: UseKind, span: Span, instruction: usize, numbered: bool) {
        if let Some(stage) = stage.and_then(|id| self.out.stages.get_mut(id.0)) {
            stage.uses.push(Use {
                kind,
                span,
                instruction,
                numbered,
            });
        }
    }
}

/// Each earlier stage once, in the order of first mention.
fn dependencies(stage: StageId, parent: Option<StageId>, edges: &[Edge]) -> Vec<StageId> {
    let mut seen = std::collections::HashSet::new();
    let all = parent.into_iter().chain(edges.iter().map(|e| e.to));
    all.filter(|to| *to < stage && seen.insert(*to)).collect()
}

/// The edge of the first stage from which a circle is met. Walks with its own stack: a file can
/// have a chain of any length.
fn circle(edges: &[Vec<Edge>]) -> Option<Edge> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnPath,
        Done,
    }
    let mut marks = vec![Mark::New; edges.len()];
    for start in 0..edges.len() {
        if marks.get(start) != Some(&Mark::New) {
            continue;
        }
        // Stage, how many of its edges were followed.
        let mut path = vec![(start, 0)];
        if let Some(mark) = marks.get_mut(start) {
            *mark = Mark::OnPath;
        }
        let mut first = None;
        while let Some((stage, followed)) = path.last_mut() {
            let edge = edges.get(*stage).and_then(|e| e.get(*followed)).copied();
            *followed += 1;
            let stage = *stage;
            let Some(edge) = edge else {
                if let Some(mark) = marks.get_mut(stage) {
                    *mark = Mark::Done;
                }
                path.pop();
                continue;
            };
            if path.len() == 1 {
                first = Some(edge);
            }
            match marks.get_mut(edge.to.0) {
                Some(Mark::OnPath) => {
                    // Of several instructions that take from one stage BuildKit remembers the last.
                    let to = first.map(|f| f.to);
                    return edges
                        .get(start)
                        .and_then(|e| e.iter().rfind(|e| Some(e.to) == to))
                        .copied();
                }
                Some(mark @ Mark::New) => {
                    *mark = Mark::OnPath;
                    path.push((edge.to.0, 0));
                }
                _ => {}
            }
        }
    }
    None
}
