//! Checks `rules/*.yaml` and turns them into the static registry that `src/rule/registry.rs`
//! includes. A rule that is not whole (no such Rust file, an unknown field, a pattern that does not
//! compile, no example) fails the build, and nothing is parsed when the program starts.

use schema::{CondFile, EditFile, Hook, MatchFile, Piece, RuleFile, TestFile, YieldFile};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[allow(dead_code)]
#[path = "src/rule/schema.rs"]
mod schema;

#[allow(dead_code)]
#[path = "src/knowledge/schema.rs"]
mod knowledge;

#[allow(dead_code)]
#[path = "src/knowledge/ecosystem/schema.rs"]
mod ecosystem;

#[cfg(feature = "packed")]
#[path = "build/packed.rs"]
mod packed;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for watched in [
        "rules",
        "src/rule/checks",
        "src/rule/schema.rs",
        "src/knowledge/schema.rs",
        "src/knowledge/schema",
        "src/knowledge/ecosystem/schema.rs",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    println!("cargo::rerun-if-changed={}", root.join("build.rs").display());
    // A static program relocates itself; said in one word each, that is a megabyte more in the file.
    // Linkers that do not know this form say so and go on.
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("musl") {
        println!("cargo::rustc-link-arg=-Wl,-z,pack-relative-relocs");
    }
    #[cfg(feature = "packed")]
    {
        println!("cargo::rerun-if-changed={}", root.join("build/packed.rs").display());
        println!("cargo::rerun-if-changed={}", root.join("Cargo.lock").display());
        if let Err(problem) = packed::pack(&root, &out) {
            println!("cargo::error={problem}");
        }
    }
    match tables(&root) {
        Ok(text) => write(&out.join("knowledge.rs"), &text),
        Err(problem) => println!("cargo::error={problem}"),
    }
    match ecosystems(&root) {
        Ok(text) => write(&out.join("ecosystems.rs"), &text),
        Err(problem) => println!("cargo::error={problem}"),
    }
    match generate(&root) {
        Ok((registry, modules)) => {
            write(&out.join("registry.rs"), &registry);
            write(&out.join("checks.rs"), &modules);
        }
        Err(problems) => {
            for problem in problems {
                println!("cargo::error={problem}");
            }
        }
    }
}

/// The tables of `rules/knowledge/*.yaml`.
fn tables(root: &Path) -> Result<String, String> {
    let read = |name: &str| {
        let path = root.join("rules/knowledge").join(name);
        fs::read_to_string(path).map_err(|e| format!("rules/knowledge/{name}: {e}"))
    };
    let images =
        serde_yaml::from_str(&read("images.yaml")?).map_err(|e| format!("rules/knowledge/images.yaml: {e}"))?;
    let packages =
        serde_yaml::from_str(&read("packages.yaml")?).map_err(|e| format!("rules/knowledge/packages.yaml: {e}"))?;
    let libraries =
        serde_yaml::from_str(&read("libraries.yaml")?).map_err(|e| format!("rules/knowledge/libraries.yaml: {e}"))?;
    let problems = knowledge::check(&images, &packages, &libraries);
    if problems.is_empty() {
        Ok(knowledge::emit(&images, &packages, &libraries))
    } else {
        Err(problems.join("; "))
    }
}

/// The table of `rules/knowledge/ecosystems/*.yaml`.
fn ecosystems(root: &Path) -> Result<String, String> {
    let folder = root.join("rules/knowledge/ecosystems");
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for name in stems(&folder, "yaml") {
        let text = fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap_or_default();
        match serde_yaml::from_str(&text) {
            Ok(file) => {
                problems.extend(ecosystem::check(&name, &file));
                files.push((name, file));
            }
            Err(error) => problems.push(format!("rules/knowledge/ecosystems/{name}.yaml: {error}")),
        }
    }
    if problems.is_empty() {
        Ok(ecosystem::emit(&files))
    } else {
        Err(problems.join("; "))
    }
}

fn write(path: &Path, text: &str) {
    if let Err(error) = fs::write(path, text) {
        println!("cargo::error=cannot write {}: {error}", path.display());
    }
}

/// The stems of the files in `folder` that end in `extension`, sorted.
fn stems(folder: &Path, extension: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}

fn generate(root: &Path) -> Result<(String, String), Vec<String>> {
    let ids = stems(&root.join("rules"), "yaml");
    let checks = stems(&root.join("src/rule/checks"), "rs");
    let mut problems = Vec::new();
    let mut out = Emitter::default();
    let mut modules = String::new();
    for id in &ids {
        let path = root.join("rules").join(format!("{id}.yaml"));
        let has_check = checks.contains(id);
        let text = fs::read_to_string(&path).unwrap_or_default();
        match serde_yaml::from_str::<RuleFile>(&text) {
            Ok(rule) => {
                if let Err(problem) = out.rule(id, &rule, has_check, &ids) {
                    problems.push(format!("rules/{id}.yaml: {problem}"));
                }
            }
            Err(error) => problems.push(format!("rules/{id}.yaml: {error}")),
        }
    }
    for check in &checks {
        if !ids.contains(check) {
            problems.push(format!("src/rule/checks/{check}.rs has no rules/{check}.yaml"));
        }
        let path = root.join("src/rule/checks").join(format!("{check}.rs"));
        let _ = writeln!(
            modules,
            "#[path = {:?}]\npub mod {};",
            path.display().to_string(),
            module(check)
        );
    }
    if problems.is_empty() {
        Ok((out.finish(), modules))
    } else {
        Err(problems)
    }
}

fn module(id: &str) -> String {
    id.replace('-', "_")
}

/// Writes the registry's source.
#[derive(Default)]
struct Emitter {
    patterns: String,
    rules: String,
    /// The one rule for what comes from outside.
    outside: String,
    count: usize,
}

impl Emitter {
    fn finish(self) -> String {
        format!(
            "{}\n/// The rule for what a program outside finds.\npub const OUTSIDE: &str = {:?};\n\
             \n/// Every built-in rule, sorted by id.\npub static RULES: &[Rule] = &[\n{}];\n",
            self.patterns, self.outside, self.rules
        )
    }

    fn rule(&mut self, id: &str, rule: &RuleFile, has_check: bool, ids: &[String]) -> Result<(), String> {
        if id
            .chars()
            .any(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'))
        {
            return Err("the file's name must be kebab-case".into());
        }
        if !rule.examples.iter().any(|e| !e.bad.is_empty()) {
            return Err("needs an example with `bad`".into());
        }
        let (implementation, hooks, fixable) = match (&rule.check, &rule.matcher) {
            (Some(_), None) => {
                if !has_check {
                    return Err(format!("`check: rust`, but there is no src/rule/checks/{id}.rs"));
                }
                if rule.on.is_empty() {
                    return Err("`check: rust` needs `on:`, what the check looks at".into());
                }
                if rule.message.is_some() || rule.help.is_some() || rule.fix.is_some() {
                    return Err("`message`, `help` and `fix` belong to a declarative rule".into());
                }
                (
                    format!("Check::Rust(&checks::{}::Rule)", module(id)),
                    rule.on.clone(),
                    rule.fixable,
                )
            }
            (None, Some(matcher)) => {
                if has_check {
                    return Err(format!("declarative, but there is a src/rule/checks/{id}.rs"));
                }
                if !rule.on.is_empty() || rule.fixable.is_some() {
                    return Err("`on` and `fixable` at the top belong to a Rust check".into());
                }
                let matcher_text = self.matcher(rule, matcher)?;
                (
                    format!("Check::Match(&{matcher_text})"),
                    vec![matcher.on],
                    rule.fix.as_ref().map(|f| f.applicability),
                )
            }
            _ => return Err("needs either `match:` or `check: rust`".into()),
        };
        if fixable.is_some() && rule.docs.fix_safety.is_none() {
            return Err("has a fix, so `docs.fix-safety` is needed".into());
        }
        if hooks.contains(&Hook::Outside) {
            if !self.outside.is_empty() {
                return Err(format!(
                    "`on: outside` is {}'s; there can be one such rule",
                    self.outside
                ));
            }
            self.outside = id.to_owned();
        }
        let fixable = fixable.map_or("None".into(), |f| format!("Some(Applicability::{f:?})"));
        let hooks: String = hooks.iter().map(|hook| format!("Hook::{hook:?}, ")).collect();
        let options: String = rule
            .options
            .iter()
            .map(|(name, option)| {
                let default = serde_yaml::to_string(&option.default).unwrap_or_default();
                let kind = format!("{:?}", option.kind).to_lowercase();
                format!(
                    "OptionSpec {{ name: {name:?}, kind: {kind:?}, default: {:?}, what: {:?} }}, ",
                    default.trim(),
                    option.what.trim()
                )
            })
            .collect();
        let examples: String = rule
            .examples
            .iter()
            .map(|e| {
                let context: Vec<(&String, &String)> = e.context.iter().collect();
                let creates: Vec<(&String, &String)> = e.creates.iter().collect();
                let options: Vec<(&String, String)> = e
                    .options
                    .iter()
                    .map(|(name, value)| (name, serde_yaml::to_string(value).unwrap_or_default()))
                    .collect();
                format!(
                    "Example {{ title: {:?}, bad: {:?}, good: {:?}, context: &{context:?}, creates: &{creates:?}, options: &{options:?} }}, ",
                    e.title, e.bad, e.good
                )
            })
            .collect();
        let _ = writeln!(
            self.rules,
            "Rule {{ meta: &RuleMeta {{ id: {id:?}, summary: {:?}, category: {:?}, severity: Severity::{:?}, enabled: {}, aliases: &{:?}, yields_to: &[{}], what: {:?}, why: {:?}, fixable: {fixable}, fix_safety: {:?}, options: &[{options}], references: &{:?}, examples: &[{examples}] }}, hooks: &[{hooks}], check: {implementation} }},",
            rule.summary.trim(),
            format!("{:?}", rule.category).to_lowercase(),
            rule.severity,
            rule.enabled,
            rule.aliases,
            yields(id, rule, ids)?,
            rule.docs.what.trim(),
            rule.docs.why.trim(),
            rule.docs.fix_safety.as_deref().unwrap_or_default().trim(),
            rule.references,
        );
        Ok(())
    }

    fn matcher(&mut self, rule: &RuleFile, file: &MatchFile) -> Result<String, String> {
        let message = rule.message.as_deref().ok_or("a declarative rule needs `message`")?;
        if !file.keyword.is_empty() && file.on != Hook::Instruction
            || !file.command.is_empty() && file.on != Hook::Command
        {
            return Err("`keyword` needs `on: instruction`, `command` needs `on: command`".into());
        }
        let when = match &file.when {
            Some(cond) => self.cond(cond)?,
            None => "Cond::Always".into(),
        };
        let help = match &rule.help {
            Some(help) => format!("Some({})", template(help)?),
            None => "None".into(),
        };
        let fix = match &rule.fix {
            Some(fix) => {
                let mut edits = String::new();
                for edit in &fix.edits {
                    let text = match edit {
                        EditFile::InsertArg(e) => {
                            format!("EditTemplate::InsertArg(Field::{:?}, {})", e.after, template(&e.text)?)
                        }
                        EditFile::Replace(e) => {
                            format!("EditTemplate::Replace(Field::{:?}, {})", e.at, template(&e.text)?)
                        }
                        EditFile::Delete(e) => format!("EditTemplate::Delete(Field::{:?})", e.at),
                        EditFile::Wrap(e) => {
                            format!("EditTemplate::Wrap(Field::{:?}, {:?}, {:?})", e.at, e.before, e.after)
                        }
                        EditFile::AppendCommand(e) => format!("EditTemplate::AppendCommand({})", template(&e.text)?),
                    };
                    edits.push_str(&text);
                    edits.push_str(", ");
                }
                let unsafe_when = match &fix.unsafe_when {
                    Some(cond) => format!("Some({})", self.cond(cond)?),
                    None => "None".into(),
                };
                let effects: String = fix.effects.iter().map(|e| format!("Effect::{}, ", camel(e))).collect();
                format!(
                    "Some(FixTemplate {{ title: {}, applicability: Applicability::{:?}, unsafe_when: {unsafe_when}, effects: &[{effects}], edits: &[{edits}] }})",
                    template(&fix.title)?,
                    fix.applicability
                )
            }
            None => "None".into(),
        };
        let each = file.each.map_or("None".into(), |e| format!("Some(Each::{e:?})"));
        let at = file.at.map_or("None".into(), |f| format!("Some(Field::{f:?})"));
        let scope: String = file.scope.iter().map(|s| format!("ScopeWord::{s:?}, ")).collect();
        Ok(format!(
            "Matcher {{ on: Hook::{:?}, keywords: &{:?}, commands: &{:?}, each: {each}, scope: &[{scope}], when: {when}, at: {at}, message: {}, help: {help}, fix: {fix} }}",
            file.on,
            file.keyword.iter().map(|k| k.to_uppercase()).collect::<Vec<_>>(),
            file.command,
            template(message)?
        ))
    }

    fn cond(&mut self, cond: &CondFile) -> Result<String, String> {
        Ok(match cond {
            CondFile::All { all } => format!("Cond::All(&[{}])", self.conds(all)?),
            CondFile::Any { any } => format!("Cond::Any(&[{}])", self.conds(any)?),
            CondFile::Not { not } => format!("Cond::Not(&{})", self.cond(not)?),
            CondFile::Test(test) => {
                let field = test.field.ok_or("a test needs `field`")?;
                format!("Cond::Test(Field::{field:?}, {})", self.op(test)?)
            }
        })
    }

    fn conds(&mut self, conds: &[CondFile]) -> Result<String, String> {
        let texts: Result<Vec<String>, String> = conds.iter().map(|c| self.cond(c)).collect();
        Ok(texts?.join(", "))
    }

    fn op(&mut self, test: &TestFile) -> Result<String, String> {
        let mut ops = Vec::new();
        if let Some(text) = &test.equals {
            ops.push(format!("Op::Equals({text:?})"));
        }
        if let Some(list) = &test.one_of {
            ops.push(format!("Op::In(&{list:?})"));
        }
        if let Some(text) = &test.prefix {
            ops.push(format!("Op::Prefix({text:?})"));
        }
        if let Some(text) = &test.suffix {
            ops.push(format!("Op::Suffix({text:?})"));
        }
        if let Some(text) = &test.contains {
            ops.push(format!("Op::Contains({text:?})"));
        }
        if let Some(text) = &test.regex {
            regex::bytes::RegexBuilder::new(text)
                .unicode(false)
                .build()
                .map_err(|e| format!("regex: {e}"))?;
            self.count += 1;
            let _ = writeln!(
                self.patterns,
                "static PATTERN_{}: Pattern = Pattern::new({text:?});",
                self.count
            );
            ops.push(format!("Op::Regex(&PATTERN_{})", self.count));
        }
        if let Some(absent) = test.absent {
            ops.push(format!("Op::Absent({absent})"));
        }
        if let Some(text) = &test.version_below {
            let parts: Result<Vec<u32>, _> = text.split('.').map(str::parse::<u32>).collect();
            ops.push(format!(
                "Op::VersionBelow(&{:?})",
                parts.map_err(|_| "version-below: not a dotted number")?
            ));
        }
        if let Some(count) = test.more_than {
            ops.push(format!("Op::MoreThan({count})"));
        }
        match ops.len() {
            1 => Ok(ops.remove(0)),
            n => Err(format!("a test needs exactly one operator, not {n}")),
        }
    }
}

/// What a rule leaves to others, all of which must exist.
fn yields(id: &str, rule: &RuleFile, ids: &[String]) -> Result<String, String> {
    let mut out = String::new();
    for file in &rule.yields_to {
        let (variant, others) = match file {
            YieldFile::SameWords(others) => ("SameWords", others),
            YieldFile::SameFile(others) => ("SameFile", others),
            YieldFile::MendedBy(others) => ("MendedBy", others),
            YieldFile::Refusal => {
                out.push_str("Yield::Refusal, ");
                continue;
            }
        };
        for other in others {
            if other == id || !ids.contains(other) {
                return Err(format!("yields to `{other}`, which is no other rule"));
            }
            let _ = write!(out, "Yield::{variant}({other:?}), ");
        }
    }
    Ok(out)
}

fn template(text: &str) -> Result<String, String> {
    let parts: String = schema::template(text.trim())?
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => format!("Part::Text({text:?}), "),
            Piece::Field(field, filter) => format!("Part::Field(Field::{field:?}, Filter::{filter:?}), "),
        })
        .collect();
    Ok(format!("Template(&[{parts}])"))
}

fn camel(kebab: &str) -> String {
    kebab
        .split('-')
        .map(|word| {
            let mut chars = word.chars();
            chars
                .next()
                .map_or(String::new(), |c| c.to_ascii_uppercase().to_string() + chars.as_str())
        })
        .collect()
}
