//! Gems whose sources lie in the build context, and the libraries that their extensions are compiled
//! against, as `extconf.rb` says (Ruby's mkmf).

use crate::context::Context;
use crate::plan::artifact::headers_of;
use crate::plan::evidence::{Evidence, EvidenceSource};
use crate::plan::site::Site;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A gem of the repository itself.
#[derive(Debug, Default)]
pub(super) struct Gem {
    /// Debian's packages with the headers that its extensions use.
    pub(super) links: Vec<(String, Evidence)>,
    /// All that its extensions link is in `links`.
    pub(super) is_known: bool,
    /// It brings programs.
    pub(super) has_programs: bool,
}

/// The gems of the context, by name; read once for a context.
pub(super) fn gems(site: &Site<'_>) -> Arc<BTreeMap<String, Gem>> {
    let Some(context) = site.context else {
        return Arc::default();
    };
    context.derived(String::new(), || read_all(context))
}

fn read_all(context: &Context) -> BTreeMap<String, Gem> {
    let walk = context.walk();
    let mut out = BTreeMap::new();
    for file in walk.files.iter().filter(|f| f.path.ends_with(".gemspec")) {
        let Some(text) = context.read_text(&file.path) else {
            continue;
        };
        let (folder, stem) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        let name = name(&text).unwrap_or_else(|| stem.trim_end_matches(".gemspec").to_owned());
        let below = walk.below(folder).map(|f| f.path.as_str());
        let mut scripts = below.filter(|path| path.ends_with("extconf.rb")).peekable();
        let mut gem = Gem {
            // An extension may be made by CMake or Cargo, too.
            has_programs: text.contains(".executables") || text.contains(".bindir"),
            is_known: scripts.peek().is_some() || !text.contains("extensions"),
            ..Gem::default()
        };
        for script in scripts {
            let known = read(context, script, &mut gem.links);
            gem.is_known &= known;
        }
        out.insert(name, gem);
    }
    out
}

/// The name that a gemspec says.
fn name(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| {
        let (left, right) = line.split_once('=')?;
        left.trim().ends_with(".name").then_some(right)
    })?;
    literal(line.trim()).map(str::to_owned)
}

/// A string at the beginning of a text.
fn literal(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text.get(1..)?.split(quote).next()?;
    (!inner.contains("#{")).then_some(inner)
}

/// Notes what an `extconf.rb` links; whether all of it is understood.
fn read(context: &Context, path: &str, links: &mut Vec<(String, Evidence)>) -> bool {
    let Some(text) = context.read_text(path) else {
        return false;
    };
    let mut known = !text.contains("create_rust_makefile") && !text.contains("find_executable");
    for (at, line) in text.lines().enumerate() {
        let code = line.split('#').next().unwrap_or_default();
        let mut link = |name: &str| {
            let says = format!("`{name}` is linked");
            let source = EvidenceSource::SourceFile {
                path: path.to_owned(),
                line: Some(at + 1),
            };
            links.extend(headers_of(name).map(|package| (package, Evidence::new(source, says))));
        };
        for function in ["have_library", "find_library", "pkg_config"] {
            for (found, _) in code.match_indices(function) {
                let rest = code.get(found + function.len()..).unwrap_or_default();
                match literal(rest.trim_start_matches(['(', ' '])) {
                    Some(name) => link(name),
                    None => known = false,
                }
            }
        }
        for word in code.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')) {
            if let Some(name) = word.strip_prefix("-l") {
                link(name);
            }
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Memory;

    #[test]
    fn names_and_links() {
        assert_eq!(
            name("Gem::Specification.new do |s|\n  s.name = 'x-y'\n").as_deref(),
            Some("x-y")
        );
        let mut tree = Memory::default();
        let text = "require 'mkmf'\n# have_library('no')\nabort unless pkg_config('libpng') || have_library(\"png\")\n\
            find_library 'sqlite3', 'sqlite3_open'\n$libs << ' -lpthread -lz'\n";
        tree.insert("extconf.rb", text.as_bytes());
        tree.insert("odd.rb", b"have_library(LIB)\n");
        let context = Context::new("x", Arc::new(tree), None);
        let mut links = Vec::new();
        assert!(read(&context, "extconf.rb", &mut links));
        let links: Vec<String> = links.into_iter().map(|(name, _)| name).collect();
        assert_eq!(links, ["libpng-dev", "libpng-dev", "libsqlite3-dev", "zlib1g-dev"]);
        assert!(!read(&context, "odd.rb", &mut Vec::new()));
    }
}
