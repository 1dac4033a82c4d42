//! Reading a package manager's command line by its row in the table.

use super::FlagUse;
use super::managers::{self, Flag, Manager, Operands, Spec, Version};
use crate::shell::{Command, ShellWord};
use crate::source::Span;

/// What a package manager is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Installs the packages that are named, or listed in requirement files.
    Install,
    /// Installs what the project's manifest or lock file lists.
    InstallProject,
    /// Installs a compiler, interpreter or SDK.
    InstallToolchain,
    /// Installs what is needed to build a package from source.
    BuildDependencies,
    /// Fetches package lists.
    Update,
    /// Upgrades what is installed.
    Upgrade,
    /// Upgrades, and lets packages come and go.
    DistUpgrade,
    /// Uninstalls.
    Remove,
    /// Uninstalls what nothing needs.
    Autoremove,
    /// Removes caches.
    Clean,
    /// Adds a package source or key.
    AddRepository,
    /// Downloads packages without installing them.
    Fetch,
    /// Builds installed packages again.
    Rebuild,
    /// Links a package into another project.
    Link,
    /// Changes settings.
    Configure,
}

impl Action {
    /// Its name in kebab-case, as rules write it.
    pub fn name(self) -> &'static str {
        use Action::*;
        match self {
            Install => "install",
            InstallProject => "install-project",
            InstallToolchain => "install-toolchain",
            BuildDependencies => "build-dependencies",
            Update => "update",
            Upgrade => "upgrade",
            DistUpgrade => "dist-upgrade",
            Remove => "remove",
            Autoremove => "autoremove",
            Clean => "clean",
            AddRepository => "add-repository",
            Fetch => "fetch",
            Rebuild => "rebuild",
            Link => "link",
            Configure => "configure",
        }
    }
}

/// A package that is named on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The name, without version, extras and architecture; a path or URL where [`is_file`](Self::is_file).
    pub name: String,
    /// The version, constraint or tag.
    pub version: Option<String>,
    /// What stands between name and version: `=`, `==`, `>=`, `@`; empty for a version from a flag.
    pub operator: String,
    /// The whole word.
    pub span: Span,
    /// A local file or folder, or a URL.
    pub is_file: bool,
    /// The name comes from a variable or substitution, as far as it can be seen.
    pub is_variable: bool,
    /// The name is a pattern.
    pub is_pattern: bool,
    /// pip's `[extra,...]`.
    pub extras: Vec<String>,
}

/// A file that lists packages or limits their versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The path as written, quotes taken off.
    pub path: String,
    /// The word that holds it.
    pub span: Span,
    /// It only limits versions (`pip -c`).
    pub is_constraint: bool,
}

/// Which dependencies of a project are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Selection {
    /// The command does not say; the manager's default and its environment decide.
    #[default]
    Unsaid,
    /// Without development dependencies.
    Production,
    /// With development dependencies.
    Development,
}

/// What a command tells a package manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packages {
    /// The manager.
    pub manager: Manager,
    /// The word that names it, as it stands in the script (behind wrappers).
    pub program: Span,
    /// What it does.
    pub action: Action,
    /// The sub-command, where it has one.
    pub action_span: Option<Span>,
    /// Packages, in order.
    pub packages: Vec<Package>,
    /// Files that list packages.
    pub requirements: Vec<Requirement>,
    /// Flags, in order.
    pub flags: Vec<FlagUse>,
    /// Questions are answered with yes.
    pub assume_yes: bool,
    /// Recommended (weak) dependencies stay out.
    pub no_recommends: bool,
    /// Nothing is left in the manager's cache.
    pub no_cache: bool,
    /// Installed for all (`npm -g`, `composer global`).
    pub global: bool,
    /// The lock file, or hashes, must hold (`npm ci`, `--frozen-lockfile`, `--locked`).
    pub locked: bool,
    /// Which dependencies are wanted.
    pub selection: Selection,
    /// Release, channel, repository or index that is asked for.
    pub target: Option<String>,
    /// `apk --virtual`'s name.
    pub group: Option<String>,
}

impl Packages {
    /// Whether a flag is given, by any of these names.
    pub fn has_flag(&self, names: &[&str]) -> bool {
        self.flags.iter().any(|flag| names.contains(&flag.name.as_str()))
    }

    /// Whether packages come into the image: named ones, or a project's.
    pub fn installs(&self) -> bool {
        use Action::*;
        matches!(
            self.action,
            Install | InstallProject | InstallToolchain | BuildDependencies
        )
    }
}

/// Reads a command, if its program is a package manager and it does something known.
pub(super) fn read(program: &str, words: &[ShellWord], command: &Command) -> Option<Packages> {
    let span = command.effective().name.span;
    if program == "R" || program == "Rscript" {
        return read_r(words, span);
    }
    if program.starts_with("python") || program == "py" || program == "pypy3" {
        let at = words
            .iter()
            .position(|w| !w.is_flag() || matches!(w.text.as_str(), "-m" | "-Im" | "-um"))?;
        let (flag, rest) = words.get(at..)?.split_first()?;
        let (module, rest) = rest.split_first()?;
        if !flag.is_flag() {
            return None;
        }
        let spec = managers::of_program(&module.text)?;
        return Reader::new(spec, span, command).read(rest);
    }
    Reader::new(managers::of_program(program)?, span, command).read(words)
}

struct Reader {
    spec: &'static Spec,
    out: Packages,
    /// Actions of flags: pacman's `-S`.
    flag_actions: Vec<Action>,
    action: Option<Action>,
    /// `--version`'s value.
    version: Option<String>,
}

impl Reader {
    fn new(spec: &'static Spec, program: Span, command: &Command) -> Self {
        let mut selection = Selection::Unsaid;
        let mut no_cache = false;
        for assignment in &command.assignments {
            let value = assignment.value.as_ref().map_or("", |v| v.text.as_str());
            match assignment.name.as_str() {
                "NODE_ENV" if value == "production" => selection = Selection::Production,
                "NODE_ENV" | "BUNDLE_WITH" if value.contains("dev") => selection = Selection::Development,
                "COMPOSER_NO_DEV" if value == "1" => selection = Selection::Production,
                "BUNDLE_WITHOUT" if value.contains("dev") => selection = Selection::Production,
                "PIP_NO_CACHE_DIR" | "UV_NO_CACHE" if !matches!(value, "" | "0" | "false") => no_cache = true,
                _ => {}
            }
        }
        Reader {
            spec,
            out: Packages {
                manager: spec.manager,
                program,
                action: Action::Install,
                action_span: None,
                packages: Vec::new(),
                requirements: Vec::new(),
                flags: Vec::new(),
                assume_yes: false,
                no_recommends: false,
                no_cache,
                global: false,
                locked: false,
                selection,
                target: None,
                group: None,
            },
            flag_actions: Vec::new(),
            action: None,
            version: None,
        }
    }

    fn read(mut self, words: &[ShellWord]) -> Option<Packages> {
        let mut i = 0;
        let mut only_operands = false;
        while let Some(word) = words.get(i) {
            i += 1;
            if word.text == "--" && !only_operands {
                only_operands = true;
            } else if word.is_flag() && !only_operands {
                if self.flag(word, words.get(i)) {
                    i += 1;
                }
            } else if !self.operand(word, words.get(i), &mut i) {
                return None;
            }
        }
        self.finish()
    }

    /// Takes a word that is no flag; false where the command is none that is known.
    fn operand(&mut self, word: &ShellWord, next: Option<&ShellWord>, i: &mut usize) -> bool {
        let wants_action = match self.spec.operands {
            Operands::Flags => false,
            Operands::Goals => true,
            _ => self.action.is_none(),
        };
        if wants_action && let Some((action, two)) = self.sub_command(&word.text, next) {
            if self.spec.operands != Operands::Goals || self.action.is_none() {
                self.action = Some(action);
                let end = next.filter(|_| two).unwrap_or(word).span;
                self.out.action_span = Some(word.span.to(end));
                self.out.global |= word.text == "global";
                self.out.locked |= matches!(word.text.as_str(), "ci" | "clean-install" | "install-clean");
            }
            *i += usize::from(two);
            return true;
        }
        match self.spec.operands {
            Operands::Goals => true,
            Operands::SubCommand if self.action.is_none() => false,
            _ => {
                self.package(word);
                true
            }
        }
    }

    fn sub_command(&self, text: &str, next: Option<&ShellWord>) -> Option<(Action, bool)> {
        let mut one = None;
        for &(name, action) in self.spec.actions {
            match name.split_once(' ') {
                Some((first, second)) if first == text && next.is_some_and(|n| n.text == second) => {
                    return Some((action, true));
                }
                Some(_) => {}
                None if name == text && one.is_none() => one = Some((action, false)),
                None => {}
            }
        }
        one
    }

    /// Takes a flag; whether the next word is its value.
    fn flag(&mut self, word: &ShellWord, next: Option<&ShellWord>) -> bool {
        let text = word.text.as_str();
        if let Some((name, value)) = text.split_once('=')
            && (text.starts_with("--") || self.meaning(name).is_some())
        {
            self.note(name, Some(value), word, word);
            return false;
        }
        let exact = self.meaning(text);
        if exact.is_some() || text.starts_with("--") || !self.spec.clusters {
            let takes = exact.is_some_and(|flag| self.takes_value(flag)) && next.is_some();
            let value = next.filter(|_| takes);
            self.note(text, value.map(|v| v.text.as_str()), word, value.unwrap_or(word));
            return takes;
        }
        for (at, letter) in text.char_indices().skip(1) {
            let mut buffer = [b'-', 0, 0, 0, 0];
            let length = letter.encode_utf8(&mut buffer[1..]).len();
            let Ok(name) = std::str::from_utf8(&buffer[..=length]) else {
                continue;
            };
            if self.meaning(name).is_some_and(|flag| self.takes_value(flag)) {
                let rest = text.get(at + letter.len_utf8()..).unwrap_or_default();
                if rest.is_empty() {
                    self.note(name, next.map(|n| n.text.as_str()), word, next.unwrap_or(word));
                    return next.is_some();
                }
                self.note(name, Some(rest.trim_start_matches('=')), word, word);
                return false;
            }
            self.note(name, None, word, word);
        }
        false
    }

    fn meaning(&self, name: &str) -> Option<Flag> {
        self.spec
            .flags
            .iter()
            .find(|(flag, _)| *flag == name)
            .map(|&(_, meaning)| meaning)
    }

    /// Whether a flag has a value. `conda clean -afy` forces and takes no file.
    fn takes_value(&self, flag: Flag) -> bool {
        takes_value(flag) && !(flag == Flag::Requirements && self.action == Some(Action::Clean))
    }

    /// Notes a flag and what it says; `holder` is the word that holds the value.
    fn note(&mut self, name: &str, value: Option<&str>, word: &ShellWord, holder: &ShellWord) {
        let text = value.unwrap_or_default();
        let out = &mut self.out;
        let disabled = matches!(text, "false" | "0" | "no");
        match self.spec.flags.iter().find(|(flag, _)| *flag == name).map(|f| f.1) {
            Some(Flag::Yes) if !disabled => out.assume_yes = true,
            Some(Flag::NoRecommends) => out.no_recommends = true,
            Some(Flag::NoCache) => out.no_cache = !disabled,
            Some(Flag::Target) => out.target = value.map(str::to_owned),
            Some(Flag::Requirements | Flag::Constraints) if value.is_some() => {
                let is_constraint = self.meaning(name) == Some(Flag::Constraints);
                let path = text.to_owned();
                self.out.requirements.push(Requirement {
                    path,
                    span: holder.span,
                    is_constraint,
                });
            }
            Some(Flag::Production) => {
                out.selection = if disabled {
                    Selection::Development
                } else {
                    Selection::Production
                };
            }
            Some(Flag::Without) if text.contains("dev") || text.contains("test") => {
                out.selection = Selection::Production;
            }
            Some(Flag::Only) if text.contains("dev") => out.selection = Selection::Development,
            Some(Flag::Only) if matches!(text, "prod" | "production" | "main" | "default") => {
                out.selection = Selection::Production;
            }
            Some(Flag::Development) => out.selection = Selection::Development,
            Some(Flag::Global) => out.global = true,
            Some(Flag::Locked) => out.locked = !disabled,
            Some(Flag::Version) => self.version = value.map(str::to_owned),
            Some(Flag::Group) => out.group = value.map(str::to_owned),
            Some(Flag::Action(action)) => self.flag_actions.push(action),
            Some(Flag::Package) if value.is_some() => {
                let package = package(self.spec, text, holder);
                out.packages.push(package);
            }
            Some(Flag::Value) => note_setting(out, name, text),
            _ => {}
        }
        let value = value.map(str::to_owned);
        self.out.flags.push(FlagUse {
            name: name.to_owned(),
            value,
            span: word.span.to(holder.span),
        });
    }

    fn package(&mut self, word: &ShellWord) {
        let text = word.text.as_str();
        let lists = [".txt", ".in", ".yml", ".yaml", ".toml", ".lock"];
        // `flufl.lock` is a package; a list of pip's stands behind `-r`.
        let is_name = self.out.manager == Manager::Pip && text.ends_with(".lock") && !text.contains('/');
        if !is_name
            && lists.iter().any(|suffix| text.ends_with(suffix))
            && !text.contains("://")
            && !self.out.manager.is_system()
        {
            let path = text.to_owned();
            self.out.requirements.push(Requirement {
                path,
                span: word.span,
                is_constraint: false,
            });
            return;
        }
        let package = package(self.spec, text, word);
        self.out.packages.push(package);
    }

    fn finish(mut self) -> Option<Packages> {
        let has_packages = !self.out.packages.is_empty();
        let mut action = match self.spec.operands {
            Operands::Flags => flag_action(&self.flag_actions, has_packages)?,
            // `yarn --version` is no `yarn`.
            _ if self.action.is_none() && self.out.has_flag(&["--version", "-v", "-V", "--help", "-h"]) => {
                return None;
            }
            _ => self.action.or(self.spec.default)?,
        };
        use Manager::*;
        let project = matches!(self.out.manager, Npm | Pnpm | Bun | Pipenv | Bower | Yarn);
        if action == Action::Install && project && !has_packages && !self.out.global && self.out.requirements.is_empty()
        {
            action = Action::InstallProject;
        }
        // `cpanm --installdeps .`, `cargo install` and such with nothing to install are no operation.
        if self.spec.operands == Operands::Bare && !has_packages && self.out.requirements.is_empty() {
            return None;
        }
        if let (Some(version), [package]) = (self.version.take(), self.out.packages.as_mut_slice())
            && package.version.is_none()
        {
            package.version = Some(version);
        }
        // Words behind these are settings and groups (`bundle install --without a b`), no packages.
        if matches!(action, Action::Configure | Action::Clean) || self.out.manager == Bundle {
            self.out.packages.clear();
        }
        // Two of them are `-qq`, which answers questions with yes.
        if self.out.manager.is_apt() {
            let quiet = |f: &&FlagUse| matches!(f.name.as_str(), "-q" | "--quiet");
            let twice = self
                .out
                .flags
                .iter()
                .filter(quiet)
                .any(|f| f.value.as_deref() == Some("2"));
            self.out.assume_yes |= twice || self.out.flags.iter().filter(quiet).count() > 1;
        }
        self.out.action = action;
        Some(self.out)
    }
}

/// Settings given as a value: `-o APT::Install-Recommends=false`, `--setopt=install_weak_deps=0`.
fn note_setting(out: &mut Packages, name: &str, value: &str) {
    let Some((key, setting)) = value.split_once('=') else {
        if name == "--location" && value == "global" {
            out.global = true;
        }
        if name == "--include" && value == "dev" {
            out.selection = Selection::Development;
        }
        return;
    };
    let setting = setting.trim_matches('"');
    let off = ["false", "0", "no"]
        .iter()
        .any(|word| setting.eq_ignore_ascii_case(word));
    if key.eq_ignore_ascii_case("APT::Install-Recommends") || key.eq_ignore_ascii_case("install_weak_deps") {
        out.no_recommends = off;
    } else if key.eq_ignore_ascii_case("APT::Get::Assume-Yes") {
        out.assume_yes = !off;
    } else if key.eq_ignore_ascii_case("keepcache") {
        out.no_cache = off;
    }
}

/// What several flags come to: `pacman -Syu x` installs, `pacman -Sy` fetches lists.
fn flag_action(actions: &[Action], has_packages: bool) -> Option<Action> {
    let has = |action| actions.contains(&action);
    [Action::Remove, Action::Clean, Action::AddRepository]
        .into_iter()
        .find(|&a| has(a))
        .or_else(|| {
            if has_packages {
                return actions.first().copied();
            }
            [Action::Upgrade, Action::Update]
                .into_iter()
                .find(|&a| has(a))
                .or(actions.first().copied())
        })
}

fn takes_value(flag: Flag) -> bool {
    matches!(
        flag,
        Flag::Value
            | Flag::Target
            | Flag::Requirements
            | Flag::Constraints
            | Flag::Without
            | Flag::Only
            | Flag::Version
            | Flag::Group
            | Flag::Package
    )
}

/// Takes a package's word apart.
fn package(spec: &Spec, text: &str, word: &ShellWord) -> Package {
    let mut package = Package {
        name: text.to_owned(),
        version: None,
        operator: String::new(),
        span: word.span,
        is_file: is_file(spec, text),
        is_variable: false,
        is_pattern: false,
        extras: Vec::new(),
    };
    if !package.is_file {
        if let Some((name_end, operator, version)) = version(spec.version, text) {
            package.name = text.get(..name_end).unwrap_or(text).trim_end().to_owned();
            package.operator = operator.to_owned();
            package.version = text.get(version..).map(|v| v.trim().to_owned());
        }
        if spec.manager.is_apt()
            && let Some((name, _architecture)) = package.name.split_once(':')
        {
            package.name = name.to_owned();
        }
        if spec.version == managers::PIP_VERSION
            && let Some((name, extras)) = package.name.split_once('[')
        {
            package.extras = extras
                .trim_end_matches(']')
                .split(',')
                .map(|e| e.trim().to_owned())
                .collect();
            package.name = name.to_owned();
        }
    }
    package.is_variable = word.expands && package.name.contains(['$', '`']);
    package.is_pattern = !word.literal && !word.expands && package.name.contains(['*', '?', '[', '{']);
    package
}

fn is_file(spec: &Spec, text: &str) -> bool {
    text.starts_with(['/', '~'])
        // `.`, `./x`, `../x`, pip's `.[extra]`; but apk's `.build-deps` is a name.
        || text.strip_prefix('.').is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '.', '[']))
        || text.starts_with("file:")
        || text.starts_with("git+")
        || text.contains("://") && !text.contains(" @ ")
        || spec.files.iter().any(|suffix| text.ends_with(suffix))
        || spec.manager != Manager::Go && spec.manager != Manager::Cargo && text.ends_with('/')
}

/// Where the name ends, the operator, and where the version begins.
fn version(form: Version, text: &str) -> Option<(usize, &str, usize)> {
    let bytes = text.as_bytes();
    if let Some(at) = text.find(" @ ") {
        return Some((at, "@", at + 3));
    }
    match form {
        Version::None => None,
        Version::At => {
            let at = text.rfind('@').filter(|&at| at > 0)?;
            Some((at, "@", at + 1))
        }
        Version::Dash => {
            // A name may hold `-1.8.0-` itself (`java-1.8.0-openjdk`): nothing but numbers may follow.
            let starts = |at: usize| bytes.get(at + 1).is_some_and(|b| b.is_ascii_digit() || *b == b'$');
            let last_name = (0..bytes.len()).rev().find(|&at| bytes[at] == b'-' && !starts(at));
            let from = last_name.map_or(0, |at| at + 1);
            let at = (from..bytes.len()).find(|&at| bytes[at] == b'-' && at > 0 && starts(at))?;
            Some((at, "-", at + 1))
        }
        Version::Operators(operators) => {
            let mut at = 0;
            while at < bytes.len() {
                if text.get(at..).is_some_and(|t| t.starts_with("${")) {
                    at += bytes.get(at..)?.iter().position(|&b| b == b'}')?;
                } else if bytes[at] == b'$' && bytes.get(at + 1) == Some(&b'(') || bytes[at] == b'`' {
                    return None;
                } else if at > 0
                    && let Some(operator) = operators
                        .iter()
                        .find(|o| bytes.get(at..).is_some_and(|b| b.starts_with(o.as_bytes())))
                {
                    return Some((at, operator, at + operator.len()));
                }
                at += 1;
            }
            None
        }
    }
}

/// `R -e "install.packages(c('a', 'b'))"`.
fn read_r(words: &[ShellWord], program: Span) -> Option<Packages> {
    let script = words.iter().skip_while(|w| w.text != "-e").nth(1)?;
    let call = ["install.packages(", "install_github(", "BiocManager::install("]
        .iter()
        .find_map(|call| script.text.find(call).map(|at| at + call.len()))?;
    let argument = script.text.get(call..)?;
    let end = match argument.trim_start().starts_with("c(") {
        true => argument.find(')')?,
        false => argument.find([',', ')'])?,
    };
    // Where quotes are all that was taken off, the text lies one byte behind the word's start.
    let exact = script.span.len() == script.text.len() + 2;
    let mut packages = Vec::new();
    let mut from = 0;
    let argument = argument.get(..end)?;
    while let Some(open) = argument.get(from..).and_then(|a| a.find(['"', '\''])) {
        let start = from + open + 1;
        let Some(length) = argument.get(start..).and_then(|a| a.find(['"', '\''])) else {
            break;
        };
        let at = script.span.start + 1 + call + start;
        packages.push(Package {
            name: argument.get(start..start + length)?.to_owned(),
            version: None,
            operator: String::new(),
            span: if exact { Span::new(at, at + length) } else { script.span },
            is_file: false,
            is_variable: false,
            is_pattern: false,
            extras: Vec::new(),
        });
        from = start + length + 1;
    }
    Some(Packages {
        manager: Manager::R,
        program,
        action: Action::Install,
        action_span: None,
        packages,
        requirements: Vec::new(),
        flags: Vec::new(),
        assume_yes: true,
        no_recommends: false,
        no_cache: false,
        global: true,
        locked: false,
        selection: Selection::Unsaid,
        target: None,
        group: None,
    })
}
