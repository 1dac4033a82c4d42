//! Path patterns: Go's `filepath.Match` as COPY and ADD sources use it, Docker's variant of it for
//! `.dockerignore`, and the patterns of mbopt's own settings. Paths have `/` between their names.
//!
//! A pattern is compiled to a list of steps and matched by following all possible positions in it
//! at once, so a match costs at most path length times pattern length, whatever the stars.

use std::fmt;

/// Why a pattern cannot be used; Go's `filepath.Match` refuses the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPattern {
    /// `[` without its `]`.
    UnclosedClass,
    /// `[]`, `[^]` or a range without its end, as in `[a-]`.
    EmptyRange,
    /// A `\` at the end, with nothing to escape.
    TrailingEscape,
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadPattern::UnclosedClass => "`[` is never closed by `]`",
            BadPattern::EmptyRange => "a character class in `[...]` is empty or lacks the end of a range",
            BadPattern::TrailingEscape => "`\\` at the end escapes nothing",
        })
    }
}

/// One step of a compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// This very character.
    Literal(char),
    /// Any character except `/`.
    Any,
    /// A character class; it may match `/` (Go does not exempt the separator here).
    Class { negated: bool, ranges: Vec<(char, char)> },
    /// Any run without `/`, also none.
    Star,
    /// Any run at all, also none.
    Everything,
    /// Nothing, or what [`Step::Folders`], the next step, takes.
    MaybeFolders,
    /// Any run that ends with `/`.
    Folders,
}

/// How `**` is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Go: `**` is `*` twice.
    Go,
    /// Docker: `**` and `**/` span folders.
    Docker,
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    shape: Shape,
}

/// The forms that occur most need no simulation.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Steps(Vec<Step>),
}

impl Glob {
    /// A pattern of Go's `filepath.Match`: `*`, `?`, `[...]`, `\` as escape, nothing crosses `/`
    /// (but a character class).
    ///
    /// # Errors
    /// A pattern that Go calls malformed.
    pub fn go(pattern: &str) -> Result<Glob, BadPattern> {
        let steps = compile(pattern, Dialect::Go)?;
        Ok(Glob {
            shape: literal_text(&steps).map_or(Shape::Steps(steps), Shape::Exact),
        })
    }

    /// A `.dockerignore` pattern, cleaned and without `!`.
    ///
    /// As in Docker, `x/**` is all below `x`, and a leading `**` followed by plain text compares the
    /// path's end: `**/x` is `x` in any folder, `**x` any path that ends in `x`.
    ///
    /// # Errors
    /// A pattern that makes a build fail.
    pub fn docker(pattern: &str) -> Result<Glob, BadPattern> {
        // Docker asks Go whether the pattern is well formed before it looks at `**`.
        compile(pattern, Dialect::Go)?;
        let special = |text: &str| text.contains(['*', '?', '[', ']', '\\']);
        if !special(pattern) {
            return Ok(Glob {
                shape: Shape::Exact(pattern.to_owned()),
            });
        }
        let head = pattern.strip_suffix("**/").or_else(|| pattern.strip_suffix("**"));
        if let Some(head) = head.filter(|head| !special(head)) {
            return Ok(Glob {
                shape: Shape::Prefix(head.to_owned()),
            });
        }
        if let Some(tail) = pattern.strip_prefix("**").filter(|tail| !special(tail)) {
            return Ok(Glob {
                shape: Shape::Suffix(tail.to_owned()),
            });
        }
        Ok(Glob {
            shape: Shape::Steps(compile(pattern, Dialect::Docker)?),
        })
    }

    /// Whether the whole path fits the pattern.
    pub fn matches(&self, path: &str) -> bool {
        match &self.shape {
            Shape::Exact(text) => path == text,
            Shape::Prefix(head) => path.starts_with(head.as_str()),
            Shape::Suffix(tail) => {
                path.ends_with(tail.as_str()) || tail.strip_prefix('/').is_some_and(|name| path == name)
            }
            Shape::Steps(steps) => {
                let run = Run::over(steps, path.chars());
                run.is_at(steps.len())
            }
        }
    }

    /// Whether a path below `folder` could fit. It never says no wrongly.
    pub fn may_match_below(&self, folder: &str) -> bool {
        match &self.shape {
            Shape::Exact(text) => is_below(text, folder),
            Shape::Prefix(head) => is_below(head, folder) || under(folder, head),
            Shape::Suffix(_) => true,
            Shape::Steps(steps) => {
                let slash = (!folder.is_empty()).then_some('/');
                !Run::over(steps, folder.chars().chain(slash)).is_dead(steps.len())
            }
        }
    }

    /// The text that the pattern stands for, where it has no wildcard.
    pub fn as_literal(&self) -> Option<&str> {
        match &self.shape {
            Shape::Exact(text) => Some(text),
            _ => None,
        }
    }
}

/// Whether `path` lies strictly below `folder`.
fn is_below(path: &str, folder: &str) -> bool {
    match path.strip_prefix(folder) {
        Some(rest) => folder.is_empty() || rest.len() > 1 && rest.starts_with('/'),
        None => false,
    }
}

/// Whether everything below `folder` begins with `head`.
fn under(folder: &str, head: &str) -> bool {
    folder.starts_with(head) || head.strip_suffix('/').is_some_and(|name| name == folder)
}

/// The text of steps that are all literal.
fn literal_text(steps: &[Step]) -> Option<String> {
    steps
        .iter()
        .map(|step| if let Step::Literal(c) = step { Some(*c) } else { None })
        .collect()
}

fn compile(pattern: &str, dialect: Dialect) -> Result<Vec<Step>, BadPattern> {
    let mut steps = Vec::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if dialect == Dialect::Docker && rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                if rest.peek().is_none() {
                    steps.push(Step::Everything);
                } else {
                    steps.extend([Step::MaybeFolders, Step::Folders]);
                }
            }
            // A second star in a row adds nothing.
            '*' if steps.last() == Some(&Step::Star) => {}
            '*' => steps.push(Step::Star),
            '?' => steps.push(Step::Any),
            '\\' => steps.push(Step::Literal(rest.next().ok_or(BadPattern::TrailingEscape)?)),
            '[' => steps.push(class(&mut rest)?),
            other => steps.push(Step::Literal(other)),
        }
    }
    Ok(steps)
}

/// Reads a character class behind its `[`.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Step, BadPattern> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.next_if_eq(&']').is_some() {
            return Ok(Step::Class { negated, ranges });
        }
        let low = class_char(rest)?;
        let high = if rest.next_if_eq(&'-').is_some() {
            class_char(rest)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

/// One end of a range; `]` and `-` must be escaped.
fn class_char(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, BadPattern> {
    match rest.next() {
        None => Err(BadPattern::UnclosedClass),
        Some('-' | ']') => Err(BadPattern::EmptyRange),
        Some('\\') => rest.next().ok_or(BadPattern::TrailingEscape),
        Some(c) => Ok(c),
    }
}

fn within(ranges: &[(char, char)], c: char) -> bool {
    ranges.iter().any(|(low, high)| (*low..=*high).contains(&c))
}

/// The set of steps at which a match may stand, without doubles.
struct Run {
    places: Vec<usize>,
    /// For each place (steps and one behind the last) the round in which it was added last.
    added: Vec<usize>,
    round: usize,
}

impl Run {
    /// The places after all of `text`.
    fn over(steps: &[Step], text: impl Iterator<Item = char>) -> Run {
        let mut run = Run {
            places: Vec::new(),
            added: vec![0; steps.len() + 1],
            round: 1,
        };
        run.add(steps, 0);
        let mut from = Vec::new();
        for c in text {
            if run.places.is_empty() {
                break;
            }
            std::mem::swap(&mut from, &mut run.places);
            run.places.clear();
            run.round += 1;
            for &place in &from {
                run.advance(steps, place, c);
            }
        }
        run
    }

    fn advance(&mut self, steps: &[Step], place: usize, c: char) {
        let Some(step) = steps.get(place) else { return };
        match step {
            Step::Literal(l) if *l == c => self.add(steps, place + 1),
            Step::Any if c != '/' => self.add(steps, place + 1),
            Step::Class { negated, ranges } if within(ranges, c) != *negated => self.add(steps, place + 1),
            Step::Star if c != '/' => self.add(steps, place),
            Step::Everything => self.add(steps, place),
            Step::Folders => {
                self.add(steps, place);
                if c == '/' {
                    self.add(steps, place + 1);
                }
            }
            _ => {}
        }
    }

    /// Adds a place and those that are reached from it without a character.
    fn add(&mut self, steps: &[Step], mut place: usize) {
        loop {
            match self.added.get_mut(place) {
                Some(round) if *round != self.round => *round = self.round,
                _ => return,
            }
            self.places.push(place);
            match steps.get(place) {
                Some(Step::Star | Step::Everything) => place += 1,
                Some(Step::MaybeFolders) => {
                    // The way past the folders may have ways of its own; the folders have none yet.
                    if let Some(round) = self.added.get_mut(place + 1)
                        && *round != self.round
                    {
                        *round = self.round;
                        self.places.push(place + 1);
                    }
                    place += 2;
                }
                _ => return,
            }
        }
    }

    fn is_at(&self, place: usize) -> bool {
        self.added.get(place) == Some(&self.round) && !self.places.is_empty()
    }

    /// Whether no place is left from which a character could be taken.
    fn is_dead(&self, end: usize) -> bool {
        self.places.iter().all(|&place| place == end)
    }
}

/// The shortest form of a path by its text alone: no `.`, no doubled or trailing `/`, `x/..` gone;
/// an empty path becomes `.`, `..` at a leading `/` vanishes. What Go's `path.Clean` gives.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => match names.last() {
                Some(&last) if last != ".." => {
                    names.pop();
                }
                _ if rooted => {}
                _ => names.push(".."),
            },
            name => names.push(name),
        }
    }
    match (rooted, names.is_empty()) {
        (true, _) => format!("/{}", names.join("/")),
        (false, true) => ".".to_owned(),
        (false, false) => names.join("/"),
    }
}

/// A pattern of the settings, read as `.gitignore` would: without a `/` it fits a name in any
/// folder, with one it is anchored at the settings file's folder; a folder covers all below it;
/// `**` spans folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    text: String,
    glob: Glob,
    /// Compare with single names, not with the path.
    anywhere: bool,
    /// Written with a trailing `/`: fits folders only.
    folder: bool,
}

impl PathPattern {
    /// Compiles a pattern as it stands in the settings.
    ///
    /// # Errors
    /// A malformed pattern.
    pub fn new(text: &str) -> Result<PathPattern, BadPattern> {
        let folder = text.ends_with('/');
        let trimmed = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/');
        let anywhere = !trimmed.contains('/');
        let glob = Glob::docker(trimmed.trim_start_matches('/'))?;
        Ok(PathPattern {
            text: text.to_owned(),
            glob,
            anywhere,
            folder,
        })
    }

    /// The pattern as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the file at `path`, relative to the settings file's folder, or a folder above it fits.
    pub fn matches_file(&self, path: &str) -> bool {
        self.matches(path, false)
    }

    /// Whether the folder at `path` or one above it fits, so that nothing below it need be looked at.
    pub fn matches_folder(&self, path: &str) -> bool {
        self.matches(path, true)
    }

    fn matches(&self, path: &str, is_folder: bool) -> bool {
        let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
        let mut start = 0;
        for end in ends {
            let candidate = if self.anywhere {
                path.get(start..end)
            } else {
                path.get(..end)
            };
            let may = !self.folder || is_folder || end < path.len();
            if may && candidate.is_some_and(|text| self.glob.matches(text)) {
                return true;
            }
            start = end + 1;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    fn docker(pattern: &str, path: &str) -> bool {
        Glob::docker(pattern).expect(pattern).matches(path)
    }

    fn go(pattern: &str, path: &str) -> bool {
        Glob::go(pattern).expect(pattern).matches(path)
    }

    #[test]
    fn go_stars_stay_within_a_name() {
        assert!(go("*.json", "package.json"));
        assert!(!go("*.json", "web/package.json"));
        assert!(go("a/*/c", "a/b/c") && !go("a/*/c", "a/b/b/c"));
        assert!(go("**", "name") && !go("**", "a/b"));
        assert!(go("packa?e*.json", "package-lock.json") && !go("a?b", "a/b"));
        assert!(go("arr[[]0].txt", "arr[0].txt"));
        assert!(go("\\*", "*") && !go("\\*", "x"));
        assert!(go("[^a-c]x", "dx") && !go("[^a-c]x", "bx"));
        assert!(go("[\\]\\-]", "]") && go("[\\]\\-]", "-"));
        assert!(go("[!a]", "!") && go("[!a]", "a"), "`!` does not negate in Go");
        assert!(go("", "") && !go("", "a"));
    }

    #[test]
    fn malformed_patterns_are_named() {
        assert_eq!(Glob::go("[a"), Err(BadPattern::UnclosedClass));
        assert_eq!(Glob::go("[]a]"), Err(BadPattern::EmptyRange));
        assert_eq!(Glob::go("[a-]"), Err(BadPattern::EmptyRange));
        assert_eq!(Glob::go("a\\"), Err(BadPattern::TrailingEscape));
        assert_eq!(Glob::docker("**/["), Err(BadPattern::UnclosedClass));
        assert!(Glob::go("a]").is_ok());
    }

    #[test]
    fn docker_double_stars_span_folders() {
        for (pattern, path, fits) in [
            ("**", "a/b", true),
            ("a/**", "a", false),
            ("a/**", "a/b/c", true),
            ("**/x", "x", true),
            ("**/x", "a/b/x", true),
            ("**/x", "a/yx", false),
            ("**x", "a/yx", true),
            ("**x*", "a/yx", false),
            ("**x*", "a/xy", true),
            ("**/*.md", "doc/in/a.md", true),
            ("**/*.md", "a.mdx", false),
            ("a**/b", "a/z/b", true),
            ("a**/b", "ab", true),
            ("a**/b", "azb", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("a/**/b", "a/x/yb", false),
            ("*/**", "a", false),
            ("*/**", "a/b", true),
            ("**/**/z", "q/z", true),
            ("x*/**", "xy/z", true),
            ("**/a**/b", "a/ab", true),
            ("caf?", "café", true),
            (".", "a", false),
        ] {
            assert_eq!(docker(pattern, path), fits, "{pattern} against {path}");
        }
    }

    #[test]
    fn a_pattern_knows_where_it_may_match() {
        for (pattern, folder, may) in [
            ("a/b/c", "a", true),
            ("a/b/c", "a/b", true),
            ("a/b/c", "a/b/c", false),
            ("a/b/c", "x", false),
            ("a", "", true),
            ("a/**", "a", true),
            ("a/**", "a/q", true),
            ("a/**", "ab", false),
            ("**/keep", "deep/down", true),
            ("src/*.ts", "src", true),
            ("src/*.ts", "src/app", false),
            ("*/x", "any", true),
            ("*/x", "any/other", false),
            ("*", "a", false),
        ] {
            assert_eq!(
                Glob::docker(pattern).expect(pattern).may_match_below(folder),
                may,
                "{pattern} below {folder}"
            );
        }
    }

    #[test]
    fn paths_are_cleaned_as_go_cleans_them() {
        for (path, want) in [
            ("", "."),
            ("./", "."),
            ("a//b/./c/", "a/b/c"),
            ("a/../b", "b"),
            ("../a", "../a"),
            ("/../a", "/a"),
            ("/", "/"),
            ("a/..", "."),
            ("../../x/..", "../.."),
        ] {
            assert_eq!(clean(path), want, "{path}");
        }
    }

    #[test]
    fn settings_patterns_read_like_gitignore() {
        let fits = |pattern: &str, path: &str| PathPattern::new(pattern).expect(pattern).matches_file(path);
        assert!(fits("Dockerfile.dev", "a/b/Dockerfile.dev"));
        assert!(fits("vendor", "x/vendor/y/Dockerfile"));
        assert!(fits("vendor/", "vendor/y/Dockerfile"));
        assert!(!fits("vendor/", "vendor"));
        assert!(PathPattern::new("vendor/").expect("pattern").matches_folder("a/vendor"));
        assert!(fits("/docs", "docs/Dockerfile") && fits("docs/*.Dockerfile", "docs/a.Dockerfile"));
        assert!(!fits("docs/x", "a/docs/x"));
        assert!(fits("**/test/**", "a/test/Dockerfile"));
        assert!(!fits("*.dockerfile", "Dockerfile"));
    }

    #[test]
    fn hostile_patterns_cost_little() {
        let pattern = format!("{}b", "**/a*".repeat(400));
        let path = "a/".repeat(2000);
        let started = Instant::now();
        assert!(!docker(&pattern, &path));
        assert!(!go(&format!("{}b", "*a".repeat(1000)), &"a".repeat(4000)));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    proptest! {
        #[test]
        fn any_pattern_meets_any_path(pattern in "[ab/*?!\\[\\]\\\\^.-]{0,24}", path in "[ab/.]{0,24}") {
            if let Ok(glob) = Glob::docker(&pattern) {
                let fits = glob.matches(&path);
                // What matches somewhere below a folder was said to be possible there.
                if fits && let Some((folder, _)) = path.rsplit_once('/') && !folder.is_empty() {
                    prop_assert!(glob.may_match_below(folder), "{pattern} {path}");
                }
            }
            if let Ok(glob) = Glob::go(&pattern) {
                glob.matches(&path);
            }
        }

        #[test]
        fn any_text_is_taken(pattern in ".*", path in ".*") {
            if let Ok(glob) = Glob::docker(&pattern) {
                glob.matches(&path);
                glob.may_match_below(&path);
            }
            let _ = PathPattern::new(&pattern).map(|pattern| pattern.matches_file(&path));
            let once = clean(&path);
            prop_assert_eq!(clean(&once), once.clone());
        }
    }
}
