//! Every example in every rule file is a test: its `bad` is found by exactly this rule (run alone),
//! its fix gives `good`, and `good` is silent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::apply::{self, Linted};
use mbopt::config::{Names, Settings};
use mbopt::context::{Context, Memory};
use mbopt::edit::Applicability;
use mbopt::model::Dockerfile;
use mbopt::rule::meta::Example;
use mbopt::rule::registry::RULES;
use mbopt::rule::schema::Hook;
use mbopt::rule::{Registry, RuleMeta, lint};
use mbopt::source::SourceFile;
use std::sync::Arc;

fn settings_for(ids: &[&str]) -> Settings {
    let registry = Registry::builtin();
    let resolve = |name: &str| registry.find(name).map(|meta| meta.id).into_iter().collect();
    let names = Names {
        resolve: &resolve,
        known: &[],
        categories: &[],
        options: &|_| Vec::new(),
    };
    let mut settings = Settings::default();
    settings.select_only(ids.iter().copied(), &names).unwrap();
    settings
}

fn context_of(example: &Example) -> Option<Context> {
    if example.context.is_empty() {
        return None;
    }
    let tree = Memory::new(example.context.iter().copied());
    Some(Context::new("example", Arc::new(tree), None))
}

fn lint_with(settings: &Settings, context: Option<&Context>, source: SourceFile) -> Linted {
    let file = Dockerfile::parse(source);
    let diagnostics = lint(Registry::builtin(), &file, context, &settings.for_file("Dockerfile"));
    Linted {
        file,
        diagnostics,
        notes: Vec::new(),
    }
}

/// What is wrong with the example, if anything.
fn judge(meta: &RuleMeta, example: &Example) -> Result<(), String> {
    // A rule on comments that silence others needs the others.
    let rule = RULES.iter().find(|r| r.meta.id == meta.id).unwrap();
    let settings = if rule.hooks.contains(&Hook::Suppression) {
        settings_for(&RULES.iter().map(|r| r.meta.id).collect::<Vec<_>>())
    } else {
        settings_for(&[meta.id])
    };
    let mut settings = settings;
    for (name, value) in example.options {
        settings.set_option(meta.id, name, serde_yaml::from_str(value).unwrap());
    }
    let context = context_of(example);
    let check = |source: SourceFile| {
        let mut linted = lint_with(&settings, context.as_ref(), source);
        linted.diagnostics.retain(|d| d.rule.id == meta.id);
        linted
    };
    let messages = |linted: &Linted| {
        linted
            .diagnostics
            .iter()
            .map(|d| d.message.clone())
            .collect::<Vec<_>>()
            .join("; ")
    };
    if !example.good.is_empty() {
        let linted = check(SourceFile::new("Dockerfile", example.good));
        if linted.diagnostics.iter().any(|d| {
            example.bad.is_empty()
                || d.fix
                    .as_ref()
                    .is_some_and(|f| f.applicability != Applicability::DisplayOnly)
        }) {
            return Err(format!("`good` is found: {}\n{}", messages(&linted), example.good));
        }
    }
    // What comes from outside is not there; tests of the program outside look at these.
    if example.bad.is_empty() || rule.hooks.contains(&Hook::Outside) {
        return Ok(());
    }
    let linted = check(SourceFile::new("Dockerfile", example.bad));
    if linted.diagnostics.is_empty() {
        return Err(format!("`bad` is not found\n{}", example.bad));
    }
    for diagnostic in &linted.diagnostics {
        let text = linted.file.source.text();
        if text.get(diagnostic.primary.span.range()).is_none_or(str::is_empty) {
            return Err(format!("the finding underlines nothing: {diagnostic:?}"));
        }
        if diagnostic.message.ends_with('.') || diagnostic.message.is_empty() {
            return Err(format!("not a sentence without a full stop: {}", diagnostic.message));
        }
    }
    let fixed = apply::fix(
        SourceFile::new("Dockerfile", example.bad),
        Applicability::Unsafe,
        &check,
    );
    let text = fixed.linted.file.source.text();
    let created: Vec<(&str, &str)> = fixed
        .created
        .iter()
        .map(|f| (f.path.as_str(), f.text.as_str()))
        .collect();
    if created != example.creates {
        return Err(format!("makes {created:?} instead of {:?}", example.creates));
    }
    if !created.is_empty() {
        // With the new files, nothing is found.
        let files = Memory::new(example.context.iter().chain(example.creates).copied());
        let context = Context::new("example", Arc::new(files), None);
        let linted = lint_with(&settings, Some(&context), SourceFile::new("Dockerfile", example.bad));
        if linted.diagnostics.iter().any(|d| d.rule.id == meta.id) {
            return Err(format!("is still found with {created:?}"));
        }
        return Ok(());
    }
    if !example.good.is_empty() && meta.fixable.is_some_and(|f| f != Applicability::DisplayOnly) && text != example.good
    {
        return Err(format!(
            "fixed to\n{text}\ninstead of\n{}\nskipped: {:?}",
            example.good, fixed.skipped
        ));
    }
    let again = apply::fix(SourceFile::new("Dockerfile", text), Applicability::Unsafe, &check);
    if again.linted.file.source.text() != text {
        return Err(format!(
            "fixing twice gives\n{}\ninstead of\n{text}",
            again.linted.file.source.text()
        ));
    }
    Ok(())
}

#[test]
fn every_example_holds() {
    let mut problems = Vec::new();
    let mut count = 0;
    for meta in Registry::builtin().rules() {
        for example in meta.examples {
            count += 1;
            if let Err(problem) = judge(meta, example) {
                problems.push(format!(
                    "rules/{}.yaml, example `{}`: {problem}",
                    meta.id, example.title
                ));
            }
        }
    }
    assert!(count >= Registry::builtin().rules().count());
    assert!(
        problems.is_empty(),
        "{} of {count} examples fail:\n\n{}",
        problems.len(),
        problems.join("\n\n")
    );
}

#[test]
fn ids_and_aliases_are_told_apart() {
    let registry = Registry::builtin();
    for meta in registry.rules() {
        assert!(!meta.summary.ends_with('.'), "{}: the summary is no sentence", meta.id);
        for alias in meta.aliases {
            assert!(
                registry.rules().all(|other| other.id != *alias),
                "{}: `{alias}` is a rule's id",
                meta.id
            );
        }
    }
}

#[test]
fn at_least_half_of_the_rules_are_declarative() {
    let all = RULES;
    let declarative = all
        .iter()
        .filter(|r| matches!(r.check, mbopt::rule::Check::Match(_)))
        .count();
    assert!(declarative * 2 >= all.len(), "{declarative} of {}", all.len());
}
