//! Which packages of a language the sources and the start of a program ask for, by name.
//!
//! It is the need before a package manager has resolved it: what these packages need in turn is
//! known to their lock file, or once they are installed.

use super::{Package, packages};
use crate::context::Context;
use crate::context::manifests::PackageJson;
use crate::knowledge::ecosystem;
use crate::plan::evidence::Evidence;
use crate::plan::program::{Entries, Program, entries};
use crate::plan::reach::{Language, Reach, distribution_of, reach};
use crate::plan::site::Site;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A package that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Whose package it is.
    pub language: Language,
    /// As sources name it: `@scope/name`, `yaml` (not the distribution `pyyaml`), `sinatra`.
    pub name: String,
    /// Packages that it depends on, and that nothing loads which runs with it; names may end with a `*`.
    pub without: &'static [&'static str],
    /// The first place that asks for it.
    pub evidence: Evidence,
}

/// What the programs of a stage ask for, in the order of languages and names, where `installed` is
/// what lists name; nothing where the build context is not known.
pub fn wanted(site: &Site<'_>, programs: &[Program], installed: &[Package]) -> Vec<Wanted> {
    let Some(context) = site.context else { return Vec::new() };
    let mut out = Vec::new();
    for (language, own) in entries(site, programs) {
        let reached = reached(context, &own, language);
        let found = match language {
            Language::JavaScript => {
                let manifest = context.package_json("");
                let none = PackageJson::default();
                packages::needed(manifest.as_deref().unwrap_or(&none), (&reached, &own))
            }
            _ => {
                let mut found: BTreeMap<String, Evidence> = own.packages.clone();
                for package in reached.packages.values() {
                    found
                        .entry(package.name.clone())
                        .or_insert_with(|| package.evidence.clone());
                }
                if language == Language::Python {
                    loaded(&mut found, installed);
                }
                found
            }
        };
        out.extend(found.into_iter().map(|(name, evidence)| Wanted {
            language,
            without: ecosystem::brought(&name).map_or(&[], |b| b.other_uses),
            name,
            evidence,
        }));
    }
    out
}

/// Adds what packages load by a name that is given to them, where a list has it installed.
fn loaded(found: &mut BTreeMap<String, Evidence>, installed: &[Package]) {
    let Some(python) = ecosystem::by_name("python") else {
        return;
    };
    let mut open: Vec<String> = found.keys().cloned().collect();
    while let Some(name) = open.pop() {
        let names = distribution_of(&name);
        for brought in python.brings.iter().filter(|b| names.iter().any(|n| n == b.package)) {
            for load in brought.loads {
                if installed.iter().any(|p| p.name == *load) && !found.contains_key(*load) {
                    let says = format!("`{}` loads it by its name", brought.package);
                    found.insert((*load).to_owned(), Evidence::tool(says));
                    open.push((*load).to_owned());
                }
            }
        }
    }
}

/// What the entries of a language reach; looked up once for a context.
pub(super) fn reached(context: &Context, own: &Entries, language: Language) -> Arc<Reach> {
    context.derived(format!("{language:?}\n{}", own.files.join("\n")), || {
        reach(context, &own.files, language)
    })
}
