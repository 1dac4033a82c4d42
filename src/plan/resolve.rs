//! Whether the programs that the image starts are in the new stage.

use super::compose::Parts;
use super::evidence::{Condition, Evidence};
use super::levels::Known;
use super::program::{Program, What};
use super::site::Site;
use super::system::Use;
use crate::knowledge::{self, Brings};
use crate::shell::lies_in;

/// Whether a program's files are in the stage that the parts make.
pub fn resolves(site: &Site<'_>, known: &Known<'_>, parts: &Parts<'_>, program: &Program) -> Condition {
    let what = format!("`{}` is found in the stage that runs", program.words.join(" "));
    let found = match &program.what {
        What::File { path } => file(site, known, parts, path),
        What::FromPath { name } => by_name(site, known, parts, name),
        What::Interpreter { program, script } => {
            let interpreter = if program.starts_with('/') {
                file(site, known, parts, program)
            } else {
                by_name(site, known, parts, program)
            };
            match (interpreter, script) {
                (Some(evidence), None) => Some(evidence),
                (Some(_), Some(path)) => file(site, known, parts, path),
                (None, _) => None,
            }
        }
        What::CompilesAtStart { tool } if super::refusal::keeps_inputs(tool) => {
            let modules = parts.artifacts.iter().find(|a| a.path.ends_with("/node_modules/"));
            let inside = |a: &super::artifact::Artifact| {
                Evidence::tool(format!("`{}` is copied from the builder with the sources", a.path))
            };
            let global = by_name(site, known, parts, program.words.first().map_or("", String::as_str));
            let node = by_name(site, known, parts, "node");
            node.and(global.or(modules.map(inside)))
        }
        What::CompilesAtStart { tool } => {
            return Condition::not_met(
                "the program is compiled before it is started",
                vec![evidence(
                    site,
                    program,
                    format!("`{tool}` compiles when the container starts"),
                )],
            );
        }
        What::Shell | What::DevServer { .. } => None,
        What::Unknown(why) => {
            // What cannot be read may do anything, but it must be there.
            let word = program.words.first().filter(|w| w.contains('/') && !w.contains('$'));
            let path = word.and_then(|w| super::artifact::absolute(site.workdir().as_deref(), w));
            if path.is_some_and(|path| file(site, known, parts, &path).is_none()) {
                return Condition::not_met(
                    what,
                    vec![evidence(site, program, "nothing that is copied or installed has it")],
                );
            }
            return Condition::unproven(what, vec![evidence(site, program, why.clone())], "a CMD in JSON form");
        }
    };
    let name = program.words.first().map_or("", |w| w.rsplit('/').next().unwrap_or(w));
    if found.is_none()
        && !matches!(&program.what, What::Shell | What::DevServer { .. })
        && let Some(known) = known.application.and_then(|a| a.brings(name))
    {
        return if known {
            let says = format!("a package that brings `{name}` is installed");
            Condition::met(what, vec![evidence(site, program, says)])
        } else {
            let says = format!("no list of packages names `{name}`");
            Condition::unproven(what, vec![evidence(site, program, says)], "a build")
        };
    }
    match found {
        Some(found) => Condition::met(what, vec![found]),
        None => Condition::not_met(
            what,
            vec![evidence(site, program, "nothing that is copied or installed has it")],
        ),
    }
}

fn evidence(site: &Site<'_>, program: &Program, says: impl Into<String>) -> Evidence {
    let span = site.file().instructions.get(program.by).map(|i| i.arguments_span);
    match span {
        Some(span) => Evidence::cmd(span, says),
        None => Evidence::tool(says),
    }
}

/// A path that may hold one `*`, against one that holds none.
fn fits(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((start, end)) => path.len() >= start.len() + end.len() && path.starts_with(start) && path.ends_with(end),
    }
}

/// Programs that every image with a shell has.
const SHELL_PROGRAMS: [&str; 12] = [
    "sh", "ash", "cat", "echo", "env", "sleep", "true", "ls", "tail", "test", "printf", "chown",
];

fn file(site: &Site<'_>, known: &Known<'_>, parts: &Parts<'_>, path: &str) -> Option<Evidence> {
    for artifact in parts.artifacts {
        let lands = parts
            .application
            .map_or(artifact.path.as_str(), |a| a.destination(&artifact.path));
        let hit = if artifact.path.ends_with('/') {
            lies_in(path, lands)
        } else {
            fits(&artifact.path, path)
        };
        if hit {
            return Some(Evidence::tool(format!(
                "`{}` is copied from the builder",
                artifact.path
            )));
        }
    }
    if let Some(tree) = parts.trees.iter().find(|tree| lies_in(path, tree)) {
        return Some(Evidence::tool(format!("`{tree}` is copied from the builder")));
    }
    if let Some(need) = parts.files.iter().find(|n| lies_in(path, &n.path)) {
        return Some(Evidence::tool(format!("`{}` is copied from the context", need.path)));
    }
    if let Some(extra) = parts.base.files.iter().find(|f| lies_in(path, &f.to)) {
        return Some(Evidence::tool(format!("`{}` is copied from the builder", extra.to)));
    }
    for (role, lot) in site.roles.iter().zip(&parts.deal.lots) {
        let kept = lot.runtime || parts.context.contains(&role.place.instruction);
        let instruction = site.file().instructions.get(role.place.instruction)?;
        let Some(transfer) = instruction.transfer().filter(|_| kept) else {
            continue;
        };
        let value = |w: &crate::syntax::Word| site.file().expand(w, instruction.index).ok().map(|e| e.value);
        let Some(destination) = transfer.destination.as_ref().and_then(value) else {
            continue;
        };
        let to = super::artifact::absolute(site.workdir_at(instruction.index).as_deref(), &destination)?;
        if lies_in(path, &to) {
            return Some(Evidence::command(
                instruction.span,
                "it is copied into the stage that runs",
            ));
        }
    }
    let (folder, name) = path.rsplit_once('/')?;
    if [
        "/bin",
        "/usr/bin",
        "/sbin",
        "/usr/sbin",
        "/usr/local/bin",
        "/usr/local/sbin",
    ]
    .contains(&folder)
    {
        return by_name(site, known, parts, name);
    }
    None
}

fn by_name(site: &Site<'_>, known: &Known<'_>, parts: &Parts<'_>, name: &str) -> Option<Evidence> {
    for artifact in parts.artifacts {
        if artifact.path.rsplit('/').next() == Some(name) {
            return Some(Evidence::tool(format!(
                "`{}` is copied from the builder",
                artifact.path
            )));
        }
        if artifact.path.ends_with("/bin/") {
            return Some(Evidence::tool(format!(
                "`{}` is copied from the builder",
                artifact.path
            )));
        }
    }
    if let Some(extra) = parts.base.files.iter().find(|f| f.to.rsplit('/').next() == Some(name)) {
        return Some(Evidence::tool(format!("`{}` is copied from the builder", extra.to)));
    }
    let shell = parts.base.variant.is_some_and(|v| v.brings(Brings::Shell));
    if shell && SHELL_PROGRAMS.contains(&name) {
        return Some(Evidence::image(format!("`{}` has it", parts.base.reference)));
    }
    let glibc = parts
        .base
        .variant
        .is_some_and(|v| v.libc == knowledge::Libc::Glibc && v.brings(Brings::Shell));
    if glibc && name == "bash" {
        return Some(Evidence::image(format!("`{}` has it", parts.base.reference)));
    }
    for packages in &parts.base.packages {
        let brings = |p: &String| p == name || knowledge::programs_of(p).contains(&name);
        if packages.names.iter().any(brings) {
            return Some(Evidence::tool(format!("the package `{name}` is installed")));
        }
    }
    for package in &known.system.found {
        if let Use::Runtime(names) = &package.use_
            && (package.name == name || names.iter().any(|n| n == name))
        {
            return Some(Evidence::tool(format!("the package `{name}` is installed")));
        }
    }
    // Installed where it runs, by a language's own package manager.
    let installed = site.roles.iter().zip(&parts.deal.lots).find(|(role, lot)| {
        lot.runtime
            && matches!(
                role.role,
                super::role::Role::Dependencies { .. } | super::role::Role::Tool
            )
            && site.file().source.slice(role.span).split_whitespace().any(|w| {
                let package = w.rsplit('/').next().unwrap_or(w);
                let whole = w.strip_suffix("@latest").unwrap_or(w);
                let brings = crate::knowledge::ecosystem::brought(whole);
                package == name
                    || package.split('@').next() == Some(name)
                    || brings.is_some_and(|b| b.programs.contains(&name))
            })
    });
    if let Some((role, _)) = installed {
        let manager = super::deal::commands(site, role.place).next().unwrap_or_default();
        let has = image_family(&parts.base.reference).is_some_and(|family| family_has(family, manager));
        if has {
            return Some(Evidence::command(role.span, "it is installed in the stage that runs"));
        }
    }
    let config = parts.base.variant.and_then(|v| v.config);
    if config.is_some_and(|config| config.has_program(name)) {
        return Some(Evidence::image(format!("`{}` has it", parts.base.reference)));
    }
    image_family(&parts.base.reference)
        .filter(|family| family_has(family, name))
        .map(|_| Evidence::image(format!("`{}` has it", parts.base.reference)))
}

/// The family of an image in the table.
fn image_family(reference: &str) -> Option<&'static str> {
    let image = crate::model::ImageRef::expanded(reference, crate::source::Span::at(0));
    knowledge::image(image.registry.as_deref(), &image.repository).map(|i| i.family)
}

/// The programs that a family's images are made to run.
fn family_has(family: &str, name: &str) -> bool {
    let names: &[&str] = match family {
        "node" => &["node", "npm", "npx", "yarn", "nodejs"],
        "python" => &["python", "python3", "pip"],
        "java" | "openjdk" | "temurin" => &["java"],
        "dotnet" => &["dotnet"],
        "ruby" => &["ruby", "bundle", "gem"],
        "php" => &["php", "php-fpm", "apache2-foreground"],
        "nginx" => &["nginx"],
        "deno" => &["deno"],
        "bun" => &["bun", "bunx"],
        "perl" => &["perl"],
        _ => &[],
    };
    names.contains(&name)
}
