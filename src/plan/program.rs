//! What runs in the end: CMD, ENTRYPOINT and HEALTHCHECK, followed through the scripts and
//! launchers that they name until real programs stand there.

mod precompile;
mod source;

pub use precompile::{Precompiled, precompiled};
pub use source::{Begin, Entries, Source, entries};

use super::artifact::{Step, Walker, absolute};
use super::evidence::{Evidence, EvidenceSource};
use super::reach::Language;
use super::site::Site;
use crate::knowledge::{Role, ecosystem};
use crate::model::instruction::Healthcheck;
use crate::model::{Form, Instruction, Kind};
use crate::shell;

/// A program that the image starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The instruction that names it: CMD, ENTRYPOINT or HEALTHCHECK.
    pub by: usize,
    /// Its words, as the kernel gets them.
    pub words: Vec<String>,
    /// What it was found through, the outermost first: `npm start`, `docker-entrypoint.sh`.
    pub via: Vec<String>,
    /// What it is.
    pub what: What,
    /// Where its sources begin, as far as its words say.
    pub sources: Vec<Source>,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// What a program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A file named by a path, absolute in the image.
    File {
        /// The path.
        path: String,
    },
    /// An interpreter or virtual machine with a script, module or archive.
    Interpreter {
        /// `node`, `python3`, `java`.
        program: String,
        /// What it runs, absolute in the image, where it is a file.
        script: Option<String>,
    },
    /// A name that PATH finds.
    FromPath {
        /// The name.
        name: String,
    },
    /// A tool that compiles, and then runs what it made: `go run`, `cargo run`.
    CompilesAtStart {
        /// The tool.
        tool: String,
    },
    /// A server for development that watches or rebuilds: `npm run dev`, nodemon.
    DevServer {
        /// The tool.
        tool: String,
    },
    /// An interactive shell.
    Shell,
    /// Not known, and why.
    Unknown(String),
}

/// The programs that a stage starts, in the order ENTRYPOINT, CMD, HEALTHCHECK. An ENTRYPOINT with a
/// CMD that only gives arguments is one program. A script's own shell, and wrappers such as `tini`,
/// come behind the programs that they start.
pub fn programs(site: &Site<'_>) -> Vec<Program> {
    let file = site.file();
    let Some(facts) = site.facts.stage(site.stage.id) else {
        return Vec::new();
    };
    let mut walker = Walker::new(site);
    let mut found = Vec::new();
    let at = |index: Option<usize>| index.and_then(|i| file.instructions.get(i));
    let form = |instruction: &'_ Instruction| match &instruction.kind {
        Kind::Cmd(form) | Kind::Entrypoint(form) => Some(form.clone()),
        Kind::Healthcheck(Healthcheck::Cmd(form)) => Some(form.clone()),
        _ => None,
    };
    let entrypoint = at(facts.entrypoint);
    let cmd = at(facts.cmd);
    match (entrypoint, cmd) {
        (Some(entrypoint), cmd) => {
            let own = form(entrypoint).unwrap_or(Form::Exec(Vec::new()));
            match (&own, cmd) {
                // `ENTRYPOINT []` only resets.
                (Form::Exec(words), Some(cmd)) if words.is_empty() => {
                    if let Some(form) = form(cmd) {
                        collect(&mut walker, cmd, &form, None, &mut found);
                    }
                }
                (Form::Exec(_), cmd) => {
                    let more = cmd.and_then(form);
                    collect(&mut walker, entrypoint, &own, more.as_ref(), &mut found);
                }
                (Form::Shell(_), _) => collect(&mut walker, entrypoint, &own, None, &mut found),
            }
        }
        (None, Some(cmd)) => {
            if let Some(form) = form(cmd) {
                collect(&mut walker, cmd, &form, None, &mut found);
            }
        }
        (None, None) => found.extend(inherited(site)),
    }
    let check = site
        .instructions()
        .filter(|i| matches!(i.kind, Kind::Healthcheck(_)))
        .last();
    if let Some(check) = check
        && let Some(form) = form(check)
    {
        collect(&mut walker, check, &form, None, &mut found);
    }
    found
}

/// What the base image starts where the file says nothing: a server that is known to be one. That a
/// language's image starts its prompt says nothing of what the file is for.
pub fn inherited(site: &Site<'_>) -> Option<Program> {
    let base = site.base?;
    let config = base.variant.config?;
    let name = *config.cmd.first()?;
    let serves = base.image.role == Role::Server || matches!(name, "apache2-foreground" | "php-fpm");
    if !serves {
        return None;
    }
    let from = site.file().chain(site.stage).last()?.from;
    let php = base.image.family == "php";
    let folder = site.workdir().filter(|_| php).map(|folder| Source {
        language: Language::Php,
        begin: Begin::Folder(folder),
    });
    Some(Program {
        by: from,
        words: config.cmd.iter().map(|word| (*word).to_owned()).collect(),
        via: Vec::new(),
        what: by_name(name),
        sources: folder.into_iter().collect(),
        evidence: vec![Evidence::image(format!("`{name}` is what the base image starts"))],
    })
}

fn collect(
    walker: &mut Walker<'_>,
    instruction: &Instruction,
    form: &Form,
    more: Option<&Form>,
    found: &mut Vec<Program>,
) {
    let steps = walker.start(instruction, form, more);
    let mut behind: Vec<Program> = Vec::new();
    let mut launchers: Vec<Program> = Vec::new();
    let mut helper = |name: &str, says: String, from: EvidenceSource| {
        let known = behind
            .iter()
            .any(|p| matches!(&p.what, What::FromPath { name: n } if n == name));
        if !known {
            behind.push(Program {
                by: instruction.index,
                words: vec![name.to_owned()],
                via: Vec::new(),
                what: by_name(name),
                sources: Vec::new(),
                evidence: vec![Evidence::new(from, says)],
            });
        }
    };
    if matches!(form, Form::Shell(_)) {
        let keyword = instruction.keyword.name();
        helper(
            "sh",
            format!("{keyword} is in shell form"),
            EvidenceSource::Cmd(instruction.span),
        );
    }
    let only = steps.iter().filter(|s| !s.followed).count() == 1;
    for step in &steps {
        for wrapper in &step.wrappers {
            if !matches!(wrapper.as_str(), "exec" | "command" | "builtin") && is_program(wrapper) {
                helper(
                    wrapper,
                    format!("`{wrapper}` starts `{}`", step.program),
                    step.from.clone(),
                );
            }
        }
        if step.followed {
            if let Some(local) = from_modules(walker, step) {
                launchers.push(Program {
                    by: instruction.index,
                    words: vec![step.name.clone()],
                    via: step.via.iter().map(ToString::to_string).collect(),
                    what: local,
                    sources: source::sources(walker, step),
                    evidence: vec![step.evidence(format!("`{}` starts the rest", step.text()))],
                });
            } else if step.name.contains('/') || step.name.ends_with(".sh") {
                helper("sh", format!("`{}` is a shell script", step.name), step.from.clone());
            } else if is_program(&step.name) && !is_own(&step.program) {
                helper(
                    &step.name,
                    format!("`{}` starts the rest", step.text()),
                    step.from.clone(),
                );
            }
            continue;
        }
        if is_own(&step.program) && !only && step.lost.is_none() {
            continue;
        }
        let what = classify(walker, step);
        let mut words = vec![step.name.clone()];
        words.extend(step.words.iter().cloned());
        let evidence = step.evidence(format!("`{}` is started", step.text()));
        let program = Program {
            by: instruction.index,
            words,
            via: step.via.iter().map(ToString::to_string).collect(),
            what,
            sources: source::sources(walker, step),
            evidence: vec![evidence],
        };
        if !found.contains(&program) {
            found.push(program);
        }
    }
    for program in launchers.into_iter().chain(behind) {
        if !found.iter().any(|f| f.what == program.what) {
            found.push(program);
        }
    }
}

fn by_name(name: &str) -> What {
    if name.starts_with('/') {
        What::File { path: name.to_owned() }
    } else {
        What::FromPath { name: name.to_owned() }
    }
}

/// Whether a word in front of a program is one itself, not a user or a number.
fn is_program(word: &str) -> bool {
    let base = word.rsplit('/').next().unwrap_or(word);
    matches!(
        base,
        "sudo"
            | "env"
            | "time"
            | "nice"
            | "ionice"
            | "nohup"
            | "gosu"
            | "su-exec"
            | "setpriv"
            | "timeout"
            | "stdbuf"
            | "tini"
            | "dumb-init"
            | "npm"
            | "yarn"
            | "pnpm"
            | "npx"
            | "bun"
            | "bunx"
            | "make"
            | "bash"
            | "sh"
            | "ash"
            | "dash"
            | "zsh"
    )
}

/// What the shell does itself; an empty word only sets variables.
fn is_own(program: &str) -> bool {
    program.is_empty() || shell::is_builtin(program)
}

fn classify(walker: &Walker<'_>, step: &Step) -> What {
    if let Some(why) = &step.lost {
        return What::Unknown(why.clone());
    }
    if step.name.contains(['$', '`']) {
        return What::Unknown(format!("`{}` is known only when it runs", step.name));
    }
    let program = step.program.as_str();
    // `vite` serves developers, `vite preview` what was built.
    let serves = |server: &ecosystem::Server| {
        server.command.contains(' ') && ecosystem::begins(server.command, program, &step.words).is_some()
    };
    let serves = ecosystem::all().iter().flat_map(|e| e.serves_files).any(serves);
    for known in ecosystem::all().iter().filter(|_| !serves) {
        let begins = |patterns: &[&str]| {
            patterns
                .iter()
                .any(|p| ecosystem::begins(p, program, &step.words).is_some())
        };
        if begins(known.dev_servers) {
            return What::DevServer { tool: step.text() };
        }
        if begins(known.compiles_at_start) {
            return What::CompilesAtStart { tool: step.text() };
        }
    }
    if matches!(program, "sh" | "bash" | "ash" | "dash" | "zsh" | "fish") && step.operands(&["-o"]).is_empty() {
        return What::Shell;
    }
    if let Some(interpreter) = interpreted(step) {
        return interpreter;
    }
    if let Some(local) = from_modules(walker, step) {
        return local;
    }
    if !step.name.contains('/') {
        return What::FromPath {
            name: step.name.clone(),
        };
    }
    let Some(path) = step.path(&step.name) else {
        return What::Unknown(format!("the folder that `{}` lies in is not known", step.name));
    };
    if let Some(context) = walker.site.context
        && let Some(file) = walker.landing.existing(context, &path)
        && let Some(program) = shebang(&context.read_text(&file).unwrap_or_default())
    {
        return What::Interpreter {
            program,
            script: Some(path),
        };
    }
    What::File { path }
}

/// A program that npm's scripts and `npx` find in node_modules.
fn from_modules(walker: &Walker<'_>, step: &Step) -> Option<What> {
    let launched = step.via.iter().any(|via| {
        let launcher = via.split(' ').next().unwrap_or(via);
        matches!(launcher, "npm" | "npx" | "yarn" | "pnpm" | "pnpx" | "bunx")
    });
    if !launched || step.name.contains('/') {
        return None;
    }
    let context = walker.site.context?;
    let mut folder = step.cwd.as_deref()?.trim_end_matches('/');
    source::package_that_brings(walker, step)?;
    // The nearest manifest is the one that was installed from.
    while walker
        .landing
        .existing(context, &format!("{folder}/package.json"))
        .is_none()
    {
        folder = folder.rsplit_once('/')?.0;
    }
    Some(What::Interpreter {
        program: "node".to_owned(),
        script: Some(format!("{folder}/node_modules/.bin/{}", step.name)),
    })
}

/// The interpreter that a script's first line names.
fn shebang(text: &str) -> Option<String> {
    let line = text.lines().next()?.strip_prefix("#!")?;
    let mut words = line.split_whitespace();
    let first = words.next()?;
    let name = first.rsplit('/').next().unwrap_or(first);
    let name = if name == "env" {
        words.find(|w| !w.starts_with('-'))?
    } else {
        name
    };
    Some(name.to_owned())
}

/// Programs that run a file.
fn interpreted(step: &Step) -> Option<What> {
    let program = step.program.as_str();
    let versioned = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let script = match versioned {
        "node" | "nodejs" => script(
            step,
            &[
                "-r",
                "--require",
                "--import",
                "--loader",
                "--experimental-loader",
                "-C",
                "--env-file",
            ],
            &["-e", "--eval", "-p", "--print"],
        ),
        "python" | "pypy" => script(step, &["-W", "-X"], &["-c", "-m"]),
        "ruby" | "perl" | "lua" | "Rscript" | "tclsh" | "escript" => script(step, &["-I", "-r", "-M"], &["-e"]),
        "php" => script(step, &["-d", "-c", "-t", "-S", "-z"], &["-r", "-a"]),
        "java" => java(step),
        "dotnet" | "mono" => step
            .operands(&[])
            .first()
            .filter(|w| w.ends_with(".dll") || w.ends_with(".exe"))
            .and_then(|w| step.path(w)),
        "deno" => step
            .operands(&["--config", "-c", "--import-map", "--env-file"])
            .get(1)
            .filter(|_| step.has("run") || step.has("serve"))
            .and_then(|w| step.path(w)),
        "bun" => {
            let operands = step.operands(&[]);
            let at = usize::from(operands.first() == Some(&"run"));
            operands.get(at).filter(|w| w.contains('.')).and_then(|w| step.path(w))
        }
        "gunicorn" | "uvicorn" | "celery" | "flask" | "uwsgi" | "hypercorn" | "daphne" | "waitress-serve" => None,
        _ => return None,
    };
    Some(What::Interpreter {
        program: step.name.clone(),
        script,
    })
}

fn script(step: &Step, with_value: &[&str], no_file: &[&str]) -> Option<String> {
    let operands = step.operands(with_value);
    let first = operands.first()?;
    let at = step.words.iter().position(|w| w == first)?;
    let before = step.words.get(..at).unwrap_or_default();
    if before.iter().any(|w| no_file.contains(&w.as_str())) {
        return None;
    }
    step.path(first)
}

/// The archive, or the main class's file, that `java` runs.
fn java(step: &Step) -> Option<String> {
    if let Some(jar) = step.option(&["-jar"]) {
        return step.path(jar);
    }
    // The modules' folder stands for the program in it.
    if step.option(&["-m", "--module"]).is_some()
        && let Some(folder) = step.option(&["-p", "--module-path"])
    {
        return step.path(folder.split(':').next().unwrap_or(folder));
    }
    let class_path = step.option(&["-cp", "-classpath", "--class-path"]);
    let class_path = class_path
        .map(str::to_owned)
        .or_else(|| step.vars.get("CLASSPATH").cloned());
    let main = step.operands(&[
        "-cp",
        "-classpath",
        "--class-path",
        "-p",
        "--module-path",
        "--add-modules",
        "-m",
        "--module",
    ]);
    let main = main.first().filter(|m| !m.ends_with(".java"))?;
    let file = format!("{}.class", main.replace('.', "/"));
    let folder = class_path.as_deref().unwrap_or(".");
    let mut folders = folder
        .split(':')
        .filter(|f| !f.ends_with('*') && !f.ends_with(".jar") && !f.is_empty());
    let folder = folders.next()?;
    absolute(step.cwd.as_deref(), &format!("{folder}/{file}"))
}

#[cfg(test)]
mod tests;
