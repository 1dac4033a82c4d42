//! An install that is told to fill a folder of its own: only what it installs is copied then, and
//! not the interpreter once more.

use super::layout::{Layout, SYSTEM};
use crate::edit::Edit;
use crate::plan::Tester;
use crate::plan::application::{Application, Goes, Staged};
use crate::plan::artifact::{Alteration, ArtifactKind};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::role::Role;
use crate::plan::site::Site;
use crate::shell::{Action, Manager, Operation};

/// The folder in the builder.
const FOLDER: &str = "/install/";

/// Tells the stage's one install to fill a folder of its own, where no other step needs to find what
/// it installs.
pub fn staged(site: &Site<'_>, layout: &Layout, out: &mut Application) {
    let own = site.stage.parent().is_none();
    let tests = site.options.tester != Tester::Off && site.roles.iter().any(|r| r.role == Role::Test);
    let Some(part) = out.prefixes.iter().find(|p| p.path == SYSTEM) else {
        return;
    };
    let family = site.base.map_or("", |b| b.image.family);
    let pypy = site
        .base
        .is_some_and(|b| b.image.names.iter().any(|name| name.rsplit('/').next() == Some("pypy")));
    if pypy {
        // Its images keep it, and what pip installs, in a folder of its own; those of old did not. A tag
        // names Python's version, and behind it PyPy's: `3.10-7.3.17`, `2-5.10`.
        const PYPY: &str = "/opt/pypy/";
        let path = site.base.and_then(|b| b.variant.config?.env("PATH"));
        let moved = path.is_some_and(|path| path.contains("/opt/pypy/bin"));
        let release = site.base_tag().split('-').nth(1).unwrap_or_default();
        let numbers: Vec<u32> = release.split('.').map_while(|part| part.parse().ok()).collect();
        let old = !numbers.is_empty() && numbers.as_slice() < [7, 3].as_slice();
        if moved && !old {
            if let Some(part) = out.prefixes.iter_mut().find(|p| p.path == SYSTEM) {
                part.path = PYPY.to_owned();
            }
            return;
        }
        out.conditions.push(Condition::unproven(
            "what pip installs lies where the image of PyPy is taken to keep it",
            vec![Evidence::image("its images of different years differ")],
            "a run of the new image",
        ));
        return;
    }
    if family != "python" {
        // The distribution's interpreter looks for packages elsewhere than a prefix puts them.
        out.conditions.push(Condition::unproven(
            "nothing that pip installs counts on packages of the distribution that only the builder has",
            vec![Evidence::tool("the interpreter is the distribution's")],
            "a run of the new image",
        ));
        return;
    }
    if !own || tests || layout.has_environments() {
        return;
    }
    let mut installs = Vec::new();
    for instruction in site.instructions() {
        for view in site.facts.commands(instruction) {
            for operation in view.operations {
                let Operation::Packages(packages) = operation else {
                    continue;
                };
                if !super::is_python(packages.manager) || packages.action == Action::Clean {
                    continue;
                }
                if !super::is_installer(packages) {
                    installs.push((instruction.index, packages, view.words()));
                }
            }
        }
    }
    let [(at, install, words)] = installs.as_slice() else {
        return;
    };
    let plain = install.manager == Manager::Pip
        && install.action == Action::Install
        && *at == part.made_by.instruction
        && !words.iter().any(|w| {
            w.text.starts_with("-e")
                || matches!(
                    w.text.as_str(),
                    "--editable"
                        | "--user"
                        | "--no-build-isolation"
                        | "--force-reinstall"
                        | "--ignore-installed"
                        | "-I"
                )
        });
    // Nothing else in the builder may look for it.
    let alone = out
        .steps
        .iter()
        .filter(|s| s.goes == Goes::Builder && s.place != part.made_by)
        .all(|s| s.place < part.made_by)
        && out.prefixes.len() == 1;
    let others = site.roles.iter().any(|r| {
        r.place > part.made_by
            && out.step(r.place).is_none()
            && matches!(
                r.role,
                Role::Build | Role::Unknown | Role::Dependencies { .. } | Role::Tool
            )
    });
    let steered = site.instructions().any(|i| {
        let text = site.file().source.slice(i.span);
        text.contains("PIP_")
            && (text.contains("PIP_PREFIX") || text.contains("PIP_TARGET") || text.contains("PIP_USER"))
    });
    let Some(span) = install.action_span.filter(|_| plain && alone && !others && !steered) else {
        return;
    };
    out.staged = Some(Staged {
        from: FOLDER.to_owned(),
        to: SYSTEM.to_owned(),
        alter: Alteration {
            edits: vec![Edit::insert(span.end, " --prefix=/install")],
            says: "pip installs to /install in the builder, which becomes /usr/local in the stage that runs".to_owned(),
            kind: ArtifactKind::Tree,
            conditions: Vec::new(),
        },
    });
}
