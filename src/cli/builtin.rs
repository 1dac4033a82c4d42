//! The engine of this crate: its settings, its build contexts, its rules and fixes, put together.

use super::args::FailOn;
use super::engine::{ConfigText, Created, Engine, Fixed, Linted, Planned, Request, Selection, Upcoming, Wishes};
use super::shellcheck::Asked;
use super::surroundings::config_text;
use super::tree::FolderTree;
use crate::apply;
use crate::config::{self, ConfigErrors, Document, Names, RuleEntry, Settings};
use crate::context::{Context, Memory, Tree, dockerignore, find, repository};
use crate::edit::Applicability;
use crate::facts::{Facts, compiled};
use crate::model::{Dockerfile, Form, Instruction, Kind};
use crate::plan;
use crate::rule::{self, Registry, Rule, RuleMeta};
use crate::shell;
use crate::source::SourceFile;
use rayon::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The root of a context, the ignore file that bears the Dockerfile's own name, and the context's folder
/// in the repository.
type ContextKey = (PathBuf, Option<PathBuf>, Option<String>);

/// The engine of this crate.
#[derive(Debug, Default)]
pub struct Builtin {
    /// Build contexts by root and by the path of the ignore file of a Dockerfile's own, so that a
    /// folder that many Dockerfiles use is walked once.
    contexts: Mutex<HashMap<ContextKey, Arc<Context>>>,
    shellcheck: Asked,
}

/// Said once where files have no build context.
const NO_CONTEXT: &str =
    "no folder has all that COPY and ADD name, so it was not looked at (--context names one, -v says what is missing)";

/// The build context that a file is taken to be built with.
struct Chosen {
    context: Arc<Context>,
    folder: Arc<FolderTree>,
}

/// What to say of a build context.
struct Said {
    note: Option<String>,
    detail: String,
}

/// Settings, and the rules that they speak of.
pub struct Config {
    settings: Settings,
    /// With the config's own rules; none where it has none.
    registry: Option<Registry>,
    /// The config's own rules.
    own: Vec<&'static RuleMeta>,
}

impl Builtin {
    /// One look at a file by all rules, and what to say of it with `--verbose`.
    fn look(&self, source: SourceFile, request: &Request<'_, Config>) -> (apply::Linted, Vec<String>) {
        let file = Dockerfile::parse(source);
        let (chosen, said) = self.context(&file, request);
        let context = chosen.as_ref().map(|chosen| &*chosen.context);
        let mut linted = self.look_within(file, request, context);
        linted.notes.extend(said.note);
        (linted, vec![said.detail])
    }

    /// The same, where the build context is known.
    fn look_within(
        &self,
        mut file: Dockerfile,
        request: &Request<'_, Config>,
        context: Option<&Context>,
    ) -> apply::Linted {
        let settings = request.config.settings.for_file(request.framed);
        let registry = request.config.registry.as_ref().unwrap_or_else(|| Registry::builtin());
        let (found, unasked) = self.shellcheck.look(&file, &settings);
        let mut diagnostics = rule::lint_with(registry, &file, context, &settings, found.as_deref());
        if !request.creates {
            // Shown, so that it is known; what comes through a pipe goes on through one.
            for fix in diagnostics.iter_mut().filter_map(|d| d.fix.as_mut()) {
                if !fix.creates.is_empty() {
                    fix.applicability = Applicability::DisplayOnly;
                }
            }
        }
        file.refusals.extend(rule::failed_checks(&file, &diagnostics));
        let notes = unasked.into_iter().chain(too_large(&file)).collect();
        apply::Linted {
            file,
            diagnostics,
            notes,
        }
    }

    /// The build context of a file, and what to say of it: a note where there is none, else a detail.
    fn context(&self, file: &Dockerfile, request: &Request<'_, Config>) -> (Option<Chosen>, Said) {
        // The note is the same for all files, so that it is said once however many have it.
        let none = |detail: String| {
            let note = copied(file).next().is_some().then(|| NO_CONTEXT.to_owned());
            (None, Said { note, detail })
        };
        let folders: Vec<&dyn Tree> = request.contexts.iter().map(|tree| tree.as_ref() as &dyn Tree).collect();
        let chosen = match request.contexts {
            [named, ..] if request.context_is_named => Some(named),
            all => match find::choose(&folders, copied(file), named(file, request), suiting(file, &folders)) {
                Ok(index) => all.get(index),
                Err(missing) => {
                    let detail = match missing.missing.first() {
                        Some(name) => format!("no build context: no folder on the way up has `{name}`"),
                        None => "no build context".to_owned(),
                    };
                    return none(detail);
                }
            },
        };
        let Some(chosen) = chosen else {
            return none("no build context".to_owned());
        };
        let detail = format!("build context {}", chosen.path().display());
        let chosen = Chosen {
            context: self.open(chosen, request),
            folder: chosen.clone(),
        };
        (Some(chosen), Said { note: None, detail })
    }

    /// The context over a folder for a Dockerfile.
    fn open(&self, tree: &Arc<FolderTree>, request: &Request<'_, Config>) -> Arc<Context> {
        let own = request.path.and_then(own_ignore_file);
        let repository = request.repository.as_ref();
        let folder = repository.and_then(|r| r.path_of(&tree.path().to_string_lossy()));
        let key = (tree.root().to_owned(), own.clone(), folder.clone());
        let mut known = self.contexts.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let name = tree.path().display().to_string();
            let tree: Arc<dyn Tree> = tree.clone();
            let context = match own.as_deref().and_then(ignore_file) {
                Some(file) => Context::with_ignore_file(name, tree, Some(file)),
                None => Context::new(name, tree, None),
            };
            match (repository, folder) {
                (Some(repository), Some(folder)) => context.within(repository.clone(), folder),
                _ => context,
            }
        };
        known.entry(key).or_insert_with(|| Arc::new(make())).clone()
    }
}

/// Whether a file of the repository says that a folder is the context of the Dockerfile.
fn named<'f>(file: &'f Dockerfile, request: &'f Request<'_, Config>) -> impl FnMut(usize) -> bool + 'f {
    let mut known: Option<Vec<PathBuf>> = None;
    let folders = || {
        let repository = request.repository.as_ref()?;
        let path = repository.path_of(file.source.name())?;
        let files = repository.files();
        let speakers = repository::speakers(files, repository::parent(&path)?);
        let root = request.contexts.last()?.root();
        let builds = repository::builds::of(files, &speakers, &path);
        Some(builds.map(|build| root.join(build.context)).collect())
    };
    move |index| {
        let known = known.get_or_insert_with(|| folders().unwrap_or_default());
        let root = request.contexts.get(index).map(|tree| tree.root());
        root.is_some_and(|root| known.iter().any(|folder| folder.components().eq(root.components())))
    }
}

/// Whether a folder has anything of what the file compiles: the nearest as far down as may be looked,
/// those above not deep, since all of the repository lies in them.
fn suiting<'f>(file: &'f Dockerfile, folders: &'f [&'f dyn Tree]) -> impl FnMut(usize) -> bool + 'f {
    let mut compiled = None;
    move |index| {
        let compiled = compiled.get_or_insert_with(|| compiled::compiled(&Facts::new(file, None)));
        let depth = if index == 0 { 8 } else { 1 };
        let folder = folders.get(index);
        // Where nothing is compiled, the nearest folder suits as any.
        compiled.is_empty() || folder.is_some_and(|folder| compiled::has_any(*folder, compiled, depth) != Some(false))
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
    let text = config_text(path, "config").ok()?;
    Some(crate::context::IgnoreFile {
        path: path.to_string_lossy().into_owned(),
        text,
    })
}

/// Reads the rules that a config brings along.
///
/// # Errors
/// The first rule file that cannot be used, with the place where the reader knows it.
fn user_rules(document: &Document) -> Result<Vec<&'static Rule>, miette::Report> {
    let mut rules: Vec<&'static Rule> = Vec::new();
    for path in document.user_rules() {
        let fault = |place: &str, why: &str| miette::miette!("{path}{place}: {why}");
        let text = config_text(Path::new(path), "rule").map_err(|why| fault("", &why))?;
        let id = Path::new(path)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if Registry::builtin().find(id).is_some_and(|rule| rule.id == id) {
            return Err(fault(
                "",
                &format!("`{id}` is a built-in rule; give the file another name"),
            ));
        }
        if rules.iter().any(|rule| rule.meta.id == id) {
            return Err(fault(
                "",
                &format!("there are two rule files for `{id}`; give one another name"),
            ));
        }
        rules.push(rule::user::load(id, &text).map_err(|error| {
            let place = error
                .place()
                .map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
            fault(&place, &error.to_string())
        })?);
    }
    Ok(rules)
}

/// What to say of the first RUN whose script is too large, or made too deep, to be read.
fn too_large(file: &Dockerfile) -> Option<String> {
    let is_too_large = |instruction: &&Instruction| match &instruction.inner().kind {
        Kind::Run { form, heredocs, .. } => {
            let body = match form {
                Form::Shell(word) => Some(word.span),
                Form::Exec(_) => None,
            };
            let mut bodies = heredocs.iter().map(|heredoc| heredoc.body).chain(body);
            bodies.any(|body| shell::is_beyond(file.source.slice(body)))
        }
        _ => false,
    };
    let found = file.instructions.iter().find(is_too_large)?;
    Some(format!(
        "the script in line {} is larger than {} KiB, or has more pipes or brackets than any real one, so its commands were not looked at",
        file.source.lines().line(found.span.start),
        shell::MAX_BODY >> 10
    ))
}

/// One error is drawn as itself, several under a common heading.
fn drawn_alone(errors: ConfigErrors) -> miette::Report {
    match errors.errors() {
        [error] => miette::Report::new(error.clone()),
        _ => miette::Report::new(errors),
    }
}

impl Engine for Builtin {
    type Config = Config;

    fn rules(&self) -> Vec<&'static RuleMeta> {
        Registry::builtin().rules().collect()
    }

    fn config(&self, text: Option<ConfigText>, selection: &Selection) -> Result<Config, miette::Report> {
        let document = match text {
            None => None,
            Some(text) => {
                let path = text.path.to_string_lossy();
                let document = if text.hadolint {
                    config::hadolint::read(&path, &text.text)
                } else {
                    Document::read(&path, &text.text, &|path| config_text(Path::new(path), "config"))
                };
                Some(document.map_err(drawn_alone)?)
            }
        };
        let user = match &document {
            Some(document) => user_rules(document)?,
            None => Vec::new(),
        };
        let own = user.iter().map(|rule| rule.meta).collect();
        let registry = if user.is_empty() {
            None
        } else {
            Some(Registry::with(user))
        };
        let known_rules = registry.as_ref().unwrap_or_else(|| Registry::builtin());
        let known: Vec<&str> = known_rules
            .rules()
            .flat_map(|rule| rule.aliases.iter().copied().chain([rule.id]))
            .collect();
        let options = |id: &str| {
            known_rules.find(id).map_or(Vec::new(), |rule| {
                rule.options.iter().map(|o| (o.name, o.kind)).collect()
            })
        };
        let categories = known_rules.categories();
        let names = Names {
            resolve: &|name| {
                let own = known_rules.matching(name).into_iter().map(|rule| rule.meta.id);
                own.chain(rule::shellcheck::code(name).map(|code| code.id)).collect()
            },
            known: &known,
            categories: &categories,
            options: &options,
        };
        let mut settings = match document {
            Some(document) => document.check(&names).map_err(drawn_alone)?,
            None => Settings::default(),
        };
        if let Some(shellcheck) = selection.shellcheck {
            settings.shellcheck = shellcheck;
        }
        settings.stages.level = selection.level.unwrap_or(settings.stages.level);
        settings.stages.rewrite = selection.rewrite.unwrap_or(settings.stages.rewrite);
        self.shellcheck.require(settings.shellcheck)?;
        if !selection.select.is_empty() {
            let words = selection.select.iter().map(String::as_str);
            settings
                .select_only(words, &names)
                .map_err(|error| miette::miette!("--select: {error}"))?;
        }
        let words = selection.ignore.iter().map(String::as_str);
        settings
            .ignore_also(words, &names)
            .map_err(|error| miette::miette!("--ignore: {error}"))?;
        Ok(Config {
            settings,
            registry,
            own,
        })
    }

    fn config_rules(&self, config: &Config) -> Vec<&'static RuleMeta> {
        config.own.clone()
    }

    fn wishes(&self, config: &Config) -> Wishes {
        let settings = &config.settings;
        Wishes {
            fail_on: settings.fail_on.map(|fail_on| match fail_on {
                config::FailOn::Never => FailOn::Never,
                config::FailOn::At(config::Level::Style) => FailOn::Style,
                config::FailOn::At(config::Level::Info) => FailOn::Info,
                config::FailOn::At(config::Level::Warning) => FailOn::Warning,
                config::FailOn::At(config::Level::Error) => FailOn::Error,
            }),
            context: settings.context.as_ref().map(PathBuf::from),
            registries: settings.registries.clone(),
            notices: settings.notices.clone(),
            verify: settings.verify.clone(),
        }
    }

    fn excludes(&self, config: &Config, framed: &str) -> bool {
        config.settings.excludes_file(framed)
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
        serde_json::to_string_pretty(&config::schema(&entries, &Registry::builtin().categories())).unwrap_or_default()
            + "\n"
    }

    fn prepares(&self, config: &Config) -> bool {
        config.settings.shellcheck != config::ShellCheck::Off
    }

    fn prepare(&self, files: Vec<Upcoming<Config>>) {
        let scripts = files.into_par_iter().flat_map_iter(|file| {
            let settings = file.config.settings.for_file(&file.framed);
            Asked::scripts(&Dockerfile::parse(file.source), &settings)
        });
        self.shellcheck.prepare(&scripts.collect::<Vec<_>>());
    }

    fn lint(&self, source: SourceFile, request: &Request<'_, Config>) -> Linted {
        let (linted, details) = self.look(source, request);
        Linted {
            source: linted.file.source,
            diagnostics: linted.diagnostics,
            refusals: linted.file.refusals,
            notes: linted.notes,
            details,
        }
    }

    fn plan(&self, source: SourceFile, request: &Request<'_, Config>) -> Planned {
        let file = Dockerfile::parse(source);
        let (context, said) = self.context(&file, request);
        let facts = Facts::new(&file, context.as_ref().map(|chosen| &*chosen.context));
        let options = plan::Options {
            observed: request.observed.to_vec(),
            ..(&request.config.settings.stages).into()
        };
        let mut plan = plan::plan(&facts, &options);
        plan.untested = plan::untested::untested(&facts);
        Planned {
            file,
            plan,
            notes: said.note.into_iter().collect(),
        }
    }

    fn fix(&self, source: SourceFile, request: &Request<'_, Config>, level: Applicability) -> Fixed {
        let original = source.clone();
        // What is said of the last pass holds for the text that is kept.
        let details = RefCell::new(Vec::new());
        let fixed = apply::fix(source, level, &|source| {
            let (linted, said) = self.look(source, request);
            details.replace(said);
            linted
        });
        let mut linted = fixed.linted;
        let mut created = Vec::new();
        if !fixed.created.is_empty()
            && let (Some(chosen), _) = self.context(&linted.file, request)
        {
            // What is found once the new files are there.
            let files = Memory::new(fixed.created.iter().map(|new| (&new.path, &new.text)));
            let context = chosen.context.with_files(files);
            linted = self.look_within(Dockerfile::parse(linted.file.source), request, Some(&context));
            created.extend(fixed.created.into_iter().map(|file| Created {
                folder: chosen.folder.root().to_owned(),
                shown: chosen.folder.path().to_owned(),
                file,
            }));
        }
        Fixed {
            original,
            source: linted.file.source,
            applied: fixed.applied,
            created,
            skipped: fixed.skipped,
            remaining: linted.diagnostics,
            refusals: linted.file.refusals,
            notes: linted.notes,
            details: details.into_inner(),
        }
    }
}
