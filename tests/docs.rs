//! The README and the documents: every command in them is run, and prints what stands there.
//!
//! In front of a block stands, in a comment that readers do not see, what is to be done with it:
//!
//! - `<!-- test: folder PATH -->`: the blocks that follow run in a new folder with what lies in PATH
//!   (a path from the repository's root; `empty` for nothing), each seeing what those before it left;
//! - `<!-- test: file NAME -->`: the block's text is written there as NAME;
//! - `<!-- test: skip: REASON -->`: the block is not run;
//! - `<!-- test: code N -->`: the commands of the block end with this code (else with 0 or 1).
//!
//! In outputs `...` on a line of its own stands for any lines, `[..]` for any text within one.
//! `MBOPT_BLESS=1` writes what was printed into the documents.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn copied(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).min_depth(1) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir(target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A folder to run in: a repository of its own, so that nothing above it counts.
fn folder(from: &str) -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("docs").tempdir().unwrap();
    if from != "empty" {
        copied(&root().join(from), folder.path());
    }
    if !folder.path().join(".git").exists() {
        fs::create_dir(folder.path().join(".git")).unwrap();
    }
    folder
}

/// What a command prints, and its exit code.
fn run(command: &str, folder: &Path) -> (String, i32) {
    let program = Path::new(env!("CARGO_BIN_EXE_mbopt")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(program.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
    );
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{command}")])
        .current_dir(folder)
        .env("PATH", path.unwrap())
        .env("COLUMNS", "100")
        .env_remove("CLICOLOR_FORCE")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("bash runs");
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        output.status.code().unwrap_or(-1),
    )
}

/// Whether a line fits another with `[..]` in it.
fn fits_line(wanted: &str, printed: &str) -> bool {
    let mut parts = wanted.split("[..]");
    let Some(rest) = printed.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    let mut rest = rest;
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Whether what was printed fits what stands there.
fn fits(wanted: &[&str], printed: &[&str]) -> bool {
    match wanted.split_first() {
        None => printed.is_empty(),
        Some((&"...", rest)) => (0..=printed.len()).any(|n| fits(rest, &printed[n..])),
        Some((line, rest)) => printed
            .split_first()
            .is_some_and(|(p, more)| fits_line(line, p) && fits(rest, more)),
    }
}

/// One document, looked at from top to bottom. Gives the text as it should be, and what is wrong.
fn checked(name: &str, text: &str, counts: &mut (usize, usize)) -> (String, Vec<String>) {
    let mut out = String::new();
    let mut wrong = Vec::new();
    let mut here: Option<tempfile::TempDir> = None;
    let mut file: Option<String> = None;
    let mut skip = false;
    let mut code_wanted = None;
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if let Some(order) = line
            .trim()
            .strip_prefix("<!-- test: ")
            .and_then(|rest| rest.strip_suffix(" -->"))
        {
            match order.split_once(' ').unwrap_or((order, "")) {
                ("folder", from) => here = Some(folder(from)),
                ("file", name) => file = Some(name.to_owned()),
                ("code", number) => code_wanted = number.parse().ok(),
                ("skip:", reason) if !reason.is_empty() => skip = true,
                _ => wrong.push(format!("{name}:{}: no such order: {order}", number + 1)),
            }
        }
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let mut block = Vec::new();
        for (_, line) in lines.by_ref() {
            if line == "```" {
                break;
            }
            block.push(line);
        }
        let mut written: Vec<String> = block.iter().map(|line| (*line).to_owned()).collect();
        let codes = code_wanted.take().map_or(0..=1, |code| code..=code);
        match (std::mem::take(&mut skip), file.take(), language) {
            (true, _, _) => counts.1 += 1,
            (false, Some(path), _) => {
                let folder = here
                    .as_ref()
                    .unwrap_or_else(|| panic!("{name}:{}: no folder", number + 1));
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, block.join("\n") + "\n").unwrap();
            }
            (false, None, "console") => {
                let Some(folder) = &here else {
                    wrong.push(format!(
                        "{name}:{}: a block with commands, and no folder to run them in",
                        number + 1
                    ));
                    continue;
                };
                written.clear();
                let mut rest = block.as_slice();
                while let Some((first, more)) = rest.split_first() {
                    let command = first
                        .strip_prefix("$ ")
                        .unwrap_or_else(|| panic!("{name}:{}: no `$`: {first}", number + 1));
                    let mut command = command.to_owned();
                    written.push((*first).to_owned());
                    rest = more;
                    while command.ends_with('\\') {
                        let (next, more) = rest.split_first().expect("a continued command goes on");
                        command = format!("{command}\n{next}");
                        written.push((*next).to_owned());
                        rest = more;
                    }
                    let end = rest
                        .iter()
                        .position(|line| line.starts_with("$ "))
                        .unwrap_or(rest.len());
                    let (wanted, more) = rest.split_at(end);
                    rest = more;
                    counts.0 += 1;
                    let (printed, code) = run(&command, folder.path());
                    let printed: Vec<&str> = printed.trim_end().lines().collect();
                    // An empty line before the next command is for the eye.
                    let gap = wanted.last().is_some_and(|line| line.is_empty()) && !rest.is_empty();
                    let wanted = if gap { &wanted[..wanted.len() - 1] } else { wanted };
                    if fits(wanted, &printed) && codes.contains(&code) {
                        written.extend(wanted.iter().map(|line| (*line).to_owned()));
                    } else {
                        wrong.push(format!(
                            "{name}:{}: `{command}` ended with {code} and printed:\n{}",
                            number + 1,
                            printed.join("\n")
                        ));
                        written.extend(printed.iter().map(|line| (*line).to_owned()));
                    }
                    if gap {
                        written.push(String::new());
                    }
                }
            }
            _ => {}
        }
        written.push("```\n".to_owned());
        out.push_str(&written.join("\n"));
    }
    (out, wrong)
}

#[test]
fn commands_print_what_the_documents_say() {
    let mut files = vec![root().join("README.md")];
    files.extend(
        fs::read_dir(root().join("docs"))
            .unwrap()
            .map(|entry| entry.unwrap().path()),
    );
    files.retain(|path| path.extension().is_some_and(|e| e == "md"));
    files.sort();
    let mut counts = (0, 0);
    let mut all = Vec::new();
    for path in files {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let text = fs::read_to_string(&path).unwrap();
        let (out, wrong) = checked(&name, &text, &mut counts);
        if !wrong.is_empty() && std::env::var_os("MBOPT_BLESS").is_some() {
            fs::write(&path, out).unwrap();
        }
        all.extend(wrong);
    }
    println!("{} commands run, {} blocks skipped by name", counts.0, counts.1);
    assert!(counts.0 >= 10);
    assert!(
        all.is_empty(),
        "{}\n(MBOPT_BLESS=1 writes what was printed)",
        all.join("\n\n")
    );
}

/// Variants or fields of a type in a schema's source: name as YAML has it, and what its comment says.
fn described(file: &str, name: &str) -> Vec<(String, String)> {
    let source = syn::parse_file(&fs::read_to_string(root().join(file)).unwrap()).unwrap();
    let kebab = |name: &str| {
        let mut out = String::new();
        for c in name.chars() {
            if c.is_ascii_uppercase() && !out.is_empty() {
                out.push('-');
            }
            out.push(if c == '_' { '-' } else { c.to_ascii_lowercase() });
        }
        out
    };
    let words = |attributes: &[syn::Attribute]| {
        let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        });
        lines.collect::<Vec<_>>().join(" ")
    };
    // `#[serde(rename = "in")]`
    let renamed = |attributes: &[syn::Attribute]| {
        attributes.iter().find_map(|attribute| match &attribute.meta {
            syn::Meta::List(list) if list.path.is_ident("serde") => {
                let tokens = list.tokens.to_string();
                let (_, behind) = tokens.split_once("rename = \"")?;
                behind.split_once('"').map(|(name, _)| name.to_owned())
            }
            _ => None,
        })
    };
    let mut all = Vec::new();
    for item in &source.items {
        match item {
            syn::Item::Enum(item) if item.ident == name => {
                all.extend(
                    item.variants
                        .iter()
                        .map(|v| (kebab(&v.ident.to_string()), words(&v.attrs))),
                );
            }
            syn::Item::Struct(item) if item.ident == name => {
                let named = item.fields.iter().filter_map(|f| {
                    Some((
                        renamed(&f.attrs).unwrap_or(kebab(&f.ident.as_ref()?.to_string())),
                        words(&f.attrs),
                    ))
                });
                // The field is what the tests are of.
                all.extend(named.filter(|(name, _)| name != "field"));
            }
            _ => {}
        }
    }
    assert!(all.len() > 2, "{name}");
    all
}

fn table(rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut out = String::new();
    for (i, row) in rows.into_iter().enumerate() {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
        out.push_str(&format!("| {} |\n", cells.join(" | ")));
        if i == 0 {
            out.push_str(&format!("|{}\n", "---|".repeat(cells.len())));
        }
    }
    out
}

/// What a value of the settings' schema may be.
fn kind(schema: &serde_json::Value) -> String {
    let words = |values: &serde_json::Value| {
        let words = values
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|v| v.as_str())
            .map(|v| format!("`{v}`"));
        words.collect::<Vec<_>>().join(", ")
    };
    match (schema["$ref"].as_str(), schema["type"].as_str()) {
        (Some("#/$defs/selectors"), _) => "rules or groups".to_owned(),
        (Some("#/$defs/words"), _) => "a list of words".to_owned(),
        (Some(other), _) => panic!("{other} is not explained"),
        (None, Some("object")) if schema["properties"].as_object().is_some_and(|all| all.len() > 20) => {
            "by rule".to_owned()
        }
        (None, Some("object")) => "a mapping".to_owned(),
        (None, Some("array")) => "a list".to_owned(),
        (None, Some("boolean")) => "yes or no".to_owned(),
        (None, Some("integer")) => "a number".to_owned(),
        (None, Some("string")) => "a word".to_owned(),
        _ => words(&schema["enum"]),
    }
}

/// The tables that stand between marks in the documents.
fn generated(file: &str, name: &str) -> String {
    let heading = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<String>>();
    let (schema, _) = run("mbopt schema config", &root());
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("a schema");
    match name {
        "keys" => {
            let mut rows = vec![heading(&["key", "value", ""])];
            let mut row = |key: String, value: &serde_json::Value| {
                let what = value["description"].as_str().unwrap_or_default();
                rows.push(vec![format!("`{key}`"), kind(value), what.to_owned()]);
            };
            for (key, value) in schema["properties"].as_object().unwrap() {
                row(key.clone(), value);
                if key == "stages" {
                    for (inner, value) in value["properties"].as_object().unwrap() {
                        row(format!("{key}.{inner}"), value);
                    }
                }
            }
            table(rows)
        }
        "options" => {
            let (rules, _) = run("mbopt rules --format json", &root());
            let rules: serde_json::Value = serde_json::from_str(&rules).expect("rules");
            let mut rows = vec![heading(&["rule", "option", "value", ""])];
            for rule in rules["rules"].as_array().unwrap() {
                for option in rule["options"].as_array().unwrap() {
                    let word = |key: &str| {
                        option[key]
                            .as_str()
                            .map_or_else(|| option[key].to_string(), str::to_owned)
                    };
                    rows.push(vec![
                        format!("`{}`", rule["id"].as_str().unwrap()),
                        format!("`{}`", word("name")),
                        format!("{}, default `{}`", word("kind"), word("default")),
                        word("what"),
                    ]);
                }
            }
            table(rows)
        }
        name => {
            let rows = described(file, name)
                .into_iter()
                .map(|(name, what)| vec![format!("`{name}`"), what]);
            table(std::iter::once(heading(&["", ""])).chain(rows))
        }
    }
}

#[test]
fn generated_tables_are_current() {
    let mut stale = Vec::new();
    let rules = "src/rule/schema.rs";
    let documents = [
        ("configuration.md", rules),
        ("writing-a-rule.md", rules),
        ("adding-an-ecosystem.md", "src/knowledge/ecosystem/schema.rs"),
    ];
    for (name, source) in documents {
        let path = root().join("docs").join(name);
        let text = fs::read_to_string(&path).unwrap();
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some((before, behind)) = rest.split_once("<!-- generated: ") {
            let (what, behind) = behind.split_once(" -->\n").expect("a mark");
            let (_, behind) = behind.split_once("<!-- end -->").expect("an end");
            out.push_str(&format!(
                "{before}<!-- generated: {what} -->\n\n{}\n<!-- end -->",
                generated(source, what)
            ));
            rest = behind;
        }
        out.push_str(rest);
        if out != text {
            if std::env::var_os("MBOPT_BLESS").is_some() {
                fs::write(&path, out).unwrap();
            }
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "{stale:?} (MBOPT_BLESS=1 writes them)");
}

/// A block behind `<!-- same as: PATH -->` is a file of the repository.
#[test]
fn files_that_are_shown_are_those_that_are_there() {
    let mut count = 0;
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "md") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for part in text.split("<!-- same as: ").skip(1) {
            let (file, rest) = part.split_once(" -->\n```").expect("a block");
            let block = rest.split_once('\n').unwrap().1.split_once("```\n").unwrap().0;
            let there = fs::read_to_string(root().join("docs").join(file)).unwrap();
            assert_eq!(there, block, "{}: {file}", path.display());
            count += 1;
        }
    }
    assert!(count >= 2);
}

#[test]
fn links_within_the_repository_lead_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)#:\s]+)(#[^)]*)?\)").unwrap();
    let mut files = vec![
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "editors/vscode/README.md",
    ];
    let docs: Vec<String> = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    files.extend(docs.iter().map(String::as_str).filter(|name| name.ends_with(".md")));
    let mut broken = Vec::new();
    for name in files {
        let path = root().join(name);
        let text = fs::read_to_string(&path).unwrap();
        for found in link.captures_iter(&text) {
            if !path.parent().unwrap().join(&found[1]).exists() {
                broken.push(format!("{name}: {}", &found[1]));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn elisions_stand_for_what_they_should() {
    assert!(fits_line("a [..] b [..]", "a x b y") && !fits_line("a [..] b", "a x c"));
    assert!(fits_line("a", "a") && !fits_line("a", "ab") && fits_line("[..]", ""));
    assert!(fits(&["a", "...", "c"], &["a", "x", "y", "c"]) && fits(&["a", "..."], &["a"]));
    assert!(!fits(&["a", "...", "c"], &["a", "x"]) && !fits(&[], &["a"]));
}
