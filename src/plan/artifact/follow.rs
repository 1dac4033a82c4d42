//! Commands that only name other commands: npm's scripts, goals of a Makefile, shell files of the
//! context, `sh -c`, launchers such as `cross-env` and `bundle exec`.

use super::landing::{Landing, absolute};
use super::step::{Step, text_of};
use crate::context::Context;
use crate::context::sources::join;
use crate::knowledge::ecosystem;
use crate::shell::Dialect;
use std::sync::Arc;

/// What a command can be followed into.
pub(super) struct World<'w> {
    pub context: Option<&'w Context>,
    pub landing: &'w Landing,
}

/// What a command stands for.
pub(super) enum Followed {
    /// Itself.
    Plain,
    /// Something else that cannot be read, and why.
    Lost(String),
    /// These scripts, one after the other.
    Scripts(Vec<Piece>),
}

/// A script that a command runs.
pub(super) struct Piece {
    pub text: String,
    /// What it was found through: `npm run build`.
    pub via: Arc<str>,
    /// The file of the context that holds it; none for the caller's own.
    pub file: Option<Arc<str>>,
    /// That file is a manifest, not a script.
    pub manifest: bool,
    /// Its first line in that file.
    pub line: Option<usize>,
    /// Where it runs, if not where its caller does.
    pub cwd: Option<String>,
    /// `$@`.
    pub args: Vec<String>,
}

/// What a command stands for.
pub(super) fn follow(step: &Step, world: &World<'_>) -> Followed {
    match step.program.as_str() {
        "npm" | "yarn" | "pnpm" | "yarnpkg" | "cnpm" | "bun" => node_script(step, world),
        "npx" | "bunx" | "pnpx" => launched(step, &step.words, &["-p", "--package"]),
        "cross-env" | "cross-env-shell" => assigned(step),
        "dotenv" | "dotenvx" | "env-cmd" | "ddtrace-run" | "opentelemetry-instrument" | "xvfb-run" => {
            let words = step.words.as_slice();
            let skip = usize::from(matches!(words.first().map(String::as_str), Some("run")));
            let values = ["-e", "-f", "-v", "-p", "-n", "-s", "--file", "--environments", "-c"];
            launched(step, words.get(skip..).unwrap_or_default(), &values)
        }
        "bundle" | "poetry" | "pipenv" | "uv" | "pdm" | "rye" | "hatch" | "newrelic-admin" | "conda" | "micromamba" => {
            with_verb(step, &["exec", "run", "run-program"])
        }
        "honcho" | "foreman" | "overmind" | "hivemind" => procfile(step, world),
        "concurrently" => concurrent(step),
        "npm-run-all" | "run-s" | "run-p" => several(step, world),
        "make" | "gmake" => make(step, world),
        "sh" | "bash" | "ash" | "dash" | "zsh" => shell(step, world),
        "source" | "." => match step.words.first() {
            Some(script) => shell_file(step, world, script, step.words.get(1..).unwrap_or_default(), true),
            None => Followed::Plain,
        },
        // A wrapper script that stands for a tool says nothing of its own.
        _ if ecosystem::is_tool(&step.program) => Followed::Plain,
        _ if step.name.contains('/') || step.name.ends_with(".sh") => {
            shell_file(step, world, &step.name, &step.words, false)
        }
        _ => entrypoint_on_path(step, world),
    }
}

/// A name without a path that a COPY put into a folder of PATH: `docker-entrypoint.sh`.
fn entrypoint_on_path(step: &Step, world: &World<'_>) -> Followed {
    for folder in [
        "/usr/local/bin",
        "/usr/bin",
        "/bin",
        "/usr/local/sbin",
        "/usr/sbin",
        "/sbin",
    ] {
        let path = format!("{folder}/{}", step.name);
        let Some(context) = world.context else { break };
        if world.landing.existing(context, &path).is_some() {
            return shell_file(step, world, &path, &step.words, false);
        }
    }
    Followed::Plain
}

/// `npm run NAME`, `npm start`, `yarn NAME`, and what `yarn NAME` runs where no script has that name.
fn node_script(step: &Step, world: &World<'_>) -> Followed {
    let words: Vec<&str> = step.words.iter().map(String::as_str).collect();
    let mut rest = words.as_slice();
    let mut cwd = step.cwd.clone();
    // Options in front, of which some name the folder.
    while let Some((first, tail)) = rest.split_first() {
        if let Some(folder) = ["--prefix=", "--cwd=", "--dir=", "-C="]
            .iter()
            .find_map(|o| first.strip_prefix(o))
        {
            cwd = absolute(step.cwd.as_deref(), folder);
            rest = tail;
        } else if matches!(*first, "--prefix" | "--cwd" | "--dir" | "-C") {
            let Some((folder, tail)) = tail.split_first() else {
                return Followed::Plain;
            };
            cwd = absolute(step.cwd.as_deref(), folder);
            rest = tail;
        } else if first.starts_with('-') {
            rest = tail;
        } else {
            break;
        }
    }
    // A workspace, by its name or folder.
    let mut rest = rest.to_vec();
    let chosen = ["-w", "--workspace", "--filter", "-F"].iter().find_map(|option| {
        let at = rest.iter().position(|w| w == option)?;
        let name = *rest.get(at + 1)?;
        rest.drain(at..at + 2);
        Some(name.to_owned())
    });
    let chosen = chosen.or_else(|| {
        let at = rest
            .iter()
            .position(|w| w.starts_with("--workspace=") || w.starts_with("--filter="))?;
        let word = rest.remove(at);
        word.split_once('=').map(|(_, name)| name.to_owned())
    });
    let chosen = chosen.or_else(|| match rest.as_slice() {
        ["workspace", name, ..] if step.program != "npm" => {
            let name = (*name).to_owned();
            rest.drain(..2);
            Some(name)
        }
        _ => None,
    });
    if let Some(name) = chosen {
        match workspace_folder(world, cwd.as_deref(), &name) {
            Some(folder) => cwd = Some(folder),
            None => return Followed::Plain,
        }
    }
    let Some((verb, mut rest)) = rest.split_first() else {
        return Followed::Plain;
    };
    let is_npm = matches!(step.program.as_str(), "npm" | "cnpm");
    let name = match *verb {
        "run" | "run-script" | "rum" => {
            while let Some((first, tail)) = rest.split_first()
                && first.starts_with('-')
                && *first != "--"
            {
                if let Some(folder) = first.strip_prefix("--prefix=") {
                    cwd = absolute(step.cwd.as_deref(), folder);
                }
                rest = tail;
            }
            let Some((name, tail)) = rest.split_first() else {
                return Followed::Plain;
            };
            rest = tail;
            *name
        }
        "exec" | "x" | "dlx" => {
            let words: Vec<String> = rest.iter().map(|w| (*w).to_owned()).collect();
            return launched(step, &words, &["-p", "--package"]);
        }
        // Bun's own tests, not the script of that name.
        "test" if step.program == "bun" => return Followed::Plain,
        "start" | "test" | "stop" | "restart" => verb,
        "t" | "tst" if is_npm => "test",
        "install" | "i" | "ci" | "add" | "remove" | "cache" | "config" | "set" | "global" | "prune" | "audit"
        | "link" | "rebuild" | "init" | "create" | "info" | "version" | "workspaces" | "workspace" | "build"
            if is_npm || step.program == "bun" || !matches!(*verb, "build") =>
        {
            return Followed::Plain;
        }
        name if is_npm => {
            let _ = name;
            return Followed::Plain;
        }
        name => name,
    };
    let via: Arc<str> = format!("{} {}", step.program, step.words.join(" ")).into();
    let Some(folder) = cwd.as_deref().and_then(|dir| manifest_folder(world, dir)) else {
        return Followed::Lost(format!("the package.json that holds the script `{name}` is not known"));
    };
    let Some(package) = world.context.and_then(|c| c.package_json(&folder)) else {
        return Followed::Lost(format!(
            "the package.json that holds the script `{name}` cannot be read"
        ));
    };
    let file: Arc<str> = join(&folder, "package.json").into();
    let Some(script) = package.script(name) else {
        if name == "start" && is_npm {
            return one("node server.js".to_owned(), via, Some(file), cwd);
        }
        if !is_npm && !matches!(*verb, "run" | "start" | "test") {
            let mut words = vec![name.to_owned()];
            words.extend(rest.iter().map(|w| (*w).to_owned()));
            return launched(step, &words, &[]);
        }
        return Followed::Lost(format!("{file} has no script `{name}`"));
    };
    let mut more = rest;
    if let Some((first, tail)) = more.split_first()
        && *first == "--"
    {
        more = tail;
    }
    let text_json = text_of(world.context, &file).unwrap_or_default();
    let mut pieces = Vec::new();
    for (key, body) in [
        (format!("pre{name}"), None),
        (name.to_owned(), Some(script)),
        (format!("post{name}"), None),
    ] {
        let Some(body) = body.or_else(|| package.script(&key)) else {
            continue;
        };
        let text = if key == name && !more.is_empty() {
            format!("{body} {}", more.join(" "))
        } else {
            body.to_owned()
        };
        pieces.push(Piece {
            text,
            via: via.clone(),
            file: Some(file.clone()),
            manifest: true,
            line: line_of(&text_json, &format!("\"{key}\"")),
            cwd: cwd.clone(),
            args: Vec::new(),
        });
    }
    Followed::Scripts(pieces)
}

fn one(text: String, via: Arc<str>, file: Option<Arc<str>>, cwd: Option<String>) -> Followed {
    Followed::Scripts(vec![Piece {
        text,
        via,
        file,
        manifest: true,
        line: None,
        cwd,
        args: Vec::new(),
    }])
}

/// The line, from 1, in which a text first occurs.
pub(super) fn line_of(text: &str, what: &str) -> Option<usize> {
    let at = text.find(what)?;
    Some(1 + text.get(..at)?.matches('\n').count())
}

/// The folder of the context whose files are in a folder of the image.
fn manifest_folder(world: &World<'_>, folder: &str) -> Option<String> {
    let context = world.context?;
    let path = world
        .landing
        .existing(context, &format!("{}/package.json", folder.trim_end_matches('/')))?;
    Some(
        path.rsplit_once('/')
            .map_or(String::new(), |(folder, _)| folder.to_owned()),
    )
}

/// Where a workspace lies in the image, by its package's name or its folder.
fn workspace_folder(world: &World<'_>, root: Option<&str>, name: &str) -> Option<String> {
    let (context, root) = (world.context?, root?.trim_end_matches('/'));
    let folder = format!("{root}/{}", name.trim_start_matches("./").trim_end_matches('/'));
    if manifest_folder(world, &folder).is_some() {
        return Some(folder);
    }
    let own = manifest_folder(world, root)?;
    let manifests = context
        .walk()
        .files
        .iter()
        .filter_map(|f| f.path.strip_suffix("/package.json"));
    let mut found = manifests
        .filter(|folder| !folder.contains("node_modules"))
        .filter(|folder| {
            context
                .package_json(folder)
                .is_some_and(|p| p.name.as_deref() == Some(name))
        });
    let below = found.next()?;
    let below = below
        .strip_prefix(own.as_str())
        .unwrap_or(below)
        .trim_start_matches('/');
    Some(format!("{root}/{below}"))
}

/// A program that a launcher finds for itself.
fn launched(step: &Step, words: &[String], with_value: &[&str]) -> Followed {
    let mut rest = words;
    while let Some((first, tail)) = rest.split_first() {
        if !first.starts_with('-') || first == "--" {
            if first == "--" {
                rest = tail;
            }
            break;
        }
        rest = if with_value.contains(&first.as_str()) {
            tail.get(1..).unwrap_or_default()
        } else {
            tail
        };
    }
    if rest.is_empty() || rest.iter().any(|w| w.contains('$')) {
        return Followed::Plain;
    }
    let text: Vec<String> = rest.iter().map(|w| quote(w)).collect();
    Followed::Scripts(vec![Piece {
        text: text.join(" "),
        via: step.text().into(),
        file: None,
        manifest: false,
        line: None,
        cwd: step.cwd.clone(),
        args: Vec::new(),
    }])
}

/// `cross-env A=b PROGRAM`: the shell's own form says the same.
fn assigned(step: &Step) -> Followed {
    let is_setting = |w: &&String| {
        w.split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && !name.starts_with('-'))
    };
    let count = step.words.iter().take_while(is_setting).count();
    let (settings, rest) = step.words.split_at(count);
    if rest.is_empty() {
        return Followed::Plain;
    }
    let settings = settings.iter().filter_map(|w| w.split_once('='));
    let mut words: Vec<String> = settings
        .map(|(name, value)| format!("{name}={}", quote(value)))
        .collect();
    if let [script] = rest {
        // Its shell form takes one word that is a script.
        words.push(script.clone());
    } else {
        words.extend(rest.iter().map(|w| quote(w)));
    }
    own(step, vec![words.join(" ")])
}

/// `bundle exec PROGRAM`, `poetry run PROGRAM`.
fn with_verb(step: &Step, verbs: &[&str]) -> Followed {
    let Some(at) = step.words.iter().position(|w| verbs.contains(&w.as_str())) else {
        return Followed::Plain;
    };
    if step.words.iter().take(at).any(|w| !w.starts_with('-')) {
        return Followed::Plain;
    }
    let rest = step.words.get(at + 1..).unwrap_or_default();
    if let Some(script) = rest.iter().find(|w| !w.starts_with('-')).filter(|w| w.ends_with(".py")) {
        let from = rest.iter().position(|w| w == script).unwrap_or_default();
        let mut words = vec!["python".to_owned()];
        words.extend(rest.get(from..).unwrap_or_default().iter().cloned());
        return launched(step, &words, &[]);
    }
    launched(
        step,
        rest,
        &[
            "-n",
            "--name",
            "-p",
            "--prefix",
            "--with",
            "--python",
            "--env-file",
            "--gemfile",
        ],
    )
}

/// The lines of a Procfile.
fn procfile(step: &Step, world: &World<'_>) -> Followed {
    if !step.has("start") && !matches!(step.program.as_str(), "hivemind") {
        return with_verb(step, &["run"]);
    }
    let name = step.option(&["-f", "--procfile"]).unwrap_or("Procfile");
    let Some((context, path)) = world.context.zip(step.path(name)) else {
        return Followed::Plain;
    };
    let Some(file) = world.landing.existing(context, &path) else {
        return Followed::Lost(format!("`{path}` is not in the build context"));
    };
    let text = text_of(Some(context), &file).unwrap_or_default();
    let wanted = step.operands(&[
        "-f",
        "--procfile",
        "-e",
        "--env",
        "-p",
        "--port",
        "-d",
        "--app-root",
        "-m",
        "-c",
    ]);
    let wanted: Vec<&str> = wanted.into_iter().filter(|w| *w != "start").collect();
    let (via, file): (Arc<str>, Arc<str>) = (step.text().into(), file.into());
    let lines = text.lines().enumerate().filter_map(|(at, line)| {
        let (name, command) = line.split_once(':')?;
        let takes = !name.trim_start().starts_with('#') && (wanted.is_empty() || wanted.contains(&name.trim()));
        takes.then(|| Piece {
            text: command.trim().to_owned(),
            via: via.clone(),
            file: Some(file.clone()),
            manifest: true,
            line: Some(at + 1),
            cwd: step.cwd.clone(),
            args: Vec::new(),
        })
    });
    let pieces: Vec<Piece> = lines.collect();
    if pieces.is_empty() {
        Followed::Plain
    } else {
        Followed::Scripts(pieces)
    }
}

/// `concurrently "one" "two"`: each word is a script.
fn concurrent(step: &Step) -> Followed {
    let values = [
        "-n",
        "--names",
        "-c",
        "--prefix-colors",
        "-p",
        "--prefix",
        "-m",
        "--max-processes",
        "-s",
        "--success",
    ];
    let scripts: Vec<String> = step
        .operands(&values)
        .into_iter()
        .map(|w| match w.strip_prefix("npm:").or_else(|| w.strip_prefix("yarn:")) {
            Some(name) => format!("npm run {name}"),
            None => w.trim_matches(['"', '\'']).to_owned(),
        })
        .collect();
    if scripts.is_empty() || scripts.iter().any(|s| s.contains('*')) {
        return Followed::Plain;
    }
    own(step, scripts)
}

/// `run-s a b`, `npm-run-all --parallel a b`: npm's scripts.
fn several(step: &Step, world: &World<'_>) -> Followed {
    let folder = step.cwd.as_deref().and_then(|dir| manifest_folder(world, dir));
    let package = folder.and_then(|folder| world.context?.package_json(&folder));
    let mut scripts = Vec::new();
    for word in step.operands(&[]) {
        match word.split_once('*') {
            None => scripts.push(format!("npm run {word}")),
            Some((start, _)) => {
                let names = package.iter().flat_map(|p| p.scripts.keys());
                scripts.extend(names.filter(|n| n.starts_with(start)).map(|n| format!("npm run {n}")));
            }
        }
    }
    if scripts.is_empty() {
        Followed::Plain
    } else {
        own(step, scripts)
    }
}

/// Scripts that run where their caller does.
fn own(step: &Step, scripts: Vec<String>) -> Followed {
    let piece = |text| Piece {
        text,
        via: step.text().into(),
        file: None,
        manifest: false,
        line: None,
        cwd: step.cwd.clone(),
        args: Vec::new(),
    };
    Followed::Scripts(scripts.into_iter().map(piece).collect())
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// `sh -c SCRIPT ARGS` and `sh FILE ARGS`.
fn shell(step: &Step, world: &World<'_>) -> Followed {
    let mut words = step.words.iter();
    while let Some(word) = words.next() {
        let Some(flags) = word.strip_prefix('-') else {
            let rest: Vec<String> = words.cloned().collect();
            return shell_file(step, world, word, &rest, true);
        };
        if word.starts_with("--") {
            continue;
        }
        if flags.ends_with('o') {
            words.next();
        }
        if flags.contains('c') {
            let Some(text) = words.next() else {
                return Followed::Plain;
            };
            return Followed::Scripts(vec![Piece {
                text: text.clone(),
                via: format!("{} -c", step.program).into(),
                file: None,
                manifest: false,
                line: None,
                cwd: step.cwd.clone(),
                args: words.skip(1).cloned().collect(),
            }]);
        }
    }
    Followed::Plain
}

/// A file that may be a shell script of the context.
fn shell_file(step: &Step, world: &World<'_>, name: &str, args: &[String], by_shell: bool) -> Followed {
    let (Some(path), Some(context)) = (step.path(name), world.context) else {
        return if by_shell || name.ends_with(".sh") {
            Followed::Lost(format!("the script `{name}` cannot be read"))
        } else {
            Followed::Plain
        };
    };
    let Some(file) = world.landing.existing(context, &path) else {
        return if by_shell || name.ends_with(".sh") {
            Followed::Lost(format!("the script `{path}` is not in the build context"))
        } else {
            Followed::Plain
        };
    };
    let Some(text) = text_of(Some(context), &file) else {
        return Followed::Plain;
    };
    let posix = Dialect::of_shebang(&text).map_or(by_shell || file.ends_with(".sh"), |d| d.is_posix_like());
    if !posix {
        return Followed::Plain;
    }
    Followed::Scripts(vec![Piece {
        via: path.into(),
        text,
        file: Some(file.into()),
        manifest: false,
        line: Some(1),
        cwd: None,
        args: args.to_vec(),
    }])
}

/// The recipes of a Makefile's goals.
fn make(step: &Step, world: &World<'_>) -> Followed {
    let folder = match step.option(&["-C", "--directory"]) {
        Some(folder) => absolute(step.cwd.as_deref(), folder),
        None => step.cwd.clone(),
    };
    let (Some(folder), Some(context)) = (folder, world.context) else {
        return Followed::Plain;
    };
    let names = match step.option(&["-f", "--file", "--makefile"]) {
        Some(name) => vec![name],
        None => vec!["GNUmakefile", "makefile", "Makefile"],
    };
    let found = names.into_iter().find_map(|name| {
        let path = absolute(Some(&folder), name)?;
        world.landing.existing(context, &path)
    });
    let Some(file) = found else { return Followed::Plain };
    let Some(makefile) = context.makefile(&file) else {
        return Followed::Plain;
    };
    let operands = step.operands(&["-C", "--directory", "-f", "--file", "--makefile", "-I", "-o", "-W"]);
    let (set, goals): (Vec<&str>, Vec<&str>) = operands
        .into_iter()
        .filter(|w| !w.chars().all(|c| c.is_ascii_digit()))
        .partition(|w| w.contains('='));
    let set: Vec<(&str, &str)> = set.iter().filter_map(|w| w.split_once('=')).collect();
    let via: Arc<str> = step.text().into();
    let file: Arc<str> = file.into();
    let pieces: Vec<Piece> = makefile
        .recipe(&goals, &set, &|name| step.vars.get(name).cloned())
        .into_iter()
        .map(|line| Piece {
            text: line.command,
            via: via.clone(),
            file: Some(file.clone()),
            manifest: true,
            line: Some(line.line),
            cwd: Some(folder.clone()),
            args: Vec::new(),
        })
        .collect();
    if pieces.is_empty() {
        Followed::Plain
    } else {
        Followed::Scripts(pieces)
    }
}
