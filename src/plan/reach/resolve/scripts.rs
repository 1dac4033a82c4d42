//! Modules of JavaScript and TypeScript: files, folders with a main file, workspaces, aliases.

use super::super::Language;
use super::{Resolver, SCRIPT_ENDINGS, Target, join, names, package_name};

impl Resolver<'_> {
    /// Reads the manifests of JavaScript: aliases, workspaces, outputs, packages.
    pub(super) fn javascript(&mut self) {
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

    /// The file itself, or the source that a compiler makes it of.
    pub(super) fn made_of(&self, clean: &str) -> Option<String> {
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
    pub(super) fn script_or(&self, path: &str) -> Option<String> {
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

    pub(super) fn script(&self, path: &str) -> Option<String> {
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
    pub(super) fn entry_in(&self, folder: &str, main: &str) -> Option<String> {
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

    pub(super) fn resolve_script(&self, from: &str, what: &str) -> Vec<Target> {
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
}

/// JSON with comments and trailing commas, as TypeScript's settings have them.
pub(super) fn relaxed(text: &str) -> Option<serde_json::Value> {
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
