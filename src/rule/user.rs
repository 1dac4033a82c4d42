//! Rules that a user brings: files of the same shape as `rules/*.yaml`, declarative only. They are
//! read once a process and leaked, so that they are of the same type as the built-in ones.

use super::check::{Check, Rule};
use super::diagnostic::Severity;
use super::matcher::{Cond, EditTemplate, FixTemplate, Matcher, Op, Part, Pattern, Template};
use super::meta::{Example, OptionSpec, RuleMeta, Yield};
use super::registry;
use super::schema::{
    self, CondFile, EditFile, FixFile, Hook, Level, MatchFile, Piece, RuleFile, TestFile, Trust, YieldFile,
};
use crate::config::nearest;
use crate::edit::{Applicability, Effect};
use serde::Deserialize;
use thiserror::Error;

/// Why a rule file cannot be used.
#[derive(Debug, Error)]
pub enum RuleError {
    /// Not YAML of the right shape.
    #[error("{}", said(.0))]
    Shape(#[from] serde_yaml::Error),
    /// Well-formed, but not a rule.
    #[error("{0}")]
    Meaning(String),
}

impl RuleError {
    /// Line and column, from 1, where the reader knows them.
    pub fn place(&self) -> Option<(usize, usize)> {
        match self {
            RuleError::Shape(error) => error.location().map(|l| (l.line(), l.column())),
            RuleError::Meaning(_) => None,
        }
    }
}

/// The reader's words without the place, which stands in front of them; instead of all the names that
/// could stand there, the one that was meant.
fn said(error: &serde_yaml::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said);
    let Some((wrong, names)) = text.split_once(", expected one of ") else {
        return text.to_owned();
    };
    let quoted = |text: &str| -> Vec<String> { text.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    let names = quoted(names);
    match quoted(wrong)
        .last()
        .and_then(|word| nearest(word, names.iter().map(String::as_str)))
    {
        Some(near) => format!("{wrong}; did you mean `{near}`?"),
        None => text.to_owned(),
    }
}

fn meaning<T>(text: impl Into<String>) -> Result<T, RuleError> {
    Err(RuleError::Meaning(text.into()))
}

/// Reads the rule `id` from the text of its file.
///
/// # Errors
/// If the text is no rule file, asks for Rust code, or has a pattern or template that cannot be read.
pub fn load(id: &str, text: &str) -> Result<&'static Rule, RuleError> {
    if id.is_empty()
        || id
            .chars()
            .any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
    {
        return meaning(format!(
            "`{id}` is no rule id: name the file in lower-case words with `-` between them"
        ));
    }
    let file: RuleFile = serde_yaml::from_str(text)?;
    if file.check.is_some() {
        return meaning("`check: rust` is for mbopt's own rules; write `match:`");
    }
    let Some(matcher_file) = &file.matcher else {
        return meaning("`match:` is missing");
    };
    let compiled = matcher(&file, matcher_file)?;
    let fixable = file.fix.as_ref().map(|f| trust(f.applicability));
    if fixable.is_some() && file.docs.fix_safety.is_none() {
        return meaning("has a fix, so `docs.fix-safety` is needed");
    }
    let meta = RuleMeta {
        id: leak(id),
        summary: leak(&file.summary),
        category: leak(&format!("{:?}", file.category).to_lowercase()),
        severity: match file.severity {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Info => Severity::Info,
            Level::Style => Severity::Style,
        },
        enabled: file.enabled,
        aliases: leak_all(&file.aliases),
        yields_to: yields(&file)?,
        what: leak(&file.docs.what),
        why: leak(&file.docs.why),
        fixable,
        fix_safety: leak(file.docs.fix_safety.as_deref().unwrap_or_default()),
        options: leak_slice(file.options.iter().map(|(name, option)| OptionSpec {
            name: leak(name),
            kind: leak(&format!("{:?}", option.kind).to_lowercase()),
            default: leak(serde_yaml::to_string(&option.default).unwrap_or_default().trim()),
            what: leak(&option.what),
        })),
        references: leak_all(&file.references),
        examples: leak_slice(file.examples.iter().map(|e| {
            Example {
                title: leak(&e.title),
                bad: leak(&e.bad),
                good: leak(&e.good),
                context: leak_slice(e.context.iter().map(|(path, content)| (leak(path), leak(content)))),
                creates: leak_slice(e.creates.iter().map(|(path, content)| (leak(path), leak(content)))),
                options: leak_slice(
                    e.options
                        .iter()
                        .map(|(name, value)| (leak(name), leak(&serde_yaml::to_string(value).unwrap_or_default()))),
                ),
            }
        })),
    };
    let hooks: &'static [Hook] = leak_slice([compiled.on]);
    Ok(Box::leak(Box::new(Rule {
        meta: Box::leak(Box::new(meta)),
        hooks,
        check: Check::Match(Box::leak(Box::new(compiled))),
    })))
}

/// What the rule leaves to built-in rules; others have no names that are sure.
fn yields(file: &RuleFile) -> Result<&'static [Yield], RuleError> {
    let mut out = Vec::new();
    for file in &file.yields_to {
        let (make, others): (fn(&'static str) -> Yield, _) = match file {
            YieldFile::SameWords(others) => (Yield::SameWords, others),
            YieldFile::SameFile(others) => (Yield::SameFile, others),
            YieldFile::MendedBy(others) => (Yield::MendedBy, others),
            YieldFile::Refusal => {
                out.push(Yield::Refusal);
                continue;
            }
        };
        for other in others {
            match registry::find(other).filter(|rule| rule.meta.id == other) {
                Some(rule) => out.push(make(rule.meta.id)),
                None => return meaning(format!("yields to `{other}`, which is no built-in rule's id")),
            }
        }
    }
    Ok(leak_slice(out))
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.trim().to_owned().into_boxed_str())
}

fn leak_all(texts: &[String]) -> &'static [&'static str] {
    leak_slice(texts.iter().map(|t| leak(t)))
}

fn leak_slice<T>(items: impl IntoIterator<Item = T>) -> &'static [T] {
    Box::leak(items.into_iter().collect::<Vec<T>>().into_boxed_slice())
}

fn trust(trust: Trust) -> Applicability {
    match trust {
        Trust::Safe => Applicability::Safe,
        Trust::Unsafe => Applicability::Unsafe,
        Trust::DisplayOnly => Applicability::DisplayOnly,
    }
}

fn matcher(rule: &RuleFile, file: &MatchFile) -> Result<Matcher, RuleError> {
    let Some(message) = &rule.message else {
        return meaning("`message:` is missing");
    };
    Ok(Matcher {
        on: file.on,
        keywords: leak_slice(file.keyword.iter().map(|k| leak(&k.to_uppercase()))),
        commands: leak_all(&file.command),
        each: file.each,
        scope: leak_slice(file.scope.iter().copied()),
        when: file.when.as_ref().map_or(Ok(Cond::Always), cond)?,
        at: file.at,
        message: template(message)?,
        help: rule.help.as_deref().map(template).transpose()?,
        fix: rule.fix.as_ref().map(fix).transpose()?,
    })
}

fn cond(file: &CondFile) -> Result<Cond, RuleError> {
    let all = |conds: &[CondFile]| conds.iter().map(cond).collect::<Result<Vec<_>, _>>().map(leak_slice);
    Ok(match file {
        CondFile::All { all: conds } => Cond::All(all(conds)?),
        CondFile::Any { any: conds } => Cond::Any(all(conds)?),
        CondFile::Not { not } => Cond::Not(Box::leak(Box::new(cond(not)?))),
        CondFile::Test(test) => match test.field {
            Some(field) => Cond::Test(field, op(test)?),
            None => return meaning("a test needs `field`"),
        },
    })
}

fn op(test: &TestFile) -> Result<Op, RuleError> {
    let mut ops = Vec::new();
    ops.extend(test.equals.as_deref().map(|t| Op::Equals(leak_exact(t))));
    ops.extend(
        test.one_of
            .as_deref()
            .map(|list| Op::In(leak_slice(list.iter().map(|t| leak_exact(t))))),
    );
    ops.extend(test.prefix.as_deref().map(|t| Op::Prefix(leak_exact(t))));
    ops.extend(test.suffix.as_deref().map(|t| Op::Suffix(leak_exact(t))));
    ops.extend(test.contains.as_deref().map(|t| Op::Contains(leak_exact(t))));
    if let Some(source) = &test.regex {
        if let Err(error) = super::matcher::compile(source) {
            return meaning(format!("`regex: {source}` cannot be read: {error}"));
        }
        ops.push(Op::Regex(Box::leak(Box::new(Pattern::new(leak_exact(source))))));
    }
    ops.extend(test.absent.map(Op::Absent));
    if let Some(limit) = &test.version_below {
        let parts: Result<Vec<u32>, _> = limit.split('.').map(str::parse).collect();
        match parts {
            Ok(parts) => ops.push(Op::VersionBelow(leak_slice(parts))),
            Err(_) => return meaning(format!("`version-below: {limit}` is no dotted number")),
        }
    }
    ops.extend(test.more_than.map(Op::MoreThan));
    match ops.pop() {
        Some(op) if ops.is_empty() => Ok(op),
        _ => meaning(
            "a test needs exactly one of equals, in, prefix, suffix, contains, regex, absent, version-below, more-than",
        ),
    }
}

fn leak_exact(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

fn template(text: &str) -> Result<Template, RuleError> {
    let pieces = schema::template(text.trim()).map_err(RuleError::Meaning)?;
    Ok(Template(leak_slice(pieces.into_iter().map(|piece| match piece {
        Piece::Text(text) => Part::Text(leak_exact(&text)),
        Piece::Field(field, filter) => Part::Field(field, filter),
    }))))
}

fn fix(file: &FixFile) -> Result<FixTemplate, RuleError> {
    let mut effects = Vec::new();
    for name in &file.effects {
        effects.push(Effect::deserialize(serde_yaml::Value::from(name.as_str()))?);
    }
    let mut edits = Vec::new();
    for edit in &file.edits {
        edits.push(match edit {
            EditFile::InsertArg(e) => EditTemplate::InsertArg(e.after, template(&e.text)?),
            EditFile::Replace(e) => EditTemplate::Replace(e.at, template(&e.text)?),
            EditFile::Delete(e) => EditTemplate::Delete(e.at),
            EditFile::Wrap(e) => EditTemplate::Wrap(e.at, leak_exact(&e.before), leak_exact(&e.after)),
            EditFile::AppendCommand(e) => EditTemplate::AppendCommand(template(&e.text)?),
        });
    }
    Ok(FixTemplate {
        title: template(&file.title)?,
        applicability: trust(file.applicability),
        unsafe_when: file.unsafe_when.as_ref().map(cond).transpose()?,
        effects: leak_slice(effects),
        edits: leak_slice(edits),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(yields: &str) -> Result<&'static Rule, RuleError> {
        let text = "summary: s\ncategory: style\nseverity: info\ndocs: {what: w, why: y}\nmessage: m\n\
            match: {on: file}\nexamples: [{bad: 'FROM a'}]\n";
        load("own-rule", &format!("{text}{yields}"))
    }

    #[test]
    fn a_rule_yields_to_built_in_ones_only() {
        let known = registry::RULES[0].meta.id;
        let loaded = rule(&format!("yields-to: [{{same-words: [{known}]}}, refusal]\n")).unwrap();
        assert_eq!(loaded.meta.yields_to, [Yield::SameWords(known), Yield::Refusal]);
        let refused = rule("yields-to: [same-file: [no-such-rule]]\n")
            .err()
            .unwrap()
            .to_string();
        assert_eq!(refused, "yields to `no-such-rule`, which is no built-in rule's id");
    }

    #[test]
    fn a_misspelt_name_is_told_with_the_one_that_is_near() {
        let told = |rest: &str| rule(rest).err().unwrap().to_string();
        assert!(told("hlep: x\n").ends_with("unknown field `hlep`; did you mean `help`?"));
        let far = told("zzzzzzzz: x\n");
        assert!(
            far.contains("expected one of `summary`") && !far.contains("line"),
            "{far}"
        );
    }
}
