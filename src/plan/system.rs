//! System packages of the old stage: which only builds need, and which run time needs.

use super::artifact::Landing;
use super::evidence::{Evidence, EvidenceSource};
use super::need::Needs;
use super::program::{Program, What};
use super::site::{Place, Site};
use crate::knowledge::{self, PackageKind};
use crate::model::Kind;
use crate::shell::{Action, Manager, Operation};
use crate::source::Span;
use std::collections::BTreeSet;

/// What a package is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// Only builds.
    Build,
    /// Run time, under these names (a library for the package with its headers).
    Runtime(Vec<String>),
    /// Not clear, and why; it is kept at run time.
    Unclear(String),
}

/// A system package that the stage installs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemPackage {
    /// The package manager.
    pub manager: Manager,
    /// The name, as the file gives it.
    pub name: String,
    /// The command that installs it.
    pub place: Place,
    /// What it is for.
    pub use_: Use,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// All system packages of a stage.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemPackages {
    /// Those that the file names, in its order.
    pub found: Vec<SystemPackage>,
}

/// The stage's system packages.
pub fn system_packages(site: &Site<'_>, programs: &[Program], needs: &Needs) -> SystemPackages {
    let mut out = SystemPackages::default();
    let named = Named::of(site, programs, needs);
    let release = release(site);
    for instruction in site.instructions().filter(|i| matches!(i.kind, Kind::Run { .. })) {
        let Some(run) = site.facts.run(instruction) else {
            continue;
        };
        for command in site.facts.commands(instruction) {
            let piece = run
                .script
                .chain
                .iter()
                .position(|link| link.commands.contains(&command.index));
            let place = Place {
                instruction: instruction.index,
                piece,
            };
            for operation in command.operations {
                let Operation::Packages(packages) = operation else {
                    continue;
                };
                if !packages.manager.is_system() {
                    continue;
                }
                let listed = packages.packages.iter();
                match packages.action {
                    Action::Install => {
                        for package in listed {
                            let found = classify(package, packages, &named, release.as_deref(), place);
                            note(&mut out, found);
                        }
                    }
                    Action::BuildDependencies => {
                        for package in listed {
                            out.found.push(SystemPackage {
                                manager: packages.manager,
                                name: package.name.clone(),
                                place,
                                use_: Use::Build,
                                evidence: vec![Evidence::command(package.span, "it is installed to build another")],
                            });
                        }
                    }
                    // What is removed again was for the build.
                    Action::Remove => {
                        let gone: BTreeSet<&str> = listed.map(|p| p.name.as_str()).collect();
                        out.found.retain(|known| !gone.contains(known.name.as_str()));
                        groups_removed(site, &gone, &mut out);
                    }
                    _ => {}
                }
            }
        }
    }
    out
}

/// Adds a package once; what is clear goes before what is not.
fn note(out: &mut SystemPackages, found: SystemPackage) {
    if let Some(known) = out.found.iter_mut().find(|known| known.name == found.name) {
        if matches!(known.use_, Use::Unclear(_)) && !matches!(found.use_, Use::Unclear(_)) {
            *known = found;
        }
        return;
    }
    out.found.push(found);
}

/// `apk del .build-deps` takes the packages that were added under that name.
fn groups_removed(site: &Site<'_>, gone: &BTreeSet<&str>, out: &mut SystemPackages) {
    let runs = site.instructions().filter(|i| matches!(i.kind, Kind::Run { .. }));
    for command in runs.flat_map(|i| site.facts.commands(i)) {
        for operation in command.operations {
            if let Operation::Packages(packages) = operation
                && packages.group.as_deref().is_some_and(|group| gone.contains(group))
            {
                let names: BTreeSet<&str> = packages.packages.iter().map(|p| p.name.as_str()).collect();
                out.found.retain(|known| !names.contains(known.name.as_str()));
            }
        }
    }
}

/// The release whose names of packages count: a codename, or `alpine`.
pub fn release(site: &Site<'_>) -> Option<String> {
    let base = site.base?;
    match base.variant.packages {
        knowledge::PackageManager::Apk => Some("alpine".to_owned()),
        knowledge::PackageManager::Apt => base.image.suite(site.base_tag()).map(|c| c.codename.to_owned()),
        _ => None,
    }
}

/// Names of programs that something at run time starts.
struct Named<'a> {
    programs: Vec<(&'a str, Evidence)>,
    /// The file's comments, with their spans.
    comments: Vec<(Span, String)>,
    /// The sources were looked through for names.
    scanned: bool,
    /// A program is started whose name only run time knows.
    unnamed: Option<&'a Evidence>,
    /// Words of the sources that may be its name.
    words: &'a [String],
    /// The image runs Node.
    node: bool,
}

impl<'a> Named<'a> {
    fn of(site: &Site<'a>, programs: &'a [Program], needs: &'a Needs) -> Named<'a> {
        let mut names = Vec::new();
        for program in programs {
            let span = site.file().instructions.get(program.by).map(|i| i.span);
            let evidence = || match span {
                Some(span) => Evidence::cmd(span, "it is started"),
                None => Evidence::tool("it is started"),
            };
            let name = match &program.what {
                What::FromPath { name } => Some(name.as_str()),
                What::Interpreter { program, .. } => program.rsplit('/').next(),
                What::File { path } => path.rsplit('/').next(),
                What::CompilesAtStart { tool } | What::DevServer { tool } => Some(tool.as_str()),
                _ => None,
            };
            names.extend(name.map(|name| (name, evidence())));
            // `gosu app server`, `sh -c "curl ..."`: any word may be a program.
            let words = program.words.iter().flat_map(|word| word.split_whitespace());
            names.extend(words.chain(program.via.iter().map(String::as_str)).filter_map(|word| {
                let word = word.rsplit('/').next()?;
                (!word.starts_with('-') && !word.is_empty()).then(|| (word, evidence()))
            }));
        }
        names.extend(
            needs
                .programs
                .iter()
                .map(|(name, evidence)| (name.as_str(), evidence.clone())),
        );
        Named {
            programs: names,
            comments: comments(site),
            // What only packages are made of has no sources here.
            scanned: site.context.is_some() && !Landing::of(site).is_empty(),
            unnamed: needs.unnamed.as_ref(),
            words: &needs.words,
            node: site.base.is_some_and(|b| b.image.family == "node"),
        }
    }

    fn program(&self, package: &str) -> Option<(&str, &Evidence)> {
        let brings = knowledge::programs_of(package);
        self.programs
            .iter()
            .find(|(name, _)| *name == package || brings.contains(name))
            .map(|(name, evidence)| (*name, evidence))
    }

    /// Whether a word of the sources is the name of a package or of a program that it brings.
    fn is_spoken_of(&self, package: &str) -> bool {
        let brings = knowledge::programs_of(package);
        let mut words = self.words.iter().map(String::as_str);
        words.any(|word| word == package || brings.contains(&word))
    }

    /// A comment that names the package together with run time: "curl for the healthcheck".
    fn comment(&self, package: &str) -> Option<Span> {
        const HINTS: [&str; 8] = [
            "health",
            "runtime",
            "run time",
            "run-time",
            "needed by",
            "debug",
            "entrypoint",
            "used by",
        ];
        self.comments
            .iter()
            .find(|(_, text)| {
                let lower = text.to_lowercase();
                has_word(&lower, package) && HINTS.iter().any(|hint| lower.contains(hint))
            })
            .map(|(span, _)| *span)
    }
}

/// Comment lines of the file.
fn comments(site: &Site<'_>) -> Vec<(Span, String)> {
    let file = site.file();
    let text = file.source.text();
    let mut at = 0;
    let mut out = Vec::new();
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        if trimmed.starts_with('#') {
            let start = at + (line.len() - trimmed.len());
            out.push((
                Span::new(start, at + line.trim_end().len()),
                trimmed.trim_end().to_owned(),
            ));
        }
        at += line.len();
    }
    out
}

/// Whether a word stands in a text as such.
pub fn has_word(text: &str, word: &str) -> bool {
    let boundary = |c: Option<char>| c.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    !word.is_empty()
        && text.match_indices(word).any(|(at, _)| {
            let before = text.get(..at).and_then(|t| t.chars().next_back());
            let after = text.get(at + word.len()..).and_then(|t| t.chars().next());
            boundary(before) && boundary(after)
        })
}

fn classify(
    package: &crate::shell::Package,
    packages: &crate::shell::Packages,
    named: &Named<'_>,
    release: Option<&str>,
    place: Place,
) -> SystemPackage {
    let manager = packages.manager;
    let name = package.name.as_str();
    let table = |says: &str| {
        vec![
            Evidence::command(package.span, "it is installed here"),
            Evidence::new(EvidenceSource::PackageTable, says),
        ]
    };
    let (use_, evidence) = decide(package, packages, named, release, &table);
    SystemPackage {
        manager,
        name: name.to_owned(),
        place,
        use_,
        evidence,
    }
}

fn decide(
    package: &crate::shell::Package,
    packages: &crate::shell::Packages,
    named: &Named<'_>,
    release: Option<&str>,
    table: &dyn Fn(&str) -> Vec<Evidence>,
) -> (Use, Vec<Evidence>) {
    let name = package.name.as_str();
    let manager = packages.manager.name();
    let same = || Use::Runtime(vec![name.to_owned()]);
    if package.is_variable || package.is_pattern || package.is_file {
        let says = "its name is not a plain one";
        return (
            Use::Unclear(says.to_owned()),
            vec![Evidence::command(package.span, says)],
        );
    }
    if let Some((program, evidence)) = named.program(name) {
        let says = format!("it brings `{program}`");
        return (same(), vec![evidence.clone(), Evidence::command(package.span, says)]);
    }
    // With a compiler beside it Python is node-gyp's, unless something names it.
    let python = matches!(
        name,
        "python" | "python2" | "python3" | "python3-minimal" | "py3-setuptools" | "python3-setuptools"
    );
    let compiler = |p: &crate::shell::Package| knowledge::package(manager, &p.name) == Some(PackageKind::Compiler);
    if python && named.node && named.scanned && packages.packages.iter().any(compiler) {
        return (
            Use::Build,
            table("a compiler stands beside it, and nothing that runs Node names it"),
        );
    }
    if let Some(span) = named.comment(name) {
        let says = "a comment says what it is for";
        return (same(), vec![Evidence::new(EvidenceSource::Comment(span), says)]);
    }
    if knowledge::is_for_run_time(manager, name) {
        return (same(), table("it is installed to be run or loaded"));
    }
    // An Alpine group that is named after the build is the build's, what is known to run aside: nobody
    // may have removed it.
    let group = packages.group.as_deref().unwrap_or_default();
    if group.contains("build") || group.contains("dev") {
        let evidence = vec![Evidence::command(
            package.span,
            format!("it belongs to the group `{group}`"),
        )];
        return match headers(name, release) {
            Some(libraries) => (Use::Runtime(libraries), evidence),
            None => (Use::Build, evidence),
        };
    }
    match knowledge::package(manager, name) {
        Some(PackageKind::Headers) => match headers(name, release) {
            Some(libraries) if libraries.is_empty() => (Use::Build, table("it holds nothing but headers")),
            Some(libraries) => {
                let says = format!("what is linked with it needs {}", libraries.join(" "));
                (Use::Runtime(libraries), table(&says))
            }
            None if is_toolchain_headers(name) => (Use::Build, table("headers of the toolchain")),
            None => (
                Use::Unclear("the library behind these headers is not known for this release".to_owned()),
                table("it holds headers"),
            ),
        },
        Some(PackageKind::Compiler) => (Use::Build, table("it compiles")),
        Some(PackageKind::BuildTool) => (Use::Build, table("it drives builds")),
        Some(PackageKind::Doc) => (Use::Build, table("it is documentation")),
        Some(PackageKind::Vcs | PackageKind::Fetch | PackageKind::PackageManager) if !named.scanned => (
            Use::Unclear("the sources, which may start it, are not at hand".to_owned()),
            table("it may be started at run time"),
        ),
        Some(PackageKind::Vcs | PackageKind::Fetch | PackageKind::PackageManager)
            if let Some(unnamed) = named.unnamed.filter(|_| named.is_spoken_of(name)) =>
        {
            let says = "a program is started whose name only run time knows";
            (Use::Unclear(says.to_owned()), vec![unnamed.clone()])
        }
        Some(PackageKind::Vcs) => (
            Use::Build,
            table("it fetches sources, and nothing at run time names it"),
        ),
        Some(PackageKind::Fetch) => (
            Use::Build,
            table("it downloads or unpacks, and nothing at run time names it"),
        ),
        Some(PackageKind::PackageManager) => (
            Use::Build,
            table("it installs packages, and nothing at run time names it"),
        ),
        Some(PackageKind::Editor | PackageKind::Debug) => (
            Use::Unclear("people may use it in the running container".to_owned()),
            table("it is for people in a shell"),
        ),
        None if is_library(name) => (same(), vec![Evidence::command(package.span, "its name is a library's")]),
        None if name.starts_with("fonts-") || name.starts_with("ttf-") || name.starts_with("font-") => {
            (same(), vec![Evidence::command(package.span, "it holds fonts")])
        }
        None if name.starts_with("php")
            || name.starts_with("python3-")
            || name.starts_with("py3-")
            || name.starts_with("ruby-") =>
        {
            (
                same(),
                vec![Evidence::command(package.span, "it extends a language's run time")],
            )
        }
        None => (
            Use::Unclear("nothing is known of it".to_owned()),
            vec![Evidence::command(package.span, "nothing is known of it")],
        ),
    }
}

/// Headers that belong to compilers and interpreters, with no library of their own.
fn is_toolchain_headers(name: &str) -> bool {
    matches!(
        name,
        "libc6-dev"
            | "libc-dev"
            | "musl-dev"
            | "linux-libc-dev"
            | "linux-headers"
            | "libstdc++-dev"
            | "dpkg-dev"
            | "libtool"
    ) || [
        "python",
        "libpython",
        "ruby",
        "perl",
        "php",
        "node",
        "gcc",
        "libgcc",
        "libstdc++",
    ]
    .iter()
    .any(|stem| name.starts_with(stem))
}

/// `libpq5`, `libssl3t64`: a library's package by Debian's naming.
fn is_library(name: &str) -> bool {
    name.starts_with("lib") && !name.ends_with("-dev") && !name.ends_with("-bin") && !name.ends_with("-utils")
}

/// The packages behind headers.
fn headers(name: &str, release: Option<&str>) -> Option<Vec<String>> {
    let libraries = knowledge::runtime_libraries(name, release?)?;
    Some(libraries.iter().map(|&library| library.to_owned()).collect())
}

#[cfg(test)]
mod tests;
