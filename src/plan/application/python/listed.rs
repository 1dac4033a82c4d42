//! Which packages a Python project installs, read from its lists and locks.

use crate::context::{Context, sources};
use crate::facts::CommandView;
use crate::plan::application::steps;
use crate::plan::artifact::{Landing, absolute};
use crate::plan::evidence::Evidence;
use crate::plan::site::Site;
use crate::shell::{Action, Manager, Packages};
use std::collections::BTreeMap;

/// A package that is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name, in the form in which the index compares names.
    pub name: String,
    /// A lock file names a wheel for it: nothing is compiled against the system.
    pub wheel: bool,
    /// Where it is named.
    pub evidence: Evidence,
}

/// All packages that are known to be installed.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// By name.
    pub packages: BTreeMap<String, Listed>,
    /// Names of commands that the project itself brings.
    pub scripts: Vec<String>,
    /// What was not read; none where everything was.
    pub open: Option<Evidence>,
}

/// How many files one list may include.
const MOST_FILES: usize = 50;

/// The folder of the build context that holds the manifest of a project in the image.
fn project_folder(context: &Context, landing: &Landing, workdir: Option<&str>, path: &str) -> Option<String> {
    let path = path.split('[').next().unwrap_or(path);
    let folder = absolute(workdir, path)?;
    ["pyproject.toml", "setup.py", "setup.cfg", "Pipfile"]
        .iter()
        .find_map(|name| {
            let found = landing.existing(context, &format!("{}/{name}", folder.trim_end_matches('/')))?;
            Some(found.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned())
        })
}

/// The name of a package as the index compares it: lower case, one `-` for any run of `-`, `_`, `.`.
pub fn normal(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            '-' | '_' | '.' => {
                if !out.ends_with('-') {
                    out.push('-');
                }
            }
            c => out.push(c.to_ascii_lowercase()),
        }
    }
    out
}

/// Whether a package in a folder of the context has nothing to compile.
fn is_plain(context: &Context, folder: &str) -> bool {
    let compiled = ["c", "cc", "cpp", "cxx", "h", "pyx", "pxd", "rs", "f", "f90"];
    let folder = sources::rooted(folder);
    let Some(manifest) = context.read_text(&sources::join(&folder, "pyproject.toml")) else {
        return false;
    };
    let mut below = context.walk().below(&folder);
    let builds = [
        "ext_modules",
        "maturin",
        "scikit-build",
        "mesonpy",
        "[tool.poetry.build]",
        "build.py",
    ];
    !builds.iter().any(|sign| manifest.contains(sign))
        && below.all(|file| {
            let name = file.path.rsplit('/').next().unwrap_or(&file.path);
            let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
            !compiled.contains(&ending) && name != "setup.py"
        })
}

impl List {
    /// Adds what a command installs.
    pub fn add(&mut self, site: &Site<'_>, landing: &Landing, view: &CommandView<'_>, packages: &Packages) {
        let workdir = steps::folder(site, view);
        for package in &packages.packages {
            let evidence = Evidence::command(package.span, "it is installed here");
            if package.is_variable {
                self.open = self.open.take().or(Some(evidence));
            } else if package.is_file {
                match (package.name.contains("://"), site.context) {
                    (false, Some(context)) => match project_folder(context, landing, workdir.as_deref(), &package.name)
                    {
                        Some(folder) => self.project(context, &folder),
                        None => self.open = self.open.take().or(Some(evidence)),
                    },
                    _ => self.open = self.open.take().or(Some(evidence)),
                }
            } else {
                self.put(&package.name, false, evidence);
            }
        }
        let Some(context) = site.context else {
            let reads = !packages.requirements.is_empty() || packages.action == Action::InstallProject;
            if reads {
                let span = packages.program;
                self.open = self
                    .open
                    .take()
                    .or(Some(Evidence::command(span, "the build context is not known")));
            }
            return;
        };
        for requirement in packages.requirements.iter().filter(|r| !r.is_constraint) {
            let path =
                absolute(workdir.as_deref(), &requirement.path).and_then(|path| landing.existing(context, &path));
            match path {
                Some(path) => self.file(context, &path, &mut Vec::new()),
                None => {
                    let evidence = Evidence::command(requirement.span, "the file is not in the build context");
                    self.open = self.open.take().or(Some(evidence));
                }
            }
        }
        if packages.action == Action::InstallProject && packages.requirements.is_empty() {
            let folder = project_folder(context, landing, workdir.as_deref(), ".").unwrap_or_default();
            self.managed(context, &folder, packages);
        }
    }

    fn put(&mut self, name: &str, wheel: bool, evidence: Evidence) {
        let name = normal(name);
        if name.is_empty() {
            return;
        }
        let known = self
            .packages
            .entry(name.clone())
            .or_insert(Listed { name, wheel, evidence });
        known.wheel |= wheel;
    }

    /// A list in pip's form, with those that it includes.
    fn file(&mut self, context: &Context, path: &str, seen: &mut Vec<String>) {
        if seen.iter().any(|known| known == path) || seen.len() >= MOST_FILES {
            return;
        }
        seen.push(path.to_owned());
        let Some(text) = context.read_text(path) else {
            self.open = self
                .open
                .take()
                .or(Some(Evidence::manifest(path, None, "it cannot be read")));
            return;
        };
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (at, line) in text.lines().enumerate() {
            let line = line.split(" #").next().unwrap_or_default().trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let evidence = |says: &str| Evidence::manifest(path, Some(at + 1), says);
            if let Some(included) = included(line) {
                let joined = absolute(Some(&format!("/{folder}")), included).unwrap_or_default();
                self.file(context, joined.trim_start_matches('/'), seen);
                continue;
            }
            let local = line
                .strip_prefix("-e ")
                .or(line.strip_prefix("--editable "))
                .unwrap_or(line)
                .trim();
            if local == "." || local.starts_with("./") || local.starts_with(".[") || local.starts_with("../") {
                let inner = local.split('[').next().unwrap_or(local);
                let joined = absolute(Some(&format!("/{folder}")), inner).unwrap_or_default();
                self.project(context, joined.trim_start_matches('/'));
            } else if line.starts_with('-') {
                continue;
            } else if let Some(name) = requirement(line) {
                self.put(name, false, evidence("it is listed"));
            } else {
                self.open = self.open.take().or(Some(evidence("it is fetched from elsewhere")));
            }
        }
    }

    /// A project that is installed itself: setup.py, setup.cfg, pyproject.toml.
    fn project(&mut self, context: &Context, folder: &str) {
        let inside = |name: &str| match folder {
            "" | "." => name.to_owned(),
            folder => format!("{}/{name}", folder.trim_end_matches('/')),
        };
        let mut found = false;
        if let Some(manifest) = context.pyproject(folder) {
            let path = inside("pyproject.toml");
            found |= manifest.name.is_some();
            for dependency in &manifest.dependencies {
                if let Some(name) = requirement(dependency) {
                    self.put(name, false, Evidence::manifest(&path, None, "it is a dependency"));
                }
            }
            self.scripts
                .extend(manifest.scripts.iter().map(|(name, _)| name.clone()));
            self.poetry(context, &path);
        }
        for name in ["setup.py", "setup.cfg"] {
            let path = inside(name);
            let Some(text) = context.read_text(&path) else { continue };
            found = true;
            self.setup(&path, &text);
        }
        if !found {
            let evidence = Evidence::manifest(inside("pyproject.toml"), None, "no manifest of the project was found");
            self.open = self.open.take().or(Some(evidence));
        }
    }

    /// Literals of setup.py and lines of setup.cfg that look like requirements, and the commands that
    /// are declared there.
    fn setup(&mut self, path: &str, text: &str) {
        let mut listing = false;
        for (at, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if trimmed.contains("install_requires") || trimmed.starts_with("requires") {
                listing = true;
                if trimmed.contains("read") || trimmed.contains("requirements") && !trimmed.contains('[') {
                    let evidence = Evidence::manifest(path, Some(at + 1), "its requirements are computed");
                    self.open = self.open.take().or(Some(evidence));
                }
            } else if listing && !line.starts_with([' ', '\t']) && !trimmed.is_empty() && !trimmed.starts_with(']') {
                listing = false;
            }
            let declared = trimmed
                .split(['"', '\''])
                .skip(1)
                .step_by(2)
                .chain(path.ends_with(".cfg").then_some(trimmed));
            for word in declared {
                if let Some((name, target)) = word.split_once('=')
                    && target.contains(':')
                    && !name.trim().is_empty()
                    && !name.trim().contains([' ', '(', '['])
                {
                    self.scripts.push(name.trim().to_owned());
                }
            }
            if !listing {
                continue;
            }
            let quoted = trimmed.split(['"', '\'']).skip(1).step_by(2);
            let bare = path.ends_with(".cfg").then_some(trimmed).into_iter();
            for word in quoted.chain(bare) {
                if let Some(name) = requirement(word) {
                    self.put(
                        name,
                        false,
                        Evidence::manifest(path, Some(at + 1), "it is a dependency"),
                    );
                }
            }
            if trimmed.ends_with(']') || trimmed.ends_with("],") {
                listing = false;
            }
        }
    }

    /// What a tool with a manifest and a lock of its own installs.
    fn managed(&mut self, context: &Context, folder: &str, packages: &Packages) {
        let inside = |name: &str| match folder {
            "" | "." => name.to_owned(),
            folder => format!("{}/{name}", folder.trim_end_matches('/')),
        };
        let lock = match packages.manager {
            Manager::Poetry => "poetry.lock",
            Manager::Uv => "uv.lock",
            Manager::Pdm => "pdm.lock",
            Manager::Pipenv => {
                self.pipfile(context, &inside("Pipfile.lock"), &inside("Pipfile"));
                return;
            }
            _ => {
                self.project(context, folder);
                return;
            }
        };
        let path = inside(lock);
        match context.read_text(&path) {
            Some(text) => {
                self.lock(&path, &text, &|own| is_plain(context, &inside(own)));
                if let Some(manifest) = context.pyproject(folder) {
                    self.scripts
                        .extend(manifest.scripts.iter().map(|(name, _)| name.clone()));
                }
            }
            None => self.project(context, folder),
        }
    }

    /// The packages of a lock file in TOML: `[[package]]` blocks with the names of wheels in them.
    /// `plain` says whether the sources of a package in a folder are Python alone.
    fn lock(&mut self, path: &str, text: &str, plain: &dyn Fn(&str) -> bool) {
        let mut name: Option<(String, usize)> = None;
        let mut wheel = false;
        let mut local = false;
        for (at, line) in text.lines().chain(["[[package]]"]).enumerate() {
            let trimmed = line.trim();
            if trimmed == "[[package]]" {
                if let Some((name, at)) = name.take() {
                    self.put(&name, wheel, Evidence::manifest(path, Some(at), "it is locked"));
                }
                (wheel, local) = (false, false);
            } else if let Some(value) = trimmed.strip_prefix("name = ") {
                name = name.or(Some((value.trim_matches('"').to_owned(), at + 1)));
            } else {
                // Poetry says so in two lines, uv in one.
                local |= trimmed == "type = \"directory\"";
                let folder = ["{ directory = ", "{ editable = ", "{ virtual = "]
                    .iter()
                    .find_map(|key| Some(trimmed.split_once(key)?.1))
                    .or_else(|| trimmed.strip_prefix("url = ").filter(|_| local));
                wheel |= folder.is_some_and(|rest| rest.split('"').nth(1).is_some_and(plain));
                wheel |=
                    trimmed.contains("-none-any.whl") || trimmed.contains("manylinux") && trimmed.contains("x86_64");
            }
        }
    }

    /// Dependencies in poetry's own table.
    fn poetry(&mut self, context: &Context, path: &str) {
        let text = context.read_text(path).unwrap_or_default();
        let mut listing = false;
        for (at, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if trimmed.starts_with('[') {
                listing = trimmed == "[tool.poetry.dependencies]";
            } else if listing
                && let Some((name, value)) = trimmed.split_once('=')
                && name.trim() != "python"
                && !trimmed.starts_with('#')
            {
                let name = name.trim().trim_matches('"').to_owned();
                let own = value.split_once("path").and_then(|(_, rest)| rest.split('"').nth(1));
                let root = path.rsplit_once('/').map_or("", |(root, _)| root);
                let plain = own.is_some_and(|own| is_plain(context, &sources::join(root, own)));
                self.put(
                    &name,
                    plain,
                    Evidence::manifest(path, Some(at + 1), "it is a dependency"),
                );
            }
        }
    }

    fn pipfile(&mut self, context: &Context, lock: &str, manifest: &str) {
        let text = context.read_text(lock);
        let locked = text
            .as_deref()
            .and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
        if let Some(default) = locked
            .as_ref()
            .and_then(|l| l.get("default"))
            .and_then(|d| d.as_object())
        {
            for name in default.keys() {
                self.put(name, false, Evidence::manifest(lock, None, "it is locked"));
            }
            return;
        }
        let Some(text) = context.read_text(manifest) else {
            self.open = self
                .open
                .take()
                .or(Some(Evidence::manifest(manifest, None, "it is not there")));
            return;
        };
        let mut listing = false;
        for (at, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if trimmed.starts_with('[') {
                listing = trimmed == "[packages]";
            } else if listing && let Some((name, _)) = trimmed.split_once('=') {
                let name = name.trim().trim_matches('"').to_owned();
                self.put(
                    &name,
                    false,
                    Evidence::manifest(manifest, Some(at + 1), "it is a dependency"),
                );
            }
        }
    }
}

/// The file that a line of a list includes.
pub fn included(line: &str) -> Option<&str> {
    let rest = ["-r", "--requirement"]
        .iter()
        .find_map(|flag| line.strip_prefix(flag))?;
    let rest = rest.trim_start_matches(['=', ' ', '\t']);
    (!rest.is_empty()).then_some(rest)
}

/// The name in a requirement: `Flask[async]>=2; python_version > "3"`. None for paths and URLs, but
/// for those that are given a name.
pub fn requirement(text: &str) -> Option<&str> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c))
        .unwrap_or(text.len());
    let name = text.get(..end)?;
    let rest = text.get(end..)?.trim_start();
    let plain = rest.is_empty() || rest.starts_with(['=', '<', '>', '~', '!', ';', '[', '@', '(', '\\', ',']);
    (plain && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && !name.ends_with(".txt")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_requirements() {
        assert_eq!(requirement("Flask[async]>=2; python_version > \"3\""), Some("Flask"));
        assert_eq!(requirement("a @ https://example.org/a.whl"), Some("a"));
        assert_eq!(requirement("git+https://example.org/a"), None);
        assert_eq!(requirement("./a"), None);
        assert_eq!(normal("Zope.Interface__x"), "zope-interface-x");
        assert_eq!(included("-r base.txt"), Some("base.txt"));
        assert_eq!(included("-rbase.txt"), Some("base.txt"));
    }

    #[test]
    fn locks_tell_of_wheels() {
        let mut list = List::default();
        list.lock(
            "poetry.lock",
            "[[package]]\nname = \"a\"\nfiles = [\n  {file = \"a-1-py3-none-any.whl\"},\n]\n\n[[package]]\nname = \"b\"\n\n\
            [[package]]\nname = \"c\"\nsource = { directory = \"packages/c\" }\n\n\
            [[package]]\nname = \"d\"\n[package.source]\ntype = \"directory\"\nurl = \"d\"\n",
            &|folder| folder == "packages/c" || folder == "d",
        );
        let wheels: Vec<(&str, bool)> = list.packages.values().map(|p| (p.name.as_str(), p.wheel)).collect();
        assert_eq!(wheels, [("a", true), ("b", false), ("c", true), ("d", true)]);
    }
}
