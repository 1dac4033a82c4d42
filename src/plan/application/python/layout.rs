//! Where Python's installers put what they install.

use crate::facts::CommandView;
use crate::knowledge::PackageManager;
use crate::plan::application::steps;
use crate::plan::artifact::absolute;
use crate::plan::site::Site;
use crate::shell::{Manager, Packages};

/// The folders of the stage's Python.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Virtual environments that the file makes, without a `/` at their end.
    environments: Vec<String>,
}

/// Where the official images have the interpreter with its packages and their scripts. The folder of
/// the packages alone has the interpreter's version in its name, which FROM would no longer be alone
/// to say.
pub const SYSTEM: &str = "/usr/local/";

impl Layout {
    /// Reads the base's tag and the commands that make virtual environments.
    pub fn of(site: &Site<'_>) -> Layout {
        let mut layout = Layout {
            environments: Vec::new(),
        };
        for instruction in site.instructions() {
            for view in site.facts.commands(instruction) {
                layout.environments.extend(
                    layout
                        .environment(site, &view)
                        .map(|e| e.trim_end_matches('/').to_owned()),
                );
            }
        }
        layout
    }

    /// Whether the file makes virtual environments.
    pub fn has_environments(&self) -> bool {
        !self.environments.is_empty()
    }

    /// The interpreter's own folders.
    pub fn system(&self) -> Vec<String> {
        vec![SYSTEM.to_owned()]
    }

    /// The virtual environment that a command makes, ending in `/`.
    pub fn environment(&self, site: &Site<'_>, view: &CommandView<'_>) -> Option<String> {
        let name = view.name();
        let mut words = view.arguments().map(|w| w.text.as_str());
        let makes = name == "virtualenv"
            || name == "uv" && words.next() == Some("venv")
            || (name.starts_with("python") || name.starts_with("pypy"))
                && matches!(words.next(), Some("venv" | "virtualenv"))
                && view.words().iter().any(|w| w.text == "-m");
        if !makes {
            return None;
        }
        let folder = match words.find(|w| !w.starts_with("python") && !w.starts_with('3')) {
            Some(folder) => steps::expanded(site, view.instruction.index, folder)?,
            None if name == "uv" => ".venv".to_owned(),
            None => return None,
        };
        let folder = absolute(steps::folder(site, view).as_deref(), &folder)?;
        Some(format!("{}/", folder.trim_end_matches('/')))
    }

    /// Where a command's installs go, folders ending in `/`; none where that is not known.
    pub fn fills(
        &self,
        site: &Site<'_>,
        view: &CommandView<'_>,
        script: &[CommandView<'_>],
        packages: &Packages,
    ) -> Option<Vec<String>> {
        let at = view.instruction.index;
        let folder = |text: &str| {
            let text = steps::expanded(site, at, text)?;
            let folder = absolute(steps::folder(site, view).as_deref(), &text)?;
            Some(vec![format!("{}/", folder.trim_end_matches('/'))])
        };
        if packages.manager == Manager::Pipx {
            return None;
        }
        if let Some(target) = option(view, &["-t", "--target", "--prefix", "--root"]) {
            return folder(&target);
        }
        // The program's own path says in which environment it works.
        let program = view.command.effective().name.text.as_str();
        if let Some((environment, _)) = program.rsplit_once("/bin/")
            && !matches!(environment, "/usr/local" | "/usr" | "")
        {
            return folder(environment);
        }
        let project = matches!(
            packages.manager,
            Manager::Poetry | Manager::Pipenv | Manager::Uv | Manager::Pdm
        );
        if let Some(environment) = self.active(site, view, script) {
            return Some(vec![format!("{environment}/")]);
        }
        if project {
            return self.project(site, view, script, packages);
        }
        if view.words().iter().any(|w| w.text == "--user") || self.runs_as_user(site, at) {
            return Some(vec![format!("{}/.local/", home(site, at)?)]);
        }
        // Alpine's own Python installs below /usr, among the system's packages.
        let apk = site.base.is_some_and(|b| b.variant.packages == PackageManager::Apk);
        if apk && site.base.is_some_and(|b| !matches!(b.image.family, "python" | "pypy")) {
            return None;
        }
        Some(self.system())
    }

    /// The virtual environment that a command works in because it was activated or PATH begins with it.
    fn active(&self, site: &Site<'_>, view: &CommandView<'_>, script: &[CommandView<'_>]) -> Option<String> {
        let at = view.instruction.index;
        for earlier in script.iter().filter(|v| v.index < view.index) {
            if matches!(earlier.name(), "." | "source")
                && let Some(word) = earlier.words().first()
                && let Some(environment) = word.text.strip_suffix("/bin/activate")
            {
                let environment = steps::expanded(site, at, environment)?;
                return absolute(steps::folder(site, view).as_deref(), &environment);
            }
        }
        let variables = site.file().view_at(at);
        let path = variables
            .get("PATH")
            .and_then(|v| v.value.as_deref().map(str::to_owned))?;
        let first = path.split(':').next()?.strip_suffix("/bin")?;
        self.environments.iter().find(|e| e.as_str() == first).cloned()
    }

    /// Where the tools that keep an environment for each project install to.
    fn project(
        &self,
        site: &Site<'_>,
        view: &CommandView<'_>,
        script: &[CommandView<'_>],
        packages: &Packages,
    ) -> Option<Vec<String>> {
        let at = view.instruction.index;
        let variable = |name: &str| {
            let value = site
                .file()
                .view_at(at)
                .get(name)
                .and_then(|v| v.value.as_deref().map(str::to_owned));
            value.or_else(|| {
                let words = script
                    .iter()
                    .flat_map(|v| std::iter::once(&v.command.name).chain(&v.command.words));
                let mut set = words.filter_map(|w| w.text.strip_prefix(name)?.strip_prefix('='));
                set.next().map(str::to_owned)
            })
        };
        let truth = |value: Option<String>| value.is_some_and(|v| matches!(v.as_str(), "1" | "true" | "True" | "yes"));
        let falsehood =
            |value: Option<String>| value.is_some_and(|v| matches!(v.as_str(), "0" | "false" | "False" | "no"));
        let workdir = steps::folder(site, view)?;
        let here = format!("{}/.venv/", workdir.trim_end_matches('/'));
        match packages.manager {
            Manager::Poetry => {
                if falsehood(variable("POETRY_VIRTUALENVS_CREATE"))
                    || configured(site, at, "virtualenvs.create", "false")
                {
                    return Some(self.system());
                }
                if truth(variable("POETRY_VIRTUALENVS_IN_PROJECT"))
                    || configured(site, at, "virtualenvs.in-project", "true")
                {
                    return Some(vec![here]);
                }
                let cache = variable("POETRY_VIRTUALENVS_PATH").or_else(|| {
                    let cache = variable("POETRY_CACHE_DIR");
                    Some(match cache {
                        Some(cache) => format!("{cache}/virtualenvs"),
                        None => format!("{}/.cache/pypoetry/virtualenvs", home(site, at)?),
                    })
                })?;
                Some(vec![format!("{}/", cache.trim_end_matches('/'))])
            }
            Manager::Pipenv => {
                if view.words().iter().any(|w| w.text == "--system") || truth(variable("PIPENV_SYSTEM")) {
                    return Some(self.system());
                }
                if truth(variable("PIPENV_VENV_IN_PROJECT")) {
                    return Some(vec![here]);
                }
                Some(vec![format!("{}/.local/share/virtualenvs/", home(site, at)?)])
            }
            Manager::Uv => {
                let words: Vec<&str> = view.words().iter().map(|w| w.text.as_str()).collect();
                if words.first() == Some(&"pip") {
                    if words.contains(&"--system") || truth(variable("UV_SYSTEM_PYTHON")) {
                        return Some(self.system());
                    }
                    return self.environments.last().map(|e| vec![format!("{e}/")]);
                }
                match variable("UV_PROJECT_ENVIRONMENT") {
                    Some(folder) if folder.trim_end_matches('/') == "/usr/local" => Some(self.system()),
                    Some(folder) => {
                        let folder = absolute(Some(&workdir), &folder)?;
                        Some(vec![format!("{}/", folder.trim_end_matches('/'))])
                    }
                    None => Some(vec![here]),
                }
            }
            _ => None,
        }
    }

    fn runs_as_user(&self, site: &Site<'_>, at: usize) -> bool {
        site.file()
            .settings_at(at)
            .user
            .and_then(|u| u.value)
            .is_some_and(|user| !matches!(user.split(':').next(), Some("root" | "0")))
    }
}

/// The value of an option, in either form.
fn option(view: &CommandView<'_>, names: &[&str]) -> Option<String> {
    let words = view.words();
    for (at, word) in words.iter().enumerate() {
        if names.contains(&word.text.as_str()) {
            return words.get(at + 1).map(|w| w.text.clone());
        }
        let value = names
            .iter()
            .find_map(|name| word.text.strip_prefix(&format!("{name}=")));
        if let Some(value) = value {
            return Some(value.to_owned());
        }
    }
    None
}

/// Whether `poetry config KEY VALUE` stands up to an instruction.
fn configured(site: &Site<'_>, at: usize, key: &str, value: &str) -> bool {
    site.instructions().filter(|i| i.index <= at).any(|i| {
        site.facts.commands(i).any(|view| {
            let words: Vec<&str> = view.words().iter().map(|w| w.text.as_str()).collect();
            words.windows(2).any(|pair| pair == [key, value])
        })
    })
}

/// The home folder of whoever runs an instruction.
fn home(site: &Site<'_>, at: usize) -> Option<String> {
    let variables = site.file().view_at(at);
    if let Some(home) = variables.get("HOME").and_then(|v| v.value.as_deref()) {
        return Some(home.trim_end_matches('/').to_owned());
    }
    let user = match site.file().settings_at(at).user {
        Some(setting) => setting.value?.to_string(),
        None => "root".to_owned(),
    };
    let user = user.split(':').next().unwrap_or_default();
    match user {
        "root" | "0" => Some("/root".to_owned()),
        user if user.bytes().all(|b| b.is_ascii_digit()) => None,
        user => Some(format!("/home/{user}")),
    }
}
