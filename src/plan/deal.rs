//! Which stage each piece of the old one goes to.

use super::artifact::Artifact;
use super::evidence::{Condition, Evidence};
use super::program::{Program, What};
use super::role::{Role, RoleOf};
use super::site::{Place, Site};
use super::split::{self, Cuttable};
use super::{Level, Tester};
use crate::model::{Instruction, Keyword, Kind};
use crate::shell::{Manager, Operation};
use std::collections::BTreeMap;

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
    programs: &[Program],
    artifacts: &[Artifact],
    level: Level,
    trees: &[String],
) -> Option<Deal> {
    let anchor = anchor(site, artifacts)?;
    let mut deal = Deal {
        anchor: anchor.instruction,
        ..Deal::default()
    };
    let accounts = needs_accounts(site, anchor);
    for role in site.roles {
        let makes = artifacts.iter().any(|a| a.made_by == Some(role.place));
        let before = role.place <= anchor || role.place.instruction < anchor.instruction;
        let lot = match role.role {
            // What an artifact comes from builds, whatever it is called.
            Role::Unknown | Role::Tool | Role::RuntimeSetup if makes => Lot {
                builder: true,
                ..Lot::default()
            },
            Role::Dependencies { .. } | Role::Tool if started(site, role, programs) => Lot {
                runtime: true,
                ..Lot::default()
            },
            // Dealt out below, once it is known where the builder ends.
            Role::Metadata => Lot::default(),
            Role::Dependencies { .. } | Role::Tool => {
                if let Some(condition) = only_built_with(site, role, artifacts) {
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
                builder: before || level < Level::Artifacts && cleans_inside(site, role, trees),
                ..Lot::default()
            },
            Role::RuntimeSetup if is_file_setup(site, role) => {
                let (builds, runs) = file_setup(site, role, anchor);
                Lot {
                    builder: before && builds,
                    runtime: !before || runs,
                    ..Lot::default()
                }
            }
            Role::RuntimeSetup if is_permission(site, role.place) => permission(site, role, before, artifacts, trees),
            Role::RuntimeSetup => Lot {
                builder: before && (accounts || !is_account(site, role.place)),
                runtime: !(before && serves_build(site, role) || is_made_anyway(site, role, artifacts)),
                ..Lot::default()
            },
            Role::Shell => Lot {
                builder: before,
                ..Lot::default()
            },
            Role::Unknown if edits_setup(site, role) => Lot {
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
        // Stages below stay as they are.
        let below = site
            .file()
            .instructions
            .get(role.place.instruction)
            .and_then(|i| i.stage)
            != Some(site.stage.id);
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
    keep_whole_what_cannot_be_cut(site, &mut deal);
    let in_builder = site.roles.iter().zip(&deal.lots).filter(|(_, lot)| lot.builder);
    deal.anchor = in_builder
        .map(|(role, _)| role.place.instruction)
        .max()
        .unwrap_or(deal.anchor);
    for (role, lot) in site.roles.iter().zip(&mut deal.lots) {
        let at = role.place.instruction;
        if role.role == Role::Metadata && at < deal.anchor && builds_with(site, at) {
            lot.builder = true;
        }
    }
    Some(deal)
}

/// Whether a package that is installed for all is a program that the image starts: it is installed
/// where it runs.
fn started(site: &Site<'_>, role: &RoleOf, programs: &[Program]) -> bool {
    let instruction = site.file().instructions.get(role.place.instruction);
    let Some(run) = instruction.and_then(|i| site.facts.run(i)) else {
        return false;
    };
    let range = role
        .place
        .piece
        .and_then(|p| run.script.chain.get(p))
        .map(|l| l.commands.clone());
    let installed = instruction
        .into_iter()
        .flat_map(|i| run.views(site.file(), i))
        .filter(|view| range.as_ref().is_some_and(|r| r.contains(&view.index)))
        .flat_map(|view| view.operations)
        .filter_map(|operation| match operation {
            Operation::Packages(p) if p.global || matches!(p.manager, Manager::Pip | Manager::Gem) => Some(p),
            _ => None,
        })
        .flat_map(|p| &p.packages);
    let mut names = installed.filter_map(|p| p.name.rsplit('/').next());
    names.any(|package| {
        programs.iter().any(|program| match &program.what {
            What::FromPath { name } => name == package,
            _ => {
                program.words.first().is_some_and(|w| w == package)
                    || program.via.iter().any(|v| v.starts_with(package))
            }
        })
    })
}

/// A command's beginning, for a message.
pub fn short(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().filter(|w| *w != "\\").collect();
    let mut out = words.join(" ");
    if out.chars().count() > 60 {
        out = out.chars().take(57).collect::<String>() + "...";
    }
    out
}

/// Whether only the build needs what is installed or fetched: the artifact's own ecosystem installs
/// what it is built of, and a tool that a later step starts is there for that step. None where it is
/// so, else what is not proven.
fn only_built_with(site: &Site<'_>, role: &RoleOf, artifacts: &[Artifact]) -> Option<Condition> {
    let text = site.file().source.slice(role.span);
    let own = matches!(role.role, Role::Dependencies { .. })
        && commands(site, role.place).any(|name| artifacts.iter().any(|a| installs_for(a.ecosystem, name)));
    // Commands of the build behind it that are not everybody's.
    let used = site
        .roles
        .iter()
        .filter(|r| r.place > role.place)
        .filter(|r| {
            !matches!(
                r.role,
                Role::Metadata | Role::Shell | Role::Cleanup | Role::RuntimeSetup
            )
        })
        .flat_map(|r| commands(site, r.place))
        .filter(|name| {
            name.len() > 1
                && !matches!(
                    *name,
                    "curl" | "wget" | "tar" | "unzip" | "git" | "mv" | "cp" | "ln" | "sh" | "bash"
                )
        })
        .any(|name| {
            text.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.+".contains(c))
                .any(|w| w == name || w.starts_with(&format!("{name}-")))
        });
    // An archive that is moved and unpacked is used by what unpacks it.
    let beside = site.roles.iter().any(|r| {
        r.place.instruction == role.place.instruction
            && r.place > role.place
            && matches!(r.role, Role::Tool | Role::Build)
    });
    if own || used || beside {
        return None;
    }
    Some(Condition::unproven(
        format!("only the build needs `{}`", short(text)),
        vec![Evidence::command(role.span, role.why.says.clone())],
        "a run of the new image",
    ))
}

/// Whether a package manager installs what an ecosystem's artifacts are built of.
fn installs_for(ecosystem: &str, program: &str) -> bool {
    let programs: &[&str] = match ecosystem {
        "go" => &["go", "glide", "dep", "govendor", "godep", "gvt"],
        "rust" => &["cargo", "rustup"],
        "node" | "site" => &["npm", "yarn", "pnpm", "npx", "corepack", "bun"],
        "java" | "maven" | "gradle" | "kotlin" => &["mvn", "mvnw", "gradle", "gradlew"],
        "dotnet" => &["dotnet", "nuget"],
        "c" | "cpp" | "cmake" => &["conan", "vcpkg", "cmake"],
        "elixir" => &["mix", "rebar3"],
        "deno" => &["deno"],
        "bun" => &["bun"],
        "haskell" => &["stack", "cabal"],
        "swift" => &["swift"],
        _ => &[],
    };
    programs.contains(&program)
}

/// Whether a setting can change how the builder builds.
fn builds_with(site: &Site<'_>, instruction: usize) -> bool {
    let keyword = site.file().instructions.get(instruction).map(|i| i.keyword);
    matches!(
        keyword,
        Some(Keyword::Arg | Keyword::Env | Keyword::Workdir | Keyword::User | Keyword::Shell)
    )
}

/// Whether something up to the anchor refers to accounts that the file adds.
fn needs_accounts(site: &Site<'_>, anchor: Place) -> bool {
    site.instructions()
        .filter(|i| i.index <= anchor.instruction)
        .any(|i| matches!(i.kind, Kind::User(_)) || i.flag("chown").is_some())
        || site.roles.iter().any(|r| {
            r.place <= anchor && commands(site, r.place).any(|name| name == "chown" || name == "su" || name == "sudo")
        })
}

/// The names of the programs of a piece.
pub fn commands<'a>(site: &Site<'a>, place: Place) -> impl Iterator<Item = &'a str> {
    let instruction = site.file().instructions.get(place.instruction);
    let run = instruction.and_then(|i| site.facts.run(i));
    run.into_iter().flat_map(move |run| {
        let link = place.piece.and_then(|p| run.script.chain.get(p));
        link.map(|l| run.script.link_commands(l))
            .unwrap_or_default()
            .iter()
            .map(|c| c.effective().base_name())
    })
}

fn is_account(site: &Site<'_>, place: Place) -> bool {
    commands(site, place).any(|name| {
        matches!(
            name,
            "useradd" | "adduser" | "groupadd" | "addgroup" | "usermod" | "groupmod" | "passwd" | "chpasswd"
        )
    })
}

/// A COPY of files that only run time reads.
fn is_file_setup(site: &Site<'_>, role: &RoleOf) -> bool {
    site.file()
        .instructions
        .get(role.place.instruction)
        .is_some_and(|i| i.transfer().is_some())
}

/// Whether it edits only files that a COPY puts where run time reads them, and no build does.
fn edits_setup(site: &Site<'_>, role: &RoleOf) -> bool {
    let mut names = commands(site, role.place).peekable();
    if names.peek().is_none() || !names.all(|name| matches!(name, "sed" | "perl" | "envsubst" | "dos2unix")) {
        return false;
    }
    let put: Vec<String> = site
        .roles
        .iter()
        .filter(|r| r.role == Role::RuntimeSetup && r.place < role.place)
        .filter_map(|r| site.file().instructions.get(r.place.instruction))
        .filter_map(|i| {
            let word = i.transfer()?.destination.as_ref()?;
            super::levels::absolute(site.workdir_at(i.index).as_deref(), &site.value(word, i.index)?)
        })
        .collect();
    let mut edited = paths(site, role.place).into_iter().filter(|p| p.starts_with('/')).peekable();
    edited.peek().is_some() && edited.all(|path| put.contains(&path))
}

/// Whether it only makes folders for a build: it stands in a RUN that builds or fetches, and names
/// them by variables or relative to where that works.
fn serves_build(site: &Site<'_>, role: &RoleOf) -> bool {
    let makes = commands(site, role.place).all(|name| name == "mkdir" || name == "touch");
    let beside = site.roles.iter().any(|r| {
        r.place.instruction == role.place.instruction
            && matches!(
                r.role,
                Role::Build | Role::Tool | Role::SourceCopy | Role::Dependencies { .. } | Role::Unknown
            )
    });
    let folders = paths(site, role.place);
    // A later step of the build works in them.
    let worked_in = |path: &String| {
        path.starts_with('/')
            && site.roles.iter().any(|r| {
                r.place > role.place
                    && matches!(
                        r.role,
                        Role::Build | Role::Tool | Role::SourceCopy | Role::Dependencies { .. } | Role::Unknown
                    )
                    && site.file().source.slice(r.span).contains(path.trim_end_matches('/'))
            })
            || ["/go", "/src", "/build", "/tmp", "/root/go", "/usr/src"]
                .iter()
                .any(|f| path == f || path.starts_with(&format!("{f}/")))
    };
    makes
        && !folders.is_empty()
        && folders
            .iter()
            .all(|path| !path.starts_with('/') && beside || worked_in(path))
}

/// Whether it makes only folders that a WORKDIR or a COPY makes anyway.
fn is_made_anyway(site: &Site<'_>, role: &RoleOf, artifacts: &[Artifact]) -> bool {
    if !commands(site, role.place).all(|name| name == "mkdir") {
        return false;
    }
    let workdir = site.workdir_at(role.place.instruction);
    let made = |path: &String| {
        let Some(path) = super::levels::absolute(workdir.as_deref(), path) else {
            return false;
        };
        let holds = |other: &str| other == path || other.starts_with(&format!("{path}/"));
        let workdirs = site.instructions().filter(|i| i.keyword == Keyword::Workdir);
        workdirs
            .filter_map(|i| site.workdir_at(i.index + 1))
            .any(|dir| holds(&dir))
            || artifacts.iter().any(|a| holds(a.path.trim_end_matches('/')))
            || destinations(site).any(|dir| holds(&dir))
    };
    let folders = paths(site, role.place);
    !folders.is_empty() && folders.iter().all(made)
}

/// Where COPY and ADD put files, absolute.
fn destinations<'a>(site: &Site<'a>) -> impl Iterator<Item = String> + use<'a> {
    let site = *site;
    site.instructions().filter_map(move |instruction| {
        let word = instruction.transfer()?.destination.as_ref()?;
        let value = site.file().expand(word, instruction.index).ok()?.value;
        super::levels::absolute(site.workdir_at(instruction.index).as_deref(), &value)
    })
}

fn is_permission(site: &Site<'_>, place: Place) -> bool {
    let mut names = commands(site, place).peekable();
    names.peek().is_some() && names.all(|name| matches!(name, "chown" | "chmod" | "chgrp" | "setcap"))
}

/// Whether a later step of the build runs as somebody else than root, who may need it.
fn names_builder(site: &Site<'_>, role: &RoleOf) -> bool {
    site.instructions().any(|i| {
        matches!(i.kind, Kind::User(_))
            && i.index > role.place.instruction
            && site
                .roles
                .iter()
                .any(|r| r.role == Role::Build && r.place.instruction > i.index)
    })
}

/// Folders that every image has.
const EVERYWHERE: [&str; 10] = [
    "/tmp", "/var", "/etc", "/run", "/usr", "/opt", "/home", "/root", "/srv", "/dev",
];

/// Where permissions are set: where the files are. A mode comes along with what is copied from the
/// builder; an owner is a number there, and is given again by its name.
fn permission(site: &Site<'_>, role: &RoleOf, before: bool, artifacts: &[Artifact], trees: &[String]) -> Lot {
    let workdir = site.workdir_at(role.place.instruction);
    let words = paths(site, role.place);
    let owns = commands(site, role.place).any(|name| name == "chown" || name == "chgrp");
    let below = |path: &str, folder: &str| {
        let folder = folder.trim_end_matches('/');
        path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    };
    // The first word is the mode or the owner.
    let targets: Vec<String> = words
        .iter()
        .skip(1)
        .filter_map(|w| super::levels::absolute(workdir.as_deref(), w.trim_end_matches("/*")))
        .collect();
    let copied = |path: &String| {
        let inside = |other: &str| below(other.trim_end_matches('/'), path) || below(path, other);
        artifacts.iter().any(|a| inside(&a.path)) || trees.iter().any(|t| inside(t))
    };
    let made = |path: &String| {
        site.roles.iter().any(|r| {
            r.role == Role::RuntimeSetup
                && r.place != role.place
                && (is_file_setup(site, r) || !is_permission(site, r.place))
                && site.file().source.slice(r.span).contains(path.as_str())
        }) || site.workdir().is_some_and(|dir| below(&dir, path))
            || site.instructions().any(|i| match &i.kind {
                Kind::Volume(words) => words.iter().any(|w| below(&w.value, path)),
                _ => false,
            })
            || EVERYWHERE.contains(&path.as_str())
    };
    let all_there = !targets.is_empty() && targets.iter().all(|t| copied(t) || made(t));
    let any_copied = targets.iter().any(copied);
    if !all_there {
        return Lot {
            builder: true,
            ..Lot::default()
        };
    }
    if any_copied && !owns {
        return Lot {
            builder: true,
            ..Lot::default()
        };
    }
    Lot {
        builder: before && names_builder(site, role),
        runtime: true,
        late: any_copied,
        ..Lot::default()
    }
}

/// The words of a piece that are no options.
fn paths(site: &Site<'_>, place: Place) -> Vec<String> {
    let instruction = site.file().instructions.get(place.instruction);
    let Some(run) = instruction.and_then(|i| site.facts.run(i)) else {
        return Vec::new();
    };
    let link = place.piece.and_then(|p| run.script.chain.get(p));
    let commands = link.map(|l| run.script.link_commands(l)).unwrap_or_default();
    commands
        .iter()
        .flat_map(|c| c.effective().words)
        .filter(|w| !w.is_flag())
        .map(|w| w.text.clone())
        .collect()
}

/// Whether a COPY of a system's files serves the build, and whether it serves run time.
fn file_setup(site: &Site<'_>, role: &RoleOf, anchor: Place) -> (bool, bool) {
    let file = site.file();
    let Some(transfer) = file.instructions.get(role.place.instruction).and_then(|i| i.transfer()) else {
        return (false, true);
    };
    let destination = transfer.destination.as_ref().map_or("", |d| d.value.as_str());
    // Settings of tools: Maven's, npm's, ssh's.
    if destination.starts_with("/root/.") || destination.starts_with("/etc/apt/") {
        return (true, false);
    }
    let names = transfer.sources.iter().chain(&transfer.destination);
    let mut names = names.filter_map(|w| w.value.trim_end_matches('/').rsplit('/').next());
    let named = names.any(|name| {
        name.len() > 2
            && site.instructions().any(|i| {
                i.index > role.place.instruction
                    && i.index <= anchor.instruction
                    && matches!(i.kind, Kind::Run { .. })
                    && file.source.slice(i.span).contains(name)
            })
    });
    (named, true)
}

/// Whether a clean-up removes something inside one of the folders that are copied as a whole.
fn cleans_inside(site: &Site<'_>, role: &RoleOf, trees: &[String]) -> bool {
    let text = site.file().source.slice(role.span);
    let workdir = site.workdir_at(role.place.instruction).unwrap_or_default();
    let relative = text
        .split_whitespace()
        .skip(1)
        .any(|w| !w.starts_with(['/', '-', '~', '$']));
    trees
        .iter()
        .any(|tree| text.contains(tree.as_str()) || relative && workdir.starts_with(tree.as_str()))
}

/// The links of each RUN that is dealt to more than one stage, or in parts.
fn keep_whole_what_cannot_be_cut(site: &Site<'_>, deal: &mut Deal) {
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
