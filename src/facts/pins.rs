//! Packages whose version the file leaves open.

use super::CommandView;
use crate::model::Dockerfile;
use crate::shell::ShellWord;
use crate::shell::operations::{Action, Manager, Package, Packages};
use crate::syntax::expand;
use std::borrow::Cow;

/// The packages of a command that are named without a version. Files, folders, URLs and what a
/// variable holds are not among them; a repository's URL is, where it names no revision.
pub fn unpinned<'a, 'f>(
    file: &'f Dockerfile,
    packages: &'a Packages,
    view: &'f CommandView<'_>,
) -> impl Iterator<Item = &'a Package> {
    // Groups of packages have no version.
    let is_group = packages
        .action_span
        .is_some_and(|span| view.source.slice(span).contains("group"));
    let applies = matches!(packages.action, Action::Install) && !is_group && takes_versions(packages);
    // What follows `--` is for the program that builds the gem.
    let end = view
        .words()
        .iter()
        .find(|w| w.text == "--" && packages.manager == Manager::Gem)
        .map(|w| w.span.start);
    let manager = packages.manager;
    packages
        .packages
        .iter()
        .filter(move |package| applies && end.is_none_or(|end| package.span.start < end))
        .filter(move |package| is_open(manager, package) || is_lost(file, view, package))
}

/// Whether a package's name or version comes from a variable that this stage does not have although
/// another one sets it by ENV: then it is empty here. (An ARG of that name may yet be meant to be given.)
fn is_lost(file: &Dockerfile, view: &CommandView<'_>, package: &Package) -> bool {
    let text = view.source.slice(package.span);
    let here = file.view_at(view.instruction.index);
    expand::references_in(text, file.lines.escape).iter().any(|reference| {
        let name = reference.name.as_str();
        here.get(name).is_none()
            && file
                .stages
                .iter()
                .any(|stage| stage.scope.get(name).is_some_and(|v| v.is_env))
    })
}

/// The program that `go run` fetches in whatever version there is.
pub fn unpinned_program<'a>(view: &CommandView<'a>) -> Option<&'a ShellWord> {
    if view.name() != "go" {
        return None;
    }
    let mut arguments = view.arguments();
    let program = arguments
        .next()
        .filter(|w| w.text == "run")
        .and_then(|_| arguments.next())?;
    let (path, version) = program.text.split_once('@').unwrap_or((&program.text, ""));
    // Without a version it is a package of the module at hand.
    (version == "latest" && !path.starts_with(['.', '/', '~'])).then_some(program)
}

/// Whether its version can be written on the command line, and is not written elsewhere.
fn takes_versions(packages: &Packages) -> bool {
    match packages.manager {
        Manager::Dpkg | Manager::Rpm => false,
        Manager::Gem => !packages.has_flag(&["-v", "--version"]),
        Manager::Pip => packages.requirements.is_empty() && !packages.has_flag(&["-e", "--editable"]),
        _ => true,
    }
}

fn is_open(manager: Manager, package: &Package) -> bool {
    let name = package.name.as_str();
    if name.is_empty() || package.is_variable || name.starts_with('-') {
        return false;
    }
    match manager {
        Manager::Npm => match is_repository(name) {
            true => !name.contains('#'),
            false => !package.is_file && package.version.is_none() && !is_archive(name) && !is_path(name),
        },
        Manager::Pip | Manager::Pipx => match name.starts_with("git+") {
            true => !name.rsplit('/').next().unwrap_or_default().contains('@'),
            false => !package.is_file && package.version.is_none() && !is_archive(name) && !name.contains('/'),
        },
        Manager::Go => {
            !name.starts_with(['.', '/', '~'])
                && !name.ends_with(".go")
                && !matches!(name, "tool" | "all" | "std" | "cmd")
                && package.version.as_deref().is_none_or(|v| v == "latest")
        }
        _ => !package.is_file && package.version.is_none(),
    }
}

fn is_repository(name: &str) -> bool {
    let scheme = name.split("://").next().unwrap_or_default();
    scheme.len() < name.len() && scheme.starts_with("git")
}

fn is_path(name: &str) -> bool {
    name.starts_with(['.', '/', '~']) || name.contains("://")
}

fn is_archive(name: &str) -> bool {
    let name: Cow<'_, str> = name.into();
    [".tar", ".tgz", ".tar.gz", ".whl", ".zip"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}
