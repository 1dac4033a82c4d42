//! Artifacts, files and settings as a base and a level want them.

use super::Known;
use crate::knowledge::Libc;
use crate::plan::artifact::{Artifact, ArtifactKind, Landing, Linkage};
use crate::plan::carry::{Carried, Origin};
use crate::plan::deal::Deal;
use crate::plan::evidence::EvidenceSource;
use crate::plan::need::Need;
use crate::plan::runtime::RuntimeBase;
use crate::plan::site::Site;
use crate::shell::lies_in;

/// Folders of the old PATH are only wanted where something is copied to one of them.
pub fn drop_idle_path(carried: &mut Carried, artifacts: &[Artifact], base: &RuntimeBase) {
    let filled = |folder: &str| {
        let inside = |path: &str| path.starts_with(&format!("{}/", folder.trim_end_matches('/')));
        artifacts.iter().any(|a| inside(&a.path)) || base.files.iter().any(|f| inside(&f.to))
    };
    carried.instructions.retain(|carry| {
        let folders = carry
            .text
            .strip_prefix("ENV PATH=")
            .filter(|_| carry.from == Origin::Base);
        folders.is_none_or(|list| list.split(':').any(|folder| !folder.starts_with('$') && filled(folder)))
    });
}

/// Files that the build changes in place are copied from where it does.
pub(super) fn changed<'k>(known: &'k Known<'_>) -> impl Iterator<Item = Artifact> + 'k {
    let files = known.needs.files.iter().filter(|n| n.context.is_none() && !n.written);
    files.map(|need| Artifact {
        path: need.path.clone(),
        kind: ArtifactKind::Tree,
        made_by: None,
        sources: need.evidence.clone(),
        ecosystem: "",
        alter: None,
    })
}

/// The artifact as it is built for a base: altered only where it would not run there otherwise.
pub(super) fn suited(artifact: &Artifact, base: &RuntimeBase) -> Artifact {
    let libc = base.variant.map_or(Libc::None, |v| v.libc);
    let ArtifactKind::Binary { linkage, .. } = &artifact.kind else {
        return artifact.clone();
    };
    let runs = matches!(
        (linkage, libc),
        (Linkage::Static, _)
            | (Linkage::DynamicGlibc | Linkage::Unknown, Libc::Glibc)
            | (Linkage::DynamicMusl, Libc::Musl)
    );
    let mut suited = artifact.clone();
    // Linked in because no release has it.
    let needs = |kind: &ArtifactKind| matches!(kind, ArtifactKind::Binary { needs, .. } if needs.iter().any(|n| n == "libstdc++"));
    let lighter = |kind: &ArtifactKind| needs(&artifact.kind) && !needs(kind);
    match &artifact.alter {
        Some(alter) if runs && lighter(&alter.kind) && *linkage != Linkage::Static => suited.kind = alter.kind.clone(),
        Some(_) if runs => suited.alter = None,
        Some(alter) => suited.kind = alter.kind.clone(),
        None => {}
    }
    suited
}

/// Whether a COPY that goes to the runtime as it is brings the file.
pub(super) fn runtime_copies(site: &Site<'_>, landing: &Landing, deal: &Deal, need: &Need) -> bool {
    let Some(wanted) = &need.context else { return false };
    // What was only copied along with everything is where its own COPY puts it.
    let elsewhere = |says: &str| says.starts_with("\"/") && !says.contains(need.path.trim_end_matches('/'));
    let unknown = need
        .evidence
        .iter()
        .all(|e| e.from == EvidenceSource::ToolDefault || elsewhere(&e.says));
    site.roles.iter().zip(&deal.lots).any(|(role, lot)| {
        lot.runtime
            && (unknown
                || landing
                    .places(role.place.instruction)
                    .any(|place| lies_in(need.path.trim_end_matches('/'), place)))
            && site
                .file()
                .instructions
                .get(role.place.instruction)
                .and_then(|i| i.transfer())
                .filter(|t| t.from.is_none())
                .is_some_and(|t| {
                    t.sources.iter().any(|s| {
                        let source = s.value.trim_start_matches("./").trim_matches('/');
                        let pattern = crate::context::sources::has_wildcard(source);
                        source == wanted.trim_matches('/')
                            || pattern && site.context.is_some_and(|c| c.glob(source).contains(wanted))
                            || source.is_empty()
                            || wanted.starts_with(&format!("{source}/"))
                    })
                })
    })
}
