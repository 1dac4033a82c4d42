//! What prepares a stage: accounts, folders, permissions, files of the system, clean-ups.

use super::words::paths;
use super::{Lot, commands};
use crate::model::{Keyword, Kind};
use crate::plan::artifact::Artifact;
use crate::plan::need::Needs;
use crate::plan::role::{Role, RoleOf};
use crate::plan::site::{Place, Site};
use crate::shell::{Operation, lies_in};

/// Whether something up to the anchor refers to accounts that the file adds.
pub(super) fn needs_accounts(site: &Site<'_>, anchor: Place) -> bool {
    site.instructions()
        .filter(|i| i.index <= anchor.instruction)
        .any(|i| matches!(i.kind, Kind::User(_)) || i.flag("chown").is_some())
        || site.roles.iter().any(|r| {
            r.place <= anchor && commands(site, r.place).any(|name| name == "chown" || name == "su" || name == "sudo")
        })
}

pub(super) fn is_account(site: &Site<'_>, place: Place) -> bool {
    commands(site, place).any(|name| {
        matches!(
            name,
            "useradd" | "adduser" | "groupadd" | "addgroup" | "usermod" | "groupmod" | "passwd" | "chpasswd"
        )
    })
}

/// A COPY of files that only run time reads.
pub(super) fn is_file_setup(site: &Site<'_>, role: &RoleOf) -> bool {
    site.file()
        .instructions
        .get(role.place.instruction)
        .is_some_and(|i| i.transfer().is_some())
}

/// Whether a piece removes settings of packages that run time has, too: `rm -f
/// /etc/ImageMagick-6/policy.xml`.
pub(super) fn removes_settings(site: &Site<'_>, role: &RoleOf) -> bool {
    let text = site.file().source.slice(role.span);
    let mut words = text.split_whitespace();
    let forced = |w: &str| w.starts_with('-') && w.contains('f');
    words.next() == Some("rm")
        && text.split_whitespace().any(forced)
        && words.clone().any(|w| !w.starts_with('-'))
        && words.filter(|w| !w.starts_with('-')).all(|w| {
            let lists = ["/etc/apt", "/etc/apk", "/etc/yum", "/etc/ssh", "/etc/cron"];
            w.starts_with("/etc/") && !lists.iter().any(|of| w.starts_with(of))
        })
}

/// Whether a piece only says what a server does once it runs: Apache's modules and sites, logs that go
/// to the container's output.
pub(super) fn is_for_servers(site: &Site<'_>, role: &RoleOf) -> bool {
    let logs = || {
        let text = site.file().source.slice(role.span);
        ["/dev/stdout", "/dev/stderr"].iter().any(|to| text.contains(to))
    };
    let mut names = commands(site, role.place).peekable();
    names.peek().is_some()
        && names.all(|name| match name {
            "a2enmod" | "a2dismod" | "a2ensite" | "a2dissite" | "a2enconf" | "a2disconf" => true,
            "ln" => logs(),
            _ => false,
        })
}

/// Whether a piece changes where system packages come from, which the build's packages wait for.
pub(super) fn lists_packages(site: &Site<'_>, role: &RoleOf) -> bool {
    let text = site.file().source.slice(role.span);
    text.contains("/etc/apt") || text.contains("/etc/apk")
}

/// Whether it edits only files that a COPY puts where run time reads them, and no build does.
pub(super) fn edits_setup(site: &Site<'_>, role: &RoleOf) -> bool {
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
            crate::plan::artifact::absolute(site.workdir_at(i.index).as_deref(), &site.value(word, i.index)?)
        })
        .collect();
    let mut edited = paths(site, role.place)
        .into_iter()
        .filter(|p| p.starts_with('/'))
        .peekable();
    edited.peek().is_some() && edited.all(|path| put.contains(&path))
}

/// Whether run time names a folder that a RUN makes, or something in it.
fn is_used(needs: &Needs, path: &str) -> bool {
    let path = path.trim_end_matches('/');
    needs.folders.iter().any(|(folder, _)| folder == path)
}

/// Whether it only makes folders for a build: it stands in a RUN that builds or fetches, and names
/// them by variables or relative to where that works. Run time uses none of them.
pub(super) fn serves_build(site: &Site<'_>, role: &RoleOf, needs: &Needs) -> bool {
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
                .any(|f| lies_in(path, f))
    };
    let workdir = site.workdir_at(role.place.instruction);
    // `mkdir build && cd build && cmake ..`
    let built_in = |path: &str| {
        let path = path.trim_end_matches('/');
        let later = site
            .roles
            .iter()
            .filter(|r| r.place > role.place && r.role == Role::Build);
        let mut words = later.flat_map(|r| site.file().source.slice(r.span).split_whitespace());
        words.any(|word| lies_in(word.trim_start_matches("./"), path))
            || site.roles.iter().any(|r| {
                r.place.instruction == role.place.instruction
                    && commands(site, r.place).any(|name| matches!(name, "cd" | "pushd"))
            })
    };
    let used = |path: &String| {
        !built_in(path)
            && crate::plan::artifact::absolute(workdir.as_deref(), path).is_some_and(|path| is_used(needs, &path))
    };
    makes
        && !folders.is_empty()
        && !folders.iter().any(used)
        && folders
            .iter()
            .all(|path| !path.starts_with('/') && beside || worked_in(path))
}

/// Whether it makes only folders that a WORKDIR or a COPY makes anyway.
pub(super) fn is_made_anyway(site: &Site<'_>, role: &RoleOf, artifacts: &[Artifact], trees: &[String]) -> bool {
    if !commands(site, role.place).all(|name| name == "mkdir") {
        return false;
    }
    let workdir = site.workdir_at(role.place.instruction);
    let made = |path: &String| {
        let Some(path) = crate::plan::artifact::absolute(workdir.as_deref(), path) else {
            return false;
        };
        let path = path.trim_end_matches('/').to_owned();
        if artifacts.iter().any(|a| lies_in(&a.path, &path)) || trees.iter().any(|tree| lies_in(&path, tree)) {
            return true;
        }
        // What needs the folder comes behind what makes it.
        let needs = |r: &&RoleOf| {
            r.place > role.place
                && matches!(r.role, Role::RuntimeSetup | Role::Unknown)
                && site.file().source.slice(r.span).contains(path.as_str())
        };
        let needed = site
            .roles
            .iter()
            .find(needs)
            .map_or(usize::MAX, |r| r.place.instruction);
        let workdirs = site.instructions().filter(|i| i.keyword == Keyword::Workdir);
        workdirs
            .filter(|i| i.index < needed)
            .filter_map(|i| site.workdir_at(i.index + 1))
            .any(|dir| lies_in(&dir, &path))
            || destinations(site).any(|(at, dir)| at < needed && lies_in(&dir, &path))
    };
    let folders = paths(site, role.place);
    !folders.is_empty() && folders.iter().all(made)
}

/// Where COPY and ADD put files, absolute.
fn destinations<'a>(site: &Site<'a>) -> impl Iterator<Item = (usize, String)> + use<'a> {
    let site = *site;
    site.instructions().filter_map(move |instruction| {
        let word = instruction.transfer()?.destination.as_ref()?;
        let value = site.file().expand(word, instruction.index).ok()?.value;
        let path = crate::plan::artifact::absolute(site.workdir_at(instruction.index).as_deref(), &value)?;
        Some((instruction.index, path))
    })
}

pub(super) fn is_permission(site: &Site<'_>, place: Place) -> bool {
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
pub(super) fn permission(
    site: &Site<'_>,
    role: &RoleOf,
    before: bool,
    artifacts: &[Artifact],
    (trees, needs): (&[String], &Needs),
) -> Lot {
    let workdir = site.workdir_at(role.place.instruction);
    let words = paths(site, role.place);
    let owns = commands(site, role.place).any(|name| name == "chown" || name == "chgrp");
    // The first word is the mode or the owner.
    let targets: Vec<String> = words
        .iter()
        .skip(1)
        .filter_map(|w| crate::plan::artifact::absolute(workdir.as_deref(), w.trim_end_matches("/*")))
        .collect();
    let copied = |path: &String| {
        let inside = |other: &str| lies_in(other, path) || lies_in(path, other);
        artifacts.iter().any(|a| inside(&a.path)) || trees.iter().any(|t| inside(t))
    };
    let made = |path: &String| {
        site.roles.iter().any(|r| {
            r.role == Role::RuntimeSetup
                && r.place != role.place
                && (is_file_setup(site, r) || !is_permission(site, r.place))
                && site.file().source.slice(r.span).contains(path.as_str())
        }) || needs.folders.iter().any(|(f, _)| lies_in(f, path) || lies_in(path, f))
            || site.workdir().is_some_and(|dir| lies_in(&dir, path))
            || site.instructions().any(|i| match &i.kind {
                Kind::Volume(words) => words.iter().any(|w| lies_in(&w.value, path)),
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

/// Whether a COPY of a system's files serves the build, and whether it serves run time.
pub(super) fn file_setup(site: &Site<'_>, role: &RoleOf, anchor: Place) -> (bool, bool) {
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

/// Whether a piece installs or removes system packages.
fn works_on_packages(site: &Site<'_>, place: Place) -> bool {
    let Some(instruction) = site.file().instructions.get(place.instruction) else {
        return false;
    };
    let run = site.facts.run(instruction);
    let link = run.and_then(|run| place.piece.and_then(|p| run.script.chain.get(p)));
    let mut commands = site.facts.commands(instruction);
    commands.any(|command| {
        let is_here = link.is_none_or(|link| link.commands.contains(&command.index));
        let mut operations = command.operations.iter();
        is_here && operations.any(|o| matches!(o, Operation::Packages(p) if p.manager.is_system()))
    })
}

/// Whether a clean-up removes something inside one of the folders that are copied as a whole.
pub(super) fn cleans_inside(site: &Site<'_>, role: &RoleOf, trees: &[String]) -> bool {
    // The stage that runs has other packages: to remove those of the old one could even fail there.
    if works_on_packages(site, role.place) {
        return false;
    }
    let text = site.file().source.slice(role.span);
    let workdir = site.workdir_at(role.place.instruction).unwrap_or_default();
    let relative = text
        .split_whitespace()
        .skip(1)
        .any(|w| !w.starts_with(['/', '-', '~', '$']));
    trees
        .iter()
        .any(|tree| tree.len() > 1 && text.contains(tree.as_str()) || relative && workdir.starts_with(tree.as_str()))
}
