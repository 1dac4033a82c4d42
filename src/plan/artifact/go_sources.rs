//! What the sources of a Go module import.

use super::linkage::library;
use crate::context::Context;
use crate::plan::evidence::Evidence;
use rayon::prelude::*;

/// Packages of the standard library that are linked against the C library where cgo is on.
const WITH_C: &[&str] = &[
    "net",
    "os/user",
    "plugin",
    "runtime/cgo",
    "net/http",
    "net/mail",
    "net/rpc",
    "net/smtp",
    "net/textproto",
    "net/http/httputil",
    "net/http/pprof",
    "net/rpc/jsonrpc",
    "crypto/tls",
    "crypto/x509",
    "log/syslog",
    "expvar",
    "mime/multipart",
    "archive/tar",
    "net/http/cgi",
    "net/http/fcgi",
    "net/http/cookiejar",
    "net/http/httptest",
    "net/http/httptrace",
];

/// How many files are read at most.
const MAX_FILES: usize = 4_000;
/// So many bytes of a file mostly hold its licence, its documentation and its imports.
const HEAD: usize = 8 * 1024;
/// So many are read by one thread before it asks for more.
const AT_ONCE: usize = 64;

/// What the Go files of a folder show.
#[derive(Debug, Default)]
pub struct GoSources {
    /// The first `import "C"` of a file that is part of every build.
    pub cgo: Option<Evidence>,
    /// The first `import "C"` of a file that builds without cgo leave out by a constraint.
    pub cgo_optional: Option<Evidence>,
    /// Libraries that `#cgo` lines link.
    pub libraries: Vec<String>,
    /// The first import of a package that uses the C library where it can.
    pub net: Option<Evidence>,
    /// Not all files were read.
    pub partial: bool,
    /// There is a vendor folder, and it was read.
    pub vendored: bool,
    /// Folders, relative to the one that was read, that have a `package main`.
    pub mains: Vec<String>,
}

impl GoSources {
    /// Reads the Go files below a folder of the context, tests and those of other systems left out.
    pub fn read(context: &Context, folder: &str) -> GoSources {
        let mut out = GoSources::default();
        let listing = context.walk();
        out.partial = listing.capped;
        let mut sources = Vec::new();
        for file in listing.below(folder) {
            let Some(rest) = file.path.strip_prefix(folder) else {
                continue;
            };
            let rest = rest.trim_start_matches('/');
            out.vendored |= rest.starts_with("vendor/") && rest.ends_with(".go");
            if !is_built(rest) {
                continue;
            }
            if sources.len() == MAX_FILES {
                out.partial = true;
                break;
            }
            sources.push((file.path.as_str(), rest));
        }
        let read = |part: &[(&str, &str)]| {
            let mut out = GoSources::default();
            for (path, rest) in part {
                let found = match rest.starts_with("vendor/") {
                    true => GoSources::of_head(context, path, rest),
                    false => GoSources::of(context, path, rest),
                };
                match found {
                    Some(found) => out = out.and(found),
                    None => out.partial = true,
                }
            }
            out
        };
        let parts: Vec<GoSources> = sources.par_chunks(AT_ONCE).map(read).collect();
        parts.into_iter().fold(out, GoSources::and)
    }

    fn of(context: &Context, path: &str, rest: &str) -> Option<GoSources> {
        let mut found = GoSources::default();
        found.file(path, rest, &context.text(path)?);
        Some(found)
    }

    /// The same for a file of which nobody reads more than the imports: of vendored ones, some of which
    /// are megabytes of generated code, mostly the beginning.
    fn of_head(context: &Context, path: &str, rest: &str) -> Option<GoSources> {
        let head = context.head(path, HEAD)?;
        let mut found = GoSources::default();
        if head.len() < HEAD {
            found.file(path, rest, &head);
            return Some(found);
        }
        // The last line may be cut.
        let lines = head.rsplit_once('\n').map_or("", |(lines, _)| lines);
        match found.file(path, rest, lines) {
            true => Some(found),
            false => GoSources::of(context, path, rest),
        }
    }

    /// What these files and later ones show.
    fn and(mut self, later: GoSources) -> GoSources {
        self.cgo = self.cgo.or(later.cgo);
        self.cgo_optional = self.cgo_optional.or(later.cgo_optional);
        self.net = self.net.or(later.net);
        self.partial |= later.partial;
        self.libraries.extend(later.libraries);
        self.libraries.sort();
        self.libraries.dedup();
        for folder in later.mains {
            if !self.mains.contains(&folder) {
                self.mains.push(folder);
            }
        }
        self
    }

    /// Reads a file; whether its imports end before the text does.
    fn file(&mut self, path: &str, rest: &str, text: &str) -> bool {
        let mut in_imports = false;
        let mut in_comment = false;
        let mut flags: Vec<String> = Vec::new();
        let constraint = Constraint::of(text);
        if !constraint.holds(true) {
            return constraint.complete;
        }
        let mut over = false;
        let optional = !constraint.holds(false);
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(cgo) = line.trim_start_matches('/').trim_start().strip_prefix("#cgo") {
                if let Some((condition, values)) = cgo.split_once(':')
                    && !["windows", "darwin", "freebsd"].iter().any(|os| condition.contains(os))
                {
                    if condition.contains("pkg-config") {
                        flags.extend(values.split_whitespace().map(str::to_owned));
                    } else {
                        let libraries = values.split_whitespace().filter_map(|w| w.strip_prefix("-l"));
                        flags.extend(libraries.map(str::to_owned));
                    }
                }
                continue;
            }
            if in_comment {
                in_comment = !line.contains("*/");
                continue;
            }
            if line.starts_with("/*") {
                in_comment = !line.contains("*/");
                continue;
            }
            if line.is_empty() || line.starts_with("//") {
                continue;
            }
            if let Some(package) = line.strip_prefix("package ") {
                if package.split([' ', ';', '/']).next() == Some("main") {
                    let folder = rest.rsplit_once('/').map_or("", |(f, _)| f);
                    if !self.mains.iter().any(|m| m == folder) {
                        self.mains.push(folder.to_owned());
                    }
                }
                continue;
            }
            if let Some(import) = line.strip_prefix("import") {
                let import = import.trim_start();
                if import.starts_with('(') {
                    in_imports = !import.contains(')');
                } else {
                    self.import(import, path, index, optional);
                }
                continue;
            }
            if in_imports {
                if line.starts_with(')') {
                    in_imports = false;
                } else {
                    self.import(line, path, index, optional);
                }
                continue;
            }
            over = true;
            break;
        }
        if !flags.is_empty() {
            self.libraries.extend(flags.iter().filter_map(|f| library(f)));
            self.libraries.sort();
            self.libraries.dedup();
        }
        over
    }

    fn import(&mut self, line: &str, path: &str, index: usize, optional: bool) {
        let Some(name) = line.split('"').nth(1) else { return };
        if name == "C" {
            let place = if optional {
                &mut self.cgo_optional
            } else {
                &mut self.cgo
            };
            place.get_or_insert_with(|| Evidence::source(path, Some(index + 1), "the sources import \"C\""));
        } else if self.net.is_none() && WITH_C.contains(&name) {
            let says = format!("the sources import {name:?}, which uses the C library where it can");
            self.net = Some(Evidence::source(path, Some(index + 1), says));
        }
    }
}

/// Whether the name of a file lets it be part of a build for Linux.
fn is_built(path: &str) -> bool {
    let Some(stem) = path.strip_suffix(".go") else {
        return false;
    };
    if stem.ends_with("_test") {
        return false;
    }
    let skipped = path
        .split('/')
        .any(|part| part.starts_with(['_', '.']) || part == "testdata" || part == "node_modules");
    let foreign = [
        "_windows", "_darwin", "_freebsd", "_openbsd", "_netbsd", "_js", "_plan9", "_solaris", "_wasm", "_android",
        "_aix",
    ];
    let stem = ["_amd64", "_arm64", "_386", "_arm"]
        .iter()
        .find_map(|a| stem.strip_suffix(a))
        .unwrap_or(stem);
    !skipped && !foreign.iter().any(|os| stem.ends_with(os))
}

/// The build constraints of a file.
struct Constraint<'t> {
    /// Behind `//go:build`; it goes before the others.
    new: Option<&'t str>,
    /// Behind `// +build`; all must hold.
    old: Vec<&'t str>,
    /// All of them were seen: what they stand before began.
    complete: bool,
}

impl<'t> Constraint<'t> {
    fn of(text: &'t str) -> Self {
        let mut out = Constraint {
            new: None,
            old: Vec::new(),
            complete: false,
        };
        for line in text.lines() {
            let line = line.trim();
            if let Some(expression) = line.strip_prefix("//go:build ") {
                out.new = Some(expression);
            } else if let Some(options) = line.strip_prefix("// +build ").or(line.strip_prefix("//+build ")) {
                out.old.push(options);
            } else if line.starts_with("package ") {
                out.complete = true;
                break;
            }
        }
        out
    }

    /// Whether the file is part of a build for Linux, with or without cgo.
    fn holds(&self, cgo: bool) -> bool {
        match self.new {
            Some(expression) => any(expression, cgo),
            None => self.old.iter().all(|options| {
                let mut options = options.split_whitespace();
                options.any(|option| option.split(',').all(|term| tag(term, cgo)))
            }),
        }
    }
}

/// `a || b`, with brackets.
fn any(expression: &str, cgo: bool) -> bool {
    parts(expression, "||")
        .iter()
        .any(|part| parts(part, "&&").iter().all(|term| one(term.trim(), cgo)))
}

fn one(term: &str, cgo: bool) -> bool {
    if let Some(rest) = term.strip_prefix('!') {
        return !one(rest.trim(), cgo);
    }
    match term.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
        Some(inside) => any(inside, cgo),
        None => tag(term, cgo),
    }
}

/// Cuts at an operator outside of brackets.
fn parts<'e>(expression: &'e str, operator: &str) -> Vec<&'e str> {
    let mut found = Vec::new();
    let mut depth = 0i32;
    let mut from = 0;
    for (at, c) in expression.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ if depth == 0 && at >= from && expression.get(at..).is_some_and(|e| e.starts_with(operator)) => {
                found.extend(expression.get(from..at));
                from = at + operator.len();
            }
            _ => {}
        }
    }
    found.extend(expression.get(from..));
    found
}

fn tag(term: &str, cgo: bool) -> bool {
    if let Some(rest) = term.strip_prefix('!') {
        return !tag(rest, cgo);
    }
    term.starts_with("go1.") || matches!(term, "linux" | "unix" | "amd64" | "gc") || term == "cgo" && cgo
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Memory;

    #[test]
    fn of_vendored_files_the_beginning_is_enough() {
        let comment = "// A line of a licence that is long enough to be one of many.\n".repeat(HEAD / 60);
        let long = format!("{comment}package big\n\nimport (\n\t\"C\"\n\t\"net\"\n)\n");
        let generated = format!("package gen\n\nimport \"net\"\n\nvar x = 1\n{comment}");
        for (text, cgo) in [(&long, true), (&generated, false)] {
            let files = [("go.mod", "module m\n"), ("vendor/x/a.go", text.as_str())];
            let context = Context::new("app", std::sync::Arc::new(Memory::new(files)), None);
            let found = GoSources::read(&context, "");
            assert!(found.vendored && !found.partial && found.net.is_some());
            assert_eq!(found.cgo.is_some(), cgo);
        }
    }

    #[test]
    fn constraints_are_evaluated() {
        let holds = |text: &str| {
            let constraint = Constraint::of(text);
            (constraint.holds(true), constraint.holds(false))
        };
        assert_eq!(holds("package x\n//go:build ignore\n"), (true, true));
        assert_eq!(
            holds("//go:build gssapi && (linux || darwin)\npackage x"),
            (false, false)
        );
        assert_eq!(holds("//go:build cgo && !windows\npackage x"), (true, false));
        assert_eq!(holds("//go:build !(windows || js) || go1.18\npackage x"), (true, true));
        assert_eq!(
            holds("// +build linux,cgo darwin\n// +build !arm\n\npackage x"),
            (true, false)
        );
        assert_eq!(holds("// +build gccgo\npackage x"), (false, false));
        assert_eq!(holds("//go:build (\npackage x"), (false, false));
    }
}
