//! One walk over a file: each part is shown to the rules that asked for it.

use super::check::{Check, Cx, Rule};
use super::diagnostic::{Diagnostic, Severity};
use super::evaluate;
use super::fields::Subject;
use super::meta::{Peer, RuleMeta};
use super::registry::RULES;
use super::schema::Hook;
use super::shellcheck::{self, ShellFinding};
use super::suppression;
use super::yielding;
use crate::config::{Candidate, FileSettings};
use crate::context::Context;
use crate::facts::{CommandView, Facts};
use crate::model::{Dockerfile, Instruction, Kind, Phase, Refusal, Stage};
use crate::plan::Plan;
use crate::syntax::suppress;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The rules of a run, and which of them want to see what.
pub struct Registry {
    rules: Vec<&'static Rule>,
    file: Vec<usize>,
    stage: Vec<usize>,
    suppression: Vec<usize>,
    /// By upper-cased keyword; rules for every instruction stand under the empty one.
    instruction: HashMap<&'static str, Vec<usize>>,
    /// By command name; rules for every command stand under the empty one.
    command: HashMap<&'static str, Vec<usize>>,
}

impl Registry {
    /// The built-in rules.
    pub fn builtin() -> &'static Registry {
        static BUILTIN: OnceLock<Registry> = OnceLock::new();
        BUILTIN.get_or_init(|| Registry::new(RULES.iter()))
    }

    /// The built-in rules and a user's own.
    pub fn with(user: impl IntoIterator<Item = &'static Rule>) -> Registry {
        Registry::new(RULES.iter().chain(user))
    }

    fn new(rules: impl Iterator<Item = &'static Rule>) -> Registry {
        let rules: Vec<&'static Rule> = rules.collect();
        let mut registry = Registry {
            rules,
            file: Vec::new(),
            stage: Vec::new(),
            suppression: Vec::new(),
            instruction: HashMap::new(),
            command: HashMap::new(),
        };
        for (index, rule) in registry.rules.clone().into_iter().enumerate() {
            let (keywords, commands): (&[&'static str], &[&'static str]) = match rule.check {
                Check::Match(matcher) => (matcher.keywords, matcher.commands),
                Check::Rust(_) => (&[], &[]),
            };
            for hook in rule.hooks {
                match hook {
                    Hook::File => registry.file.push(index),
                    Hook::Stage => registry.stage.push(index),
                    Hook::Suppression => registry.suppression.push(index),
                    Hook::Outside => {}
                    Hook::Instruction => enter(&mut registry.instruction, keywords, index),
                    Hook::Command => enter(&mut registry.command, commands, index),
                }
            }
        }
        registry
    }

    /// All rules, built-in ones first, each kind sorted by id.
    pub fn rules(&self) -> impl Iterator<Item = &'static RuleMeta> {
        self.rules.iter().map(|rule| rule.meta)
    }

    /// What the rules are about, each once.
    pub fn categories(&self) -> Vec<&'static str> {
        let mut categories: Vec<&'static str> = self.rules().map(|meta| meta.category).collect();
        categories.sort_unstable();
        categories.dedup();
        categories
    }

    /// The rule of this id or alias; aliases are compared without regard to case.
    pub fn find(&self, name: &str) -> Option<&'static RuleMeta> {
        let by_alias = |meta: &&'static RuleMeta| meta.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name));
        self.rules()
            .find(|meta| meta.id == name)
            .or_else(|| self.rules().find(by_alias))
    }

    /// All rules of this id or alias: a peer's code may be spread over several rules.
    pub fn matching(&self, name: &str) -> Vec<&'static Rule> {
        let is_named = |rule: &&&'static Rule| {
            rule.meta.id == name || rule.meta.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
        };
        self.rules.iter().filter(is_named).copied().collect()
    }

    pub(super) fn indices<'r>(&'r self, rules: &'r [&'static Rule]) -> impl Iterator<Item = usize> + 'r {
        (0..self.rules.len()).filter(|&i| rules.iter().any(|rule| std::ptr::eq(*rule, self.rules[i])))
    }
}

fn enter(table: &mut HashMap<&'static str, Vec<usize>>, names: &[&'static str], index: usize) {
    if names.is_empty() {
        table.entry("").or_default().push(index);
    }
    for name in names {
        table.entry(name).or_default().push(index);
    }
}

/// Lints one file: the findings of all rules that the settings enable for it, suppressed ones left
/// out, sorted by place and then by rule.
pub fn lint(
    registry: &Registry,
    file: &Dockerfile,
    context: Option<&Context>,
    settings: &FileSettings<'_>,
) -> Vec<Diagnostic> {
    lint_with(registry, file, context, settings, None)
}

/// The same, with what ShellCheck found; none where it was not asked.
pub fn lint_with(
    registry: &Registry,
    file: &Dockerfile,
    context: Option<&Context>,
    settings: &FileSettings<'_>,
    shellcheck: Option<&[ShellFinding]>,
) -> Vec<Diagnostic> {
    let severities: Vec<Option<Severity>> = registry
        .rules
        .iter()
        .map(|rule| {
            let meta = rule.meta;
            let candidate = Candidate {
                id: meta.id,
                category: meta.category,
                enabled: meta.enabled,
            };
            settings
                .is_enabled(candidate)
                .then(|| settings.severity(meta.id).map_or(meta.severity, Severity::from))
        })
        .collect();
    let facts = Facts::new(file, context);
    let mut out = Vec::new();
    let plan = OnceCell::new();
    let mut walk = Walk {
        registry,
        severities,
        file,
        facts: &facts,
        context,
        settings,
        plan: &plan,
        out: &mut out,
    };
    walk.file();
    if let Some(found) = shellcheck {
        shellcheck::report(settings, found, walk.out);
    }
    walk.suppressions(shellcheck.is_some());
    yielding::settle(&mut out);
    out.sort_by(|a, b| (a.primary.span, a.rule.id).cmp(&(b.primary.span, b.rule.id)));
    out
}

/// The refusal that `# check=error=true` makes of findings: BuildKit then fails the build for what
/// its own checks find.
pub fn failed_checks(file: &Dockerfile, diagnostics: &[Diagnostic]) -> Option<Refusal> {
    let directive = file.lines.directives.iter().find(|d| d.name == "check")?;
    let options = suppress::check_options(&file.source, &file.lines)?;
    if !options.error {
        return None;
    }
    let mut codes: Vec<&str> = diagnostics
        .iter()
        .flat_map(|d| d.rule.codes_of(Peer::BuildKit))
        .collect();
    codes.sort_unstable();
    codes.dedup();
    (!codes.is_empty()).then(|| Refusal {
        phase: Phase::Convert,
        message: format!(
            "the build fails for what its checks find, as `error=true` asks: {}",
            codes.join(", ")
        ),
        span: directive.span,
        line: None,
    })
}

struct Walk<'a> {
    registry: &'a Registry,
    severities: Vec<Option<Severity>>,
    file: &'a Dockerfile,
    facts: &'a Facts<'a>,
    context: Option<&'a Context>,
    settings: &'a FileSettings<'a>,
    plan: &'a OnceCell<Plan>,
    out: &'a mut Vec<Diagnostic>,
}

impl<'a> Walk<'a> {
    /// Shows a subject to the rules of a list.
    fn show(
        &mut self,
        rules: &[usize],
        subject: Subject<'_>,
        inspect: &mut dyn FnMut(&'static dyn super::check::Inspect, &mut Cx<'_>),
    ) {
        for &index in rules {
            let (Some(rule), Some(Some(severity))) = (self.registry.rules.get(index), self.severities.get(index))
            else {
                continue;
            };
            let mut cx = Cx {
                file: self.file,
                facts: self.facts,
                context: self.context,
                settings: self.settings,
                plan: self.plan,
                rule: rule.meta,
                severity: *severity,
                out: self.out,
            };
            match rule.check {
                Check::Rust(check) => inspect(check, &mut cx),
                Check::Match(matcher) => evaluate::run(&mut cx, matcher, subject),
            }
        }
    }

    fn suppressions(&mut self, shellcheck_ran: bool) {
        let found = suppress::suppressions(&self.file.source, &self.file.lines);
        if found.list.is_empty() {
            return;
        }
        let registry = self.registry;
        let judged = suppression::filter(registry, self.file, &found, &self.severities, shellcheck_ran, self.out);
        for judged in &judged {
            self.show(&registry.suppression, self.subject(), &mut |check, cx| {
                check.suppression(cx, judged)
            });
        }
    }

    fn subject(&self) -> Subject<'a> {
        Subject {
            file: self.file,
            facts: self.facts,
            stage: None,
            instruction: None,
            command: None,
            element: None,
        }
    }

    fn file(&mut self) {
        let registry = self.registry;
        self.show(&registry.file, self.subject(), &mut |check, cx| check.file(cx));
        let file = self.file;
        let mut stages = file.stages.iter().peekable();
        for instruction in &file.instructions {
            if let Some(stage) = stages.next_if(|stage| stage.from == instruction.index) {
                self.stage(stage);
            }
            self.instruction(instruction);
        }
    }

    fn stage(&mut self, stage: &'a Stage) {
        let registry = self.registry;
        let subject = Subject {
            stage: Some(stage),
            ..self.subject()
        };
        self.show(&registry.stage, subject, &mut |check, cx| check.stage(cx, stage));
    }

    fn instruction(&mut self, instruction: &'a Instruction) {
        let registry = self.registry;
        let stage = instruction.stage.and_then(|id| self.file.stages.get(id.0));
        let subject = Subject {
            stage,
            instruction: Some(instruction),
            ..self.subject()
        };
        let keyword = instruction.keyword.name();
        for name in ["", keyword] {
            if let Some(rules) = registry.instruction.get(name) {
                self.show(rules, subject, &mut |check, cx| check.instruction(cx, instruction));
            }
        }
        if let Kind::Onbuild(inner) = &instruction.kind {
            self.instruction(inner);
        } else if let Kind::Run { .. } = &instruction.kind {
            for view in self.facts.commands(instruction) {
                self.command(subject, &view);
            }
        }
    }

    fn command(&mut self, subject: Subject<'a>, view: &CommandView<'a>) {
        let registry = self.registry;
        for name in ["", view.name()] {
            if let Some(rules) = registry.command.get(name) {
                let subject = Subject {
                    command: Some(view),
                    ..subject
                };
                self.show(rules, subject, &mut |check, cx| check.command(cx, view));
            }
            if view.name().is_empty() {
                break;
            }
        }
    }
}
