//! What the old image gave and the new one would not: settings of the old stage and of its base.
//!
//! Each FROM begins with the configuration of its image and nothing else (BuildKit's
//! `frontend/dockerfile`, the dispatch of each instruction), so all that the old stage and the old
//! base said is said again where the new base does not say it.

mod account;
mod base;
mod refer;

pub(super) use account::made_by_file;

use super::deal::Deal;
use super::evidence::Condition;
use super::program::Program;
use super::runtime::RuntimeBase;
use super::site::Site;
use crate::edit::Effect;
use crate::knowledge::{self, BaseConfig};
use crate::model::instruction::Healthcheck;
use crate::model::{Form, ImageRef, Instruction, Keyword, Kind};
use crate::source::Span;
use std::collections::BTreeSet;

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

impl Carried {
    fn base(&mut self, keyword: Keyword, arguments: &str) {
        self.instructions.push(Carry {
            keyword,
            text: format!("{} {arguments}", keyword.name()),
            from: Origin::Base,
        });
    }

    fn lose(&mut self, effect: Effect, says: Option<String>) {
        self.effects.push(effect);
        self.lost.extend(says);
    }
}

/// The configuration of the image that a reference names; none where it was not read.
pub fn config_of(reference: &str) -> Option<&'static BaseConfig> {
    let image = ImageRef::expanded(reference, Span::at(0));
    knowledge::config(
        image.registry.as_deref(),
        &image.repository,
        image.tag.as_deref().unwrap_or_default(),
    )
}

/// What a runtime stage on `new` must be told so that it behaves as the old stage.
pub fn carry(site: &Site<'_>, programs: &[Program], new: &RuntimeBase, deal: &Deal) -> Carried {
    let mut out = Carried::default();
    let kept = Kept::of(site, deal);
    base::differences(site, programs, new, &kept, &mut out);
    account::account(site, new, &kept, &mut out);
    for instruction in kept.in_order(site) {
        if instruction.keyword == Keyword::Shell && !keep_shell(site, new, &kept, &mut out) {
            continue;
        }
        out.instructions.push(Carry {
            keyword: instruction.keyword,
            text: absolute_workdir(site, instruction, &kept).unwrap_or_default(),
            from: Origin::Instruction(instruction.index),
        });
    }
    out.effects.sort_unstable();
    out.effects.dedup();
    out
}

/// The settings of the old stage that are in force at its end, and what they need.
struct Kept {
    /// Indices of the instructions that are kept.
    settings: BTreeSet<usize>,
    /// The ENTRYPOINT in force.
    entrypoint: Option<usize>,
    /// The CMD in force.
    cmd: Option<usize>,
    /// The HEALTHCHECK in force.
    healthcheck: Option<usize>,
    /// The first WORKDIR that is kept.
    first_workdir: Option<usize>,
    /// The last USER.
    user: Option<usize>,
}

impl Kept {
    fn of(site: &Site<'_>, deal: &Deal) -> Kept {
        let mut kept = Kept {
            settings: BTreeSet::new(),
            entrypoint: None,
            cmd: None,
            healthcheck: None,
            first_workdir: None,
            user: None,
        };
        let mut last_of = [None; 4];
        for instruction in site.instructions() {
            let at = instruction.index;
            match &instruction.kind {
                Kind::Entrypoint(_) => {
                    kept.entrypoint = Some(at);
                    // A CMD of the same stage stays, one of a stage below does not.
                    let same =
                        |cmd: &usize| site.file().instructions.get(*cmd).and_then(|i| i.stage) == instruction.stage;
                    kept.cmd = kept.cmd.filter(same);
                }
                Kind::Cmd(_) => kept.cmd = Some(at),
                Kind::Healthcheck(_) => kept.healthcheck = Some(at),
                Kind::StopSignal(_) => last_of[0] = Some(at),
                Kind::Maintainer(_) => last_of[1] = Some(at),
                Kind::User(_) => {
                    if runs_between(site, deal, kept.user, at) {
                        kept.settings.extend(kept.user);
                    }
                    kept.user = Some(at);
                }
                Kind::Shell(_) => last_of[3] = Some(at),
                Kind::Workdir(_) => {
                    if runs_between(site, deal, last_of[2], at) {
                        kept.settings.extend(last_of[2]);
                    }
                    last_of[2] = Some(at);
                }
                Kind::Env(_) | Kind::Label(_) | Kind::Expose(_) | Kind::Volume(_) => {
                    kept.settings.insert(at);
                }
                _ => {}
            }
        }
        kept.settings.extend(last_of.into_iter().flatten());
        let ends = [kept.entrypoint, kept.cmd, kept.healthcheck, kept.user];
        kept.settings.extend(ends.into_iter().flatten());
        kept.first_workdir = kept.settings.iter().copied().find(|at| {
            matches!(
                site.file().instructions.get(*at).map(|i| &i.kind),
                Some(Kind::Workdir(_))
            )
        });
        let arguments = refer::arguments(site, deal, &kept.settings);
        kept.settings.extend(arguments);
        kept
    }

    fn in_order<'a>(&self, site: &Site<'a>) -> Vec<&'a Instruction> {
        site.instructions()
            .filter(|i| self.settings.contains(&i.index))
            .collect()
    }

    /// CMD, ENTRYPOINT or HEALTHCHECK in force that a shell reads.
    fn shell_form(&self, site: &Site<'_>) -> Option<usize> {
        [self.entrypoint, self.cmd, self.healthcheck]
            .into_iter()
            .flatten()
            .find(|at| {
                let kind = site.file().instructions.get(*at).map(|i| &i.kind);
                matches!(
                    kind,
                    Some(
                        Kind::Cmd(Form::Shell(_))
                            | Kind::Entrypoint(Form::Shell(_))
                            | Kind::Healthcheck(Healthcheck::Cmd(Form::Shell(_)))
                    )
                )
            })
    }
}

/// Whether something that runs in the new stage too stands behind `from` and before `to`.
fn runs_between(site: &Site<'_>, deal: &Deal, from: Option<usize>, to: usize) -> bool {
    let Some(from) = from else { return false };
    site.roles.iter().zip(&deal.lots).any(|(role, lot)| {
        let at = role.place.instruction;
        at > from && at < to && lot.runtime
    })
}

/// The first WORKDIR that is kept was maybe relative to one that is not.
fn absolute_workdir(site: &Site<'_>, instruction: &Instruction, kept: &Kept) -> Option<String> {
    let Kind::Workdir(word) = &instruction.kind else {
        return None;
    };
    let first = kept.first_workdir == Some(instruction.index);
    let relative = first && !word.value.starts_with(['/', '$', '"', '\'']);
    // The old base's variables may be none of the new one's.
    let names_base = site.names_base(&word.value, instruction.index);
    if !relative && !names_base {
        return None;
    }
    let dir = site.workdir_behind(instruction.index)?;
    Some(format!("{} {dir}", site.file().source.slice(instruction.keyword_span)))
}

/// Whether SHELL is said again: not on an image that has no such shell, where nothing needs it.
fn keep_shell(site: &Site<'_>, new: &RuntimeBase, kept: &Kept, out: &mut Carried) -> bool {
    let program = site
        .file()
        .settings_of(site.stage)
        .shell
        .and_then(|s| s.value)
        .and_then(|words| words.first().cloned())
        .unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let known = config_of(&new.reference);
    let has = known.is_some_and(|config| config.has_program(name))
        || new.packages.iter().any(|p| p.names.iter().any(|n| n == name));
    if has {
        return true;
    }
    match kept.shell_form(site).and_then(|at| site.file().instructions.get(at)) {
        Some(user) => out.conditions.push(Condition::not_met(
            format!("`{}` has `{name}`, which SHELL names", new.reference),
            vec![super::Evidence::cmd(user.span, "it is run by the shell")],
        )),
        None => out.lose(Effect::Shell, None),
    }
    false
}

#[cfg(test)]
mod tests;
