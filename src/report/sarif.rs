//! SARIF 2.1.0, as code scanning services read it.

use super::fingerprint::Distinct;
use super::github::slashes;
use super::place::{Locator, Place};
use super::{FileReport, INVALID, Reporter, Summary};
use crate::edit::Fix;
use crate::rule::{Diagnostic, RuleMeta, Severity};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// The sarif format.
pub(super) struct Sarif {
    rules: Vec<&'static RuleMeta>,
    /// Where a rule stands in `rules`.
    index: HashMap<&'static str, usize>,
    /// Those with findings that are not in `rules`: ShellCheck's codes, and rules of a config.
    /// Files are drawn in any order, so these have no index, and go behind the others by id.
    more: Mutex<BTreeMap<&'static str, &'static RuleMeta>>,
}

impl Sarif {
    pub(super) fn new(rules: &[&'static RuleMeta]) -> Self {
        let mut rules: Vec<&'static RuleMeta> = rules.to_vec();
        rules.push(&INVALID);
        let index = rules.iter().enumerate().map(|(i, rule)| (rule.id, i)).collect();
        Sarif {
            rules,
            index,
            more: Mutex::default(),
        }
    }

    fn result(&self, diagnostic: &Diagnostic, uri: &str, locator: &Locator, fingerprint: &str) -> Value {
        let mut result = json!({
            "ruleId": diagnostic.rule.id,
            "level": level(diagnostic.severity),
            "message": { "text": super::sentence(diagnostic) },
            "locations": [location(uri, locator.place(diagnostic.primary.span), None)],
            // The name under which GitHub looks for it; without it a report that is uploaded
            // through the API alone loses track of findings whose lines move.
            "partialFingerprints": { "primaryLocationLineHash": fingerprint },
        });
        match self.index.get(diagnostic.rule.id) {
            Some(index) => result["ruleIndex"] = json!(index),
            None => {
                let mut more = self.more.lock().unwrap_or_else(PoisonError::into_inner);
                more.insert(diagnostic.rule.id, diagnostic.rule);
            }
        }
        if !diagnostic.related.is_empty() {
            result["relatedLocations"] = diagnostic
                .related
                .iter()
                .enumerate()
                .map(|(i, label)| {
                    let mut related = location(uri, locator.place(label.span), Some(&label.message));
                    related["id"] = json!(i + 1);
                    related
                })
                .collect();
        }
        if let Some(fix) = diagnostic.fix.as_ref().filter(|fix| !fix.edits.is_empty()) {
            result["fixes"] = json!([mending(fix, uri, locator)]);
        }
        result
    }
}

impl Reporter for Sarif {
    fn start(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{\"columnKind\":\"unicodeCodePoints\",\"results\":[\n",
        );
    }

    fn file(&self, report: &FileReport, out: &mut Vec<u8>) {
        let Some(source) = &report.source else { return };
        let locator = Locator::new(source);
        let uri = uri(&report.path);
        let mut distinct = Distinct::new(&uri);
        for (i, diagnostic) in report.diagnostics.iter().enumerate() {
            if i > 0 {
                out.extend_from_slice(self.separator().as_bytes());
            }
            let fingerprint = distinct.next(diagnostic, source);
            super::append_json(out, &self.result(diagnostic, &uri, &locator, &fingerprint));
        }
    }

    fn separator(&self) -> &'static str {
        ",\n"
    }

    fn finish(&self, summary: &Summary, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\n],\"tool\":");
        let more = self.more.lock().unwrap_or_else(PoisonError::into_inner);
        let rules = self.rules.iter().chain(more.values());
        let tool = json!({ "driver": {
            "name": "mbopt",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules.map(|rule| describe(rule)).collect::<Vec<_>>(),
        }});
        super::append_json(out, &tool);
        out.extend_from_slice(b",\"invocations\":");
        let notifications: Vec<Value> = summary
            .failures
            .iter()
            .map(|(path, error)| {
                json!({
                    "level": "error",
                    "message": { "text": error },
                    "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(path) } } }],
                })
            })
            .collect();
        super::append_json(
            out,
            &json!([{ "executionSuccessful": notifications.is_empty(), "toolExecutionNotifications": notifications }]),
        );
        out.extend_from_slice(b"}]}\n");
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info | Severity::Style => "note",
    }
}

fn region(place: Place) -> Value {
    json!({
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.end_line,
        "endColumn": place.end_column,
    })
}

fn location(uri: &str, place: Place, message: Option<&str>) -> Value {
    let mut location = json!({ "physicalLocation": { "artifactLocation": { "uri": uri }, "region": region(place) } });
    if let Some(message) = message.filter(|m| !m.is_empty()) {
        location["message"] = json!({ "text": message });
    }
    location
}

fn mending(fix: &Fix, uri: &str, locator: &Locator) -> Value {
    let replacements: Vec<Value> = fix
        .edits
        .iter()
        .map(|edit| json!({ "deletedRegion": region(locator.place(edit.span)), "insertedContent": { "text": edit.text } }))
        .collect();
    let said: Vec<&str> = std::iter::once(&fix.title)
        .chain(&fix.announces)
        .map(String::as_str)
        .collect();
    json!({
        "description": { "text": said.join("; ") },
        "artifactChanges": [{ "artifactLocation": { "uri": uri }, "replacements": replacements }],
    })
}

/// A rule as a SARIF `reportingDescriptor`.
fn describe(rule: &RuleMeta) -> Value {
    let mut markdown = format!("{}\n\n{}", rule.what.trim(), rule.why.trim());
    if !rule.fix_safety.is_empty() {
        markdown.push_str("\n\n**Fix.** ");
        markdown.push_str(rule.fix_safety.trim());
    }
    let mut descriptor = json!({
        "id": rule.id,
        "shortDescription": { "text": rule.summary },
        "fullDescription": { "text": rule.what.trim() },
        "help": { "text": markdown, "markdown": markdown },
        "defaultConfiguration": { "enabled": rule.enabled, "level": level(rule.severity) },
        "properties": { "tags": [rule.category], "aliases": rule.aliases },
    });
    if let Some(reference) = rule.references.iter().find(|r| r.starts_with("https://")) {
        descriptor["helpUri"] = json!(reference);
    }
    descriptor
}

/// A path as a URI reference: relative where the path is, with `/`, and with everything escaped
/// that RFC 3986 does not allow in a path.
fn uri(path: &str) -> String {
    let path = slashes(path);
    let path = path.strip_prefix("./").unwrap_or(&path);
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b'@' | b'+' | b'=' | b',' => {
                out.push(char::from(byte))
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::Edit;
    use crate::report::sample::{self, at};
    use crate::source::SourceFile;

    fn document(reports: &[FileReport]) -> Value {
        let sarif = Sarif::new(&[&sample::RULE]);
        let mut out = Vec::new();
        let mut summary = Summary::default();
        sarif.start(&mut out);
        let mut first = true;
        for report in reports {
            summary.add(report);
            let mut part = Vec::new();
            sarif.file(report, &mut part);
            if !part.is_empty() {
                if !first {
                    out.extend_from_slice(sarif.separator().as_bytes());
                }
                first = false;
                out.extend(part);
            }
        }
        sarif.finish(&summary, &mut out);
        serde_json::from_slice(&out).expect("valid JSON")
    }

    #[test]
    fn has_the_shape_that_code_scanning_asks_for() {
        let text = "FROM a\nRUN needle x\n";
        let mut finding = sample::warning(at(text, "needle"), "found");
        finding.related = vec![crate::rule::Label {
            span: at(text, "a"),
            message: "base".into(),
        }];
        finding.fix = Some(Fix::safe("swap", vec![Edit::replace(at(text, "x"), "y")]));
        let clean = FileReport::new("clean", SourceFile::new("clean", "FROM a\n"), Vec::new(), Vec::new());
        let report = FileReport::new(
            "./sub dir/Dockerfile",
            SourceFile::new("x", text),
            vec![finding.clone(), finding],
            Vec::new(),
        );
        let document = document(&[clean, report.clone(), FileReport::failed("pipe", "is a pipe"), report]);
        assert_eq!(document["version"], "2.1.0");
        let run = &document["runs"][0];
        assert_eq!(run["results"].as_array().unwrap().len(), 4);
        let result = &run["results"][0];
        let print = |i: usize| run["results"][i]["partialFingerprints"]["primaryLocationLineHash"].clone();
        assert!(print(0).is_string() && print(0) != print(1));
        assert_eq!(result["ruleId"], "sample-rule");
        assert_eq!(
            run["tool"]["driver"]["rules"][result["ruleIndex"].as_u64().unwrap() as usize]["id"],
            "sample-rule"
        );
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "sub%20dir/Dockerfile");
        assert_eq!(
            place["region"],
            json!({"startLine": 2, "startColumn": 5, "endLine": 2, "endColumn": 11})
        );
        assert_eq!(result["relatedLocations"][0]["message"]["text"], "base");
        let replacement = &result["fixes"][0]["artifactChanges"][0]["replacements"][0];
        assert_eq!(replacement["insertedContent"]["text"], "y");
        assert_eq!(
            run["tool"]["driver"]["rules"][0]["help"]["markdown"],
            "Finds **samples**.\n\nTests need them.\n\n**Fix.** Always safe."
        );
        assert_eq!(run["invocations"][0]["executionSuccessful"], false);
        assert_eq!(
            run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"],
            "is a pipe"
        );
    }

    /// ShellCheck's codes and a config's rules are not known when the report begins.
    #[test]
    fn rules_that_come_with_their_findings_are_described() {
        let text = "FROM a\nRUN needle x\n";
        let mut finding = sample::warning(at(text, "needle"), "found");
        let code = crate::rule::shellcheck::code("SC2086").unwrap();
        finding.rule = code;
        let report = FileReport::new(
            "d",
            SourceFile::new("d", text),
            vec![finding.clone(), finding],
            Vec::new(),
        );
        let document = document(&[report]);
        let run = &document["runs"][0];
        assert_eq!(run["results"][0]["ruleId"], "SC2086");
        let ids: Vec<_> = run["tool"]["driver"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, ["sample-rule", "invalid-dockerfile", "SC2086"]);
    }

    #[test]
    fn uris_escape_what_a_path_may_hold() {
        assert_eq!(uri("a b/ä%#?.Dockerfile"), "a%20b/%C3%A4%25%23%3F.Dockerfile");
        assert_eq!(uri("dir:x"), "dir%3Ax");
    }
}
