//! Files of Node.js' world that were opened only because it was looked whether they are there: what they
//! are looked for by does without them, so that a rewrite may lack them.
//!
//! Three things look so: code that tries whether a package happens to be there (`debug` looks for
//! `supports-color`), the loader, which goes up from folder to folder, and a package manager that lists
//! the programs of all packages before it starts a script. Whether the loss shows is what the other checks
//! say.

use super::files::{Files, Kind, clean, parent, resolve};
use crate::executor::Trace;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The longest `package.json` that is read, in bytes.
const LIMIT: u64 = 1 << 20;
/// Judges the files that the original opened and the rewrite lacks.
pub(super) struct Lookup<'a> {
    trace: &'a Trace,
    before: &'a dyn Files,
    after: &'a dyn Files,
    /// Who asks for packages, by the folder whose `node_modules` they are in.
    asked: BTreeMap<String, Asked>,
    /// What was found out of packages, by their folders.
    known: BTreeMap<String, bool>,
    /// Folders with a `node_modules` in the rewrite, once they were looked for.
    holders: Option<Vec<String>>,
}

/// Names of packages that somebody asks for.
#[derive(Default)]
struct Asked {
    /// For whatever purpose.
    ever: BTreeSet<String>,
    /// To run.
    to_run: BTreeSet<String>,
}

/// A file of a package.
struct Member<'p> {
    /// The folder whose `node_modules` the package is in; empty for the root.
    above: &'p str,
    /// The package's name, with its scope.
    name: &'p str,
    /// The file in the package.
    rest: &'p str,
}

impl Member<'_> {
    fn of(path: &str) -> Option<Member<'_>> {
        let (above, within) = path.rsplit_once("/node_modules/")?;
        let first = within.split('/').next()?;
        let length = match first.starts_with('@') {
            true => first.len() + 1 + within.get(first.len() + 1..)?.split('/').next()?.len(),
            false => first.len(),
        };
        Some(Member {
            above,
            name: within.get(..length)?,
            rest: within.get(length..)?.trim_start_matches('/'),
        })
    }

    fn folder(&self) -> String {
        folder_of(self.above, self.name)
    }
}

/// Where a package is.
fn folder_of(above: &str, name: &str) -> String {
    format!("{above}/node_modules/{name}")
}

impl<'a> Lookup<'a> {
    pub fn new(trace: &'a Trace, before: &'a dyn Files, after: &'a dyn Files) -> Lookup<'a> {
        Lookup {
            trace,
            before,
            after,
            asked: BTreeMap::new(),
            known: BTreeMap::new(),
            holders: None,
        }
    }

    /// Whether whoever opened this file, which the rewrite lacks, does without it.
    pub fn is_only_tried(&mut self, path: &str) -> bool {
        match Member::of(path) {
            Some(member) => {
                let folder = member.folder();
                // What is left of a package is needed whole.
                self.after.node(&folder).is_none() && (self.nobody_asks(&member) || self.is_one_of(&member, folder))
            }
            None => self.says_what_holds_anyway(path),
        }
    }

    /// Neither the program itself (for whatever purpose) nor any package that is still there names it.
    fn nobody_asks(&mut self, member: &Member<'_>) -> bool {
        self.after.node(&format!("{}/node_modules", member.above)).is_some()
            && !self.asked_in(member.above).ever.contains(member.name)
    }

    fn is_one_of(&mut self, member: &Member<'_>, folder: String) -> bool {
        if let Some(known) = self.known.get(&folder) {
            return *known;
        }
        let opened: Vec<&str> = self
            .trace
            .opened
            .iter()
            .filter_map(|path| Member::of(path))
            .filter(|other| other.above == member.above && other.name == member.name)
            .map(|other| other.rest)
            // It only says how the others are read.
            .filter(|rest| *rest != "package.json" && !rest.ends_with("/package.json"))
            .collect();
        let only_tried = !opened.is_empty()
            && (self.are_listed_programs(member, &folder, &opened) || self.are_beyond_a_nearer_copy(member, &opened));
        self.known.insert(folder, only_tried);
        only_tried
    }

    /// Programs of a package that only development names, and nothing behind them: Yarn looks into the
    /// programs of all packages before it starts any, and to run one takes more than its first lines.
    fn are_listed_programs(&mut self, member: &Member<'_>, folder: &str, opened: &[&str]) -> bool {
        if self.asked_in(member.above).to_run.contains(member.name) {
            return false;
        }
        let listed = programs(self.before, folder);
        opened
            .iter()
            .map(|rest| format!("{folder}/{rest}"))
            .all(|path| listed.contains(&path) && !self.trace.executed.contains(&path))
    }

    /// Who asked for the package brings one of their own, in the rewrite too, which lacks what was asked
    /// for: then the loader goes on upwards, and may find another copy there by chance, with all that this
    /// needs in turn. What Next.js gathers to stand alone is such a copy.
    fn are_beyond_a_nearer_copy(&mut self, member: &Member<'_>, opened: &[&str]) -> bool {
        let (before, after) = (self.before, self.after);
        let below = format!("{}/", member.above);
        let nearer: Vec<String> = self
            .holders()
            .iter()
            .filter(|holder| holder.starts_with(&below))
            .filter(|holder| {
                let copy = folder_of(holder, member.name);
                before.node(&copy).is_some() && after.node(&copy).is_some()
            })
            .map(|holder| format!("{holder}/"))
            .collect();
        let lacked = |rest: &&str| {
            let mut copies = nearer
                .iter()
                .map(|holder| format!("{holder}node_modules/{}/{rest}", member.name));
            copies.all(|path| before.node(&path).is_none())
        };
        // What is left beside them may have asked for the package that is gone.
        let may_ask = |path: &String| {
            path.starts_with(&below)
                && !nearer.iter().any(|holder| path.starts_with(holder))
                && resolve(after, path).is_ok()
        };
        !nearer.is_empty() && opened.iter().any(lacked) && !self.trace.opened.iter().any(may_ask)
    }

    /// Folders of the rewrite that have a `node_modules`.
    fn holders(&mut self) -> &[String] {
        let after = self.after;
        self.holders.get_or_insert_with(|| {
            let mut found = Vec::new();
            after.each(&mut |path, node| {
                if let (Kind::Folder, Some(holder)) = (&node.kind, path.strip_suffix("/node_modules")) {
                    found.push(holder.to_owned());
                }
            });
            found
        })
    }

    fn asked_in(&mut self, above: &str) -> &Asked {
        let after = self.after;
        self.asked.entry(above.to_owned()).or_insert_with(|| {
            let modules = format!("{above}/node_modules");
            let mut asked = Asked::default();
            asked.add(after, above, true);
            for name in after.names(&modules) {
                match name.starts_with('@') {
                    true => after
                        .names(&format!("{modules}/{name}"))
                        .iter()
                        .for_each(|second| asked.add(after, &format!("{modules}/{name}/{second}"), false)),
                    false => asked.add(after, &format!("{modules}/{name}"), false),
                }
            }
            asked
        })
    }

    /// A `package.json` that says only that files are CommonJS, as they are without it: Node.js reads the
    /// nearest one above each file that it loads.
    fn says_what_holds_anyway(&self, path: &str) -> bool {
        let Some(folder) = path.strip_suffix("/package.json") else {
            return false;
        };
        let said = match package(self.before, folder) {
            Some(Value::Object(said)) => said,
            _ => return false,
        };
        if !said.iter().all(|(key, value)| key == "type" && value == "commonjs") {
            return false;
        }
        let mut above = folder;
        loop {
            if let Some(nearest) = package(self.after, above) {
                return nearest.get("type").is_none_or(|kind| kind == "commonjs");
            }
            match above {
                "" | "/" => return true,
                _ => above = parent(above),
            }
        }
    }
}

impl Asked {
    /// Adds what the `package.json` of a folder asks for.
    fn add(&mut self, files: &dyn Files, folder: &str, own: bool) {
        let Some(read) = package(files, folder) else {
            return;
        };
        let names = |list: &str| {
            let list = read.get(list).and_then(Value::as_object);
            list.into_iter()
                .flat_map(|list| list.keys().cloned())
                .collect::<Vec<_>>()
        };
        for list in ["dependencies", "optionalDependencies", "peerDependencies"] {
            self.to_run.extend(names(list));
            self.ever.extend(names(list));
        }
        if own {
            self.ever.extend(names("devDependencies"));
        }
    }
}

/// The `package.json` of a folder, which may be a link to a workspace.
fn package(files: &dyn Files, folder: &str) -> Option<Value> {
    let (path, _) = resolve(files, &format!("{folder}/package.json")).ok()?;
    serde_json::from_slice(&files.read(&path, LIMIT)?).ok()
}

/// The files that a package gives as programs.
fn programs(files: &dyn Files, folder: &str) -> BTreeSet<String> {
    let said = package(files, folder).unwrap_or_default();
    let programs = match said.get("bin") {
        Some(Value::String(path)) => vec![path.as_str()],
        Some(Value::Object(named)) => named.values().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    programs.into_iter().map(|path| clean(folder, path)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    struct Case {
        before: Memory,
        after: Memory,
        trace: Trace,
    }

    impl Case {
        /// Everything is in both, but for what is named.
        fn new(files: &[(&str, &str)], gone: &[&str]) -> Case {
            let (mut before, mut after) = (Memory::default(), Memory::default());
            for (path, text) in files {
                before.file(path, 0o755, *text);
                if !gone.iter().any(|gone| path.starts_with(gone)) {
                    after.file(path, 0o755, *text);
                }
            }
            let opened = files.iter().map(|(path, _)| (*path).to_owned()).collect();
            Case {
                before,
                after,
                trace: Trace {
                    opened,
                    ..Trace::default()
                },
            }
        }

        fn tries(&self, path: &str) -> bool {
            Lookup::new(&self.trace, &self.before, &self.after).is_only_tried(path)
        }
    }

    #[test]
    fn a_package_that_nothing_names_is_only_tried() {
        let files = [
            ("/app/package.json", r#"{"devDependencies": {"pad": "1"}}"#),
            (
                "/app/node_modules/debug/package.json",
                r#"{"dependencies": {"ms": "1"}}"#,
            ),
            ("/app/node_modules/supports-color/index.js", ""),
            ("/app/node_modules/pad/index.js", ""),
            ("/app/node_modules/ms/index.js", ""),
        ];
        let case = Case::new(
            &files,
            &["/app/node_modules/s", "/app/node_modules/p", "/app/node_modules/ms"],
        );
        assert!(case.tries("/app/node_modules/supports-color/index.js"));
        assert!(!case.tries("/app/node_modules/pad/index.js"));
        assert!(!case.tries("/app/node_modules/ms/index.js"));
    }

    /// Yarn's, which opens programs whose name has no ending.
    fn yarn(own: &str, more: &[(&str, &str)]) -> Case {
        let mut files = vec![
            ("/app/package.json", own),
            ("/app/node_modules/fastify/package.json", r#"{"dependencies": {}}"#),
            (
                "/app/node_modules/tsc/package.json",
                r#"{"bin": {"tsc": "./bin/tsc", "t": "bin/t"}}"#,
            ),
            ("/app/node_modules/tsc/bin/tsc", ""),
            ("/app/node_modules/tsc/bin/t", ""),
        ];
        files.extend(more);
        Case::new(&files, &["/app/node_modules/tsc"])
    }

    #[test]
    fn programs_that_are_only_listed_are_not_missed() {
        let (dev, run) = (
            r#"{"devDependencies": {"tsc": "1"}}"#,
            r#"{"dependencies": {"tsc": "1"}}"#,
        );
        let path = "/app/node_modules/tsc/bin/tsc";
        assert!(yarn(dev, &[]).tries(path));
        assert!(yarn(dev, &[]).tries("/app/node_modules/tsc/package.json"));
        // It runs.
        assert!(!yarn(dev, &[("/app/node_modules/tsc/lib.js", "")]).tries(path));
        assert!(!yarn(run, &[]).tries(path));
        let mut started = yarn(dev, &[]);
        started.trace.executed.insert(path.to_owned());
        assert!(!started.tries(path));
        // Another package needs it.
        let plugin = (
            "/app/node_modules/plugin/package.json",
            r#"{"peerDependencies": {"tsc": "1"}}"#,
        );
        assert!(!yarn(dev, &[plugin]).tries(path));
    }

    const OUTER: &str = "/app/node_modules/next/dist/webpack.js";

    fn standalone(more: &[(&str, &str)]) -> Case {
        let mut files = vec![
            ("/app/out/server.js", ""),
            ("/app/out/node_modules/next/package.json", "{}"),
            ("/app/out/node_modules/next/index.js", ""),
            ("/app/node_modules/next/package.json", "{}"),
            (OUTER, ""),
        ];
        files.extend(more);
        Case::new(&files, &["/app/node_modules", "/app/package.json"])
    }

    #[test]
    fn what_lies_above_a_nearer_copy_is_found_by_chance() {
        assert!(standalone(&[]).tries(OUTER));
        assert!(standalone(&[]).tries("/app/node_modules/next/package.json"));
        // The nearer copy has it: somebody else asked.
        assert!(!standalone(&[("/app/out/node_modules/next/dist/webpack.js", "")]).tries(OUTER));
        // With what it needs in turn.
        assert!(standalone(&[("/app/node_modules/next/index.js", "")]).tries("/app/node_modules/next/index.js"));
        // Code that has no copy of its own.
        assert!(!standalone(&[("/app/bin/www", "")]).tries(OUTER));
        // There is no nearer copy of this one.
        let other = "/app/node_modules/other/index.js";
        assert!(!standalone(&[(other, "")]).tries(other));
    }

    #[test]
    fn what_holds_anyway_need_not_be_said() {
        let (path, common, module) = (
            "/app/out/package.json",
            r#"{"type": "commonjs"}"#,
            r#"{"type": "module"}"#,
        );
        let case = |said: &str, above: &str| Case::new(&[(path, said), ("/app/package.json", above)], &[path]);
        assert!(case(common, "{}").tries(path));
        assert!(Case::new(&[(path, common)], &["/app"]).tries(path));
        assert!(!case(common, module).tries(path));
        assert!(!case(module, "{}").tries(path));
        assert!(!case(r#"{"name": "app"}"#, "{}").tries(path));
    }
}
