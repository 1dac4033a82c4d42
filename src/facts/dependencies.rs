//! Installs of a project's dependencies, and which files of the build context they read.

use super::{CommandView, Facts};
use crate::context::Context;
use crate::context::manifests::{Ecosystem, FileRole};
use crate::model::Instruction;
use crate::shell::Operation;
use crate::shell::operations::{Action, Manager, Packages};
use crate::source::Span;

/// A command that installs what a manifest or lock file lists, without the project itself.
#[derive(Debug)]
pub struct DependencyInstall<'a> {
    /// The command.
    pub span: Span,
    /// What it tells the package manager.
    pub packages: &'a Packages,
    /// Whether the RUN does nothing else but clean up behind it.
    pub is_alone: bool,
    /// The link of the RUN's script that it stands in, where nothing but upkeep stands before it and
    /// it is a command by itself.
    pub leads: Option<usize>,
}

/// The first dependency install of a RUN.
pub fn install_of<'a>(facts: &'a Facts<'a>, instruction: &'a Instruction) -> Option<DependencyInstall<'a>> {
    let run = facts.run(instruction)?;
    let mut found = None;
    let mut others = false;
    let mut leads = None;
    for view in run.views(facts.file(), instruction) {
        match view.operations.iter().find_map(dependency_install) {
            Some(packages) => {
                if found.is_none() && !others {
                    let mut chain = run.script.chain.iter();
                    leads = chain.position(|l| l.commands == (view.index..view.index + 1));
                }
                found = found.or(Some((view.command.span, packages)));
            }
            None => others |= !is_upkeep(&view),
        }
    }
    let (span, packages) = found?;
    let is_simple = |at: &usize| {
        let link = run.script.chain.get(*at);
        link.is_some_and(|link| link.is_simple && link.pipes.is_empty()) && !run.script.has_error
    };
    let simple = !run.script.has_error
        && run
            .script
            .chain
            .iter()
            .all(|link| link.is_simple && link.pipes.is_empty());
    Some(DependencyInstall {
        span,
        packages,
        is_alone: simple && !others,
        leads: leads.filter(is_simple),
    })
}

fn dependency_install(operation: &Operation) -> Option<&Packages> {
    use Manager::*;
    let Operation::Packages(packages) = operation else {
        return None;
    };
    let files = !packages.requirements.is_empty() && packages.packages.is_empty();
    let takes = match packages.manager {
        Npm | Yarn | Pnpm | Bun | Bundle | Composer | Poetry | Pipenv | Uv | Pdm | Dotnet | Mix => {
            packages.action == Action::InstallProject || files
        }
        Pip => files,
        Go | Cargo | Maven | Gradle => packages.action == Action::Fetch,
        _ => false,
    };
    (takes && !packages.global).then_some(packages)
}

/// Commands that may stand beside an install without reading the sources.
fn is_upkeep(view: &CommandView<'_>) -> bool {
    let only_packages = |operation: &Operation| match operation {
        Operation::Packages(p) => {
            matches!(
                p.action,
                Action::Clean | Action::Configure | Action::Update | Action::Install
            ) && p.requirements.is_empty()
        }
        Operation::Clean(_) => true,
        _ => false,
    };
    match view.operations {
        [] => matches!(view.name(), "set" | "echo" | "true" | ":" | ""),
        operations => operations.iter().all(only_packages),
    }
}

/// The files of the context's root that an install reads: manifests, locks and settings. None where
/// they cannot be told, or where the install may read more: scripts that it runs, packages that lie
/// in the repository, files that refer to others.
pub fn inputs(context: &Context, packages: &Packages) -> Option<Vec<String>> {
    use Manager::*;
    let of = |ecosystem: Ecosystem, extra: &[&str]| {
        let files = context.manifest_files("");
        let mut paths: Vec<String> = files
            .iter()
            .filter(|f| f.ecosystem == ecosystem || extra.contains(&f.path.as_str()))
            .filter(|f| context.is_sent(&f.path))
            .map(|f| f.path.clone())
            .collect();
        // Manifests first, then locks, then settings, each by name: the order people write.
        let rank = |path: &str| match files.iter().find(|f| f.path == path).map(|f| f.role) {
            Some(FileRole::Manifest) => 0,
            Some(FileRole::Lock) => 1,
            _ => 2,
        };
        paths.sort_by(|a, b| (rank(a), a).cmp(&(rank(b), b)));
        paths
    };
    let paths = match packages.manager {
        Npm | Yarn | Pnpm | Bun => {
            let manifest = context.package_json("")?;
            let reads_more = manifest.lifecycle_scripts().next().is_some()
                || manifest.local_dependencies().next().is_some()
                || !manifest.workspaces.is_empty()
                || ["patches", ".yarn", "prisma", "pnpm-workspace.yaml"]
                    .iter()
                    .any(|path| context.exists(path));
            if reads_more {
                return None;
            }
            of(Ecosystem::Node, &["bun.lock", "bun.lockb", "bunfig.toml"])
        }
        Pip => {
            let paths: Vec<String> = packages
                .requirements
                .iter()
                .map(|r| r.path.trim_start_matches("./").to_owned())
                .collect();
            let plain = |path: &String| {
                context.read_text(path).is_some_and(|text| {
                    text.lines()
                        .map(str::trim)
                        .all(|line| !line.starts_with(['.', '/']) && !line.starts_with("-") && !line.contains("file:"))
                })
            };
            if !paths.iter().all(plain) {
                return None;
            }
            paths
        }
        Go => {
            let module = context.go_mod("")?;
            if module.replaces.iter().any(|replace| replace.is_local()) || context.exists("vendor") {
                return None;
            }
            vec!["go.mod".to_owned(), "go.sum".to_owned()]
        }
        Pipenv => of(Ecosystem::Python, &[])
            .into_iter()
            .filter(|p| p.starts_with("Pipfile"))
            .collect(),
        Bundle
            if context
                .read_text("Gemfile")
                .is_some_and(|text| !text.contains("gemspec") && !text.contains("path")) =>
        {
            ["Gemfile", "Gemfile.lock"].iter().map(ToString::to_string).collect()
        }
        _ => return None,
    };
    let sent: Vec<String> = paths.into_iter().filter(|path| context.is_sent(path)).collect();
    (!sent.is_empty()).then_some(sent)
}
