//! Goes through each stage's instructions: expands their words, checks what they become, and keeps
//! variables and settings.

use super::{Converter, Expanded, expansion, is_sound};
use crate::model::build::Fault;
use crate::model::instruction::{Instruction, Kind, Pair, Transfer};
use crate::model::scope::{self, Variable};
use crate::model::settings::{Track, join_path};
use crate::model::stage::StageId;
use crate::model::{drive, port, signal};
use crate::source::Span;
use crate::syntax::Word;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// How many put-off instructions are looked at over the whole file. Each stage repeats those of the
/// one it is built on, so that their number can grow with the square of the file.
const MAX_TRIGGERS: usize = 50_000;

/// Longer paths are taken as unknown: relative WORKDIRs add up.
const MAX_PATH: usize = 4096;

/// Where an instruction is carried out: at its own place, or put off to a FROM.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub stage: StageId,
    /// The line BuildKit names.
    pub line: usize,
    /// The FROM's image, for an instruction that was put off.
    pub put_off: Option<Span>,
    /// The first instruction that sees what this one sets.
    pub seen_from: usize,
}

impl Converter<'_> {
    /// Carries out all stages in order.
    pub(super) fn dispatch_all(&mut self, instructions: &[Instruction], triggers: &[(usize, Fault)]) {
        let put_off = self.put_off(instructions, triggers);
        for i in 0..self.out.stages.len() {
            let id = StageId(i);
            self.inherit(id);
            let Some((from, range)) = self.out.stages.get(i).map(|s| (s.from, s.instructions.clone())) else {
                return;
            };
            if let Some(from) = instructions.get(from)
                && let Some(indices) = put_off.get(&id)
            {
                let place = Place {
                    stage: id,
                    line: from.lines.0,
                    put_off: Some(from_span(from)),
                    seen_from: from.index + 1,
                };
                for instruction in indices.iter().filter_map(|&i| instructions.get(i)) {
                    self.dispatch(instruction.inner(), place);
                }
            }
            for instruction in instructions
                .get(range)
                .unwrap_or_default()
                .iter()
                .filter(|i| is_sound(i))
            {
                let (line, seen_from) = (instruction.lines.0, instruction.index + 1);
                self.dispatch(
                    instruction,
                    Place {
                        stage: id,
                        line,
                        put_off: None,
                        seen_from,
                    },
                );
            }
        }
    }

    /// Lets a stage begin with what the one below ends with.
    fn inherit(&mut self, id: StageId) {
        let Some(parent) = self.out.stages.get(id.0).and_then(|s| s.parent()) else {
            return;
        };
        let scope = scope::inherit(&mut self.out.stages, parent);
        let Some((below, [stage, ..])) = self.out.stages.split_at_mut_checked(id.0) else {
            return;
        };
        let Some(below) = below.get(parent.0) else {
            return;
        };
        stage.scope = scope;
        stage.users = Track::on(Some(&below.users));
        stage.workdirs = Track::on(Some(&below.workdirs));
        stage.shells = Track::on(Some(&below.shells));
    }

    /// The ONBUILDs that each stage carries out, checked as far as BuildKit does before it starts.
    fn put_off(&mut self, instructions: &[Instruction], triggers: &[(usize, Fault)]) -> HashMap<StageId, Vec<usize>> {
        let mut left = MAX_TRIGGERS;
        let mut all = HashMap::new();
        for i in 0..self.out.stages.len() {
            let Some((id, from, parent)) = self.out.stages.get(i).map(|s| (s.id, s.from, s.parent())) else {
                break;
            };
            let Some(indices) = parent.and_then(|p| self.out.stages.get(p.0)).map(|p| &p.onbuilds) else {
                continue;
            };
            if indices.is_empty() || left < indices.len() {
                continue;
            }
            left -= indices.len();
            let indices = indices.clone();
            let Some(from) = instructions.get(from) else {
                continue;
            };
            let mut needs = Vec::new();
            for &index in &indices {
                let fault = match triggers.binary_search_by_key(&index, |(i, _)| *i) {
                    Ok(found) => triggers.get(found).map(|(_, fault)| fault.clone()),
                    Err(_) => None,
                };
                let inner = instructions.get(index).map(Instruction::inner);
                let fault = fault.or_else(|| match inner?.transfer()?.from.as_ref() {
                    Some((word, _)) => self.copy_from(word, usize::MAX / 2).err(),
                    None => None,
                });
                if let Some(fault) = fault {
                    let message = format!("what ONBUILD puts off to this FROM is refused: {}", fault.message);
                    self.refuse(false, Fault::new(message, from_span(from)), Some(from.lines.0));
                }
                match inner.map(|i| &i.kind) {
                    Some(Kind::Copy(Transfer {
                        from: Some((_, reference)),
                        ..
                    })) => needs.extend(reference.stage()),
                    Some(Kind::Run { mounts, .. }) => {
                        needs.extend(mounts.iter().filter_map(|m| m.from.as_ref()?.1.stage()));
                    }
                    _ => {}
                }
            }
            if let Some(stage) = self.out.stages.get_mut(i) {
                for need in needs {
                    if need < id && !stage.depends_on.contains(&need) {
                        stage.depends_on.push(need);
                    }
                }
            }
            all.insert(id, indices);
        }
        all
    }

    fn dispatch(&mut self, instruction: &Instruction, place: Place) {
        if !is_sound(instruction) {
            return;
        }
        match &instruction.kind {
            Kind::Env(pairs) => self.env(pairs, place),
            Kind::Label(pairs) => {
                for pair in pairs {
                    let words = [Some(&pair.key), pair.value.as_ref()];
                    if words.into_iter().flatten().any(|w| self.value(w, place).is_none()) {
                        return;
                    }
                }
            }
            Kind::Arg(pairs) => self.arg(pairs, place),
            Kind::Copy(transfer) | Kind::Add(transfer) => self.transfer(instruction, transfer, place),
            Kind::Run { mounts, .. } => self.run(instruction, mounts, place),
            Kind::User(word) => {
                let value = self.value(word, place);
                if let Some(stage) = self.stage_mut(place) {
                    stage.users.set(value.and_then(|v| v.known()), at(place, instruction));
                }
            }
            Kind::Workdir(word) => self.workdir(word, place, instruction),
            Kind::Shell(words) => {
                let words: Vec<String> = words.iter().map(|w| w.value.clone()).collect();
                if let Some(stage) = self.stage_mut(place) {
                    stage.shells.set(Some(Arc::from(words)), at(place, instruction));
                }
            }
            Kind::Volume(words) => {
                let mut empty = None;
                for word in words {
                    let Some(value) = self.value_of(word.value.trim(), word.span, place) else {
                        return;
                    };
                    if value.text.is_empty() {
                        empty = empty.or(Some((value.open, word)));
                    }
                }
                if let Some((open, word)) = empty {
                    let message = format!("the volume `{}` is an empty path", word.value);
                    self.fault(open, message, word.span, place);
                }
            }
            Kind::StopSignal(word) => {
                if let Some(value) = self.value(word, place)
                    && !signal::is_signal(&value.text)
                {
                    let message = format!("`{}` is no signal: write a name like `SIGTERM` or a number", value.text);
                    self.fault(value.open, message, word.span, place);
                }
            }
            Kind::Expose(words) => self.expose(words, place),
            _ => {}
        }
    }

    pub(super) fn fault(&mut self, open: bool, message: String, span: Span, place: Place) {
        let fault = match place.put_off {
            Some(from) => Fault::new(
                format!("what ONBUILD puts off to this FROM is refused: {message}"),
                from,
            ),
            None => Fault::new(message, span),
        };
        self.refuse(open, fault, Some(place.line));
    }

    fn stage_mut(&mut self, place: Place) -> Option<&mut crate::model::stage::Stage> {
        self.out.stages.get_mut(place.stage.0)
    }

    /// Expands a word; a refusal and nothing where that fails.
    pub(super) fn value<'w>(&mut self, word: &'w Word, place: Place) -> Option<Value<'w>> {
        self.value_of(&word.value, word.span, place)
    }

    fn value_of<'w>(&mut self, text: &'w str, span: Span, place: Place) -> Option<Value<'w>> {
        match expansion::expand(text, self.view(place.stage), self.escape, &self.budget) {
            Ok(Expanded { value, open, lost }) => Some(Value {
                text: value,
                open,
                lost,
            }),
            Err(error) => {
                self.fault(error.open, error.message, span, place);
                None
            }
        }
    }

    fn env(&mut self, pairs: &[Pair], place: Place) {
        let mut variables = Vec::with_capacity(pairs.len());
        for pair in pairs {
            let Some(name) = self.value(&pair.key, place) else {
                return;
            };
            let Some(word) = &pair.value else { continue };
            let Some(value) = self.value(word, place) else {
                return;
            };
            variables.push(Variable {
                name: name.text.into_owned(),
                is_env: true,
                declared: Some(pair.key.span),
                settable: value.open,
                from: place.seen_from,
                lost: value.lost,
                value: value.known(),
            });
        }
        if let Some(stage) = self.stage_mut(place) {
            variables.into_iter().for_each(|v| stage.scope.declare(v));
        }
    }

    /// An ARG takes its default, else the value of the one above the first FROM, else it leaves a
    /// variable of that name as it is.
    fn arg(&mut self, pairs: &[Pair], place: Place) {
        for pair in pairs {
            let name = &pair.key.value;
            if !scope::is_variable(name) {
                continue;
            }
            let mut is_env = false;
            let (value, lost) = match &pair.value {
                Some(word) => {
                    let Some(value) = self.value(word, place) else {
                        return;
                    };
                    (value.known(), value.lost)
                }
                None => {
                    let view = self.view(place.stage);
                    let is_set = |v: &&Variable| v.value.is_some() || v.lost;
                    let known = view.global(name).filter(is_set).or_else(|| view.get(name));
                    is_env = known.is_some_and(|v| v.is_env);
                    (known.and_then(|v| v.value.clone()), known.is_some_and(|v| v.lost))
                }
            };
            if let Some(stage) = self.stage_mut(place) {
                stage.scope.declare(Variable {
                    name: name.clone(),
                    value,
                    is_env,
                    declared: Some(pair.key.span),
                    settable: true,
                    from: place.seen_from,
                    lost,
                });
            }
        }
    }

    fn workdir(&mut self, word: &Word, place: Place, instruction: &Instruction) {
        let value = self.value(word, place);
        let windows = self.out.stages.get(place.stage.0).is_some_and(|s| s.windows);
        if let Some(value) = &value
            && windows
            && let Some(fault) = drive::fault(&value.text)
        {
            let message = format!("`{}` cannot be the working directory: {fault}", value.text);
            self.fault(value.open, message, word.span, place);
        }
        let path = value.and_then(|v| v.known());
        let Some(stage) = self.stage_mut(place) else {
            return;
        };
        let before = match stage.workdirs.at(usize::MAX) {
            Some(setting) => setting.value.clone(),
            None => stage.from_scratch.then(|| Arc::from("/")),
        };
        let joined = path.and_then(|path| {
            let before = if path.starts_with('/') {
                Some("/")
            } else {
                before.as_deref()
            };
            before
                .filter(|b| b.len() + path.len() <= MAX_PATH)
                .map(|b| join_path(b, &path))
        });
        stage.workdirs.set(joined.map(Arc::from), at(place, instruction));
    }

    fn expose(&mut self, words: &[Word], place: Place) {
        for word in words {
            let view = self.view(place.stage);
            match expansion::expand_words(&word.value, view, self.escape, &self.budget) {
                Ok((ports, open)) => {
                    for port in ports {
                        if let Err(error) = port::check(&port) {
                            self.fault(open, error.to_string(), word.span, place);
                            return;
                        }
                    }
                }
                Err(error) => {
                    self.fault(error.open, error.message, word.span, place);
                    return;
                }
            }
        }
    }
}

/// An expanded word.
pub(super) struct Value<'w> {
    pub text: Cow<'w, str>,
    pub open: bool,
    pub lost: bool,
}

impl Value<'_> {
    fn known(&self) -> Option<Arc<str>> {
        (!self.lost).then(|| Arc::from(self.text.as_ref()))
    }
}

/// The index under which a setting is kept: just before what sees it.
fn at(place: Place, instruction: &Instruction) -> usize {
    if place.put_off.is_some() {
        place.seen_from.saturating_sub(1)
    } else {
        instruction.index
    }
}

/// What a FROM names.
fn from_span(from: &Instruction) -> Span {
    match &from.kind {
        Kind::From { image, .. } => image.span,
        _ => from.keyword_span,
    }
}
