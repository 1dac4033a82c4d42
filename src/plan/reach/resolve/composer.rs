//! Names of PHP by composer's autoloading: <https://getcomposer.org/doc/04-schema.md#autoload>.

use super::{Resolver, Target, join};
use serde_json::Value;

/// What a project's composer.json and composer.lock say of where classes are.
#[derive(Debug, Default)]
pub struct Autoload {
    /// Beginnings of names, with `.` between their parts and at their end, and what is behind each.
    names: Vec<(String, Owner)>,
    /// Files that are loaded with the loader itself.
    files: Vec<Target>,
    /// Folders and files of the project's own classes.
    own: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Owner {
    /// A folder of the context, for PSR-4.
    Folder(String),
    Package(String),
}

impl Autoload {
    /// Reads the manifests in a folder of the context.
    pub(super) fn of(context: &crate::context::Context, folder: &str) -> Option<Autoload> {
        let read = |name: &str| -> Option<Value> {
            let text = context.read_text(&join(folder, name))?;
            serde_json::from_str(&text).ok()
        };
        let manifest = read("composer.json")?;
        let mut out = Autoload::default();
        if let Some(autoload) = manifest.get("autoload") {
            for (prefix, paths) in pairs(autoload, "psr-4") {
                for path in paths {
                    let path = join(folder, &path);
                    out.names.push((dotted(&prefix), Owner::Folder(path.clone())));
                    out.own.push(path);
                }
            }
            let folders = pairs(autoload, "psr-0").into_iter().flat_map(|(_, paths)| paths);
            let folders = folders.chain(texts(autoload.get("classmap")));
            out.own.extend(folders.map(|path| join(folder, &path)));
            let files = texts(autoload.get("files"));
            out.files.extend(files.map(|file| Target::File(join(folder, &file))));
        }
        let lock = read("composer.lock").unwrap_or_default();
        for list in ["packages", "packages-dev"] {
            for package in lock.get(list).and_then(Value::as_array).into_iter().flatten() {
                out.package(package, list == "packages");
            }
        }
        // The longest name fits best.
        out.names
            .sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        Some(out)
    }

    fn package(&mut self, package: &Value, always: bool) {
        let Some(name) = package.get("name").and_then(Value::as_str) else {
            return;
        };
        let Some(autoload) = package.get("autoload") else {
            return;
        };
        for kind in ["psr-4", "psr-0"] {
            for (prefix, _) in pairs(autoload, kind) {
                if !prefix.is_empty() {
                    self.names.push((dotted(&prefix), Owner::Package(name.to_owned())));
                }
            }
        }
        if always && texts(autoload.get("files")).next().is_some() {
            self.files.push(Target::Package(name.to_owned()));
        }
    }
}

/// `A\B\` with dots.
fn dotted(prefix: &str) -> String {
    let plain = prefix.trim_matches('\\').replace(['\\', '_'], ".");
    if plain.is_empty() { plain } else { format!("{plain}.") }
}

/// A path, or a list of them, by name.
fn pairs(autoload: &Value, kind: &str) -> Vec<(String, Vec<String>)> {
    let map = autoload.get(kind).and_then(Value::as_object);
    let each = map.into_iter().flatten();
    each.map(|(prefix, paths)| (prefix.clone(), texts(Some(paths)).collect()))
        .collect()
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = String> {
    let list = match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    list.into_iter()
}

impl Resolver<'_> {
    /// What composer's loader brings along: what it loads by itself, and the project's own classes,
    /// which frameworks find by names that are made at run time.
    pub(super) fn loader(&self) -> Vec<Target> {
        let Some(autoload) = &self.autoload else {
            return vec![Target::Package("composer".to_owned())];
        };
        let mut out = autoload.files.clone();
        for path in &autoload.own {
            if self.is_file(path) {
                out.push(Target::File(path.clone()));
                continue;
            }
            let below = if path.is_empty() {
                String::new()
            } else {
                format!("{path}/")
            };
            let files = self.files_in(&below).into_iter().filter(|file| {
                let parts = file.get(below.len()..).unwrap_or_default();
                !parts
                    .split('/')
                    .any(|part| matches!(part, "vendor" | "tests" | "Tests"))
            });
            out.extend(files.map(Target::File));
        }
        out
    }

    /// What a class's name leads to, `A.B.C`.
    pub(super) fn class(&self, name: &str) -> Option<Target> {
        let autoload = self.autoload.as_ref()?;
        autoload.names.iter().find_map(|(prefix, owner)| {
            let whole = prefix.trim_end_matches('.');
            let rest = match name.strip_prefix(prefix.as_str()) {
                Some(rest) => rest,
                None if name == whole => "",
                None => return None,
            };
            match owner {
                Owner::Package(name) => Some(Target::Package(name.clone())),
                Owner::Folder(folder) => {
                    let path = join(folder, &format!("{}.php", rest.replace('.', "/")));
                    self.is_file(&path).then_some(Target::File(path))
                }
            }
        })
    }
}
