//! Settings files and what they mean: a folder a case in `fixtures/config`, with the settings
//! (`mbopt.yaml` or `.hadolint.yaml`), files that they extend, and `expect`:
//!
//! ```text
//! on RULE PATH            the rule runs on the file
//! off RULE PATH           it does not
//! level RULE PATH LEVEL   the settings give it this level (`-`: none)
//! option RULE NAME JSON   an option that holds for all files
//! excluded PATH           the file is not linted
//! included PATH           it is
//! fail-on LEVEL           `never`, or a level
//! registry NAME MIRROR,MIRROR PLAIN-HTTP
//! notice TEXT             a notice contains the text
//! error FILE:LINE:COL MESSAGE [=> HELP]
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::config::{Candidate, ConfigErrors, Document, FailOn, Level, Names, OptionName, Settings, hadolint};
use std::fs;
use std::path::Path;

/// The rules of these tests: id, category, runs by default, alias.
const RULES: [(&str, &str, bool, &str); 5] = [
    ("pin-base-image", "reproducibility", true, "DL3006"),
    ("copy-all-first", "cache", true, "DL9001"),
    ("apt-lists", "size", true, "DL3009"),
    ("label-schema", "style", false, "DL3049"),
    ("trusted-registry", "security", false, "DL3026"),
];
const CATEGORIES: [&str; 5] = ["cache", "reproducibility", "security", "size", "style"];

fn resolve(word: &str) -> Vec<&'static str> {
    RULES
        .iter()
        .filter(|(id, _, _, alias)| *id == word || *alias == word)
        .map(|rule| rule.0)
        .collect()
}

fn options(id: &str) -> Vec<OptionName> {
    match id {
        "pin-base-image" => vec![("allow", "list"), ("digest", "bool"), ("depth", "integer")],
        "trusted-registry" => vec![("trusted-registries", "list")],
        _ => vec![],
    }
}

fn settings(folder: &Path) -> Result<Settings, ConfigErrors> {
    let known: Vec<&str> = RULES.iter().flat_map(|(id, _, _, alias)| [*id, *alias]).collect();
    let names = Names {
        resolve: &resolve,
        known: &known,
        categories: &CATEGORIES,
        options: &options,
    };
    let ours = folder.join("mbopt.yaml");
    if ours.exists() {
        let loader = |path: &str| fs::read_to_string(folder.join(path)).map_err(|_| "there is no such file".to_owned());
        let text = fs::read_to_string(ours).expect("the settings");
        return Document::read("mbopt.yaml", &text, &loader)?.check(&names);
    }
    let text = fs::read_to_string(folder.join(".hadolint.yaml")).expect("the settings");
    hadolint::read(".hadolint.yaml", &text)?.check(&names)
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "info",
        Level::Style => "style",
    }
}

/// Whether the settings do what a line says; else what they do.
fn holds(settings: &Settings, line: &str) -> Result<(), String> {
    let (verb, rest) = line.split_once(' ').expect("a verb");
    let words: Vec<&str> = rest.split(' ').collect();
    let same = |seen: String, wanted: &str| if seen == wanted { Ok(()) } else { Err(seen) };
    let rule = |id: &str| {
        *RULES
            .iter()
            .find(|rule| rule.0 == id)
            .unwrap_or_else(|| panic!("no rule {id}"))
    };
    match verb {
        "on" | "off" => {
            let (id, category, enabled, _) = rule(words[0]);
            let on = settings.is_enabled(Candidate { id, category, enabled }, words[1]);
            same(if on { "on" } else { "off" }.to_owned(), verb)
        }
        "level" => {
            let seen = settings
                .severity_for(rule(words[0]).0, words[1])
                .map_or("-", level_name);
            same(seen.to_owned(), words[2])
        }
        "option" => {
            let seen = settings.option(rule(words[0]).0, words[1]).map(ToString::to_string);
            same(seen.unwrap_or_default(), &words[2..].join(" "))
        }
        "excluded" | "included" => {
            let seen = if settings.excludes_file(rest) {
                "excluded"
            } else {
                "included"
            };
            same(seen.to_owned(), verb)
        }
        "fail-on" => {
            let seen = match settings.fail_on {
                Some(FailOn::At(level)) => level_name(level),
                Some(FailOn::Never) => "never",
                None => "-",
            };
            same(seen.to_owned(), rest)
        }
        "notice" if settings.notices.iter().any(|notice| notice.contains(rest)) => Ok(()),
        "notice" => Err(format!("{:?}", settings.notices)),
        "tester" => same(format!("{:?}", settings.stages.tester).to_lowercase(), rest),
        "stage" => same(settings.stages.name(words[0]).to_owned(), words[1]),
        "registry" => {
            let seen = match settings.registries.0.get(words[0]) {
                Some(registry) => format!("{} {}", registry.mirrors.join(","), registry.plain_http),
                None => "-".to_owned(),
            };
            same(seen.trim().to_owned(), &words[1..].join(" "))
        }
        "context" => same(settings.context.clone().unwrap_or_default(), rest),
        other => panic!("unknown verb {other}"),
    }
}

#[test]
fn every_case_means_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/config");
    let mut cases = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(root).expect("the fixtures") {
        let folder = entry.expect("a case").path();
        let name = folder
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let expect = fs::read_to_string(folder.join("expect")).expect("expect");
        let lines: Vec<&str> = expect
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect();
        assert!(!lines.is_empty(), "{name} expects nothing");
        cases += 1;
        match settings(&folder) {
            Ok(settings) => {
                for line in lines {
                    if let Err(seen) = holds(&settings, line) {
                        wrong.push(format!("{name}: {line}\n    but: {seen}"));
                    }
                }
            }
            Err(errors) => {
                let seen: Vec<String> = errors.errors().iter().map(shown).collect();
                if seen != lines {
                    wrong.push(format!(
                        "{name}: expected\n{}\n  but:\n{}",
                        lines.join("\n"),
                        seen.join("\n")
                    ));
                }
            }
        }
    }
    assert!(cases >= 8, "only {cases} cases were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn shown(error: &mbopt::config::ConfigError) -> String {
    let help = error.advice().map(|help| format!(" => {help}")).unwrap_or_default();
    format!(
        "error {}:{}:{} {error}{help}",
        error.file(),
        error.line(),
        error.column()
    )
}

#[test]
fn flags_go_before_the_file() {
    let known: Vec<&str> = RULES.iter().map(|rule| rule.0).collect();
    let names = Names {
        resolve: &resolve,
        known: &known,
        categories: &CATEGORIES,
        options: &options,
    };
    let text = "ignore: [apt-lists, copy-all-first]\n";
    let document = Document::read("mbopt.yaml", text, &|_| Err(String::new())).expect("settings");
    let mut settings = document.check(&names).expect("names");
    let on = |settings: &Settings| -> Vec<&str> {
        let runs = |(id, category, enabled, _): &(&'static str, &'static str, bool, &str)| {
            settings.is_enabled(
                Candidate {
                    id,
                    category,
                    enabled: *enabled,
                },
                "Dockerfile",
            )
        };
        RULES.iter().filter(|rule| runs(rule)).map(|rule| rule.0).collect()
    };
    assert_eq!(on(&settings), ["pin-base-image"]);
    settings
        .select_only(["DL3009", "cache", "style"], &names)
        .expect("names");
    assert_eq!(
        on(&settings),
        ["apt-lists", "label-schema"],
        "named rules run though the file ignores them"
    );
    settings.ignore_also(["size"], &names).expect("names");
    assert_eq!(on(&settings), ["label-schema"]);
    let unknown = settings.ignore_also(["apt-list"], &names).expect_err("unknown");
    assert_eq!(
        unknown.to_string(),
        "`apt-list` is neither a rule nor a category; did you mean `apt-lists`?"
    );
}

#[test]
fn errors_are_drawn_with_their_place() {
    let errors =
        Document::read("ci/mbopt.yaml", "a: 1\nselct: [x]\n", &|_| Err(String::new())).expect_err("unknown keys");
    let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none());
    let mut drawn = String::new();
    handler.render_report(&mut drawn, &errors).expect("drawn");
    for part in [
        "2 errors",
        "[ci/mbopt.yaml:2:1]",
        "selct: [x]",
        "did you mean `select`?",
    ] {
        assert!(drawn.contains(part), "{part:?} is not in\n{drawn}");
    }
}

proptest::proptest! {
    #[test]
    fn any_settings_are_taken(
        lines in proptest::collection::vec(
            "( {0,2}(extends|select|ignore|severity|fail-on|exclude|overrides|rules|stages|files|names|x)| {0,2}-):? ?[a-z*\\[\\]{}&!'\"|,é-]{0,6}",
            0..8,
        ),
    ) {
        let text = lines.join("\n");
        for read in [
            Document::read("a/mbopt.yaml", &text, &|_| Ok(text.clone())),
            hadolint::read(".hadolint.yaml", &text),
        ] {
            if let Err(errors) = read {
                proptest::prop_assert!(!errors.errors().is_empty());
                for error in errors.errors() {
                    proptest::prop_assert!(error.line() >= 1 && error.line() <= text.lines().count().max(1) + 1);
                }
            }
        }
    }
}
