//! Package managers of JavaScript.

use super::super::packages::Action::{self, *};
use super::Manager::*;
use super::{Flag, Spec, Version, spec};

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

pub(super) static SPECS: &[Spec] = &[
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
];
