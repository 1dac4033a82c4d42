//! Code actions: the fixes of findings, all safe fixes at once, and comments that silence.

use super::analysis::Analyst;
use super::convert;
use super::document::Document;
use crate::apply::LineEnding;
use crate::edit::{Applicability, Edit, Effect, Fix};
use crate::report::INVALID;
use crate::rule::Diagnostic;
use crate::source::Span;
use lsp_types::{
    AnnotatedTextEdit, ChangeAnnotation, CodeAction, CodeActionKind, DocumentChanges, NumberOrString, OneOf,
    OptionalVersionedTextDocumentIdentifier, TextDocumentEdit, TextEdit, WorkspaceEdit,
};
use std::collections::HashMap;

/// All safe fixes, for editors that make them when a file is saved.
pub const FIX_ALL: CodeActionKind = CodeActionKind::new("source.fixAll.mbopt");

/// Whether a fix splits the file into stages, and so ships other files. It is offered wherever the
/// cursor is, since the whole file is what it is about.
fn is_rewrite(fix: &Fix) -> bool {
    [Effect::Stages, Effect::Files]
        .iter()
        .all(|effect| fix.effects.contains(effect))
}

/// What the client can do with edits.
#[derive(Debug, Clone, Copy, Default)]
pub struct Abilities {
    /// It knows `documentChanges`, so that edits for an older version are refused.
    pub versions: bool,
    /// It shows annotated changes and asks before it makes them.
    pub annotations: bool,
}

/// Whether a client that asks for `only` wants actions of a kind: the kind itself or one above it.
fn wanted(only: Option<&[CodeActionKind]>, kind: &CodeActionKind) -> bool {
    let above = |wanted: &CodeActionKind| {
        let rest = kind.as_str().strip_prefix(wanted.as_str());
        wanted.as_str().is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    only.is_none_or(|only| only.iter().any(above))
}

/// The actions for a place, and for the findings that the editor names: some send those of the whole
/// line, wherever in it the cursor is, and not all count columns right when they do.
pub fn all(
    analyst: &Analyst<'_>,
    document: &Document,
    place: Span,
    named: &[lsp_types::Diagnostic],
    only: Option<&[CodeActionKind]>,
    abilities: Abilities,
) -> Vec<CodeAction> {
    let findings = document.findings.as_deref().unwrap_or_default();
    let mut actions = Vec::new();
    let touches = |span: Span| span.start <= place.end && place.start <= span.end;
    let is = |finding: &Diagnostic, known: &lsp_types::Diagnostic| {
        let start = document.index.position(&document.text, finding.primary.span.start);
        let rule = matches!(&known.code, Some(NumberOrString::String(code)) if code == finding.rule.id);
        rule && known.range.start.line == start.line
    };
    for finding in findings {
        let here = touches(finding.primary.span) || named.iter().any(|known| is(finding, known));
        let fix = finding.fix.as_ref().filter(|fix| !fix.edits.is_empty());
        if let Some(fix) = fix.filter(|fix| fix.applicability > Applicability::DisplayOnly) {
            let rewrite = is_rewrite(fix);
            if rewrite && wanted(only, &CodeActionKind::REFACTOR_REWRITE) {
                let kind = CodeActionKind::REFACTOR_REWRITE;
                actions.push(CodeAction {
                    title: format!("Rewrite into stages: {}", fix.title),
                    ..mending(finding, fix, document, kind, abilities, true)
                });
            }
            if here && !rewrite && wanted(only, &CodeActionKind::QUICKFIX) {
                let unsure = fix.applicability != Applicability::Safe;
                actions.push(mending(
                    finding,
                    fix,
                    document,
                    CodeActionKind::QUICKFIX,
                    abilities,
                    unsure,
                ));
            }
        }
        if here && wanted(only, &CodeActionKind::QUICKFIX) {
            actions.extend(silencing(finding, document, abilities));
        }
    }
    // Fixes first, whatever finding they are of.
    actions.sort_by_key(|action| action.title.starts_with("Silence"));
    // Never in the list for a place: it is about the whole file, and has to be asked for.
    if only.is_some() && wanted(only, &FIX_ALL) {
        actions.extend(fix_all(analyst, document, abilities));
    }
    actions
}

/// The action that makes a finding's fix. `preview` asks the editor to show it first.
fn mending(
    finding: &Diagnostic,
    fix: &Fix,
    document: &Document,
    kind: CodeActionKind,
    abilities: Abilities,
    preview: bool,
) -> CodeAction {
    let safe = fix.applicability == Applicability::Safe;
    let title = match safe {
        true => fix.title.clone(),
        false => format!("{} (unsafe)", fix.title),
    };
    let note = match (safe, fix.effects.as_slice()) {
        (true, []) => None,
        (true, effects) => Some(format!("changes {}", listed(effects))),
        (false, []) => Some("the image may behave differently".to_owned()),
        (false, effects) => Some(format!("the image may behave differently; changes {}", listed(effects))),
    };
    CodeAction {
        edit: Some(edit(
            document,
            &fix.edits,
            abilities,
            preview.then(|| (fix.title.clone(), note)),
        )),
        diagnostics: Some(vec![convert::diagnostic(finding, document)]),
        is_preferred: safe.then_some(true),
        title,
        kind: Some(kind),
        ..CodeAction::default()
    }
}

fn listed(effects: &[Effect]) -> String {
    let words: Vec<String> = effects
        .iter()
        .filter_map(|effect| Some(serde_json::to_value(effect).ok()?.as_str()?.to_owned()))
        .collect();
    words.join(", ")
}

/// The action that puts a comment above the instruction that a finding is about.
fn silencing(finding: &Diagnostic, document: &Document, abilities: Abilities) -> Option<CodeAction> {
    if finding.rule.id == INVALID.id {
        return None;
    }
    let file = document.file();
    let start = file.instruction_at(finding.primary.span.start)?.span.start;
    let line = document.text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
    // Nothing but blanks stands before an instruction; they are kept for the comment.
    let indent = document.text.get(line..start).filter(|text| text.trim().is_empty())?;
    let comment = Edit::insert(start, format!("# mbopt: ignore[{}]\n{indent}", finding.rule.id));
    Some(CodeAction {
        title: format!("Silence {} here", finding.rule.id),
        kind: Some(CodeActionKind::QUICKFIX),
        diagnostics: Some(vec![convert::diagnostic(finding, document)]),
        edit: Some(edit(document, &[comment], abilities, None)),
        ..CodeAction::default()
    })
}

/// The action that makes all safe fixes.
fn fix_all(analyst: &Analyst<'_>, document: &Document, abilities: Abilities) -> Option<CodeAction> {
    let fixed = analyst.fixed(document, Applicability::Safe)?;
    let (span, new) = difference(&document.text, fixed.text());
    Some(CodeAction {
        title: "Make all safe fixes".to_owned(),
        kind: Some(FIX_ALL),
        edit: Some(edit(document, &[Edit::replace(span, new)], abilities, None)),
        ..CodeAction::default()
    })
}

/// The part of `old` that differs, and what stands in its place in `new`; whole lines, so that no
/// character and no line end is cut in two.
fn difference<'n>(old: &str, new: &'n str) -> (Span, &'n str) {
    let common = |a: &mut dyn Iterator<Item = &str>, b: &mut dyn Iterator<Item = &str>| {
        a.zip(b)
            .take_while(|(a, b)| a == b)
            .map(|(line, _)| line.len())
            .sum::<usize>()
    };
    let lines = |text| str::split_inclusive(text, '\n');
    let head = common(&mut lines(old), &mut lines(new));
    let (old_rest, new_rest) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = common(&mut lines(old_rest).rev(), &mut lines(new_rest).rev());
    let end = new_rest.len().saturating_sub(tail);
    (
        Span::new(head, old.len() - tail),
        new_rest.get(..end).unwrap_or_default(),
    )
}

/// Edits as the protocol has them. With `shown`, a label and perhaps a description, the editor is
/// asked to let the user confirm them where it can.
pub fn edit(
    document: &Document,
    edits: &[Edit],
    abilities: Abilities,
    shown: Option<(String, Option<String>)>,
) -> WorkspaceEdit {
    let crlf = LineEnding::of(&document.text) == LineEnding::CrLf;
    let edits = edits.iter().map(|edit| TextEdit {
        range: document.index.range(&document.text, edit.span),
        new_text: match crlf {
            true => edit.text.replace("\r\n", "\n").replace('\n', "\r\n"),
            false => edit.text.clone(),
        },
    });
    if !abilities.versions {
        return WorkspaceEdit {
            changes: Some(HashMap::from([(document.uri.clone(), edits.collect())])),
            ..WorkspaceEdit::default()
        };
    }
    let shown = shown.filter(|_| abilities.annotations);
    let id = "mbopt".to_owned();
    let edits = edits.map(|text_edit| match &shown {
        Some(_) => OneOf::Right(AnnotatedTextEdit {
            text_edit,
            annotation_id: id.clone(),
        }),
        None => OneOf::Left(text_edit),
    });
    let change = TextDocumentEdit {
        text_document: OptionalVersionedTextDocumentIdentifier {
            uri: document.uri.clone(),
            version: Some(document.version),
        },
        edits: edits.collect(),
    };
    let annotations = shown.map(|(label, description)| {
        let annotation = ChangeAnnotation {
            label,
            needs_confirmation: Some(true),
            description,
        };
        HashMap::from([(id, annotation)])
    });
    WorkspaceEdit {
        changes: None,
        document_changes: Some(DocumentChanges::Edits(vec![change])),
        change_annotations: annotations,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_whole_lines() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\ny\nc\n"), (Span::new(2, 4), "x\ny\n"));
        assert_eq!(difference("a\na\n", "a\na\na\n"), (Span::new(4, 4), "a\n"));
        assert_eq!(difference("a\r\nä", "a\r\nö"), (Span::new(3, 5), "ö"));
        assert_eq!(difference("", "a"), (Span::new(0, 0), "a"));
    }

    #[test]
    fn a_kind_is_wanted_with_those_above_it() {
        let only = [CodeActionKind::SOURCE_FIX_ALL];
        assert!(wanted(Some(&only), &FIX_ALL));
        assert!(!wanted(Some(&only), &CodeActionKind::QUICKFIX));
        assert!(wanted(None, &FIX_ALL));
        assert!(!wanted(Some(&[CodeActionKind::new("source.fix")]), &FIX_ALL));
    }
}
