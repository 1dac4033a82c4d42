//! From what an import names to a file of the context, or an installed package.

mod composer;
mod modules;
mod scripts;

use super::{Joined, Language, names};
use crate::context::Context;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What an import leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file of the context.
    File(String),
    /// An installed package.
    Package(String),
    /// Nothing that is there.
    Missing,
}

/// The context as imports see it.
pub struct Resolver<'c> {
    pub context: &'c Context,
    pub language: Language,
    files: HashSet<&'c str>,
    folders: HashSet<&'c str>,
    /// Every name of a file or folder.
    parts: HashSet<&'c str>,
    /// Folders that modules are looked up in.
    roots: Vec<String>,
    /// Aliases of TypeScript and bundlers: prefix and what it stands for.
    aliases: Vec<(String, String)>,
    /// Packages of the project's own workspaces, with their folders.
    workspaces: BTreeMap<String, String>,
    /// Folder that a compiler writes to, and the one that it reads.
    outputs: Vec<(String, String)>,
    /// Packages that manifests name.
    listed: BTreeSet<String>,
    /// Composer's, for PHP.
    autoload: Option<composer::Autoload>,
}

/// Endings that JavaScript's imports leave out.
const SCRIPT_ENDINGS: [&str; 9] = [".js", ".ts", ".tsx", ".mjs", ".cjs", ".jsx", ".json", ".mts", ".cts"];

impl<'c> Resolver<'c> {
    pub fn new(context: &'c Context, language: Language, entries: &[String]) -> Resolver<'c> {
        let listing = &context.walk().files;
        let mut files = HashSet::with_capacity(listing.len());
        let mut folders = HashSet::new();
        let mut parts = HashSet::new();
        for file in listing {
            let path = file.path.as_str();
            files.insert(path);
            parts.extend(path.rsplit('/').next());
            let mut rest = path;
            while let Some((folder, _)) = rest.rsplit_once('/') {
                if !folders.insert(folder) {
                    break;
                }
                parts.extend(folder.rsplit('/').next());
                rest = folder;
            }
        }
        let mut resolver = Resolver {
            context,
            language,
            files,
            folders,
            parts,
            roots: vec![String::new()],
            aliases: Vec::new(),
            workspaces: BTreeMap::new(),
            outputs: Vec::new(),
            listed: BTreeSet::new(),
            autoload: None,
        };
        match language {
            Language::JavaScript => resolver.javascript(),
            Language::Python => {
                for entry in entries {
                    let folder = entry.rsplit_once('/').map_or("", |(folder, _)| folder);
                    resolver.root(folder);
                }
                resolver.root("src");
                resolver.root("app");
                resolver.root("lib");
            }
            Language::Ruby => {
                resolver.root("lib");
                resolver.root("app");
            }
            Language::Php => {
                // The nearest manifest above what is started; one with a lock is the project's.
                let mut folders: Vec<&str> = Vec::new();
                let mut folder = entries.first().map_or("", String::as_str);
                while !folder.is_empty() {
                    folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
                    folders.push(folder);
                }
                let locked = |folder: &&&str| resolver.files.contains(join(folder, "composer.lock").as_str());
                let project = folders.iter().find(locked).or(folders.first());
                let all = project.into_iter().chain(&folders);
                resolver.autoload = all.copied().find_map(|folder| composer::Autoload::of(context, folder));
            }
        }
        resolver
    }

    fn root(&mut self, folder: &str) {
        if (folder.is_empty() || self.folders.contains(folder)) && !self.roots.iter().any(|known| known == folder) {
            self.roots.push(folder.to_owned());
        }
    }

    fn is_file(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.folders.contains(path)
    }

    /// The source that an entry is, or is made of.
    pub fn entry(&self, entry: &str) -> Option<String> {
        let clean = join("", entry);
        self.made_of(&clean).or_else(|| {
            // `node .`
            let package = self.context.package_json(&clean)?;
            let main = package
                .main
                .as_deref()
                .filter(|_| self.language == Language::JavaScript)?;
            self.made_of(&join(&clean, main))
        })
    }

    /// What an import in a file leads to. `maybe`: nothing is missed where it leads nowhere.
    pub fn resolve(&self, from: &str, what: &str, maybe: bool) -> Vec<Target> {
        match self.language {
            Language::JavaScript => self.resolve_script(from, what),
            Language::Python => self.resolve_python(from, what, maybe),
            Language::Ruby => self.resolve_ruby(from, what),
            Language::Php => self.resolve_php(from, what),
        }
    }

    fn resolve_ruby(&self, from: &str, what: &str) -> Vec<Target> {
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        if what.starts_with('.') {
            return vec![
                self.script_or(&join(folder, what))
                    .map_or(Target::Missing, Target::File),
            ];
        }
        for root in &self.roots {
            if let Some(found) = self.script_or(&join(root, what)) {
                return vec![Target::File(found)];
            }
        }
        let first = what.split('/').next().unwrap_or(what);
        if names::is_ruby(first) {
            return Vec::new();
        }
        vec![Target::Package(what.split('/').next().unwrap_or(what).to_owned())]
    }

    fn resolve_php(&self, from: &str, what: &str) -> Vec<Target> {
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        if let Some(path) = what.strip_prefix("./") {
            let found = [join(folder, path), join("", path)]
                .into_iter()
                .find(|p| self.is_file(p));
            return match found {
                Some(found) => vec![Target::File(found)],
                None if path.ends_with("vendor/autoload.php") => self.loader(),
                None if path.contains("vendor/") => vec![Target::Package("composer".to_owned())],
                None => vec![Target::Missing],
            };
        }
        self.class(what).into_iter().collect()
    }

    /// The folder of the context that a name beginning so is in; none for a package's.
    pub fn bounded(&self, from: &str, prefix: &str) -> Option<String> {
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        let path = match self.language {
            Language::Python => {
                let path = prefix.replace('.', "/");
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
                let found = self
                    .roots
                    .iter()
                    .map(|root| join(root, &folder))
                    .find(|f| self.is_folder(f) && !f.is_empty())?;
                return Some(format!("{found}/"));
            }
            _ => prefix,
        };
        if !path.starts_with('.') && !path.starts_with('/') {
            let alias = self
                .aliases
                .iter()
                .find_map(|(alias, target)| Some(join(target, path.strip_prefix(alias.as_str())?)));
            let alias = alias?;
            let alias = alias.rsplit_once('/').map_or("", |(folder, _)| folder);
            return (self.is_folder(alias) && !alias.is_empty()).then(|| format!("{alias}/"));
        }
        let up = path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or("./");
        let found = join(if up.starts_with('/') { "" } else { folder }, up);
        self.is_folder(&found).then(|| {
            if found.is_empty() {
                String::new()
            } else {
                format!("{found}/")
            }
        })
    }

    /// The file that a path which is made of literals leads to.
    pub fn exactly(&self, from: &str, path: &str) -> Option<String> {
        let is_path = self.language == Language::JavaScript && !path.ends_with('/');
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        match path.strip_prefix('/') {
            _ if !is_path => None,
            Some(rest) => self.script(&join("", rest)),
            None if path.starts_with('.') => self.script(&join(folder, path)),
            None => None,
        }
    }

    /// The package that a name beginning so is in.
    pub fn package_of_prefix(&self, prefix: &str) -> Option<String> {
        match self.language {
            Language::JavaScript if !prefix.starts_with(['.', '/']) => {
                let name = package_name(prefix);
                let whole = prefix.len() > name.len();
                (whole && !name.is_empty()).then(|| name.to_owned())
            }
            Language::Python => {
                let first = prefix.split('.').next()?;
                (prefix.contains('.') && !first.is_empty()).then(|| first.to_owned())
            }
            _ => None,
        }
    }

    /// The sources in a folder and below.
    pub fn files_in(&self, folder: &str) -> Vec<String> {
        let mut out: Vec<String> = self
            .files
            .iter()
            .filter(|f| f.starts_with(folder) && Language::of(f) == Some(self.language) && !f.contains("node_modules/"))
            .map(|f| (*f).to_owned())
            .collect();
        out.sort_unstable();
        out
    }

    /// Where a joined path leads, and whether it is a folder; what does not exist is given where it
    /// is seen from the file's folder.
    pub fn joined(&self, from: &str, joined: &Joined) -> Option<(String, bool)> {
        let folder = if joined.here {
            from.rsplit_once('/').map_or("", |(folder, _)| folder)
        } else {
            ""
        };
        let path = join(folder, &joined.path);
        if path.is_empty() {
            return None;
        }
        if self.is_file(&path) {
            return Some((path, false));
        }
        if self.is_folder(&path) {
            return Some((path, true));
        }
        // Compiled sources lie elsewhere than what they are made of.
        let other = join("", joined.path.trim_start_matches("../"));
        if self.is_file(&other) {
            return Some((other, false));
        }
        (self.is_folder(&other) && !other.is_empty()).then_some((other, true))
    }

    /// Whether a literal can name anything: most do not, and the rest costs.
    pub fn is_plausible(&self, text: &str) -> bool {
        let first = text
            .split('/')
            .find(|part| !matches!(*part, "" | "." | ".."))
            .unwrap_or(text);
        self.parts.contains(first) || self.language == Language::Python && is_dotted(text)
    }

    /// What a literal names: a path seen from the root or the file, or a module by its dotted name.
    pub fn literal(&self, from: &str, text: &str) -> Vec<Target> {
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        let plain = text.split('*').next().unwrap_or(text);
        // A pattern counts as its folder.
        let plain = if plain.len() < text.len() {
            plain.rfind('/').and_then(|at| plain.get(..at)).unwrap_or_default()
        } else {
            plain
        };
        if plain.is_empty() || matches!(plain, "." | "..") {
            return Vec::new();
        }
        let mut out = Vec::new();
        let bare = plain.trim_start_matches('/');
        for path in [join("", bare), join(folder, bare)] {
            if !path.is_empty() && (self.is_file(&path) || self.is_folder(&path)) {
                out.push(Target::File(path));
                break;
            }
        }
        if self.language == Language::Python && out.is_empty() && is_dotted(text) {
            let module = text.split(':').next().unwrap_or(text);
            let mut path = module.replace('.', "/");
            // `app.urls`, `app.middleware.Class`.
            for _ in 0..3 {
                let found = self
                    .roots
                    .iter()
                    .map(|root| self.module(root, &path))
                    .find(|f| !f.is_empty());
                if let Some(found) = found {
                    out.extend(found);
                    return out;
                }
                match path.rsplit_once('/') {
                    Some((above, _)) => path = above.to_owned(),
                    None => break,
                }
            }
            let first = module.split('.').next().unwrap_or(module);
            if !names::is_python(first) && first.len() > 2 {
                out.push(Target::Package(first.to_owned()));
            }
        }
        out
    }
}

/// `a.b`, `a.b.C`: lower case at first, no file's ending.
fn is_dotted(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    parts.len() > 1
        && parts.iter().all(|part| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                && !part.starts_with(|c: char| c.is_ascii_digit())
        })
        && parts.first().is_some_and(|p| {
            p.bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        })
        && !matches!(
            parts.last().copied(),
            Some(
                "html"
                    | "txt"
                    | "json"
                    | "py"
                    | "js"
                    | "css"
                    | "yml"
                    | "yaml"
                    | "ini"
                    | "log"
                    | "com"
                    | "org"
                    | "net"
                    | "io"
                    | "md"
                    | "csv"
                    | "png"
                    | "jpg"
                    | "db"
                    | "sqlite3"
                    | "local"
                    | "env"
                    | "toml"
                    | "xml"
                    | "pdf"
            )
        )
}

/// `lodash/fp` is of `lodash`, `@a/b/c` of `@a/b`.
fn package_name(what: &str) -> &str {
    let mut slashes = what.match_indices('/').map(|(at, _)| at);
    let first = slashes.next();
    let end = if what.starts_with('@') { slashes.next() } else { first };
    end.and_then(|at| what.get(..at)).unwrap_or(what)
}

/// Two paths joined, `.` and `..` taken out; it does not lead out of the root.
pub fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::scripts::relaxed;
    use super::*;

    #[test]
    fn paths_and_names() {
        assert_eq!(join("a/b", "../c/./d"), "a/c/d");
        assert_eq!(join("", "../x"), "x");
        assert_eq!(
            (package_name("@a/b/c"), package_name("x/y"), package_name("z")),
            ("@a/b", "x", "z")
        );
        assert!(is_dotted("app.urls") && !is_dotted("index.html") && !is_dotted("x") && !is_dotted("1.2"));
        assert!(relaxed("{ // a\n \"b\": [1, 2,], /* c */ }").is_some_and(|v| v["b"][1] == 2));
    }
}
