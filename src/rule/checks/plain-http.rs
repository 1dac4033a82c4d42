//! A file is fetched without encryption.

use crate::edit::{Edit, Effect, Fix};
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Operation;
use crate::source::Span;

/// See `rules/plain-http.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let mut spans: Vec<Span> = Vec::new();
        match &instruction.kind {
            Kind::Add(transfer) => spans.extend(transfer.sources.iter().map(|s| s.span)),
            Kind::Run { .. } => {
                let operations = cx
                    .facts
                    .run(instruction)
                    .map(|run| run.operations())
                    .unwrap_or_default();
                for operation in operations {
                    if let Operation::Download(download) = operation {
                        spans.extend(download.urls.iter().map(|u| u.span));
                    }
                }
            }
            _ => return,
        }
        for span in spans {
            let written = cx.slice(span);
            let url = written.trim_start_matches(['"', '\'']);
            let Some(rest) = url.strip_prefix("http://") else {
                continue;
            };
            if is_local(rest) {
                continue;
            }
            let start = span.start + (written.len() - url.len());
            let fix = Fix::unsafe_(
                "fetch it by HTTPS",
                vec![Edit::replace(Span::new(start, start + "http".len()), "https")],
            );
            cx.report(
                Finding::new(span, "this is fetched without encryption")
                    .help("use `https://`, or check the file's sum")
                    .fix(fix.with_effects([Effect::Network])),
            );
        }
    }
}

/// Whether the host is this machine, a plain address or a variable.
fn is_local(rest: &str) -> bool {
    let host = rest.split(['/', ':', '"', '\'']).next().unwrap_or_default();
    host == "localhost"
        || host.starts_with(['[', '$'])
        || host.is_empty()
        || host.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}
