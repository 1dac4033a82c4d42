//! What each piece of the old stage is to the application.

use super::{Application, Part};
use super::{perl, php, python, ruby};
use crate::facts::CommandView;
use crate::model::Kind;
use crate::plan::evidence::Evidence;
use crate::plan::program::Program;
use crate::plan::site::{Place, Site};

/// Where a piece belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goes {
    /// It only asks, or configures what installs: wherever the next install goes.
    Along,
    /// Any image with the language can run it, once the dependencies are there.
    Runtime,
    /// It installs or builds, and what it leaves is copied.
    Builder,
}

/// What a piece of a RUN is to the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The piece.
    pub place: Place,
    /// Where it belongs.
    pub goes: Goes,
    /// It reads more of the project than manifests.
    pub reads_sources: bool,
    /// It writes among the sources.
    pub writes_sources: bool,
    /// What shows it.
    pub evidence: Evidence,
}

/// What a language's room says of one command.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim {
    /// Where it belongs; none for [`Goes::Along`].
    pub goes: Option<Goes>,
    /// Folders and files that it fills and run time needs.
    pub fills: Vec<String>,
    /// It reads more of the project than manifests.
    pub reads_sources: bool,
    /// It writes among the sources.
    pub writes_sources: bool,
    /// A sentence without a full stop.
    pub says: String,
    /// The ecosystem.
    pub ecosystem: &'static str,
}

/// Asks the rooms about every piece.
pub(super) fn steps(site: &Site<'_>, programs: &[Program], out: &mut Application) {
    let python = python::Room::new(site, programs);
    for instruction in site.instructions().filter(|i| matches!(i.kind, Kind::Run { .. })) {
        let Some(run) = site.facts.run(instruction) else {
            continue;
        };
        let views: Vec<CommandView<'_>> = run.views(site.file(), instruction).collect();
        for (index, link) in run.script.chain.iter().enumerate() {
            let place = Place {
                instruction: instruction.index,
                piece: Some(index),
            };
            let commands = views.get(link.commands.clone()).unwrap_or_default();
            let text = site.file().source.slice(link.span);
            let claim = |view: &CommandView<'_>| {
                python
                    .claim(view, &views)
                    .or_else(|| ruby::claim(site, view))
                    .or_else(|| php::claim(site, view, text))
                    .or_else(|| perl::claim(site, view))
            };
            let claims: Vec<Option<Claim>> = commands.iter().map(claim).collect();
            if claims.is_empty() || claims.iter().any(Option::is_none) {
                continue;
            }
            let claims: Vec<Claim> = claims.into_iter().flatten().collect();
            let goes = claims.iter().filter_map(|c| c.goes).max().unwrap_or(Goes::Along);
            let says = claims.iter().map(|c| c.says.as_str()).find(|s| !s.is_empty());
            let evidence = Evidence::command(link.span, says.unwrap_or_default());
            for claim in &claims {
                for path in &claim.fills {
                    out.part(Part {
                        path: path.clone(),
                        made_by: place,
                        ecosystem: claim.ecosystem,
                        evidence: evidence.clone(),
                    });
                }
            }
            out.steps.push(Step {
                place,
                goes,
                reads_sources: claims.iter().any(|c| c.reads_sources),
                writes_sources: claims.iter().any(|c| c.writes_sources),
                evidence,
            });
        }
    }
    python.finish(out);
    ruby::finish(site, out);
    php::finish(site, out);
}
