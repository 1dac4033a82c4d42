//! What packages with native code need of the system when the image under them changes.

use super::{Install, Room};
use crate::context::manifests::NodeLock;
use crate::facts::identity::is_root;
use crate::knowledge::{self, Brings, ecosystem};
use crate::plan::application::{Application, Part};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::site::Place;
use std::collections::BTreeMap;

/// What builds or fetches native code for the package that needs it.
const BUILDERS: [&str; 10] = [
    "bindings",
    "nan",
    "node-addon-api",
    "prebuild-install",
    "node-gyp-build",
    "node-pre-gyp",
    "@mapbox/node-pre-gyp",
    "node-gyp",
    "@napi-rs/cli",
    "cmake-js",
];

/// Names of so many packages are said.
const SHOWN: usize = 4;

/// Notes libraries and programs that packages need of an image that had them without being asked, and
/// what is not known.
pub(super) fn natives(room: &Room<'_>, out: &mut Application) {
    // Only an image with the headers of many libraries gave some.
    if !room.site.base.is_some_and(|b| b.variant.brings(Brings::Buildpack)) {
        return;
    }
    let mut unknown: BTreeMap<String, Evidence> = BTreeMap::new();
    let mut seen: Vec<Evidence> = Vec::new();
    for install in room.all_installs() {
        let Some((folder, manifest)) = room.manifest(&install.folder) else {
            let at = room.site.file().instructions.get(install.instruction);
            out.conditions.push(Condition::unproven(
                "the packages that are installed are known",
                at.map(|i| Evidence::command(i.span, "it installs what no list shows"))
                    .into_iter()
                    .collect(),
                "the build context, with the package.json that is installed",
            ));
            continue;
        };
        let path = if folder.is_empty() {
            "package.json".to_owned()
        } else {
            format!("{folder}/package.json")
        };
        let (lock, _) = room.lock(&install, &folder);
        let says = |name: &str| Evidence::manifest(&path, None, format!("`{name}` is installed"));
        let direct = manifest
            .dependencies
            .keys()
            .chain(manifest.optional_dependencies.keys());
        match lock.as_deref() {
            Some(lock) => {
                let roots = direct.filter_map(|name| lock.find(&folder, name));
                for at in lock.closure(roots) {
                    if let Some(package) = lock.packages.get(at) {
                        let builds = builds(lock, at);
                        look(&package.name, builds, &says(&package.name), out, &mut unknown);
                    }
                }
            }
            None => {
                for name in direct {
                    let pure = ecosystem::by_name("node").is_some_and(|n| n.is_pure(name));
                    look(name, !pure, &says(name), out, &mut unknown);
                }
            }
        }
        seen.push(Evidence::manifest(&path, None, "its packages were looked up"));
        browser(room, &install, lock.as_deref(), &folder, out);
    }
    if unknown.is_empty() {
        if !seen.is_empty() {
            out.conditions.push(Condition::met(
                "no package needs more of the system than is installed",
                seen,
            ));
        }
        return;
    }
    let names: Vec<String> = unknown.keys().take(SHOWN).map(|name| format!("`{name}`")).collect();
    let more = match unknown.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    out.conditions.push(Condition::unproven(
        format!(
            "no library of the old base image is needed by {}{more}",
            names.join(", ")
        ),
        unknown.into_values().take(SHOWN).collect(),
        "a build, or a lock file that shows which packages have native code",
    ));
}

/// Whether a package shows that it has native code.
fn builds(lock: &NodeLock, at: usize) -> bool {
    let Some(package) = lock.packages.get(at) else {
        return false;
    };
    let native = |at: &usize| {
        lock.packages
            .get(*at)
            .is_some_and(|p| BUILDERS.contains(&p.name.as_str()))
    };
    let harmless = |name: &str| ecosystem::by_name("node").is_some_and(|n| n.is_pure(name));
    package.needs.iter().any(native) || package.scripts && !harmless(&package.name)
}

fn look(
    name: &str,
    builds: bool,
    evidence: &Evidence,
    out: &mut Application,
    unknown: &mut BTreeMap<String, Evidence>,
) {
    if BUILDERS.contains(&name) {
        return;
    }
    match knowledge::native("node", name) {
        Some(native) => {
            let built = if native.bundled { &[] } else { native.built };
            let programs = native.programs.iter().filter(|p| **p == "imagemagick");
            for library in built.iter().chain(native.always).chain(programs) {
                let mut evidence = evidence.clone();
                evidence.says = format!("`{name}` needs {library}");
                if !out.native.iter().any(|(known, _)| known == library) {
                    out.native.push(((*library).to_owned(), evidence));
                }
            }
        }
        None if builds => {
            unknown.insert(name.to_owned(), evidence.clone());
        }
        None => {}
    }
}

/// The browser that an install fetches into the cache of its user, which only newer versions do.
fn browser(room: &Room<'_>, install: &Install, lock: Option<&NodeLock>, folder: &str, out: &mut Application) {
    let Some((_, manifest)) = room.manifest(&install.folder) else {
        return;
    };
    let view = room.site.file().view_at(install.instruction);
    let skipped = ["PUPPETEER_SKIP_CHROMIUM_DOWNLOAD", "PUPPETEER_SKIP_DOWNLOAD"]
        .iter()
        .any(|name| view.get(name).is_some());
    if skipped || !manifest.dependencies.contains_key("puppeteer") {
        return;
    }
    let old = lock
        .and_then(|lock| lock.packages.get(lock.find(folder, "puppeteer")?))
        .and_then(|p| p.version.split('.').next()?.parse::<u32>().ok())
        .is_some_and(|major| major < 19);
    if old {
        return;
    }
    let evidence = Evidence::manifest(
        format!("{folder}/package.json").trim_start_matches('/'),
        None,
        "`puppeteer` fetches its browser into the cache of the user who installs",
    );
    let at = install.instruction;
    let set = view.get("PUPPETEER_CACHE_DIR").map(|v| v.value.clone());
    let user = room.site.file().settings_at(at).user.and_then(|u| u.value);
    let root = user.is_none_or(|u| is_root(&u));
    let cache = match set {
        // It may lie in a folder that comes along anyway.
        Some(folder) => folder.filter(|f| f.starts_with('/')).map(|f| f.to_string()),
        None => root.then(|| "/root/.cache/puppeteer".to_owned()),
    };
    let Some(cache) = cache else {
        out.conditions.push(Condition::not_met(
            "the browser that `puppeteer` fetches is known to be copied",
            vec![evidence],
        ));
        return;
    };
    out.conditions.push(Condition::unproven(
        "every library that the browser of `puppeteer` links is installed",
        vec![evidence.clone()],
        "a build that looks at it",
    ));
    out.part(Part {
        path: format!("{}/", cache.trim_end_matches('/')),
        made_by: Place {
            instruction: at,
            piece: out
                .prefixes
                .iter()
                .find(|p| p.made_by.instruction == at)
                .and_then(|p| p.made_by.piece),
        },
        ecosystem: "node",
        evidence,
    });
}
