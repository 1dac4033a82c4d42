//! A comment silences a finding that is not there.

use crate::edit::{Edit, Fix};
use crate::rule::suppression::{Judged, Judgement};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;
use crate::syntax::suppress::Dialect;

/// See `rules/unused-suppression.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn suppression(&self, cx: &mut Cx<'_>, judged: &Judged<'_>) {
        let suppression = judged.suppression;
        let own = suppression.dialect == Dialect::Mbopt;
        if !own && !cx.flag("foreign") {
            return;
        }
        if let Some(problem) = &suppression.malformed {
            cx.report(Finding::new(
                suppression.comment,
                format!("the comment silences nothing: {problem}"),
            ));
            return;
        }
        let useless = |judgement: &Judgement| match judgement {
            Judgement::Unused => true,
            Judgement::Unknown => own,
            Judgement::Used | Judgement::Off => false,
        };
        let all = !judged.ids.is_empty() && judged.ids.iter().all(useless);
        for (i, ((id, span), judgement)) in suppression.ids.iter().zip(&judged.ids).enumerate() {
            if !useless(judgement) {
                continue;
            }
            let message = match judgement {
                Judgement::Unknown => format!("`{id}` is no rule"),
                _ => format!("nothing is found here that `{id}` would silence"),
            };
            let mut finding = Finding::new(*span, message);
            if own && all && i == 0 && !suppression.holds_back_directive(cx.file.source.text()) {
                finding = finding.fix(Fix::safe("remove the comment", vec![Edit::delete(suppression.span)]));
            } else if own && !all {
                let edit = Edit::delete(with_comma(cx, *span));
                finding = finding.fix(Fix::safe(format!("remove `{id}`"), vec![edit]).isolated("suppression"));
            }
            cx.report(finding);
        }
    }
}

/// The id with the comma that parts it from its neighbour.
fn with_comma(cx: &Cx<'_>, id: Span) -> Span {
    let text = cx.file.source.text();
    let after = text.get(id.end..).unwrap_or_default();
    let blanks = after.len() - after.trim_start_matches([' ', '\t']).len();
    if let Some(rest) = after.get(blanks..).and_then(|rest| rest.strip_prefix(',')) {
        let more = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        return Span::new(id.start, id.end + blanks + 1 + more);
    }
    let before = text.get(..id.start).unwrap_or_default().trim_end_matches([' ', '\t']);
    match before.strip_suffix(',') {
        Some(rest) => Span::new(rest.trim_end_matches([' ', '\t']).len(), id.end),
        None => id,
    }
}
