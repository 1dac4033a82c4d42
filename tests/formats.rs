//! Reports for programs, read back as those programs read them, over every Dockerfile in `fixtures`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;
use std::path::Path;
use std::process::Command;

fn report(format: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mbopt"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"))
        .args([
            "lint",
            "-q",
            "--no-config",
            "--exit-zero",
            "--select",
            "all",
            "--format",
            format,
            ".",
        ])
        .output()
        .expect("runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// All findings of mbopt's own format with the path of their file.
fn findings() -> Vec<(String, Value)> {
    let document: Value = serde_json::from_str(&report("json")).expect("JSON");
    let mut all = Vec::new();
    for file in document["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap().trim_start_matches("./").to_owned();
        let own = file["findings"].as_array().unwrap();
        all.extend(own.iter().map(|finding| (path.clone(), finding.clone())));
    }
    assert!(all.len() > 300, "only {} findings", all.len());
    all
}

/// A workflow command as GitHub's runner reads it: `::` at the line's beginning, a name, a blank,
/// `key=value` pairs between commas, `::`, the rest of the line; then the escapes are undone.
fn command(line: &str) -> (String, Vec<(String, String)>, String) {
    let undone = |text: &str, property: bool| {
        let mut text = text.replace("%0D", "\r").replace("%0A", "\n");
        if property {
            text = text.replace("%3A", ":").replace("%2C", ",");
        }
        text.replace("%25", "%")
    };
    let rest = line.strip_prefix("::").unwrap_or_else(|| panic!("no command: {line}"));
    let (head, message) = rest
        .split_once("::")
        .unwrap_or_else(|| panic!("no end of the head: {line}"));
    let (name, properties) = head.split_once(' ').expect("properties");
    let properties = properties.split(',').map(|pair| {
        let (key, value) = pair
            .split_once('=')
            .unwrap_or_else(|| panic!("no pair `{pair}`: {line}"));
        (key.to_owned(), undone(value, true))
    });
    (name.to_owned(), properties.collect(), undone(message, false))
}

#[test]
fn workflow_commands_say_what_the_findings_say() {
    let all = findings();
    let text = report("github");
    let commands: Vec<_> = text.lines().map(command).collect();
    let annotations: Vec<_> = commands
        .iter()
        .filter(|c| c.1.iter().any(|(key, _)| key == "line"))
        .collect();
    assert_eq!(annotations.len(), all.len());
    for ((name, properties, message), (path, finding)) in annotations.into_iter().zip(&all) {
        let property = |key: &str| properties.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
        let level = match finding["severity"].as_str().unwrap() {
            "info" | "style" => "notice",
            other => other,
        };
        assert_eq!(name, level);
        assert_eq!(
            property("file").map(|p| p.trim_start_matches("./")),
            Some(path.as_str())
        );
        assert_eq!(property("line"), Some(finding["line"].to_string().as_str()));
        let title = format!("mbopt {}", finding["rule"].as_str().unwrap());
        assert_eq!(property("title"), Some(title.as_str()));
        let help = finding["help"]
            .as_str()
            .map_or(String::new(), |help| format!("\n{help}"));
        assert_eq!(*message, format!("{}{help}", finding["message"].as_str().unwrap()));
        let known = ["file", "line", "endLine", "col", "endColumn", "title"];
        assert!(
            properties.iter().all(|(key, _)| known.contains(&key.as_str())),
            "{properties:?}"
        );
    }
}

#[test]
fn sarif_names_rules_places_and_fixes() {
    let all = findings();
    let document: Value = serde_json::from_str(&report("sarif")).expect("JSON");
    let run = &document["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), all.len());
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for rule in rules {
        assert!(
            rule["help"]["markdown"]
                .as_str()
                .is_some_and(|text| !text.trim().is_empty()),
            "{rule}"
        );
    }
    let mut prints = std::collections::HashSet::new();
    let mut fixes = 0;
    for (result, (path, finding)) in results.iter().zip(&all) {
        assert_eq!(result["ruleId"], finding["rule"]);
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().expect("an index")).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["region"]["startLine"], finding["line"], "{path}");
        assert_eq!(place["region"]["startColumn"], finding["column"], "{path}");
        let edits = finding["fix"]["edits"].as_array().filter(|edits| !edits.is_empty());
        let replacements = result["fixes"][0]["artifactChanges"][0]["replacements"].as_array();
        assert_eq!(replacements.map(Vec::len), edits.map(Vec::len), "{path}");
        for (replacement, edit) in replacements.into_iter().flatten().zip(edits.into_iter().flatten()) {
            fixes += 1;
            assert_eq!(replacement["insertedContent"]["text"], edit["text"]);
            assert_eq!(replacement["deletedRegion"]["startLine"], edit["line"]);
            assert_eq!(replacement["deletedRegion"]["endColumn"], edit["end_column"]);
        }
        let print = result["partialFingerprints"]["primaryLocationLineHash"]
            .as_str()
            .unwrap();
        assert!(prints.insert(print.to_owned()), "{path}: {print} twice");
    }
    assert!(fixes > 50, "only {fixes} edits");
}

#[test]
fn gitlab_gets_distinct_issues() {
    let issues: Vec<Value> = serde_json::from_str(&report("gitlab")).expect("an array");
    assert_eq!(issues.len(), findings().len());
    let prints: std::collections::HashSet<_> = issues.iter().map(|issue| issue["fingerprint"].to_string()).collect();
    assert_eq!(prints.len(), issues.len());
    for issue in &issues {
        assert!(issue["location"]["positions"]["begin"]["line"].as_u64() >= Some(1));
        let severities = ["info", "minor", "major", "critical", "blocker"];
        assert!(severities.contains(&issue["severity"].as_str().unwrap()));
    }
}
