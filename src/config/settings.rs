//! Checked settings, and what they say of a rule in a file.

use super::check::{Names, UnknownName};
use super::document::Scoped;
use super::glob::clean;
use super::{FailOn, Level, Registries, ShellCheck, Stages, Verify};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// What a word in `select` or `ignore` stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selector {
    /// Every rule.
    All,
    /// The rules that run without being selected.
    Default,
    /// The rules of a category.
    Category(&'static str),
    /// One rule.
    Rule(&'static str),
}

impl Selector {
    fn takes(self, rule: Candidate<'_>, family: &str) -> bool {
        match self {
            Selector::All => true,
            Selector::Default => rule.enabled,
            Selector::Category(category) => category == rule.category,
            Selector::Rule(id) => id == rule.id || id == family,
        }
    }
}

/// What settings need to know of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its category.
    pub category: &'a str,
    /// Whether it runs without being selected.
    pub enabled: bool,
}

/// The part of settings that overrides can change.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct RuleSettings {
    pub select: Option<Vec<Selector>>,
    pub ignore: Vec<Selector>,
    /// None is `off`.
    pub severity: HashMap<&'static str, Option<Level>>,
    pub options: HashMap<&'static str, BTreeMap<String, Value>>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Override {
    pub files: Vec<Scoped>,
    pub rules: RuleSettings,
}

/// Settings in force. The default is what holds without a settings file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub(super) rules: RuleSettings,
    pub(super) overrides: Vec<Override>,
    pub(super) exclude: Vec<Scoped>,
    /// From which level on findings make the exit code 1; none where it is not said.
    pub fail_on: Option<FailOn>,
    /// The build context's folder, resolved against the settings file.
    pub context: Option<String>,
    /// Whether ShellCheck is asked.
    pub shellcheck: ShellCheck,
    /// How rewrites are made.
    pub stages: Stages,
    /// How registries are reached.
    pub registries: Registries,
    /// What is tried on images.
    pub verify: Verify,
    /// An output format that another tool's settings ask for, as written there.
    pub format: Option<String>,
    /// Comments in Dockerfiles suppress nothing.
    pub comments_disabled: bool,
    /// What the user should be told once.
    pub notices: Vec<String>,
    /// `--select`.
    pub(super) only: Option<Vec<Selector>>,
    /// `--ignore`.
    pub(super) never: Vec<Selector>,
}

impl Settings {
    /// Runs only what these words select (`--select`). A rule that is named here by its id or an
    /// alias runs even where the settings file ignores it.
    ///
    /// # Errors
    /// A word that names nothing.
    pub fn select_only<'w>(
        &mut self,
        words: impl IntoIterator<Item = &'w str>,
        names: &Names<'_>,
    ) -> Result<(), UnknownName> {
        let mut selectors = Vec::new();
        for word in words {
            selectors.extend(names.selectors(word)?);
        }
        self.only = Some(selectors);
        Ok(())
    }

    /// Runs nothing that these words select (`--ignore`), whatever else is said.
    ///
    /// # Errors
    /// A word that names nothing.
    pub fn ignore_also<'w>(
        &mut self,
        words: impl IntoIterator<Item = &'w str>,
        names: &Names<'_>,
    ) -> Result<(), UnknownName> {
        for word in words {
            self.never.extend(names.selectors(word)?);
        }
        Ok(())
    }

    /// Whether a file is excluded. The path is in the frame in which the settings file was named.
    pub fn excludes_file(&self, path: &str) -> bool {
        !self.exclude.is_empty() && {
            let path = clean(path);
            self.exclude.iter().any(|pattern| pattern.matches_file(&path))
        }
    }

    /// Whether a folder is excluded with all below.
    pub fn excludes_folder(&self, path: &str) -> bool {
        !self.exclude.is_empty() && {
            let path = clean(path);
            self.exclude.iter().any(|pattern| pattern.matches_folder(&path))
        }
    }

    /// The settings for one file: which overrides hold is found out once.
    pub fn for_file(&self, path: &str) -> FileSettings<'_> {
        let mut layers = Vec::new();
        if !self.overrides.is_empty() {
            let path = clean(path);
            let fits = |o: &&Override| o.files.iter().any(|pattern| pattern.matches_file(&path));
            layers.extend(self.overrides.iter().filter(fits).map(|o| &o.rules));
        }
        FileSettings { settings: self, layers }
    }

    /// Whether a rule runs on a file; see [`FileSettings::is_enabled`].
    pub fn is_enabled(&self, rule: Candidate<'_>, path: &str) -> bool {
        self.for_file(path).is_enabled(rule)
    }

    /// The level that the settings give a rule in a file; none where they leave the rule its own.
    pub fn severity_for(&self, id: &str, path: &str) -> Option<Level> {
        self.for_file(path).severity(id)
    }

    /// Sets a rule's option for all files.
    pub fn set_option(&mut self, id: &'static str, name: &str, value: Value) {
        self.rules.options.entry(id).or_default().insert(name.to_owned(), value);
    }

    /// A rule's option, where it is set for all files.
    pub fn option(&self, id: &str, name: &str) -> Option<&Value> {
        self.rules.options.get(id)?.get(name)
    }
}

/// The settings for one file.
#[derive(Debug, Clone)]
pub struct FileSettings<'a> {
    settings: &'a Settings,
    /// The overrides that hold, in order.
    layers: Vec<&'a RuleSettings>,
}

impl<'a> FileSettings<'a> {
    /// Whether a rule runs.
    ///
    /// In order: `--ignore` says no; `--select` says yes to a rule that it names and no to one that
    /// it does not take; then the file: `select` (without it: what runs by default), `ignore` and
    /// `severity: off`; then each override that holds: its `select` adds, its `ignore` and `off`
    /// take away. The last word counts.
    pub fn is_enabled(&self, rule: Candidate<'_>) -> bool {
        self.is_enabled_in(rule, rule.id)
    }

    /// The same for one code of a rule that has many: what is said of the rule, its `family`, is said
    /// of each of its codes.
    pub fn is_enabled_in(&self, rule: Candidate<'_>, family: &str) -> bool {
        let takes = |list: &[Selector]| list.iter().any(|selector| selector.takes(rule, family));
        let is_off = |rules: &RuleSettings| [rule.id, family].iter().any(|id| rules.severity.get(id) == Some(&None));
        if takes(&self.settings.never) {
            return false;
        }
        let only = self.settings.only.as_deref();
        match only {
            Some(only)
                if only
                    .iter()
                    .any(|s| matches!(s, Selector::Rule(id) if *id == rule.id || *id == family)) =>
            {
                return true;
            }
            Some(only) if !takes(only) => return false,
            _ => {}
        }
        let own = &self.settings.rules;
        let mut enabled = match &own.select {
            _ if only.is_some() => true,
            Some(select) => takes(select),
            None => rule.enabled,
        };
        enabled &= !takes(&own.ignore) && !is_off(own);
        for layer in &self.layers {
            enabled |= layer.select.as_deref().is_some_and(takes);
            enabled &= !takes(&layer.ignore) && !is_off(layer);
        }
        enabled
    }

    /// Whether a rule of which `is_one` holds is selected by name.
    pub fn selects(&self, is_one: &dyn Fn(&str) -> bool) -> bool {
        let named = |s: &Selector| matches!(s, Selector::Rule(id) if is_one(id));
        match &self.settings.only {
            Some(only) => only.iter().any(named),
            None => {
                let lists = self.layers.iter().copied().chain([&self.settings.rules]);
                lists.filter_map(|rules| rules.select.as_ref()).flatten().any(named)
            }
        }
    }

    /// The level that the settings give a rule; none where they leave the rule its own.
    pub fn severity(&self, id: &str) -> Option<Level> {
        self.last_word_first()
            .filter_map(|layer| layer.severity.get(id))
            .find_map(|level| *level)
    }

    /// The overrides that hold, the last one first, and then the file's own rules.
    fn last_word_first(&self) -> impl Iterator<Item = &'a RuleSettings> {
        self.layers.iter().rev().copied().chain([&self.settings.rules])
    }

    /// A rule's option.
    pub fn option(&self, id: &str, name: &str) -> Option<&'a Value> {
        self.last_word_first()
            .filter_map(|layer| layer.options.get(id))
            .find_map(|options| options.get(name))
    }

    /// All settings.
    pub fn settings(&self) -> &'a Settings {
        self.settings
    }
}
