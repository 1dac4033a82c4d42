//! What builds and runs taught of what the image must have, beyond what the sources show.

use super::packages::{self, manager};
use super::{ExtraFile, Look, RuntimeBase};
use crate::plan::Observed;
use crate::plan::evidence::{Condition, Evidence, EvidenceSource};

/// Adds what earlier tries of this rewrite lacked.
pub fn taught(look: &Look<'_>, base: &mut RuntimeBase) {
    for observed in look.site.observed() {
        match observed {
            Observed::Opened { path } => opened(base, path),
            Observed::Started { path, package } => started(base, path, package.as_deref()),
            // What packages are kept is planned where they are installed.
            Observed::Linked { .. } | Observed::Loaded { .. } => {}
        }
    }
}

fn seen(says: String) -> Evidence {
    Evidence::new(EvidenceSource::Observed, says)
}

fn opened(base: &mut RuntimeBase, path: &str) {
    let why = seen(format!("`{path}` was opened when the image ran"));
    let package = match path {
        _ if path.starts_with("/etc/ssl/certs/") || path.starts_with("/usr/share/ca-certificates/") => {
            Some("ca-certificates")
        }
        _ if path.starts_with("/usr/share/zoneinfo/") => Some("tzdata"),
        _ => None,
    };
    match (package, manager(base)) {
        (Some(package), Some(manager)) => packages::add(base, manager, package, &why),
        _ => copied(base, path, why),
    }
}

fn started(base: &mut RuntimeBase, path: &str, package: Option<&str>) {
    let why = seen(format!("`{path}` was started when the image ran"));
    match (package, manager(base)) {
        (Some(package), Some(manager)) => packages::add(base, manager, package, &why),
        // A program without its package's libraries is seldom whole.
        (Some(package), None) => base.conditions.push(Condition::not_met(
            format!(
                "`{}` has `{path}`, which is started, from the package {package}",
                base.reference
            ),
            vec![why],
        )),
        (None, _) => copied(base, path, why),
    }
}

fn copied(base: &mut RuntimeBase, path: &str, why: Evidence) {
    let covered = |file: &ExtraFile| file.to == path || file.to.ends_with('/') && path.starts_with(&file.to);
    if !base.files.iter().any(covered) {
        base.files.push(ExtraFile {
            from: path.to_owned(),
            to: path.to_owned(),
            why,
        });
    }
}
