//! A comment silences a finding that is not there.

use crate::edit::{Edit, Fix};
use crate::model::suggest;
use crate::rule::suppression::{Judged, Judgement};
use crate::rule::{Cx, Finding, Inspect, Registry, shellcheck};
use crate::source::Span;
use crate::syntax::suppress::{Dialect, NOTHING_BELOW, Suppression};

/// What a comment of mbopt's can ask for.
const VERBS: [&str; 3] = ["ignore", "ignore-stage", "ignore-file"];

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
            let mut finding = Finding::new(suppression.comment, format!("the comment silences nothing: {problem}"));
            if own {
                finding.fix = mended(cx, suppression);
            }
            cx.report(finding);
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
            // Another tool may need its comment.
            let make = if own { Fix::safe } else { Fix::unsafe_ };
            if let Some(near) = meant(id, *judgement) {
                let edit = Edit::replace(*span, near);
                finding = finding
                    .help(format!("did you mean `{near}`?"))
                    .fix(make(format!("write `{near}`"), vec![edit]).isolated("suppression"));
            } else if all && i == 0 && !suppression.holds_back_directive(cx.file.source.text()) {
                finding = finding.fix(make(
                    "remove the comment".to_owned(),
                    vec![Edit::delete(suppression.span)],
                ));
            } else if !all {
                let edit = Edit::delete(with_comma(cx, *span));
                finding = finding.fix(make(format!("remove `{id}`"), vec![edit]).isolated("suppression"));
            }
            cx.report(finding);
        }
    }
}

/// The rule whose id was misspelt. Codes of other linters are too much alike for a guess.
fn meant(id: &str, judgement: Judgement) -> Option<&'static str> {
    if judgement != Judgement::Unknown || !id.contains('-') {
        return None;
    }
    suggest::closest(id, Registry::builtin().rules().map(|rule| rule.id))
}

/// What a comment that cannot be read was meant to be; none where that is not clear. One with nothing
/// below it, or an empty list, can only go.
fn mended(cx: &Cx<'_>, suppression: &Suppression) -> Option<Fix> {
    let text = cx.slice(suppression.comment);
    let (head, rest) = text.split_once(':')?;
    let rest = rest.trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_alphabetic() && c != '-')
        .unwrap_or(rest.len());
    let (verb, list) = rest.split_at_checked(end)?;
    let known = VERBS.into_iter().find(|known| *known == verb);
    let verb = known.or_else(|| suggest::closest(verb, VERBS))?;
    let (ids, reason) = ids_of(list);
    let is_last = suppression
        .malformed
        .as_deref()
        .is_some_and(|problem| problem == NOTHING_BELOW);
    let is_empty = list.trim_start_matches([' ', '\t', '[', ']', '=', ':']).is_empty();
    if is_last || is_empty {
        let stays = suppression.holds_back_directive(cx.file.source.text());
        return (!stays).then(|| Fix::safe("remove the comment", vec![Edit::delete(suppression.span)]));
    }
    if ids.is_empty() {
        return None;
    }
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!(" {reason}")
    };
    let comment = format!("{head}: {verb}[{}]{reason}", ids.join(", "));
    let title = format!("write it as `{verb}[...]`");
    (comment != text).then(|| Fix::safe(title, vec![Edit::replace(suppression.comment, comment)]))
}

/// The ids at the beginning of a text, however they are parted, as far as they are rules; and the
/// rest.
fn ids_of(list: &str) -> (Vec<&str>, &str) {
    let parts = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '[' | ']' | '(' | ')' | '=' | ':' | '"');
    let mut rest = list.trim_start_matches(parts);
    let mut ids = Vec::new();
    while !rest.is_empty() {
        let end = rest.find(parts).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if Registry::builtin().matching(word).is_empty() && shellcheck::code(word).is_none() {
            break;
        }
        ids.push(word);
        // Behind the closing bracket the reason begins, even with a rule's name.
        let closes = behind.trim_start().starts_with([']', ')']);
        rest = behind.trim_start_matches(parts);
        if closes {
            break;
        }
    }
    (ids, rest.trim())
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
