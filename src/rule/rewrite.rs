//! A planner's rewrite as the fix of a finding.

use super::{Cx, Finding};
use crate::edit::{Edit, Fix};
use crate::plan::{self, Candidate};
use crate::source::{SourceFile, Span};

/// The rewrite as a fix, and why it is not made by itself where it is not.
pub fn offer(cx: &Cx<'_>, mut finding: Finding, candidate: &Candidate) -> Finding {
    let Some(edit) = changed(&cx.file.source, &candidate.text) else {
        return finding;
    };
    if let Some(reason) = candidate.unsafe_because.first() {
        let more = match candidate.unsafe_because.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        finding.help = Some(format!(
            "{}{more}; `mbopt plan` shows the rewrite and its reasons",
            reason.says
        ));
    }
    let unproven = candidate.unsafe_because.iter().map(|reason| &reason.says);
    let mut announces: Vec<String> = Vec::new();
    for said in candidate.announces.iter().chain(unproven) {
        if !announces.contains(said) {
            announces.push(said.clone());
        }
    }
    let base = candidate
        .runtime
        .as_ref()
        .map_or(String::new(), |base| format!(" and run on {}", base.reference));
    let title = match candidate.level {
        plan::Level::Slim
            if cx
                .file
                .target()
                .is_some_and(|s| s.depends_on.len() > usize::from(s.parent().is_some())) =>
        {
            let reference = candidate
                .runtime
                .as_ref()
                .map_or("a smaller image", |r| r.reference.as_str());
            format!("run on `{reference}`")
        }
        plan::Level::Order => "change the order of the stage's steps, or name what they refer to".to_owned(),
        // The stages are the author's.
        plan::Level::Application if candidate.runtime.is_none() => "leave out what only development needs".to_owned(),
        _ => format!("build in a stage of its own{base}"),
    };
    let fix = Fix {
        applicability: candidate.applicability,
        announces,
        ..Fix::safe(title, vec![edit])
    };
    finding.fix(fix.with_effects(candidate.effects.iter().copied()).isolated("stages"))
}

/// One edit that makes the new text of the old: the lines between the first and the last that
/// differ. None where all are the same.
fn changed(source: &SourceFile, new: &str) -> Option<Edit> {
    let old = source.text();
    let same = |a: &str, b: &str| a.trim_end_matches(['\r', '\n']) == b.trim_end_matches(['\r', '\n']);
    let before: Vec<&str> = old.split_inclusive('\n').collect();
    let after: Vec<&str> = new.split_inclusive('\n').collect();
    let head = before.iter().zip(&after).take_while(|(a, b)| same(a, b)).count();
    if head == before.len() && head == after.len() {
        return None;
    }
    let most = before.len().min(after.len()) - head;
    let tail = before
        .iter()
        .rev()
        .zip(after.iter().rev())
        .take(most)
        .take_while(|(a, b)| a == b)
        .count();
    let length = |lines: &[&str]| lines.iter().map(|l| l.len()).sum::<usize>();
    let start = length(before.get(..head)?);
    let end = old.len() - length(before.get(before.len() - tail..)?);
    let text: String = after.get(head..after.len() - tail)?.concat();
    Some(Edit::replace(Span::new(start, end), text.replace("\r\n", "\n")))
}
