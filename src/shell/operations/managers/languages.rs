//! Package managers of the other languages.

use super::super::packages::Action::*;
use super::Manager::*;
use super::{Flag, Operands, Spec, Version, spec};

pub(super) static SPECS: &[Spec] = &[
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
        ..spec(DockerPhpExt, &["docker-php-ext-install", "install-php-extensions"], &[])
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
                ("mod download", Fetch),
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
