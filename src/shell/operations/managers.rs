//! The package managers, as data: their names, sub-commands, flags, and how versions are written.

mod languages;
mod node;
mod python;
mod system;

pub(super) use python::PIP_VERSION;

use super::packages::Action;

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Manager {
    AptGet,
    Apt,
    Aptitude,
    Dpkg,
    Apk,
    Yum,
    Dnf,
    Microdnf,
    Zypper,
    Rpm,
    Pacman,
    Pip,
    Pipx,
    Uv,
    Poetry,
    Pipenv,
    Pdm,
    Conda,
    EasyInstall,
    Npm,
    Yarn,
    Pnpm,
    Bun,
    Corepack,
    Bower,
    Gem,
    Bundle,
    Composer,
    Pecl,
    DockerPhpExt,
    Go,
    Cargo,
    Rustup,
    Maven,
    Gradle,
    Sbt,
    Dotnet,
    NuGet,
    Cpan,
    Luarocks,
    R,
    Opam,
    Mix,
    Stack,
    Cabal,
    Brew,
}

impl Manager {
    /// The name of the program, without a version: `pip` for `pip3`.
    pub fn name(self) -> &'static str {
        table()
            .find(|spec| spec.manager == self)
            .map_or("", |spec| spec.names[0])
    }

    /// Whether it installs packages of the distribution.
    pub fn is_system(self) -> bool {
        use Manager::*;
        matches!(
            self,
            AptGet | Apt | Aptitude | Dpkg | Apk | Yum | Dnf | Microdnf | Zypper | Rpm | Pacman
        )
    }

    /// Whether it works on Debian's package lists and cache.
    pub fn is_apt(self) -> bool {
        matches!(self, Manager::AptGet | Manager::Apt | Manager::Aptitude)
    }
}

/// What a flag means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    /// Takes a value that matters to no one here.
    Value,
    /// Answers yes to questions.
    Yes,
    /// Leaves recommended (weak) dependencies out.
    NoRecommends,
    /// Keeps no cache.
    NoCache,
    /// A release, channel, repository or index: takes a value.
    Target,
    /// A file that lists packages: takes a value.
    Requirements,
    /// A file that limits versions: takes a value.
    Constraints,
    /// Development dependencies stay out.
    Production,
    /// A list of groups to leave out, or to take: takes a value.
    Without,
    Only,
    /// Development dependencies come in.
    Development,
    /// For the whole system, not one project.
    Global,
    /// Respects the lock file.
    Locked,
    /// The version of the one package: takes a value.
    Version,
    /// A named group of packages (`apk --virtual`): takes a value.
    Group,
    /// The action becomes this one: pacman's `-S`.
    Action(Action),
    /// A package in the flag's value: `pip install -e .`.
    Package,
}

/// How a version is written behind a package's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Not at all.
    None,
    /// The first of these that occurs; longer ones stand before their prefixes.
    Operators(&'static [&'static str]),
    /// `@` that is not the first byte.
    At,
    /// `name-1.2-3`: the first `-` that a digit follows.
    Dash,
}

/// A package manager's command line.
pub(super) struct Spec {
    pub manager: Manager,
    pub names: &'static [&'static str],
    /// Sub-commands of one or two words, longest first where one begins another.
    pub actions: &'static [(&'static str, Action)],
    /// What it does without a sub-command.
    pub default: Option<Action>,
    pub flags: &'static [(&'static str, Flag)],
    pub version: Version,
    /// Endings of package files.
    pub files: &'static [&'static str],
    /// `-qy` is `-q -y`.
    pub clusters: bool,
    pub operands: Operands,
}

/// What the words that are no flags are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operands {
    /// A sub-command, then packages.
    SubCommand,
    /// Packages, behind a sub-command or not.
    Bare,
    /// Packages; a flag says what becomes of them.
    Flags,
    /// Goals, of which some fetch packages.
    Goals,
}

const fn spec(manager: Manager, names: &'static [&'static str], actions: &'static [(&'static str, Action)]) -> Spec {
    Spec {
        manager,
        names,
        actions,
        default: None,
        flags: &[],
        version: Version::None,
        files: &[],
        clusters: false,
        operands: Operands::SubCommand,
    }
}

/// All managers.
pub(super) fn table() -> impl Iterator<Item = &'static Spec> {
    [system::SPECS, python::SPECS, node::SPECS, languages::SPECS]
        .into_iter()
        .flatten()
}

/// The manager that a program is: `pip3.11` is pip.
pub(super) fn of_program(program: &str) -> Option<&'static Spec> {
    // Most commands are no package manager; the first byte tells most of them apart cheaply.
    let first = program.bytes().next()?;
    let stem = if program.starts_with("pip") || program.starts_with("easy_install") {
        program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-')
    } else {
        program
    };
    table().find(|spec| {
        spec.names
            .iter()
            .any(|name| name.as_bytes().first() == Some(&first) && *name == stem)
    })
}
