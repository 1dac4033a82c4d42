//! Walks `fixtures/model`: each case is a Dockerfile and what the model must say of it.
//!
//! `expected.yaml` holds any of
//! - `refusals`: phase, line (`~` where BuildKit names none), `at` (the text under the span), `says`
//!   (part of the message); a case without the key must have none;
//! - `stages`: how each stage is understood;
//! - `sees`: variables and settings that the instruction on a line sees (`~`: not set);
//! - `instructions`: one line for each, parts as `name=value`, with the text under the span behind
//!   it where that differs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::model::{Dockerfile, Form, Instruction, Kind, Phase, StageRef};
use mbopt::source::{SourceFile, Span};
use mbopt::syntax::Word;
use mbopt::syntax::expand::Env;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default)]
    refusals: Vec<ExpectedRefusal>,
    stages: Option<Vec<ExpectedStage>>,
    #[serde(default)]
    sees: Vec<Sees>,
    instructions: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedRefusal {
    phase: String,
    line: Option<usize>,
    at: String,
    says: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedStage {
    name: Option<String>,
    base: String,
    image: Option<String>,
    root: Option<String>,
    platform: Option<String>,
    #[serde(default)]
    needs: Vec<usize>,
    #[serde(default)]
    ships: bool,
    #[serde(default)]
    reachable: bool,
    #[serde(default)]
    uses: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sees {
    line: usize,
    #[serde(default)]
    variables: BTreeMap<String, Option<String>>,
    /// Variables that another build can set.
    #[serde(default)]
    settable: Vec<String>,
    user: Option<String>,
    workdir: Option<String>,
    shell: Option<Vec<String>>,
}

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/model");
    let mut cases: Vec<_> = std::fs::read_dir(root)
        .expect("fixtures/model")
        .map(|e| e.expect("an entry").path())
        .collect();
    cases.sort();
    assert!(cases.len() > 20, "the fixtures are there");
    cases
}

#[test]
fn fixtures_are_understood() {
    let mut failures = Vec::new();
    for case in cases() {
        let bytes = std::fs::read(case.join("Dockerfile")).expect("a Dockerfile");
        let yaml = std::fs::read_to_string(case.join("expected.yaml")).expect("expected.yaml");
        let expected: Expected = serde_yaml::from_str(&yaml).unwrap_or_else(|e| panic!("{}: {e}", case.display()));
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", bytes));
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut fail = |what: String| failures.push(format!("{name}: {what}"));
        check_refusals(&file, &expected, &mut fail);
        if let Some(stages) = &expected.stages {
            check_stages(&file, stages, &mut fail);
        }
        for sees in &expected.sees {
            check_sees(&file, sees, &mut fail);
        }
        if let Some(lines) = &expected.instructions {
            let ours: Vec<_> = file.instructions.iter().map(|i| render(&file, i)).collect();
            if &ours != lines {
                fail(format!(
                    "instructions are\n{}",
                    ours.iter().map(|l| format!("  - {l:?}\n")).collect::<String>()
                ));
            }
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

fn check_refusals(file: &Dockerfile, expected: &Expected, fail: &mut dyn FnMut(String)) {
    let describe = |phase: Phase, line: Option<usize>, at: &str| format!("{phase:?} {line:?} {at:?}").to_lowercase();
    let ours: Vec<_> = file
        .refusals
        .iter()
        .map(|r| describe(r.phase, r.line, file.source.slice(r.span)))
        .collect();
    let theirs: Vec<_> = expected
        .refusals
        .iter()
        .map(|r| format!("{} {:?} {:?}", r.phase, r.line, r.at).to_lowercase())
        .collect();
    if ours != theirs {
        fail(format!("refusals are {ours:#?}, not {theirs:#?}"));
    }
    for (refusal, expected) in file.refusals.iter().zip(&expected.refusals) {
        if !refusal.message.contains(&expected.says) {
            fail(format!("`{}` does not say `{}`", refusal.message, expected.says));
        }
    }
}

fn describe(reference: &StageRef) -> String {
    match reference {
        StageRef::Named(id) => format!("stage {}", id.0),
        StageRef::Numbered(id) => format!("number {}", id.0),
        StageRef::Image(image) => format!("image {}", image.text),
        StageRef::Scratch => "scratch".to_owned(),
        StageRef::Unknown => "unknown".to_owned(),
    }
}

fn check_stages(file: &Dockerfile, expected: &[ExpectedStage], fail: &mut dyn FnMut(String)) {
    if file.stages.len() != expected.len() {
        fail(format!("there are {} stages", file.stages.len()));
    }
    for (stage, expected) in file.stages.iter().zip(expected) {
        let n = stage.id.0;
        let mut same = |what: &str, ours: String, theirs: String| {
            if ours != theirs {
                fail(format!("stage {n}: {what} is {ours}, not {theirs}"));
            }
        };
        same("the name", format!("{:?}", stage.name), format!("{:?}", expected.name));
        same("the base", describe(&stage.base), expected.base.clone());
        let text = |image: &Option<mbopt::model::ImageRef>| format!("{:?}", image.as_ref().map(|i| &i.text));
        same("the image", text(&stage.image), format!("{:?}", expected.image));
        let root = if expected.root.is_none() {
            &expected.image
        } else {
            &expected.root
        };
        same("the root", text(&stage.root_image), format!("{root:?}"));
        same(
            "the platform",
            format!("{:?}", stage.platform),
            format!("{:?}", expected.platform),
        );
        let needs: Vec<_> = stage.depends_on.iter().map(|s| s.0).collect();
        same("what it needs", format!("{needs:?}"), format!("{:?}", expected.needs));
        same("whether it ships", stage.ships.to_string(), expected.ships.to_string());
        same(
            "whether it is reachable",
            stage.reachable.to_string(),
            expected.reachable.to_string(),
        );
        let uses: Vec<_> = stage
            .uses
            .iter()
            .map(|u| format!("{:?} {}", u.kind, file.source.slice(u.span)).to_lowercase())
            .collect();
        same("where it is used", format!("{uses:?}"), format!("{:?}", expected.uses));
        if let Some(span) = stage.name_span {
            same(
                "the name's span",
                file.source.slice(span).to_owned(),
                stage.name.clone().unwrap_or_default(),
            );
        }
    }
}

fn check_sees(file: &Dockerfile, sees: &Sees, fail: &mut dyn FnMut(String)) {
    let Some(instruction) = file.instructions.iter().find(|i| i.lines.0 == sees.line) else {
        fail(format!("no instruction begins on line {}", sees.line));
        return;
    };
    let view = file.view_at(instruction.index);
    for (name, value) in &sees.variables {
        let ours = Env::get(&view, name).map(|v| v.into_owned());
        if &ours != value {
            fail(format!("line {}: {name} is {ours:?}, not {value:?}", sees.line));
        }
        let settable = view.get(name).is_some_and(|v| v.settable);
        if settable != sees.settable.contains(name) {
            fail(format!("line {}: {name} settable: {settable}", sees.line));
        }
    }
    let settings = file.settings_at(instruction.index);
    let value = |s: Option<mbopt::model::Setting<str>>| s.map(|s| s.value.map_or("?".to_owned(), |v| v.to_string()));
    for (what, ours, theirs) in [
        ("USER", value(settings.user), &sees.user),
        ("WORKDIR", value(settings.workdir), &sees.workdir),
    ] {
        if &ours != theirs {
            fail(format!("line {}: {what} is {ours:?}, not {theirs:?}", sees.line));
        }
    }
    let shell = settings.shell.and_then(|s| s.value).map(|v| v.to_vec());
    if shell != sees.shell {
        fail(format!("line {}: SHELL is {shell:?}", sees.line));
    }
}

/// An instruction on one line.
fn render(file: &Dockerfile, instruction: &Instruction) -> String {
    let mut out = Out {
        file,
        text: format!("{:?}", instruction.keyword).to_uppercase(),
    };
    for flag in &instruction.flags {
        match &flag.value {
            Some(value) => out.word(&format!("--{}", flag.name), value),
            None => out.part(&format!("--{}", flag.name), "", flag.span),
        }
    }
    match &instruction.kind {
        Kind::From {
            image,
            base,
            platform: _,
            name,
            as_span,
        } => {
            out.part("image", &image.text, image.span);
            if let (Some(tag), Some(span)) = (&image.tag, image.tag_span) {
                out.part("tag", tag, span);
            }
            out.text.push_str(&format!(" on={:?}", describe(base)));
            if let Some(span) = as_span {
                out.part("as", file.source.slice(*span), *span);
            }
            if let Some(name) = name {
                out.word("name", name);
            }
        }
        Kind::Run { form, mounts, heredocs } => {
            for mount in mounts {
                out.text.push_str(&format!(" [mount {}", mount.kind));
                for (key, value) in &mount.options {
                    match value {
                        Some(value) => out.word(key, value),
                        None => out.text.push_str(&format!(" {key}")),
                    }
                }
                if let Some((_, reference)) = &mount.from {
                    out.text.push_str(&format!(" on={:?}", describe(reference)));
                }
                out.text.push(']');
            }
            out.form(form);
            for heredoc in heredocs {
                out.part("heredoc", &heredoc.name, heredoc.body);
            }
        }
        Kind::Copy(transfer) | Kind::Add(transfer) => {
            if let Some((word, reference)) = &transfer.from {
                out.word("from", word);
                out.text.push_str(&format!(" on={:?}", describe(reference)));
            }
            for source in &transfer.sources {
                out.word("source", source);
            }
            for heredoc in &transfer.inline {
                out.part("inline", &heredoc.name, heredoc.body);
            }
            if let Some(destination) = &transfer.destination {
                out.word("to", destination);
            }
        }
        Kind::Env(pairs) | Kind::Label(pairs) | Kind::Arg(pairs) => {
            for pair in pairs {
                out.word(if pair.legacy { "old-key" } else { "key" }, &pair.key);
                if let Some(value) = &pair.value {
                    out.word("value", value);
                }
            }
        }
        Kind::Cmd(form) | Kind::Entrypoint(form) => out.form(form),
        Kind::Healthcheck(mbopt::model::instruction::Healthcheck::None) => out.text.push_str(" none"),
        Kind::Healthcheck(mbopt::model::instruction::Healthcheck::Cmd(form)) => out.form(form),
        Kind::Shell(words) | Kind::Expose(words) | Kind::Volume(words) => {
            words.iter().for_each(|w| out.word("word", w));
        }
        Kind::User(word) | Kind::Workdir(word) | Kind::StopSignal(word) | Kind::Maintainer(word) => {
            out.word("word", word);
        }
        Kind::Onbuild(inner) => out.text.push_str(&format!(" ({})", render(file, inner))),
        Kind::Broken => out.text.push_str(" broken"),
    }
    if instruction.opaque {
        out.text.push_str(" refused");
    }
    out.text
}

struct Out<'a> {
    file: &'a Dockerfile,
    text: String,
}

impl Out<'_> {
    fn word(&mut self, name: &str, word: &Word) {
        self.part(name, &word.value, word.span);
    }

    fn part(&mut self, name: &str, value: &str, span: Span) {
        self.text.push_str(&format!(" {name}={value}"));
        let under = self.file.source.slice(span);
        if under != value {
            self.text.push_str(&format!("<{under}>"));
        }
    }

    fn form(&mut self, form: &Form) {
        match form {
            Form::Shell(word) => self.word("shell", word),
            Form::Exec(words) => words.iter().for_each(|w| self.word("exec", w)),
        }
    }
}

/// Spans lie in the file and on character boundaries, whatever is in it.
#[test]
fn any_cut_of_a_fixture_is_read() {
    for case in cases() {
        let bytes = std::fs::read(case.join("Dockerfile")).expect("a Dockerfile");
        for end in 0..=bytes.len() {
            let mut cut = bytes[..end].to_vec();
            check_spans(SourceFile::new("cut", cut.clone()));
            // A byte that is no UTF-8, a quote, a variable without end.
            cut.extend(b"\xff\"$ {${x");
            cut.extend(&bytes[end..]);
            check_spans(SourceFile::new("mixed", cut));
        }
    }
}

fn check_spans(source: SourceFile) {
    let file = Dockerfile::parse(source);
    let text = file.source.text();
    let check = |span: Span| assert!(text.get(span.range()).is_some(), "{span:?} in {text:?}");
    for refusal in &file.refusals {
        check(refusal.span);
        assert!(
            refusal.line.is_none_or(|l| l >= 1 && l <= file.source.lines().count()),
            "{refusal:?} in {text:?}"
        );
    }
    for instruction in &file.instructions {
        check(instruction.span);
        check(instruction.keyword_span);
        check(instruction.arguments_span);
        assert!(instruction.span.contains(instruction.inner().keyword_span));
        for flag in instruction.flags.iter().chain(&instruction.inner().flags) {
            check(flag.span);
            flag.value.iter().for_each(|v| check(v.span));
        }
        render(&file, instruction);
    }
    for stage in &file.stages {
        stage.uses.iter().for_each(|u| check(u.span));
        stage.name_span.into_iter().for_each(check);
        assert!(stage.depends_on.iter().all(|s| *s < stage.id));
    }
}
