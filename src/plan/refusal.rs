//! When a file must be left alone.

use super::Reason;
use super::evidence::Evidence;
use super::program::{Program, What};
use super::role::Role;
use super::site::Site;
use crate::facts::windows;
use crate::model::{Keyword, Kind, Stage};

/// Why the file must be left alone whatever could be built of it; the first reason that holds.
pub fn refusal(site: &Site<'_>, programs: &[Program]) -> Option<Reason> {
    let file = site.file();
    let reason = |says: &str, evidence: Vec<Evidence>| {
        Some(Reason {
            says: says.to_owned(),
            evidence,
        })
    };
    if let Some(refused) = file.hard_refusals().next() {
        let evidence = Evidence::command(refused.span, refused.message.clone());
        return reason("BuildKit refuses the file", vec![evidence]);
    }
    if windows::is_windows(site.stage) || site.stage.windows {
        return reason("it builds a Windows image", Vec::new());
    }
    if let Some(onbuild) = site.instructions().find(|i| matches!(i.kind, Kind::Onbuild(_))) {
        let evidence = Evidence::command(onbuild.span, "ONBUILD runs when another image is built on this one");
        return reason("it is a base for other images", vec![evidence]);
    }
    if file.source.name().contains(".devcontainer") {
        return reason("it is a development container", Vec::new());
    }
    if let Some(name) = site.stage.name.as_deref().filter(|n| is_for_developers(n)) {
        let from = file.from_of(site.stage);
        let evidence = from.map(|f| Evidence::command(f.span, format!("its last stage is called `{name}`")));
        return reason("it is for development", evidence.into_iter().collect());
    }
    if let Some(parent) = image_of_its_own(site) {
        let evidence = file.from_of(site.stage).map(|f| {
            let says = format!(
                "it is built on `{}`, which has a command",
                parent.name.as_deref().unwrap_or_default()
            );
            Evidence::command(f.span, says)
        });
        let says = "its last stage adds to another one that is an image of its own";
        return reason(says, evidence.into_iter().collect());
    }
    let facts = site.facts.stage(site.stage.id)?;
    let inherits = super::program::inherited(site).is_some();
    if facts.cmd.is_none() && facts.entrypoint.is_none() && !inherits {
        return reason(
            "it has neither CMD nor ENTRYPOINT, so what it is for is not known: a base, CI or development image",
            Vec::new(),
        );
    }
    for program in programs {
        let span = file.instructions.get(program.by).map(|i| i.arguments_span)?;
        match &program.what {
            What::Shell => {
                return reason(
                    "it starts a shell for people",
                    vec![Evidence::cmd(span, "a shell is started")],
                );
            }
            What::DevServer { tool } => {
                let evidence = Evidence::cmd(span, format!("`{tool}` serves while sources change"));
                return reason("it is for development", vec![evidence]);
            }
            _ => {}
        }
    }
    None
}

/// A stage with a name and a command that the last one is built on: people build it with `--target`.
fn image_of_its_own<'s>(site: &Site<'s>) -> Option<&'s Stage> {
    let file = site.file();
    let mut below = file.chain(site.stage).skip(1);
    below.find(|stage| {
        let own = file.instructions_of(stage);
        let starts = own
            .iter()
            .any(|i| matches!(i.keyword, Keyword::Cmd | Keyword::Entrypoint));
        stage.name.is_some() && starts
    })
}

/// Words in the name of a stage that developers work in.
const DEVELOPERS: [&str; 7] = [
    "debug",
    "dev",
    "devcontainer",
    "devel",
    "develop",
    "development",
    "devenv",
];

/// Whether a stage's name says that developers work in it: `dev`, `dev-envs`, `app-development`.
fn is_for_developers(name: &str) -> bool {
    let name = name.to_lowercase();
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| DEVELOPERS.contains(&word))
}

/// Whether a tool that compiles at the start is one of the application's own packages.
pub fn keeps_inputs(tool: &str) -> bool {
    let node = crate::knowledge::ecosystem::by_name("node");
    let mut words = tool.split_whitespace().map(str::to_owned);
    let program = words.next().unwrap_or_default();
    let rest: Vec<String> = words.collect();
    let begins = |pattern: &&&str| crate::knowledge::ecosystem::begins(pattern, &program, &rest).is_some();
    node.is_some_and(|n| n.compiles_at_start.iter().any(|p| begins(&p)))
}

/// Why a program that is compiled when the container starts keeps its compiler.
pub fn compiles_at_start(site: &Site<'_>, programs: &[Program]) -> Option<Reason> {
    let found = programs.iter().find_map(|p| match &p.what {
        // What compiles scripts lies in node_modules, and comes along with all that it reads.
        What::CompilesAtStart { tool } if !keeps_inputs(tool) => Some((p, tool)),
        _ => None,
    });
    let (program, tool) = found?;
    let span = site.file().instructions.get(program.by).map(|i| i.arguments_span)?;
    Some(Reason {
        says: format!(
            "`{tool}` compiles whenever a container starts, so the image needs its compiler; build the program in a \
             RUN and start what that makes"
        ),
        evidence: vec![Evidence::cmd(span, format!("`{tool}` is started"))],
    })
}

/// Why there is nothing to leave behind: nothing is compiled or bundled. None where something is.
pub fn nothing_built(site: &Site<'_>) -> Option<Reason> {
    if site.roles.iter().any(|r| r.role == Role::Build) {
        return None;
    }
    let dependencies = site.roles.iter().find(|r| matches!(r.role, Role::Dependencies { .. }));
    let (says, shown) = match dependencies {
        Some(role) => (
            "nothing is compiled: the program is interpreted, and what is installed for it is needed at run time",
            Some(role),
        ),
        None => (
            "nothing is compiled: what is installed and copied may all be needed at run time",
            site.roles.iter().find(|r| {
                matches!(
                    r.role,
                    Role::SystemPackages | Role::Tool | Role::Unknown | Role::SourceCopy
                )
            }),
        ),
    };
    Some(Reason {
        says: says.to_owned(),
        evidence: shown
            .map(|r| Evidence::command(r.span, r.why.says.clone()))
            .into_iter()
            .collect(),
    })
}

/// Whether the stage builds or installs anything that run time could do without.
pub fn works(site: &Site<'_>) -> bool {
    site.roles.iter().any(|r| {
        matches!(
            r.role,
            Role::Build | Role::Test | Role::Dependencies { .. } | Role::Tool | Role::SystemPackages | Role::Unknown
        )
    })
}
