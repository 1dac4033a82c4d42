//! Where the sources of a program begin: the files, modules and packages that its words name.

use crate::knowledge::ecosystem;
use crate::plan::artifact::{Landing, Step, Walker, absolute};
use crate::plan::evidence::Evidence;
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
        "python" | "pypy" => python(step, &mut out),
        "ruby" => named(step, Language::Ruby, &["-I", "-r", "-C", "-e"], &mut out),
        "php" => named(step, Language::Php, &["-d", "-c", "-z"], &mut out),
        _ => {
            let before = out.len();
            python_server(walker, step, &mut out);
            if out.len() == before {
                ruby_server(step, &mut out);
            }
            if out.len() == before {
                node_tool(walker, step, &mut out);
            }
        }
    }
    out
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

fn module(step: &Step, name: &str, folder: Option<&str>, out: &mut Vec<Source>) {
    let folder = match folder {
        Some(folder) => absolute(step.cwd.as_deref(), folder),
        None => step.cwd.clone(),
    };
    let Some(folder) = folder else { return };
    // `app:create_app()` names an object behind the module.
    let name = name.split([':', '(']).next().unwrap_or(name).trim_matches('.');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if !name.is_empty() && name.chars().all(plain) {
        out.push(Source {
            language: Language::Python,
            begin: Begin::Module {
                name: name.to_owned(),
                folder,
            },
        });
    }
}

fn python(step: &Step, out: &mut Vec<Source>) {
    if let Some(at) = step.words.iter().position(|w| w == "-m") {
        let Some(name) = step.words.get(at + 1) else { return };
        // What the module is given is read as its own program would be.
        let inner = Step {
            program: name.clone(),
            name: name.clone(),
            words: step.words.get(at + 2..).unwrap_or_default().to_vec(),
            ..step.clone()
        };
        module(step, name, None, out);
        if name != "python" {
            server_of_python(&inner, out);
        }
        return;
    }
    let Some(script) = step.operands(&["-W", "-X", "-c"]).into_iter().next() else {
        return;
    };
    if !step.has("-c") {
        file(step, Language::Python, script, out);
    }
}

/// Programs that serve or work a Python application which a word names.
fn server_of_python(step: &Step, out: &mut Vec<Source>) -> bool {
    let values = [
        "-w",
        "--workers",
        "-b",
        "--bind",
        "-k",
        "--worker-class",
        "-c",
        "--config",
        "-t",
        "--timeout",
        "--host",
        "--port",
        "-p",
        "--log-level",
        "--threads",
        "--chdir",
        "--app-dir",
        "--access-logfile",
        "--error-logfile",
        "--log-config",
        "--max-requests",
        "--keep-alive",
        "-n",
        "--name",
        "-u",
        "--user",
        "-g",
        "--group",
        "--env",
        "-e",
        "--pythonpath",
        "--listen",
        "--call",
        "--interface",
        "--loop",
        "--root-path",
        "-l",
        "--loglevel",
        "-Q",
        "-A",
        "--app",
        "--queues",
        "--concurrency",
        "-P",
        "--pool",
        "--env-file",
        "--umask",
        "--forwarded-allow-ips",
        "--worker-tmp-dir",
        "--graceful-timeout",
        "--worker-connections",
        "--limit-concurrency",
        "--ssl-keyfile",
        "--ssl-certfile",
        "--proxy-headers",
    ];
    let folder = step.option(&["--chdir", "--app-dir", "--pythonpath"]);
    let operands = || step.operands(&values);
    match step.program.as_str() {
        "gunicorn" | "uvicorn" | "hypercorn" | "daphne" | "waitress-serve" | "granian" | "dramatiq" | "arq"
        | "huey_consumer" | "huey_consumer.py" | "faust" => {
            let named = operands()
                .into_iter()
                .filter(|w| !w.contains('/') && !w.chars().all(|c| c.is_ascii_digit()))
                .find(|w| w.contains(':') || w.contains('.') || w.chars().all(|c| c.is_alphanumeric() || c == '_'));
            if let Some(named) = named {
                module(step, named, folder, out);
            }
            if step.program == "gunicorn" {
                if let Some(class) = step.option(&["-k", "--worker-class"]) {
                    let name = class.split('.').next().unwrap_or(class);
                    package(Language::Python, name, out);
                }
                let config = step.option(&["-c", "--config"]).unwrap_or("gunicorn.conf.py");
                if config.ends_with(".py") {
                    file(step, Language::Python, config.trim_start_matches("file:"), out);
                }
            }
        }
        "celery" | "flower" => {
            if let Some(app) = step.option(&["-A", "--app"]) {
                module(step, app, step.option(&["--workdir"]), out);
                if !app.contains('.') && !app.contains(':') {
                    module(step, &format!("{app}.celery"), None, out);
                }
            }
        }
        "flask" => match step.option(&["--app", "-A"]) {
            Some(app) if app.ends_with(".py") => file(step, Language::Python, app, out),
            Some(app) => module(step, app, None, out),
            None => {}
        },
        "streamlit" | "fastapi" | "chainlit" | "textual" | "bokeh" | "panel" | "solara" | "taipy" => {
            if let Some(script) = operands().into_iter().find(|w| w.ends_with(".py")) {
                file(step, Language::Python, script, out);
            }
        }
        "alembic" => {
            file(step, Language::Python, "alembic/env.py", out);
            file(step, Language::Python, "migrations/env.py", out);
        }
        "uwsgi" => {
            if let Some(name) = step.option(&["--module", "-w"]) {
                module(step, name, folder, out);
            }
            if let Some(name) = step.option(&["--wsgi-file"]) {
                file(step, Language::Python, name, out);
            }
        }
        _ => return false,
    }
    true
}

fn python_server(walker: &Walker<'_>, step: &Step, out: &mut Vec<Source>) {
    if server_of_python(step, out) {
        package(Language::Python, &step.program, out);
        let app = step
            .var(&walker.site, "FLASK_APP")
            .filter(|_| step.program == "flask" && step.option(&["--app", "-A"]).is_none());
        match app {
            Some(app) if app.ends_with(".py") => file(step, Language::Python, &app, out),
            Some(app) => module(step, &app, None, out),
            None if step.program == "flask" => {
                for name in ["app", "wsgi"] {
                    if existing_module(walker, step, name) {
                        module(step, name, None, out);
                    }
                }
            }
            None => {}
        }
        if step.program == "uwsgi"
            && let Some(ini) = step.option(&["--ini"]).or_else(|| {
                let operands = step.operands(&[]);
                operands.into_iter().find(|w| w.ends_with(".ini"))
            })
        {
            uwsgi_file(walker, step, ini, out);
        }
        return;
    }
    if step.program == "django-admin"
        && let Some(settings) = step.var(&walker.site, "DJANGO_SETTINGS_MODULE")
    {
        package(Language::Python, "django", out);
        module(step, &settings, None, out);
        return;
    }
    console_script(walker, step, out);
}

fn existing_module(walker: &Walker<'_>, step: &Step, name: &str) -> bool {
    let (Some(context), Some(folder)) = (walker.site.context, step.cwd.as_deref()) else {
        return false;
    };
    let folder = folder.trim_end_matches('/');
    [format!("{folder}/{name}.py"), format!("{folder}/{name}/__init__.py")]
        .iter()
        .any(|path| walker.landing.existing(context, path).is_some())
}

/// `module = proj.wsgi` of a uwsgi.ini.
fn uwsgi_file(walker: &Walker<'_>, step: &Step, ini: &str, out: &mut Vec<Source>) {
    let text = step.path(ini).and_then(|path| {
        let context = walker.site.context?;
        context.read_text(&walker.landing.existing(context, &path)?)
    });
    let text = text.unwrap_or_default();
    let value = |key: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == key).then(|| value.trim())
        })
    };
    let folder = value("chdir").filter(|f| f.starts_with('/'));
    if let Some(name) = value("module").or_else(|| value("wsgi")) {
        module(step, name, folder, out);
    }
    if let Some(name) = value("wsgi-file") {
        file(step, Language::Python, name, out);
    }
}

/// A program that the project's own manifest declares: `serve = "pkg.cli:main"`.
fn console_script(walker: &Walker<'_>, step: &Step, out: &mut Vec<Source>) {
    let Some(context) = walker.site.context else { return };
    let Some(mut folder) = step.cwd.as_deref().map(|f| f.trim_end_matches('/')) else {
        return;
    };
    let name = step.program.as_str();
    loop {
        for manifest in ["pyproject.toml", "setup.cfg", "setup.py"] {
            let path = format!("{folder}/{manifest}");
            let text = walker
                .landing
                .existing(context, &path)
                .and_then(|file| context.read_text(&file));
            let target = text.as_deref().and_then(|text| declared(text, name));
            if let Some(target) = target {
                let start = step.clone();
                module(&start, &target, Some(if folder.is_empty() { "/" } else { folder }), out);
                return;
            }
        }
        match folder.rsplit_once('/') {
            Some((above, _)) => folder = above,
            None => return,
        }
    }
}

/// The module that a manifest of Python says a program begins in.
fn declared(text: &str, name: &str) -> Option<String> {
    let scripts = [
        "[project.scripts]",
        "[tool.poetry.scripts]",
        "console_scripts",
        "[project.gui-scripts]",
    ];
    let start = scripts.iter().filter_map(|s| text.find(s)).min()?;
    for line in text
        .get(start..)?
        .lines()
        .skip(usize::from(!text.contains("console_scripts")))
    {
        for part in line.split(',') {
            let part = part.trim().trim_start_matches(['[', ' ', '"', '\'']);
            let Some((key, value)) = part.split_once('=') else {
                continue;
            };
            let key = key.trim().trim_matches(['"', '\'']);
            let value = value.trim().trim_matches(['"', '\'', ']', '[', ' ']);
            if key == name && value.contains(':') {
                return Some(value.to_owned());
            }
            // `console_scripts = ["name = pkg:main"]`, all on one line.
            if let Some((inner, value)) = value.split_once('=')
                && inner.trim().trim_matches(['"', '\'', '[', ' ']) == name
            {
                return Some(value.trim().trim_matches(['"', '\'', ']']).to_owned());
            }
        }
    }
    None
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
