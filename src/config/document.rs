//! A settings file as written, checked as far as it can be without knowing the rules: keys, types,
//! words and patterns. Files that it extends are read and merged here.

use super::error::{ConfigErrors, Mark, Place, Problem, Source, report};
use super::glob::{PathPattern, clean};
use super::nearest::nearest;
use super::registries::Registries;
use super::yaml::{self, Kind, Node};
use super::{CacheMounts, FailOn, Level, RuntimeBase, ShellCheck, StageLevel, Stages, Tester, Verify};
use serde_json::Value;

/// How the text of another settings file is had: its path as resolved against the file that names
/// it; an error is a sentence for people.
pub type Loader<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// A word and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub text: String,
    pub mark: Mark,
}

/// A pattern and the folder that it is relative to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scoped {
    base: String,
    pattern: PathPattern,
}

impl Scoped {
    /// The path as seen from the settings file's folder; none where it lies elsewhere.
    fn inside<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.base.as_str() {
            "" => Some(path),
            base => path.strip_prefix(base)?.strip_prefix('/'),
        }
    }

    /// Whether a file fits. The path must be cleaned and in the same frame as the settings' own.
    pub fn matches_file(&self, path: &str) -> bool {
        self.inside(path).is_some_and(|path| self.pattern.matches_file(path))
    }

    /// Whether a folder fits, and with it all below.
    pub fn matches_folder(&self, path: &str) -> bool {
        self.inside(path).is_some_and(|path| self.pattern.matches_folder(path))
    }
}

/// Settings of one rule: options by name.
pub(super) type RawOptions = Vec<(Word, Vec<(Word, Value)>)>;

/// What may stand at the top and in an override.
#[derive(Debug, Clone, Default)]
pub(super) struct RawRules {
    pub select: Option<Vec<Word>>,
    pub ignore: Vec<Word>,
    /// None is `off`.
    pub severity: Vec<(Word, Option<Level>)>,
    pub options: RawOptions,
}

#[derive(Debug, Clone)]
pub(super) struct RawOverride {
    pub files: Vec<Scoped>,
    pub rules: RawRules,
}

/// Settings as written, with those that they extend.
#[derive(Debug, Clone, Default)]
pub struct Document {
    pub(super) sources: Vec<Source>,
    pub(super) rules: RawRules,
    pub(super) fail_on: Option<FailOn>,
    pub(super) exclude: Vec<Scoped>,
    pub(super) overrides: Vec<RawOverride>,
    pub(super) user_rules: Vec<String>,
    pub(super) context: Option<String>,
    pub(super) shellcheck: Option<ShellCheck>,
    pub(super) stages: RawStages,
    pub(super) registries: Registries,
    pub(super) verify: Verify,
    pub(super) format: Option<String>,
    pub(super) comments_disabled: bool,
    pub(super) lenient: bool,
    pub(super) notices: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct RawStages {
    pub rewrite: Option<bool>,
    pub names: Vec<(String, String)>,
    pub tester: Option<Tester>,
    pub runtime: Option<RuntimeBase>,
    pub level: Option<StageLevel>,
    pub cache_mounts: Option<CacheMounts>,
}

impl RawStages {
    pub fn checked(&self) -> Stages {
        Stages {
            rewrite: self.rewrite.unwrap_or(true),
            names: self.names.iter().cloned().collect(),
            tester: self.tester.unwrap_or_default(),
            runtime: self.runtime.unwrap_or_default(),
            level: self.level.unwrap_or_default(),
            cache_mounts: self.cache_mounts.unwrap_or_default(),
        }
    }
}

/// The keys at the top, in the order of the documentation.
pub const KEYS: [&str; 14] = [
    "extends",
    "select",
    "ignore",
    "severity",
    "fail-on",
    "exclude",
    "overrides",
    "rules",
    "user-rules",
    "context",
    "shellcheck",
    "stages",
    "registries",
    "verify",
];
const OVERRIDE_KEYS: [&str; 5] = ["files", "select", "ignore", "severity", "rules"];
const STAGES_KEYS: [&str; 6] = ["rewrite", "level", "names", "tester", "runtime", "cache-mounts"];
/// The roles that stages can be named for.
pub const STAGE_ROLES: [&str; 5] = ["base", "builder", "deps", "tester", "runtime"];

/// More files than these are not extended.
const MOST_FILES: usize = 64;

impl Document {
    /// Reads settings and what they extend.
    ///
    /// `name` is the file's path, with `/` between names; it shows in messages, and paths in the
    /// file are relative to its folder. All paths of one run must be in one frame (all absolute, or
    /// all relative to the same folder).
    ///
    /// Merging: what a file extends counts first, in the order given, then the file itself.
    /// `select` and single values replace earlier ones; `severity`, `rules`, `stages` and `registries`
    /// are merged key by key; `ignore`, `exclude`, `overrides` and `user-rules` are added.
    ///
    /// # Errors
    /// Every unknown key and wrong value with its place; a file that cannot be loaded, or that
    /// extends itself by a detour.
    pub fn read(name: &str, text: &str, loader: Loader<'_>) -> Result<Document, ConfigErrors> {
        let mut reading = Reading {
            document: Document::default(),
            problems: Vec::new(),
            open: Vec::new(),
            loader,
        };
        reading.file(name, text.to_owned());
        match report(&reading.document.sources, reading.problems) {
            Some(errors) => Err(errors),
            None => Ok(reading.document),
        }
    }

    /// Paths of files with user rules, resolved against the files that name them. They are to be
    /// loaded before [`check`](Self::check), since settings may speak of their rules.
    pub fn user_rules(&self) -> &[String] {
        &self.user_rules
    }

    /// What the user should be told once.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }
}

/// The folder of a file; `""` for one without.
pub(super) fn folder(name: &str) -> &str {
    name.rsplit_once('/')
        .map_or("", |(folder, _)| if folder.is_empty() { "/" } else { folder })
}

/// A path named in a file in `base`, cleaned.
pub(super) fn resolve(base: &str, path: &str) -> String {
    if path.starts_with('/') || base.is_empty() {
        clean(path)
    } else {
        clean(&format!("{base}/{path}"))
    }
}

struct Reading<'a> {
    document: Document,
    problems: Vec<Problem>,
    /// The files being read, the outermost first.
    open: Vec<String>,
    loader: Loader<'a>,
}

/// One file while it is read.
pub(super) struct Fields<'p> {
    pub file: usize,
    pub problems: &'p mut Vec<Problem>,
}

impl Fields<'_> {
    pub fn mark(&self, node: &Node) -> Mark {
        Mark {
            file: self.file,
            node: node.id,
        }
    }

    pub fn problem(&mut self, node: &Node, message: String, label: impl Into<String>, help: Option<String>) {
        let place = Place::Node(self.mark(node));
        self.problems.push(Problem {
            place,
            message,
            label: label.into(),
            help,
        });
    }

    fn wrong_type(&mut self, node: &Node, what: &str, wanted: &str) {
        let label = format!("this is {}", node.describe());
        self.problem(node, format!("`{what}` must be {wanted}"), label, None);
    }

    /// The entries of a mapping as key, key node and value; nothing counts as empty. Doubled keys
    /// are reported and left out.
    pub fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(String, &'n Node, &'n Node)> {
        let pairs = match &node.kind {
            Kind::Map(pairs) => pairs,
            Kind::Null => return Vec::new(),
            _ => {
                self.wrong_type(node, what, "a mapping of keys to values");
                return Vec::new();
            }
        };
        let mut seen = std::collections::HashSet::new();
        let mut out = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            match key.scalar() {
                Some(name) if seen.insert(name.clone()) => out.push((name, key, value)),
                Some(name) => self.problem(key, format!("the key `{name}` is given twice"), "again here", None),
                None => self.problem(
                    key,
                    format!("a key of `{what}` is {}", key.describe()),
                    "a key must be a word",
                    None,
                ),
            }
        }
        out
    }

    pub fn unknown_key(&mut self, key: &Node, name: &str, known: &[&str], whose: &str) {
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known keys: {}", known.join(", ")),
        };
        self.problem(
            key,
            format!("unknown key `{name}`{whose}"),
            "not known here",
            Some(help),
        );
    }

    /// A word.
    pub fn word(&mut self, node: &Node, what: &str) -> Option<Word> {
        let text = node.scalar().filter(|text| !text.is_empty());
        if text.is_none() {
            self.wrong_type(node, what, "a word");
        }
        Some(Word {
            text: text?,
            mark: self.mark(node),
        })
    }

    /// A list of words; a single word is a list of one, nothing is an empty list.
    pub fn words(&mut self, node: &Node, what: &str) -> Vec<Word> {
        match &node.kind {
            Kind::List(items) => items.iter().filter_map(|item| self.word(item, what)).collect(),
            Kind::Null => Vec::new(),
            Kind::Map(_) => {
                self.wrong_type(node, what, "a list of words");
                Vec::new()
            }
            _ => self.word(node, what).into_iter().collect(),
        }
    }

    /// One of a few words, each with its value.
    pub fn one_of<T: Copy>(&mut self, node: &Node, what: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = node.scalar().unwrap_or_default();
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let shown = choices
            .iter()
            .map(|(word, _)| *word)
            .filter(|word| !matches!(*word, "true" | "false"));
        let shown: Vec<&str> = shown.collect();
        let help = match nearest(&text, shown.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", shown.join(", ")),
        };
        let message = match &node.kind {
            Kind::List(_) | Kind::Map(_) | Kind::Null => {
                format!("`{what}` must be a word, not {}", node.describe())
            }
            _ => format!("`{what}` cannot be `{text}`"),
        };
        self.problem(node, message, "not a value of this key", Some(help));
        None
    }

    pub fn patterns(&mut self, node: &Node, what: &str, base: &str) -> Vec<Scoped> {
        let mut out = Vec::new();
        for word in self.words(node, what) {
            match PathPattern::new(&word.text) {
                Ok(pattern) => out.push(Scoped {
                    base: base.to_owned(),
                    pattern,
                }),
                Err(why) => self.problems.push(Problem {
                    place: Place::Node(word.mark),
                    message: format!("`{}` is no usable pattern", word.text),
                    label: why.to_string(),
                    help: None,
                }),
            }
        }
        out
    }

    fn severity(&mut self, node: &Node) -> Vec<(Word, Option<Level>)> {
        let mut out = Vec::new();
        for (name, key, value) in self.entries(node, "severity") {
            if let Some(level) = self.one_of(value, &format!("severity.{name}"), &LEVELS_AND_OFF) {
                out.push((
                    Word {
                        text: name,
                        mark: self.mark(key),
                    },
                    level,
                ));
            }
        }
        out
    }

    fn options(&mut self, node: &Node) -> RawOptions {
        let mut out = Vec::new();
        for (name, key, value) in self.entries(node, "rules") {
            let mut options = Vec::new();
            for (option, option_key, value) in self.entries(value, &format!("rules.{name}")) {
                options.push((
                    Word {
                        text: option,
                        mark: self.mark(option_key),
                    },
                    value.to_json(),
                ));
            }
            out.push((
                Word {
                    text: name,
                    mark: self.mark(key),
                },
                options,
            ));
        }
        out
    }

    /// Takes one of the keys that the top and overrides share; false where it is none.
    fn rule_key(&mut self, rules: &mut RawRules, name: &str, value: &Node) -> bool {
        match name {
            "select" => rules.select = Some(self.words(value, name)),
            "ignore" => rules.ignore = self.words(value, name),
            "severity" => rules.severity = self.severity(value),
            "rules" => rules.options = self.options(value),
            _ => return false,
        }
        true
    }

    fn overrides(&mut self, node: &Node, base: &str) -> Vec<RawOverride> {
        let items = match &node.kind {
            Kind::List(items) => items.as_slice(),
            Kind::Null => &[],
            _ => {
                self.wrong_type(node, "overrides", "a list");
                &[]
            }
        };
        let mut out = Vec::new();
        for item in items {
            let mut files = None;
            let mut rules = RawRules::default();
            for (name, key, value) in self.entries(item, "overrides") {
                if name == "files" {
                    files = Some(self.patterns(value, "files", base));
                } else if !self.rule_key(&mut rules, &name, value) {
                    self.unknown_key(key, &name, &OVERRIDE_KEYS, " in an override");
                }
            }
            match files {
                Some(files) => out.push(RawOverride { files, rules }),
                None if matches!(item.kind, Kind::Map(_)) => {
                    let help = Some("add `files:` with the patterns of the files that it is for".to_owned());
                    self.problem(
                        item,
                        "an override does not say for which files".to_owned(),
                        "this override",
                        help,
                    );
                }
                None => {}
            }
        }
        out
    }

    fn stages(&mut self, node: &Node) -> RawStages {
        let mut out = RawStages::default();
        for (name, key, value) in self.entries(node, "stages") {
            match name.as_str() {
                "rewrite" => out.rewrite = self.one_of(value, "stages.rewrite", &ON_OFF),
                "level" => {
                    let choices = [
                        ("order", StageLevel::Order),
                        ("slim", StageLevel::Slim),
                        ("application", StageLevel::Application),
                        ("artifacts", StageLevel::Artifacts),
                    ];
                    out.level = self.one_of(value, "stages.level", &choices);
                }
                "tester" => {
                    let choices = [
                        ("leaf", Tester::Leaf),
                        ("gate", Tester::Gate),
                        ("off", Tester::Off),
                        ("false", Tester::Off),
                    ];
                    out.tester = self.one_of(value, "stages.tester", &choices);
                }
                "runtime" => {
                    let choices = [
                        ("smallest", RuntimeBase::Smallest),
                        ("slim", RuntimeBase::Slim),
                        ("same", RuntimeBase::Same),
                    ];
                    out.runtime = self.one_of(value, "stages.runtime", &choices);
                }
                "cache-mounts" => {
                    let choices = [
                        ("auto", CacheMounts::Auto),
                        ("on", CacheMounts::On),
                        ("true", CacheMounts::On),
                        ("off", CacheMounts::Off),
                        ("false", CacheMounts::Off),
                    ];
                    out.cache_mounts = self.one_of(value, "stages.cache-mounts", &choices);
                }
                "names" => out.names = self.stage_names(value),
                _ => self.unknown_key(key, &name, &STAGES_KEYS, " in `stages`"),
            }
        }
        out
    }

    fn stage_names(&mut self, node: &Node) -> Vec<(String, String)> {
        let mut out: Vec<(String, String)> = Vec::new();
        for (role, key, value) in self.entries(node, "stages.names") {
            if !STAGE_ROLES.contains(&role.as_str()) {
                self.unknown_key(key, &role, &STAGE_ROLES, " in `stages.names`");
                continue;
            }
            let Some(word) = self.word(value, &format!("stages.names.{role}")) else {
                continue;
            };
            let name = word.text;
            let mut letters = name.chars();
            let valid = letters.next().is_some_and(|c| c.is_ascii_lowercase())
                && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
                && !matches!(name.as_str(), "scratch" | "context");
            if !valid {
                let help = "a stage's name begins with a small letter and has small letters, digits, `-`, `_` and `.`; \
                            `scratch` and `context` are taken";
                let message = format!("`{name}` cannot name a stage");
                self.problem(value, message, "not a stage name", Some(help.to_owned()));
            } else if let Some((other, _)) = out.iter().find(|(_, taken)| *taken == name) {
                let message = format!("two roles would be called `{name}`");
                let label = format!("`{other}` has this name already");
                self.problem(value, message, label, None);
            } else {
                out.push((role, name));
            }
        }
        out
    }
}

const ON_OFF: [(&str, bool); 4] = [("on", true), ("off", false), ("true", true), ("false", false)];
const LEVELS_AND_OFF: [(&str, Option<Level>); 6] = [
    ("error", Some(Level::Error)),
    ("warning", Some(Level::Warning)),
    ("info", Some(Level::Info)),
    ("style", Some(Level::Style)),
    ("off", None),
    ("false", None),
];
const FAIL_ON: [(&str, FailOn); 5] = [
    ("error", FailOn::At(Level::Error)),
    ("warning", FailOn::At(Level::Warning)),
    ("info", FailOn::At(Level::Info)),
    ("style", FailOn::At(Level::Style)),
    ("never", FailOn::Never),
];

impl Reading<'_> {
    fn file(&mut self, name: &str, text: String) {
        let file = self.document.sources.len();
        self.document.sources.push(Source {
            name: name.to_owned(),
            text: text.clone(),
        });
        let root = match yaml::parse(&text) {
            Ok(root) => root,
            Err(error) => {
                let place = Place::Offset {
                    file,
                    offset: error.offset.unwrap_or(0),
                };
                let message = format!("`{name}` is not valid YAML");
                self.problems.push(Problem {
                    place,
                    message,
                    label: error.message,
                    help: None,
                });
                return;
            }
        };
        let base = folder(name).to_owned();
        let mut fields = Fields {
            file,
            problems: &mut self.problems,
        };
        let entries = fields.entries(&root, "the settings");
        // What is extended counts first, wherever the key stands.
        if let Some((_, _, value)) = entries.iter().find(|(key, ..)| key == "extends") {
            let extended = fields.words(value, "extends");
            self.open.push(clean(name));
            for word in extended {
                self.extend(&base, &word);
            }
            self.open.pop();
        }
        for (key, key_node, value) in entries {
            self.key(file, &base, &key, key_node, value);
        }
    }

    fn extend(&mut self, base: &str, word: &Word) {
        let path = resolve(base, &word.text);
        let mut refuse = |message: String, label: String| {
            self.problems.push(Problem {
                place: Place::Node(word.mark),
                message,
                label,
                help: None,
            });
        };
        if self.open.contains(&path) {
            let mut round = self.open.clone();
            round.push(path.clone());
            refuse(
                format!("`{path}` extends itself"),
                format!("goes round: {}", round.join(" -> ")),
            );
            return;
        }
        if self.document.sources.len() >= MOST_FILES {
            refuse(
                "too many files are extended".to_owned(),
                format!("at most {MOST_FILES} are read"),
            );
            return;
        }
        match (self.loader)(&path) {
            Ok(text) => self.file(&path, text),
            Err(why) => refuse(format!("`{path}` cannot be read"), why),
        }
    }

    fn key(&mut self, file: usize, base: &str, name: &str, key: &Node, value: &Node) {
        let mut fields = Fields {
            file,
            problems: &mut self.problems,
        };
        let document = &mut self.document;
        match name {
            "extends" => {}
            "fail-on" => document.fail_on = fields.one_of(value, name, &FAIL_ON).or(document.fail_on),
            "exclude" => document.exclude.extend(fields.patterns(value, name, base)),
            "overrides" => document.overrides.extend(fields.overrides(value, base)),
            "user-rules" => {
                let paths = fields
                    .words(value, name)
                    .into_iter()
                    .map(|word| resolve(base, &word.text));
                document.user_rules.extend(paths);
            }
            "context" => {
                document.context = fields.word(value, name).map(|word| resolve(base, &word.text));
            }
            "shellcheck" => {
                let choices = [
                    ("off", ShellCheck::Off),
                    ("false", ShellCheck::Off),
                    ("auto", ShellCheck::Auto),
                    ("require", ShellCheck::Require),
                ];
                document.shellcheck = fields.one_of(value, name, &choices);
            }
            "stages" => {
                let stages = fields.stages(value);
                let known = &mut document.stages;
                known.rewrite = stages.rewrite.or(known.rewrite);
                known.tester = stages.tester.or(known.tester);
                known.runtime = stages.runtime.or(known.runtime);
                known.level = stages.level.or(known.level);
                known.cache_mounts = stages.cache_mounts.or(known.cache_mounts);
                known
                    .names
                    .retain(|(role, _)| !stages.names.iter().any(|(own, _)| own == role));
                known.names.extend(stages.names);
            }
            "registries" => document.registries.add(fields.registries(value)),
            "verify" => fields.verify(value, &mut document.verify),
            _ => {
                let mut own = RawRules::default();
                if fields.rule_key(&mut own, name, value) {
                    document.rules.add(own);
                } else {
                    fields.unknown_key(key, name, &KEYS, "");
                }
            }
        }
    }
}

impl RawRules {
    /// Lays later settings over these; equal keys are sorted out when names are known.
    fn add(&mut self, later: RawRules) {
        if later.select.is_some() {
            self.select = later.select;
        }
        self.ignore.extend(later.ignore);
        self.severity.extend(later.severity);
        self.options.extend(later.options);
    }
}
