//! mbopt's own JSON. `version` counts incompatible changes; fields may be added within one.

use super::github::slashes;
use super::place::{Locator, Place};
use super::{FileReport, Reporter, Summary};
use crate::edit::{Applicability, Effect, NewFile};
use crate::model::refusal::Phase;
use crate::rule::{Diagnostic, Severity};
use serde::Serialize;

/// The json format.
pub(super) struct Json;

/// The version of the layout.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct File<'a> {
    path: String,
    /// Whether BuildKit would refuse the file.
    refused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    findings: Vec<Finding<'a>>,
    refusals: Vec<Refused<'a>>,
    fixed: Vec<Applied<'a>>,
    skipped: Vec<Skipped<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct Finding<'a> {
    rule: &'a str,
    aliases: &'a [&'a str],
    category: &'a str,
    severity: Severity,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    #[serde(flatten)]
    place: Place,
    related: Vec<Related<'a>>,
    help: Option<&'a str>,
    fix: Option<Mending<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    message: &'a str,
    #[serde(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Mending<'a> {
    title: &'a str,
    applicability: Applicability,
    effects: &'a [Effect],
    /// What whoever takes it must be told.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    announces: &'a [String],
    edits: Vec<Change<'a>>,
    /// Files that it makes, with paths relative to the build context.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    creates: &'a [NewFile],
}

#[derive(Serialize)]
struct Change<'a> {
    #[serde(flatten)]
    place: Place,
    text: &'a str,
}

#[derive(Serialize)]
struct Refused<'a> {
    phase: &'static str,
    message: &'a str,
    line: usize,
}

#[derive(Serialize)]
struct Applied<'a> {
    rule: &'a str,
    title: &'a str,
    line: usize,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    announces: &'a [String],
}

#[derive(Serialize)]
struct Skipped<'a> {
    rule: &'a str,
    title: &'a str,
    reason: String,
    unasked: bool,
    #[serde(flatten)]
    place: Place,
}

fn finding<'a>(diagnostic: &'a Diagnostic, locator: &Locator) -> Finding<'a> {
    Finding {
        rule: diagnostic.rule.id,
        aliases: diagnostic.rule.aliases,
        category: diagnostic.rule.category,
        severity: diagnostic.severity,
        message: &diagnostic.message,
        label: &diagnostic.primary.message,
        place: locator.place(diagnostic.primary.span),
        related: diagnostic
            .related
            .iter()
            .map(|l| Related {
                message: &l.message,
                place: locator.place(l.span),
            })
            .collect(),
        help: diagnostic.help.as_deref(),
        fix: diagnostic.fix.as_ref().map(|fix| Mending {
            title: &fix.title,
            applicability: fix.applicability,
            effects: &fix.effects,
            announces: &fix.announces,
            creates: &fix.creates,
            edits: fix
                .edits
                .iter()
                .map(|e| Change {
                    place: locator.place(e.span),
                    text: &e.text,
                })
                .collect(),
        }),
    }
}

impl Reporter for Json {
    fn start(&self, out: &mut Vec<u8>) {
        let head = format!(
            "{{\"version\":{VERSION},\"tool\":{{\"name\":\"mbopt\",\"version\":\"{}\"}},\"files\":[\n",
            env!("CARGO_PKG_VERSION")
        );
        out.extend_from_slice(head.as_bytes());
    }

    fn file(&self, report: &FileReport, out: &mut Vec<u8>) {
        let empty = crate::source::SourceFile::new("", Vec::new());
        let source = report.source.as_ref().unwrap_or(&empty);
        let locator = Locator::new(source);
        let file = File {
            path: slashes(&report.path),
            refused: report.refused(),
            error: report.error.as_deref(),
            findings: report.diagnostics.iter().map(|d| finding(d, &locator)).collect(),
            refusals: report
                .refusals
                .iter()
                .map(|r| Refused {
                    phase: match r.phase {
                        Phase::Parse => "parse",
                        Phase::Convert => "convert",
                        Phase::Context => "context",
                    },
                    message: &r.message,
                    line: r.line.unwrap_or_else(|| source.lines().line(r.span.start)),
                })
                .collect(),
            fixed: report
                .fixed
                .iter()
                .map(|f| Applied {
                    rule: f.rule,
                    title: &f.title,
                    line: f.line,
                    announces: &f.announces,
                })
                .collect(),
            skipped: report
                .skipped
                .iter()
                .map(|s| Skipped {
                    rule: s.rule,
                    title: &s.title,
                    reason: s.reason.to_string(),
                    unasked: s.reason.is_unasked(),
                    place: locator.place(s.span),
                })
                .collect(),
            notes: &report.notes,
        };
        super::append_json(out, &file);
    }

    fn separator(&self) -> &'static str {
        ",\n"
    }

    fn finish(&self, summary: &Summary, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n],\"summary\":");
        super::append_json(out, summary);
        out.extend_from_slice(b"}\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::{Edit, Fix};
    use crate::report::sample::{self, at};
    use crate::source::SourceFile;
    use serde_json::{Value, json};

    /// The whole document for these files.
    fn document(reports: &[FileReport]) -> Value {
        let mut out = Vec::new();
        let mut summary = Summary::default();
        Json.start(&mut out);
        for (i, report) in reports.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(Json.separator().as_bytes());
            }
            summary.add(report);
            Json.file(report, &mut out);
        }
        Json.finish(&summary, &mut out);
        serde_json::from_slice(&out).expect("valid JSON")
    }

    #[test]
    fn places_count_from_one_and_bytes_from_zero() {
        let text = "FROM a\nRUN größe needle\n";
        let mut finding = sample::warning(at(text, "needle"), "say \"it\"");
        finding.fix = Some(Fix::safe("drop it", vec![Edit::delete(at(text, "needle"))]).with_effects([Effect::Cmd]));
        let report = FileReport::new("d/Dockerfile", SourceFile::new("x", text), vec![finding], Vec::new());
        let document = document(&[report, FileReport::failed("gone", "no such file")]);
        assert_eq!(document["version"], 1);
        let found = &document["files"][0]["findings"][0];
        let start = text.find("needle").unwrap();
        for (key, value) in [
            ("line", 2),
            ("column", 11),
            ("end_line", 2),
            ("end_column", 17),
            ("start", start),
            ("end", start + 6),
        ] {
            assert_eq!(found[key], value, "{key}");
        }
        assert_eq!(found["severity"], "warning");
        assert_eq!(found["fix"]["applicability"], "safe");
        assert_eq!(found["fix"]["effects"], json!(["cmd"]));
        assert_eq!(found["fix"]["edits"][0]["text"], "");
        assert_eq!(document["files"][1]["error"], "no such file");
        assert_eq!(document["summary"]["warnings"], 1);
        assert_eq!(document["summary"]["failed"], 1);
    }

    #[test]
    fn no_files_are_valid_too() {
        assert_eq!(document(&[])["files"], json!([]));
    }
}
