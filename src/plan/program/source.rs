//! Where the sources of a program begin: the files, modules and packages that its words name.

mod python;

use crate::knowledge::ecosystem;
use crate::plan::Observed;
use crate::plan::artifact::{Landing, Step, Walker};
use crate::plan::evidence::{Evidence, EvidenceSource};
use crate::plan::reach::Language;
use crate::plan::site::Site;
use std::collections::BTreeMap;

use super::Program;

/// A place where a program's sources begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Their language.
    pub language: Language,
    /// The place.
    pub begin: Begin,
}

/// What a word names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// A file, absolute in the image; it need not exist before the build.
    File(String),
    /// A module that is looked up in a folder first, and in what is installed then.
    Module {
        /// With dots: `app.main`.
        name: String,
        /// Absolute in the image.
        folder: String,
    },
    /// A folder of which any source may be loaded, absolute in the image.
    Folder(String),
    /// An installed package, as sources name it.
    Package(String),
}

/// Where the sources of all programs of a language begin, as the build context sees them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    /// Files, relative to the context's root; one that a build makes stands for its source.
    pub files: Vec<String>,
    /// Packages.
    pub packages: BTreeMap<String, Evidence>,
    /// Files of the image that are not seen in the context.
    pub unseen: Vec<String>,
}

/// The entries of all programs, by language.
pub fn entries(site: &Site<'_>, programs: &[Program]) -> BTreeMap<Language, Entries> {
    let mut out: BTreeMap<Language, Entries> = BTreeMap::new();
    let Some(context) = site.context else { return out };
    let landing = Landing::of(site);
    for program in programs {
        for source in &program.sources {
            let own = out.entry(source.language).or_default();
            let evidence = || {
                let span = site.file().instructions.get(program.by).map(|i| i.arguments_span);
                let says = format!("`{}` is started", program.words.join(" "));
                span.map_or_else(
                    || Evidence::tool(says.clone()),
                    |span| Evidence::cmd(span, says.clone()),
                )
            };
            match &source.begin {
                Begin::File(path) => match in_context(context, &landing, path) {
                    Some(file) => add(&mut own.files, file),
                    None => add(&mut own.unseen, path.clone()),
                },
                Begin::Module { name, folder } => {
                    let path = name.replace('.', "/");
                    let candidates = [
                        format!("{path}.py"),
                        format!("{path}/__main__.py"),
                        format!("{path}/__init__.py"),
                        format!("src/{path}.py"),
                        format!("src/{path}/__main__.py"),
                        format!("src/{path}/__init__.py"),
                    ];
                    let folder = folder.trim_end_matches('/');
                    let found: Vec<String> = candidates
                        .iter()
                        .filter_map(|c| landing.existing(context, &format!("{folder}/{c}")))
                        .collect();
                    if found.is_empty() {
                        let first = name.split('.').next().unwrap_or(name);
                        own.packages.entry(first.to_owned()).or_insert_with(evidence);
                    }
                    for file in found {
                        add(&mut own.files, file);
                    }
                }
                Begin::Folder(path) => {
                    let Some(folder) = landing.context_of(path) else {
                        add(&mut own.unseen, path.clone());
                        continue;
                    };
                    for file in context.walk().below(&folder).take(FOLDER_LIMIT) {
                        let skipped = file.path.contains("node_modules/") || is_test(&file.path);
                        if Language::of(&file.path) == Some(source.language) && !skipped {
                            add(&mut own.files, file.path.clone());
                        }
                    }
                }
                Begin::Package(name) => {
                    own.packages.entry(name.clone()).or_insert_with(evidence);
                }
            }
        }
    }
    for observed in site.observed() {
        if let Observed::Loaded { language, package } = observed
            && let Some(own) = out.get_mut(language)
        {
            own.packages.entry(package.clone()).or_insert_with(|| {
                let says = format!("`{package}` was loaded when the image ran");
                Evidence::new(EvidenceSource::Observed, says)
            });
        }
    }
    out
}

/// So many files of a folder begin something at most.
const FOLDER_LIMIT: usize = 4_000;

fn add(list: &mut Vec<String>, item: String) {
    if !list.contains(&item) {
        list.push(item);
    }
}

/// Whether a path is a test's, which no program loads.
fn is_test(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.contains(".test.")
        || name.contains(".spec.")
        || name.contains(".stories.")
        || name.contains(".config.")
        || name.starts_with("test_")
        || path
            .split('/')
            .any(|part| matches!(part, "__tests__" | "test" | "tests" | "spec" | "cypress" | "e2e"))
}

/// The context's path of a file of the image; where only what it is made of was copied, the place
/// that it would have beside its manifest.
fn in_context(context: &crate::context::Context, landing: &Landing, path: &str) -> Option<String> {
    if let Some(file) = landing.existing(context, path) {
        return Some(file);
    }
    let mut folder = path;
    while let Some((above, _)) = folder.rsplit_once('/') {
        for manifest in ["package.json", "tsconfig.json"] {
            if let Some(found) = landing.existing(context, &format!("{above}/{manifest}")) {
                let root = found.strip_suffix(manifest).unwrap_or_default();
                let rest = path.get(above.len() + 1..).unwrap_or_default();
                return Some(format!("{root}{rest}"));
            }
        }
        folder = above;
    }
    landing.context_of(path)
}

/// What a step's words name.
pub(super) fn sources(walker: &Walker<'_>, step: &Step) -> Vec<Source> {
    let program = step.program.as_str();
    let versioned = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let mut out = Vec::new();
    match versioned {
        "node" | "nodejs" | "ts-node" | "ts-node-esm" | "tsx" | "esno" | "babel-node" | "bun" | "swc-node" => {
            javascript(walker, step, &mut out);
        }
        "python" | "pypy" => python::started(step, &mut out),
        "ruby" => named(step, Language::Ruby, &["-I", "-r", "-C", "-e"], &mut out),
        "php" if step.words.iter().any(|w| w == "-S") => php_server(step, &mut out),
        "php" => named(step, Language::Php, &["-d", "-c", "-z"], &mut out),
        // What they serve their configuration says; of the project it may be anything.
        "apache2-foreground" | "apachectl" | "apache2ctl" | "apache2" | "php-fpm" | "frankenphp" => {
            folder(step, ".", &mut out);
        }
        _ => {
            let before = out.len();
            python::server(walker, step, &mut out);
            if out.len() == before {
                ruby_server(step, &mut out);
            }
            if out.len() == before {
                node_tool(walker, step, &mut out);
            }
            if out.len() == before {
                out.extend(script(walker, step));
            }
        }
    }
    out
}

/// A script of the project, by the interpreter that its first line names: `bin/serve`.
fn script(walker: &Walker<'_>, step: &Step) -> Option<Source> {
    let path = step.path(&step.name).filter(|_| step.name.contains('/'))?;
    let context = walker.site.context?;
    let file = walker.landing.existing(context, &path)?;
    let interpreter = super::shebang(&context.read_text(&file)?)?;
    let language = match interpreter.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "ruby" => Language::Ruby,
        "python" => Language::Python,
        "php" => Language::Php,
        "node" => Language::JavaScript,
        _ => return None,
    };
    let begin = Begin::File(path);
    Some(Source { language, begin })
}

fn file(step: &Step, language: Language, word: &str, out: &mut Vec<Source>) {
    if let Some(path) = step.path(word) {
        out.push(Source {
            language,
            begin: Begin::File(path),
        });
    }
}

fn package(language: Language, name: &str, out: &mut Vec<Source>) {
    if !name.is_empty() {
        out.push(Source {
            language,
            begin: Begin::Package(name.to_owned()),
        });
    }
}

fn named(step: &Step, language: Language, with_value: &[&str], out: &mut Vec<Source>) {
    if let Some(first) = step.operands(with_value).first() {
        file(step, language, first, out);
    }
}

/// `php -S ADDRESS [-t FOLDER] [ROUTER]`: it runs whatever lies in the folder.
fn php_server(step: &Step, out: &mut Vec<Source>) {
    const VALUES: [&str; 5] = ["-S", "-t", "-d", "-c", "-z"];
    if let Some(router) = step.operands(&VALUES).first() {
        file(step, Language::Php, router, out);
    }
    folder(step, step.option(&["-t", "--docroot"]).unwrap_or("."), out);
}

/// A folder with sources of PHP, any of which may be asked for.
fn folder(step: &Step, path: &str, out: &mut Vec<Source>) {
    if let Some(path) = step.path(path).filter(|path| path.len() > 1) {
        out.push(Source {
            language: Language::Php,
            begin: Begin::Folder(path),
        });
    }
}

/// Options of Node's that load something before the program.
const LOADERS: [&str; 5] = ["-r", "--require", "--import", "--loader", "--experimental-loader"];

/// Options of Node's and its like that take a value.
const NODE_VALUES: [&str; 14] = [
    "-r",
    "--require",
    "--import",
    "--loader",
    "--experimental-loader",
    "-C",
    "--conditions",
    "--env-file",
    "-P",
    "--project",
    "-O",
    "--compiler-options",
    "--tsconfig",
    "--title",
];

fn javascript(walker: &Walker<'_>, step: &Step, out: &mut Vec<Source>) {
    let options: Vec<String> = step
        .var(&walker.site, "NODE_OPTIONS")
        .unwrap_or_default()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let mut words = options.iter().chain(&step.words).peekable();
    while let Some(word) = words.next() {
        let value = match word.split_once('=') {
            Some((option, value)) if LOADERS.contains(&option) => Some(value.to_owned()),
            _ if LOADERS.contains(&word.as_str()) => words.peek().map(|w| (*w).clone()),
            _ => None,
        };
        let Some(value) = value else { continue };
        if value.starts_with(['.', '/']) {
            file(step, Language::JavaScript, &value, out);
        } else {
            package(Language::JavaScript, package_of(&value), out);
        }
    }
    if matches!(
        step.program.as_str(),
        "ts-node" | "ts-node-esm" | "tsx" | "esno" | "babel-node" | "swc-node"
    ) {
        node_tool(walker, step, out);
    }
    let operands = step.operands(&NODE_VALUES);
    let skip = usize::from(step.program == "bun" && operands.first() == Some(&"run"));
    if let Some(script) = operands.get(skip) {
        file(step, Language::JavaScript, script, out);
    }
}

/// `lodash/fp` is of `lodash`, `@a/b/c` of `@a/b`.
fn package_of(name: &str) -> &str {
    let parts = if name.starts_with('@') { 2 } else { 1 };
    let end = name.match_indices('/').nth(parts - 1).map(|(at, _)| at);
    end.and_then(|at| name.get(..at)).unwrap_or(name)
}

/// A program of an installed package: the package, what it loads by itself, and the sources of
/// servers that have no file of their own.
fn node_tool(walker: &Walker<'_>, step: &Step, out: &mut Vec<Source>) {
    let Some(folder) = step.cwd.as_deref() else { return };
    let language = Language::JavaScript;
    if matches!(step.program.as_str(), "pm2" | "pm2-runtime" | "pm2-docker" | "forever") {
        if let Some(name) = package_that_brings(walker, step) {
            package(language, &name, out);
        }
        let operands = step.operands(&["-i", "--instances", "--name", "-n", "-l", "--env", "-o", "-e"]);
        let skip = usize::from(matches!(operands.first(), Some(&("start" | "startOrRestart"))));
        if let Some(script) = operands.get(skip) {
            file(step, language, script, out);
            for named in process_file(walker, step, script) {
                file(step, language, &named, out);
            }
        }
        return;
    }
    let Some(name) = package_that_brings(walker, step) else {
        return;
    };
    package(language, &name, out);
    let Some(tool) = ecosystem::brought(&name) else { return };
    let context = walker.site.context;
    for pattern in tool.reads {
        for found in beside(walker, folder, pattern) {
            out.push(Source {
                language,
                begin: Begin::File(found),
            });
        }
    }
    for sources in tool.sources {
        let path = format!("{}/{sources}", folder.trim_end_matches('/'));
        let path = path.trim_end_matches('/').to_owned();
        let exists = context.is_some_and(|c| walker.landing.context_of(&path).is_some_and(|p| c.exists(&p)));
        if exists {
            out.push(Source {
                language,
                begin: Begin::Folder(path),
            });
        }
    }
}

/// The files of a folder of the image that fit a name with a `*` at its end or in it.
fn beside(walker: &Walker<'_>, folder: &str, pattern: &str) -> Vec<String> {
    let Some(context) = walker.site.context else {
        return Vec::new();
    };
    let folder = folder.trim_end_matches('/');
    let Some((start, end)) = pattern.split_once('*') else {
        let path = format!("{folder}/{pattern}");
        return walker
            .landing
            .existing(context, &path)
            .map(|_| path)
            .into_iter()
            .collect();
    };
    // The manifest's own folder holds such files.
    let Some(manifest) = walker.landing.existing(context, &format!("{folder}/package.json")) else {
        return Vec::new();
    };
    let own = manifest.strip_suffix("package.json").unwrap_or_default();
    let listed = context.walk().files.iter();
    listed
        .filter_map(|f| f.path.strip_prefix(own))
        .filter(|name| !name.contains('/') && name.starts_with(start) && name.ends_with(end))
        .map(|name| format!("{folder}/{name}"))
        .collect()
}

/// The scripts that a process manager's file names.
fn process_file(walker: &Walker<'_>, step: &Step, word: &str) -> Vec<String> {
    let (Some(context), Some(path)) = (walker.site.context, step.path(word)) else {
        return Vec::new();
    };
    let named =
        word.contains(".config.") || word.ends_with(".json") || word.ends_with(".yml") || word.ends_with(".yaml");
    let text = walker
        .landing
        .existing(context, &path)
        .filter(|_| named)
        .and_then(|file| context.read_text(&file))
        .unwrap_or_default();
    let mut out = Vec::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("script") {
        rest = rest.get(at + 6..).unwrap_or_default();
        let value = rest.trim_start_matches(['"', '\'', ' ']);
        let Some(value) = value.strip_prefix(':') else { continue };
        let value = value.trim_start().trim_start_matches(['"', '\'', '`']);
        let end = value.find(['"', '\'', '`', '\n', ',']).unwrap_or(value.len());
        let value = value.get(..end).unwrap_or_default().trim();
        if !value.is_empty() && !value.contains(' ') {
            out.push(value.to_owned());
        }
    }
    out
}

/// The package of package.json that brings a program.
pub(super) fn package_that_brings(walker: &Walker<'_>, step: &Step) -> Option<String> {
    let context = walker.site.context?;
    let mut folder = step.cwd.as_deref()?.trim_end_matches('/');
    // A workspace's program may be its root's.
    loop {
        let manifest = walker.landing.existing(context, &format!("{folder}/package.json"));
        let package = manifest.and_then(|m| context.package_json(m.rsplit_once('/').map_or("", |(f, _)| f)));
        if let Some(package) = package {
            if package.depends_on(&step.program) {
                return Some(step.program.clone());
            }
            let known = ecosystem::all()
                .iter()
                .flat_map(|e| e.brings)
                .find(|b| b.programs.contains(&step.program.as_str()) && package.depends_on(b.package));
            if let Some(known) = known {
                return Some(known.package.to_owned());
            }
        }
        folder = folder.rsplit_once('/')?.0;
    }
}

/// Programs that serve or work a Ruby application, which lies where they start.
fn ruby_server(step: &Step, out: &mut Vec<Source>) {
    let language = Language::Ruby;
    let files: &[&str] = match step.program.as_str() {
        "rackup" | "thin" | "passenger" | "falcon" | "unicorn" | "iodine" | "shotgun" => &["config.ru"],
        "puma" => &["config.ru", "config/puma.rb"],
        "rails" => &[
            "config.ru",
            "config/boot.rb",
            "config/application.rb",
            "config/environment.rb",
            "config/puma.rb",
        ],
        "sidekiq" | "resque" | "good_job" => &["config/environment.rb"],
        "rake" => &["Rakefile"],
        "jekyll" => &[],
        _ => return,
    };
    package(language, &step.program, out);
    for option in ["-C", "-c", "--config", "-r", "--require", "-R"] {
        if let Some(name) = step
            .option(&[option])
            .filter(|n| n.ends_with(".rb") || n.ends_with(".ru"))
        {
            file(step, language, name, out);
        }
    }
    for name in files {
        file(step, language, name, out);
    }
    let whole: &[&str] = match step.program.as_str() {
        "rails" | "sidekiq" | "puma" => &["app", "config", "lib"],
        _ => &[],
    };
    for name in whole {
        if let Some(path) = step.path(name) {
            out.push(Source {
                language,
                begin: Begin::Folder(path),
            });
        }
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
