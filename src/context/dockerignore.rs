//! `.dockerignore`, read and applied as Docker does.
//!
//! Three steps decide what a build receives: the lines become patterns, each path is compared with
//! them in order (the last one that fits decides, and a pattern that fits a folder fits all below
//! it), and a file that the sender skipped on its walk is not there at all. The walk remembers of a
//! folder only the patterns that were looked at on the way, so `a/*` with `!a` sends nothing from `a`.

use crate::config::glob::{BadPattern, Glob, clean};
use crate::source::Span;

/// A line of the file that holds a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Cleaned, without `!` and leading `/`.
    pub text: String,
    /// Written with `!`: what fits is sent after all.
    pub negated: bool,
    /// From 1.
    pub line: usize,
    /// The pattern in the file, with its `!`, without the blanks around it.
    pub span: Span,
    glob: Glob,
}

/// A line because of which Docker refuses the whole file, and with it the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    /// The pattern in the file.
    pub span: Span,
    /// What is wrong.
    pub kind: ProblemKind,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// `!` with nothing behind it, or with `/` alone.
    LoneExclamation,
    /// A pattern that Go's matcher refuses.
    Malformed(BadPattern),
}

impl std::fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ProblemKind::LoneExclamation => f.write_str("`!` needs a pattern behind it"),
            ProblemKind::Malformed(why) => why.fmt(f),
        }
    }
}

/// The patterns of a `.dockerignore`. The default ignores nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignore {
    patterns: Vec<Pattern>,
    problems: Vec<Problem>,
    negations: bool,
}

/// What is known of a folder on the way down, so that a walk need not begin at the root for each
/// file. The default is the root's.
#[derive(Debug, Clone, Default)]
pub struct FolderState {
    /// For each pattern, whether it was seen to fit the folder or one above; empty at the root.
    fits: Vec<bool>,
}

impl Ignore {
    /// Reads the file's text. Never fails: lines that Docker would refuse are in
    /// [`problems`](Self::problems) and match nothing.
    pub fn parse(text: &str) -> Ignore {
        let mut ignore = Ignore::default();
        let mut offset = 0;
        for (index, raw) in text.split_inclusive('\n').enumerate() {
            let start = offset;
            offset += raw.len();
            let (skip, line) = match raw.strip_prefix('\u{feff}') {
                Some(rest) if index == 0 => ('\u{feff}'.len_utf8(), rest),
                _ => (0, raw),
            };
            // A comment must begin in the first column.
            if !line.starts_with('#') {
                ignore.add_line(line, index + 1, start + skip);
            }
        }
        ignore
    }

    fn add_line(&mut self, line: &str, number: usize, start: usize) {
        let trimmed = line.trim();
        if trimmed.is_empty() {
            return;
        }
        let at = start + (line.len() - line.trim_start().len());
        let span = Span::new(at, at + trimmed.len());
        let (negated, body) = match trimmed.strip_prefix('!') {
            Some(body) => (true, body.trim_start()),
            None => (false, trimmed),
        };
        let mut text = if body.is_empty() { String::new() } else { clean(body) };
        if text.len() > 1 && text.starts_with('/') {
            text.remove(0);
        }
        let refused = |kind| Problem {
            line: number,
            span,
            kind,
        };
        // Docker cleans the line once more with the `!` on it, which turns `!/` into `!`.
        if negated && (text.is_empty() || text == "/") {
            self.problems.push(refused(ProblemKind::LoneExclamation));
            return;
        }
        match Glob::docker(&text) {
            Ok(glob) => {
                self.negations |= negated;
                self.patterns.push(Pattern {
                    text,
                    negated,
                    line: number,
                    span,
                    glob,
                });
            }
            Err(why) => self.problems.push(refused(ProblemKind::Malformed(why))),
        }
    }

    /// The usable patterns, in order.
    pub fn patterns(&self) -> &[Pattern] {
        &self.patterns
    }

    /// The lines that make a build fail, in order.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether a `!` pattern exists.
    pub fn has_negations(&self) -> bool {
        self.negations
    }

    /// Whether the build context lacks `path` (relative to its root; cleaned here). The root itself
    /// is never ignored.
    ///
    /// The Dockerfile and the ignore file reach the builder whatever the patterns say, but by
    /// another way: one that is ignored cannot be copied, so this is true for it.
    pub fn matches(&self, path: &str) -> bool {
        self.decide(path).is_some_and(|pattern| !pattern.negated)
    }

    /// The pattern that decides about `path`, which may be a `!` pattern; none where no pattern fits.
    pub fn decide(&self, path: &str) -> Option<&Pattern> {
        let path = normal(path);
        if path == "." {
            return None;
        }
        let path = path.as_str();
        let on_walk = self.decided_on_walk(path);
        if self.negations && on_walk.is_none_or(|p| p.negated) {
            // A file that the walk let pass is opened by a check that asks every pattern about every
            // folder above it.
            let on_open = self.decided_on_open(path);
            return if on_open.is_some_and(|p| !p.negated) {
                on_open
            } else {
                on_walk
            };
        }
        on_walk
    }

    fn decided_on_walk(&self, path: &str) -> Option<&Pattern> {
        let mut state = FolderState::default();
        for (at, _) in path.match_indices('/') {
            let folder = path.get(..at).unwrap_or_default();
            state = self.step(folder, &state).1;
        }
        self.step(path, &state).0
    }

    fn decided_on_open(&self, path: &str) -> Option<&Pattern> {
        let mut ignored = false;
        let mut last = None;
        for pattern in &self.patterns {
            if pattern.negated != ignored {
                continue;
            }
            let fits = folders_and_self(path).any(|part| pattern.glob.matches(part));
            if fits {
                ignored = !pattern.negated;
                last = Some(pattern);
            }
        }
        last
    }

    /// Looks at an entry directly below the folder that `above` tells of: the deciding pattern, and,
    /// where the entry is a folder, what is known of it.
    fn step(&self, path: &str, above: &FolderState) -> (Option<&Pattern>, FolderState) {
        let mut ignored = false;
        let mut last = None;
        let mut fits = vec![false; self.patterns.len()];
        for (index, (pattern, known)) in self.patterns.iter().zip(&mut fits).enumerate() {
            let inherited = above.fits.get(index).copied().unwrap_or(false);
            // A pattern that could not change the outcome is not looked at, nor remembered.
            if !inherited && pattern.negated != ignored {
                continue;
            }
            if inherited || pattern.glob.matches(path) {
                *known = true;
                ignored = !pattern.negated;
                last = Some(pattern);
            }
        }
        (last, FolderState { fits })
    }

    /// One step of a walk: whether the entry at `path`, directly below the folder that `above`
    /// tells of, is ignored, and the state for the entries below it.
    pub fn enter(&self, path: &str, above: &FolderState) -> (bool, FolderState) {
        let (decided, state) = self.step(path, above);
        let mut ignored = decided.is_some_and(|pattern| !pattern.negated);
        if !ignored && self.negations {
            ignored = self.decided_on_open(path).is_some_and(|pattern| !pattern.negated);
        }
        (ignored, state)
    }

    /// Whether nothing below an ignored folder can be sent, so that a walk may leave it out. False
    /// for a folder below which a `!` pattern could fit.
    pub fn prunes(&self, folder: &str) -> bool {
        let folder = normal(folder);
        if folder == "." || !self.matches(&folder) {
            return false;
        }
        !self
            .patterns
            .iter()
            .any(|pattern| pattern.negated && pattern.glob.may_match_below(&folder))
    }
}

/// A path as the patterns see it: cleaned, relative to the context's root.
fn normal(path: &str) -> String {
    let path = clean(path);
    match path.strip_prefix('/') {
        Some("") => ".".to_owned(),
        Some(rest) => rest.to_owned(),
        None => path,
    }
}

/// The path itself and each folder above it.
fn folders_and_self(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.filter_map(|end| path.get(..end))
}

/// Where a build looks for its ignore file, in order: `NAME.dockerignore` beside the Dockerfile,
/// then `.dockerignore` in the context's root. `dockerfile` is relative to the context's root.
pub fn candidates(dockerfile: &str) -> [String; 2] {
    [
        format!("{}.dockerignore", normal(dockerfile)),
        ".dockerignore".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ignored(patterns: &str, path: &str) -> bool {
        Ignore::parse(patterns).matches(path)
    }

    #[test]
    fn lines_become_patterns_with_their_places() {
        let text = "\u{feff}# note\n\n  ./a//b/ \r\n #not a comment\n! /keep\n/\n#x";
        let ignore = Ignore::parse(text);
        let seen: Vec<_> = ignore
            .patterns()
            .iter()
            .map(|p| (p.text.as_str(), p.negated, p.line))
            .collect();
        assert_eq!(
            seen,
            [
                ("a/b", false, 3),
                ("#not a comment", false, 4),
                ("keep", true, 5),
                ("/", false, 6)
            ]
        );
        let written: Vec<_> = ignore.patterns().iter().map(|p| &text[p.span.range()]).collect();
        assert_eq!(written, ["./a//b/", "#not a comment", "! /keep", "/"]);
        assert!(ignore.problems().is_empty());
    }

    #[test]
    fn a_bom_is_dropped_only_at_the_start() {
        assert!(ignored("\u{feff}a", "a"));
        assert!(!ignored("b\n\u{feff}a", "a"));
    }

    #[test]
    fn lines_that_fail_a_build_are_reported() {
        let ignore = Ignore::parse("ok\n!\n!/\n  [x\n");
        let problems: Vec<_> = ignore.problems().iter().map(|p| (p.line, p.kind)).collect();
        let malformed = ProblemKind::Malformed(BadPattern::UnclosedClass);
        assert_eq!(
            problems,
            [
                (2, ProblemKind::LoneExclamation),
                (3, ProblemKind::LoneExclamation),
                (4, malformed)
            ]
        );
        assert_eq!(ignore.problems().last().map(|p| p.span), Some(Span::new(10, 12)));
        assert!(ignore.matches("ok"));
    }

    #[test]
    fn the_walk_forgets_what_it_did_not_ask() {
        // `!a` is not asked about the folder `a`, which nothing ignores, so it cannot bring back `a/x`.
        assert!(ignored("a/*\n!a", "a/x"));
        assert!(!ignored("a\n!a", "a/x"));
        assert!(ignored("*/*\n!src", "src/main.rs"));
        assert!(!ignored("**\n!src", "src/main.rs"));
    }

    #[test]
    fn opening_a_file_asks_again() {
        // The walk would let `a/b` pass here; opening it fails.
        assert!(ignored("a\n!a/b\na", "a/b"));
    }

    #[test]
    fn folders_are_pruned_only_where_nothing_can_come_back() {
        let ignore = Ignore::parse("node_modules\nvendor\nlogs/**\n!vendor/keep/me\n!**/important.txt\n");
        assert!(!ignore.prunes("vendor"), "`!vendor/keep/me` lies in it");
        assert!(!ignore.prunes("node_modules"), "`!**/important.txt` could lie in it");
        let ignore = Ignore::parse("*\n!src/app\n!*.md\n");
        assert!(ignore.prunes("node_modules") && ignore.prunes("src/other"));
        assert!(!ignore.prunes("src") && !ignore.prunes("src/app"));
        assert!(!Ignore::default().prunes("src"));
        assert!(!Ignore::parse("**").prunes("."));
    }

    #[test]
    fn the_ignore_file_beside_the_dockerfile_goes_first() {
        assert_eq!(
            candidates("./build/web.Dockerfile"),
            ["build/web.Dockerfile.dockerignore", ".dockerignore"]
        );
    }

    proptest! {
        #[test]
        fn a_walk_and_a_single_question_agree(
            lines in proptest::collection::vec("!?[ab*/]{1,6}", 0..6),
            path in "[ab](/[ab]{1,2}){0,3}",
        ) {
            let ignore = Ignore::parse(&lines.join("\n"));
            let mut state = FolderState::default();
            let mut outcome = false;
            let mut pruned = false;
            for part in folders_and_self(&path) {
                let (ignored, next) = ignore.enter(part, &state);
                outcome = ignored;
                if part.len() < path.len() {
                    pruned |= ignore.prunes(part);
                }
                state = next;
            }
            prop_assert_eq!(outcome, ignore.matches(&path));
            prop_assert!(!pruned || outcome, "{} was pruned, but is sent by {:?}", path, lines);
        }

        #[test]
        fn any_text_is_taken(text in ".*", path in ".*") {
            let ignore = Ignore::parse(&text);
            ignore.matches(&path);
            ignore.prunes(&path);
            for pattern in ignore.patterns() {
                prop_assert!(text.get(pattern.span.range()).is_some());
            }
        }
    }
}
