//! What is shown for a place: the rules of the findings there, or what a name stands for.

use super::convert;
use super::document::Document;
use super::names::{self, Symbol};
use crate::model::{Dockerfile, StageRef};
use crate::source::Span;
use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind};

/// The words for a place; none where there is nothing to say.
pub fn at(document: &Document, offset: usize) -> Option<Hover> {
    let mut parts = Vec::new();
    let mut range: Option<Span> = None;
    for finding in document.findings.as_deref().unwrap_or_default() {
        let span = finding.primary.span;
        if span.start <= offset && offset < span.end.max(span.start + 1) {
            let part = convert::documentation(finding.rule);
            if !parts.contains(&part) {
                parts.push(part);
            }
            // The shortest of them is the one that the cursor is at.
            range = Some(range.filter(|known| known.len() <= span.len()).unwrap_or(span));
        }
    }
    let file = document.file();
    if let Some((symbol, span)) = names::at(file, offset) {
        parts.insert(0, described(file, &symbol, span)?);
        range = Some(span);
    }
    if parts.is_empty() {
        return None;
    }
    Some(Hover {
        contents: HoverContents::Markup(MarkupContent {
            kind: MarkupKind::Markdown,
            value: parts.join("\n\n---\n\n"),
        }),
        range: range.map(|span| document.index.range(&document.text, span)),
    })
}

/// `text` as a code span.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

fn described(file: &Dockerfile, symbol: &Symbol, span: Span) -> Option<String> {
    match symbol {
        Symbol::Stage(id) => {
            let stage = file.stage(*id)?;
            let name = stage.name.clone().unwrap_or_else(|| id.0.to_string());
            let base = match &stage.base {
                StageRef::Image(image) => code(&image.text),
                StageRef::Scratch => "an empty image".to_owned(),
                StageRef::Named(base) | StageRef::Numbered(base) => {
                    let name = file.stage(*base).and_then(|stage| stage.name.clone());
                    format!("stage {}", code(&name.unwrap_or_else(|| base.0.to_string())))
                }
                StageRef::Unknown => "what the build says".to_owned(),
            };
            let fate = match (stage.ships, stage.reachable) {
                (true, _) => "Its files are in the image.",
                (false, true) => "The image needs it; its own layers stay behind.",
                (false, false) => "The image does not need it: it is built with `--target` alone.",
            };
            Some(format!("stage {}, on {base}. {fate}", code(&name)))
        }
        Symbol::Arg(name) | Symbol::Env(name) => {
            let instruction = file.instruction_at(span.start)?;
            let view = file.view_at(instruction.index);
            // At its declaration it does not hold yet; the next instruction sees it.
            let behind = file.view_at(instruction.index + 1);
            let variable = match view.get(name).filter(|variable| variable.declared != Some(span)) {
                Some(variable) if variable.declared.is_none_or(|declared| declared.start < span.start) => {
                    Some(variable)
                }
                _ => behind.get(name),
            };
            let kind = if matches!(symbol, Symbol::Env(_)) { "ENV" } else { "ARG" };
            let Some(variable) = variable else {
                return Some(format!("{kind} {}", code(name)));
            };
            let value = match &variable.value {
                Some(value) if variable.settable => format!(", {} unless the build says otherwise", code(value)),
                Some(value) => format!(", {}", code(value)),
                None => ", without a default".to_owned(),
            };
            Some(format!("{kind} {}{value}", code(name)))
        }
    }
}
