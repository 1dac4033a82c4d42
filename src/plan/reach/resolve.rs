//! From what an import names to a file of the context, or an installed package.

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
            Language::Php => {}
        }
        resolver
    }

    fn root(&mut self, folder: &str) {
        if (folder.is_empty() || self.folders.contains(folder)) && !self.roots.iter().any(|known| known == folder) {
            self.roots.push(folder.to_owned());
        }
    }

    /// Reads the manifests of JavaScript: aliases, workspaces, outputs, packages.
    fn javascript(&mut self) {
        let context = self.context;
        let manifests: Vec<&str> = self
            .files
            .iter()
            .copied()
            .filter(|path| path.rsplit('/').next() == Some("package.json") && !path.contains("node_modules/"))
            .take(200)
            .collect();
        for path in manifests {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let Some(manifest) = context.package_json(folder) else {
                continue;
            };
            if let Some(name) = manifest.name.clone().filter(|_| !folder.is_empty()) {
                self.workspaces.insert(name, folder.to_owned());
            }
            let lists = [
                &manifest.dependencies,
                &manifest.dev_dependencies,
                &manifest.optional_dependencies,
                &manifest.peer_dependencies,
            ];
            self.listed
                .extend(lists.into_iter().flat_map(|list| list.keys().cloned()));
        }
        let configs: Vec<&str> = self
            .files
            .iter()
            .copied()
            .filter(|path| {
                let name = path.rsplit('/').next().unwrap_or(path);
                (name.starts_with("tsconfig") || name == "jsconfig.json")
                    && name.ends_with(".json")
                    && path.matches('/').count() <= 2
            })
            .take(20)
            .collect();
        for path in configs {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let Some(value) = context.read_text(path).as_deref().and_then(relaxed) else {
                continue;
            };
            let options = value.get("compilerOptions");
            let text = |name: &str| options.and_then(|o| o.get(name)).and_then(|v| v.as_str());
            let base = join(folder, text("baseUrl").unwrap_or("."));
            if text("baseUrl").is_some() {
                self.root(&base);
            }
            if let Some(paths) = options.and_then(|o| o.get("paths")).and_then(|v| v.as_object()) {
                for (alias, targets) in paths {
                    let targets = targets.as_array().into_iter().flatten().filter_map(|v| v.as_str());
                    for target in targets {
                        let prefix = alias.trim_end_matches('*').to_owned();
                        self.aliases.push((prefix, join(&base, target.trim_end_matches('*'))));
                    }
                }
            }
            if let Some(out) = text("outDir") {
                let from = text("rootDir").unwrap_or("src");
                self.outputs.push((join(folder, out), join(folder, from)));
            }
        }
        // The usual names, where no compiler's settings say otherwise.
        for out in ["dist", "build", "lib", "out", ".build"] {
            for from in ["src", ""] {
                self.outputs.push((out.to_owned(), from.to_owned()));
            }
        }
        self.aliases.push(("@/".to_owned(), "src".to_owned()));
        self.aliases.push(("~/".to_owned(), "src".to_owned()));
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

    /// The file itself, or the source that a compiler makes it of.
    fn made_of(&self, clean: &str) -> Option<String> {
        if let Some(found) = self.script_or(clean) {
            return Some(found);
        }
        for (out, from) in &self.outputs {
            let Some(rest) = clean.strip_prefix(&format!("{out}/")) else {
                continue;
            };
            let stem = rest.rsplit_once('.').map_or(rest, |(stem, _)| stem);
            // Some write the folder of the sources too: dist/src/main.js.
            for stem in [stem, stem.strip_prefix("src/").unwrap_or(stem)] {
                if let Some(found) = self.script_or(&join(from, stem)) {
                    return Some(found);
                }
            }
        }
        None
    }

    /// The file itself, or with an ending or index of its language.
    fn script_or(&self, path: &str) -> Option<String> {
        if self.is_file(path) {
            return Some(path.to_owned());
        }
        match self.language {
            Language::JavaScript => self.script(path),
            Language::Python => {
                let module = format!("{path}/__main__.py");
                let file = format!("{path}.py");
                let package = format!("{path}/__init__.py");
                [file, module, package].into_iter().find(|p| self.is_file(p))
            }
            Language::Ruby => Some(format!("{path}.rb")).filter(|p| self.is_file(p)),
            Language::Php => [format!("{path}/index.php"), format!("{path}.php")]
                .into_iter()
                .find(|p| self.is_file(p)),
        }
    }

    fn script(&self, path: &str) -> Option<String> {
        if self.is_file(path) {
            return Some(path.to_owned());
        }
        for ending in SCRIPT_ENDINGS {
            let file = format!("{path}{ending}");
            if self.is_file(&file) {
                return Some(file);
            }
        }
        // TypeScript writes the ending of what it makes.
        for (made, source) in [
            (".js", ".ts"),
            (".js", ".tsx"),
            (".mjs", ".mts"),
            (".cjs", ".cts"),
            (".jsx", ".tsx"),
        ] {
            if let Some(stem) = path.strip_suffix(made) {
                let file = format!("{stem}{source}");
                if self.is_file(&file) {
                    return Some(file);
                }
            }
        }
        if self.is_folder(path) {
            if let Some(manifest) = self.context.package_json(path).filter(|_| !path.is_empty())
                && let Some(main) = manifest.main.as_deref()
                && let Some(found) = self.entry_in(path, main)
            {
                return Some(found);
            }
            for ending in SCRIPT_ENDINGS {
                let file = join(path, &format!("index{ending}"));
                if self.is_file(&file) {
                    return Some(file);
                }
            }
        }
        None
    }

    /// A package's main file, or the source that it is made of.
    fn entry_in(&self, folder: &str, main: &str) -> Option<String> {
        let whole = join(folder, main);
        if let Some(found) = SCRIPT_ENDINGS
            .iter()
            .map(|e| format!("{whole}{e}"))
            .chain([whole.clone()])
            .find(|p| self.is_file(p))
        {
            return Some(found);
        }
        let stem = main.trim_start_matches("./");
        let stem = stem.split_once('/').map_or(stem, |(_, rest)| rest);
        let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
        SCRIPT_ENDINGS
            .iter()
            .map(|ending| join(folder, &format!("src/{stem}{ending}")))
            .find(|p| self.is_file(p))
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

    fn resolve_script(&self, from: &str, what: &str) -> Vec<Target> {
        // Bundlers' suffixes: `./x.svg?raw`.
        let what = what.split(['?', '!']).next().unwrap_or(what);
        let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        if what.starts_with('.') {
            return vec![self.script(&join(folder, what)).map_or(Target::Missing, Target::File)];
        }
        if what.starts_with('/') {
            return vec![
                self.script(what.trim_start_matches('/'))
                    .map_or(Target::Missing, Target::File),
            ];
        }
        for (prefix, target) in &self.aliases {
            if let Some(rest) = what.strip_prefix(prefix.as_str())
                && let Some(found) = self.script(&join(target, rest))
            {
                return vec![Target::File(found)];
            }
        }
        let name = package_name(what);
        if let Some(folder) = self.workspaces.get(name) {
            let rest = what.get(name.len()..).unwrap_or_default().trim_start_matches('/');
            let found = if rest.is_empty() {
                self.script(folder)
            } else {
                self.script(&join(folder, rest))
                    .or_else(|| self.script(&join(folder, &format!("src/{rest}"))))
            };
            return match found {
                Some(found) => vec![Target::File(found), Target::Package(name.to_owned())],
                None => vec![Target::Package(name.to_owned())],
            };
        }
        if names::is_node(what) {
            return Vec::new();
        }
        // `baseUrl`, unless it is a package.
        if !self.listed.contains(name) {
            for root in &self.roots {
                if let Some(found) = self.script(&join(root, what)).filter(|_| !root.is_empty()) {
                    return vec![Target::File(found)];
                }
            }
        }
        vec![Target::Package(name.to_owned())]
    }

    fn resolve_python(&self, from: &str, what: &str, maybe: bool) -> Vec<Target> {
        let dots = what.len() - what.trim_start_matches('.').len();
        let name = what.trim_start_matches('.');
        let path = name.replace('.', "/");
        if dots > 0 {
            let mut folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
            for _ in 1..dots {
                folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
            }
            return self.module(folder, &path);
        }
        let own = from.rsplit_once('/').map_or("", |(folder, _)| folder);
        for root in self.roots.iter().map(String::as_str).chain([own]) {
            let found = self.module(root, &path);
            if !found.is_empty() {
                return found;
            }
        }
        // `from package import name`: the package was followed already.
        let first = name.split('.').next().unwrap_or(name);
        if maybe || first.is_empty() || names::is_python(first) {
            return Vec::new();
        }
        // A name of a local package that does not exist is made by a build.
        if self
            .roots
            .iter()
            .any(|root| self.is_folder(&join(root, first)) && !self.module(root, first).is_empty())
        {
            return vec![Target::Missing];
        }
        // Distributions that share a name for their modules.
        let shared = matches!(first, "google" | "azure" | "zope" | "opentelemetry" | "ruamel");
        let mut parts = name.split('.');
        let package = match (parts.next(), parts.next()) {
            (Some(first), Some(second)) if shared => format!("{first}.{second}"),
            _ => first.to_owned(),
        };
        vec![Target::Package(package)]
    }

    /// The files of a module below a folder: itself, and the packages that it lies in.
    fn module(&self, root: &str, path: &str) -> Vec<Target> {
        let whole = join(root, path);
        let last = if path.is_empty() {
            format!("{whole}/__init__.py").trim_start_matches('/').to_owned()
        } else {
            let file = format!("{whole}.py");
            let package = format!("{whole}/__init__.py");
            match [package, file].into_iter().find(|p| self.is_file(p)) {
                Some(found) => found,
                // A folder without `__init__.py` is a package too.
                None if self.is_folder(&whole) && !whole.is_empty() && self.has_python(&whole) => {
                    return self.packages_above(root, path);
                }
                None => return Vec::new(),
            }
        };
        let mut out = self.packages_above(root, path);
        if self.is_file(&last) {
            out.push(Target::File(last));
        }
        out
    }

    fn has_python(&self, folder: &str) -> bool {
        let below = format!("{folder}/");
        self.files.iter().any(|f| f.starts_with(&below) && f.ends_with(".py"))
    }

    fn packages_above(&self, root: &str, path: &str) -> Vec<Target> {
        let mut out = Vec::new();
        let mut folder = path;
        while let Some((above, _)) = folder.rsplit_once('/') {
            let init = join(root, &format!("{above}/__init__.py"));
            if self.is_file(&init) {
                out.push(Target::File(init));
            }
            folder = above;
        }
        out
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
                None if path.contains("vendor/") => vec![Target::Package("composer".to_owned())],
                None => vec![Target::Missing],
            };
        }
        Vec::new()
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

/// JSON with comments and trailing commas, as TypeScript's settings have them.
fn relaxed(text: &str) -> Option<serde_json::Value> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut in_string = false;
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                in_string = !in_string;
                out.push(c);
            }
            '\\' if in_string => {
                out.push(c);
                out.extend(chars.next());
            }
            '/' if !in_string && chars.peek() == Some(&'/') => {
                for c in chars.by_ref() {
                    if c == '\n' {
                        out.push('\n');
                        break;
                    }
                }
            }
            '/' if !in_string && chars.peek() == Some(&'*') => {
                let mut last = ' ';
                for c in chars.by_ref() {
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            '}' | ']' if !in_string => {
                let kept = out.trim_end().trim_end_matches(',').len();
                out.truncate(kept);
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    serde_json::from_str(&out).ok()
}

#[cfg(test)]
mod tests {
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
