//! Files and folders beside the artifacts that run time reads or writes.
//!
//! Sources rarely tell for certain which files they open, so the question is turned round: whatever
//! the build context brings into the image is kept unless it is a source, a manifest, a test or a
//! document, or is taken into the program when it is built. What a literal of the sources names
//! carries that as its evidence.

mod calls;
mod folders;
mod foreign;
mod leftovers;
mod literals;
mod made;
mod names;

use super::artifact::{Artifact, ArtifactKind, Artifacts, Landing, absolute};
use super::evidence::{Condition, Evidence, EvidenceSource};
use super::program::{Program, What};
use super::site::Site;
use crate::context::{Context, ListedFile};
use crate::knowledge::PackageManager;
use crate::knowledge::ecosystem::{self, Ecosystem};
use crate::model::Kind;
use crate::shell::{Operation, lies_in};
use folders::{holds_folder, used_folders};
use foreign::{fetching, foreign_code};
use leftovers::{Leftovers, is_for_people, is_foreign};
use literals::{Literals, Reader, Seen};
use names::{Embedded, Names, ancestors};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file or folder that run time needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Absolute in the image; that of a folder ends with `/`.
    pub path: String,
    /// Its path in the build context, where it comes from there as it is.
    pub context: Option<String>,
    /// It is written to, and need not exist.
    pub written: bool,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// What run time needs besides artifacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Files and folders.
    pub files: Vec<Need>,
    /// Files that sources name, that a COPY would take and that are not there now: whoever puts them
    /// there before a build would miss them. Paths are absolute in the image.
    pub absent: Vec<(String, Evidence)>,
    /// Folders that a RUN makes and that run time names or writes in, absolute in the image.
    pub folders: Vec<(String, Evidence)>,
    /// Names of environment variables that are read.
    pub env: Vec<String>,
    /// Programs that are started: `git`, `ffmpeg`.
    pub programs: Vec<(String, Evidence)>,
    /// A program is started whose name only run time knows.
    pub unnamed: Option<Evidence>,
    /// Where there is one: plain words among the literals of sources, one of which may be its name.
    pub words: Vec<String>,
    /// Certificates of authorities are needed: it speaks TLS to others.
    pub certificates: Option<Evidence>,
    /// The table of time zones is needed.
    pub zones: Option<Evidence>,
    /// What must hold for taking only these files.
    pub conditions: Vec<Condition>,
    /// What must hold for leaving out a file or folder that the build may make, by its path; an empty
    /// path stands for none of them.
    pub made: Vec<(String, Condition)>,
}

/// How many source files are read, and how many bytes of them.
const MAX_SOURCES: usize = 1_500;
/// So many are read by one thread before it asks for more.
const AT_ONCE: usize = 64;
const MAX_BYTES: u64 = 24 * 1024 * 1024;

/// What the stage's programs need besides the artifacts.
pub fn needs(site: &Site<'_>, programs: &[Program], artifacts: &Artifacts) -> Needs {
    let mut out = Needs {
        zones: zone_set(site),
        ..Needs::default()
    };
    fetched(site, &mut out);
    let landing = Landing::of(site);
    let Some(context) = site.context else {
        if !landing.is_empty() {
            out.conditions.push(Condition::unproven(
                "the files that are read at run time are known",
                vec![Evidence::tool("the build context is not known")],
                "the build context",
            ));
        }
        made_of_commands(site, &landing, programs, artifacts, &mut out);
        return out;
    };
    if landing.is_open() {
        out.conditions.push(Condition::unproven(
            "it is known where COPY puts files",
            vec![Evidence::tool("a path of COPY depends on a variable of the base image")],
            "the variable's value in its place",
        ));
    }
    let ecosystems = involved(artifacts);
    if ecosystems.is_empty() {
        // What an interpreter reads is not told from the rest here.
        let files = context.walk().files.as_slice();
        let mut chosen = HashMap::new();
        started(site, &landing, context, programs, files, &mut chosen);
        group(site, &landing, files, &chosen, &HashMap::new(), &mut out);
        made_of_commands(site, &landing, programs, artifacts, &mut out);
        return out;
    }
    let leftovers = Leftovers::of(&ecosystems);
    let listing = context.walk();
    let said = said(context, &ecosystems, &leftovers);
    let (literals, complete) = (&said.literals, said.complete);
    let mut chosen: HashMap<&str, Evidence> = HashMap::new();
    started(site, &landing, context, programs, listing.files.as_slice(), &mut chosen);
    opened(site, &landing, context, artifacts, &listing.files, &mut chosen);
    let modules = |a: &Artifact| a.path.ends_with("/node_modules/");
    let site_only = artifacts
        .found
        .iter()
        .all(|a| a.kind == ArtifactKind::Site || modules(a));
    let roots = if site_only {
        projects(site, artifacts)
    } else {
        Vec::new()
    };
    let workdir = site.workdir();
    let build_scripts = build_scripts(site);
    let sourced = sourced(&landing, &leftovers, &listing.files);
    let names = Names::of(site, literals);
    let embedded = Embedded::of(literals);
    let mut kept: HashMap<&str, usize> = HashMap::new();
    for file in &listing.files {
        let places = landing.image_of(&file.path);
        if places.is_empty() {
            continue;
        }
        for folder in ancestors(&file.path) {
            *kept.entry(folder).or_default() += 1;
        }
        if chosen.contains_key(file.path.as_str()) {
            continue;
        }
        // A server out of node_modules reads the configuration beside package.json.
        let configures =
            artifacts.found.iter().any(modules) && file.path.contains(".config.") && !file.path.contains('/');
        // A source is for builds, whatever names it.
        if !configures && leftovers.is_source(&file.path) {
            continue;
        }
        let in_project = !configures && roots.iter().any(|root| places.iter().all(|(p, _)| lies_in(p, root)));
        if in_project || embedded.holds(&file.path) {
            continue;
        }
        // What only builds and tests read is wanted only where its path is named.
        let mut by_name = names.find(&file.path, &places);
        if leftovers.is_test(&file.path) || is_foreign(&file.path) {
            by_name = names.exact(&file.path, &places);
        }
        if let Some((name, seen)) = by_name
            && !(configures && leftovers.is_source(&file.path))
        {
            chosen.insert(
                &file.path,
                Evidence::source(seen.path.clone(), Some(seen.line), format!("\"{name}\" is named")),
            );
        } else if holds_folder(&file.path)
            && let Some((name, seen)) = names.written_beside(&file.path)
        {
            let says = format!("\"{name}\" is written beside it");
            chosen.insert(&file.path, Evidence::source(seen.path.clone(), Some(seen.line), says));
        } else if configures {
            chosen.insert(&file.path, Evidence::tool("a program of node_modules may read it"));
        } else if !leftovers.hold(&file.path)
            && !build_scripts.iter().any(|word| script_is(word, &file.path))
            && within_reach(&landing, workdir.as_deref(), &sourced, &places)
            && !is_for_people(context, &file.path)
        {
            let says = "nothing shows that it is not read".to_owned();
            chosen.insert(&file.path, Evidence::tool(says));
        }
    }
    group(site, &landing, &listing.files, &chosen, &kept, &mut out);
    too_many(&mut out);
    let of_sources = made::Said {
        literals,
        embedded: &embedded,
        leftovers: &leftovers,
    };
    made::made(site, &landing, programs, artifacts, &of_sources, &mut out);
    absent(site, &landing, context, literals, &mut out);
    written(site, literals, &mut out);
    out.folders = used_folders(site, programs, literals);
    out.env = literals.env.clone();
    out.env.sort();
    let evidence = |(says, seen): &(String, Seen)| {
        Evidence::source(seen.path.clone(), Some(seen.line), format!("`{says}` is used"))
    };
    out.certificates = literals
        .tls
        .as_ref()
        .map(evidence)
        .or_else(|| foreign_code(context, &ecosystems))
        .or_else(|| fetching(site, literals));
    out.zones = literals.zones.as_ref().map(evidence).or(out.zones);
    out.unnamed = literals.unnamed.as_ref().map(|(call, seen)| {
        let says = format!("`{call}` starts a program whose name only run time knows");
        Evidence::source(seen.path.clone(), Some(seen.line), says)
    });
    if out.unnamed.is_some() {
        let plain = |name: &&String| !name.contains(['/', ' ']);
        out.words = literals.names.keys().filter(plain).cloned().collect();
        out.words.sort();
    }
    for (program, seen) in &literals.programs {
        let says = format!("`{program}` is started");
        out.programs.push((
            program.clone(),
            Evidence::source(seen.path.clone(), Some(seen.line), says),
        ));
    }
    if !landing.is_empty() {
        let what = "what is left out are sources, manifests, tests and documents";
        out.conditions.push(if complete {
            Condition::met(what, Vec::new())
        } else {
            Condition::unproven(
                what,
                vec![Evidence::tool("the build context is too large to be read whole")],
                "a smaller build context",
            )
        });
    }
    out
}

/// What the build makes and commands and settings name, where no sources are read.
fn made_of_commands(site: &Site<'_>, landing: &Landing, programs: &[Program], artifacts: &Artifacts, out: &mut Needs) {
    let literals = Literals::default();
    let said = made::Said {
        embedded: &Embedded::of(&literals),
        leftovers: &Leftovers::of(&involved(artifacts)),
        literals: &literals,
    };
    made::made(site, landing, programs, artifacts, &said, out);
}

/// What the sources of a context say.
#[derive(Default)]
struct Said {
    literals: Literals,
    /// All of them were read.
    complete: bool,
}

/// Reads the sources of these ecosystems, once for a context.
fn said(context: &Context, ecosystems: &[&'static Ecosystem], leftovers: &Leftovers) -> Arc<Said> {
    let names: Vec<&str> = ecosystems.iter().map(|e| e.name).collect();
    context.derived(names.join(" "), || {
        let listing = context.walk();
        let readers: Vec<Reader> = ecosystems.iter().map(|e| Reader::of(e)).collect();
        let sources = listing.files.iter().filter_map(|file| {
            let reader = reader_of(&readers, &file.path)?;
            let is_own = !leftovers.is_test(&file.path) && !is_foreign(&file.path) || leftovers.is_packed(&file.path);
            is_own.then_some((reader, file.path.as_str()))
        });
        let mut sources: Vec<(&Reader, &str)> = sources.collect();
        let mut complete = !listing.capped && sources.len() <= MAX_SOURCES;
        sources.truncate(MAX_SOURCES);
        let said = read(context, &sources, MAX_BYTES).or_else(|| {
            complete = false;
            let paths: Vec<&str> = sources.iter().map(|(_, path)| *path).collect();
            let mut bytes = 0;
            let within = context.lengths(&paths).into_iter().take_while(|length| {
                bytes += length;
                bytes <= MAX_BYTES
            });
            sources.truncate(within.count());
            read(context, &sources, u64::MAX)
        });
        let mut said = said.unwrap_or_default();
        said.complete &= complete;
        said
    })
}

/// Reads these sources; none where they have more than `most` bytes, which is seen as they are read.
fn read(context: &Context, sources: &[(&Reader, &str)], most: u64) -> Option<Said> {
    let bytes = AtomicU64::new(0);
    let read = |part: &[(&Reader, &str)]| {
        let mut said = Said {
            literals: Literals::default(),
            complete: true,
        };
        for (reader, path) in part {
            let Some(text) = context.text(path) else {
                said.complete = false;
                continue;
            };
            if bytes.fetch_add(text.len() as u64, Ordering::Relaxed) > most {
                break;
            }
            said.literals.read(reader, path, &text);
        }
        said
    };
    let mut parts = Vec::new();
    sources.par_chunks(AT_ONCE).map(read).collect_into_vec(&mut parts);
    (bytes.into_inner() <= most).then(|| {
        let none = Said {
            literals: Literals::default(),
            complete: true,
        };
        parts.into_iter().fold(none, |mut said, part| {
            said.literals.extend(part.literals);
            said.complete &= part.complete;
            said
        })
    })
}

/// How many files and folders that nothing speaks for may be copied one by one.
const MOST_UNKNOWN: usize = 24;

/// Where most of the context may be read, it is not the artifacts that are copied.
fn too_many(out: &mut Needs) {
    let unknown = |need: &&Need| need.evidence.iter().all(|e| e.from == EvidenceSource::ToolDefault);
    let count = out.files.iter().filter(|n| n.context.is_some()).filter(unknown).count();
    if count > MOST_UNKNOWN {
        out.conditions.push(Condition::not_met(
            "it is known what of the build context run time reads",
            vec![Evidence::tool(format!(
                "{count} files and folders are no sources, and nothing names them"
            ))],
        ));
        out.files.retain(|need| !unknown(&need));
    }
}

/// The ecosystems of the artifacts.
fn involved(artifacts: &Artifacts) -> Vec<&'static Ecosystem> {
    let mut found: Vec<&'static Ecosystem> = Vec::new();
    for artifact in &artifacts.found {
        if let Some(known) = ecosystem::by_name(artifact.ecosystem)
            && !found.iter().any(|f| f.name == known.name)
        {
            found.push(known);
        }
    }
    found
}

fn reader_of<'r>(readers: &'r [Reader], path: &str) -> Option<&'r Reader> {
    let (_, ending) = path.rsplit_once('.')?;
    readers.iter().find(|r| r.ecosystem.sources.contains(&ending))
}

/// What a build fetches is not in the context, and its data are not known.
fn fetched(site: &Site<'_>, out: &mut Needs) {
    for instruction in site.instructions() {
        let Some(run) = site.facts.run(instruction) else {
            continue;
        };
        if run.operations().iter().any(|o| matches!(o, Operation::GitClone(_))) {
            out.conditions.push(Condition::unproven(
                "the files that are read at run time are known",
                vec![Evidence::command(
                    instruction.span,
                    "sources are fetched during the build",
                )],
                "a run that shows which files are opened",
            ));
            return;
        }
    }
}

/// A time zone that the file sets. Where the old base image has no table of them, as Alpine's and Ubuntu's,
/// it changes nothing.
fn zone_set(site: &Site<'_>) -> Option<Evidence> {
    let base = site.base?;
    let known = base.variant.config.is_some_and(|config| config.zones);
    let bare =
        matches!(base.variant.packages, PackageManager::Apk | PackageManager::None) || base.image.family == "ubuntu";
    if bare && !known {
        return None;
    }
    let pairs = site.instructions().filter_map(|instruction| match &instruction.kind {
        Kind::Env(pairs) => Some((instruction, pairs.iter().rfind(|pair| pair.key.value == "TZ")?)),
        _ => None,
    });
    let (instruction, pair) = pairs.last()?;
    let value = pair.value.as_ref().and_then(|word| site.value(word, instruction.index));
    // These need no table; what is not known may.
    let universal = [
        "",
        "UTC",
        "UTC0",
        "GMT",
        "GMT0",
        "Etc/UTC",
        "Etc/GMT",
        "Universal",
        "Zulu",
    ];
    let needs = value.as_deref().is_none_or(|zone| !universal.contains(&zone));
    needs.then(|| Evidence::command(instruction.span, "it sets the time zone"))
}

/// Scripts and programs of the context that CMD or a script of it starts.
fn started<'c>(
    site: &Site<'_>,
    landing: &Landing,
    context: &Context,
    programs: &[Program],
    files: &'c [ListedFile],
    chosen: &mut HashMap<&'c str, Evidence>,
) {
    let mut take = |path: &str, program: &Program| {
        let path = match absolute(site.workdir().as_deref(), path) {
            Some(path) => path,
            None => return,
        };
        let Some(found) = landing.existing(context, &path) else {
            return;
        };
        if let Some(file) = files.iter().find(|f| f.path == found) {
            let evidence = program.evidence.first().cloned();
            chosen
                .entry(file.path.as_str())
                .or_insert_with(|| evidence.unwrap_or_else(|| Evidence::tool("CMD starts it")));
        }
    };
    for program in programs {
        match &program.what {
            What::File { path } => take(path, program),
            What::Interpreter {
                script: Some(script), ..
            } => take(script, program),
            _ => {}
        }
        for via in program.via.iter().filter(|v| v.starts_with('/')) {
            take(via, program);
        }
        // A script of package.json is looked up when it runs.
        let launchers = ["npm ", "yarn ", "pnpm ", "npx ", "bun "];
        if program.via.iter().any(|v| launchers.iter().any(|l| v.starts_with(l))) {
            take("package.json", program);
        }
        // Arguments may be files: `./app -config conf.yaml`, `nginx -c /etc/x.conf`.
        for word in program.words.iter().skip(1) {
            let word = word.split_once('=').map_or(word.as_str(), |(_, value)| value);
            if !word.starts_with('-') && !word.contains('$') {
                take(word, program);
            }
        }
    }
}

/// Files of the working directory that a compiled program looks for as it starts, whatever its own
/// sources say: the language's run time inside of it does.
fn opened<'c>(
    site: &Site<'_>,
    landing: &Landing,
    context: &Context,
    artifacts: &Artifacts,
    files: &'c [ListedFile],
    chosen: &mut HashMap<&'c str, Evidence>,
) {
    let binaries = artifacts.found.iter();
    let binaries = binaries.filter(|a| matches!(a.kind, ArtifactKind::Binary { .. }));
    for known in binaries.filter_map(|a| ecosystem::by_name(a.ecosystem)) {
        for name in known.reads.opens {
            let path = absolute(site.workdir().as_deref(), name);
            let found = path.and_then(|path| landing.existing(context, &path));
            if let Some(file) = found.and_then(|found| files.iter().find(|file| file.path == found)) {
                let says = format!("what {} compiles looks for it as it starts", known.title);
                chosen.entry(&file.path).or_insert_with(|| Evidence::tool(says));
            }
        }
    }
}

/// Scripts that the build runs: `./build.sh`, `sh tools/gen.sh`.
fn build_scripts(site: &Site<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for instruction in site.instructions() {
        for view in site.facts.commands(instruction) {
            let shell = matches!(view.name(), "sh" | "bash" | "ash" | "dash");
            let written = if shell {
                view.words().iter().find(|w| !w.is_flag()).map(|w| w.text.as_str())
            } else {
                Some(view.command.effective().name.text.as_str())
            };
            found.extend(
                written
                    .filter(|w| w.contains('/') || w.ends_with(".sh"))
                    .map(str::to_owned),
            );
        }
    }
    found
}

/// Whether a word of a command names a script of the context.
fn script_is(word: &str, path: &str) -> bool {
    let name = word.trim_start_matches("./");
    name == path || path.rsplit('/').next() == name.rsplit('/').next()
}

/// The folders of the image that COPY puts sources into.
fn sourced(landing: &Landing, leftovers: &Leftovers, files: &[ListedFile]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (image, context) in landing.trees() {
        let of_tree = |f: &&ListedFile| context.is_empty() || lies_in(&f.path, context);
        let mut own = files.iter().filter(of_tree);
        if own.any(|f| leftovers.is_source(&f.path)) {
            found.push(image.to_owned());
        }
    }
    found
}

/// Whether a file may be opened by a relative path, or was copied for its own sake. What is beside
/// sources in a folder that only the build works in can be reached only by a path that names it.
fn within_reach(landing: &Landing, workdir: Option<&str>, sourced: &[String], places: &[(String, usize)]) -> bool {
    let Some(workdir) = workdir else { return true };
    places.iter().any(|(place, _)| {
        let trees = landing.trees().map(|(image, _)| image);
        let tree = trees.filter(|image| lies_in(place, image)).max_by_key(|i| i.len());
        // A working directory below the sources may look up to them.
        lies_in(place, workdir) || tree.is_none_or(|tree| !sourced.iter().any(|s| s == tree) || lies_in(workdir, tree))
    })
}

/// The folders of the image whose sources only make sites.
fn projects(site: &Site<'_>, artifacts: &Artifacts) -> Vec<String> {
    artifacts
        .found
        .iter()
        .filter_map(|a| site.workdir_at(a.made_by?.instruction))
        .filter(|folder| folder != "/")
        .collect()
}

/// Makes folders of files that are all wanted.
fn group(
    site: &Site<'_>,
    landing: &Landing,
    files: &[ListedFile],
    chosen: &HashMap<&str, Evidence>,
    all: &HashMap<&str, usize>,
    out: &mut Needs,
) {
    let mut wanted: HashMap<&str, usize> = HashMap::new();
    for path in chosen.keys() {
        for folder in ancestors(path) {
            *wanted.entry(folder).or_default() += 1;
        }
    }
    let changed = changed(site);
    let mut known: HashMap<String, usize> = HashMap::new();
    for (at, need) in out.files.iter().enumerate() {
        known.entry(need.path.clone()).or_insert(at);
    }
    for file in files {
        let Some(evidence) = chosen.get(file.path.as_str()) else {
            continue;
        };
        let folder = ancestors(&file.path).find(|f| all.contains_key(f) && wanted.get(f) == all.get(f));
        let (path, end) = match folder {
            Some(folder) => (folder, "/"),
            None => (file.path.as_str(), ""),
        };
        let mut images: Vec<(String, &str)> = Vec::new();
        for (place, _) in landing.image_of(path) {
            images.push((format!("{}{end}", place.trim_end_matches('/')), path));
        }
        // A COPY of its own may put the file elsewhere.
        if folder.is_some() {
            for (place, _) in landing.image_of(&file.path) {
                if !images.iter().any(|(image, _)| lies_in(&place, image)) {
                    images.push((place, &file.path));
                }
            }
        }
        for (image, path) in images {
            let same = changed.iter().all(|word| !mentions(word, path));
            match known.get(&image).and_then(|at| out.files.get_mut(*at)) {
                Some(need) => {
                    let named = matches!(evidence.from, super::EvidenceSource::SourceFile { .. });
                    if named && need.evidence.len() < 3 {
                        need.evidence.push(evidence.clone());
                    }
                }
                None => {
                    known.insert(image.clone(), out.files.len());
                    out.files.push(Need {
                        path: image,
                        context: same.then(|| path.to_owned()),
                        written: false,
                        evidence: vec![evidence.clone()],
                    });
                }
            }
        }
    }
    // What a folder that is taken holds already is not taken again.
    let folders: Vec<String> = out
        .files
        .iter()
        .filter(|n| n.path.ends_with('/'))
        .map(|n| n.path.clone())
        .collect();
    out.files
        .retain(|n| !folders.iter().any(|f| n.path != *f && n.path.starts_with(f.as_str())));
}

/// Words of commands that may change files of the context in place.
fn changed(site: &Site<'_>) -> Vec<String> {
    let mut words = Vec::new();
    for instruction in site.instructions() {
        for view in site.facts.commands(instruction) {
            let changes = matches!(
                view.name(),
                "sed"
                    | "chmod"
                    | "chown"
                    | "dos2unix"
                    | "envsubst"
                    | "patch"
                    | "gzip"
                    | "brotli"
                    | "perl"
                    | "mv"
                    | "rm"
                    | "cp"
                    | "tee"
            );
            if changes {
                words.extend(view.words().iter().filter(|w| !w.is_flag()).map(|w| w.text.clone()));
            }
            words.extend(
                view.command
                    .redirects
                    .iter()
                    .filter_map(|r| r.target.as_ref())
                    .map(|t| t.text.clone()),
            );
        }
    }
    words
}

/// Whether a word of a command names a path of the context, a folder above or a file below it.
fn mentions(word: &str, path: &str) -> bool {
    let word = word.trim_start_matches("./").trim_end_matches(['/', '*']);
    let base = path.rsplit('/').next().unwrap_or(path);
    !word.is_empty()
        && (word == path
            || word.ends_with(&format!("/{base}"))
            || word == base
            || lies_in(path, word)
            || word.contains(&format!("{path}/")))
}

/// Endings of files that users put beside a program.
const BAKED: &[&str] = &[
    "env",
    "yaml",
    "yml",
    "toml",
    "ini",
    "conf",
    "cfg",
    "properties",
    "pem",
    "crt",
    "key",
];

fn absent(site: &Site<'_>, landing: &Landing, context: &Context, literals: &Literals, out: &mut Needs) {
    let workdir = site.workdir();
    let mut names: Vec<(&String, &Seen)> = literals.names.iter().collect();
    names.sort_by_key(|(name, _)| name.as_str());
    for (name, seen) in names {
        let ending = name.rsplit('.').next().unwrap_or_default();
        if !BAKED.contains(&ending) || name.contains(['*', '%', '{', '$']) || name.starts_with('.') && name != ".env" {
            continue;
        }
        let Some(path) = absolute(workdir.as_deref(), name) else {
            continue;
        };
        let Some(at) = landing.context_of(&path) else { continue };
        let stem = name.rsplit('/').next().unwrap_or(name);
        if !context.exists(&at)
            && stem.len() > ending.len()
            && !out.files.iter().any(|n| n.path.ends_with(&format!("/{stem}")))
        {
            let evidence = Evidence::source(
                seen.path.clone(),
                Some(seen.line),
                format!("\"{name}\" is named, and is not in the build context"),
            );
            out.absent.push((path, evidence));
        }
    }
}

fn written(site: &Site<'_>, literals: &Literals, out: &mut Needs) {
    let workdir = site.workdir();
    for (name, seen) in &literals.written {
        if name.contains(['%', '$', '{']) {
            continue;
        }
        let Some(path) = absolute(workdir.as_deref(), name) else {
            continue;
        };
        if ["/tmp", "/dev", "/proc", "/sys"].iter().any(|d| lies_in(&path, d))
            || out.files.iter().any(|n| n.path == path)
        {
            continue;
        }
        out.files.push(Need {
            path,
            context: None,
            written: true,
            evidence: vec![Evidence::source(
                seen.path.clone(),
                Some(seen.line),
                format!("\"{name}\" is written"),
            )],
        });
    }
}

#[cfg(test)]
mod tests;
