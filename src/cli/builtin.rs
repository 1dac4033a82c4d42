//! The engine of this crate: its settings, its build contexts, its rules and fixes, put together.

use super::args::FailOn;
use super::engine::{ConfigText, Engine, Fixed, Linted, Request, Selection, Wishes};
use super::surroundings::config_text;
use super::tree::FolderTree;
use crate::config::{self, ConfigErrors, Document, FileSettings, Names, RuleEntry, Settings};
use crate::context::{Context, Tree, dockerignore, find};
use crate::edit::Applicability;
use crate::model::{Dockerfile, Kind};
use crate::rule::{Diagnostic, RuleMeta};
use crate::source::SourceFile;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The categories of rules.
const CATEGORIES: [&str; 6] = ["size", "cache", "security", "correctness", "reproducibility", "style"];

/// The engine of this crate.
#[derive(Debug, Default)]
pub struct Builtin {
    /// Build contexts by root and by the path of the ignore file of a Dockerfile's own, so that a
    /// folder that many Dockerfiles use is walked once.
    contexts: Mutex<HashMap<(PathBuf, Option<PathBuf>), Arc<Context>>>,
}

impl Builtin {
    /// The build context of a file, and what to say of it: a note where there is none, else a detail.
    fn context(
        &self,
        file: &Dockerfile,
        request: &Request<'_, Settings>,
    ) -> (Option<Arc<Context>>, Result<String, String>) {
        let folders: Vec<&dyn Tree> = request.contexts.iter().map(|tree| tree.as_ref() as &dyn Tree).collect();
        let chosen = match request.contexts {
            [] if copied(file).next().is_none() => {
                return (None, Ok("no build context, and nothing to copy".to_owned()));
            }
            [] => {
                return (
                    None,
                    Err("no build context: what COPY and ADD name was not looked at".to_owned()),
                );
            }
            [named, ..] if request.context_is_named => named,
            all => match find::choose(&folders, copied(file)) {
                Ok(index) => match all.get(index) {
                    Some(chosen) => chosen,
                    None => return (None, Err("no build context".to_owned())),
                },
                Err(missing) => {
                    let message = match missing.missing.first() {
                        Some(name) => format!(
                            "no build context: no folder from here up to the repository's root has `{name}`; --context names one"
                        ),
                        None => "no build context was found; --context names one".to_owned(),
                    };
                    return (None, Err(message));
                }
            },
        };
        let detail = format!("build context {}", chosen.path().display());
        (Some(self.open(chosen, request.path)), Ok(detail))
    }

    /// The context over a folder for a Dockerfile.
    fn open(&self, tree: &Arc<FolderTree>, dockerfile: Option<&Path>) -> Arc<Context> {
        let own = dockerfile.and_then(own_ignore_file);
        let key = (tree.root().to_owned(), own.clone());
        let mut known = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let name = tree.path().display().to_string();
            let tree: Arc<dyn Tree> = tree.clone();
            match own.as_deref().and_then(ignore_file) {
                Some(file) => Context::with_ignore_file(name, tree, Some(file)),
                None => Context::new(name, tree, None),
            }
        };
        known.entry(key).or_insert_with(|| Arc::new(make())).clone()
    }
}

/// What COPY and ADD take from the build context, as written.
fn copied(file: &Dockerfile) -> impl Iterator<Item = &str> {
    let transfers = file
        .instructions
        .iter()
        .filter_map(|instruction| match &instruction.kind {
            Kind::Copy(transfer) | Kind::Add(transfer) if transfer.from.is_none() => Some(transfer),
            _ => None,
        });
    transfers
        .flat_map(|transfer| &transfer.sources)
        .map(|word| word.value.as_str())
}

/// The ignore file that stands beside a Dockerfile and bears its name, if there is one.
fn own_ignore_file(dockerfile: &Path) -> Option<PathBuf> {
    let name = dockerfile.file_name()?.to_str()?;
    let [own, _] = dockerignore::candidates(name);
    let path = dockerfile.with_file_name(own);
    fs::metadata(&path).is_ok_and(|m| m.is_file()).then_some(path)
}

fn ignore_file(path: &Path) -> Option<crate::context::IgnoreFile> {
    let text = config_text(path).ok()?;
    Some(crate::context::IgnoreFile {
        path: path.to_string_lossy().into_owned(),
        text,
    })
}

/// One error is drawn as itself, several under a common heading.
fn drawn_alone(errors: ConfigErrors) -> miette::Report {
    match errors.errors() {
        [error] => miette::Report::new(error.clone()),
        _ => miette::Report::new(errors),
    }
}

/// The findings of all rules; the place where the rule engine is called.
fn findings(_file: &Dockerfile, _context: Option<&Context>, _settings: &FileSettings<'_>) -> Vec<Diagnostic> {
    Vec::new()
}

impl Engine for Builtin {
    type Config = Settings;

    fn rules(&self) -> Vec<&'static RuleMeta> {
        Vec::new()
    }

    fn config(&self, text: Option<ConfigText>, selection: &Selection) -> Result<Settings, miette::Report> {
        let rules = self.rules();
        let find = |name: &str| {
            let by_alias = |rule: &&&RuleMeta| rule.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name));
            rules
                .iter()
                .find(|rule| rule.id == name)
                .or_else(|| rules.iter().find(by_alias))
                .copied()
        };
        let known: Vec<&str> = rules
            .iter()
            .flat_map(|rule| rule.aliases.iter().copied().chain([rule.id]))
            .collect();
        let names = Names {
            resolve: &|name| find(name).map(|rule| rule.id),
            known: &known,
            categories: &CATEGORIES,
            options: &|id| {
                find(id).map_or(Vec::new(), |rule| {
                    rule.options.iter().map(|o| (o.name, o.kind)).collect()
                })
            },
        };
        let mut settings = match text {
            None => Settings::default(),
            Some(text) => {
                let path = text.path.to_string_lossy();
                let document = if text.hadolint {
                    config::hadolint::read(&path, &text.text)
                } else {
                    Document::read(&path, &text.text, &|path| config_text(Path::new(path)))
                };
                document
                    .and_then(|document| document.check(&names))
                    .map_err(drawn_alone)?
            }
        };
        if !selection.select.is_empty() {
            settings
                .select_only(selection.select.iter().map(String::as_str), &names)
                .map_err(|error| miette::miette!("--select: {error}"))?;
        }
        settings
            .ignore_also(selection.ignore.iter().map(String::as_str), &names)
            .map_err(|error| miette::miette!("--ignore: {error}"))?;
        Ok(settings)
    }

    fn wishes(&self, settings: &Settings) -> Wishes {
        Wishes {
            fail_on: settings.fail_on.map(|fail_on| match fail_on {
                config::FailOn::Never => FailOn::Never,
                config::FailOn::At(config::Level::Style) => FailOn::Style,
                config::FailOn::At(config::Level::Info) => FailOn::Info,
                config::FailOn::At(config::Level::Warning) => FailOn::Warning,
                config::FailOn::At(config::Level::Error) => FailOn::Error,
            }),
            context: settings.context.as_ref().map(PathBuf::from),
            notices: settings.notices.clone(),
        }
    }

    fn excludes(&self, settings: &Settings, framed: &str) -> bool {
        settings.excludes_file(framed)
    }

    fn config_schema(&self) -> String {
        let rules = self.rules();
        let options: Vec<Vec<(&str, &str, &str)>> = rules
            .iter()
            .map(|rule| rule.options.iter().map(|o| (o.name, o.kind, o.what)).collect())
            .collect();
        let entries: Vec<RuleEntry<'_>> = rules
            .iter()
            .zip(&options)
            .map(|(rule, options)| RuleEntry {
                id: rule.id,
                summary: rule.summary,
                aliases: rule.aliases,
                options,
            })
            .collect();
        // A value made of strings can be written.
        serde_json::to_string_pretty(&config::schema(&entries, &CATEGORIES)).unwrap_or_default() + "\n"
    }

    fn lint(&self, source: SourceFile, request: &Request<'_, Settings>) -> Linted {
        let file = Dockerfile::parse(source);
        let (context, said) = self.context(&file, request);
        let settings = request.config.for_file(request.framed);
        let diagnostics = findings(&file, context.as_deref(), &settings);
        let (details, notes) = match said {
            Ok(detail) => (vec![detail], Vec::new()),
            Err(note) => (Vec::new(), vec![note]),
        };
        Linted {
            source: file.source,
            diagnostics,
            refusals: file.refusals,
            notes,
            details,
        }
    }

    fn fix(&self, source: SourceFile, request: &Request<'_, Settings>, _level: Applicability) -> Fixed {
        let linted = self.lint(source, request);
        Fixed {
            original: linted.source.clone(),
            source: linted.source,
            applied: Vec::new(),
            skipped: Vec::new(),
            remaining: linted.diagnostics,
            refusals: linted.refusals,
            notes: linted.notes,
            details: linted.details,
        }
    }
}
