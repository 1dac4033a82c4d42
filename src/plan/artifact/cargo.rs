//! `cargo build` and `cargo install`.

use super::linkage;
use super::outputs::{Output, Outputs};
use super::step::Step;
use super::{ArtifactKind, Linkage, absolute};
use crate::context::Context;
use crate::context::sources;
use crate::knowledge::Libc;
use crate::knowledge::ecosystem::{Ecosystem, How};
use crate::plan::evidence::{Condition, Evidence};

const WITH_VALUE: &[&str] = &[
    "--bin",
    "-p",
    "--package",
    "--target",
    "--target-dir",
    "--manifest-path",
    "--profile",
    "--features",
    "-F",
    "-j",
    "--jobs",
    "--root",
    "--path",
    "--git",
    "--branch",
    "--tag",
    "--rev",
    "--version",
    "--vers",
    "--config",
    "-Z",
    "--example",
    "--message-format",
    "--color",
    "--exclude",
];

/// Takes note of what the step makes.
pub fn step(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) {
    let operands = step.operands(WITH_VALUE);
    let mut verbs = operands.iter().filter(|w| !w.starts_with('+'));
    let Some(mut verb) = verbs.next() else { return };
    if *verb == "auditable" {
        match verbs.next() {
            Some(next) => verb = next,
            None => return,
        }
    }
    match *verb {
        "install" => install(outputs, ecosystem, step, verbs.next().copied()),
        _ => build(outputs, ecosystem, step),
    }
}

/// Where a project is.
struct Project {
    /// The package's or workspace's folder in the context.
    context: String,
    /// That of the workspace around it, in the image.
    root: String,
    /// That of the workspace in the context.
    root_context: String,
}

fn project(outputs: &Outputs<'_>, step: &Step, folder: Option<&str>) -> Option<Project> {
    let folder = match (step.option(&["--manifest-path"]), folder) {
        (Some(path), _) => {
            let path = step.path(path)?;
            Some(path.rsplit_once('/').map_or("/".to_owned(), |(f, _)| f.to_owned()))
        }
        (None, Some(folder)) => step.path(folder),
        (None, None) => step.cwd.clone(),
    };
    let (context_folder, image) = outputs.project(folder.as_deref(), "Cargo.toml")?;
    let context = outputs.site.context?;
    // A workspace above it holds the target folder.
    let (mut root, mut root_context) = (image.clone(), context_folder.clone());
    let mut above = image.as_str();
    while let Some((parent, _)) = above.rsplit_once('/') {
        let Some((found, at)) = outputs.project(Some(if parent.is_empty() { "/" } else { parent }), "Cargo.toml")
        else {
            break;
        };
        if context.cargo_toml(&found).is_some_and(|c| c.workspace.is_some()) {
            root = at;
            root_context = found;
            break;
        }
        above = parent;
    }
    Some(Project {
        context: context_folder,
        root,
        root_context,
    })
}

fn build(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) {
    let found = project(outputs, step, None);
    let var = |name: &str| step.var(&outputs.site, name).filter(|v| !v.is_empty());
    let config = found.as_ref().and_then(|p| cargo_config(outputs, &p.root_context));
    let root = match &found {
        Some(project) => project.root.clone(),
        None => match &step.cwd {
            Some(cwd) => cwd.clone(),
            None => return,
        },
    };
    let target_dir = step
        .option(&["--target-dir"])
        .map(str::to_owned)
        .or_else(|| var("CARGO_TARGET_DIR"))
        .or_else(|| config.as_deref().and_then(|c| setting(c, "target-dir")))
        .unwrap_or_else(|| format!("{}/target", root.trim_end_matches('/')));
    let Some(target_dir) = absolute(step.cwd.as_deref(), &target_dir) else {
        return;
    };
    let triple = step
        .option(&["--target"])
        .map(str::to_owned)
        .or_else(|| var("CARGO_BUILD_TARGET"))
        .or_else(|| config.as_deref().and_then(|c| setting(c, "target")));
    let profile = match step.option(&["--profile"]) {
        Some("dev" | "test") => "debug",
        Some("bench") => "release",
        Some(profile) => profile,
        None if step.has("--release") || step.has("-r") || step.has("-vr") => "release",
        None => "debug",
    };
    let folder = match &triple {
        Some(triple) => format!("{target_dir}/{triple}/{profile}"),
        None => format!("{target_dir}/{profile}"),
    };
    let where_ = Evidence::tool(format!("cargo writes programs to {folder}"));
    let mut named: Vec<(String, Vec<Evidence>)> = Vec::new();
    let bins: Vec<&str> = step
        .words
        .windows(2)
        .filter_map(|pair| match pair {
            [flag, name] if flag == "--bin" => Some(name.as_str()),
            _ => None,
        })
        .chain(step.words.iter().filter_map(|w| w.strip_prefix("--bin=")))
        .collect();
    for bin in &bins {
        named.push((
            (*bin).to_owned(),
            vec![step.evidence(format!("`--bin {bin}` names the program"))],
        ));
    }
    if bins.is_empty()
        && let (Some(project), Some(context)) = (&found, outputs.site.context)
    {
        let wanted = step.option(&["-p", "--package"]);
        for (name, evidence) in programs(context, &project.context, wanted, 0) {
            named.push((name, vec![evidence]));
        }
        if named.is_empty() && project.context != project.root_context {
            for (name, evidence) in programs(context, &project.root_context, wanted, 0) {
                named.push((name, vec![evidence]));
            }
        }
    }
    if named.is_empty() {
        named.push(("*".to_owned(), Vec::new()));
    }
    let linked = link(
        outputs,
        ecosystem,
        step,
        triple.as_deref(),
        config.as_deref(),
        found.as_ref(),
    );
    for (name, mut sources) in named {
        sources.push(where_.clone());
        sources.extend(linked.evidence.iter().cloned());
        outputs.push(Output {
            path: format!("{folder}/{name}"),
            kind: linked.kind.clone(),
            place: step.place,
            sources,
            ecosystem: ecosystem.name,
            alter: None,
            explicit: false,
            conditions: linked.conditions.clone(),
        });
    }
}

fn install(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step, operand: Option<&str>) {
    let var = |name: &str| step.var(&outputs.site, name).filter(|v| !v.is_empty());
    let root = step
        .option(&["--root"])
        .map(str::to_owned)
        .or_else(|| var("CARGO_INSTALL_ROOT"))
        .or_else(|| var("CARGO_HOME"))
        .unwrap_or_else(|| "/usr/local/cargo".to_owned());
    let Some(root) = absolute(step.cwd.as_deref(), &root) else {
        return;
    };
    let bin = format!("{}/bin", root.trim_end_matches('/'));
    let where_ = match step.option(&["--root"]) {
        Some(root) => step.evidence(format!("`--root {root}` names the folder")),
        None => Evidence::tool(format!("`cargo install` writes programs to {bin}")),
    };
    let local = step.option(&["--path"]);
    let mut named: Vec<(String, Vec<Evidence>)> = Vec::new();
    let mut found = None;
    if let Some(path) = local {
        found = project(outputs, step, Some(path));
        if let (Some(project), Some(context)) = (&found, outputs.site.context) {
            for (name, evidence) in programs(context, &project.context, None, 0) {
                named.push((name, vec![evidence]));
            }
        }
        if named.is_empty() {
            named.push(("*".to_owned(), Vec::new()));
        }
    } else if let Some(name) = operand {
        let name = name.split('@').next().unwrap_or(name);
        named.push((
            name.to_owned(),
            vec![step.evidence(format!("the program is called like its crate `{name}`"))],
        ));
        // A crate may call its programs otherwise; which, CMD tells.
        named.push(("*".to_owned(), Vec::new()));
    }
    let config = found.as_ref().and_then(|p| cargo_config(outputs, &p.root_context));
    let linked = link(
        outputs,
        ecosystem,
        step,
        step.option(&["--target"]),
        config.as_deref(),
        found.as_ref(),
    );
    for (name, mut sources) in named {
        sources.push(where_.clone());
        sources.extend(linked.evidence.iter().cloned());
        outputs.push(Output {
            path: format!("{bin}/{name}"),
            kind: linked.kind.clone(),
            place: step.place,
            sources,
            ecosystem: ecosystem.name,
            alter: None,
            explicit: false,
            conditions: linked.conditions.clone(),
        });
    }
}

/// Crates that link a library of the system unless told otherwise: name, a word that must stand in
/// the line of the dependency, one that must not, the library. An empty name stands for any.
const LIKELY: &[(&str, &str, &str, &str)] = &[
    ("", "native-tls", "vendored", "libssl"),
    ("openssl", "", "vendored", "libssl"),
    ("reqwest", "", "rustls", "libssl"),
    ("hyper-tls", "", "vendored", "libssl"),
    ("lettre", "", "rustls", "libssl"),
    ("actix-web", "\"openssl\"", "", "libssl"),
    ("tokio-native-tls", "", "", "libssl"),
    ("diesel", "postgres", "", "libpq"),
    ("diesel", "mysql", "", "libmariadb"),
    ("diesel", "sqlite", "bundled", "libsqlite3"),
    ("rusqlite", "", "bundled", "libsqlite3"),
    ("alsa", "", "", "libasound"),
    ("zmq", "", "", "libzmq"),
];

/// Libraries that the direct dependencies of a package hint at; what they depend on themselves only a
/// lock tells.
fn likely(outputs: &Outputs<'_>, project: &Project) -> Vec<(&'static str, Evidence)> {
    let file = sources::join(&project.context, "Cargo.toml");
    let Some(text) = outputs.site.context.and_then(|c| c.read_text(&file)) else {
        return Vec::new();
    };
    let mut found: Vec<(&'static str, Evidence)> = Vec::new();
    let mut in_dependencies = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            in_dependencies = line.contains("dependencies") && !line.contains("dev-") && !line.contains("build-");
            continue;
        }
        let Some((name, rest)) = line
            .split_once('=')
            .filter(|_| in_dependencies && !line.starts_with('#'))
        else {
            continue;
        };
        for (crate_, word, unless, library) in LIKELY {
            let named = crate_.is_empty() || name.trim() == *crate_;
            let excluded = !unless.is_empty() && rest.contains(unless);
            if named && rest.contains(word) && !excluded && found.iter().all(|(known, _)| known != library) {
                let says = format!("{} may link {library}", name.trim());
                found.push((library, Evidence::manifest(&file, Some(index + 1), says)));
            }
        }
    }
    found
}

/// `.cargo/config.toml` of a folder.
fn cargo_config(outputs: &Outputs<'_>, folder: &str) -> Option<String> {
    let context = outputs.site.context?;
    let prefix = if folder.is_empty() {
        String::new()
    } else {
        format!("{folder}/")
    };
    context
        .read_text(&format!("{prefix}.cargo/config.toml"))
        .or_else(|| context.read_text(&format!("{prefix}.cargo/config")))
}

/// A text under `[build]`.
fn setting(config: &str, key: &str) -> Option<String> {
    let mut in_build = false;
    for line in config.lines() {
        let line = line.trim();
        if line.starts_with('[') {
            in_build = line == "[build]";
        } else if in_build
            && let Some((name, value)) = line.split_once('=')
            && name.trim() == key
        {
            return Some(value.trim().trim_matches(['"', '\'']).to_owned());
        }
    }
    None
}

/// The names of the programs of a package, or of all members of a workspace.
pub fn program_names(context: &Context, folder: &str, package: Option<&str>) -> Vec<String> {
    let found = programs(context, folder, package, 0);
    found.into_iter().map(|(name, _)| name).collect()
}

/// The programs of a package, or of all members of a workspace.
fn programs(context: &Context, folder: &str, wanted: Option<&str>, depth: usize) -> Vec<(String, Evidence)> {
    let Some(cargo) = context.cargo_toml(folder) else {
        return Vec::new();
    };
    let path = |name: &str| {
        if folder.is_empty() {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        }
    };
    let manifest = path("Cargo.toml");
    let mut found = Vec::new();
    if let Some(package) = &cargo.name
        && wanted.is_none_or(|w| w == package)
    {
        let mut main_is_named = false;
        for (name, file) in &cargo.bins {
            main_is_named |= file.as_deref() == Some("src/main.rs") || name == package;
            found.push((
                name.clone(),
                Evidence::manifest(&manifest, None, format!("[[bin]] names the program `{name}`")),
            ));
        }
        if !main_is_named && context.exists(&path("src/main.rs")) {
            let says = format!("the package with src/main.rs is called `{package}`");
            found.push((package.clone(), Evidence::manifest(&manifest, None, says)));
        }
        for (name, kind) in context.tree().list(&path("src/bin")) {
            let stem = match kind {
                crate::context::EntryKind::Dir => name.as_str(),
                _ => match name.strip_suffix(".rs") {
                    Some(stem) => stem,
                    None => continue,
                },
            };
            if !found.iter().any(|(known, _)| known == stem) {
                let file = path(&format!("src/bin/{name}"));
                found.push((stem.to_owned(), Evidence::source(file, None, "a program of its own")));
            }
        }
    }
    if depth == 0
        && let Some(members) = &cargo.workspace
    {
        for member in members {
            for member in context.glob(&path(member)) {
                found.extend(programs(context, &member, wanted, 1));
            }
        }
    }
    found
}

struct Linked {
    kind: ArtifactKind,
    evidence: Vec<Evidence>,
    conditions: Vec<Condition>,
}

fn link(
    outputs: &Outputs<'_>,
    ecosystem: &'static Ecosystem,
    step: &Step,
    triple: Option<&str>,
    config: Option<&str>,
    project: Option<&Project>,
) -> Linked {
    let flags = step.var(&outputs.site, "RUSTFLAGS").unwrap_or_default();
    let has = |flag: &str| flags.contains(flag) || config.is_some_and(|c| c.contains(flag));
    let musl = triple.map_or(outputs.libc() == Some(Libc::Musl), |t| t.contains("musl"));
    let (linkage, why) = if has("+crt-static") {
        (Linkage::Static, Evidence::tool("crt-static is asked for"))
    } else if musl && !has("-crt-static") {
        (
            Linkage::Static,
            Evidence::tool("Rust links programs for musl statically"),
        )
    } else if musl {
        (Linkage::DynamicMusl, Evidence::tool("crt-static is turned off"))
    } else {
        (
            linkage::dynamic(outputs),
            Evidence::tool("Rust links programs against the C library of the system"),
        )
    };
    let mut evidence = vec![why];
    let mut needs = Vec::new();
    let mut conditions = Vec::new();
    let crates = project.and_then(|p| crates(outputs.site.context?, p));
    match crates {
        Some((names, file)) => {
            let mut unknown = Vec::new();
            for name in &names {
                match ecosystem.native(name) {
                    Some(native)
                        if native.how == How::Bundled || native.unless.iter().any(|u| names.iter().any(|n| n == u)) => {
                    }
                    Some(native) => {
                        for library in native.libraries {
                            needs.push(linkage::package(library));
                        }
                        evidence.push(Evidence::manifest(
                            &file,
                            None,
                            format!("the crate {name} links {}", native.libraries.join(", ")),
                        ));
                    }
                    None if name.ends_with("-sys") => unknown.push(name.as_str()),
                    None => {}
                }
            }
            if !unknown.is_empty() {
                let says = format!("{} may link a library of the system", unknown.join(", "));
                conditions.push(Condition::unproven(
                    "the libraries that the program needs are known",
                    vec![Evidence::manifest(&file, None, says)],
                    "a build, which shows what the program is linked against",
                ));
            }
        }
        None => {
            for (library, evidence_of) in project.into_iter().flat_map(|p| likely(outputs, p)) {
                needs.push(linkage::package(library));
                evidence.push(evidence_of);
            }
            conditions.push(Condition::unproven(
                "the libraries that the program needs are known",
                vec![Evidence::tool("there is no Cargo.lock that lists all crates")],
                "a Cargo.lock in the build context, or a build",
            ));
        }
    }
    if linkage == Linkage::Static {
        // Whatever is linked is inside.
        needs.clear();
    }
    needs.sort();
    needs.dedup();
    Linked {
        kind: ArtifactKind::Binary { linkage, needs },
        evidence,
        conditions,
    }
}

/// The names of all crates, and the file that lists them: Cargo.lock, or a Cargo.toml without any.
fn crates(context: &Context, project: &Project) -> Option<(Vec<String>, String)> {
    let path = |folder: &str, name: &str| {
        if folder.is_empty() {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        }
    };
    for folder in [&project.root_context, &project.context] {
        let file = path(folder, "Cargo.lock");
        if let Some(text) = context.read_text(&file) {
            let mut names = Vec::new();
            let mut in_package = false;
            for line in text.lines() {
                if line.starts_with('[') {
                    in_package = line == "[[package]]";
                } else if in_package && let Some(name) = line.strip_prefix("name = ") {
                    names.push(name.trim().trim_matches('"').to_owned());
                }
            }
            return Some((names, file));
        }
    }
    let cargo = context.cargo_toml(&project.context)?;
    let alone = cargo.dependencies.is_empty() && cargo.workspace.is_none();
    alone.then(|| (Vec::new(), path(&project.context, "Cargo.toml")))
}
