//! What changes how an install fetches, so that an install may not be put before it: credentials, proxies,
//! registries, the tools that fetch.

use super::site::Site;
use crate::context::Context;
use crate::facts::CommandView;
use crate::model::{Instruction, Kind};
use crate::shell::Operation;

/// Files that tell those who fetch where from, and as whom.
const FILES: [&str; 16] = [
    "netrc",
    ".ssh",
    "ssh_config",
    "known_hosts",
    "gitconfig",
    "git-credentials",
    ".npmrc",
    ".yarnrc",
    "pip.conf",
    ".pypirc",
    "auth.json",
    ".cargo/",
    "settings.xml",
    "nuget.config",
    "ca-certificates",
    ".gem/credentials",
];

/// Packages that fetch, or without which nothing is fetched.
const PACKAGES: [&str; 9] = [
    "git",
    "openssh-client",
    "openssh",
    "openssh-client-default",
    "ssh",
    "mercurial",
    "subversion",
    "bzr",
    "ca-certificates",
];

/// Whether a command may change what a later install fetches, or whether it can.
pub fn prepares(view: &CommandView<'_>) -> bool {
    let name = view.name();
    let has = |words: &[&str]| view.words().iter().any(|w| words.contains(&w.text.as_str()));
    if matches!(
        name,
        "git" | "ssh-keyscan" | "ssh-add" | "ssh-agent" | "ssh" | "update-ca-certificates" | "gcloud" | "aws" | "gh"
    ) {
        return true;
    }
    // What a package manager or a language's tool is told of registries.
    if has(&["config", "login", "adduser", "source", "sources", "-w"])
        && matches!(
            name,
            "npm"
                | "yarn"
                | "pnpm"
                | "pip"
                | "pip3"
                | "poetry"
                | "uv"
                | "bundle"
                | "gem"
                | "composer"
                | "cargo"
                | "go"
                | "dotnet"
        )
    {
        return true;
    }
    let text = view.text().to_ascii_lowercase();
    if FILES.iter().any(|file| text.contains(file)) {
        return true;
    }
    if view.command.assignments.iter().any(|a| steers(&a.name)) {
        return true;
    }
    view.operations.iter().any(|operation| match operation {
        Operation::Packages(p) => {
            p.manager.is_system() && p.installs() && p.packages.iter().any(|p| PACKAGES.contains(&p.name.as_str()))
        }
        _ => false,
    })
}

/// Whether a variable tells those who fetch where from, and as whom.
pub fn steers(variable: &str) -> bool {
    let upper = variable.to_ascii_uppercase();
    let parts = [
        "PROXY",
        "TOKEN",
        "PASSWORD",
        "SECRET",
        "REGISTRY",
        "CREDENTIAL",
        "INDEX_URL",
        "NETRC",
        "SSH",
        "CERT",
    ];
    let begins = [
        "GO",
        "GIT",
        "NPM_CONFIG",
        "PIP_",
        "YARN_",
        "BUNDLE_",
        "CARGO_",
        "NUGET_",
        "UV_",
        "COMPOSER_",
    ];
    parts.iter().any(|part| upper.contains(part)) || begins.iter().any(|begin| upper.starts_with(begin))
}

/// Whether a setting that holds at `before` names a file that the context brings: an install that reads it
/// cannot be put before the copy.
pub fn names_context(site: &Site<'_>, context: &Context, before: &Instruction) -> bool {
    let Some(workdir) = site.workdir_at(before.index) else {
        return true;
    };
    let inside = format!("{}/", workdir.trim_end_matches('/'));
    site.instructions()
        .filter(|i| i.index < before.index)
        .any(|instruction| {
            let Kind::Env(pairs) = &instruction.kind else {
                return false;
            };
            pairs.iter().filter(|pair| steers(&pair.key.value)).any(|pair| {
                let value = pair.value.as_ref().and_then(|v| site.value(v, instruction.index));
                let path = value
                    .as_deref()
                    .and_then(|v| v.strip_prefix(&inside).or(v.strip_prefix("./")));
                path.is_some_and(|path| !path.is_empty() && context.exists(path))
            })
        })
}
