//! How the pieces of an interpreted program's stage are dealt out: what installs builds, what only
//! runs the language stays in the stage that runs, in its order.

use super::setup::{self, file_setup, is_file_setup, is_made_anyway, is_permission};
use super::{Deal, Lot, commands, part, short, tools};
use crate::knowledge::BaseConfig;
use crate::plan::application::{Application, Goes};
use crate::plan::artifact::{Artifact, Landing};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::need::Needs;
use crate::plan::program::{Program, What};
use crate::plan::role::{Role, RoleOf};
use crate::plan::runtime::{self, RuntimeBase};
use crate::plan::site::Site;
use crate::plan::{Level, Tester};
use crate::shell::lies_in;

/// Where a piece goes, before it is known where the builder ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Builder,
    Runtime,
    Both,
    /// As its role says.
    Role,
}

/// Deals the pieces out. `trees` are the application's folders that come from the builder, filled in
/// here; `artifacts` are what installs and builds fill, each copied on its own, and `idle` the copies
/// of sources that only the build needs.
pub fn application(
    site: &Site<'_>,
    programs: &[Program],
    (application, artifacts, idle): (&Application, &[Artifact], &[usize]),
    base: &RuntimeBase,
    trees: &mut Vec<String>,
) -> Option<Deal> {
    let mut deal = Deal::default();
    let has = Has {
        config: runtime::config(base),
        base,
        application,
    };
    let mut writes: Option<crate::plan::Place> = None;
    let mut sides: Vec<Side> = Vec::new();
    for role in site.roles {
        let step = application.step(role.place);
        let makes = artifacts.iter().any(|a| a.made_by == Some(role.place));
        let side = match (step.map(|s| s.goes), role.role) {
            (_, Role::Test) => Side::Role,
            (Some(Goes::Builder), _) => Side::Builder,
            (Some(Goes::Both), _) => Side::Both,
            (Some(Goes::Runtime), _) => Side::Runtime,
            _ if makes => Side::Builder,
            (Some(Goes::Along), _) => Side::Role,
            (None, Role::Dependencies { .. } | Role::Tool) if tools::started(site, role, programs) => Side::Runtime,
            (None, Role::Build | Role::Unknown) if has.all(site, role) && !setup::lists_packages(site, role) => {
                Side::Runtime
            }
            (None, Role::Build | Role::Unknown | Role::Tool | Role::Dependencies { .. }) => {
                deal.conditions.extend(left_behind(site, role));
                let inside = |folder: &String| site.workdir_at(role.place.instruction).as_ref() == Some(folder);
                if role.role != Role::Tool || site.workdir().as_ref().is_some_and(inside) {
                    writes = writes.max(Some(role.place));
                }
                Side::Builder
            }
            _ => Side::Role,
        };
        if step.is_some_and(|s| s.writes_sources) {
            writes = writes.max(Some(role.place));
        }
        sides.push(side);
    }
    keep_together(site, application, &mut sides, &mut writes, &mut deal.conditions);
    let anchor = site
        .roles
        .iter()
        .zip(&sides)
        .filter(|(_, side)| **side == Side::Builder)
        .map(|(role, _)| role.place)
        .max()?;
    deal.anchor = anchor.instruction;
    if let Some(last) = writes {
        *trees = crate::plan::levels::folders(site, last, &mut deal.conditions);
    }
    let alone = trees.is_empty() && !site.roles.iter().any(|r| r.role == Role::SourceCopy);
    let into_workdir = |role: &RoleOf| {
        let dir = site.workdir_at(role.place.instruction);
        clones(site, role) && dir == site.workdir() && !trees.iter().any(|t| Some(t) == dir.as_ref())
    };
    if alone || site.roles.iter().any(into_workdir) {
        let fetch = site
            .roles
            .iter()
            .zip(&sides)
            .find(|(r, side)| **side == Side::Builder && fetches(site, r));
        match (fetch, site.workdir()) {
            (Some(_), Some(dir)) if !crate::plan::levels::SYSTEM.contains(&dir.as_str()) => trees.push(dir),
            (Some((role, _)), _) => deal.conditions.push(Condition::not_met(
                "what is fetched is known to be copied",
                vec![Evidence::command(
                    role.span,
                    "it fetches sources to a folder of the system",
                )],
            )),
            _ => {}
        }
    }
    let tested = site.options.tester != Tester::Off && site.roles.iter().any(|r| r.role == Role::Test);
    let last_test = site
        .roles
        .iter()
        .filter(|r| tested && r.role == Role::Test)
        .map(|r| r.place)
        .max();
    let accounts = setup::needs_accounts(site, anchor);
    let landing = Landing::of(site);
    for (role, side) in site.roles.iter().zip(&sides) {
        let at = role.place.instruction;
        let before = role.place <= anchor || at < anchor.instruction;
        let builder = Lot {
            builder: true,
            ..Lot::default()
        };
        let in_tree = before && lands_in(site, at, trees);
        let lot = match (side, role.role) {
            (Side::Builder, _) => builder,
            (Side::Both, _) => Lot {
                builder: true,
                runtime: true,
                ..Lot::default()
            },
            (Side::Runtime, _) => Lot {
                runtime: true,
                late: before,
                ..Lot::default()
            },
            (_, Role::Metadata) => Lot::default(),
            (_, Role::SystemPackages) => Lot {
                builder: before,
                ..Lot::default()
            },
            (_, Role::Manifests) => Lot {
                builder: before,
                runtime: !in_tree && !idle.contains(&at) && wanted(site, role, &landing, programs, idle),
                ..Lot::default()
            },
            (_, Role::SourceCopy) if site.file().instructions.get(at).is_some_and(|i| i.transfer().is_some()) => Lot {
                builder: before || last_test.is_some_and(|test| role.place < test),
                runtime: !in_tree
                    && !idle.contains(&at)
                    && !is_copied_again(site, at, &landing, (&sides, idle))
                    && !is_removed_again(site, at, &landing),
                ..Lot::default()
            },
            (_, Role::StageCopy) => Lot {
                builder: before,
                runtime: !before || tool_is_started(site, at, programs),
                ..Lot::default()
            },
            (_, Role::Test) if tested => Lot {
                tester: true,
                ..Lot::default()
            },
            (_, Role::Test) => builder,
            (_, Role::Cleanup) => Lot {
                builder: at <= anchor.instruction,
                // What is copied from the context once more is cleaned once more.
                runtime: setup::removes_settings(site, role)
                    || !alone_with_install(site, role, application)
                        && !lands_in_trees(site, at, trees)
                        && setup::cleans_inside(site, role, &folders_of(site, &landing)),
                late: at <= anchor.instruction && !setup::removes_settings(site, role),
                ..Lot::default()
            },
            (_, Role::RuntimeSetup) if is_file_setup(site, role) => {
                let (builds, runs) = file_setup(site, role, anchor);
                Lot {
                    builder: before && builds,
                    runtime: !before || runs,
                    ..Lot::default()
                }
            }
            (_, Role::RuntimeSetup)
                if is_permission(site, role.place) && (!trees.is_empty() || is_about(site, role, artifacts)) =>
            {
                let lot = setup::permission(site, role, before, artifacts, (trees, &Needs::default()));
                // Behind the copies somebody else may run, who may not change what is not theirs.
                let user = |at: usize| site.file().settings_at(at).user.map(|u| u.value);
                Lot {
                    late: lot.late && user(at) == user(anchor.instruction),
                    ..lot
                }
            }
            (_, Role::RuntimeSetup) => Lot {
                builder: before
                    && (accounts || !setup::is_account(site, role.place))
                    && !is_permission(site, role.place)
                    && !setup::is_for_servers(site, role),
                runtime: !is_made_anyway(site, role, artifacts, trees) || !before,
                ..Lot::default()
            },
            (_, Role::Shell) => Lot {
                builder: before,
                ..Lot::default()
            },
            (_, _) => Lot {
                builder: before,
                runtime: !before,
                ..Lot::default()
            },
        };
        deal.push(site, role, lot);
    }
    part::keep_whole_what_cannot_be_cut(site, &mut deal);
    deal.keep_what_builds_are_told(site);
    deal.level = Level::Slim;
    Some(deal)
}

/// Whether a piece clones a repository to the folder that it runs in.
fn clones(site: &Site<'_>, role: &RoleOf) -> bool {
    let text = site.file().source.slice(role.span);
    commands(site, role.place).any(|name| name == "git") && text.contains("clone") && text.trim_end().ends_with(" .")
}

/// Whether a piece fetches the application itself.
fn fetches(site: &Site<'_>, role: &RoleOf) -> bool {
    let text = site.file().source.slice(role.span);
    commands(site, role.place).any(|name| match name {
        "git" => text.contains("clone"),
        "tar" | "unzip" => true,
        _ => false,
    })
}

/// A RUN in which something unknown builds, or whose install needs what came before it, is run where it
/// builds, as a whole.
fn keep_together(
    site: &Site<'_>,
    application: &Application,
    sides: &mut [Side],
    writes: &mut Option<crate::plan::Place>,
    conditions: &mut Vec<Condition>,
) {
    let mut at = 0;
    while let Some(first) = site.roles.get(at) {
        let index = first.place.instruction;
        let len = site
            .roles
            .iter()
            .skip(at)
            .take_while(|r| r.place.instruction == index)
            .count();
        let range = at..at + len;
        at += len;
        let roles = site.roles.get(range.clone()).unwrap_or_default();
        let Some(sides) = sides.get_mut(range) else { continue };
        let last_builder = sides.iter().rposition(|s| *s == Side::Builder);
        let Some(last) = last_builder else { continue };
        let unknown = roles
            .iter()
            .zip(sides.iter())
            .any(|(r, s)| *s == Side::Builder && application.step(r.place).is_none());
        let first = sides.iter().position(|s| *s == Side::Builder);
        for (position, (role, side)) in roles.iter().zip(sides.iter_mut()).enumerate() {
            // What is put elsewhere behind a build is what was built.
            let puts = first.is_some_and(|first| position > first)
                && commands(site, role.place).any(|name| matches!(name, "mv" | "cp" | "ln"));
            let set_up = *side == Side::Role && matches!(role.role, Role::RuntimeSetup) && (unknown || puts);
            let runs = *side == Side::Runtime && (unknown || position < last);
            if set_up || runs {
                *side = Side::Builder;
                *writes = (*writes).max(Some(role.place));
                conditions.extend(left_behind(site, role));
            }
        }
    }
}

/// What the new base has.
struct Has<'h> {
    config: Option<&'static BaseConfig>,
    base: &'h RuntimeBase,
    application: &'h Application,
}

impl Has<'_> {
    /// Whether everything that a piece starts is in the stage that runs.
    fn all(&self, site: &Site<'_>, role: &RoleOf) -> bool {
        let mut names = commands(site, role.place).peekable();
        names.peek().is_some()
            && names.all(|name| {
                matches!(
                    name,
                    "echo" | "cd" | "true" | "test" | "[" | ":" | "printf" | "export" | "set"
                ) || self.config.is_some_and(|c| c.has_program(name))
                    && !matches!(
                        name,
                        "pip" | "pip3" | "npm" | "yarn" | "gem" | "bundle" | "curl" | "wget" | "tar"
                    )
                    || self.application.brings(name) == Some(true) && name != "pip"
                    || self
                        .base
                        .packages
                        .iter()
                        .any(|p| p.names.iter().any(|package| package == name))
            })
    }
}

/// Whether a clean-up stands in the RUN of an install, whose leftovers it removes.
fn alone_with_install(site: &Site<'_>, role: &RoleOf, application: &Application) -> bool {
    site.roles.iter().any(|r| {
        r.place.instruction == role.place.instruction
            && (application.step(r.place).is_some_and(|s| s.goes == Goes::Builder) || r.role == Role::SystemPackages)
    })
}

/// Whether a clean-up works in a folder that comes from the builder, cleaned.
fn lands_in_trees(site: &Site<'_>, at: usize, trees: &[String]) -> bool {
    let workdir = site.workdir_at(at).unwrap_or_default();
    trees.iter().any(|tree| lies_in(&workdir, tree))
}

/// What is not proven, or is broken, where something that no room knows stays in the builder: what it
/// leaves in the application's own folders comes along, what it leaves elsewhere is lost.
fn left_behind(site: &Site<'_>, role: &RoleOf) -> Option<Condition> {
    let text = site.file().source.slice(role.span);
    let landing = Landing::of(site);
    let folders = crate::plan::levels::own_folders(folders_of(site, &landing));
    let inside = |path: &str| {
        path.starts_with("/tmp") || path.starts_with("/dev/null") || folders.iter().any(|f| lies_in(path, f))
    };
    let here = site.workdir_at(role.place.instruction).is_some_and(|dir| inside(&dir));
    let paths = text
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | '>' | ';'))
        .filter(|w| w.starts_with('/') || w.starts_with("~/"));
    let evidence = vec![Evidence::command(role.span, role.why.says.clone())];
    Some(if here && paths.clone().all(inside) && !text.contains(" -g") {
        Condition::unproven(
            format!("nothing that `{}` does is needed at run time", short(text)),
            evidence,
            "a build that shows which files it writes",
        )
    } else {
        Condition::not_met(
            format!("the place where `{}` leaves its files is known", short(text)),
            evidence,
        )
    })
}

/// Whether a piece names a file that comes from the builder.
fn is_about(site: &Site<'_>, role: &RoleOf, artifacts: &[Artifact]) -> bool {
    let text = site.file().source.slice(role.span);
    let mut files = artifacts.iter().filter(|a| !a.path.ends_with('/'));
    files.any(|a| text.contains(a.path.as_str()))
}

/// Where COPY puts files of the context.
fn folders_of(site: &Site<'_>, landing: &Landing) -> Vec<String> {
    let mut out: Vec<String> = landing.trees().map(|(_, to)| to.to_owned()).collect();
    out.extend(site.workdir());
    out.retain(|folder| !folder.is_empty());
    out
}

/// Whether a COPY's destination lies in a folder that comes from the builder.
fn lands_in(site: &Site<'_>, at: usize, trees: &[String]) -> bool {
    let Some(instruction) = site.file().instructions.get(at) else {
        return false;
    };
    let destination = instruction.transfer().and_then(|t| t.destination.as_ref());
    let path = destination
        .and_then(|word| site.file().expand(word, at).ok())
        .and_then(|e| crate::plan::artifact::absolute(site.workdir_at(at).as_deref(), &e.value));
    path.is_some_and(|path| trees.iter().any(|tree| lies_in(&path, tree)))
}

/// Whether run time may read a manifest, and no later COPY brings it again.
fn wanted(site: &Site<'_>, role: &RoleOf, landing: &Landing, programs: &[Program], idle: &[usize]) -> bool {
    let at = role.place.instruction;
    let Some(transfer) = site.file().instructions.get(at).and_then(|i| i.transfer()) else {
        return false;
    };
    let by_launcher = |launcher: &str| {
        programs
            .iter()
            .any(|p| p.words.first().is_some_and(|w| w == launcher) || p.via.iter().any(|v| v.starts_with(launcher)))
    };
    transfer.sources.iter().any(|source| {
        let path = source.value.trim_start_matches("./");
        let name = path.rsplit('/').next().unwrap_or(path);
        // Lists for installers, which nothing else opens.
        let list = name.starts_with("requirements") || name.starts_with("constraints");
        let project = matches!(
            name,
            "Pipfile" | "Pipfile.lock" | "poetry.lock" | "pyproject.toml" | "uv.lock"
        );
        if list || project && !["poetry", "pipenv", "uv"].iter().any(|l| by_launcher(l)) {
            return false;
        }
        // A later COPY that is not left out brings it again.
        let files = match site.context.filter(|_| crate::context::sources::has_wildcard(path)) {
            Some(context) => context.glob(path),
            // A pattern stands for the plainest name that fits.
            None => vec![path.replace('*', "")],
        };
        let places: Vec<(String, usize)> = files.iter().flat_map(|file| landing.image_of(file)).collect();
        places.is_empty() || places.iter().any(|(_, by)| *by == at || idle.contains(by))
    })
}

/// Whether a later RUN removes all that a COPY brought: the image never had it.
fn is_removed_again(site: &Site<'_>, at: usize, landing: &Landing) -> bool {
    let mut places = landing.places(at).peekable();
    places.peek().is_some()
        && places.all(|place| {
            let removes = |view: crate::facts::CommandView<'_>| {
                let all = view.words().iter().any(|w| w.is_flag() && w.text.contains('r'));
                view.name() == "rm"
                    && all
                    && view.arguments().any(|word| {
                        let path = word.text.trim_end_matches('/');
                        path.starts_with('/') && path.len() > 1 && lies_in(place, path)
                    })
            };
            let mut later = site.instructions().filter(|i| i.index > at);
            later.any(|i| site.facts.commands(i).any(removes))
        })
}

/// Whether a later COPY brings the same files to the same places, and nothing that runs in between in the
/// stage that runs could want them.
fn is_copied_again(site: &Site<'_>, at: usize, landing: &Landing, (sides, idle): (&[Side], &[usize])) -> bool {
    let Some(later) = landing.again(at).filter(|later| !idle.contains(later)) else {
        return false;
    };
    let plain = |at: usize| site.file().instructions.get(at).is_some_and(|i| i.flags.is_empty());
    let between = |role: &RoleOf| role.place.instruction > at && role.place.instruction < later;
    let quiet = site
        .roles
        .iter()
        .zip(sides)
        .filter(|(role, _)| between(role))
        .all(|(role, side)| {
            *side == Side::Builder
                || *side == Side::Role
                    && matches!(
                        role.role,
                        Role::Metadata | Role::Manifests | Role::SourceCopy | Role::Shell | Role::Test
                    )
        });
    plain(at) && plain(later) && quiet
}

/// Whether a program that is copied from another image is started by this one.
fn tool_is_started(site: &Site<'_>, at: usize, programs: &[Program]) -> bool {
    let Some(transfer) = site.file().instructions.get(at).and_then(|i| i.transfer()) else {
        return true;
    };
    let mut names = transfer
        .sources
        .iter()
        .filter_map(|s| s.value.trim_end_matches('/').rsplit('/').next());
    let tool = |name: &str| matches!(name, "uv" | "uvx" | "composer" | "poetry" | "pnpm");
    let known = transfer
        .sources
        .iter()
        .all(|s| s.value.trim_end_matches('/').rsplit('/').next().is_some_and(tool));
    !known
        || names.any(|name| {
            programs.iter().any(|p| {
                matches!(&p.what, What::FromPath { name: n } if n == name)
                    || p.words.first().is_some_and(|w| w == name)
                    || p.via.iter().any(|v| v.starts_with(name))
            })
        })
}
