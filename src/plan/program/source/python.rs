//! Where the sources of Python programs begin: modules, application strings of servers, console
//! scripts.

use super::{Begin, Source, file, package};
use crate::context::manifests::PyProject;
use crate::plan::artifact::{Step, Walker, absolute};
use crate::plan::reach::Language;

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

pub(super) fn started(step: &Step, out: &mut Vec<Source>) {
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

pub(super) fn server(walker: &Walker<'_>, step: &Step, out: &mut Vec<Source>) {
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
                // An installed script may look its entry up in what is known of its own package.
                let own = text.filter(|_| manifest == "pyproject.toml");
                out.extend(own.and_then(|text| PyProject::parse(&text).name).map(|name| Source {
                    language: Language::Python,
                    begin: Begin::Package(name),
                }));
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
