//! `pnpm-lock.yaml`, formats 5, 6 and 9.

use super::{ByKey, LockKind, Locked, NodeLock};

pub(super) fn parse(text: &str) -> Option<NodeLock> {
    let mut lock = NodeLock {
        kind: LockKind::Pnpm,
        ..NodeLock::default()
    };
    let mut by_key = ByKey::new();
    let mut needs: Vec<(usize, String, String)> = Vec::new();
    let mut direct: Vec<(String, String, String)> = Vec::new();
    // The keys above a line, by depth.
    let mut path: Vec<&str> = Vec::new();
    for line in text.lines() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        if body.is_empty() || body.starts_with(['#', '-']) || !indent.is_multiple_of(2) {
            continue;
        }
        let depth = indent / 2;
        let (key, value) = entry(body);
        path.truncate(depth);
        if path.len() < depth {
            continue;
        }
        path.push(key);
        match path.as_slice() {
            ["lockfileVersion"] => lock.version = value.to_owned(),
            ["packages" | "snapshots", id] => {
                let (name, version) = id_of(id);
                let at = *by_key.entry(format!("{name}@{version}")).or_insert_with(|| {
                    lock.packages.push(Locked {
                        name: name.to_owned(),
                        version: version.to_owned(),
                        ..Locked::default()
                    });
                    lock.packages.len() - 1
                });
                debug_assert!(at < lock.packages.len());
            }
            ["packages", id, "requiresBuild"] => {
                let (name, version) = id_of(id);
                if let Some(package) = by_key
                    .get(&format!("{name}@{version}"))
                    .and_then(|at| lock.packages.get_mut(*at))
                {
                    package.scripts = true;
                }
            }
            [
                "packages" | "snapshots",
                id,
                "dependencies" | "optionalDependencies",
                name,
            ] => {
                let (own, version) = id_of(id);
                if let Some(at) = by_key.get(&format!("{own}@{version}")) {
                    needs.push((*at, (*name).to_owned(), value.to_owned()));
                }
            }
            // Formats 6 and 9: `version` below the name; format 5: behind it.
            ["importers", folder, list, name] if is_list(list) && !value.is_empty() => {
                direct.push((root(folder), (*name).to_owned(), value.to_owned()));
            }
            ["importers", folder, list, name, "version"] if is_list(list) => {
                direct.push((root(folder), (*name).to_owned(), value.to_owned()));
            }
            [list, name] if is_list(list) && !value.is_empty() => {
                direct.push((String::new(), (*name).to_owned(), value.to_owned()));
            }
            [list, name, "version"] if is_list(list) => {
                direct.push((String::new(), (*name).to_owned(), value.to_owned()));
            }
            _ => {}
        }
    }
    for (at, name, version) in needs {
        let found = lookup(&by_key, &name, &version);
        if let (Some(found), Some(package)) = (found, lock.packages.get_mut(at)) {
            package.needs.push(found);
        }
    }
    for (folder, name, version) in direct {
        if let Some(found) = lookup(&by_key, &name, &version) {
            lock.direct.entry(folder).or_default().insert(name, found);
        }
    }
    (!lock.packages.is_empty() || !lock.version.is_empty()).then_some(lock)
}

fn is_list(name: &str) -> bool {
    matches!(name, "dependencies" | "devDependencies" | "optionalDependencies")
}

fn root(folder: &str) -> String {
    if folder == "." {
        String::new()
    } else {
        folder.to_owned()
    }
}

/// A name with what stands for its version; an alias stands for another package.
fn lookup(by_key: &ByKey, name: &str, version: &str) -> Option<usize> {
    let plain = bare(version);
    by_key.get(&format!("{name}@{plain}")).copied().or_else(|| {
        let (name, version) = id_of(version);
        by_key.get(&format!("{name}@{version}")).copied()
    })
}

/// A version without the peers that it was resolved with.
fn bare(version: &str) -> &str {
    let end = version.find(['(', '_']).unwrap_or(version.len());
    version.get(..end).unwrap_or(version)
}

/// `/@s/a/1.0.0_b@1.0.0`, `/a@1.0.0(p@5.0.0)`, `a@1.0.0`: name and version.
fn id_of(id: &str) -> (&str, &str) {
    let id = id.trim_start_matches('/');
    let end = id.find('(').unwrap_or(id.len());
    let id = id.get(..end).unwrap_or(id);
    let skip = usize::from(id.starts_with('@'));
    let behind = id.get(skip..).unwrap_or_default();
    // Behind a scope's own `/`.
    let scope = if skip == 1 {
        behind.find('/').map_or(0, |at| at + 1)
    } else {
        0
    };
    let rest = behind.get(scope..).unwrap_or_default();
    match rest.find(['@', '/']) {
        Some(at) => {
            let at = skip + scope + at;
            let version = id.get(at + 1..).unwrap_or_default();
            (id.get(..at).unwrap_or(id), bare(version))
        }
        None => (id, ""),
    }
}

/// `name: value`, `'name': value`, `name:`.
fn entry(body: &str) -> (&str, &str) {
    let (key, rest) = match body.strip_prefix('\'').and_then(|rest| rest.split_once('\'')) {
        Some((key, rest)) => (key, rest.strip_prefix(':').unwrap_or(rest)),
        // Keys may hold colons: `https://x: value`.
        None => match body.split_once(": ") {
            Some(pair) => pair,
            None => (body.strip_suffix(':').unwrap_or(body), ""),
        },
    };
    (key.trim(), rest.trim().trim_matches(['\'', '"']))
}
