//! Applies fixes: in order, without overlaps, to a fixpoint, and never so that the file parses worse.
//!
//! A pass takes every fix that may be applied, in the order of the text. A fix that overlaps an
//! earlier one, or shares its isolation group, waits for the next pass, in which the file is linted
//! anew. When a pass leaves a file that BuildKit would refuse for more reasons than before, it is
//! rolled back and its fixes are tried one by one.

pub mod edits;

pub use edits::{EditError, LineEnding, apply_edits};

use crate::edit::{Applicability, Edit, Effect, Isolation, NewFile};
use crate::model::Dockerfile;
use crate::rule::Diagnostic;
use crate::source::{SourceFile, Span};
use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Passes after which fixing stops even if something would still change, not counting those that
/// leave fewer fixes to make than any pass before them: where each mended place uncovers the next
/// (a chain of stages that nothing takes from), each pass is a step towards the end.
pub const MAX_PASSES: usize = 10;

/// Passes after which fixing stops in any case; each lints the whole file anew.
pub const MAX_STEPS: usize = 100;

/// A file with what was found in it.
#[derive(Debug)]
pub struct Linted {
    /// The file.
    pub file: Dockerfile,
    /// The findings, suppressed ones left out.
    pub diagnostics: Vec<Diagnostic>,
    /// What the lint could not look at, for the user to know.
    pub notes: Vec<String>,
}

/// A fix that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedFix {
    /// The rule's id.
    pub rule: &'static str,
    /// What the fix did.
    pub title: String,
    /// The line, from 1, in the text that the fix was made on.
    pub line: usize,
    /// What it announced to change.
    pub effects: Vec<Effect>,
    /// What whoever took it must be told.
    pub announces: Vec<String>,
}

/// Why a fix was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// It may change what the image does, and unsafe fixes were not asked for.
    Unsafe,
    /// It is only shown.
    DisplayOnly,
    /// With it, BuildKit would refuse the file.
    ParsesWorse,
    /// The instruction's text is read differently by the grammar and the splitter.
    Opaque,
    /// It would put text above a parser directive and so turn the directive off.
    AboveDirective,
    /// Its edits overlap each other or lie outside the file.
    Malformed,
    /// It undoes what another fix does; the fixes never came to rest.
    Oscillates,
    /// Other fixes at the same place were made in each of the passes.
    OutOfPasses,
}

impl SkipReason {
    /// Whether fixes of its kind were just not asked for; the finding says so itself.
    pub fn is_unasked(self) -> bool {
        matches!(self, SkipReason::Unsafe | SkipReason::DisplayOnly)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SkipReason::Unsafe => "it may change what the image does; --unsafe-fixes makes it",
            SkipReason::DisplayOnly => "it is a suggestion to adapt by hand",
            SkipReason::ParsesWorse => "with it BuildKit would refuse the file",
            SkipReason::Opaque => "the instruction is written in a way that is not safe to edit",
            SkipReason::AboveDirective => "it would put text above a parser directive",
            SkipReason::Malformed => "its edits do not fit the file",
            SkipReason::Oscillates => "it undoes another fix",
            SkipReason::OutOfPasses => "too many other fixes at the same place",
        })
    }
}

/// A fix that was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFix {
    /// The rule's id.
    pub rule: &'static str,
    /// What the fix would do.
    pub title: String,
    /// Why not.
    pub reason: SkipReason,
    /// Where, in the fixed text.
    pub span: Span,
}

/// The outcome of fixing one file.
#[derive(Debug)]
pub struct Fixed {
    /// The fixed text, with what remains in it.
    pub linted: Linted,
    /// Fixes made, in order; those that make files come last.
    pub applied: Vec<AppliedFix>,
    /// Files that fixes make, each path once. They are not written here.
    pub created: Vec<NewFile>,
    /// Fixes not made, in the order of the text.
    pub skipped: Vec<SkippedFix>,
}

/// Fixes `source` with the fixes of at least the applicability `level`, linting with `lint`.
///
/// The result is a fixpoint: fixing it again changes nothing (unless [`MAX_PASSES`] or [`MAX_STEPS`]
/// ran out, which is reported as a skip). A fix that was refused is tried again when others were made
/// after it, since a second run would do so.
pub fn fix(source: SourceFile, level: Applicability, lint: &dyn Fn(SourceFile) -> Linted) -> Fixed {
    let mut current = lint(source);
    let mut applied = Vec::new();
    let mut refused: HashSet<u64> = HashSet::new();
    let mut seen = HashSet::from([fingerprint(current.file.source.bytes())]);
    let mut stopped = None;
    let mut fewest = fixable(&current, level, &refused).len();
    let mut idle = 0;
    let mut made_before_refusals = 0;
    for step in 0.. {
        let mut open = fixable(&current, level, &refused);
        if open.is_empty() && applied.len() > made_before_refusals && !refused.is_empty() {
            refused.clear();
            made_before_refusals = applied.len();
            open = fixable(&current, level, &refused);
        }
        if open.is_empty() {
            break;
        }
        if open.len() < fewest {
            fewest = open.len();
        } else if idle == MAX_PASSES {
            stopped = Some(SkipReason::OutOfPasses);
            break;
        } else {
            idle += 1;
        }
        if step == MAX_STEPS {
            stopped = Some(SkipReason::OutOfPasses);
            break;
        }
        let chosen = choose(&current, open);
        let Some(next) = try_pass(&current, &chosen, lint) else {
            let (next, made) = one_by_one(current, &chosen, &mut refused, lint, &mut applied);
            current = next;
            if made {
                seen.insert(fingerprint(current.file.source.bytes()));
            }
            continue;
        };
        if !seen.insert(fingerprint(next.file.source.bytes())) {
            stopped = Some(SkipReason::Oscillates);
            break;
        }
        applied.extend(chosen.iter().filter_map(|&i| describe(&current, i)));
        current = next;
    }
    let created = create(&mut current, level, &refused, &mut applied);
    let skipped = skipped(&current, level, &refused, stopped);
    Fixed {
        linted: current,
        applied,
        created,
        skipped,
    }
}

fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// What makes a fix the same fix in a later pass: rule, title and new text, not the place.
fn identity(diagnostic: &Diagnostic) -> u64 {
    let mut hasher = DefaultHasher::new();
    diagnostic.rule.id.hash(&mut hasher);
    if let Some(fix) = &diagnostic.fix {
        fix.title.hash(&mut hasher);
        fix.edits.iter().for_each(|edit| edit.text.hash(&mut hasher));
    }
    hasher.finish()
}

fn describe(linted: &Linted, index: usize) -> Option<AppliedFix> {
    let diagnostic = linted.diagnostics.get(index)?;
    let fix = diagnostic.fix.as_ref()?;
    let line = linted.file.source.lines().line(diagnostic.primary.span.start);
    Some(AppliedFix {
        rule: diagnostic.rule.id,
        title: fix.title.clone(),
        line,
        effects: fix.effects.clone(),
        announces: fix.announces.clone(),
    })
}

/// Why this fix may not be made at all, whatever the other fixes are.
fn obstacle(
    linted: &Linted,
    diagnostic: &Diagnostic,
    level: Applicability,
    refused: &HashSet<u64>,
) -> Option<SkipReason> {
    let fix = diagnostic.fix.as_ref()?;
    let file = &linted.file;
    if fix.applicability == Applicability::DisplayOnly {
        return Some(SkipReason::DisplayOnly);
    }
    if fix.applicability < level {
        return Some(SkipReason::Unsafe);
    }
    if refused.contains(&identity(diagnostic)) {
        return Some(SkipReason::ParsesWorse);
    }
    if edits::check(&fix.edits, file.source.text()).is_err() || !fix.edits.is_empty() && !fix.creates.is_empty() {
        return Some(SkipReason::Malformed);
    }
    // A directive counts only while nothing but directives stands above it.
    let directives = &file.lines.directives;
    let within = |edit: &Edit| {
        directives
            .iter()
            .any(|d| d.span.contains(edit.span) && (edit.span.start > d.span.start || !edit.span.is_empty()))
    };
    if let Some(last) = directives.last()
        && fix
            .edits
            .iter()
            .any(|edit| edit.span.start < last.span.end && !within(edit))
    {
        return Some(SkipReason::AboveDirective);
    }
    let touches_opaque = fix.edits.iter().any(|edit| {
        let first = file.instructions.partition_point(|i| i.span.end < edit.span.start);
        file.instructions[first..]
            .iter()
            .take_while(|i| i.span.start <= edit.span.end)
            .any(|i| overlaps(i.span, edit.span) && file.is_opaque(i.index))
    });
    touches_opaque.then_some(SkipReason::Opaque)
}

/// Whether two spans share a byte, or one is an insertion point inside (not at the edge of) the other.
fn overlaps(a: Span, b: Span) -> bool {
    if a == b {
        return true;
    }
    a.start < b.end && b.start < a.end
}

/// The diagnostics with edits that may be made, whatever the others are.
fn fixable(linted: &Linted, level: Applicability, refused: &HashSet<u64>) -> Vec<usize> {
    (0..linted.diagnostics.len())
        .filter(|&i| linted.diagnostics[i].fix.as_ref().is_some_and(|f| !f.edits.is_empty()))
        .filter(|&i| obstacle(linted, &linted.diagnostics[i], level, refused).is_none())
        .collect()
}

/// Those of the diagnostics whose fixes this pass makes, in the order of the text; at least the first.
fn choose(linted: &Linted, mut candidates: Vec<usize>) -> Vec<usize> {
    // Safe fixes go first where two compete for the same place, so that the result of `--fix` is a
    // step on the way to that of `--fix --unsafe-fixes`.
    candidates.sort_by_key(|&i| {
        let fix = linted.diagnostics[i].fix.as_ref();
        (
            fix.map(|f| std::cmp::Reverse(f.applicability)),
            fix.map(|f| f.span()),
            linted.diagnostics[i].rule.id,
        )
    });
    let mut taken: Vec<Span> = Vec::new();
    let mut groups: HashSet<&'static str> = HashSet::new();
    let mut chosen = Vec::new();
    for index in candidates {
        let Some(fix) = &linted.diagnostics[index].fix else {
            continue;
        };
        if let Isolation::Group(group) = fix.isolation
            && groups.contains(group)
        {
            continue;
        }
        let free = fix.edits.iter().all(|edit| {
            let near = taken.partition_point(|t| t.start < edit.span.start);
            let clashes = |t: &Span| {
                overlaps(*t, edit.span)
                    || t.start == edit.span.start
                    || t.end == edit.span.start && edit.span.is_empty()
            };
            !taken.get(near).is_some_and(clashes)
                && !near.checked_sub(1).and_then(|n| taken.get(n)).is_some_and(clashes)
        });
        if !free {
            continue;
        }
        for edit in &fix.edits {
            let at = taken.partition_point(|t| *t < edit.span);
            taken.insert(at, edit.span);
        }
        if let Isolation::Group(group) = fix.isolation {
            groups.insert(group);
        }
        chosen.push(index);
    }
    chosen
}

/// Makes all chosen fixes at once; none if the result would be refused for more reasons.
fn try_pass(current: &Linted, chosen: &[usize], lint: &dyn Fn(SourceFile) -> Linted) -> Option<Linted> {
    let edits = chosen
        .iter()
        .filter_map(|&i| current.diagnostics.get(i)?.fix.as_ref())
        .flat_map(|f| f.edits.iter());
    let source = &current.file.source;
    let bytes = apply_edits(source, edits).ok()?;
    let next = lint(SourceFile::new(source.name(), bytes));
    (next.file.refusals.len() <= current.file.refusals.len()).then_some(next)
}

/// Makes the chosen fixes one after the other, as far as each leaves the file no worse; the others
/// go to `refused`. The first one that works ends the round, since places have moved.
fn one_by_one(
    current: Linted,
    chosen: &[usize],
    refused: &mut HashSet<u64>,
    lint: &dyn Fn(SourceFile) -> Linted,
    applied: &mut Vec<AppliedFix>,
) -> (Linted, bool) {
    for &index in chosen {
        if let Some(next) = try_pass(&current, &[index], lint) {
            applied.extend(describe(&current, index));
            return (next, true);
        }
        if let Some(diagnostic) = current.diagnostics.get(index) {
            refused.insert(identity(diagnostic));
        }
    }
    (current, false)
}

/// Collects the files that fixes make, and takes the findings out that are mended so. Of two files
/// for one path the first counts; the other's finding stays.
fn create(
    linted: &mut Linted,
    level: Applicability,
    refused: &HashSet<u64>,
    applied: &mut Vec<AppliedFix>,
) -> Vec<NewFile> {
    let mut files: Vec<NewFile> = Vec::new();
    let mut made = HashSet::new();
    for (index, diagnostic) in linted.diagnostics.iter().enumerate() {
        let Some(fix) = diagnostic.fix.as_ref().filter(|fix| !fix.creates.is_empty()) else {
            continue;
        };
        let clashes = |new: &NewFile| files.iter().any(|have| have.path == new.path && have != new);
        if obstacle(linted, diagnostic, level, refused).is_some() || fix.creates.iter().any(clashes) {
            continue;
        }
        applied.extend(describe(linted, index));
        made.insert(index);
        for new in &fix.creates {
            if !files.contains(new) {
                files.push(new.clone());
            }
        }
    }
    let mut index = 0..;
    linted
        .diagnostics
        .retain(|_| index.next().is_none_or(|i| !made.contains(&i)));
    files
}

fn skipped(
    linted: &Linted,
    level: Applicability,
    refused: &HashSet<u64>,
    stopped: Option<SkipReason>,
) -> Vec<SkippedFix> {
    linted
        .diagnostics
        .iter()
        .filter_map(|diagnostic| {
            let fix = diagnostic.fix.as_ref()?;
            let reason = obstacle(linted, diagnostic, level, refused).or(stopped)?;
            Some(SkippedFix {
                rule: diagnostic.rule.id,
                title: fix.title.clone(),
                reason,
                span: diagnostic.primary.span,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::Fix;
    use crate::rule::meta::RuleMeta;
    use crate::rule::{Label, Severity};

    static RULE: RuleMeta = RuleMeta {
        id: "test-rule",
        summary: "A rule for tests",
        category: "style",
        severity: Severity::Warning,
        enabled: true,
        aliases: &[],
        yields_to: &[],
        what: "",
        why: "",
        fixable: Some(Applicability::Safe),
        fix_safety: "",
        options: &[],
        references: &[],
        examples: &[],
    };

    fn finding(span: Span, fix: Fix) -> Diagnostic {
        Diagnostic {
            rule: &RULE,
            severity: Severity::Warning,
            message: "found".into(),
            primary: Label {
                span,
                message: String::new(),
            },
            related: Vec::new(),
            help: None,
            fix: Some(fix),
        }
    }

    /// A lint that wants every `from` replaced by `to`, each in a fix of its own.
    fn replacing(from: &'static str, to: &'static str, change: fn(Fix) -> Fix) -> impl Fn(SourceFile) -> Linted {
        move |source| {
            let file = Dockerfile::parse(source);
            let places: Vec<usize> = file.source.text().match_indices(from).map(|(at, _)| at).collect();
            let diagnostics = places
                .into_iter()
                .map(|at| {
                    let span = Span::new(at, at + from.len());
                    finding(span, change(Fix::safe("replace", vec![Edit::replace(span, to)])))
                })
                .collect();
            Linted {
                file,
                diagnostics,
                notes: Vec::new(),
            }
        }
    }

    fn fixed(text: &str, lint: &dyn Fn(SourceFile) -> Linted) -> (String, Vec<SkipReason>, usize) {
        let fixed = fix(SourceFile::new("Dockerfile", text), Applicability::Safe, lint);
        let reasons = fixed.skipped.iter().map(|s| s.reason).collect();
        (fixed.linted.file.source.text().to_owned(), reasons, fixed.applied.len())
    }

    #[test]
    fn all_fixes_that_do_not_overlap_are_made_in_one_pass() {
        let lint = replacing("old", "new", |fix| fix);
        let (text, skipped, applied) = fixed("FROM a\nRUN old\nRUN old old\n", &lint);
        assert_eq!(
            (text.as_str(), skipped.len(), applied),
            ("FROM a\nRUN new\nRUN new new\n", 0, 3)
        );
    }

    #[test]
    fn fixes_of_one_group_are_made_one_a_pass() {
        let lint = replacing("old", "new", |fix| fix.isolated("group"));
        assert_eq!(fixed("FROM a\nRUN old old old\n", &lint).0, "FROM a\nRUN new new new\n");
    }

    #[test]
    fn a_fix_after_which_the_file_parses_worse_is_left_out_and_the_others_are_made() {
        let lint = |source: SourceFile| {
            let broken = replacing("RUN x", "NOPE x", |fix| fix)(SourceFile::new("", source.bytes().to_vec()));
            let mut linted = replacing("old", "new", |fix| fix)(source);
            linted.diagnostics.extend(broken.diagnostics);
            linted
        };
        let (text, skipped, applied) = fixed("FROM a\nRUN x\nRUN old\n", &lint);
        assert_eq!(text, "FROM a\nRUN x\nRUN new\n");
        assert_eq!((skipped, applied), (vec![SkipReason::ParsesWorse], 1));
    }

    #[test]
    fn fixes_that_undo_each_other_end() {
        let lint = |source: SourceFile| {
            let there = source.text().contains("one");
            if there {
                replacing("one", "two", |fix| fix)(source)
            } else {
                replacing("two", "one", |fix| fix)(source)
            }
        };
        let (text, skipped, _) = fixed("FROM a\nRUN one\n", &lint);
        assert!(text.contains("one") || text.contains("two"));
        assert_eq!(skipped, [SkipReason::Oscillates]);
    }

    #[test]
    fn fixes_that_never_end_are_stopped() {
        let (text, skipped, applied) = fixed("FROM a\nRUN x\n", &replacing("x", "xy", |fix| fix));
        assert_eq!((skipped, applied), (vec![SkipReason::OutOfPasses], MAX_PASSES));
        assert_eq!(text, format!("FROM a\nRUN x{}\n", "y".repeat(MAX_PASSES)));
    }

    #[test]
    fn files_are_made_once_and_mend_their_findings() {
        let lint = |source: SourceFile| {
            let mut linted = replacing("old", "new", |fix| fix)(source);
            for text in ["a\n", "a\n", "b\n"] {
                linted
                    .diagnostics
                    .push(finding(Span::new(0, 4), Fix::create("make it", ".dockerignore", text)));
            }
            linted
        };
        let all = |level| fix(SourceFile::new("Dockerfile", "FROM a\nRUN old\n"), level, &lint);
        let fixed = all(Applicability::Unsafe);
        assert_eq!(fixed.created.len(), 1);
        assert_eq!(fixed.created[0].text, "a\n");
        assert_eq!((fixed.applied.len(), fixed.linted.diagnostics.len()), (3, 1));
        assert_eq!(fixed.linted.file.source.text(), "FROM a\nRUN new\n");
        let safe = all(Applicability::Safe);
        assert_eq!((safe.created.len(), safe.linted.diagnostics.len()), (0, 3));
        assert_eq!(safe.skipped[0].reason, SkipReason::Unsafe);
    }

    #[test]
    fn what_was_not_asked_for_or_cannot_be_made_is_said() {
        let reasons = |text: &str, change: fn(Fix) -> Fix| fixed(text, &replacing("old", "new", change)).1;
        assert_eq!(
            reasons("FROM a\nRUN old\n", |f| Fix {
                applicability: Applicability::Unsafe,
                ..f
            }),
            [SkipReason::Unsafe]
        );
        assert_eq!(
            reasons("FROM a\nRUN old\n", |f| Fix {
                applicability: Applicability::DisplayOnly,
                ..f
            }),
            [SkipReason::DisplayOnly]
        );
        let outside = |f: Fix| Fix {
            edits: vec![Edit::delete(Span::new(900, 901))],
            ..f
        };
        assert_eq!(reasons("FROM a\nRUN old\n", outside), [SkipReason::Malformed]);
        let on_top = |f: Fix| Fix {
            edits: vec![Edit::insert(0, "# note\n")],
            ..f
        };
        assert_eq!(
            reasons("# syntax=docker/dockerfile:1\nFROM a\nRUN old\n", on_top),
            [SkipReason::AboveDirective]
        );
    }
}
