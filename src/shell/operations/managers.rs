//! The package managers, as data: their names, sub-commands, flags, and how versions are written.

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
            .iter()
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

use Action::*;
use Manager::*;

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

const APT_ACTIONS: &[(&str, Action)] = &[
    ("install", Install),
    ("reinstall", Install),
    ("update", Update),
    ("upgrade", Upgrade),
    ("safe-upgrade", Upgrade),
    ("dist-upgrade", DistUpgrade),
    ("full-upgrade", DistUpgrade),
    ("remove", Remove),
    ("purge", Remove),
    ("autoremove", Autoremove),
    ("autopurge", Autoremove),
    ("clean", Clean),
    ("autoclean", Clean),
    ("auto-clean", Clean),
    ("distclean", Clean),
    ("build-dep", BuildDependencies),
    ("source", Fetch),
    ("download", Fetch),
];

const APT_FLAGS: &[(&str, Flag)] = &[
    ("-y", Flag::Yes),
    ("--yes", Flag::Yes),
    ("--assume-yes", Flag::Yes),
    ("-qq", Flag::Yes),
    ("--force-yes", Flag::Yes),
    ("--no-install-recommends", Flag::NoRecommends),
    ("--without-recommends", Flag::NoRecommends),
    ("-R", Flag::NoRecommends),
    ("-t", Flag::Target),
    ("--target-release", Flag::Target),
    ("--default-release", Flag::Target),
    ("-o", Flag::Value),
    ("--option", Flag::Value),
    ("-c", Flag::Value),
    ("--config-file", Flag::Value),
    ("-a", Flag::Value),
    ("--host-architecture", Flag::Value),
];

const RPM_ACTIONS: &[(&str, Action)] = &[
    ("module install", Install),
    ("group install", Install),
    ("install", Install),
    ("localinstall", Install),
    ("reinstall", Install),
    ("groupinstall", Install),
    ("install-n", Install),
    ("swap", Install),
    ("makecache", Update),
    ("check-update", Update),
    ("update", Upgrade),
    ("upgrade", Upgrade),
    ("update-minimal", Upgrade),
    ("upgrade-minimal", Upgrade),
    ("distro-sync", DistUpgrade),
    ("remove", Remove),
    ("erase", Remove),
    ("groupremove", Remove),
    ("autoremove", Autoremove),
    ("clean", Clean),
    ("config-manager", AddRepository),
    ("copr enable", AddRepository),
    ("builddep", BuildDependencies),
    ("build-dep", BuildDependencies),
    ("download", Fetch),
];

const RPM_FLAGS: &[(&str, Flag)] = &[
    ("-y", Flag::Yes),
    ("--assumeyes", Flag::Yes),
    ("--enablerepo", Flag::Target),
    ("--disablerepo", Flag::Value),
    ("--repo", Flag::Target),
    ("--repoid", Flag::Target),
    ("--releasever", Flag::Target),
    ("--installroot", Flag::Value),
    ("--setopt", Flag::Value),
    ("-c", Flag::Value),
    ("--config", Flag::Value),
    ("-x", Flag::Value),
    ("--exclude", Flag::Value),
    ("-d", Flag::Value),
    ("-e", Flag::Value),
    ("-R", Flag::Value),
];

const PIP_FLAGS: &[(&str, Flag)] = &[
    ("-r", Flag::Requirements),
    ("--requirement", Flag::Requirements),
    ("--requirements", Flag::Requirements),
    ("-c", Flag::Constraints),
    ("--constraint", Flag::Constraints),
    ("--constraints", Flag::Constraints),
    ("-e", Flag::Package),
    ("--editable", Flag::Package),
    ("-y", Flag::Yes),
    ("--yes", Flag::Yes),
    ("--no-cache-dir", Flag::NoCache),
    ("--no-cache", Flag::NoCache),
    ("-n", Flag::NoCache),
    ("--require-hashes", Flag::Locked),
    ("--system", Flag::Global),
    ("-i", Flag::Target),
    ("--index-url", Flag::Target),
    ("--default-index", Flag::Target),
    ("--extra-index-url", Flag::Target),
    ("--index", Flag::Target),
    ("-f", Flag::Value),
    ("--find-links", Flag::Value),
    ("--trusted-host", Flag::Value),
    ("-t", Flag::Value),
    ("--target", Flag::Value),
    ("-d", Flag::Value),
    ("--dest", Flag::Value),
    ("--prefix", Flag::Value),
    ("--root", Flag::Value),
    ("--src", Flag::Value),
    ("--platform", Flag::Value),
    ("--python-version", Flag::Value),
    ("--python", Flag::Value),
    ("-p", Flag::Value),
    ("--implementation", Flag::Value),
    ("--abi", Flag::Value),
    ("--upgrade-strategy", Flag::Value),
    ("--no-binary", Flag::Value),
    ("--only-binary", Flag::Value),
    ("--install-option", Flag::Value),
    ("--global-option", Flag::Value),
    ("-C", Flag::Value),
    ("--config-settings", Flag::Value),
    ("--progress-bar", Flag::Value),
    ("--cache-dir", Flag::Value),
    ("--timeout", Flag::Value),
    ("--default-timeout", Flag::Value),
    ("--retries", Flag::Value),
    ("--proxy", Flag::Value),
    ("--cert", Flag::Value),
    ("--log", Flag::Value),
    ("--use-feature", Flag::Value),
    ("--use-deprecated", Flag::Value),
    ("--root-user-action", Flag::Value),
    ("-w", Flag::Value),
    ("--wheel-dir", Flag::Value),
    ("--torch-backend", Flag::Value),
    ("--link-mode", Flag::Value),
    ("--index-strategy", Flag::Value),
    ("--no-dev", Flag::Production),
    ("--frozen", Flag::Locked),
    ("--locked", Flag::Locked),
    ("--group", Flag::Value),
    ("--no-group", Flag::Without),
    ("--only-group", Flag::Only),
    ("--extra", Flag::Value),
    ("--package", Flag::Value),
    ("--dev", Flag::Development),
    ("--with", Flag::Value),
];

pub(super) const PIP_VERSION: Version = Version::Operators(&["===", "==", ">=", "<=", "~=", "!=", ">", "<", "="]);
const PYTHON_FILES: &[&str] = &[".whl", ".tar.gz", ".zip", ".tar.bz2"];

const NPM_ACTIONS: &[(&str, Action)] = &[
    ("install-clean", Install),
    ("clean-install", Install),
    ("ci", Install),
    ("install", Install),
    ("i", Install),
    ("in", Install),
    ("add", Install),
    ("isntall", Install),
    ("install-test", Install),
    ("update", Upgrade),
    ("upgrade", Upgrade),
    ("up", Upgrade),
    ("uninstall", Remove),
    ("remove", Remove),
    ("rm", Remove),
    ("un", Remove),
    ("prune", Autoremove),
    ("cache clean", Clean),
    ("cache clear", Clean),
    ("rebuild", Rebuild),
    ("link", Link),
    ("store prune", Clean),
    ("cache delete", Clean),
    ("fetch", Fetch),
    ("config", Configure),
    ("set", Configure),
    ("deploy", Install),
];

const NPM_FLAGS: &[(&str, Flag)] = &[
    ("-g", Flag::Global),
    ("--global", Flag::Global),
    ("--location", Flag::Value),
    ("--production", Flag::Production),
    ("--prod", Flag::Production),
    ("-P", Flag::Production),
    ("--omit", Flag::Without),
    ("--only", Flag::Only),
    ("--include", Flag::Value),
    ("-D", Flag::Development),
    ("--save-dev", Flag::Development),
    ("--dev", Flag::Development),
    ("--frozen-lockfile", Flag::Locked),
    ("--immutable", Flag::Locked),
    ("--registry", Flag::Target),
    ("--prefix", Flag::Value),
    ("-C", Flag::Value),
    ("--dir", Flag::Value),
    ("--cwd", Flag::Value),
    ("--cache", Flag::Value),
    ("--cache-folder", Flag::Value),
    ("--loglevel", Flag::Value),
    ("--modules-folder", Flag::Value),
    ("--network-timeout", Flag::Value),
    ("--mutex", Flag::Value),
    ("--workspace", Flag::Value),
    ("-w", Flag::Value),
    ("--filter", Flag::Value),
    ("-F", Flag::Value),
    ("--store-dir", Flag::Value),
    ("--fetch-timeout", Flag::Value),
    ("--fetch-retries", Flag::Value),
    ("--maxsockets", Flag::Value),
    ("--no-cache", Flag::NoCache),
    ("-y", Flag::Yes),
    ("--yes", Flag::Yes),
];

const NODE_FILES: &[&str] = &[".tgz", ".tar.gz"];

static SPECS: &[Spec] = &[
    Spec {
        flags: APT_FLAGS,
        version: Version::Operators(&["=", "/"]),
        files: &[".deb"],
        clusters: true,
        ..spec(AptGet, &["apt-get"], APT_ACTIONS)
    },
    Spec {
        flags: APT_FLAGS,
        version: Version::Operators(&["=", "/"]),
        files: &[".deb"],
        clusters: true,
        ..spec(Apt, &["apt"], APT_ACTIONS)
    },
    Spec {
        flags: APT_FLAGS,
        version: Version::Operators(&["=", "/"]),
        files: &[".deb"],
        clusters: true,
        ..spec(Aptitude, &["aptitude"], APT_ACTIONS)
    },
    Spec {
        flags: &[
            ("-i", Flag::Action(Install)),
            ("--install", Flag::Action(Install)),
            ("--unpack", Flag::Action(Install)),
            ("-r", Flag::Action(Remove)),
            ("--remove", Flag::Action(Remove)),
            ("-P", Flag::Action(Remove)),
            ("--purge", Flag::Action(Remove)),
        ],
        files: &[".deb"],
        operands: Operands::Flags,
        clusters: true,
        ..spec(Dpkg, &["dpkg"], &[])
    },
    Spec {
        flags: &[
            ("--no-cache", Flag::NoCache),
            ("-t", Flag::Group),
            ("--virtual", Flag::Group),
            ("-X", Flag::Target),
            ("--repository", Flag::Target),
            ("-p", Flag::Value),
            ("--root", Flag::Value),
            ("--arch", Flag::Value),
            ("--keys-dir", Flag::Value),
            ("--repositories-file", Flag::Value),
            ("--cache-dir", Flag::Value),
            ("--cache-max-age", Flag::Value),
            ("--wait", Flag::Value),
        ],
        version: Version::Operators(&["==", "~=", ">=", "<=", "=~", "=", "~", ">", "<", "@"]),
        files: &[".apk"],
        clusters: true,
        ..spec(
            Apk,
            &["apk"],
            &[
                ("add", Install),
                ("update", Update),
                ("upgrade", Upgrade),
                ("del", Remove),
                ("cache clean", Clean),
                ("cache purge", Clean),
                ("fetch", Fetch),
                ("fix", Install),
            ],
        )
    },
    Spec {
        flags: RPM_FLAGS,
        version: Version::Dash,
        files: &[".rpm"],
        clusters: true,
        ..spec(Yum, &["yum"], RPM_ACTIONS)
    },
    Spec {
        flags: RPM_FLAGS,
        version: Version::Dash,
        files: &[".rpm"],
        clusters: true,
        ..spec(Dnf, &["dnf", "dnf5", "tdnf"], RPM_ACTIONS)
    },
    Spec {
        flags: RPM_FLAGS,
        version: Version::Dash,
        files: &[".rpm"],
        clusters: true,
        ..spec(Microdnf, &["microdnf"], RPM_ACTIONS)
    },
    Spec {
        flags: &[
            ("-y", Flag::Yes),
            ("--no-confirm", Flag::Yes),
            ("-n", Flag::Yes),
            ("--non-interactive", Flag::Yes),
            ("--no-recommends", Flag::NoRecommends),
            ("-r", Flag::Target),
            ("--repo", Flag::Target),
            ("--from", Flag::Target),
            ("-t", Flag::Value),
            ("--type", Flag::Value),
            ("-R", Flag::Value),
            ("--root", Flag::Value),
            ("-p", Flag::Value),
        ],
        version: Version::Operators(&[">=", "<=", "=", ">", "<"]),
        files: &[".rpm"],
        clusters: true,
        ..spec(
            Zypper,
            &["zypper"],
            &[
                ("install", Install),
                ("in", Install),
                ("refresh", Update),
                ("ref", Update),
                ("update", Upgrade),
                ("up", Upgrade),
                ("patch", Upgrade),
                ("dist-upgrade", DistUpgrade),
                ("dup", DistUpgrade),
                ("remove", Remove),
                ("rm", Remove),
                ("clean", Clean),
                ("cc", Clean),
                ("addrepo", AddRepository),
                ("ar", AddRepository),
                ("source-install", BuildDependencies),
                ("si", BuildDependencies),
            ],
        )
    },
    Spec {
        flags: &[
            ("-i", Flag::Action(Install)),
            ("-U", Flag::Action(Install)),
            ("-F", Flag::Action(Install)),
            ("--install", Flag::Action(Install)),
            ("--upgrade", Flag::Action(Install)),
            ("-e", Flag::Action(Remove)),
            ("--erase", Flag::Action(Remove)),
            ("--import", Flag::Action(AddRepository)),
            ("--root", Flag::Value),
        ],
        version: Version::Dash,
        files: &[".rpm"],
        clusters: true,
        operands: Operands::Flags,
        ..spec(Rpm, &["rpm"], &[])
    },
    Spec {
        flags: &[
            ("-S", Flag::Action(Install)),
            ("--sync", Flag::Action(Install)),
            ("-U", Flag::Action(Install)),
            ("-R", Flag::Action(Remove)),
            ("--remove", Flag::Action(Remove)),
            ("-u", Flag::Action(Upgrade)),
            ("--sysupgrade", Flag::Action(Upgrade)),
            ("-y", Flag::Action(Update)),
            ("--refresh", Flag::Action(Update)),
            ("-c", Flag::Action(Clean)),
            ("--clean", Flag::Action(Clean)),
            ("--noconfirm", Flag::Yes),
            ("-r", Flag::Value),
            ("--root", Flag::Value),
            ("--ignore", Flag::Value),
        ],
        version: Version::Operators(&["="]),
        files: &[".pkg.tar.zst", ".pkg.tar.xz"],
        clusters: true,
        operands: Operands::Flags,
        ..spec(Pacman, &["pacman", "yay"], &[])
    },
    Spec {
        flags: PIP_FLAGS,
        version: PIP_VERSION,
        files: PYTHON_FILES,
        clusters: true,
        ..spec(
            Pip,
            &["pip"],
            &[
                ("install", Install),
                ("uninstall", Remove),
                ("download", Fetch),
                ("wheel", Fetch),
                ("cache purge", Clean),
                ("config", Configure),
            ],
        )
    },
    Spec {
        flags: PIP_FLAGS,
        version: PIP_VERSION,
        files: PYTHON_FILES,
        ..spec(
            Pipx,
            &["pipx"],
            &[
                ("install", Install),
                ("inject", Install),
                ("uninstall", Remove),
                ("upgrade", Upgrade),
            ],
        )
    },
    Spec {
        flags: PIP_FLAGS,
        version: PIP_VERSION,
        files: PYTHON_FILES,
        ..spec(
            Uv,
            &["uv"],
            &[
                ("pip install", Install),
                ("pip sync", Install),
                ("pip uninstall", Remove),
                ("tool install", Install),
                ("python install", InstallToolchain),
                ("sync", InstallProject),
                ("add", Install),
                ("remove", Remove),
                ("cache clean", Clean),
                ("cache prune", Clean),
            ],
        )
    },
    Spec {
        flags: &[
            ("-n", Flag::Yes),
            ("--no-interaction", Flag::Yes),
            ("--no-dev", Flag::Production),
            ("--only", Flag::Only),
            ("--without", Flag::Without),
            ("--with", Flag::Value),
            ("-E", Flag::Value),
            ("--extras", Flag::Value),
            ("-C", Flag::Value),
            ("--directory", Flag::Value),
            ("--no-cache", Flag::NoCache),
            ("-D", Flag::Development),
            ("--dev", Flag::Development),
            ("-G", Flag::Value),
            ("--group", Flag::Value),
            ("--source", Flag::Target),
        ],
        version: Version::Operators(&["==", ">=", "<=", "~=", "^", "@"]),
        files: PYTHON_FILES,
        ..spec(
            Poetry,
            &["poetry"],
            &[
                ("self add", Install),
                ("install", InstallProject),
                ("sync", InstallProject),
                ("add", Install),
                ("remove", Remove),
                ("update", Upgrade),
                ("cache clear", Clean),
                ("config", Configure),
            ],
        )
    },
    Spec {
        flags: &[
            ("--dev", Flag::Development),
            ("-d", Flag::Development),
            ("--deploy", Flag::Locked),
            ("--ignore-pipfile", Flag::Locked),
            ("--system", Flag::Global),
            ("-r", Flag::Requirements),
            ("--requirements", Flag::Requirements),
            ("--python", Flag::Value),
            ("-i", Flag::Target),
            ("--categories", Flag::Only),
            ("--extra-pip-args", Flag::Value),
        ],
        version: PIP_VERSION,
        files: PYTHON_FILES,
        ..spec(
            Pipenv,
            &["pipenv"],
            &[
                ("install", Install),
                ("sync", InstallProject),
                ("uninstall", Remove),
                ("update", Upgrade),
                ("--clear", Clean),
            ],
        )
    },
    Spec {
        flags: &[
            ("--prod", Flag::Production),
            ("--production", Flag::Production),
            ("--no-dev", Flag::Production),
            ("-G", Flag::Value),
            ("--group", Flag::Value),
            ("--without", Flag::Without),
            ("--frozen-lockfile", Flag::Locked),
            ("-p", Flag::Value),
        ],
        version: PIP_VERSION,
        files: PYTHON_FILES,
        ..spec(
            Pdm,
            &["pdm"],
            &[
                ("install", InstallProject),
                ("sync", InstallProject),
                ("add", Install),
                ("remove", Remove),
            ],
        )
    },
    Spec {
        flags: &[
            ("-y", Flag::Yes),
            ("--yes", Flag::Yes),
            ("-c", Flag::Target),
            ("--channel", Flag::Target),
            ("-n", Flag::Value),
            ("--name", Flag::Value),
            ("-p", Flag::Value),
            ("--prefix", Flag::Value),
            ("-r", Flag::Value),
            ("--root-prefix", Flag::Value),
            ("-f", Flag::Requirements),
            ("--file", Flag::Requirements),
            ("--solver", Flag::Value),
            ("--platform", Flag::Value),
        ],
        version: Version::Operators(&["==", ">=", "<=", "!=", "=", ">", "<"]),
        files: &[".tar.bz2", ".conda"],
        clusters: true,
        ..spec(
            Conda,
            &["conda", "mamba", "micromamba"],
            &[
                ("env create", Install),
                ("env update", Install),
                ("install", Install),
                ("create", Install),
                ("update", Upgrade),
                ("upgrade", Upgrade),
                ("remove", Remove),
                ("uninstall", Remove),
                ("clean", Clean),
                ("config", Configure),
            ],
        )
    },
    Spec {
        default: Some(Install),
        version: PIP_VERSION,
        files: PYTHON_FILES,
        operands: Operands::Bare,
        ..spec(EasyInstall, &["easy_install"], &[])
    },
    Spec {
        flags: NPM_FLAGS,
        version: Version::At,
        files: NODE_FILES,
        ..spec(Npm, &["npm", "cnpm"], NPM_ACTIONS)
    },
    Spec {
        default: Some(InstallProject),
        flags: NPM_FLAGS,
        version: Version::At,
        files: NODE_FILES,
        ..spec(
            Yarn,
            &["yarn", "yarnpkg"],
            &[
                ("global add", Install),
                ("global remove", Remove),
                ("workspaces focus", InstallProject),
                ("install", InstallProject),
                ("add", Install),
                ("remove", Remove),
                ("upgrade", Upgrade),
                ("up", Upgrade),
                ("cache clean", Clean),
                ("autoclean", Clean),
                ("config", Configure),
                ("set version", Configure),
            ],
        )
    },
    Spec {
        flags: NPM_FLAGS,
        version: Version::At,
        files: NODE_FILES,
        ..spec(Pnpm, &["pnpm"], NPM_ACTIONS)
    },
    Spec {
        flags: NPM_FLAGS,
        version: Version::At,
        files: NODE_FILES,
        ..spec(
            Bun,
            &["bun"],
            &[
                ("pm cache", Clean),
                ("install", Install),
                ("i", Install),
                ("ci", Install),
                ("add", Install),
                ("a", Install),
                ("remove", Remove),
                ("rm", Remove),
                ("update", Upgrade),
            ],
        )
    },
    Spec {
        flags: &[("--install-directory", Flag::Value)],
        version: Version::At,
        ..spec(
            Corepack,
            &["corepack"],
            &[
                ("enable", Configure),
                ("prepare", Install),
                ("install", Install),
                ("use", Install),
            ],
        )
    },
    Spec {
        flags: &[
            ("--production", Flag::Production),
            ("-p", Flag::Production),
            ("--config", Flag::Value),
        ],
        version: Version::Operators(&["#"]),
        ..spec(
            Bower,
            &["bower"],
            &[("install", Install), ("uninstall", Remove), ("cache clean", Clean)],
        )
    },
    Spec {
        flags: &[
            ("-v", Flag::Version),
            ("--version", Flag::Version),
            ("--source", Flag::Target),
            ("-s", Flag::Target),
            ("-i", Flag::Value),
            ("--install-dir", Flag::Value),
            ("-n", Flag::Value),
            ("--bindir", Flag::Value),
            ("-P", Flag::Value),
            ("--trust-policy", Flag::Value),
            ("--platform", Flag::Value),
        ],
        version: Version::Operators(&[":"]),
        files: &[".gem"],
        clusters: true,
        ..spec(
            Gem,
            &["gem"],
            &[
                ("install", Install),
                ("i", Install),
                ("update", Upgrade),
                ("uninstall", Remove),
                ("cleanup", Clean),
                ("sources", AddRepository),
                ("fetch", Fetch),
            ],
        )
    },
    Spec {
        default: Some(InstallProject),
        flags: &[
            ("--without", Flag::Without),
            ("--with", Flag::Value),
            ("--only", Flag::Only),
            ("--deployment", Flag::Locked),
            ("--frozen", Flag::Locked),
            ("--no-cache", Flag::NoCache),
            ("--system", Flag::Global),
            ("-j", Flag::Value),
            ("--jobs", Flag::Value),
            ("--path", Flag::Value),
            ("--retry", Flag::Value),
            ("--gemfile", Flag::Requirements),
        ],
        ..spec(
            Bundle,
            &["bundle", "bundler"],
            &[
                ("install", InstallProject),
                ("update", Upgrade),
                ("clean", Clean),
                ("config", Configure),
                ("package", Fetch),
                ("cache", Fetch),
            ],
        )
    },
    Spec {
        flags: &[
            ("--no-dev", Flag::Production),
            ("--dev", Flag::Development),
            ("-n", Flag::Yes),
            ("--no-interaction", Flag::Yes),
            ("--no-cache", Flag::NoCache),
            ("-d", Flag::Value),
            ("--working-dir", Flag::Value),
            ("--repository", Flag::Target),
            ("--stability", Flag::Value),
            ("-s", Flag::Value),
        ],
        version: Version::Operators(&[":", "="]),
        clusters: true,
        ..spec(
            Composer,
            &["composer", "composer.phar"],
            &[
                ("global require", Install),
                ("global install", Install),
                ("global update", Upgrade),
                ("install", InstallProject),
                ("i", InstallProject),
                ("require", Install),
                ("create-project", Install),
                ("update", Upgrade),
                ("remove", Remove),
                ("clear-cache", Clean),
                ("clearcache", Clean),
                ("config", Configure),
            ],
        )
    },
    Spec {
        version: Version::Dash,
        files: &[".tgz"],
        ..spec(
            Pecl,
            &["pecl", "pear"],
            &[
                ("install", Install),
                ("uninstall", Remove),
                ("upgrade", Upgrade),
                ("clear-cache", Clean),
                ("channel-update", Update),
                ("update-channels", Update),
            ],
        )
    },
    Spec {
        default: Some(Install),
        version: Version::At,

        operands: Operands::Bare,
        ..spec(
            DockerPhpExt,
            &[
                "docker-php-ext-install",
                "install-php-extensions",
                "docker-php-ext-enable",
            ],
            &[],
        )
    },
    Spec {
        flags: &[
            ("-ldflags", Flag::Value),
            ("-tags", Flag::Value),
            ("-mod", Flag::Value),
            ("-gcflags", Flag::Value),
            ("-o", Flag::Value),
            ("-p", Flag::Value),
            ("-C", Flag::Value),
            ("-installsuffix", Flag::Value),
        ],
        version: Version::At,
        ..spec(
            Go,
            &["go"],
            &[
                ("mod download", InstallProject),
                ("mod vendor", InstallProject),
                ("mod tidy", InstallProject),
                ("get", Install),
                ("install", Install),
                ("clean", Clean),
                ("env", Configure),
            ],
        )
    },
    Spec {
        flags: &[
            ("--version", Flag::Version),
            ("--vers", Flag::Version),
            ("--locked", Flag::Locked),
            ("--git", Flag::Package),
            ("--path", Flag::Package),
            ("--branch", Flag::Value),
            ("--tag", Flag::Value),
            ("--rev", Flag::Value),
            ("--features", Flag::Value),
            ("-F", Flag::Value),
            ("--target", Flag::Value),
            ("--root", Flag::Value),
            ("--bin", Flag::Value),
            ("--registry", Flag::Target),
            ("-j", Flag::Value),
            ("--manifest-path", Flag::Value),
            ("--profile", Flag::Value),
            ("--target-dir", Flag::Value),
        ],
        version: Version::At,
        ..spec(
            Cargo,
            &["cargo"],
            &[
                ("install", Install),
                ("binstall", Install),
                ("fetch", InstallProject),
                ("vendor", InstallProject),
                ("update", Upgrade),
                ("uninstall", Remove),
                ("clean", Clean),
            ],
        )
    },
    Spec {
        flags: &[
            ("--toolchain", Flag::Value),
            ("--profile", Flag::Value),
            ("-c", Flag::Value),
            ("--component", Flag::Value),
            ("-t", Flag::Value),
            ("--target", Flag::Value),
        ],
        ..spec(
            Rustup,
            &["rustup"],
            &[
                ("toolchain install", InstallToolchain),
                ("component add", Install),
                ("target add", Install),
                ("install", InstallToolchain),
                ("default", InstallToolchain),
                ("update", Upgrade),
                ("self uninstall", Remove),
            ],
        )
    },
    Spec {
        flags: &[
            ("-f", Flag::Value),
            ("--file", Flag::Value),
            ("-pl", Flag::Value),
            ("-P", Flag::Value),
            ("-s", Flag::Value),
            ("-T", Flag::Value),
        ],
        operands: Operands::Goals,
        ..spec(
            Maven,
            &["mvn", "mvnw"],
            &[
                ("dependency:go-offline", InstallProject),
                ("dependency:resolve", InstallProject),
                ("dependency:resolve-plugins", InstallProject),
                ("dependency:copy-dependencies", InstallProject),
                ("dependency:get", Install),
                (
                    "de.qaware.maven:go-offline-maven-plugin:resolve-dependencies",
                    InstallProject,
                ),
            ],
        )
    },
    Spec {
        flags: &[
            ("-p", Flag::Value),
            ("-b", Flag::Value),
            ("-c", Flag::Value),
            ("-g", Flag::Value),
            ("-x", Flag::Value),
            ("-I", Flag::Value),
        ],
        operands: Operands::Goals,
        ..spec(
            Gradle,
            &["gradle", "gradlew"],
            &[
                ("dependencies", InstallProject),
                ("downloadDependencies", InstallProject),
                ("resolveDependencies", InstallProject),
            ],
        )
    },
    Spec {
        operands: Operands::Goals,
        ..spec(Sbt, &["sbt"], &[("update", InstallProject)])
    },
    Spec {
        flags: &[
            ("-s", Flag::Target),
            ("--source", Flag::Target),
            ("--add-source", Flag::Target),
            ("--version", Flag::Version),
            ("-v", Flag::Value),
            ("--verbosity", Flag::Value),
            ("-r", Flag::Value),
            ("--runtime", Flag::Value),
            ("-a", Flag::Value),
            ("--configfile", Flag::Value),
            ("--tool-path", Flag::Value),
            ("-g", Flag::Global),
            ("--global", Flag::Global),
            ("--no-cache", Flag::NoCache),
            ("--locked-mode", Flag::Locked),
            ("--packages", Flag::Value),
        ],
        ..spec(
            Dotnet,
            &["dotnet"],
            &[
                ("tool install", Install),
                ("tool restore", InstallProject),
                ("tool update", Upgrade),
                ("workload install", Install),
                ("workload restore", InstallProject),
                ("restore", InstallProject),
                ("add package", Install),
                ("nuget locals", Clean),
                ("nuget add", AddRepository),
            ],
        )
    },
    spec(
        NuGet,
        &["nuget"],
        &[("restore", InstallProject), ("install", Install), ("locals", Clean)],
    ),
    Spec {
        default: Some(Install),
        flags: &[
            ("-l", Flag::Value),
            ("-L", Flag::Value),
            ("--local-lib", Flag::Value),
            ("--cpanfile", Flag::Requirements),
            ("--mirror", Flag::Target),
            ("--verify", Flag::Locked),
        ],
        version: Version::At,
        files: &[".tar.gz"],
        operands: Operands::Bare,
        ..spec(Cpan, &["cpanm", "cpan", "cpm", "carton"], &[("install", Install)])
    },
    Spec {
        flags: &[
            ("--server", Flag::Target),
            ("--tree", Flag::Value),
            ("--only-server", Flag::Target),
        ],
        files: &[".rock", ".rockspec"],
        ..spec(
            Luarocks,
            &["luarocks"],
            &[("install", Install), ("remove", Remove), ("make", InstallProject)],
        )
    },
    Spec {
        default: Some(Install),
        flags: &[
            ("-r", Flag::Target),
            ("--repos", Flag::Target),
            ("-n", Flag::Value),
            ("--ncpus", Flag::Value),
            ("-l", Flag::Value),
            ("-t", Flag::Value),
            ("-m", Flag::Value),
        ],
        operands: Operands::Bare,
        ..spec(R, &["install2.r", "installGithub.r", "installBioc.r", "install.r"], &[])
    },
    Spec {
        flags: &[
            ("-y", Flag::Yes),
            ("--yes", Flag::Yes),
            ("-j", Flag::Value),
            ("--switch", Flag::Value),
        ],
        version: Version::Operators(&[">=", "<=", "=", ".", ">", "<"]),
        ..spec(
            Opam,
            &["opam"],
            &[
                ("switch create", InstallToolchain),
                ("install", Install),
                ("depext", Install),
                ("remove", Remove),
                ("update", Update),
                ("upgrade", Upgrade),
                ("clean", Clean),
                ("init", Configure),
            ],
        )
    },
    Spec {
        flags: &[("--only", Flag::Only), ("--force", Flag::Yes)],
        ..spec(
            Mix,
            &["mix"],
            &[
                ("deps.get", InstallProject),
                ("local.hex", InstallToolchain),
                ("local.rebar", InstallToolchain),
                ("archive.install", Install),
                ("deps.clean", Clean),
            ],
        )
    },
    spec(
        Stack,
        &["stack"],
        &[
            ("setup", InstallToolchain),
            ("build --only-dependencies", InstallProject),
            ("build --dependencies-only", InstallProject),
            ("update", Update),
        ],
    ),
    spec(
        Cabal,
        &["cabal"],
        &[
            ("install", Install),
            ("v2-install", Install),
            ("update", Update),
            ("v2-update", Update),
        ],
    ),
    Spec {
        version: Version::At,
        ..spec(
            Brew,
            &["brew"],
            &[
                ("install", Install),
                ("update", Update),
                ("upgrade", Upgrade),
                ("uninstall", Remove),
                ("cleanup", Clean),
                ("tap", AddRepository),
            ],
        )
    },
];

/// All managers.
pub(super) fn table() -> &'static [Spec] {
    SPECS
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
    SPECS.iter().find(|spec| {
        spec.names
            .iter()
            .any(|name| name.as_bytes().first() == Some(&first) && *name == stem)
    })
}
