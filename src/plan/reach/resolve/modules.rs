//! Modules of Python: files and packages below the roots.

use super::{Resolver, Target, join, names};

impl Resolver<'_> {
    pub(super) fn resolve_python(&self, from: &str, what: &str, maybe: bool) -> Vec<Target> {
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
    pub(super) fn module(&self, root: &str, path: &str) -> Vec<Target> {
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

    pub(super) fn has_python(&self, folder: &str) -> bool {
        let below = format!("{folder}/");
        self.files.iter().any(|f| f.starts_with(&below) && f.ends_with(".py"))
    }

    pub(super) fn packages_above(&self, root: &str, path: &str) -> Vec<Target> {
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
}
