//! Installs that only the tests use: `pip install -r requirements-dev.txt` before `pytest`.

use super::listed::List;
use crate::plan::application::wanted::reached;
use crate::plan::artifact::Landing;
use crate::plan::evidence::Evidence;
use crate::plan::program::{Program, What, entries};
use crate::plan::reach::{Language, distribution_of};
use crate::plan::role::Role;
use crate::plan::site::{Place, Site};
use crate::shell::{Action, Manager, Operation, Packages};
use std::collections::BTreeSet;

/// Packages of which it is known that they are there for tests and for editing.
const TOOLS: &[&str] = &[
    "autopep8",
    "bandit",
    "black",
    "codecov",
    "coverage",
    "coveralls",
    "factory-boy",
    "faker",
    "flake8",
    "freezegun",
    "hypothesis",
    "ipdb",
    "ipython",
    "isort",
    "mock",
    "model-bakery",
    "mypy",
    "nose",
    "pep8",
    "pip-tools",
    "pre-commit",
    "pycodestyle",
    "pydocstyle",
    "pyflakes",
    "pylint",
    "pyright",
    "pytest",
    "requests-mock",
    "responses",
    "ruff",
    "safety",
    "testcontainers",
    "tox",
    "vcrpy",
    "yapf",
];

/// Pieces that install what only the tests use, with what shows it: lists of nothing but tools of which
/// that is known, beside an install of all that the application needs, where nothing but tests follows
/// and nothing that is started reaches one of them.
pub fn tested(site: &Site<'_>, programs: &[Program]) -> Vec<(Place, Evidence)> {
    let Some(context) = site.context else { return Vec::new() };
    let Some(test) = site.roles.iter().find(|r| r.role == Role::Test).map(|r| r.place) else {
        return Vec::new();
    };
    let landing = Landing::of(site);
    let mut before = List::default();
    let mut found = Vec::new();
    for role in site.roles.iter().filter(|r| r.place < test) {
        let Role::Dependencies { .. } = role.role else { continue };
        let Some((view, packages)) = install(site, role.place) else {
            continue;
        };
        let mut own = List::default();
        own.add(site, &landing, &view, packages);
        let tools = own.packages.values().filter(|p| !before.packages.contains_key(&p.name));
        let mut tools = tools.peekable();
        let only = tools.peek().is_some() && own.open.is_none() && tools.all(|p| is_tool(&p.name));
        if only && packages.action == Action::Install && !before.packages.is_empty() {
            found.push((role, own));
        } else if found.is_empty() {
            before.packages.extend(own.packages);
            before.open = before.open.take().or(own.open);
        } else {
            // What is installed behind it might count on it.
            return Vec::new();
        }
    }
    if found.is_empty() || before.open.is_some() || programs.iter().any(|p| matches!(p.what, What::Unknown(_))) {
        return Vec::new();
    }
    let first = found.iter().map(|(role, _)| role.place).min();
    let runs = site
        .roles
        .iter()
        .filter(|r| Some(r.place) > first && r.place.piece.is_some());
    let quiet = runs.into_iter().all(|r| {
        let own = found.iter().any(|(role, _)| role.place == r.place);
        own || matches!(r.role, Role::Test | Role::Cleanup | Role::RuntimeSetup | Role::Shell)
    });
    let Some(own) = entries(site, programs).remove(&Language::Python) else {
        return Vec::new();
    };
    if !quiet || own.files.is_empty() {
        return Vec::new();
    }
    let reached = reached(context, &own, Language::Python);
    if reached.unknown.iter().any(|u| u.folder.is_none()) || !reached.missing.is_empty() {
        return Vec::new();
    }
    let imports = reached.packages.keys().chain(own.packages.keys());
    let needed: BTreeSet<String> = imports.flat_map(|name| distribution_of(name)).collect();
    let idle = found.iter().all(|(_, list)| {
        let extra = list.packages.keys().filter(|name| !before.packages.contains_key(*name));
        extra.into_iter().all(|name| !needed.contains(name))
    });
    if !idle {
        return Vec::new();
    }
    let says = "only tests use what it installs: nothing that is started reaches it";
    found
        .into_iter()
        .map(|(role, _)| (role.place, Evidence::command(role.span, says)))
        .collect()
}

/// The one install of a piece, where it does nothing else.
fn install<'s>(site: &Site<'s>, place: Place) -> Option<(crate::facts::CommandView<'s>, &'s Packages)> {
    let instruction = site.file().instructions.get(place.instruction)?;
    let run = site.facts.run(instruction)?;
    let link = run.script.chain.get(place.piece?)?;
    let view = run.views(site.file(), instruction).nth(link.commands.start)?;
    let packages = view.operations.iter().find_map(|o| match o {
        Operation::Packages(packages) => Some(packages),
        _ => None,
    })?;
    let alone = link.commands.len() == 1 && matches!(packages.manager, Manager::Pip | Manager::Uv);
    alone.then_some((view, packages))
}

fn is_tool(name: &str) -> bool {
    let families = [
        "pytest-",
        "flake8-",
        "mypy-",
        "types-",
        "pylint-",
        "sphinx-",
        "coverage-",
    ];
    TOOLS.binary_search(&name).is_ok() || families.iter().any(|family| name.starts_with(family))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_can_be_looked_up() {
        assert!(TOOLS.is_sorted());
        assert!(is_tool("pytest") && is_tool("pytest-cov") && is_tool("types-requests"));
        assert!(!is_tool("requests"));
    }
}
