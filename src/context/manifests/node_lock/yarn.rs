//! `yarn.lock`.

use super::{ByKey, LockKind, Locked, NodeLock};

/// Reads the file: blocks of lines, the first of which names what the block answers to.
pub(super) fn parse(text: &str, named: &[(&str, &str)]) -> Option<NodeLock> {
    let berry = text.contains("\n__metadata:") || text.starts_with("__metadata:");
    let mut lock = NodeLock {
        kind: if berry { LockKind::Berry } else { LockKind::Yarn },
        version: "1".to_owned(),
        ..NodeLock::default()
    };
    let mut by_key = ByKey::new();
    let mut needs: Vec<(usize, String)> = Vec::new();
    let mut list = "";
    let mut metadata = false;
    for line in text.lines() {
        let body = line.trim_start();
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        match line.len() - body.len() {
            0 => {
                let keys = body.trim_end_matches(':');
                metadata = keys == "__metadata";
                list = "";
                if metadata {
                    continue;
                }
                let at = lock.packages.len();
                for key in keys
                    .split(", ")
                    .map(|k| k.trim_matches('"'))
                    .flat_map(|k| k.split(", "))
                {
                    by_key.insert(key.replacen("@npm:", "@", 1), at);
                }
                let first = keys.trim_matches('"');
                lock.packages.push(Locked {
                    name: name_of(first).to_owned(),
                    ..Locked::default()
                });
            }
            2 => {
                let (key, value) = entry(body);
                list = if value.is_empty() { key } else { "" };
                if key != "version" {
                    continue;
                }
                if metadata {
                    lock.version = value.to_owned();
                } else if let Some(package) = lock.packages.last_mut() {
                    package.version = value.to_owned();
                }
            }
            _ if metadata => {}
            _ => {
                let (key, value) = entry(body);
                let at = lock.packages.len().checked_sub(1)?;
                match list {
                    "dependencies" | "optionalDependencies" => {
                        let range = value.strip_prefix("npm:").unwrap_or(value);
                        needs.push((at, format!("{key}@{range}")));
                    }
                    "bin" => {
                        if let Some(package) = lock.packages.last_mut() {
                            package.programs.push(key.to_owned());
                        }
                    }
                    _ => {}
                }
            }
        }
    }
    for (at, key) in needs {
        if let (Some(found), Some(package)) = (by_key.get(&key), lock.packages.get_mut(at)) {
            package.needs.push(*found);
        }
    }
    let direct = lock.direct.entry(String::new()).or_default();
    for (name, range) in named {
        let range = range.strip_prefix("npm:").unwrap_or(range);
        if let Some(found) = by_key.get(&format!("{name}@{range}")) {
            direct.insert((*name).to_owned(), *found);
        }
    }
    (!lock.packages.is_empty()).then_some(lock)
}

/// `"@s/a@^1.0.0"` is of `@s/a`.
fn name_of(key: &str) -> &str {
    let skip = usize::from(key.starts_with('@'));
    let end = key.get(skip..).and_then(|rest| rest.find('@')).map(|at| at + skip);
    end.and_then(|at| key.get(..at)).unwrap_or(key)
}

/// `name "value"`, `name: value`, `"name": "value"`, `name:`.
fn entry(body: &str) -> (&str, &str) {
    let (key, value) = match body.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
        Some((key, rest)) => (key, rest),
        None => {
            let end = body.find([' ', ':']).unwrap_or(body.len());
            body.split_at(end)
        }
    };
    (key, value.trim_start_matches([':', ' ']).trim_matches('"'))
}
