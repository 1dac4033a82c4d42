//! `bundle install` has flags that Bundler no longer wants.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::CommandView;
use crate::rule::{Cx, Finding, Inspect, layout};
use crate::shell::operations::Action;
use crate::shell::{Operation, Operator, ShellWord};
use crate::source::Span;

/// See `rules/bundler-flags.yaml`.
pub struct Rule;

/// What a flag takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Value,
    /// Groups, as words or joined by `:`.
    Groups,
    /// What it does is no plain setting.
    Other,
}

/// Flags and the settings that say the same.
const FLAGS: [(&str, &str, Takes); 10] = [
    ("--without", "without", Takes::Groups),
    ("--with", "with", Takes::Groups),
    ("--deployment", "deployment", Takes::Nothing),
    ("--path", "path", Takes::Value),
    ("--frozen", "frozen", Takes::Nothing),
    ("--system", "path.system", Takes::Nothing),
    ("--clean", "clean", Takes::Nothing),
    ("--no-prune", "no_prune", Takes::Nothing),
    ("--binstubs", "", Takes::Other),
    ("--shebang", "", Takes::Other),
];

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        let installs = view
            .operations
            .iter()
            .any(|operation| matches!(operation, Operation::Packages(p) if p.action == Action::InstallProject));
        if !installs || !matches!(view.name(), "bundle" | "bundler") || !cx.facts.is_posix(view.instruction) {
            return;
        }
        let found = view.words().iter().enumerate().find_map(|(at, word)| {
            let name = word.text.split_once('=').map_or(word.text.as_str(), |(name, _)| name);
            FLAGS
                .iter()
                .find(|(flag, ..)| *flag == name)
                .map(|flag| (at, word, flag))
        });
        let Some((at, word, (flag, setting, takes))) = found else {
            return;
        };
        let span = Span::new(word.span.start, word.span.start + flag.len());
        let span = if word.quoted { word.span } else { span };
        let mut finding = Finding::new(span, format!("`bundle install {flag}` is deprecated"))
            .help("set it with `bundle config set`, or a `BUNDLE_...` variable");
        if let Some(edits) = edits(cx, view, at, setting, *takes) {
            let fix = Fix::unsafe_(format!("set `{setting}` before"), edits).with_effects([Effect::Failure]);
            finding = finding.fix(fix);
        }
        cx.report(finding);
    }
}

/// The setting in front of the command, and the command without the flag.
fn edits(cx: &Cx<'_>, view: &CommandView<'_>, at: usize, setting: &str, takes: Takes) -> Option<Vec<Edit>> {
    let place = &view.command.place;
    let stands_alone = place.depth == 0
        && place.pipeline.is_none()
        && !place.negated
        && !place.background
        && matches!(
            place.operator,
            None | Some(Operator::AndIf | Operator::Semicolon | Operator::Newline)
        );
    if !stands_alone || view.wrappers().next().is_some() {
        return None;
    }
    let words = view.words();
    let word = words.get(at)?;
    let mut last = word;
    let value = match (word.text.split_once('='), takes) {
        (_, Takes::Other) | (Some(_), Takes::Nothing) => return None,
        (None, Takes::Nothing) => "true".to_owned(),
        (Some((_, value)), _) => value.to_owned(),
        (None, Takes::Value) => {
            last = words.get(at + 1).filter(|w| !w.is_flag())?;
            last.text.clone()
        }
        (None, Takes::Groups) => {
            let groups: Vec<&ShellWord> = words.get(at + 1..)?.iter().take_while(|w| !w.is_flag()).collect();
            last = groups.last()?;
            groups.iter().map(|w| w.text.as_str()).collect::<Vec<_>>().join(" ")
        }
    };
    let value = if takes == Takes::Groups {
        value.replace(':', " ")
    } else {
        value
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./, ".contains(c);
    if value.is_empty() || !value.chars().all(is_plain) {
        return None;
    }
    let quoted = if value.contains(' ') {
        format!("'{value}'")
    } else {
        value
    };
    let before = at
        .checked_sub(1)
        .and_then(|i| words.get(i))
        .map_or(view.name_span(), |w| w.span);
    let gone = Span::new(before.end, last.span.end);
    let between = cx.slice(Span::new(before.end, word.span.start));
    if between.contains('#') {
        return None;
    }
    let start = view.command.span.start;
    let separator = layout::separator(cx.file, view.script);
    Some(vec![
        Edit::insert(
            start,
            format!("{} config set --local {setting} {quoted}{separator}", view.name()),
        ),
        Edit::delete(gone),
    ])
}
