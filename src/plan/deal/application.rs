//! How the pieces of an interpreted program's stage are dealt out: what installs builds, what only
//! runs the language stays in the stage that runs, in its order.

use super::setup::{self, file_setup, is_file_setup, is_made_anyway, is_permission};
use super::{Deal, Lot, builds_with, commands, part, short, tools};
use crate::knowledge::BaseConfig;
use crate::plan::application::{Application, Goes};
use crate::plan::artifact::{Artifact, Landing};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::program::{Program, What};
use crate::plan::role::{Role, RoleOf};
use crate::plan::runtime::{self, RuntimeBase};
use crate::plan::site::Site;
use crate::plan::{Level, Tester};

/// Where a piece goes, before it is known where the builder ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Builder,
    Runtime,
    /// As its role says.
    Role,
}

/// Deals the pieces out. `trees` are the application's folders that come from the builder, filled in
/// here; `artifacts` are what installs and builds fill, each copied on its own.
pub fn application(
    site: &Site<'_>,
    programs: &[Program],
    application: &Application,
    artifacts: &[Artifact],
    base: &RuntimeBase,
    trees: &mut Vec<String>,
) -> Option<Deal> {
    let mut deal = Deal::default();
    let has = Has {
        config: runtime::config(base),
        base,
    };
    let mut writes: Option<crate::plan::Place> = None;
    let mut sides: Vec<Side> = Vec::new();
    for role in site.roles {
        let step = application.step(role.place);
        let makes = artifacts.iter().any(|a| a.made_by == Some(role.place));
        let side = match (step.map(|s| s.goes), role.role) {
            (_, Role::Test) => Side::Role,
            (Some(Goes::Builder), _) => Side::Builder,
            (Some(Goes::Runtime), _) => Side::Runtime,
            _ if makes => Side::Builder,
            (Some(Goes::Along), _) => Side::Role,
            (None, Role::Dependencies { .. } | Role::Tool) if tools::started(site, role, programs) => Side::Runtime,
            (None, Role::Build | Role::Unknown) if has.all(site, role) => Side::Runtime,
            (None, Role::Build | Role::Unknown | Role::Tool | Role::Dependencies { .. }) => {
                deal.conditions.extend(left_behind(site, role));
                if role.role != Role::Tool {
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
                runtime: !in_tree && wanted(site, role, &landing, programs),
                ..Lot::default()
            },
            (_, Role::SourceCopy) if site.file().instructions.get(at).is_some_and(|i| i.transfer().is_some()) => Lot {
                builder: before || last_test.is_some_and(|test| role.place < test),
                runtime: !in_tree,
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
                runtime: at > anchor.instruction && setup::cleans_inside(site, role, &folders_of(site, &landing)),
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
            (_, Role::RuntimeSetup) if is_permission(site, role.place) && !trees.is_empty() => {
                setup::permission(site, role, before, artifacts, trees)
            }
            (_, Role::RuntimeSetup) => Lot {
                builder: before
                    && (accounts || !setup::is_account(site, role.place))
                    && !is_permission(site, role.place),
                runtime: !is_made_anyway(site, role, artifacts) || !before,
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
        let below = site.file().instructions.get(at).and_then(|i| i.stage) != Some(site.stage.id);
        deal.lots.push(if below {
            Lot {
                builder: true,
                tester: false,
                ..lot
            }
        } else {
            lot
        });
    }
    part::keep_whole_what_cannot_be_cut(site, &mut deal);
    for (role, lot) in site.roles.iter().zip(&mut deal.lots) {
        let at = role.place.instruction;
        if role.role == Role::Metadata && at < deal.anchor && builds_with(site, at) {
            lot.builder = true;
        }
    }
    deal.level = Level::Slim;
    Some(deal)
}

/// What the new base has.
struct Has<'h> {
    config: Option<&'static BaseConfig>,
    base: &'h RuntimeBase,
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
                    || self
                        .base
                        .packages
                        .iter()
                        .any(|p| p.names.iter().any(|package| package == name))
            })
    }
}

/// What is not proven where something that no room knows stays in the builder.
fn left_behind(site: &Site<'_>, role: &RoleOf) -> Option<Condition> {
    let text = site.file().source.slice(role.span);
    Some(Condition::unproven(
        format!("nothing that `{}` does is needed at run time", short(text)),
        vec![Evidence::command(role.span, role.why.says.clone())],
        "a build that shows which files it writes",
    ))
}

/// Where COPY puts files of the context.
fn folders_of(site: &Site<'_>, landing: &Landing) -> Vec<String> {
    let mut out: Vec<String> = landing.trees().map(|(_, to)| to.to_owned()).collect();
    out.extend(site.workdir());
    out.retain(|folder| folder.len() > 1);
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
        .and_then(|e| crate::plan::levels::absolute(site.workdir_at(at).as_deref(), &e.value));
    path.is_some_and(|path| {
        trees.iter().any(|tree| {
            let tree = tree.trim_end_matches('/');
            path == tree || path.strip_prefix(tree).is_some_and(|rest| rest.starts_with('/'))
        })
    })
}

/// Whether run time may read a manifest, and no later COPY brings it again.
fn wanted(site: &Site<'_>, role: &RoleOf, landing: &Landing, programs: &[Program]) -> bool {
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
        let places = landing.image_of(path);
        let here: Vec<&String> = places.iter().filter(|(_, i)| *i == at).map(|(p, _)| p).collect();
        !places.iter().any(|(p, i)| *i > at && here.contains(&p))
    })
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
