//! ENV or LABEL is written with a blank instead of `=`.

use crate::edit::{Edit, Fix};
use crate::model::{Instruction, Kind, Pair};
use crate::rule::{Cx, Finding, Inspect};
use crate::source::Span;
use crate::syntax::expand::{self, NoEnv, Options};
use crate::syntax::{Joined, words};

/// See `rules/legacy-key-value.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let (Kind::Env(pairs) | Kind::Label(pairs)) = &instruction.kind else { return };
        if cx.facts.in_onbuild(instruction) {
            return;
        }
        for pair in pairs.iter().filter(|p| p.legacy) {
            let name = instruction.keyword.name();
            let mut finding = Finding::new(pair.key.span, format!("{name} is written with a blank between key and value"))
                .help(format!("write `{name} {}=...`", pair.key.value));
            if let Some(edits) = rewrite(cx, pair) {
                finding = finding.fix(Fix::safe("write it with `=`", edits));
            }
            cx.report(finding);
        }
    }
}

/// The edits that give BuildKit the same key and value; none where no quoting does.
fn rewrite(cx: &Cx<'_>, pair: &Pair) -> Option<Vec<Edit>> {
    let value = pair.value.as_ref()?;
    let escape = cx.file.lines.escape;
    let raw = value.value.as_str();
    let between = Span::new(pair.key.span.end, value.span.start);
    let in_one_piece = value.span.len() == raw.len();
    let has_blank = raw.contains(|c: char| c.is_whitespace());
    let same = |candidate: &str| keeps(&pair.key.value, raw, candidate, escape);
    if !has_blank && same(raw) {
        return Some(vec![Edit::replace(between, "=")]);
    }
    // Quotes around the whole keep the layout, also over continued lines.
    let quoted = format!("\"{raw}\"");
    if same(&quoted) {
        return Some(vec![Edit::replace(between, "=\""), Edit::insert(value.span.end, "\"")]);
    }
    let escaped = escape_blanks(raw, escape);
    (in_one_piece && same(&escaped)).then(|| vec![Edit::replace(Span::new(between.start, value.span.end), format!("={escaped}"))])
}

/// Whether `KEY=candidate` is one pair whose value expands to what the old one did, whatever the
/// variables are.
fn keeps(key: &str, raw: &str, candidate: &str, escape: char) -> bool {
    let mut joined = Joined::new();
    joined.push(&format!("{key}={candidate}"), 0);
    let range = 0..joined.text().len();
    let Ok(pairs) = words::pairs(&joined, range, escape, "ENV") else { return false };
    let [pair] = pairs.as_slice() else { return false };
    if pair.legacy || pair.key.value != key || pair.value.value != candidate {
        return false;
    }
    // With variables left as they stand, and with all of them empty.
    [Options { skip_unset: true, ..Options::default() }, Options::default()].into_iter().all(|options| {
        let value = |text: &str| expand::word(text, &NoEnv, escape, options).ok().map(|e| (e.value, e.unset));
        value(raw).is_some_and(|old| value(candidate) == Some(old))
    })
}

/// The text with the escape character before each blank that stands outside quotes.
fn escape_blanks(raw: &str, escape: char) -> String {
    let mut out = String::with_capacity(raw.len() + 8);
    let mut quote = None;
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            (c, None) if c.is_whitespace() => out.push(escape),
            _ => {}
        }
        out.push(c);
        if c == escape && quote != Some('\'') {
            out.extend(chars.next());
        }
    }
    out
}
