//! The folders that come along.

use crate::plan::artifact::{ArtifactKind, Artifacts, absolute};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::role::Role;
use crate::plan::site::{Place, Site};
use crate::shell::lies_in;

/// Which folders come along at [`Level::Application`](crate::plan::Level::Application).
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// From the builder, as a whole.
    pub(super) copied: Vec<String>,
    /// Instructions that copy from the build context, once more.
    pub(super) context: Vec<usize>,
}

/// Folders that are no application's own.
pub const SYSTEM: [&str; 14] = [
    "/",
    "/bin",
    "/etc",
    "/go",
    "/go/src",
    "/home",
    "/lib",
    "/opt",
    "/root",
    "/sbin",
    "/srv",
    "/usr",
    "/usr/local",
    "/var",
];

/// The application's folders: from the builder as they are, or from the build context again where
/// what the build leaves in them is large.
pub(super) fn trees(site: &Site<'_>, artifacts: &Artifacts) -> Trees {
    let mut out = Trees::default();
    let leaves_much = artifacts
        .found
        .iter()
        .any(|a| matches!(a.ecosystem, "rust" | "node" | "swift" | "elixir" | "haskell"));
    let anchor = crate::plan::deal::anchor(site, &artifacts.found);
    // What is copied behind the build is copied where it runs.
    let before = |r: &&crate::plan::RoleOf| anchor.is_none_or(|a| r.place.instruction <= a.instruction);
    for role in site.roles.iter().filter(|r| r.role == Role::SourceCopy).filter(before) {
        let Some(instruction) = site.file().instructions.get(role.place.instruction) else {
            continue;
        };
        let Some(transfer) = instruction.transfer() else {
            continue;
        };
        let folder = transfer
            .destination
            .as_ref()
            .and_then(|word| site.file().expand(word, instruction.index).ok())
            .and_then(|e| absolute(site.workdir_at(instruction.index).as_deref(), &e.value));
        match folder {
            Some(folder) if !leaves_much && !SYSTEM.contains(&folder.as_str()) => {
                // A file's copy ends in a file; its folder is the working directory's.
                let folder = match site.workdir() {
                    Some(dir)
                        if folder.starts_with(&format!("{dir}/")) && dir != "/" && !SYSTEM.contains(&dir.as_str()) =>
                    {
                        dir
                    }
                    _ => folder,
                };
                if !out.copied.contains(&folder) {
                    out.copied.push(folder);
                }
            }
            _ if only_sources(artifacts, transfer) => {}
            _ => out.context.push(instruction.index),
        }
    }
    // What the old image removed again it did not have.
    out.copied.retain(|tree| !is_removed(site, tree));
    // A folder inside another comes with it.
    let all = out.copied.clone();
    out.copied.retain(|tree| {
        !all.iter()
            .any(|other| other != tree && tree.starts_with(&format!("{other}/")))
    });
    out
}

/// Whether a step removes a folder, or one that it lies in.
pub fn is_removed(site: &Site<'_>, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    site.instructions().flat_map(|i| site.facts.commands(i)).any(|view| {
        view.name() == "rm"
            && view.arguments().any(|word| {
                let word = word.text.replace("${GOPATH}", "/go").replace("$GOPATH", "/go");
                let word = word.trim_end_matches("/*").trim_end_matches('/');
                word.starts_with('/') && lies_in(folder, word)
            })
    })
}

/// Whether a COPY names files that only compilers read, and nothing else.
fn only_sources(artifacts: &Artifacts, transfer: &crate::model::Transfer) -> bool {
    let known = |name: &str| {
        artifacts
            .found
            .iter()
            .filter(|a| matches!(a.kind, ArtifactKind::Binary { .. } | ArtifactKind::Jar))
            .filter_map(|a| crate::knowledge::ecosystem::by_name(a.ecosystem))
            .any(|e| {
                name.rsplit_once('.')
                    .is_some_and(|(_, ending)| e.sources.contains(&ending))
            })
    };
    // Cargo's, Maven's, Gradle's and Swift's own layout.
    let layout = |name: &str| {
        let name = name.trim_start_matches("./").trim_end_matches('/');
        let tools = ["rust", "java", "swift"];
        matches!(
            name,
            "src" | "Sources" | "build.rs" | "Cargo.toml" | "Cargo.lock" | "pom.xml" | "go.mod" | "go.sum"
        ) && artifacts
            .found
            .iter()
            .all(|a| tools.contains(&a.ecosystem) || name.starts_with("go."))
    };
    !transfer.sources.is_empty() && transfer.sources.iter().all(|s| known(&s.value) || layout(&s.value))
}

/// Those of some folders that are no system's.
pub fn own_folders(mut folders: Vec<String>) -> Vec<String> {
    folders.retain(|folder| !SYSTEM.contains(&folder.as_str()));
    folders
}

/// The folders of the sources that are copied up to a place where the build may write among them.
pub fn folders(site: &Site<'_>, last: Place, conditions: &mut Vec<Condition>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let copies = site
        .roles
        .iter()
        .filter(|r| r.role == Role::SourceCopy && r.place < last);
    for role in copies {
        let Some(instruction) = site.file().instructions.get(role.place.instruction) else {
            continue;
        };
        let workdir = site.workdir_at(instruction.index);
        let folder = instruction
            .transfer()
            .and_then(|t| t.destination.as_ref())
            .and_then(|word| site.file().expand(word, instruction.index).ok())
            .and_then(|e| absolute(workdir.as_deref(), &e.value));
        let folder = match (folder, site.workdir()) {
            (Some(folder), Some(dir)) if folder.starts_with(&format!("{dir}/")) => Some(dir),
            (folder, _) => folder,
        };
        match folder {
            Some(folder) if !SYSTEM.contains(&folder.as_str()) => {
                if !out.contains(&folder) {
                    out.push(folder);
                }
            }
            _ => conditions.push(Condition::unproven(
                "nothing is written among the sources when it is built",
                vec![Evidence::command(
                    role.span,
                    "they are copied to a folder of the system",
                )],
                "a folder of its own for the application",
            )),
        }
    }
    let all = out.clone();
    out.retain(|tree| {
        !all.iter()
            .any(|other| other != tree && tree.starts_with(&format!("{other}/")))
    });
    out
}
