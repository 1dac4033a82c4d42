//! Brings together what the build makes and what CMD starts.

use super::laid::{Laid, Way};
use super::landing::Landing;
use super::moves::holds;
use super::outputs::{Output, Outputs};
use super::step::Step;
use super::{Artifact, ArtifactKind, Artifacts};
use crate::knowledge::ecosystem;
use crate::model::Keyword;
use crate::plan::Observed;
use crate::plan::evidence::{Condition, Evidence, EvidenceSource};
use crate::plan::program::{Program, What};
use crate::plan::site::Site;
use crate::shell::lies_in;

/// Decides which outputs are wanted.
pub fn conclude(
    site: &Site<'_>,
    landing: &Landing,
    programs: &[Program],
    steps: &[Step],
    outputs: Outputs<'_>,
) -> Artifacts {
    let Outputs {
        mut list,
        conditions,
        mut laid,
        ..
    } = outputs;
    laid.extend(super::laid::copied(site));
    let mut out = Artifacts {
        found: Vec::new(),
        conditions,
        laid,
    };
    let mut wanted = vec![false; list.len()];
    for program in programs {
        let main = site
            .file()
            .instructions
            .get(program.by)
            .is_some_and(|i| i.keyword != Keyword::Healthcheck);
        let says = |path: &str| {
            Evidence::new(
                cmd_of(site, program),
                format!("{} starts {path}", keyword(site, program)),
            )
        };
        let places = places(site, program);
        let mut found = false;
        // A pattern that stands for programs which are not known does not stand for the system's own.
        let system = match &program.what {
            What::FromPath { name } => {
                let config = site.base.and_then(|b| b.variant.config);
                config.is_some_and(|c| c.has_program(name)) || matches!(name.as_str(), "sh" | "bash" | "ash")
            }
            _ => false,
        };
        let global = matches!(&program.what, What::FromPath { name } if is_global(steps, name));
        let exact = list
            .iter()
            .any(|o| !o.path.contains('*') && places.iter().any(|path| holds(o, path)));
        for (at, output) in list.iter_mut().enumerate() {
            if (system || exact) && output.path.contains('*') || global && is_modules(output) {
                continue;
            }
            let Some(path) = places.iter().find(|path| holds(output, path)) else {
                continue;
            };
            found = true;
            if let Some(wanted) = wanted.get_mut(at) {
                *wanted = true;
            }
            output.sources.push(says(path));
            if !output.path.ends_with('/') && !output.path.ends_with("*.class") {
                output.path.clone_from(path);
            }
        }
        if !main {
            continue;
        }
        if let Some(server) = serves(program) {
            let served = serve(site, program, server.clone(), &mut list, &mut wanted);
            if !served && let Some(folder) = server {
                match filled(site, landing, program, &folder, steps) {
                    Some(output) => {
                        list.push(output);
                        wanted.push(true);
                    }
                    None => out.conditions.push(Condition::not_met(
                        format!("what makes `{folder}` is known"),
                        vec![Evidence::new(
                            cmd_of(site, program),
                            format!("`{}` serves it", program.words.join(" ")),
                        )],
                    )),
                }
            }
            found |= served;
        }
        // A program that is started by another one.
        for word in program.words.iter().skip(1) {
            let Some(path) = argument(site, word) else { continue };
            for (at, output) in list.iter_mut().enumerate() {
                if path.contains(&output.path) {
                    output.sources.push(Evidence::new(
                        cmd_of(site, program),
                        format!("{} names {}", keyword(site, program), output.path),
                    ));
                    if let Some(wanted) = wanted.get_mut(at) {
                        *wanted = true;
                    }
                }
            }
        }
        condition(site, landing, program, &places, found, &mut out.conditions);
    }
    // What the Dockerfile itself names as a result is wanted too, unless the build alone runs it.
    for (at, output) in list.iter().enumerate() {
        let run = steps
            .iter()
            .any(|s| s.name.contains('/') && s.path(&s.name).as_deref() == Some(output.path.as_str()));
        let asked = output.explicit && !run && !output.path.contains('*') && !output.path.starts_with("/tmp/");
        if asked && let Some(wanted) = wanted.get_mut(at) {
            *wanted = true;
        }
    }
    own_libraries(&mut list, &mut wanted);
    // Packages are an artifact only where they serve what was built of them; else they are the
    // program's own dependencies.
    let serves_site = list
        .iter()
        .zip(&wanted)
        .any(|(o, w)| *w && o.kind == ArtifactKind::Site);
    for (output, wanted) in list.into_iter().zip(wanted) {
        if wanted && (serves_site || !is_modules(&output)) {
            out.conditions.extend(output.conditions.iter().cloned());
            out.found.push(artifact(site, output));
        } else if !wanted && !is_modules(&output) {
            out.laid.extend(unwanted(output));
        }
    }
    for artifact in &out.found {
        let named = agreeing(&artifact.sources);
        let what = format!("two sources agree on {}", artifact.path);
        out.conditions.push(if named >= 2 {
            Condition::met(what, artifact.sources.clone())
        } else {
            Condition::unproven(what, artifact.sources.clone(), "a build that shows the file")
        });
    }
    out
}

/// Programs find the shared libraries that are built with them when they start, or load them by name.
fn own_libraries(list: &mut [Output], wanted: &mut [bool]) {
    let own: Vec<String> = list
        .iter()
        .filter(|o| is_library(&o.path))
        .filter_map(|o| o.path.rsplit('/').next()?.split_once(".so"))
        .map(|(name, _)| super::linkage::package(name))
        .collect();
    // No package holds what the build makes itself.
    for output in list.iter_mut() {
        if let ArtifactKind::Binary { needs, .. } = &mut output.kind {
            needs.retain(|need| !own.contains(need));
        }
    }
    let binary = |output: &Output| matches!(output.kind, ArtifactKind::Binary { .. });
    let any = |ecosystem: &str, list: &[Output], wanted: &[bool]| {
        let mut both = list.iter().zip(wanted.iter());
        both.any(|(o, wanted)| *wanted && binary(o) && o.ecosystem == ecosystem)
    };
    for at in 0..list.len() {
        let Some(output) = list.get(at) else { continue };
        let passing = ["/tmp/", "/dev/"].iter().any(|f| output.path.starts_with(f));
        let loaded = binary(output) && is_library(&output.path) && !passing && any(output.ecosystem, list, wanted);
        if loaded && let Some(wanted) = wanted.get_mut(at) {
            *wanted = true;
        }
    }
}

/// Whether a path is that of a shared library: `libx.so`, `libx.so.1`, `libx.so*`.
pub(super) fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".so") || name.contains(".so.") || name.ends_with(".so*")
}

/// An output that nothing is known to start, for what may name it.
fn unwanted(output: Output) -> Option<Laid> {
    let evidence = output.sources.into_iter().next()?;
    Some(Laid {
        path: output.path,
        place: output.place,
        way: Way::Made,
        from: None,
        evidence,
    })
}

/// The folder of npm's packages.
fn is_modules(output: &Output) -> bool {
    output.path.ends_with("/node_modules/")
}

/// Whether a program comes from a package that is installed for all.
fn is_global(steps: &[Step], name: &str) -> bool {
    steps.iter().any(|step| {
        matches!(step.program.as_str(), "npm" | "yarn" | "pnpm" | "bun")
            && (step.has("-g") || step.has("--global") || step.has("global"))
            && step.words.iter().any(|w| w.split('@').next() == Some(name))
    })
}

/// Where a word of a command may point to: a file, or a program of PATH.
fn argument(site: &Site<'_>, word: &str) -> Option<Vec<String>> {
    let word = word.split_once('=').map_or(word, |(_, value)| value);
    if word.is_empty() || word.starts_with('-') || word.contains(['$', ' ', '*', ':']) {
        return None;
    }
    if word.contains('/') {
        return super::absolute(site.workdir().as_deref(), word).map(|path| vec![path]);
    }
    Some(folders(site).iter().map(|folder| format!("{folder}/{word}")).collect())
}

/// A folder of the context that a build writes to as well: it is taken as the build left it.
fn filled(site: &Site<'_>, landing: &Landing, program: &Program, folder: &str, steps: &[Step]) -> Option<Output> {
    let path = super::absolute(site.workdir().as_deref(), folder).filter(|p| p != "/")?;
    let context = site.context?;
    let found = landing.existing(context, &path)?;
    let last = steps.iter().rev().find(|step| !step.followed)?;
    let mut sources = vec![Evidence::new(
        cmd_of(site, program),
        format!("`{}` serves it", program.words.join(" ")),
    )];
    // Settings of bundlers that write to it.
    let parent = found.rsplit_once('/').map_or("", |(parent, _)| parent);
    let name = found.rsplit('/').next().unwrap_or(&found);
    for config in [
        "webpack.config.js",
        "rollup.config.js",
        "vue.config.js",
        "gulpfile.js",
        "Gruntfile.js",
    ] {
        let config = super::landing::join(parent, config);
        let config = config.trim_start_matches('/');
        let Some(text) = context.read_text(config) else {
            continue;
        };
        let line = text.lines().position(|line| {
            ["\"", "'", "`", "/"].iter().any(|before| {
                line.contains(&format!("{before}{name}/")) || line.contains(&format!("{before}{name}{before}"))
            })
        });
        if let Some(line) = line {
            let says = format!("`{name}` is named as an output");
            sources.push(Evidence::manifest(config, Some(line + 1), says));
        }
    }
    Some(Output {
        path: format!("{path}/"),
        kind: ArtifactKind::Site,
        place: last.place,
        sources,
        ecosystem: "node",
        alter: None,
        explicit: false,
        conditions: Vec::new(),
    })
}

/// How many kinds of sources there are: command, CMD, manifest, tool, observation.
fn agreeing(sources: &[Evidence]) -> usize {
    let kind = |from: &EvidenceSource| match from {
        EvidenceSource::Command(_) => 0,
        EvidenceSource::Cmd(_) | EvidenceSource::SourceFile { .. } => 1,
        EvidenceSource::Manifest { .. } => 2,
        EvidenceSource::ToolDefault => 3,
        EvidenceSource::Observed => 4,
        _ => 5,
    };
    let mut kinds: Vec<u8> = sources.iter().map(|s| kind(&s.from)).filter(|k| *k < 5).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.len()
}

fn keyword(site: &Site<'_>, program: &Program) -> &'static str {
    site.file()
        .instructions
        .get(program.by)
        .map_or("CMD", |i| i.keyword.name())
}

fn cmd_of(site: &Site<'_>, program: &Program) -> EvidenceSource {
    match site.file().instructions.get(program.by) {
        Some(instruction) => EvidenceSource::Cmd(instruction.span),
        None => EvidenceSource::ToolDefault,
    }
}

/// Where a program may lie, absolute.
fn places(site: &Site<'_>, program: &Program) -> Vec<String> {
    match &program.what {
        What::File { path } => vec![path.clone()],
        What::Interpreter {
            script: Some(script), ..
        } => vec![script.clone()],
        What::FromPath { name } => folders(site).iter().map(|folder| format!("{folder}/{name}")).collect(),
        _ => Vec::new(),
    }
}

/// The folders of PATH at the end of the stage.
fn folders(site: &Site<'_>) -> Vec<String> {
    let path = site
        .file()
        .view_of(site.stage)
        .get("PATH")
        .and_then(|v| v.value.as_deref().map(str::to_owned));
    let mut folders: Vec<String> = path
        .unwrap_or_default()
        .split(':')
        .filter(|f| f.starts_with('/'))
        .map(|f| f.trim_end_matches('/').to_owned())
        .collect();
    // The base image's own, which ENV in the file may build on.
    for known in [
        "/usr/local/bin",
        "/usr/bin",
        "/bin",
        "/usr/local/sbin",
        "/usr/sbin",
        "/sbin",
        "/go/bin",
        "/usr/local/cargo/bin",
        "/root/.cargo/bin",
    ] {
        if !folders.iter().any(|f| f == known) {
            folders.push(known.to_owned());
        }
    }
    folders
}

pub(super) fn artifact(site: &Site<'_>, output: Output) -> Artifact {
    let Output {
        path,
        mut kind,
        place,
        mut sources,
        ecosystem,
        alter,
        ..
    } = output;
    for observed in site.observed() {
        if let Observed::Linked {
            path: seen,
            linkage,
            libraries,
            packages,
        } = observed
            && *seen == path
        {
            let needs = if packages.is_empty() { libraries } else { packages };
            kind = ArtifactKind::Binary {
                linkage: *linkage,
                needs: needs.clone(),
            };
            sources.push(Evidence::new(
                EvidenceSource::Observed,
                "the file that was built shows how it is linked",
            ));
        }
    }
    Artifact {
        path,
        kind,
        made_by: Some(place),
        sources,
        ecosystem,
        alter,
    }
}

/// The server of files that a program is: the folder that it serves, where its words or the server's
/// default tell.
fn serves(program: &Program) -> Option<Option<String>> {
    // A program of the file's own may have the name of one.
    if matches!(&program.what, What::File { path } if !path.contains("/node_modules/")) {
        return None;
    }
    let first = program.words.first()?;
    let name = first.rsplit('/').next().unwrap_or(first);
    let rest = program.words.get(1..).unwrap_or_default();
    for known in ecosystem::all() {
        for server in known.serves_files {
            let Some(taken) = ecosystem::begins(server.command, name, rest) else {
                continue;
            };
            let words = rest.get(taken..).unwrap_or_default();
            let by_option = words.iter().enumerate().find_map(|(at, word)| {
                if server.folder.contains(&word.as_str()) {
                    return words.get(at + 1).cloned();
                }
                let (option, value) = word.split_once('=')?;
                server.folder.contains(&option).then(|| value.to_owned())
            });
            let operand = words
                .iter()
                .enumerate()
                .find(|(at, w)| {
                    let value = at
                        .checked_sub(1)
                        .and_then(|i| words.get(i))
                        .is_some_and(|before| takes_value(before));
                    !w.starts_with('-') && !value
                })
                .map(|(_, w)| w.clone());
            // nginx and its like take their folder from their configuration.
            let operand = operand.filter(|_| server.default.is_some());
            return Some(by_option.or(operand).or(server.default.map(str::to_owned)));
        }
    }
    None
}

fn takes_value(option: &str) -> bool {
    matches!(
        option,
        "-l" | "--listen" | "-p" | "--port" | "-c" | "--config" | "-a" | "-H" | "--host" | "-L"
    )
}

fn serve(site: &Site<'_>, program: &Program, folder: Option<String>, list: &mut [Output], wanted: &mut [bool]) -> bool {
    let folder = folder.filter(|f| !f.contains('$'));
    let path = folder.and_then(|f| super::absolute(site.workdir().as_deref(), &f));
    let mut found = false;
    for (at, output) in list.iter_mut().enumerate() {
        if !matches!(output.kind, ArtifactKind::Site | ArtifactKind::Tree) {
            continue;
        }
        let own = output.path.trim_end_matches('/');
        let fits = match &path {
            Some(path) => lies_in(own, path),
            // nginx and its like serve what lies in their folder.
            None => [
                "/usr/share/nginx/html",
                "/usr/local/apache2/htdocs",
                "/var/www/html",
                "/usr/share/caddy",
                "/srv",
            ]
            .iter()
            .any(|root| own.starts_with(root)),
        };
        if fits && let Some(wanted) = wanted.get_mut(at) {
            *wanted = true;
            found = true;
            output.kind = ArtifactKind::Site;
            let says = format!("`{}` serves it", program.words.join(" "));
            output.sources.push(Evidence::new(cmd_of(site, program), says));
        }
    }
    found
}

fn condition(
    site: &Site<'_>,
    landing: &Landing,
    program: &Program,
    places: &[String],
    found: bool,
    conditions: &mut Vec<Condition>,
) {
    let evidence = program.evidence.clone();
    match &program.what {
        What::Unknown(why) => conditions.push(Condition::unproven(
            "what the image starts is known",
            evidence,
            format!("{why}; a run of the image would show it"),
        )),
        What::File { path } if found => {
            conditions.push(Condition::met(format!("{path} is made by the build"), evidence));
        }
        What::File { path } => {
            let system = ["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/lib/", "/etc/"]
                .iter()
                .any(|d| path.starts_with(d));
            let copied = site.context.is_some_and(|c| landing.existing(c, path).is_some());
            if system || copied {
                return;
            }
            conditions.push(Condition::unproven(
                format!("{path} is made by the build"),
                evidence,
                "a build that shows which step writes it",
            ));
        }
        What::Interpreter {
            script: Some(script), ..
        } if found => {
            conditions.push(Condition::met(format!("{script} is made by the build"), evidence));
        }
        What::Interpreter {
            script: Some(script), ..
        } => {
            let copied = places
                .iter()
                .any(|p| site.context.is_some_and(|c| landing.existing(c, p).is_some()));
            if !copied {
                conditions.push(Condition::unproven(
                    format!("{script} is made by the build"),
                    evidence,
                    "a build that shows which step writes it",
                ));
            }
        }
        _ => {}
    }
}
