//! What the sources of a Go module import.

use super::linkage::library;
use crate::context::Context;
use crate::plan::evidence::Evidence;

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

/// What the Go files of a folder show.
#[derive(Debug, Default)]
pub struct GoSources {
    /// The first `import "C"`.
    pub cgo: Option<Evidence>,
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
        let mut count = 0;
        for file in listing.below(folder) {
            let Some(rest) = file.path.strip_prefix(folder) else {
                continue;
            };
            let rest = rest.trim_start_matches('/');
            out.vendored |= rest.starts_with("vendor/") && rest.ends_with("modules.txt");
            if !is_built(rest) {
                continue;
            }
            count += 1;
            if count > MAX_FILES {
                out.partial = true;
                break;
            }
            let Some(text) = context.read_text(&file.path) else {
                out.partial = true;
                continue;
            };
            out.file(&file.path, rest, &text);
        }
        out
    }

    fn file(&mut self, path: &str, rest: &str, text: &str) {
        let mut in_imports = false;
        let mut in_comment = false;
        let mut flags: Vec<String> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(constraint) = line.strip_prefix("//go:build ").or(line.strip_prefix("// +build ")) {
                if excludes_linux(constraint) {
                    return;
                }
                continue;
            }
            if let Some(cgo) = line.trim_start_matches("//").trim_start().strip_prefix("#cgo") {
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
                    self.import(import, path, index);
                }
                continue;
            }
            if in_imports {
                if line.starts_with(')') {
                    in_imports = false;
                } else {
                    self.import(line, path, index);
                }
                continue;
            }
            // Imports are over.
            break;
        }
        if !flags.is_empty() {
            self.libraries.extend(flags.iter().filter_map(|f| library(f)));
            self.libraries.sort();
            self.libraries.dedup();
        }
    }

    fn import(&mut self, line: &str, path: &str, index: usize) {
        let Some(name) = line.split('"').nth(1) else { return };
        if name == "C" && self.cgo.is_none() {
            self.cgo = Some(Evidence::source(path, Some(index + 1), "the sources import \"C\""));
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

fn excludes_linux(constraint: &str) -> bool {
    let words: Vec<&str> = constraint
        .split([' ', ',', '&', '|', '(', ')'])
        .filter(|w| !w.is_empty())
        .collect();
    matches!(
        words.as_slice(),
        ["ignore" | "windows" | "darwin" | "js" | "wasm" | "tools" | "!linux" | "!unix" | "plan9"]
    )
}
