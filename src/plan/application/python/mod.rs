//! Python: pip, poetry, pipenv, uv and setup.py, with the folders that they install to.

mod layout;

use super::steps::{Claim, Goes};
use crate::facts::CommandView;
use crate::plan::program::Program;
use crate::plan::site::Site;
use crate::shell::{Action, Manager, Operation, Packages};
use layout::Layout;

/// What is known of the stage's Python.
pub(super) struct Room<'r> {
    site: &'r Site<'r>,
    layout: Layout,
}

impl<'r> Room<'r> {
    pub fn new(site: &'r Site<'r>, _programs: &[Program]) -> Room<'r> {
        Room {
            site,
            layout: Layout::of(site),
        }
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

    fn installs(&self, view: &CommandView<'_>, script: &[CommandView<'_>], packages: &Packages) -> Option<Claim> {
        use Action::*;
        let name = packages.manager.name();
        let claim = |goes, says: String| Claim {
            goes,
            says,
            ecosystem: "python",
            ..Claim::default()
        };
        if !matches!(
            packages.manager,
            Manager::Pip | Manager::Pipenv | Manager::Poetry | Manager::Uv | Manager::Pdm | Manager::Pipx
        ) {
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
        let project =
            packages.packages.iter().any(|p| p.is_file && !p.name.contains("://")) || packages.action == InstallProject;
        let editable = view
            .words()
            .iter()
            .any(|w| matches!(w.text.as_str(), "-e" | "--editable") || w.text.starts_with("-e"));
        Some(Claim {
            fills,
            reads_sources: project || editable || !packages.requirements.is_empty() && self.lists_sources(packages),
            writes_sources: editable,
            ..claim(Some(Goes::Builder), format!("`{name}` installs packages"))
        })
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
                (Some("--version" | "-V"), _) => (Goes::Along, "it only asks"),
                _ => (Goes::Runtime, "Python runs it with what is installed"),
            },
            "virtualenv" => (Goes::Builder, "it makes a virtual environment"),
            "uv" if first == Some("venv") => (Goes::Builder, "it makes a virtual environment"),
            "pip" => (Goes::Along, "it only asks"),
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
