//! Packages and tools: which stage wants them.

use super::{commands, short};
use crate::plan::artifact::Artifact;
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::program::{Program, What};
use crate::plan::role::{Role, RoleOf};
use crate::plan::site::Site;
use crate::shell::{Manager, Operation};

/// Whether a package that is installed for all is a program that the image starts: it is installed
/// where it runs.
pub(super) fn started(site: &Site<'_>, role: &RoleOf, programs: &[Program]) -> bool {
    let instruction = site.file().instructions.get(role.place.instruction);
    let Some(run) = instruction.and_then(|i| site.facts.run(i)) else {
        return false;
    };
    let range = role
        .place
        .piece
        .and_then(|p| run.script.chain.get(p))
        .map(|l| l.commands.clone());
    let installed = instruction
        .into_iter()
        .flat_map(|i| run.views(site.file(), i))
        .filter(|view| range.as_ref().is_some_and(|r| r.contains(&view.index)))
        .flat_map(|view| view.operations)
        .filter_map(|operation| match operation {
            Operation::Packages(p) if p.global || matches!(p.manager, Manager::Pip | Manager::Gem) => Some(p),
            _ => None,
        })
        .flat_map(|p| &p.packages);
    let mut names = installed.filter_map(|p| p.name.rsplit('/').next());
    names.any(|package| {
        programs.iter().any(|program| match &program.what {
            What::FromPath { name } => name == package,
            _ => {
                program.words.first().is_some_and(|w| w == package)
                    || program.via.iter().any(|v| v.starts_with(package))
            }
        })
    })
}

/// Whether only the build needs what is installed or fetched: the artifact's own ecosystem installs
/// what it is built of, and a tool that a later step starts is there for that step. None where it is
/// so, else what is not proven.
pub(super) fn only_built_with(site: &Site<'_>, role: &RoleOf, artifacts: &[Artifact]) -> Option<Condition> {
    let text = site.file().source.slice(role.span);
    let own = matches!(role.role, Role::Dependencies { .. })
        && commands(site, role.place).any(|name| artifacts.iter().any(|a| installs_for(a.ecosystem, name)));
    // Commands of the build behind it that are not everybody's.
    let used = site
        .roles
        .iter()
        .filter(|r| r.place > role.place)
        .filter(|r| {
            !matches!(
                r.role,
                Role::Metadata | Role::Shell | Role::Cleanup | Role::RuntimeSetup
            )
        })
        .flat_map(|r| commands(site, r.place))
        .filter(|name| {
            name.len() > 1
                && !matches!(
                    *name,
                    "curl" | "wget" | "tar" | "unzip" | "git" | "mv" | "cp" | "ln" | "sh" | "bash"
                )
        })
        .any(|name| {
            text.split(|c: char| !c.is_ascii_alphanumeric() && !"-_.+".contains(c))
                .any(|w| w == name || w.starts_with(&format!("{name}-")))
        });
    // An archive that is moved and unpacked is used by what unpacks it.
    let beside = site.roles.iter().any(|r| {
        r.place.instruction == role.place.instruction
            && r.place > role.place
            && matches!(r.role, Role::Tool | Role::Build)
    });
    if own || used || beside {
        return None;
    }
    Some(Condition::unproven(
        format!("only the build needs `{}`", short(text)),
        vec![Evidence::command(role.span, role.why.says.clone())],
        "a run of the new image",
    ))
}

/// Whether a package manager installs what an ecosystem's artifacts are built of.
fn installs_for(ecosystem: &str, program: &str) -> bool {
    let programs: &[&str] = match ecosystem {
        "go" => &["go", "glide", "dep", "govendor", "godep", "gvt"],
        "rust" => &["cargo", "rustup"],
        "node" | "site" => &["npm", "yarn", "pnpm", "npx", "corepack", "bun"],
        "java" | "maven" | "gradle" | "kotlin" => &["mvn", "mvnw", "gradle", "gradlew"],
        "dotnet" => &["dotnet", "nuget"],
        "c" | "cpp" | "cmake" => &["conan", "vcpkg", "cmake"],
        "elixir" => &["mix", "rebar3"],
        "deno" => &["deno"],
        "bun" => &["bun"],
        "haskell" => &["stack", "cabal"],
        "swift" => &["swift"],
        _ => &[],
    };
    programs.contains(&program)
}
