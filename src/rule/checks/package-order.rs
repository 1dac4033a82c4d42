//! Packages are not sorted.

use crate::edit::{Edit, Fix};
use crate::facts::CommandView;
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Operation;
use crate::shell::operations::{Action, Manager};
use crate::source::Span;

/// See `rules/package-order.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        let Some(Operation::Packages(packages)) = view.operations.first() else { return };
        let sortable = packages.manager.is_system() || matches!(packages.manager, Manager::Npm | Manager::Gem);
        if !sortable || packages.action != Action::Install || packages.packages.len() < 2 {
            return;
        }
        let spans: Vec<Span> = packages.packages.iter().map(|p| p.span).collect();
        // Only lists of one word a line, with nothing but continuations between.
        let escape = cx.file.lines.escape;
        let apart = spans.windows(2).all(|pair| {
            let [a, b] = pair else { return false };
            if a.end > b.start {
                return false;
            }
            let between = cx.slice(Span::new(a.end, b.start));
            between.contains('\n') && between.chars().all(|c| c.is_whitespace() || c == escape)
        });
        if !apart {
            return;
        }
        let texts: Vec<&str> = spans.iter().map(|&s| cx.slice(s)).collect();
        let mut sorted = texts.clone();
        sorted.sort_by_cached_key(|t| t.to_lowercase());
        if sorted == texts {
            return;
        }
        let edits: Vec<Edit> = spans
            .iter()
            .zip(texts.iter().zip(&sorted))
            .filter(|(_, (old, new))| old != new)
            .map(|(&span, (_, new))| Edit::replace(span, *new))
            .collect();
        let first = edits.first().map_or(view.name_span(), |e| e.span);
        cx.report(
            Finding::new(first, "the packages are not in alphabetical order")
                .help("sort them")
                .fix(Fix::safe("sort the packages", edits)),
        );
    }
}
