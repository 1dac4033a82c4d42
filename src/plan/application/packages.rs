//! Which installed packages run time needs: those that its sources reach, that its start names, that
//! these load by themselves, and all that they need in turn. Lists of a manifest are not taken at
//! their word.

use super::Package;
use crate::context::Context;
use crate::context::manifests::{NodeLock, PackageJson};
use crate::knowledge::ecosystem;
use crate::plan::evidence::{Condition, Evidence, EvidenceSource};
use crate::plan::program::Entries;
use crate::plan::reach::Reach;
use std::collections::{BTreeMap, BTreeSet};

/// How the packages of a `package.json` stand to run time.
#[derive(Debug, Clone, Default)]
pub(super) struct Split {
    /// Every package that the manifest names.
    pub packages: Vec<Package>,
    /// Development packages that nothing needs.
    pub dropped: Vec<String>,
    /// Development packages that run time needs.
    pub kept: Vec<String>,
    /// What must hold for leaving the others out.
    pub conditions: Vec<Condition>,
    /// About how much they take, in bytes.
    pub bytes: u64,
}

/// About what a package takes when it is unpacked, in bytes: 67 MB for 365 packages of a server with
/// its tests, measured.
pub(super) const PACKAGE: u64 = 180_000;
/// About what a direct dependency takes with all that it needs, where no lock file tells.
pub(super) const DIRECT: u64 = 2_500_000;

/// Compares what `package.json` lists with what run time reaches.
pub(super) fn split(
    context: &Context,
    folder: &str,
    manifest: &PackageJson,
    lock: Option<&NodeLock>,
    (reach, entries): (&Reach, &Entries),
) -> Split {
    let mut needed = needed(manifest, (reach, entries));
    let mut out = Split::default();
    let listed = |name: &str| manifest.depends_on(name);
    let phantoms: Vec<(String, Evidence)> = needed
        .iter()
        .filter(|(name, _)| !listed(name) && !is_own(context, name))
        .map(|(name, evidence)| (name.clone(), evidence.clone()))
        .collect();
    let lists = [&manifest.dependencies, &manifest.optional_dependencies];
    let production = lock.map(|lock| {
        let roots = lists.into_iter().flat_map(|list| list.keys());
        lock.closure(roots.filter_map(|name| lock.find(folder, name)))
    });
    let production: BTreeSet<&str> = lock
        .into_iter()
        .flat_map(|lock| production.iter().flatten().filter_map(|at| lock.packages.get(*at)))
        .map(|package| package.name.as_str())
        .collect();
    for (name, evidence) in phantoms {
        match brought_by(lock, folder, manifest, &production, &name) {
            // What nobody brings was never there.
            Brings::Production | Brings::Nobody => {}
            Brings::Development(roots) => {
                for root in roots {
                    needed.entry(root).or_insert_with(|| evidence.clone());
                }
            }
            Brings::Unknown => out.conditions.push(Condition::unproven(
                format!("`{name}` comes with a package that stays"),
                vec![evidence],
                "a lock file, or its name among the dependencies",
            )),
        }
    }
    for unknown in reach.unknown.iter().filter(|u| u.folder.is_none()).take(3) {
        out.conditions.push(Condition::unproven(
            "what is loaded by a name made at run time is installed",
            vec![unknown.evidence.clone()],
            "a run of the new image",
        ));
    }
    for missing in reach.missing.iter().take(2) {
        out.conditions.push(Condition::unproven(
            format!("the sources of `{missing}` are known"),
            Vec::new(),
            "the source that it is made of, in the build context",
        ));
    }
    let path = manifest_path(folder);
    for name in manifest
        .dependencies
        .keys()
        .chain(manifest.optional_dependencies.keys())
    {
        let found = needed.get(name);
        out.packages.push(Package {
            name: name.clone(),
            needed: Some(true),
            evidence: found
                .cloned()
                .unwrap_or_else(|| Evidence::manifest(&path, None, "it is among the dependencies")),
        });
    }
    for name in manifest.dev_dependencies.keys() {
        if manifest.dependencies.contains_key(name) || manifest.optional_dependencies.contains_key(name) {
            continue;
        }
        let found = needed.get(name);
        match found {
            Some(_) => out.kept.push(name.clone()),
            None => out.dropped.push(name.clone()),
        }
        out.packages.push(Package {
            name: name.clone(),
            needed: Some(found.is_some()),
            evidence: found.cloned().unwrap_or_else(|| {
                Evidence::manifest(
                    &path,
                    None,
                    "only development lists it, and nothing that starts reaches it",
                )
            }),
        });
    }
    out.bytes = left_out(lock, folder, manifest, &out);
    out
}

fn manifest_path(folder: &str) -> String {
    if folder.is_empty() {
        "package.json".to_owned()
    } else {
        format!("{folder}/package.json")
    }
}

/// What is reached and started, and what these load by themselves.
pub(super) fn needed(manifest: &PackageJson, (reach, entries): (&Reach, &Entries)) -> BTreeMap<String, Evidence> {
    let mut found: BTreeMap<String, Evidence> = entries.packages.clone();
    for package in reach.packages.values() {
        found
            .entry(package.name.clone())
            .or_insert_with(|| package.evidence.clone());
    }
    for (program, evidence) in &reach.programs {
        let name = program.rsplit('/').next().unwrap_or(program);
        let known = ecosystem::all()
            .iter()
            .flat_map(|e| e.brings)
            .filter(|b| b.programs.contains(&name))
            .map(|b| b.package);
        for package in known.chain([name]).filter(|p| manifest.depends_on(p)) {
            found.entry(package.to_owned()).or_insert_with(|| evidence.clone());
        }
    }
    let mut open: Vec<String> = found.keys().chain(manifest.dependencies.keys()).cloned().collect();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let loads = ecosystem::brought(&name).map(|b| b.loads).unwrap_or_default();
        for load in loads.iter().filter(|l| manifest.depends_on(l)) {
            found
                .entry((*load).to_owned())
                .or_insert_with(|| Evidence::tool(format!("`{name}` loads it by its name")));
            open.push((*load).to_owned());
        }
    }
    found
}

/// Whether a name is a package of the project's own, or no package's name at all: an alias.
fn is_own(context: &Context, name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '/');
    let alias = name.starts_with(['~', '#', '$', '.']) || name.starts_with("@/") || name.ends_with(':');
    if alias || !name.chars().all(plain) {
        return true;
    }
    context
        .walk()
        .files
        .iter()
        .filter_map(|f| f.path.strip_suffix("/package.json"))
        .filter(|folder| !folder.contains("node_modules"))
        .take(200)
        .any(|folder| {
            context
                .package_json(folder)
                .is_some_and(|p| p.name.as_deref() == Some(name))
        })
}

/// Who brings a package that the manifest does not name.
enum Brings {
    Production,
    Development(Vec<String>),
    Nobody,
    Unknown,
}

fn brought_by(
    lock: Option<&NodeLock>,
    folder: &str,
    manifest: &PackageJson,
    production: &BTreeSet<&str>,
    name: &str,
) -> Brings {
    let Some(lock) = lock else { return Brings::Unknown };
    let holds = |root: &str| {
        lock.find(folder, root).is_some_and(|at| {
            let all = lock.closure([at]);
            all.iter()
                .filter_map(|at| lock.packages.get(*at))
                .any(|p| p.name == name)
        })
    };
    if production.contains(name) {
        return Brings::Production;
    }
    let roots: Vec<String> = manifest
        .dev_dependencies
        .keys()
        .filter(|root| holds(root))
        .cloned()
        .collect();
    if roots.is_empty() {
        Brings::Nobody
    } else {
        Brings::Development(roots)
    }
}

/// About how much stays behind.
fn left_out(lock: Option<&NodeLock>, folder: &str, manifest: &PackageJson, split: &Split) -> u64 {
    let table = |name: &String| {
        let size = ecosystem::brought(name).map_or(0, |b| u64::from(b.size) * 1_000_000);
        if size == 0 { None } else { Some(size) }
    };
    let Some(lock) = lock else {
        let each = split.dropped.iter().map(|name| {
            let types = name.starts_with("@types/");
            table(name).unwrap_or(if types { PACKAGE } else { DIRECT })
        });
        return each.sum();
    };
    let roots = |names: &[String]| -> Vec<usize> { names.iter().filter_map(|n| lock.find(folder, n)).collect() };
    let production: Vec<String> = manifest.dependencies.keys().cloned().collect();
    let mut stays = lock.closure(roots(&production));
    stays.extend(lock.closure(roots(&split.kept)));
    let goes = lock.closure(roots(&split.dropped));
    let only = goes.difference(&stays).filter_map(|at| lock.packages.get(*at));
    only.map(|p| match p.name.as_str() {
        // What is much larger than others.
        "typescript" => 30_000_000,
        _ => PACKAGE,
    })
    .sum()
}

/// A list for a sentence.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        all if all.len() <= 6 => all.join(", "),
        all => {
            let first: Vec<&str> = all.iter().take(5).map(String::as_str).collect();
            format!("{} and {} more", first.join(", "), all.len() - 5)
        }
    }
}

/// Where an evidence stands, for a sentence.
pub(super) fn place(evidence: &Evidence) -> String {
    match &evidence.from {
        EvidenceSource::SourceFile { path, line: Some(line) } => format!("{path}:{line}"),
        EvidenceSource::SourceFile { path, .. } | EvidenceSource::Manifest { path, .. } => path.clone(),
        _ => evidence.says.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Memory;
    use crate::plan::reach::{Language, reach};
    use std::sync::Arc;

    /// Development packages that are kept and that are dropped, and what is not proven.
    fn verdict(files: &[(&str, &str)], started: &[&str]) -> (Vec<String>, Vec<String>, Vec<String>) {
        let context = Context::new("app", Arc::new(Memory::new(files.iter().copied())), None);
        let manifest = context.package_json("").expect("a package.json");
        let lock = context.node_lock("package-lock.json");
        let entries = Entries {
            files: vec!["index.js".to_owned()],
            packages: started
                .iter()
                .map(|&name| (name.to_owned(), Evidence::tool("it is started")))
                .collect(),
            unseen: Vec::new(),
        };
        let reached = reach(&context, &entries.files, Language::JavaScript);
        let split = split(&context, "", &manifest, lock.as_deref(), (&reached, &entries));
        let open = split.conditions.into_iter().map(|c| c.what).collect();
        (split.kept, split.dropped, open)
    }

    const MANIFEST: &str = r#"{"dependencies": {"express": "4", "sequelize": "6"},
        "devDependencies": {"cross-env": "7", "ejs": "3", "jest": "29", "koa-morgan": "1", "lodash": "4", "pg": "8", "typescript": "5"}}"#;

    #[test]
    fn what_run_time_needs_is_kept_by_name() {
        let source = "const express = require('express');\nif (process.env.NODE_ENV !== 'production') {\n  require('koa-morgan');\n}\napp.set('view engine', 'ejs');\n";
        let files = [("package.json", MANIFEST), ("index.js", source)];
        let (kept, dropped, open) = verdict(&files, &["cross-env"]);
        // Sequelize loads the driver that a setting names.
        assert_eq!(kept, ["cross-env", "ejs", "koa-morgan", "pg"]);
        assert_eq!(dropped, ["jest", "lodash", "typescript"]);
        assert!(open.is_empty());
    }

    #[test]
    fn what_is_not_listed_is_looked_up_in_the_lock_file() {
        let source = "require('body-parser');\nrequire('semver');\nrequire('nowhere');\n";
        let lock = r#"{"lockfileVersion": 3, "packages": {"": {},
            "node_modules/express": {"version": "4.0.0", "dependencies": {"body-parser": "1"}},
            "node_modules/body-parser": {"version": "1.0.0"},
            "node_modules/jest": {"version": "29.0.0", "dependencies": {"semver": "7"}},
            "node_modules/semver": {"version": "7.0.0"}}}"#;
        let files = [
            ("package.json", MANIFEST),
            ("index.js", source),
            ("package-lock.json", lock),
        ];
        let (kept, _, open) = verdict(&files, &[]);
        assert!(kept.contains(&"jest".to_owned()) && open.is_empty());
        let (_, _, open) = verdict(&files[..2], &[]);
        assert_eq!(open.len(), 3);
    }

    #[test]
    fn names_made_at_run_time_are_not_proven() {
        let files = [("package.json", MANIFEST), ("index.js", "require(process.argv[2]);\n")];
        assert_eq!(
            verdict(&files, &[]).2,
            ["what is loaded by a name made at run time is installed"]
        );
        let bounded = [
            ("package.json", MANIFEST),
            ("index.js", "require(`./plugins/${name}`);\n"),
            ("plugins/a.js", "require('lodash');\n"),
        ];
        let (kept, _, open) = verdict(&bounded, &[]);
        assert!(kept.contains(&"lodash".to_owned()) && open.is_empty());
    }
}
