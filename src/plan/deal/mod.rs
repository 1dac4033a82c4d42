//! Which stage each piece of the old one goes to.

mod application;
mod part;
mod setup;
mod tools;
mod words;

pub use application::application;
pub use part::Part;
pub use words::{commands, short};

use super::artifact::Artifact;
use super::evidence::{Condition, Evidence};
use super::need::Needs;
use super::program::Program;
use super::role::{Role, RoleOf};
use super::site::{Place, Site};
use super::{Level, Tester};
use crate::model::Keyword;
use crate::shell::lies_in;

/// The stages that a piece goes to; none of them where nothing needs it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lot {
    /// The stage that builds.
    pub builder: bool,
    /// The stage that tests.
    pub tester: bool,
    /// The stage that runs.
    pub runtime: bool,
    /// There, behind what is copied from the builder.
    pub late: bool,
}

/// How the pieces of a stage are dealt out.
#[derive(Debug, Clone, Default)]
pub struct Deal {
    /// One for each of the site's roles.
    pub lots: Vec<Lot>,
    /// The last instruction that the builder needs.
    pub anchor: usize,
    /// What must hold for it.
    pub conditions: Vec<Condition>,
    /// The level that it is for.
    pub level: Level,
}

/// The last place that builds: by its role, or because an artifact is made there.
pub fn anchor(site: &Site<'_>, artifacts: &[Artifact]) -> Option<Place> {
    let built = site
        .roles
        .iter()
        .filter(|r| r.role == Role::Build)
        .map(|r| r.place)
        .max();
    let made = artifacts.iter().filter_map(|a| a.made_by).max();
    built.max(made)
}

/// Deals the pieces out for a level that builds in a stage of its own. `tree` are folders that are
/// copied from the builder as a whole.
pub fn deal(
    site: &Site<'_>,
    (programs, needs): (&[Program], &Needs),
    artifacts: &[Artifact],
    level: Level,
    trees: &[String],
) -> Option<Deal> {
    let anchor = anchor(site, artifacts)?;
    let mut deal = Deal {
        anchor: anchor.instruction,
        level,
        ..Deal::default()
    };
    let accounts = setup::needs_accounts(site, anchor);
    for role in site.roles {
        let makes = artifacts.iter().any(|a| a.made_by == Some(role.place));
        let before = role.place <= anchor || role.place.instruction < anchor.instruction;
        let lot = match role.role {
            // What an artifact comes from builds, whatever it is called.
            Role::Unknown | Role::Tool | Role::RuntimeSetup if makes => Lot {
                builder: true,
                ..Lot::default()
            },
            Role::Dependencies { .. } | Role::Tool if tools::started(site, role, programs) => Lot {
                runtime: true,
                ..Lot::default()
            },
            // Dealt out below, once it is known where the builder ends.
            Role::Metadata => Lot::default(),
            Role::Dependencies { .. } | Role::Tool => {
                if let Some(condition) = tools::only_built_with(site, role, artifacts) {
                    deal.conditions.push(condition);
                }
                Lot {
                    builder: true,
                    ..Lot::default()
                }
            }
            Role::SystemPackages | Role::Manifests | Role::Build => Lot {
                builder: before,
                ..Lot::default()
            },
            Role::SourceCopy | Role::StageCopy => Lot {
                builder: before,
                runtime: !before,
                ..Lot::default()
            },
            Role::Test if site.options.tester == Tester::Off => Lot {
                builder: true,
                ..Lot::default()
            },
            Role::Test => Lot {
                tester: true,
                ..Lot::default()
            },
            Role::Cleanup => Lot {
                builder: before || level < Level::Artifacts && setup::cleans_inside(site, role, trees),
                ..Lot::default()
            },
            Role::Unknown | Role::RuntimeSetup if before && setup::lists_packages(site, role) => Lot {
                builder: true,
                ..Lot::default()
            },
            Role::RuntimeSetup if setup::is_file_setup(site, role) => {
                let (builds, runs) = setup::file_setup(site, role, anchor);
                Lot {
                    builder: before && builds,
                    runtime: !before || runs,
                    ..Lot::default()
                }
            }
            // The linker's table is of the libraries that are there.
            Role::RuntimeSetup if lists_libraries(site, role) => {
                let library = |a: &Artifact| a.path.contains(".so") || a.path.ends_with('/');
                let copied = artifacts.iter().any(library) || trees.iter().any(|t| t.contains("lib"));
                Lot {
                    builder: before,
                    runtime: copied,
                    late: copied,
                    ..Lot::default()
                }
            }
            Role::RuntimeSetup if trusts_copied(site, role, artifacts) => Lot {
                builder: before,
                runtime: true,
                late: true,
                ..Lot::default()
            },
            Role::RuntimeSetup if setup::is_permission(site, role.place) => {
                let lot = setup::permission(site, role, before, artifacts, (trees, needs));
                // Behind the build it is done to what was copied.
                let late = !before && works_in_copied(site, role, artifacts);
                Lot {
                    runtime: lot.runtime || late,
                    builder: lot.builder && !late || before && is_run_later(site, role),
                    ..lot
                }
            }
            Role::RuntimeSetup if before && works_in_copied(site, role, artifacts) => Lot {
                builder: true,
                ..Lot::default()
            },
            Role::RuntimeSetup => Lot {
                builder: before && (accounts || !setup::is_account(site, role.place)),
                runtime: !(before && setup::serves_build(site, role, needs)
                    || setup::is_made_anyway(site, role, artifacts, trees)),
                ..Lot::default()
            },
            Role::Shell => Lot {
                builder: before,
                ..Lot::default()
            },
            Role::Unknown if setup::edits_setup(site, role) => Lot {
                runtime: true,
                ..Lot::default()
            },
            Role::Unknown => {
                let text = site.file().source.slice(role.span);
                let first = text.lines().next().unwrap_or_default();
                deal.conditions.push(Condition::unproven(
                    format!("nothing that `{}` does is needed at run time", short(first)),
                    vec![Evidence::command(role.span, role.why.says.clone())],
                    "a build that shows which files it writes",
                ));
                Lot {
                    builder: true,
                    ..Lot::default()
                }
            }
        };
        deal.push(site, role, lot);
    }
    part::keep_whole_what_cannot_be_cut(site, &mut deal);
    let in_builder = site.roles.iter().zip(&deal.lots).filter(|(_, lot)| lot.builder);
    deal.anchor = in_builder
        .map(|(role, _)| role.place.instruction)
        .max()
        .unwrap_or(deal.anchor);
    deal.keep_what_builds_are_told(site);
    Some(deal)
}

impl Deal {
    /// Deals the next piece out; those of the stages below stay where they are, in what builds.
    fn push(&mut self, site: &Site<'_>, role: &RoleOf, lot: Lot) {
        let instruction = site.file().instructions.get(role.place.instruction);
        let below = instruction.and_then(|i| i.stage) != Some(site.stage.id);
        self.lots.push(if below {
            Lot {
                builder: true,
                tester: false,
                ..lot
            }
        } else {
            lot
        });
    }

    /// Settings in front of the builder's last piece stay with it where they change what it does.
    fn keep_what_builds_are_told(&mut self, site: &Site<'_>) {
        for (role, lot) in site.roles.iter().zip(&mut self.lots) {
            let at = role.place.instruction;
            if role.role == Role::Metadata && at < self.anchor && builds_with(site, at) {
                lot.builder = true;
            }
        }
    }
}

/// Whether a piece makes the system trust certificates, of which some come from the builder.
fn trusts_copied(site: &Site<'_>, role: &RoleOf, artifacts: &[Artifact]) -> bool {
    let own = artifacts
        .iter()
        .any(|a| lies_in(&a.path, "/usr/local/share/ca-certificates"));
    own && commands(site, role.place).any(|name| name == "update-ca-certificates")
}

/// Whether all that a piece names lies in folders that come from the builder as a whole.
fn works_in_copied(site: &Site<'_>, role: &RoleOf, artifacts: &[Artifact]) -> bool {
    let text = site.file().source.slice(role.span);
    let split = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | '>' | ';');
    let mut paths = text
        .split(split)
        .filter(|w| w.len() > 1 && w.starts_with('/'))
        .peekable();
    let copied = |path: &str| {
        let mut folders = artifacts
            .iter()
            .filter(|a| a.path.ends_with('/') && a.made_by.is_none());
        folders.any(|a| path != a.path.trim_end_matches('/') && lies_in(path, &a.path))
    };
    !text.contains('$') && paths.peek().is_some() && paths.all(copied)
}

/// Whether a later step runs a file that a piece names.
fn is_run_later(site: &Site<'_>, role: &RoleOf) -> bool {
    let files = words::paths(site, role.place);
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let names: Vec<String> = files.iter().skip(1).map(|path| name(path)).collect();
    let later = site.roles.iter().filter(|r| r.place > role.place);
    let mut words = later.flat_map(|r| {
        let own = commands(site, r.place).map(str::to_owned);
        own.chain(words::paths(site, r.place).iter().map(|path| name(path)))
            .collect::<Vec<_>>()
    });
    words.any(|word| !word.is_empty() && names.contains(&word))
}

/// Whether a piece brings the linker's table up to date, and does nothing else.
fn lists_libraries(site: &Site<'_>, role: &RoleOf) -> bool {
    let mut names = commands(site, role.place).peekable();
    names.peek().is_some() && names.all(|name| name == "ldconfig")
}

/// Whether a setting can change how the builder builds.
fn builds_with(site: &Site<'_>, instruction: usize) -> bool {
    let keyword = site.file().instructions.get(instruction).map(|i| i.keyword);
    matches!(
        keyword,
        Some(Keyword::Arg | Keyword::Env | Keyword::Workdir | Keyword::User | Keyword::Shell)
    )
}
