//! The computed need against the truth: each application under `fixtures/apps` that a language runs
//! is built by a Docker Engine, started and asked for its probes, and what it opens meanwhile (traced
//! by fanotify) is compared with what the planner computed.
//!
//! `MBOPT_NEED_DOCKER` names the Engine, as DOCKER_HOST does; it must get the base images and the
//! packages, and tracing needs root on its machine. Without it nothing is tested. `MBOPT_CASE` picks
//! applications by a part of their name.
//!
//! - *opened*: installed packages of which a file was opened; not those of the base image.
//! - *needed*: packages that the sources and the start ask for ([`Plan::wanted`]), and what these need
//!   in turn by their own manifests, as installed.
//! - *optional*: opened, but only because a development package happened to bring it: a peer that its
//!   user declares as optional, and that no production install brings.
//! - *kept*: packages in the rewritten image.
//!
//! All that was opened must be needed and be in the rewrite, file by file. No more than 1.5 times as
//! many packages as are opened may be needed, of each application.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::context::{Context, Memory};
use mbopt::executor::{
    BuildRequest, Cancel, Docker, Engine, ImageContents, ImageId, Network, RootTree, Trace, root_tree,
};
use mbopt::facts::Facts;
use mbopt::model::{Dockerfile, Keyword};
use mbopt::plan::reach::{Language, distribution_of, normalized};
use mbopt::plan::{self, Options, Plan, Verdict};
use mbopt::source::SourceFile;
use mbopt::verify::Probe;
use mbopt::verify::behaviour::{Expected, Manner, observe};
use mbopt::verify::files::{Files, Kind, resolve};
use mbopt::verify::owners::Owners;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is looked at of `about.yaml`.
#[derive(Debug, Deserialize)]
struct About {
    built: Option<bool>,
    why: Option<String>,
    port: Option<u16>,
    #[serde(default)]
    probes: Vec<String>,
    #[serde(default)]
    env: Vec<String>,
}

/// A package as it is installed, by the folder (Node) or the metadata (Python, Ruby, PHP) that it has.
#[derive(Debug, Default)]
struct Installed {
    language: Option<Language>,
    name: String,
    /// Names that it needs, as its own manifest says, with the extra that asks for each.
    needs: Vec<(String, Option<String>)>,
    /// Names that it would use, and declares that it can do without.
    optional: Vec<String>,
    /// Extras of others that it asks for.
    extras: BTreeSet<(String, String)>,
    /// Its files, where a list tells.
    files: Vec<String>,
}

/// What was found of one application.
struct Row {
    opened: BTreeSet<String>,
    needed: BTreeSet<String>,
    kept: BTreeSet<String>,
    installed: usize,
    files: usize,
    /// Packages that were opened because they happened to be there.
    optional: usize,
    /// Packages that were opened, and that are not needed; files that the rewrite lacks.
    missed: Vec<String>,
}

impl Row {
    fn ratio(&self) -> f64 {
        self.needed.len().max(self.opened.len()) as f64 / self.opened.len().max(1) as f64
    }

    fn recall(&self) -> f64 {
        let found = self.opened.intersection(&self.needed).count();
        found as f64 * 100.0 / self.opened.len().max(1) as f64
    }
}

#[test]
fn what_is_opened_is_needed() {
    let Some(host) = std::env::var("MBOPT_NEED_DOCKER").ok().filter(|h| !h.is_empty()) else {
        eprintln!("skipped: MBOPT_NEED_DOCKER names no Docker Engine");
        return;
    };
    assert_eq!(
        std::env::var("DOCKER_HOST").unwrap_or_default(),
        host,
        "DOCKER_HOST must name the same Engine"
    );
    let path = std::env::var_os("PATH");
    let named = std::env::var_os("MBOPT_DOCKER");
    let docker = Docker::find(named.as_deref(), path.as_deref()).expect("an Engine answers");
    let wanted = std::env::var("MBOPT_CASE").unwrap_or_default();
    let mut wrong = Vec::new();
    let mut total = (0, 0);
    let mut lines = vec![
        "| application | opened | needed | ratio | recall | optional | kept | installed | files opened |".to_owned(),
        "|---|---|---|---|---|---|---|---|---|".to_owned(),
    ];
    for folder in apps() {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if !name.contains(&wanted) {
            continue;
        }
        let about = std::fs::read_to_string(folder.join("about.yaml")).unwrap();
        let about: About = serde_yaml::from_str(&about).unwrap();
        let plan = planned(&folder.join("app"));
        if plan.wanted.is_empty() {
            continue;
        }
        if about.built == Some(false) {
            eprintln!("{name}: not built: {}", about.why.unwrap_or_default());
            continue;
        }
        match measured(&docker, &folder.join("app"), &about, &plan) {
            Err(why) => wrong.push(format!("{name}: {why}")),
            Ok(row) => {
                lines.push(format!(
                    "| {name} | {} | {} | {:.2} | {:.0} % | {} | {} | {} | {} |",
                    row.opened.len(),
                    row.needed.len(),
                    row.ratio(),
                    row.recall(),
                    row.optional,
                    row.kept.len(),
                    row.installed,
                    row.files,
                ));
                eprintln!("{}", lines.last().unwrap());
                if std::env::var_os("MBOPT_NEED_LIST").is_some() {
                    eprintln!("  opened: {:?}", short(&row.opened));
                    eprintln!(
                        "  needed and not opened: {:?}",
                        short(&row.needed.difference(&row.opened).cloned().collect())
                    );
                }
                wrong.extend(row.missed.iter().take(12).map(|m| format!("{name}: {m}")));
                total.0 += row.opened.len();
                total.1 += row.needed.len().max(row.opened.len());
                if row.ratio() > 1.5 {
                    wrong.push(format!(
                        "{name}: {:.2} times as many packages are needed as are opened",
                        row.ratio()
                    ));
                }
            }
        }
    }
    let all = total.1 as f64 / total.0.max(1) as f64;
    lines.push(format!("| all | {} | {} | {all:.2} | | | | | |", total.0, total.1));
    if all > 1.5 {
        wrong.push(format!("{all:.2} times as many packages are needed as are opened"));
    }
    println!("{}", lines.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn short(keys: &BTreeSet<String>) -> Vec<String> {
    let last = |key: &String| key.rsplit("node_modules/").next().unwrap_or(key).to_owned();
    keys.iter().map(last).collect()
}

fn apps() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apps");
    let entries = std::fs::read_dir(root).unwrap().flatten().map(|e| e.path());
    let mut found: Vec<PathBuf> = entries.filter(|p| p.join("about.yaml").is_file()).collect();
    found.sort();
    found
}

fn planned(app: &Path) -> Plan {
    let text = std::fs::read_to_string(app.join("Dockerfile")).unwrap();
    let mut tree = Memory::default();
    for entry in walkdir::WalkDir::new(app).into_iter().flatten() {
        if entry.file_type().is_file() {
            let name = entry.path().strip_prefix(app).unwrap().to_string_lossy().into_owned();
            tree.insert(&name, &std::fs::read(entry.path()).unwrap());
        }
    }
    let context = Context::new("app", Arc::new(tree), Some("Dockerfile"));
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    plan::plan(&Facts::new(&file, Some(&context)), &Options::default())
}

/// An image that is removed in the end: its files are read where the Engine has them.
struct Built<'d> {
    docker: &'d Docker,
    id: ImageId,
}

impl Drop for Built<'_> {
    fn drop(&mut self) {
        let _ = self.docker.remove(&self.id);
    }
}

/// An image's files.
struct Looked<'d> {
    tree: RootTree,
    /// How many layers its base has.
    base: usize,
    /// What the files are read from.
    _contents: ImageContents,
    image: Built<'d>,
}

fn look<'d>(docker: &'d Docker, app: &Path, text: &str, cancel: &Cancel) -> Result<Looked<'d>, String> {
    let request = BuildRequest {
        dockerfile: text.to_owned(),
        context: app.to_owned(),
        network: Network::Host,
        ..BuildRequest::default()
    };
    let built = docker
        .build(&request, &|_: mbopt::executor::Event<'_>| (), cancel)
        .map_err(|e| format!("it does not build: {e}"))?;
    let contents = docker.contents(&built.id, cancel).map_err(|e| e.to_string())?;
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    let last = file.target().map(|stage| {
        file.instructions_of(stage)
            .iter()
            .filter(|i| i.keyword != Keyword::From)
            .count()
    });
    let history = &contents.config.history;
    let own = history
        .get(history.len().saturating_sub(last.unwrap_or(0))..)
        .unwrap_or_default();
    let made = own.iter().filter(|entry| !entry.empty_layer).count();
    let base = contents.layers.len().saturating_sub(made);
    let tree = RootTree::of(&contents, root_tree::Options::default(), cancel).map_err(|e| e.to_string())?;
    let id = built.id;
    Ok(Looked {
        tree,
        base,
        _contents: contents,
        image: Built { docker, id },
    })
}

fn measured(docker: &Docker, app: &Path, about: &About, plan: &Plan) -> Result<Row, String> {
    let cancel = Cancel::new();
    let text = std::fs::read_to_string(app.join("Dockerfile")).unwrap();
    let looked = look(docker, app, &text, &cancel)?;
    let (files, base) = (&looked.tree, looked.base);
    let mut probes = Vec::new();
    if let Some(port) = about.port {
        probes.extend(about.probes.iter().map(|path| Probe::Http {
            port,
            path: path.clone(),
        }));
    }
    let manner = Manner {
        probes,
        env: about
            .env
            .iter()
            .filter_map(|e| e.split_once('='))
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .collect(),
        ..Manner::default()
    };
    let expected = Expected {
        exposes: !manner.probes.is_empty(),
        ..Expected::default()
    };
    let run = observe(docker, &looked.image.id, &manner, expected, &cancel).map_err(|e| e.to_string());
    let trace: Trace = run?.trace.ok_or("it was not traced")??;
    let installed = installed(files, base);
    let mut owner: BTreeMap<&str, &str> = BTreeMap::new();
    for (key, package) in &installed {
        for file in &package.files {
            owner.insert(file, key);
        }
    }
    let mut row = Row {
        opened: BTreeSet::new(),
        needed: needed(plan, &installed, files, &lists(app)),
        kept: BTreeSet::new(),
        installed: installed.len(),
        files: 0,
        optional: 0,
        missed: Vec::new(),
    };
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for path in trace.opened.iter().filter(|p| !trace.written.contains(*p)) {
        let at = resolve(files, path).map_or_else(|_| path.clone(), |(at, _)| at);
        let at = source_of(&at).unwrap_or(at);
        row.files += usize::from(files.node(&at).is_some_and(|n| n.layer >= base));
        // Metadata is listed and read to find what others may have registered.
        if at.contains(".dist-info/") || at.contains(".egg-info/") || at.ends_with(".gemspec") {
            continue;
        }
        if let Some(key) = node_package(&at)
            .filter(|key| installed.contains_key(*key))
            .or(owner.get(at.as_str()).copied())
        {
            row.opened.insert(key.to_owned());
            shown.entry(key.to_owned()).or_insert(at.clone());
        }
    }
    // `debug` colours what it prints with `supports-color` where somebody else brought it: a peer that
    // it declares as optional, and that no production install brings.
    let spared = optional_of(&row.needed, &installed, files);
    row.optional = row.opened.iter().filter(|key| spared.contains(*key)).count();
    row.opened.retain(|key| !spared.contains(key));
    row.missed.extend(row.opened.difference(&row.needed).map(|key| {
        let file = shown.get(key).map_or("", String::as_str);
        format!("{key} was opened ({file}), and is not needed as computed")
    }));
    let Verdict::Rewrite(at) = plan.verdict else {
        row.kept = installed.keys().cloned().collect();
        return Ok(row);
    };
    let rewritten =
        look(docker, app, &plan.candidates[at].text, &cancel).map_err(|why| format!("the rewrite: {why}"))?;
    let after = &rewritten.tree;
    let kept: BTreeSet<String> = self::installed(after, 0).into_keys().collect();
    row.kept = installed.keys().filter(|key| kept.contains(*key)).cloned().collect();
    let owners = Owners::of(files);
    // Of what the Dockerfile itself brought, every file that was used must be there.
    for path in trace.opened.iter().chain(&trace.executed).chain(&trace.listed) {
        let Some(node) = files.node(path).filter(|node| node.layer >= base) else {
            continue;
        };
        // What a run compiled is compiled anew where its source is.
        let source = source_of(path);
        let path = source.as_ref().unwrap_or(path);
        if matches!(node.kind, Kind::Special) || trace.written.contains(path) || resolve(after, path).is_ok() {
            continue;
        }
        let owner = node_package(path).or(owner.get(path.as_str()).copied());
        // Settings that a library of the system reads where they are (openssl.cnf), logs of npm's build.
        // PHP reads the settings of every extension that is installed, also by packages of a build alone.
        let system =
            path.starts_with("/etc/php/") || owners.of_file(path).is_some_and(|owner| owner.starts_with("apt:"));
        let listed = path.ends_with(".dist-info/entry_points.txt");
        let idle = is_specification(path) && !row.opened.contains(path)
            || listed && !owner.is_some_and(|key| row.opened.contains(key));
        if owner.is_some_and(|key| spared.contains(key)) || system || idle || path.starts_with("/root/.npm") {
            continue;
        }
        if !path.starts_with("/etc/ld.so") {
            row.missed.push(format!("{path} was opened, and is not in the rewrite"));
        }
    }
    Ok(row)
}

/// Whether a file says what a gem is: RubyGems reads those of all that are installed.
fn is_specification(path: &str) -> bool {
    path.contains("/specifications/") && path.ends_with(".gemspec")
}

/// The source that Python has compiled to a file: `a/__pycache__/b.cpython-311.pyc` of `a/b.py`.
fn source_of(path: &str) -> Option<String> {
    let (folder, name) = path.split_once("/__pycache__/")?;
    Some(format!("{folder}/{}.py", name.split('.').next()?))
}

/// The folder of the package that a file lies in.
fn node_package(path: &str) -> Option<&str> {
    let at = path.rfind("/node_modules/")? + "/node_modules/".len();
    let rest = path.get(at..)?;
    let mut parts = rest.match_indices('/').map(|(at, _)| at);
    let end = if rest.starts_with('@') {
        parts.nth(1)?
    } else {
        parts.next()?
    };
    path.get(..at + end)
}

/// Every package that is installed above the base image's layers.
fn installed(files: &dyn Files, base: usize) -> BTreeMap<String, Installed> {
    let mut found: Vec<(String, bool)> = Vec::new();
    let mut gems: Vec<String> = Vec::new();
    let mut vendors: Vec<String> = Vec::new();
    files.each(&mut |path, node| {
        // What a package manager keeps in its cache is not installed.
        if node.layer < base || path.contains("/.cache/") {
            return;
        }
        if path.ends_with("/package.json") && node_package(path) == path.strip_suffix("/package.json") {
            // What comes with Node itself.
            let own = ["/usr/lib/node_modules/", "/usr/local/lib/node_modules/"];
            if !own.iter().any(|folder| path.starts_with(folder)) {
                found.push((path.to_owned(), true));
            }
        }
        if path.ends_with(".gemspec") && !path.contains("/specifications/default/") {
            gems.push(path.to_owned());
        }
        if path.ends_with("/vendor/composer/installed.json") {
            vendors.push(path.to_owned());
        }
        // An environment's own tools come with it, and Python looks into them when it starts.
        let tool = ["pip", "setuptools", "wheel"]
            .iter()
            .any(|tool| path.contains(&format!("/{tool}-")));
        if path.ends_with(".dist-info/METADATA") && !tool {
            found.push((path.to_owned(), false));
        }
    });
    let mut out = BTreeMap::new();
    self::gems(files, &gems, &mut out);
    for path in vendors {
        composer(files, &path, &mut out);
    }
    for (path, node) in found {
        let text = files.read(&path, 4 << 20).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        if node {
            let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            let names = |list: &str| -> Vec<(String, Option<String>)> {
                let list = value.get(list).and_then(|l| l.as_object());
                list.into_iter()
                    .flat_map(|l| l.keys().map(|k| (k.clone(), None)))
                    .collect()
            };
            let folder = path.strip_suffix("/package.json").unwrap().to_owned();
            let name = folder
                .rsplit_once("/node_modules/")
                .map_or("", |(_, name)| name)
                .to_owned();
            out.insert(
                folder,
                Installed {
                    language: Some(Language::JavaScript),
                    name,
                    needs: [
                        names("dependencies"),
                        names("optionalDependencies"),
                        names("peerDependencies"),
                    ]
                    .concat(),
                    optional: optional(&value),
                    ..Installed::default()
                },
            );
        } else {
            out.insert(path.clone(), python(files, &path, &text));
        }
    }
    out
}

/// Gems by their specifications, and those of the project's own folders that no gem was made of.
fn gems(files: &dyn Files, paths: &[String], out: &mut BTreeMap<String, Installed>) {
    let (installed, own): (Vec<&String>, Vec<&String>) = paths.iter().partition(|path| is_specification(path));
    let mut folders: Vec<String> = Vec::new();
    for path in installed {
        let (root, full) = path.split_once("/specifications/").unwrap();
        let full = full.strip_suffix(".gemspec").unwrap();
        let mut gem = gem(files, path);
        if gem.name.is_empty() {
            gem.name = full.rsplit_once('-').map_or(full, |(name, _)| name).to_owned();
        }
        let folder = format!("{root}/gems/{full}/");
        gem.files = below(files, |file| {
            file.starts_with(&folder)
                || file.starts_with(&format!("{root}/extensions/")) && file.contains(&format!("/{full}/"))
        });
        // Debian's own lie where Ruby looks for its own libraries.
        let plain = gem.name.replace('_', "-");
        for package in [format!("ruby-{plain}"), plain] {
            let list = files
                .read(&format!("/var/lib/dpkg/info/{package}.list"), 4 << 20)
                .unwrap_or_default();
            let list = String::from_utf8_lossy(&list);
            gem.files.extend(
                list.lines()
                    .filter(|l| l.ends_with(".rb") || l.ends_with(".so"))
                    .map(str::to_owned),
            );
        }
        folders.push(folder);
        out.insert(path.clone(), gem);
    }
    for path in own {
        let (folder, stem) = path.rsplit_once('/').unwrap();
        let mut gem = gem(files, path);
        if gem.name.is_empty() {
            gem.name = stem.strip_suffix(".gemspec").unwrap().to_owned();
        }
        if folders.iter().any(|f| path.starts_with(f)) || out.values().any(|g| g.name == gem.name) {
            continue;
        }
        gem.files = below(files, |file| file.starts_with(&format!("{folder}/")));
        out.insert(path.clone(), gem);
    }
}

fn below(files: &dyn Files, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let mut out = Vec::new();
    files.each(&mut |path, node| {
        if matches!(node.kind, Kind::File(_)) && wanted(path) {
            out.push(path.to_owned());
        }
    });
    out
}

/// What a specification says: <https://guides.rubygems.org/specification-reference/>.
fn gem(files: &dyn Files, path: &str) -> Installed {
    let text = files.read(path, 4 << 20).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let literal = |line: &str| {
        let at = line.find(['"', '\'', '<'])?;
        let end = if line[at..].starts_with('<') {
            '>'
        } else {
            line[at..].chars().next()?
        };
        line[at + 1..].split(end).next().map(str::to_owned)
    };
    let mut out = Installed {
        language: Some(Language::Ruby),
        ..Installed::default()
    };
    for line in text.lines().map(str::trim) {
        let is_name = line
            .split_once('=')
            .is_some_and(|(left, _)| left.trim_end().ends_with(".name"));
        if is_name && out.name.is_empty() {
            out.name = literal(line).unwrap_or_default();
        }
        if line.contains(".add_dependency") || line.contains(".add_runtime_dependency") {
            out.needs.extend(literal(line).map(|name| (name, None)));
        }
    }
    out
}

/// Composer's packages by its own list of them.
fn composer(files: &dyn Files, path: &str, out: &mut BTreeMap<String, Installed>) {
    let text = files.read(path, 64 << 20).unwrap_or_default();
    let list: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let folder = path.rsplit_once('/').unwrap().0;
    for package in list["packages"].as_array().into_iter().flatten() {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        let at = mbopt::verify::files::clean(folder, &text("install-path"));
        // A package of the repository itself is linked.
        let at = match resolve(files, &format!("{at}/composer.json")) {
            Ok((manifest, _)) => manifest.strip_suffix("/composer.json").unwrap().to_owned(),
            Err(_) => at,
        };
        let needs = package["require"].as_object();
        out.insert(
            at.clone(),
            Installed {
                language: Some(Language::Php),
                name: text("name"),
                needs: needs
                    .into_iter()
                    .flat_map(|n| n.keys())
                    .map(|k| (k.clone(), None))
                    .collect(),
                files: below(files, |file| file.starts_with(&format!("{at}/"))),
                ..Installed::default()
            },
        );
    }
}

/// Peers that a package.json declares as optional.
fn optional(value: &serde_json::Value) -> Vec<String> {
    let list = value.get("peerDependenciesMeta").and_then(|l| l.as_object());
    let optional = |v: &serde_json::Value| v.get("optional").and_then(serde_json::Value::as_bool) == Some(true);
    let names = list.into_iter().flatten().filter(|(_, v)| optional(v));
    names.map(|(name, _)| name.clone()).collect()
}

/// What a distribution's metadata says: <https://packaging.python.org/en/latest/specifications/core-metadata/>.
fn python(files: &dyn Files, path: &str, text: &str) -> Installed {
    let mut out = Installed {
        language: Some(Language::Python),
        ..Installed::default()
    };
    for line in text.lines().take_while(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("Name: ") {
            out.name = normalized(name.trim());
        }
        let Some(needs) = line.strip_prefix("Requires-Dist: ") else {
            continue;
        };
        let end = needs
            .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
            .unwrap_or(needs.len());
        let name = normalized(&needs[..end]);
        let extra = needs.split_once("extra ==").map(|(_, e)| {
            let e = e.trim().trim_start_matches(['"', '\'']);
            e.split(['"', '\'']).next().unwrap_or_default().to_owned()
        });
        if let Some(asked) = needs[end..]
            .trim_start()
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            out.extras
                .extend(asked.split(',').map(|e| (name.clone(), e.trim().to_owned())));
        }
        out.needs.push((name, extra));
    }
    let folder = path
        .rsplit_once(".dist-info/")
        .map_or("", |(f, _)| f.rsplit_once('/').map_or("", |(f, _)| f));
    let record = files
        .read(&path.replace("/METADATA", "/RECORD"), 16 << 20)
        .unwrap_or_default();
    for line in String::from_utf8_lossy(&record).lines() {
        let file = line.split(',').next().unwrap_or_default();
        out.files.push(mbopt::verify::files::clean(folder, file));
    }
    out
}

/// The Dockerfile, and the lists of Python packages beside it, with names as metadata has them.
fn lists(app: &Path) -> String {
    let mut out = String::new();
    for entry in std::fs::read_dir(app).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let list = ["txt", "toml", "py", "cfg"]
            .iter()
            .any(|end| name.ends_with(&format!(".{end}")));
        if list || name == "Pipfile" || name == "Dockerfile" {
            out += &std::fs::read_to_string(entry.path()).unwrap_or_default();
            out.push('\n');
        }
    }
    out.to_lowercase().replace(['_', '.'], "-")
}

/// What the plan wants, and what that needs in turn.
fn needed(plan: &Plan, installed: &BTreeMap<String, Installed>, files: &dyn Files, lists: &str) -> BTreeSet<String> {
    let mut out: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<String> = Vec::new();
    // Extras that are asked for on a command line or in a list are not in any metadata: `name[extra]`.
    let asks = |name: &str| lists.contains(&format!("{name}["));
    for wanted in &plan.wanted {
        let names = match wanted.language {
            Language::JavaScript | Language::Php => vec![wanted.name.clone()],
            // `require "rack/test"` names the first part.
            Language::Ruby => vec![wanted.name.clone(), wanted.name.replace('_', "-")],
            Language::Python => distribution_of(&wanted.name),
        };
        let found = installed
            .iter()
            .filter(|(_, p)| p.language == Some(wanted.language) && names.contains(&p.name));
        // Of several copies the outermost is found; sources below a folder find that folder's.
        let found: Vec<&String> = found
            .map(|(key, _)| key)
            .filter(|key| key.matches("/node_modules/").count() <= 1 || key.contains("/node_modules/.pnpm/"))
            .collect();
        open.extend(found.into_iter().cloned());
    }
    let roots: BTreeSet<String> = open.iter().cloned().collect();
    let mut extras: BTreeSet<(String, String)> = BTreeSet::new();
    loop {
        while let Some(key) = open.pop() {
            if !out.insert(key.clone()) {
                continue;
            }
            let package = &installed[&key];
            extras.extend(package.extras.iter().cloned());
            let without: &[&str] = mbopt::knowledge::ecosystem::brought(&package.name).map_or(&[], |b| b.other_uses);
            for (name, extra) in &package.needs {
                let fits = |w: &&str| w.strip_suffix('*').map_or(*w == name, |start| name.starts_with(start));
                if without.iter().any(fits) {
                    continue;
                }
                let asked = match extra {
                    None => true,
                    Some(extra) => {
                        extras.contains(&(package.name.clone(), extra.clone()))
                            || roots.contains(&key) && asks(&package.name)
                    }
                };
                if asked {
                    open.extend(resolved(&key, package, name, installed, files));
                }
            }
        }
        // An extra may be asked for once its package was looked at.
        for key in &out {
            let package = &installed[key];
            for (name, extra) in &package.needs {
                if extra
                    .as_ref()
                    .is_some_and(|e| extras.contains(&(package.name.clone(), e.clone())))
                {
                    open.extend(resolved(key, package, name, installed, files).filter(|k| !out.contains(k)));
                }
            }
        }
        if open.is_empty() {
            return out;
        }
    }
}

/// Installed packages that needed ones declare as optional peers, with what these need, and that are
/// not needed themselves.
fn optional_of(
    needed: &BTreeSet<String>,
    installed: &BTreeMap<String, Installed>,
    files: &dyn Files,
) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    let mut open: Vec<String> = Vec::new();
    for key in needed {
        let package = &installed[key];
        let peers = package
            .optional
            .iter()
            .filter_map(|name| resolved(key, package, name, installed, files));
        open.extend(peers);
    }
    while let Some(key) = open.pop() {
        if needed.contains(&key) || !out.insert(key.clone()) {
            continue;
        }
        let package = &installed[&key];
        open.extend(
            package
                .needs
                .iter()
                .filter_map(|(name, _)| resolved(&key, package, name, installed, files)),
        );
    }
    out
}

/// Which installed package a name stands for, seen from another.
fn resolved(
    from: &str,
    package: &Installed,
    name: &str,
    installed: &BTreeMap<String, Installed>,
    files: &dyn Files,
) -> Option<String> {
    if package.language != Some(Language::JavaScript) {
        let found = installed
            .iter()
            .find(|(_, p)| p.language == package.language && p.name == name);
        return found.map(|(key, _)| key.clone());
    }
    let mut folder = Some(from);
    while let Some(at) = folder {
        let candidate = format!("{at}/node_modules/{name}");
        if installed.contains_key(&candidate) {
            return Some(candidate);
        }
        // pnpm links to where a package lies.
        if let Ok((manifest, _)) = resolve(files, &format!("{candidate}/package.json"))
            && let Some(folder) = manifest.strip_suffix("/package.json")
            && installed.contains_key(folder)
        {
            return Some(folder.to_owned());
        }
        folder = at.rsplit_once('/').map(|(above, _)| above);
    }
    None
}
