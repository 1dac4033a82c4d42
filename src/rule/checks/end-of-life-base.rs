//! The base image's release gets no fixes any more.

use crate::knowledge::{self, Month, Support, Tag};
use crate::model::{Kind, Stage};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/end-of-life-base.yaml`.
pub struct Rule;

/// The month in which `rules/knowledge/images.yaml` was compared with its sources.
const TABLE_DATE: Month = Month { year: 2026, month: 11 };

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        let (Some(image), Some(from)) = (&stage.image, cx.file.from_of(stage)) else {
            return;
        };
        let Kind::From { image: written, .. } = &from.kind else {
            return;
        };
        let Some(tag) = image.tag.as_deref() else { return };
        let Some(known) = knowledge::image(image.registry.as_deref(), &image.repository) else {
            return;
        };
        let own = known.release(tag).map(|support| (known.family.to_owned(), support));
        // A supported interpreter may still stand on an ended distribution.
        let below = || {
            let named = Tag::parse(tag).codename()?;
            let support = knowledge::support(named.product, named.version)?;
            Some((named.product.to_owned(), support))
        };
        let is_over = |found: &(String, Support)| found.1.is_over(TABLE_DATE);
        let Some((name, support)) = own.filter(is_over).or_else(|| below().filter(is_over)) else {
            return;
        };
        let message = match support {
            Support::Until(release) => {
                let end = release.end;
                format!(
                    "`{}`: fixes for {name} {} ended in {}-{:02}",
                    written.text, release.version, end.year, end.month
                )
            }
            Support::Ancient => format!("`{}`: fixes for this release of {name} ended long ago", written.text),
        };
        cx.report(Finding::new(written.span, message).help("move to a release that gets fixes"));
    }
}
