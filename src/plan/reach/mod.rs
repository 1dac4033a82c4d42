//! What a program's sources reach: from its entry files through imports and requires to the files,
//! installed packages and paths that run time needs, whichever list a manifest puts them in.
//!
//! The need is computed with an upper bound in mind: what is imported under a condition counts, what
//! is imported by a name made at run time counts as the folder that bounds it, and what nothing
//! bounds is declared unknown. Sources are parsed by tree-sitter, though only the statements that can
//! import, join paths or start programs; the string literals of the whole file are looked at byte by
//! byte.

mod javascript;
mod literal;
mod made;
mod names;
mod php;
mod python;
mod resolve;
mod ruby;
mod slice;
mod statement;

pub use literal::Literal;
pub use names::{distribution_of, normalized};

use super::evidence::{Evidence, EvidenceSource};
use crate::context::{Context, EntryKind};
use rayon::prelude::*;
use resolve::{Resolver, Target};
use std::collections::{BTreeMap, BTreeSet};

/// The language of a program's sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {
    /// JavaScript and TypeScript.
    JavaScript,
    /// Python.
    Python,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
}

impl Language {
    /// Its name, as it is written in machine-readable reports.
    pub fn name(self) -> &'static str {
        match self {
            Language::JavaScript => "javascript",
            Language::Python => "python",
            Language::Ruby => "ruby",
            Language::Php => "php",
        }
    }

    /// The language of a file, by its name.
    pub fn of(path: &str) -> Option<Language> {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name.rsplit_once('.').map(|(_, ending)| ending) {
            Some("js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx") => Some(Language::JavaScript),
            Some("py") => Some(Language::Python),
            Some("rb" | "ru" | "rake") => Some(Language::Ruby),
            Some("php") => Some(Language::Php),
            _ if matches!(name, "Rakefile") => Some(Language::Ruby),
            _ => None,
        }
    }
}

/// An installed package that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// As the sources name it: `@scope/name`, `yaml` (not the distribution `pyyaml`), `sinatra`.
    pub name: String,
    /// All places that need it stand under a condition.
    pub conditional: bool,
    /// The first place.
    pub evidence: Evidence,
}

/// Something that is imported by a name that only run time knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The folder of the context that bounds it, ending in `/`; none where nothing does.
    pub folder: Option<String>,
    /// The place.
    pub evidence: Evidence,
}

/// What is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// Source files, relative to the context's root, with the file that leads to each.
    pub files: BTreeMap<String, Option<String>>,
    /// Packages, by name.
    pub packages: BTreeMap<String, Package>,
    /// Imports by names made at run time.
    pub unknown: Vec<Unknown>,
    /// Paths in literals that exist in the context, and paths that are joined.
    pub literals: Vec<Literal>,
    /// Programs that are started.
    pub programs: Vec<(String, Evidence)>,
    /// Environment variables that are read.
    pub env: BTreeSet<String>,
    /// A file that may open others which it does not name; JavaScript only.
    pub opens: Option<String>,
    /// Entries that do not exist in the context.
    pub missing: Vec<String>,
}

impl Reach {
    /// Whether a folder or file of the context is reached or named.
    pub fn touches(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let below = format!("{path}/");
        self.files.keys().any(|file| file == path || file.starts_with(&below))
            || self
                .literals
                .iter()
                .any(|l| l.path.trim_end_matches('/') == path || l.path.starts_with(&below))
    }

    fn need(&mut self, name: &str, conditional: bool, evidence: Evidence) {
        match self.packages.get_mut(name) {
            Some(known) => known.conditional &= conditional,
            None => {
                self.packages.insert(
                    name.to_owned(),
                    Package {
                        name: name.to_owned(),
                        conditional,
                        evidence,
                    },
                );
            }
        }
    }
}

/// What was found in one file.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    imports: Vec<Import>,
    /// Paths seen from the file's folder, or the context's root.
    joined: Vec<Joined>,
    /// Literals that may be paths or modules.
    literals: Vec<(String, usize)>,
    programs: Vec<(String, usize)>,
    env: BTreeSet<String>,
    opens: bool,
}

/// An import.
#[derive(Debug, PartialEq, Eq)]
struct Import {
    what: String,
    how: How,
    conditional: bool,
    /// From 1.
    line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// By a name that is there.
    Static,
    /// A name that is only a module where it resolves: the last part of `from a import b`, a dotted
    /// literal.
    Maybe,
    /// By a name that begins so.
    Prefix,
    /// By a name of which nothing is known.
    Unknown,
}

/// A path made of literals.
#[derive(Debug, PartialEq, Eq)]
struct Joined {
    /// Seen from the file's folder; else from the working directory.
    here: bool,
    path: String,
    line: usize,
}

/// Files are not parsed beyond this size, in bytes: bundles and data.
const FILE_LIMIT: usize = 512 * 1024;
/// So many files are parsed at most.
const FILES_LIMIT: usize = 6_000;

/// What the entries reach. Entries and files are relative to the context's root; an entry that is
/// made by a compiler (`dist/server.js`) stands for the source that it is made of.
pub fn reach(context: &Context, entries: &[String], language: Language) -> Reach {
    let resolver = Resolver::new(context, language, entries);
    let mut out = Reach::default();
    let mut open: Vec<String> = Vec::new();
    for entry in entries {
        match resolver.entry(entry) {
            Some(path) => {
                if out.files.insert(path.clone(), None).is_none() {
                    open.push(path);
                }
            }
            None => out.missing.push(entry.clone()),
        }
    }
    while !open.is_empty() && out.files.len() < FILES_LIMIT {
        open.sort_unstable();
        open.dedup();
        let found: Vec<(String, Found)> = open
            .par_iter()
            .filter_map(|path| Some((path.clone(), look(&resolver, path)?)))
            .collect();
        open.clear();
        for (path, found) in found {
            follow(&resolver, &mut out, &path, found, &mut open);
        }
    }
    out.literals.sort_by(|a, b| a.path.cmp(&b.path));
    out.literals.dedup_by(|a, b| a.path == b.path);
    out
}

/// Reads and parses a file.
fn look(resolver: &Resolver<'_>, path: &str) -> Option<Found> {
    // `bin/www` has no ending, but is started by an interpreter.
    let language = Language::of(path).or_else(|| {
        let name = path.rsplit('/').next().unwrap_or(path);
        (!name.contains('.')).then_some(resolver.language)
    })?;
    let text = resolver.context.text(path)?;
    if text.len() > FILE_LIMIT {
        return None;
    }
    let mut found = match language {
        Language::JavaScript => Found {
            opens: javascript::opens(&text),
            ..javascript::look(&text)
        },
        Language::Python => python::look(&text),
        Language::Ruby => ruby::look(&text),
        Language::Php => php::look(&text),
    };
    literal::literals(&text, language, &mut found.literals);
    found.literals.retain(|(literal, _)| resolver.is_plausible(literal));
    Some(found)
}

fn at(path: &str, line: usize, says: impl Into<String>) -> Evidence {
    Evidence::new(
        EvidenceSource::SourceFile {
            path: path.to_owned(),
            line: Some(line),
        },
        says,
    )
}

/// Turns what a file says into files, packages and paths.
fn follow(resolver: &Resolver<'_>, out: &mut Reach, path: &str, found: Found, open: &mut Vec<String>) {
    for import in &found.imports {
        let evidence = || at(path, import.line, format!("it imports `{}`", import.what));
        match import.how {
            How::Static | How::Maybe => {
                for target in resolver.resolve(path, &import.what, import.how == How::Maybe) {
                    match target {
                        Target::File(file) => reached(out, open, file, path),
                        Target::Package(name) => out.need(&name, import.conditional, evidence()),
                        Target::Missing => {}
                    }
                }
            }
            How::Prefix => {
                // All of it may be known.
                if let Some(file) = resolver.exactly(path, &import.what) {
                    reached(out, open, file, path);
                }
                let folder = resolver.bounded(path, &import.what);
                if let Some(folder) = &folder {
                    for file in resolver.files_in(folder) {
                        reached(out, open, file, path);
                    }
                } else if let Some(name) = resolver.package_of_prefix(&import.what) {
                    out.need(&name, import.conditional, evidence());
                    continue;
                }
                out.unknown.push(Unknown {
                    folder,
                    evidence: at(
                        path,
                        import.line,
                        format!("it imports by a name that begins with `{}`", import.what),
                    ),
                });
            }
            How::Unknown => out.unknown.push(Unknown {
                folder: None,
                evidence: at(path, import.line, "it imports by a name that only run time knows"),
            }),
        }
    }
    for joined in found.joined {
        if let Some((target, folder)) = resolver.joined(path, &joined) {
            if !folder && Language::of(&target) == Some(resolver.language) {
                reached(out, open, target, path);
                continue;
            }
            out.literals.push(Literal {
                path: if folder { format!("{target}/") } else { target },
                exists: true,
                evidence: at(path, joined.line, "it joins the path"),
            });
        }
    }
    let imported: BTreeSet<&str> = found.imports.iter().map(|i| i.what.as_str()).collect();
    for (text, line) in found.literals {
        if imported.contains(text.as_str()) {
            continue;
        }
        for target in resolver.literal(path, &text) {
            match target {
                Target::File(file) if Language::of(&file) == Some(resolver.language) => reached(out, open, file, path),
                Target::File(file) => {
                    let folder = resolver.context.kind(&file) == Some(EntryKind::Dir);
                    out.literals.push(Literal {
                        path: if folder { format!("{file}/") } else { file },
                        exists: true,
                        evidence: at(path, line, format!("it names `{text}`")),
                    });
                }
                Target::Package(name) => out.need(&name, true, at(path, line, format!("it names `{text}`"))),
                Target::Missing => {}
            }
        }
    }
    for (program, line) in found.programs {
        if out.programs.iter().all(|(known, _)| *known != program) {
            out.programs
                .push((program.clone(), at(path, line, format!("it starts `{program}`"))));
        }
    }
    out.env.extend(found.env);
    if found.opens && out.opens.is_none() {
        out.opens = Some(path.to_owned());
    }
}

fn reached(out: &mut Reach, open: &mut Vec<String>, file: String, by: &str) {
    if !out.files.contains_key(&file) {
        out.files.insert(file.clone(), Some(by.to_owned()));
        if Language::of(&file).is_some() {
            open.push(file);
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod whole;
