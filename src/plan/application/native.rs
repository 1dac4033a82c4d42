//! What packages of a language need of the system at run time.

use super::{Application, Package};
use crate::knowledge::Brings;
use crate::knowledge::ecosystem::{self, How};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::site::Site;

/// How many names a sentence gives.
const SHOWN: usize = 4;

/// Notes the libraries that packages need, and what is not known of them. Each package is given with
/// where it is named, and whether it is known to bring what it needs.
pub(super) fn natives(
    site: &Site<'_>,
    ecosystem: &'static str,
    packages: Vec<(&str, &Evidence, bool)>,
    open: Option<Evidence>,
    out: &mut Application,
) {
    // Only an image with the headers of many libraries gave some without being asked; what another
    // has was installed by whoever needs it, and is known from there.
    let gave = site.base.is_some_and(|b| b.variant.brings(Brings::Buildpack));
    let Some(known) = ecosystem::by_name(ecosystem).filter(|_| gave) else {
        return;
    };
    let mut unknown: Vec<(&str, &Evidence)> = Vec::new();
    for (name, evidence, bundles) in &packages {
        let name = *name;
        let beside = |other: &&str| packages.iter().any(|(name, _, _)| name == other);
        match known.native(name) {
            Some(native) if native.how == How::Bundled || native.unless.iter().any(|other| beside(other)) => {}
            Some(native) => {
                for library in native.libraries {
                    let mut evidence = (*evidence).clone();
                    evidence.says = format!("`{name}` needs {library}");
                    out.native.push(((*library).to_owned(), evidence));
                }
            }
            None if *bundles || known.is_pure(name) => {}
            None => unknown.push((name, evidence)),
        }
    }
    if !unknown.is_empty() {
        let names: Vec<String> = unknown
            .iter()
            .take(SHOWN)
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        let more = unknown.len().saturating_sub(SHOWN);
        let rest = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        out.conditions.push(Condition::unproven(
            format!(
                "no library of the old base image is needed by {}{rest}",
                names.join(", ")
            ),
            unknown.iter().take(SHOWN).map(|(_, e)| (*e).clone()).collect(),
            "a build, or a lock file that names wheels",
        ));
    } else if let Some(open) = open {
        out.conditions.push(Condition::unproven(
            "every package that is installed is known",
            vec![open],
            "lists and locks in the build context",
        ));
    } else {
        out.conditions.push(Condition::met(
            "no package needs more of the system than is installed",
            packages.iter().take(SHOWN).map(|(_, e, _)| (*e).clone()).collect(),
        ));
    }
}

/// Notes packages by their names.
pub(super) fn note(out: &mut Application, name: &str, evidence: &Evidence) {
    out.packages.push(Package {
        name: name.to_owned(),
        needed: None,
        evidence: evidence.clone(),
    });
}
