//! From a document to settings: names of rules, categories and options are looked up.

use super::document::{Document, RawRules, Word};
use super::error::{ConfigErrors, Mark, Place, Problem, report};
use super::nearest::nearest;
use super::settings::{Override, RuleSettings, Selector, Settings};
use serde_json::Value;

/// An option of a rule: its name and its kind (`bool`, `integer`, `string`, `list`).
pub type OptionName = (&'static str, &'static str);

/// The names that settings may use.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// The ids of the rules of this id or alias: another tool's code may be spread over several.
    pub resolve: &'a dyn Fn(&str) -> Vec<&'static str>,
    /// Ids and aliases, for suggestions.
    pub known: &'a [&'a str],
    /// The categories.
    pub categories: &'a [&'static str],
    /// A rule's options by its id.
    pub options: &'a dyn Fn(&str) -> Vec<OptionName>,
}

/// A word that names neither a rule nor a group of rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is neither a rule nor a category{}", suggestion(.near.as_deref()))]
pub struct UnknownName {
    /// As given.
    pub word: String,
    /// What it may have been meant to be.
    pub near: Option<String>,
}

fn suggestion(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

/// Words that select without naming a rule.
const GROUPS: [&str; 2] = ["all", "default"];

impl Names<'_> {
    /// What a word selects: `all`, `default` (what runs without being selected), a category, or
    /// rules by their id or alias.
    ///
    /// # Errors
    /// It is none of them.
    pub fn selectors(&self, word: &str) -> Result<Vec<Selector>, UnknownName> {
        match word {
            "all" | "ALL" => return Ok(vec![Selector::All]),
            "default" => return Ok(vec![Selector::Default]),
            _ => {}
        }
        if let Some(category) = self.categories.iter().find(|category| **category == word) {
            return Ok(vec![Selector::Category(category)]);
        }
        let rules: Vec<Selector> = (self.resolve)(word).into_iter().map(Selector::Rule).collect();
        if !rules.is_empty() {
            return Ok(rules);
        }
        let groups = GROUPS.iter().copied().chain(self.categories.iter().copied());
        let near = nearest(word, self.known.iter().copied().chain(groups));
        Err(UnknownName {
            word: word.to_owned(),
            near: near.map(str::to_owned),
        })
    }
}

impl Document {
    /// Looks all names up.
    ///
    /// # Errors
    /// Rules, categories and options that do not exist, with their places, and option values of the
    /// wrong kind. In settings read from another tool's file, names that are unknown here become a
    /// notice instead.
    pub fn check(&self, names: &Names<'_>) -> Result<Settings, ConfigErrors> {
        let mut checking = Checking {
            names,
            problems: Vec::new(),
            passed_over: Vec::new(),
            lenient: self.lenient,
        };
        let rules = checking.rules(&self.rules);
        let mut overrides = Vec::new();
        for raw in &self.overrides {
            overrides.push(Override {
                files: raw.files.clone(),
                rules: checking.rules(&raw.rules),
            });
        }
        if let Some(errors) = report(&self.sources, checking.problems) {
            return Err(errors);
        }
        let mut notices = self.notices.clone();
        if !checking.passed_over.is_empty() {
            checking.passed_over.sort();
            checking.passed_over.dedup();
            notices.push(format!(
                "no rule here corresponds to: {}",
                checking.passed_over.join(", ")
            ));
        }
        Ok(Settings {
            rules,
            overrides,
            fail_on: self.fail_on,
            exclude: self.exclude.clone(),
            context: self.context.clone(),
            shellcheck: self.shellcheck.unwrap_or_default(),
            stages: self.stages.checked(),
            registries: self.registries.clone(),
            verify: self.verify.clone(),
            format: self.format.clone(),
            comments_disabled: self.comments_disabled,
            notices,
            ..Settings::default()
        })
    }
}

struct Checking<'a> {
    names: &'a Names<'a>,
    problems: Vec<Problem>,
    passed_over: Vec<String>,
    lenient: bool,
}

impl Checking<'_> {
    fn rules(&mut self, raw: &RawRules) -> RuleSettings {
        let mut out = RuleSettings {
            select: raw.select.as_ref().map(|words| self.selectors(words)),
            ignore: self.selectors(&raw.ignore),
            ..RuleSettings::default()
        };
        for (word, level) in &raw.severity {
            for id in self.rules_named(word) {
                out.severity.insert(id, *level);
            }
        }
        for (word, options) in &raw.options {
            let ids = self.rules_named(word);
            for (option, value) in options {
                // Of several rules under one code, the option is for those that have it.
                let has = |id: &&&'static str| (self.names.options)(id).iter().any(|(name, _)| *name == option.text);
                let owners: Vec<&'static str> = ids.iter().filter(has).copied().collect();
                let owners = if owners.is_empty() {
                    ids.iter().take(1).copied().collect()
                } else {
                    owners
                };
                for id in owners {
                    let known = (self.names.options)(id);
                    if self.option(id, &known, option, value) {
                        out.options
                            .entry(id)
                            .or_default()
                            .insert(option.text.clone(), value.clone());
                    }
                }
            }
        }
        out
    }

    fn selectors(&mut self, words: &[Word]) -> Vec<Selector> {
        let mut out = Vec::new();
        for word in words {
            match self.names.selectors(&word.text) {
                Ok(selectors) => out.extend(selectors),
                Err(unknown) => self.unknown(word.mark, &unknown),
            }
        }
        out
    }

    fn rules_named(&mut self, word: &Word) -> Vec<&'static str> {
        let ids = (self.names.resolve)(&word.text);
        if ids.is_empty() {
            let near = nearest(&word.text, self.names.known.iter().copied());
            self.unknown(
                word.mark,
                &UnknownName {
                    word: word.text.clone(),
                    near: near.map(str::to_owned),
                },
            );
        }
        ids
    }

    fn unknown(&mut self, mark: Mark, unknown: &UnknownName) {
        if self.lenient {
            self.passed_over.push(unknown.word.clone());
            return;
        }
        let help = match &unknown.near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`mbopt rules` lists the rules".to_owned(),
        };
        self.problems.push(Problem {
            place: Place::Node(mark),
            message: format!("there is no rule `{}`", unknown.word),
            label: "not a rule's id or alias".to_owned(),
            help: Some(help),
        });
    }

    fn option(&mut self, id: &str, known: &[OptionName], option: &Word, value: &Value) -> bool {
        let mut refuse = |message: String, label: String, help: Option<String>| {
            if !self.lenient {
                self.problems.push(Problem {
                    place: Place::Node(option.mark),
                    message,
                    label,
                    help,
                });
            }
            false
        };
        let Some((_, kind)) = known.iter().find(|(name, _)| *name == option.text) else {
            let near = nearest(&option.text, known.iter().map(|(name, _)| *name));
            let help = match (near, known) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, []) => "the rule has no options".to_owned(),
                (None, known) => {
                    let all: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
                    format!("its options: {}", all.join(", "))
                }
            };
            let message = format!("the rule `{id}` has no option `{}`", option.text);
            return refuse(message, "not an option of this rule".to_owned(), Some(help));
        };
        let fits = match *kind {
            "bool" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "string" => value.is_string(),
            "list" => value.is_array(),
            "map" => value.is_object(),
            _ => true,
        };
        fits || refuse(
            format!("the option `{}` of `{id}` has a value of the wrong kind", option.text),
            format!("this must be of kind {kind}"),
            None,
        )
    }
}
