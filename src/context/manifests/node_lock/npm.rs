//! `package-lock.json` and `npm-shrinkwrap.json`.

use super::{ByKey, LockKind, Locked, NodeLock};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct File {
    #[serde(rename = "lockfileVersion", default)]
    version: u32,
    #[serde(default)]
    packages: BTreeMap<String, Entry>,
    #[serde(default)]
    dependencies: BTreeMap<String, Old>,
}

type Names = BTreeMap<String, serde::de::IgnoredAny>;

/// Formats 2 and 3: by folder.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    version: Option<String>,
    name: Option<String>,
    link: bool,
    resolved: Option<String>,
    dependencies: Names,
    dev_dependencies: Names,
    optional_dependencies: Names,
    peer_dependencies: Names,
    bin: Programs,
    has_install_script: bool,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Programs {
    Named(Names),
    One(#[allow(dead_code)] String),
    #[default]
    None,
}

/// Format 1: nested.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Old {
    version: String,
    requires: Requires,
    dependencies: BTreeMap<String, Old>,
}

#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Requires {
    Names(Names),
    Flag(#[allow(dead_code)] bool),
    #[default]
    None,
}

/// Nothing nests deeper.
const DEEPEST: usize = 64;

pub(super) fn parse(text: &str) -> Option<NodeLock> {
    let file: File = serde_json::from_str(text).ok()?;
    let mut lock = NodeLock {
        kind: LockKind::Npm,
        version: file.version.to_string(),
        ..NodeLock::default()
    };
    if file.packages.is_empty() {
        let mut by_folder = ByKey::new();
        let mut needs = Vec::new();
        nested("", &file.dependencies, &mut lock, &mut by_folder, &mut needs, 0);
        for (at, folder, names) in needs {
            link(&mut lock, &by_folder, at, &folder, &names);
        }
        return Some(lock);
    }
    let mut by_folder = ByKey::new();
    let inside = |folder: &str| folder.rsplit_once("node_modules/").map(|(_, name)| name.to_owned());
    for (folder, entry) in &file.packages {
        let Some(name) = inside(folder)
            .or_else(|| entry.name.clone())
            .or_else(|| Some(folder.clone()))
        else {
            continue;
        };
        if folder.is_empty() {
            continue;
        }
        let programs = match &entry.bin {
            Programs::Named(names) => names.keys().cloned().collect(),
            Programs::One(_) => vec![name.rsplit('/').next().unwrap_or(&name).to_owned()],
            Programs::None => Vec::new(),
        };
        by_folder.insert(folder.clone(), lock.packages.len());
        if let Some(name) = folder
            .strip_prefix("node_modules/")
            .filter(|rest| !rest.contains("node_modules/"))
        {
            let direct = lock.direct.entry(String::new()).or_default();
            direct.insert(name.to_owned(), lock.packages.len());
        }
        lock.packages.push(Locked {
            name,
            version: entry.version.clone().unwrap_or_default(),
            needs: Vec::new(),
            programs,
            scripts: entry.has_install_script,
        });
    }
    for (folder, entry) in &file.packages {
        let lists = [
            &entry.dependencies,
            &entry.optional_dependencies,
            &entry.peer_dependencies,
        ];
        let names: Vec<String> = lists.into_iter().flat_map(|list| list.keys().cloned()).collect();
        let own = !folder.contains("node_modules/");
        if own {
            let all = names.iter().chain(entry.dev_dependencies.keys());
            let direct: Vec<(String, usize)> = all
                .filter_map(|name| Some((name.clone(), walk_up(&by_folder, folder, name)?)))
                .collect();
            lock.direct.entry(folder.clone()).or_default().extend(direct);
        }
        let Some(at) = by_folder.get(folder).copied() else {
            continue;
        };
        match entry.resolved.as_deref().filter(|_| entry.link) {
            // A workspace: what it needs is looked up from where it lies.
            Some(target) => {
                let needs: Vec<usize> = by_folder.get(target).copied().into_iter().collect();
                let inner = file
                    .packages
                    .get(target)
                    .map(|e| e.dependencies.keys().cloned().collect::<Vec<_>>());
                let inner = inner.unwrap_or_default();
                let found = inner.iter().filter_map(|name| walk_up(&by_folder, target, name));
                let found: Vec<usize> = if needs.is_empty() { Vec::new() } else { found.collect() };
                if let Some(package) = lock.packages.get_mut(at) {
                    package.needs = found;
                }
            }
            None => link(&mut lock, &by_folder, at, folder, &names),
        }
    }
    Some(lock)
}

/// What a folder gets by a name: its own node_modules, or that of a folder above.
fn walk_up(by_folder: &ByKey, folder: &str, name: &str) -> Option<usize> {
    let mut at = folder;
    loop {
        let key = if at.is_empty() {
            format!("node_modules/{name}")
        } else {
            format!("{at}/node_modules/{name}")
        };
        if let Some(found) = by_folder.get(&key) {
            return Some(*found);
        }
        if at.is_empty() {
            return None;
        }
        at = match at.rfind("/node_modules/") {
            Some(end) => at.get(..end).unwrap_or_default(),
            None if at.starts_with("node_modules/") => "",
            None => at.rsplit_once('/').map_or("", |(above, _)| above),
        };
    }
}

fn link(lock: &mut NodeLock, by_folder: &ByKey, at: usize, folder: &str, names: &[String]) {
    let needs: Vec<usize> = names
        .iter()
        .filter_map(|name| walk_up(by_folder, folder, name))
        .collect();
    if let Some(package) = lock.packages.get_mut(at) {
        package.needs = needs;
    }
}

fn nested(
    folder: &str,
    list: &BTreeMap<String, Old>,
    lock: &mut NodeLock,
    by_folder: &mut ByKey,
    needs: &mut Vec<(usize, String, Vec<String>)>,
    depth: usize,
) {
    if depth > DEEPEST {
        return;
    }
    for (name, entry) in list {
        let own = if folder.is_empty() {
            format!("node_modules/{name}")
        } else {
            format!("{folder}/node_modules/{name}")
        };
        let at = lock.packages.len();
        by_folder.insert(own.clone(), at);
        if folder.is_empty() {
            lock.direct.entry(String::new()).or_default().insert(name.clone(), at);
        }
        lock.packages.push(Locked {
            name: name.clone(),
            version: entry.version.clone(),
            ..Locked::default()
        });
        if let Requires::Names(names) = &entry.requires {
            needs.push((at, own.clone(), names.keys().cloned().collect()));
        }
        nested(&own, &entry.dependencies, lock, by_folder, needs, depth + 1);
    }
}
