//! Package lists, downloads and build caches that a command leaves in its layer.

use super::{CommandView, Facts};
use crate::model::{Instruction, Kind};
use crate::shell::operations::{Action, Clean, Manager, Packages};
use crate::shell::{Operation, lies_in};

/// What a command leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leftover {
    /// The folder that holds it.
    pub folder: &'static str,
}

/// Where a manager keeps what it need not keep, and how that is prevented.
struct Habit {
    manager: Manager,
    /// Folders that hold it, the usual one first. `~` stands for the user's home.
    folders: &'static [&'static str],
    /// Environment variables that keep it out when set to something true.
    off: &'static [&'static str],
}

const fn habit(manager: Manager, folders: &'static [&'static str]) -> Habit {
    Habit {
        manager,
        folders,
        off: &[],
    }
}

/// Sources: the managers' manuals, on their cache folders.
const HABITS: &[Habit] = &[
    habit(Manager::Apk, &["/var/cache/apk", "/etc/apk/cache"]),
    habit(
        Manager::Yum,
        &["/var/cache/yum", "/var/cache/dnf", "/var/cache/libdnf5"],
    ),
    habit(
        Manager::Dnf,
        &["/var/cache/dnf", "/var/cache/libdnf5", "/var/cache/yum"],
    ),
    habit(
        Manager::Microdnf,
        &["/var/cache/yum", "/var/cache/dnf", "/var/cache/libdnf5"],
    ),
    habit(Manager::Zypper, &["/var/cache/zypp"]),
    habit(Manager::Pacman, &["/var/cache/pacman/pkg"]),
    Habit {
        manager: Manager::Pip,
        folders: &["~/.cache/pip"],
        off: &["PIP_NO_CACHE_DIR"],
    },
    Habit {
        manager: Manager::Uv,
        folders: &["~/.cache/uv"],
        off: &["UV_NO_CACHE"],
    },
    habit(Manager::Poetry, &["~/.cache/pypoetry"]),
    habit(Manager::Pipenv, &["~/.cache/pipenv"]),
    habit(Manager::Conda, &["/opt/conda/pkgs", "~/.conda/pkgs"]),
    habit(Manager::Npm, &["~/.npm"]),
    habit(
        Manager::Yarn,
        &[
            "~/.cache/yarn",
            "/usr/local/share/.cache/yarn",
            "/usr/local/share/.cache",
            "~/.yarn",
        ],
    ),
    habit(Manager::Bun, &["~/.bun/install/cache"]),
    habit(
        Manager::Composer,
        &["~/.composer/cache", "~/.cache/composer", "/tmp/cache"],
    ),
    habit(
        Manager::Cargo,
        &["/usr/local/cargo/registry", "~/.cargo/registry", "$CARGO_HOME/registry"],
    ),
    habit(Manager::Go, &["/go/pkg/mod", "~/.cache/go-build", "$GOPATH/pkg/mod"]),
    habit(Manager::Maven, &["~/.m2"]),
    habit(Manager::Bundle, &["~/.bundle/cache", "/usr/local/bundle/cache"]),
    habit(Manager::Gradle, &["~/.gradle"]),
];

/// How many operations or commands of a script are looked at around one: no one writes more, and a
/// hostile script must not cost its square.
const REACH: usize = 200;

/// What the command leaves in its layer, if anything. Whether the layer ships is not asked.
pub fn left_by(facts: &Facts<'_>, view: &CommandView<'_>) -> Option<Leftover> {
    let packages = view.operations.iter().find_map(|operation| match operation {
        Operation::Packages(packages) => Some(packages),
        _ => None,
    })?;
    if packages.manager.is_apt() {
        return apt(facts, view, packages);
    }
    let habit = HABITS.iter().find(|h| h.manager == packages.manager)?;
    if packages.no_cache || !fills_cache(packages) || is_off(facts, view, habit) {
        return None;
    }
    if mounts_over(view.instruction, habit.folders) || is_cleaned(facts, view, packages.manager, habit.folders) {
        return None;
    }
    Some(Leftover {
        folder: habit.folders.first()?,
    })
}

fn fills_cache(packages: &Packages) -> bool {
    match packages.action {
        Action::Install => {
            !packages.packages.is_empty() || !packages.requirements.is_empty() || packages.group.is_some()
        }
        Action::InstallProject | Action::BuildDependencies | Action::Fetch => packages.manager != Manager::Pip,
        Action::Upgrade | Action::DistUpgrade => {
            matches!(
                packages.manager,
                Manager::Dnf | Manager::Microdnf | Manager::Yum | Manager::Zypper | Manager::Pacman
            )
        }
        _ => false,
    }
}

/// apt's lists come with `update`. Packages are removed after their installation by the official
/// images' own settings (`docker-clean`), unless the file takes those away.
fn apt(facts: &Facts<'_>, view: &CommandView<'_>, packages: &Packages) -> Option<Leftover> {
    const LISTS: &str = "/var/lib/apt/lists";
    const ARCHIVES: &str = "/var/cache/apt";
    if packages.action != Action::Update {
        return None;
    }
    let keeps_archives = || {
        let previous = view
            .instruction
            .index
            .checked_sub(1)
            .and_then(|i| facts.file().instructions.get(i));
        let texts = previous
            .into_iter()
            .chain([view.instruction])
            .map(|i| facts.file().source.slice(i.span));
        texts.into_iter().any(|text| text.contains("docker-clean"))
    };
    if mounts_over(view.instruction, &[LISTS]) {
        let kept = !mounts_over(view.instruction, &[ARCHIVES]) && keeps_archives();
        return kept.then_some(Leftover { folder: ARCHIVES });
    }
    let removed = later_operations(facts, view).any(|operation| match operation {
        Operation::Clean(clean) => clean.removes_apt_lists(),
        Operation::Packages(p) => {
            p.manager.is_apt()
                && p.action == Action::Clean
                && p.action_span
                    .is_some_and(|span| matches!(facts.file().source.slice(span), "distclean" | "dist-clean"))
        }
        _ => false,
    });
    (!removed).then_some(Leftover { folder: LISTS })
}

/// What the commands behind this one do, in the same script.
fn later_operations<'a>(facts: &'a Facts<'_>, view: &CommandView<'a>) -> impl Iterator<Item = &'a Operation> {
    let after = view.index + 1;
    facts
        .run(view.instruction)
        .into_iter()
        .flat_map(move |run| run.operations_from(after))
        .take(REACH)
}

fn is_cleaned(facts: &Facts<'_>, view: &CommandView<'_>, manager: Manager, folders: &[&str]) -> bool {
    later_operations(facts, view).any(|operation| match operation {
        Operation::Packages(p) => p.action == Action::Clean && same_cache(p.manager, manager),
        Operation::Clean(clean) => removes_one(clean, folders),
        _ => false,
    })
}

fn same_cache(one: Manager, other: Manager) -> bool {
    use Manager::*;
    let rpm = |m| matches!(m, Yum | Dnf | Microdnf);
    one == other || rpm(one) && rpm(other)
}

fn removes_one(clean: &Clean, folders: &[&str]) -> bool {
    folders
        .iter()
        .any(|folder| clean.removes(folder) || homes(folder).any(|f| clean.removes(&f)))
        || clean.paths.iter().any(|path| {
            // A cache's name inside a longer path: `$HOME/.cache/pip/http`, `/home/app/.npm/_cacache`.
            folders
                .iter()
                .any(|folder| folder.strip_prefix('~').is_some_and(|rest| path.text.contains(rest)))
        })
}

/// The folder with the homes that images have.
fn homes(folder: &str) -> impl Iterator<Item = String> {
    let rest = folder.strip_prefix('~').map(str::to_owned);
    ["/root", "~", "$HOME", "${HOME}"]
        .into_iter()
        .filter_map(move |home| rest.as_ref().map(|rest| format!("{home}{rest}")))
}

/// Whether a cache or tmpfs mount lies over one of the folders, or over a folder that holds it.
pub fn mounts_over(instruction: &Instruction, folders: &[&str]) -> bool {
    let Kind::Run { mounts, .. } = &instruction.kind else {
        return false;
    };
    mounts
        .iter()
        .filter(|m| matches!(m.kind.as_str(), "cache" | "tmpfs"))
        .filter_map(|m| m.target.as_ref())
        .any(|target| {
            let target = target.value.trim_matches(['"', '\'']).trim_end_matches('/');
            folders.iter().any(|folder| covers(target, folder))
        })
}

fn covers(target: &str, folder: &str) -> bool {
    match folder.strip_prefix('~') {
        // The home may be any user's: what lies below it tells.
        Some(rest) => {
            target.ends_with(rest)
                || target.contains(&format!("{rest}/"))
                || rest
                    .rfind('/')
                    .is_some_and(|at| at > 0 && target.ends_with(&rest[..at]))
        }
        None => lies_in(folder, target) || lies_in(target, folder),
    }
}

/// Whether a variable keeps the cache out: set before the command, in its script, or by ENV and ARG.
fn is_off(facts: &Facts<'_>, view: &CommandView<'_>, habit: &Habit) -> bool {
    habit.off.iter().any(|name| {
        let mut here = None;
        for command in view
            .script
            .commands
            .iter()
            .take(view.index + 1)
            .skip((view.index + 1).saturating_sub(REACH))
        {
            let exported = matches!(command.name.text.as_str(), "export" | "") || std::ptr::eq(command, view.command);
            for assignment in command.assignments.iter().filter(|a| exported && a.name == *name) {
                here = Some(assignment.value.as_ref().is_some_and(|v| is_true(&v.text)));
            }
        }
        here.unwrap_or_else(|| {
            let variable = facts.file().view_at(view.instruction.index).get(name);
            variable.is_some_and(|v| v.value.as_deref().is_none_or(is_true))
        })
    })
}

fn is_true(value: &str) -> bool {
    !matches!(
        value.trim_matches(['"', '\'']).to_ascii_lowercase().as_str(),
        "" | "0" | "no" | "off" | "false"
    )
}
