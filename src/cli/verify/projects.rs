//! The projects of `--batch`: those below folders, and those that lists name.

use super::Failure;
use super::place::{Place, dockerfile_in};
use crate::verify::Probe;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How deep projects are looked for below a folder that is none itself.
const DEPTH: usize = 3;

/// One project, with what holds for it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// How it is called in the table.
    pub name: String,
    /// Its Dockerfile and its build context.
    pub place: Place,
    /// What a list says of it.
    pub own: Own,
}

/// What a list says of one project, beyond its own settings and the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// Probes, after those of the settings.
    pub probes: Vec<Probe>,
    /// Variables in its containers.
    pub env: BTreeMap<String, String>,
    /// Seconds that a start may take.
    pub patience: Option<u64>,
    /// The stage that is built.
    pub target: Option<String>,
    /// ARGs that are set.
    pub build_args: BTreeMap<String, String>,
}

/// An entry of a list in YAML or JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    dockerfile: PathBuf,
    context: Option<PathBuf>,
    name: Option<String>,
    #[serde(default)]
    probes: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    patience: Option<u64>,
    target: Option<String>,
    #[serde(default)]
    build_args: BTreeMap<String, String>,
}

/// All projects that were asked for, in that order.
///
/// # Errors
/// Something is not there, or a list cannot be read; none was found.
pub fn gather(given: &[PathBuf]) -> Result<Vec<Project>, Failure> {
    let mut found = Vec::new();
    for given in given {
        if given.as_os_str() == "-" {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::Usage(format!("standard input: {error}")))?;
            lines(&text, Path::new(""), "standard input", &mut found)?;
        } else if given.is_dir() {
            let mut files = Vec::new();
            collect(given, 0, &mut files);
            for file in files {
                found.push(entry(named(file), Path::new(""))?);
            }
        } else if given.is_file() {
            file(given, &mut found)?;
        } else {
            return Err(Failure::Usage(format!(
                "{}: there is no such folder or list",
                given.display()
            )));
        }
    }
    if found.is_empty() {
        return Err(Failure::Usage(
            "there is no Dockerfile in what --batch names".to_owned(),
        ));
    }
    name(&mut found);
    Ok(found)
}

/// A list, or a Dockerfile itself.
fn file(path: &Path, found: &mut Vec<Project>) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let shown = path.display().to_string();
    let read = || std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{shown}: {error}")));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("yaml" | "yml" | "json") => {
            let entries: Vec<Entry> =
                serde_yaml::from_str(&read()?).map_err(|error| Failure::Usage(format!("{shown}: {error}")))?;
            for given in entries {
                found.push(entry(given, folder).map_err(|error| Failure::Usage(format!("{shown}: {error}")))?);
            }
            Ok(())
        }
        Some("txt" | "tsv" | "list") => lines(&read()?, folder, &shown, found),
        _ => {
            found.push(entry(named(path.to_owned()), Path::new(""))?);
            Ok(())
        }
    }
}

/// A Dockerfile in each line, its context and its name behind tabs.
fn lines(text: &str, folder: &Path, shown: &str, found: &mut Vec<Project>) -> Result<(), Failure> {
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut parts = line.split('\t').map(str::trim);
        let part = parts.next().unwrap_or_default();
        let mut given = named(PathBuf::from(part));
        let mut rest = parts.map(|part| Some(part.to_owned()).filter(|part| !part.is_empty()));
        given.context = rest.next().flatten().map(PathBuf::from);
        given.name = rest.next().flatten();
        let project = entry(given, folder).map_err(|error| Failure::Usage(format!("{shown}:{}: {error}", at + 1)))?;
        found.push(project);
    }
    Ok(())
}

fn named(dockerfile: PathBuf) -> Entry {
    Entry {
        dockerfile,
        context: None,
        name: None,
        probes: Vec::new(),
        env: BTreeMap::new(),
        patience: None,
        target: None,
        build_args: BTreeMap::new(),
    }
}

/// Paths are relative to the list.
fn entry(given: Entry, folder: &Path) -> Result<Project, Failure> {
    // Without `.` in between.
    let clean = |path: &Path| -> PathBuf { folder.join(path).components().collect() };
    let file = clean(&given.dockerfile);
    let context = given.context.map(|context| clean(&context));
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let context = context.unwrap_or_else(|| parent.unwrap_or(Path::new(".")).to_owned());
    let mut probes = Vec::new();
    for probe in &given.probes {
        probes.push(probe.parse().map_err(|error| Failure::Usage(format!("{error}")))?);
    }
    Ok(Project {
        name: given.name.unwrap_or_default(),
        // What is not there is that project's result, not the end of all.
        place: Place::of(Some(&file), Some(&context)).unwrap_or(Place { file, context }),
        own: Own {
            probes,
            env: given.env,
            patience: given.patience,
            target: given.target,
            build_args: given.build_args,
        },
    })
}

/// Who has no name is called by the part of its path that tells it from the others.
fn name(projects: &mut [Project]) {
    let folder = |project: &Project| project.place.file.parent().map(Path::to_owned).unwrap_or_default();
    let mut common = projects.first().map(folder).unwrap_or_default();
    for project in projects.iter() {
        let folder = folder(project);
        while !folder.starts_with(&common) && common.pop() {}
    }
    for project in projects.iter_mut().filter(|project| project.name.is_empty()) {
        let file = &project.place.file;
        let rest = file.strip_prefix(&common).unwrap_or(file);
        let usual = rest.file_name().is_some_and(|name| name == "Dockerfile");
        let folder = rest.parent().filter(|folder| usual && !folder.as_os_str().is_empty());
        project.name = folder.unwrap_or(rest).display().to_string();
    }
}

/// Dockerfiles in a folder, or in those below it where it has none itself.
fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if let Some(file) = dockerfile_in(folder) {
        found.push(file);
        return;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut below: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    below.sort();
    for folder in below.iter().filter(|_| depth < DEPTH) {
        let hidden = folder
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden {
            collect(folder, depth + 1, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_name_dockerfiles_contexts_and_wishes() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["a/Dockerfile", "b/web.dockerfile", "c/d/Dockerfile"] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "FROM scratch\n").unwrap();
        }
        let list = folder.path().join("all.tsv");
        std::fs::write(
            &list,
            "# ours\na/Dockerfile\n\n./b/./web.dockerfile\t.\tthe web\nc/d/Dockerfile\tc\n",
        )
        .unwrap();
        let found = gather(&[list]).unwrap();
        let said: Vec<(&str, PathBuf)> = found
            .iter()
            .map(|project| {
                let context = project.place.context.strip_prefix(folder.path()).unwrap();
                (project.name.as_str(), context.to_owned())
            })
            .collect();
        assert_eq!(found[1].place.file, folder.path().join("b/web.dockerfile"));
        assert_eq!(said, [("a", "a".into()), ("the web", "".into()), ("c/d", "c".into())]);

        let list = folder.path().join("all.yaml");
        let text = "- dockerfile: a/Dockerfile\n  probes: [http:8080/health]\n  env: { MODE: test }\n";
        std::fs::write(&list, text).unwrap();
        let found = gather(std::slice::from_ref(&list)).unwrap();
        assert_eq!(found[0].own.probes.len(), 1);
        std::fs::write(&list, "- dockerfile: a/Dockerfile\n  probe: [tcp:1]\n").unwrap();
        let error = gather(&[list]).unwrap_err().to_string();
        assert!(error.contains("all.yaml") && error.contains("probe"), "{error}");

        let found = gather(&[folder.path().to_owned()]).unwrap();
        let names: Vec<&str> = found.iter().map(|project| project.name.as_str()).collect();
        assert_eq!(names, ["a", "c/d"]);
        assert!(gather(&[folder.path().join("nowhere")]).is_err());
    }
}
