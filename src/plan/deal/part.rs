//! What of a RUN goes to a stage where not all of it does.

use super::{Deal, Lot, commands, short};
use crate::model::Instruction;
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::role::Role;
use crate::plan::site::Site;
use crate::plan::split::{self, Cuttable};
use std::collections::BTreeMap;

/// The links of each RUN that is dealt to more than one stage, or in parts.
pub(super) fn keep_whole_what_cannot_be_cut(site: &Site<'_>, deal: &mut Deal) {
    let mut by_run: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, role) in site.roles.iter().enumerate() {
        if role.place.piece.is_some() {
            by_run.entry(role.place.instruction).or_default().push(at);
        }
    }
    for (index, pieces) in by_run {
        let lots: Vec<Lot> = pieces.iter().filter_map(|at| deal.lots.get(*at).copied()).collect();
        if lots.windows(2).all(|pair| pair.first() == pair.last()) {
            continue;
        }
        let Some(instruction) = site.file().instructions.get(index) else {
            continue;
        };
        let why = match split::cuttable(site.facts, instruction) {
            Ok(cut) => {
                let links: Vec<usize> = pieces
                    .iter()
                    .filter(|at| deal.lots.get(**at).is_some_and(|l| l.runtime))
                    .filter_map(|at| site.roles.get(*at)?.place.piece)
                    .collect();
                if links.is_empty() || cut.keep_elsewhere(&links).is_some() {
                    continue;
                }
                "it works in a folder that it goes to"
            }
            Err(why) => why,
        };
        let builder = lots.iter().any(|l| l.builder);
        let lost = pieces.iter().copied().find(|at| {
            let runtime = deal.lots.get(*at).is_some_and(|l| l.runtime);
            builder && runtime
        });
        if let Some(role) = lost.and_then(|at| site.roles.get(at)) {
            deal.conditions.push(Condition::not_met(
                format!(
                    "`{}` can be run in the stage that runs",
                    short(site.file().source.slice(role.span))
                ),
                vec![Evidence::command(
                    role.span,
                    format!("its RUN also builds, and cannot be cut: {why}"),
                )],
            ));
        }
        let whole = Lot {
            builder,
            tester: !builder && lots.iter().any(|l| l.tester),
            runtime: !builder && lots.iter().any(|l| l.runtime),
            late: !builder && lots.iter().any(|l| l.late),
        };
        for at in pieces {
            if let Some(lot) = deal.lots.get_mut(at) {
                *lot = whole;
            }
        }
    }
}

/// Whether a RUN goes to another folder.
fn moves(site: &Site<'_>, instruction: &Instruction) -> bool {
    site.roles
        .iter()
        .filter(|r| r.place.instruction == instruction.index)
        .any(|r| commands(site, r.place).any(|name| matches!(name, "cd" | "pushd")))
}

/// What of an instruction goes to a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Nothing.
    None,
    /// All of it, as it is written.
    Whole,
    /// A RUN with some of its links.
    Cut(String),
}

impl Deal {
    /// What of an instruction goes to the stages that `to` picks.
    pub fn part(&self, site: &Site<'_>, instruction: &Instruction, to: fn(&Lot) -> bool) -> Part {
        self.part_of(site, instruction, to, false)
    }

    /// What goes to the stage that runs: in front of what is copied from the builder, or behind it.
    pub fn runtime_part(&self, site: &Site<'_>, instruction: &Instruction, late: bool) -> Part {
        if late {
            self.part_of(site, instruction, |lot| lot.runtime && lot.late, true)
        } else {
            self.part_of(site, instruction, |lot| lot.runtime && !lot.late, true)
        }
    }

    fn part_of(&self, site: &Site<'_>, instruction: &Instruction, to: fn(&Lot) -> bool, elsewhere: bool) -> Part {
        let mut all = true;
        let mut chosen = Vec::new();
        let mut any = false;
        for (role, lot) in site.roles.iter().zip(&self.lots) {
            if role.place.instruction != instruction.index {
                continue;
            }
            let goes = to(lot);
            any |= goes && role.role != Role::Shell;
            all &= goes || role.role == Role::Shell && role.place.piece.is_some();
            match role.place.piece {
                Some(piece) if goes => chosen.push(piece),
                _ => {}
            }
        }
        if !any {
            let shell_only = self.shell_only(site, instruction, to);
            return if shell_only { Part::Whole } else { Part::None };
        }
        if all && !(elsewhere && moves(site, instruction)) {
            return Part::Whole;
        }
        match split::cuttable(site.facts, instruction) {
            Ok(cut) => self.cut(&cut, &chosen, elsewhere),
            Err(_) => Part::Whole,
        }
    }

    fn cut(&self, cut: &Cuttable<'_>, chosen: &[usize], elsewhere: bool) -> Part {
        let text = if elsewhere {
            cut.keep_elsewhere(chosen)
        } else {
            cut.keep(chosen)
        };
        text.map_or(Part::None, Part::Cut)
    }

    /// Whether the RUN does nothing but look about, and goes there as a whole.
    fn shell_only(&self, site: &Site<'_>, instruction: &Instruction, to: fn(&Lot) -> bool) -> bool {
        let mut pieces = site
            .roles
            .iter()
            .zip(&self.lots)
            .filter(|(r, _)| r.place.instruction == instruction.index)
            .peekable();
        pieces.peek().is_some() && pieces.all(|(r, lot)| r.role == Role::Shell && to(lot))
    }
}
