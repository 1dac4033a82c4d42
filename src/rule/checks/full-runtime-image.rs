//! The image runs on a full base image although a slim one exists.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::ship;
use crate::knowledge::{self, Brings, Kind as VariantKind, Variant};
use crate::model::{Kind, Stage};
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Operation;
use crate::source::Span;
use std::collections::HashSet;

/// See `rules/full-runtime-image.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let Some(stage) = cx.file.target() else { return };
        let Some(root) = cx.file.chain(stage).last() else {
            return;
        };
        let (Some(image), Some(from)) = (&root.image, cx.file.from_of(root)) else {
            return;
        };
        let Kind::From { image: written, .. } = &from.kind else {
            return;
        };
        let tag = image.tag.as_deref().unwrap_or_default();
        let Some(known) = knowledge::image(image.registry.as_deref(), &image.repository) else {
            return;
        };
        let Some(variant) = known.variant(tag) else { return };
        if !matches!(variant.kind, VariantKind::Full | VariantKind::Sdk) || !ship::is_application(cx.facts, stage) {
            return;
        }
        // The first offer that needs no proof about the program keeps interpreter and C library.
        let offers = knowledge::offers(known, tag, None);
        let Some(offer) = offers.iter().find(|o| o.needs.is_empty()).or(offers.first()) else {
            return;
        };
        // Another C library, and a proof of what the program needs: no advice for what is not built apart.
        let same_libc = offer.variant.is_some_and(|v| v.libc == variant.libc);
        // Where the same stage compiles, the slim variant has not what the build needs, and
        // `single-stage-bloat` says what to do.
        let builds = ship::bloat(cx.facts, stage).iter().any(ship::Evidence::needs_toolchain);
        if !same_libc && (builds || !offer.needs.is_empty()) {
            return;
        }
        let name = &written.text;
        let mut finding = Finding::new(
            written.span,
            format!(
                "`{name}` is a full image; `{}` is made to run things on",
                offer.reference
            ),
        )
        .help(format!("try it: {}", hazards(variant, offer)));
        if let (Some(from), Some(to)) = (variant.size, offer.variant.and_then(|v| v.size)) {
            finding = finding.label(format!("about {from} MB unpacked, the other about {to} MB"));
        }
        let missed = offer.variant.and_then(|to| missed(cx, stage, variant, to));
        if let Some((name, span)) = missed {
            finding = finding.related(span, format!("`{name}` is not in it"));
        } else if offer.needs.is_empty() && same_libc && !builds && image.digest.is_none() && !written.has_variables() {
            let fix = Fix::unsafe_(
                format!("run on `{}`", offer.reference),
                vec![Edit::replace(written.span, &offer.reference)],
            );
            finding = finding.fix(fix.with_effects([Effect::Base, Effect::Files, Effect::Packages]));
        }
        cx.report(finding);
    }
}

/// The first program that the stage runs when it is built, that the old image has, the offered one has
/// not, and that nothing installs before.
fn missed(cx: &Cx<'_>, stage: &Stage, from: &Variant, to: &Variant) -> Option<(String, Span)> {
    let (before, after) = (from.config?, to.config?);
    let mut installed: HashSet<&str> = HashSet::new();
    let mut chain: Vec<&Stage> = cx.file.chain(stage).collect();
    chain.reverse();
    for instruction in chain.into_iter().flat_map(|stage| cx.file.instructions_of(stage)) {
        for view in cx.facts.commands(instruction) {
            let name = view.name();
            if before.has_program(name) && !after.has_program(name) && !installed.contains(name) {
                return Some((name.to_owned(), view.name_span()));
            }
            for operation in view.operations {
                if let Operation::Packages(packages) = operation {
                    for package in &packages.packages {
                        installed.insert(&package.name);
                        installed.extend(knowledge::programs_of(&package.name));
                    }
                }
            }
        }
    }
    None
}

/// What may be missed on the offered image.
fn hazards(variant: &Variant, offer: &knowledge::Offer) -> String {
    let left = |what: Brings| variant.brings(what) && !offer.variant.is_some_and(|v| v.brings(what));
    let mut words = Vec::new();
    if left(Brings::Compilers) {
        words.push("compilers and headers");
    }
    if left(Brings::Vcs) {
        words.push("git");
    }
    if left(Brings::Fetch) {
        words.push("curl and wget");
    }
    if left(Brings::Certificates) {
        words.push("CA certificates");
    }
    if left(Brings::Shell) {
        words.push("a shell");
    }
    if offer.variant.is_some_and(|v| v.libc != variant.libc) {
        return "it has another C library, so nothing compiled for the old one runs on it".into();
    }
    if words.is_empty() {
        "it is the same release with less in it".into()
    } else {
        format!("it has no {}", words.join(", no "))
    }
}
