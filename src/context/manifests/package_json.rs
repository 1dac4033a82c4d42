//! `package.json`.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What rules and planner ask of a `package.json`. A field of an unexpected type counts as absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageJson {
    /// `name`.
    pub name: Option<String>,
    /// `main`.
    pub main: Option<String>,
    /// `type`: `module` or `commonjs`.
    pub module_type: Option<String>,
    /// `packageManager`, as in `pnpm@9.1.0`.
    pub package_manager: Option<String>,
    /// `scripts`.
    pub scripts: BTreeMap<String, String>,
    /// `bin`: command and file; the plain form is named after the package, without its scope.
    pub bin: BTreeMap<String, String>,
    /// `engines`.
    pub engines: BTreeMap<String, String>,
    /// `dependencies`: name and version range.
    pub dependencies: BTreeMap<String, String>,
    /// `devDependencies`.
    pub dev_dependencies: BTreeMap<String, String>,
    /// `peerDependencies`.
    pub peer_dependencies: BTreeMap<String, String>,
    /// `optionalDependencies`.
    pub optional_dependencies: BTreeMap<String, String>,
    /// `workspaces`, in both of its forms: the patterns of folders.
    pub workspaces: Vec<String>,
}

/// Scripts that an install runs by itself in the package that is installed into.
const LIFECYCLE: [&str; 6] = [
    "preinstall",
    "install",
    "postinstall",
    "preprepare",
    "prepare",
    "postprepare",
];

impl PackageJson {
    /// Reads the text; none where it is no JSON object.
    pub fn parse(text: &str) -> Option<PackageJson> {
        let Value::Object(fields) = serde_json::from_str(text).ok()? else {
            return None;
        };
        let name = string(&fields, "name");
        let mut bin = strings(&fields, "bin");
        if let (Some(file), Some(name)) = (string(&fields, "bin"), &name) {
            let command = name.rsplit('/').next().unwrap_or(name);
            bin.insert(command.to_owned(), file);
        }
        let workspaces = match fields.get("workspaces") {
            Some(Value::Object(inner)) => list(inner.get("packages")),
            plain => list(plain),
        };
        Some(PackageJson {
            main: string(&fields, "main"),
            module_type: string(&fields, "type"),
            package_manager: string(&fields, "packageManager"),
            scripts: strings(&fields, "scripts"),
            engines: strings(&fields, "engines"),
            dependencies: strings(&fields, "dependencies"),
            dev_dependencies: strings(&fields, "devDependencies"),
            peer_dependencies: strings(&fields, "peerDependencies"),
            optional_dependencies: strings(&fields, "optionalDependencies"),
            name,
            bin,
            workspaces,
        })
    }

    /// A script's command line.
    pub fn script(&self, name: &str) -> Option<&str> {
        self.scripts.get(name).map(String::as_str)
    }

    /// The scripts that an install runs: they may read sources, so that installing before the
    /// sources are copied can fail.
    pub fn lifecycle_scripts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        LIFECYCLE
            .into_iter()
            .filter_map(|name| Some((name, self.script(name)?)))
    }

    /// Whether the package is depended on, in whichever list.
    pub fn depends_on(&self, package: &str) -> bool {
        [
            &self.dependencies,
            &self.dev_dependencies,
            &self.optional_dependencies,
            &self.peer_dependencies,
        ]
        .iter()
        .any(|list| list.contains_key(package))
    }

    /// What it asks for, in whichever list: name and range.
    pub fn named(&self) -> impl Iterator<Item = (&str, &str)> {
        let lists = [
            &self.dependencies,
            &self.dev_dependencies,
            &self.optional_dependencies,
            &self.peer_dependencies,
        ];
        lists
            .into_iter()
            .flatten()
            .map(|(name, range)| (name.as_str(), range.as_str()))
    }

    /// Dependencies in the same repository (`file:`, `link:`, `workspace:`, `portal:`), which an
    /// install needs on disk: name and where.
    pub fn local_dependencies(&self) -> impl Iterator<Item = (&str, &str)> {
        [&self.dependencies, &self.dev_dependencies, &self.optional_dependencies]
            .into_iter()
            .flatten()
            .filter_map(|(name, version)| {
                let local = ["file:", "link:", "workspace:", "portal:"]
                    .iter()
                    .any(|scheme| version.starts_with(scheme));
                local.then_some((name.as_str(), version.as_str()))
            })
    }
}

fn string(fields: &Map<String, Value>, key: &str) -> Option<String> {
    fields.get(key)?.as_str().map(str::to_owned)
}

fn strings(fields: &Map<String, Value>, key: &str) -> BTreeMap<String, String> {
    let entries = fields.get(key).and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn list(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_wrong_types_passed_over() {
        let package = PackageJson::parse(
            r#"{"name": "@me/tool", "bin": "cli.js", "type": "module", "main": 3,
                "scripts": {"start": "node .", "postinstall": "node gyp.js", "odd": []},
                "dependencies": {"a": "^1", "lib": "file:../lib"}, "devDependencies": {"b": "2"},
                "workspaces": {"packages": ["packages/*"]}, "engines": {"node": ">=20"},
                "packageManager": "pnpm@9.1.0"}"#,
        )
        .expect("an object");
        assert_eq!(package.bin.get("tool").map(String::as_str), Some("cli.js"));
        assert_eq!(package.main, None);
        assert_eq!(package.script("start"), Some("node ."));
        assert_eq!(
            package.lifecycle_scripts().collect::<Vec<_>>(),
            [("postinstall", "node gyp.js")]
        );
        assert_eq!(
            package.local_dependencies().collect::<Vec<_>>(),
            [("lib", "file:../lib")]
        );
        assert!(package.depends_on("b") && !package.depends_on("c"));
        assert_eq!(package.workspaces, ["packages/*"]);
        assert_eq!(package.package_manager.as_deref(), Some("pnpm@9.1.0"));
        assert!(PackageJson::parse("[]").is_none() && PackageJson::parse("{").is_none());
    }
}
