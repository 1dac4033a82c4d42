//! `go build` and `go install`.

use super::go_sources::GoSources;
use super::linkage;
use super::outputs::{Output, Outputs};
use super::step::Step;
use super::{Alteration, ArtifactKind, Linkage};
use crate::edit::Edit;
use crate::knowledge::Libc;
use crate::knowledge::ecosystem::{Ecosystem, How};
use crate::plan::evidence::{Condition, Evidence, EvidenceSource, Met};
use std::sync::Arc;

const WITH_VALUE: &[&str] = &[
    "-o",
    "-ldflags",
    "-tags",
    "-gcflags",
    "-asmflags",
    "-mod",
    "-p",
    "-pkgdir",
    "-buildmode",
    "-toolexec",
    "-overlay",
    "-modfile",
    "-installsuffix",
    "-compiler",
    "-gccgoflags",
    "-C",
    "-pgo",
    "-exec",
    "-covermode",
    "-coverpkg",
    "-buildvcs",
    "--ldflags",
    "--tags",
    "--mod",
    "--installsuffix",
];

/// Takes note of what the step makes.
pub fn step(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) {
    let operands = step.operands(WITH_VALUE);
    let Some((verb, packages)) = operands.split_first() else {
        return;
    };
    if let ("mod", ["init", module]) = (*verb, packages)
        && let Some(cwd) = &step.cwd
    {
        outputs.modules.insert(cwd.clone(), last_element(module));
        return;
    }
    let system = |name: &str| step.var(&outputs.site, name);
    if system("GOOS").is_some_and(|os| os != "linux" && !os.is_empty()) {
        return;
    }
    let mut at = step.clone();
    if let Some(folder) = step.option(&["-C"]) {
        at.cwd = step.path(folder);
    }
    let step = &at;
    let packages: Vec<&str> = if packages.is_empty() {
        vec!["."]
    } else {
        packages.to_vec()
    };
    let option = step.option(&["-o", "--o"]);
    let mut paths: Vec<(String, Vec<Evidence>, bool)> = Vec::new();
    match (*verb, option) {
        ("build", Some(written)) => {
            let Some(path) = step.path(written) else { return };
            let says = format!("`-o {written}` names the output");
            if written.ends_with('/') || (packages.len() > 1 || outputs.is_folder(&path)) {
                for package in &packages {
                    for (name, evidence) in names(outputs, step, package) {
                        let path = format!("{}/{name}", path.trim_end_matches('/'));
                        paths.push((path, vec![step.evidence(says.clone()), evidence], true));
                    }
                }
            } else {
                paths.push((path, vec![step.evidence(says)], true));
            }
        }
        ("build", None)
            // Of several packages nothing is kept.
            if (packages.len() == 1 || packages.iter().all(|p| p.ends_with(".go"))) => {
                for (name, evidence) in names(outputs, step, packages.first().copied().unwrap_or(".")) {
                    if let Some(path) = step.path(&name) {
                        let tool = Evidence::tool("`go build` writes to the current folder");
                        paths.push((path, vec![evidence, tool], false));
                    }
                }
            }
        ("install" | "get", _) => {
            let bin = system("GOBIN").filter(|b| !b.is_empty()).unwrap_or_else(|| {
                let path = system("GOPATH")
                    .filter(|p| !p.is_empty())
                    .unwrap_or_else(|| "/go".to_owned());
                format!("{}/bin", path.split(':').next().unwrap_or("/go"))
            });
            for package in &packages {
                // The project's own programs are put on PATH for those who call them; tools that a
                // build installs for itself are not its result.
                let own = *verb == "install" && is_local(package);
                for (name, evidence) in names(outputs, step, package) {
                    let tool = Evidence::tool(format!("`go {verb}` writes to {bin}"));
                    paths.push((format!("{bin}/{name}"), vec![evidence, tool], own));
                }
            }
        }
        _ => {}
    }
    if paths.is_empty() {
        return;
    }
    let linked = link(outputs, ecosystem, step);
    for (path, mut sources, explicit) in paths {
        sources.extend(linked.evidence.iter().cloned());
        outputs.push(Output {
            path,
            kind: linked.kind.clone(),
            place: step.place,
            sources,
            ecosystem: ecosystem.name,
            alter: linked.alter.clone(),
            explicit: explicit && step.via.is_empty(),
            conditions: linked.conditions.clone(),
        });
    }
}

/// Whether a package argument is a folder.
fn is_local(package: &str) -> bool {
    package == "." || package.starts_with("./") || package.starts_with("../") || package.starts_with('/')
}

/// The names of the programs that a package argument makes.
fn names(outputs: &mut Outputs<'_>, step: &Step, package: &str) -> Vec<(String, Evidence)> {
    if package.contains('$') {
        return Vec::new();
    }
    if let Some(stem) = package.strip_suffix(".go") {
        let name = stem.rsplit('/').next().unwrap_or(stem).to_owned();
        return vec![(name, step.evidence("the program is called like its first file"))];
    }
    let plain = package.split('@').next().unwrap_or(package);
    let local = is_local(plain);
    let project = outputs.project(step.cwd.as_deref(), "go.mod");
    if let Some(wide) = plain.strip_suffix("...") {
        let Some((folder, image)) = project else {
            return Vec::new();
        };
        let Some(sources) = outputs.go_sources(&folder) else {
            return Vec::new();
        };
        let Some(start) = step.path(if wide.is_empty() { "." } else { wide }) else {
            return Vec::new();
        };
        let below = start
            .strip_prefix(image.trim_end_matches('/'))
            .unwrap_or_default()
            .trim_matches('/')
            .to_owned();
        let module = module_name(outputs, &folder);
        return sources
            .mains
            .iter()
            .filter(|m| !m.starts_with("vendor/") && (below.is_empty() || m.starts_with(&below)))
            .filter_map(|main| {
                let name = match main.rsplit('/').next() {
                    Some("") | None => module.clone()?,
                    Some(name) => name.to_owned(),
                };
                let file = if main.is_empty() { folder.clone() } else { main.clone() };
                Some((name, Evidence::source(file, None, "there is a `package main`")))
            })
            .collect();
    }
    if !local {
        let name = last_element(plain);
        return vec![(name, step.evidence("the program is called like its package"))];
    }
    let Some(folder) = step.path(plain) else {
        return Vec::new();
    };
    if let Some(name) = outputs.modules.get(folder.trim_end_matches('/')) {
        return vec![(
            name.clone(),
            step.evidence("`go mod init` gives the module, and so the program, its name"),
        )];
    }
    match project {
        Some((context, image)) if folder.trim_end_matches('/') == image.trim_end_matches('/') => {
            let Some(name) = module_name(outputs, &context) else {
                return Vec::new();
            };
            let path = if context.is_empty() {
                "go.mod".to_owned()
            } else {
                format!("{context}/go.mod")
            };
            vec![(
                name.clone(),
                Evidence::manifest(path, Some(1), format!("the module's path ends with `{name}`")),
            )]
        }
        _ => {
            let name = folder.rsplit('/').next().unwrap_or_default().to_owned();
            if name.is_empty() {
                return Vec::new();
            }
            vec![(name, step.evidence("the program is called like its folder"))]
        }
    }
}

fn module_name(outputs: &Outputs<'_>, folder: &str) -> Option<String> {
    let module = outputs.site.context?.go_mod(folder)?;
    module.module.as_deref().map(last_element)
}

/// The last element of a package's path, a major version passed over.
fn last_element(path: &str) -> String {
    let mut parts = path.rsplit('/');
    let last = parts.next().unwrap_or(path);
    let version = last
        .strip_prefix('v')
        .is_some_and(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit()));
    match (version, parts.next()) {
        (true, Some(before)) => before.to_owned(),
        _ => last.to_owned(),
    }
}

/// How the programs of a step are linked.
struct Linked {
    kind: ArtifactKind,
    evidence: Vec<Evidence>,
    alter: Option<Alteration>,
    conditions: Vec<Condition>,
}

fn link(outputs: &mut Outputs<'_>, ecosystem: &'static Ecosystem, step: &Step) -> Linked {
    let binary = |linkage, needs| ArtifactKind::Binary { linkage, needs };
    let plain = |kind, evidence| Linked {
        kind,
        evidence,
        alter: None,
        conditions: Vec::new(),
    };
    let cgo = step.var(&outputs.site, "CGO_ENABLED");
    let external = step
        .option(&["-ldflags", "--ldflags"])
        .is_some_and(|f| f.contains("-static"));
    if step
        .option(&["-buildmode"])
        .is_some_and(|m| matches!(m, "plugin" | "c-shared" | "shared"))
    {
        return plain(binary(linkage::dynamic(outputs), Vec::new()), Vec::new());
    }
    if cgo.as_deref() == Some("0") {
        return plain(
            binary(Linkage::Static, Vec::new()),
            vec![step.evidence("CGO_ENABLED=0 links nothing of C")],
        );
    }
    if external {
        return plain(
            binary(Linkage::Static, Vec::new()),
            vec![step.evidence("`-extldflags -static` links it statically")],
        );
    }
    let project = outputs.project(step.cwd.as_deref(), "go.mod");
    let folder = match &project {
        Some((folder, _)) => Some(folder.clone()),
        None => step.cwd.as_deref().and_then(|cwd| outputs.landing.context_of(cwd)),
    };
    let sources = folder.as_deref().and_then(|f| outputs.go_sources(f));
    let purity = purity(outputs, ecosystem, project.as_ref().map(|(f, _)| f.as_str()), sources);
    let dynamic = linkage::dynamic(outputs);
    let no_compiler =
        outputs.libc() == Some(Libc::Musl) && !installs_compiler(outputs) && release(outputs) >= Some((1, 20));
    if no_compiler && purity.needs_c.is_none() {
        return plain(
            binary(Linkage::Static, Vec::new()),
            vec![Evidence::image(
                "golang's alpine variant has no C compiler, so cgo is off",
            )],
        );
    }
    if let Some(evidence) = purity.needs_c {
        return plain(binary(dynamic, purity.libraries), vec![evidence]);
    }
    if purity.proven == Met::Yes && purity.net.is_none() && purity.alone {
        return plain(
            binary(Linkage::Static, Vec::new()),
            vec![Evidence::tool(
                "Go links statically what imports neither C, nor net, nor os/user",
            )],
        );
    }
    let mut evidence: Vec<Evidence> = purity.net.into_iter().collect();
    evidence.push(Evidence::tool("cgo is on where there is a C compiler"));
    let condition = Condition {
        what: "no part of the program needs C".to_owned(),
        met: purity.proven,
        evidence: purity.evidence,
        would_prove: (purity.proven == Met::Unproven).then(|| "a build with CGO_ENABLED=0 that is run".to_owned()),
    };
    // Whoever asks for cgo gets it.
    let alter = match (cgo.as_deref(), step.outer) {
        (Some("1"), _) | (_, None) => None,
        (_, Some(span)) => Some(Alteration {
            edits: vec![Edit::insert(span.start, "CGO_ENABLED=0 ")],
            says: "the program is built with CGO_ENABLED=0, so that it needs no C library; nothing in it needs C"
                .to_owned(),
            kind: binary(Linkage::Static, Vec::new()),
            conditions: vec![condition],
        }),
    };
    Linked {
        kind: binary(dynamic, purity.libraries),
        evidence,
        alter,
        conditions: Vec::new(),
    }
}

/// Whether a module gets by without C.
struct Purity {
    proven: Met,
    evidence: Vec<Evidence>,
    needs_c: Option<Evidence>,
    libraries: Vec<String>,
    net: Option<Evidence>,
    /// All code that is linked was read.
    alone: bool,
}

fn purity(
    outputs: &Outputs<'_>,
    ecosystem: &'static Ecosystem,
    module: Option<&str>,
    sources: Option<Arc<GoSources>>,
) -> Purity {
    let mut out = Purity {
        proven: Met::Unproven,
        evidence: Vec::new(),
        needs_c: None,
        libraries: Vec::new(),
        net: None,
        alone: false,
    };
    let Some(sources) = sources else {
        out.evidence.push(Evidence::tool("the sources are not known"));
        return out;
    };
    out.libraries.clone_from(&sources.libraries);
    out.net.clone_from(&sources.net);
    let path = match module {
        Some("") => "go.mod".to_owned(),
        Some(folder) => format!("{folder}/go.mod"),
        None => String::new(),
    };
    let parsed = module.and_then(|folder| outputs.site.context?.go_mod(folder));
    let requires = parsed.as_ref().map(|m| m.requires.as_slice()).unwrap_or_default();
    for (name, _) in requires {
        if let Some(native) = ecosystem.native(name)
            && native.how == How::Required
        {
            let says = format!("{name} needs C");
            out.needs_c = Some(Evidence::manifest(path.clone(), None, says));
            out.libraries
                .extend(native.libraries.iter().map(|l| linkage::package(l)));
        }
    }
    for cgo in sources.cgo.iter().chain(&sources.cgo_optional) {
        let known = vendored_module(ecosystem, cgo);
        if known == Some(How::Required) || known.is_none() && sources.cgo.as_ref() == Some(cgo) {
            out.needs_c = out.needs_c.or(Some(cgo.clone()));
        }
    }
    if out.needs_c.is_some() {
        out.proven = Met::No;
        return out;
    }
    if sources.partial {
        out.evidence.push(Evidence::tool("not all sources were read"));
        return out;
    }
    if sources.cgo.is_none() {
        out.evidence
            .push(Evidence::source("*.go", None, "no source imports \"C\""));
    }
    if sources.vendored {
        if sources.cgo.is_none() && sources.cgo_optional.is_none() {
            out.alone = true;
            out.proven = Met::Yes;
        }
        out.evidence.extend(sources.cgo_optional.iter().cloned());
        return out;
    }
    let unknown: Vec<&str> = requires
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !ecosystem.is_pure(name) && ecosystem.native(name).is_none_or(|n| n.how == How::Required))
        .collect();
    out.alone = requires.is_empty() && module.is_some();
    if unknown.is_empty() && module.is_some() {
        out.proven = Met::Yes;
        if !requires.is_empty() {
            out.evidence.push(Evidence::manifest(
                path,
                None,
                "every module that is required is known to be pure Go",
            ));
        }
    } else {
        let shown: Vec<&str> = unknown.iter().take(3).copied().collect();
        let says = match module {
            Some(_) => format!("{} not known to be pure Go", are(&shown, unknown.len())),
            None => "there is no go.mod, so dependencies are not known".to_owned(),
        };
        out.evidence.push(Evidence::manifest(path, None, says));
    }
    out
}

fn are(shown: &[&str], all: usize) -> String {
    let list = shown.join(", ");
    match all.saturating_sub(shown.len()) {
        0 if all == 1 => format!("{list} is"),
        0 => format!("{list} are"),
        more => format!("{list} and {more} more are"),
    }
}

/// What is known of the vendored module that a file is part of.
fn vendored_module(ecosystem: &Ecosystem, evidence: &Evidence) -> Option<How> {
    let EvidenceSource::SourceFile { path, .. } = &evidence.from else {
        return None;
    };
    let (_, module) = path.split_once("vendor/")?;
    let is = |name: &&str| module.strip_prefix(*name).is_some_and(|rest| rest.starts_with('/'));
    if ecosystem.pure.iter().any(|p| module.starts_with(p)) {
        return Some(How::Optional);
    }
    ecosystem.natives.iter().find(|n| n.names.iter().any(is)).map(|n| n.how)
}

/// Whether the stage installs a C compiler.
fn installs_compiler(outputs: &Outputs<'_>) -> bool {
    let site = outputs.site;
    site.instructions().filter_map(|i| site.facts.run(i)).any(|run| {
        run.operations().iter().any(|o| match o {
            crate::shell::Operation::Packages(packages) if packages.manager.is_system() => packages
                .packages
                .iter()
                .any(|p| matches!(p.name.as_str(), "gcc" | "build-base" | "alpine-sdk" | "clang" | "g++")),
            _ => false,
        })
    })
}

/// Go's release in the base image's tag; the newest for a tag without one.
fn release(outputs: &Outputs<'_>) -> Option<(u32, u32)> {
    let tag = outputs.site.base_tag();
    let mut numbers = tag.split(['.', '-']).map_while(|p| p.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) => Some((major, minor)),
        _ => Some((1, 99)),
    }
}
