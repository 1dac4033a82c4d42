//! Python: pip, poetry, pipenv, uv and setup.py, with the folders that they install to.

mod layout;
mod listed;
mod native;
mod staged;
mod tested;

use super::Application;
use super::steps::{Claim, Goes, is_fetched};
use crate::facts::CommandView;
use crate::plan::artifact::{Landing, absolute};
use crate::plan::program::Program;
use crate::plan::site::Site;
use crate::shell::{Action, Manager, Operation, Packages};
use layout::Layout;
use listed::List;
pub(super) use listed::requirement;
pub(super) use tested::tested;

/// What is known of the stage's Python.
pub(super) struct Room<'r> {
    site: &'r Site<'r>,
    programs: &'r [Program],
    layout: Layout,
}

impl<'r> Room<'r> {
    pub fn new(site: &'r Site<'r>, programs: &'r [Program]) -> Room<'r> {
        Room {
            site,
            programs,
            layout: Layout::of(site),
        }
    }

    /// What is known once every command was looked at: packages, and what they need.
    pub fn finish(&self, out: &mut Application) {
        if !out.prefixes.iter().any(|p| p.ecosystem == "python") {
            return;
        }
        let mut list = List::default();
        let landing = Landing::of(self.site);
        for instruction in self.site.instructions() {
            for view in self.site.facts.commands(instruction) {
                for operation in view.operations {
                    if let Operation::Packages(packages) = operation
                        && is_python(packages.manager)
                        && !matches!(packages.action, Action::Remove | Action::Clean | Action::Configure)
                    {
                        list.add(self.site, &landing, &view, packages);
                    }
                }
            }
        }
        native::natives(self.site, &list, out);
        out.scripts.extend(list.scripts);
        staged::staged(self.site, &self.layout, out);
    }

    /// What a command is to a Python application; none where that is not known here.
    pub fn claim(&self, view: &CommandView<'_>, script: &[CommandView<'_>]) -> Option<Claim> {
        let packages = view.operations.iter().find_map(|o| match o {
            Operation::Packages(p) => Some(p),
            _ => None,
        });
        match packages {
            Some(packages) => self.installs(view, script, packages),
            None => self.runs(view),
        }
    }

    /// Scripts that install poetry or uv.
    pub fn installer(&self, at: usize, text: &str) -> Option<Claim> {
        let poetry = text.contains("install.python-poetry.org") || text.contains("get-poetry.py");
        let uv = text.contains("astral.sh/uv");
        let pip = text.contains("bootstrap.pypa.io") && !text.contains("&&");
        if !poetry && !uv && !pip {
            return None;
        }
        let starts = |name: &str| {
            self.programs.iter().any(|p| {
                p.words.first().is_some_and(|w| w.rsplit('/').next() == Some(name))
                    || p.via.iter().any(|v| v.split(' ').next() == Some(name))
            })
        };
        let mut fills = Vec::new();
        if poetry && starts("poetry") {
            let variables = self.site.file().view_at(at);
            let home = variables.get("POETRY_HOME").and_then(|v| v.value.as_deref());
            match home {
                Some(home) => fills.push(format!("{}/", home.trim_end_matches('/'))),
                None => fills.extend([".local/share/pypoetry/", ".local/bin/"].map(|f| format!("/root/{f}"))),
            }
        }
        if uv && starts("uv") {
            fills.push("/root/.local/bin/".to_owned());
        }
        Some(Claim {
            goes: Some(Goes::Builder),
            fills,
            says: "an installer is fetched and run".to_owned(),
            ecosystem: "python",
            ..Claim::default()
        })
    }

    fn installs(&self, view: &CommandView<'_>, script: &[CommandView<'_>], packages: &Packages) -> Option<Claim> {
        use Action::*;
        let name = packages.manager.name();
        let claim = |goes, says: String| Claim {
            goes,
            says,
            ecosystem: "python",
            ..Claim::default()
        };
        if !is_python(packages.manager) {
            return None;
        }
        match packages.action {
            Install | InstallProject | Upgrade | Update | Fetch | Rebuild => {}
            Remove | Autoremove | Clean | Configure => {
                return Some(claim(Some(Goes::Builder), format!("`{name}` is set up or cleans up")));
            }
            _ => return None,
        }
        let fills = self.layout.fills(self.site, view, script, packages)?;
        // What only installs is needed where it installs.
        let fills = if is_installer(packages) && !self.is_started(packages) {
            Vec::new()
        } else {
            fills
        };
        let project =
            packages.packages.iter().any(|p| p.is_file && !p.name.contains("://")) || packages.action == InstallProject;
        let editable = view
            .words()
            .iter()
            .any(|w| matches!(w.text.as_str(), "-e" | "--editable") || w.text.starts_with("-e"));
        let mut fills = fills;
        fills.extend(self.fetched_project(view));
        Some(Claim {
            fills,
            reads_sources: project || editable || !packages.requirements.is_empty() && self.lists_sources(packages),
            writes_sources: editable,
            ..claim(Some(Goes::Builder), format!("`{name}` installs packages"))
        })
    }

    /// The folder of a project that is installed in place, and that no COPY brings.
    fn fetched_project(&self, view: &CommandView<'_>) -> Option<String> {
        let words: Vec<&str> = view.words().iter().map(|w| w.text.as_str()).collect();
        let at = words.iter().position(|w| matches!(*w, "-e" | "--editable"))?;
        let path = words.get(at + 1)?.split('[').next()?;
        if path.contains("://") {
            return None;
        }
        let path = absolute(super::steps::folder(self.site, view).as_deref(), path)?;
        is_fetched(self.site, &path).then(|| format!("{path}/"))
    }

    /// Whether the image starts one of the packages by its name.
    fn is_started(&self, packages: &Packages) -> bool {
        let starts = |name: &str| {
            self.programs.iter().any(|p| {
                p.words.first().is_some_and(|w| w.rsplit('/').next() == Some(name))
                    || p.via.iter().any(|v| v.split(' ').next() == Some(name))
            })
        };
        packages.packages.iter().any(|p| starts(&p.name))
    }

    /// Whether a list of requirements names the project itself, or a folder of it.
    fn lists_sources(&self, packages: &Packages) -> bool {
        let Some(context) = self.site.context else { return true };
        packages.requirements.iter().any(|requirement| {
            let path = requirement.path.trim_start_matches("./");
            let text = context.read_text(path).unwrap_or_default();
            text.lines()
                .map(str::trim)
                .any(|line| line.starts_with(['.', '/']) || line.starts_with("-e .") || line.contains("file:"))
        })
    }

    /// Commands that run the project with what is installed.
    fn runs(&self, view: &CommandView<'_>) -> Option<Claim> {
        let name = view.name();
        let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        let first = view.words().iter().find(|w| !w.is_flag()).map(|w| w.text.as_str());
        let flag = view.words().first().map(|w| w.text.as_str());
        let (goes, says) = match plain {
            "python" | "pypy" => match (flag, first) {
                (Some("-m"), Some("venv" | "virtualenv")) => (Goes::Builder, "it makes a virtual environment"),
                (_, Some(script)) if script.ends_with("setup.py") => return self.setup(view),
                (_, Some(script))
                    if script.ends_with("manage.py") && view.words().iter().any(|w| w.text == "compilemessages") =>
                {
                    return Some(Claim {
                        goes: Some(Goes::Builder),
                        reads_sources: true,
                        writes_sources: true,
                        says: "translations are compiled".to_owned(),
                        ecosystem: "python",
                        fills: Vec::new(),
                    });
                }
                (Some("--version" | "-V"), _) => (Goes::Along, "it only asks"),
                _ => (Goes::Runtime, "Python runs it with what is installed"),
            },
            "virtualenv" => (Goes::Builder, "it makes a virtual environment"),
            "uv" if first == Some("venv") => (Goes::Builder, "it makes a virtual environment"),
            "pip" => (Goes::Along, "it only asks"),
            "." | "source" if first.is_some_and(|w| w.ends_with("/bin/activate")) => {
                (Goes::Along, "it enters the virtual environment")
            }
            "django-admin" | "flask" | "alembic" | "pybabel" | "celery" | "gunicorn" => {
                (Goes::Runtime, "a script of a package runs")
            }
            _ => return None,
        };
        let fills = if goes == Goes::Builder {
            self.layout.environment(self.site, view).into_iter().collect()
        } else {
            Vec::new()
        };
        Some(Claim {
            goes: (goes != Goes::Along).then_some(goes),
            fills,
            says: says.to_owned(),
            ecosystem: "python",
            ..Claim::default()
        })
    }

    /// `python setup.py install`, and its like.
    fn setup(&self, view: &CommandView<'_>) -> Option<Claim> {
        let words: Vec<&str> = view.words().iter().map(|w| w.text.as_str()).collect();
        let inside = words
            .iter()
            .any(|w| matches!(*w, "develop" | "build_ext" | "build" | "egg_info"));
        let installs = words.iter().any(|w| matches!(*w, "install" | "develop"));
        (inside || installs).then(|| Claim {
            goes: Some(Goes::Builder),
            fills: if installs { self.layout.system() } else { Vec::new() },
            reads_sources: true,
            writes_sources: inside,
            says: "setup.py builds or installs the project".to_owned(),
            ecosystem: "python",
        })
    }
}

fn is_python(manager: Manager) -> bool {
    use Manager::*;
    matches!(manager, Pip | Pipenv | Poetry | Uv | Pdm | Pipx | EasyInstall)
}

/// An install of nothing but what installs: `pip install --upgrade pip`, `pip install poetry`.
fn is_installer(packages: &Packages) -> bool {
    packages.requirements.is_empty()
        && !packages.packages.is_empty()
        && packages.packages.iter().all(|p| {
            matches!(
                p.name.as_str(),
                "pip"
                    | "setuptools"
                    | "wheel"
                    | "uv"
                    | "poetry"
                    | "pipenv"
                    | "virtualenv"
                    | "pip-tools"
                    | "pdm"
                    | "build"
                    | "hatch"
            )
        })
}
