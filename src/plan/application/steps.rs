//! What each piece of the old stage is to the application.

use super::{Application, Part};
use super::{node, perl, php, python, ruby};
use crate::facts::CommandView;
use crate::model::Kind;
use crate::plan::artifact::{Artifact, Landing, absolute};
use crate::plan::evidence::Evidence;
use crate::plan::program::Program;
use crate::plan::site::{Place, Site};
use crate::shell::Operation;

/// Where a piece belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goes {
    /// It only asks, or configures what installs: wherever the next install goes.
    Along,
    /// Any image with the language can run it, once the dependencies are there.
    Runtime,
    /// It installs or builds, and what it leaves is copied.
    Builder,
    /// The build and the start need it, and each does it for itself.
    Both,
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
pub(super) fn steps(site: &Site<'_>, programs: &[Program], made: &[Artifact], out: &mut Application) {
    let node = node::Room::new(site, programs, made);
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
                node.claim(view)
                    .or_else(|| python.claim(view, &views))
                    .or_else(|| ruby::claim(site, programs, view))
                    .or_else(|| php::claim(site, view, text))
                    .or_else(|| perl::claim(site, view))
            };
            let whole = python
                .installer(instruction.index, text)
                .or_else(|| fetched(site, commands));
            let claims: Vec<Option<Claim>> = match whole {
                Some(claim) => vec![Some(claim)],
                // What only makes words for the others does nothing of its own.
                None => commands.iter().filter(|view| !makes_words(view)).map(claim).collect(),
            };
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
    node.finish(out);
    python.finish(out);
    ruby::finish(site, out);
    php::finish(site, out);
    perl::finish(site, out);
}

/// Whether a command only gives words to others: `$(basename "$x")`.
fn makes_words(view: &CommandView<'_>) -> bool {
    matches!(view.name(), "basename" | "dirname" | "realpath" | "pwd" | "nproc") && view.command.redirects.is_empty()
}

/// The folder that a command works in: what WORKDIR says, and what `cd` before it in its script.
pub(super) fn folder(site: &Site<'_>, view: &CommandView<'_>) -> Option<String> {
    let at = view.instruction.index;
    let mut folder = site.workdir_at(at);
    for earlier in site.facts.commands(view.instruction).filter(|v| v.index < view.index) {
        if earlier.name() != "cd" {
            continue;
        }
        let word = earlier.words().iter().find(|w| !w.is_flag())?;
        let target = expanded(site, at, &word.text)?;
        folder = absolute(folder.as_deref(), &target);
    }
    folder
}

/// Whether a folder that a command works in comes from elsewhere than the build context, such as a
/// clone: all of it lies in the builder alone.
pub(super) fn is_fetched(site: &Site<'_>, folder: &str) -> bool {
    let landing = Landing::of(site);
    folder.len() > 1 && (is_cloned(site, folder) || !landing.is_open() && !landing.fills(folder))
}

/// Whether a command clones a repository to a folder.
fn is_cloned(site: &Site<'_>, folder: &str) -> bool {
    let clones = |view: CommandView<'_>| {
        let mut clones = view.operations.iter().filter_map(|o| match o {
            Operation::GitClone(clone) => Some(clone),
            _ => None,
        });
        clones.any(|clone| {
            let named = clone.directory.as_ref().map(|w| w.text.as_str());
            // Without another, the folder is called as the repository is.
            let usual = clone
                .url
                .as_ref()
                .and_then(|url| url.text.trim_end_matches('/').rsplit('/').next());
            let name = named.or(usual.map(|name| name.trim_end_matches(".git")));
            let target = name.and_then(|name| expanded(site, view.instruction.index, name));
            let target = target.and_then(|name| absolute(self::folder(site, &view).as_deref(), &name));
            target.is_some_and(|target| target.trim_end_matches('/') == folder.trim_end_matches('/'))
        })
    };
    site.instructions().any(|i| site.facts.commands(i).any(clones))
}

/// A word with its variables replaced, as far as the file says them.
pub(super) fn expanded(site: &Site<'_>, at: usize, text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('$') {
        out.push_str(before);
        let (name, after) = match behind.strip_prefix('{') {
            Some(inner) => inner.split_once('}')?,
            None => {
                let end = behind
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(behind.len());
                behind.split_at_checked(end)?
            }
        };
        out.push_str(site.file().view_at(at).get(name)?.value.as_deref()?);
        rest = after;
    }
    out.push_str(rest);
    (!out.contains(['`', '*', '?'])).then_some(out)
}

/// A file that is fetched to a place which the command names, outside of folders that are thrown away.
fn fetched(site: &Site<'_>, commands: &[CommandView<'_>]) -> Option<Claim> {
    let [view] = commands else { return None };
    let download = view.operations.iter().find_map(|o| match o {
        Operation::Download(d) if !d.is_piped => d.output.as_ref(),
        _ => None,
    })?;
    if download.text.contains('$') || download.text == "-" {
        return None;
    }
    let path = absolute(folder(site, view).as_deref(), &download.text)?;
    let last = path.rsplit('/').next()?;
    // What is unpacked, installed or removed is not the end of it.
    let used = site.roles.iter().any(|r| {
        r.place.piece.is_some()
            && r.span.start > view.command.span.end
            && site.file().source.slice(r.span).contains(last)
            && !site.file().source.slice(r.span).trim_start().starts_with("chmod")
    });
    let archive = [".tar", ".tgz", ".gz", ".zip", ".deb", ".xz", ".bz2", ".whl"];
    if used
        || path.starts_with("/tmp/")
        || archive.iter().any(|end| path.ends_with(end))
        || download.text.ends_with('/')
    {
        return None;
    }
    Some(Claim {
        goes: Some(Goes::Builder),
        fills: vec![path],
        says: "it fetches a file".to_owned(),
        ecosystem: "",
        ..Claim::default()
    })
}
