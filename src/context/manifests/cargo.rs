//! `Cargo.toml`.

use super::toml::{self, Table, Value};

/// What a `Cargo.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CargoToml {
    /// `package.name`; none for a virtual workspace.
    pub name: Option<String>,
    /// `package.default-run`.
    pub default_run: Option<String>,
    /// `package.edition`.
    pub edition: Option<String>,
    /// `package.build`: a build script named explicitly.
    pub build: Option<String>,
    /// `[[bin]]`: name and path.
    pub bins: Vec<(String, Option<String>)>,
    /// `workspace.members`, patterns; none where there is no workspace.
    pub workspace: Option<Vec<String>>,
    /// Names under `dependencies`, `build-dependencies` and those of targets.
    pub dependencies: Vec<String>,
    /// Dependencies with a `path`: name and folder.
    pub local_dependencies: Vec<(String, String)>,
}

impl CargoToml {
    /// Reads the text; what is not understood is passed over.
    pub fn parse(text: &str) -> CargoToml {
        let mut out = CargoToml::default();
        for table in toml::tables(text) {
            match table.name.as_str() {
                "package" => {
                    out.name = table.text("name");
                    out.default_run = table.text("default-run");
                    out.edition = table.text("edition");
                    out.build = table.text("build");
                }
                "bin" if table.repeated => {
                    out.bins
                        .extend(table.text("name").map(|name| (name, table.text("path"))));
                }
                "workspace" => {
                    let members = table.get("members").map(Value::as_list).unwrap_or_default();
                    out.workspace = Some(members.to_vec());
                }
                name => out.dependency_table(name, &table),
            }
        }
        out
    }

    /// `[dependencies]`, `[build-dependencies]`, `[target.x.dependencies]`, `[dependencies.name]`.
    fn dependency_table(&mut self, name: &str, table: &Table) {
        let is_list = |name: &str| matches!(name.rsplit('.').next(), Some("dependencies" | "build-dependencies"));
        if is_list(name) {
            for (key, value) in &table.entries {
                let dependency = key.split('.').next().unwrap_or(key);
                self.dependencies.push(dependency.to_owned());
                if let Value::Table(fields) = value
                    && let Some((_, Value::Text(path))) = fields.iter().find(|(field, _)| field == "path")
                {
                    self.local_dependencies.push((dependency.to_owned(), path.clone()));
                }
            }
        } else if let Some((list, dependency)) = name.rsplit_once('.')
            && is_list(list)
        {
            self.dependencies.push(dependency.to_owned());
            self.local_dependencies
                .extend(table.text("path").map(|path| (dependency.to_owned(), path)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_members_and_dependencies_are_read() {
        let cargo = CargoToml::parse(
            "[package]\nname = \"app\"\nversion.workspace = true\ndefault-run = \"srv\"\n\n[[bin]]\nname = \"srv\"\npath = \"src/srv.rs\"\n\
             [[bin]]\nname = \"cli\"\n[workspace]\nmembers = [\"a\", \"b/*\"]\n[dependencies]\nserde = \"1\"\n\
             lib = { path = \"../lib\" }\n[dependencies.openssl-sys]\nversion = \"0.9\"\n[dev-dependencies]\nproptest = \"1\"\n\
             [target.'cfg(unix)'.dependencies]\nnix = \"1\"\n",
        );
        assert_eq!(
            (cargo.name.as_deref(), cargo.default_run.as_deref()),
            (Some("app"), Some("srv"))
        );
        assert_eq!(
            cargo.bins,
            [("srv".into(), Some("src/srv.rs".into())), ("cli".into(), None)]
        );
        assert_eq!(cargo.workspace, Some(vec!["a".into(), "b/*".into()]));
        assert_eq!(cargo.dependencies, ["serde", "lib", "openssl-sys", "nix"]);
        assert_eq!(cargo.local_dependencies, [("lib".into(), "../lib".into())]);
        assert_eq!(CargoToml::parse("[workspace]\n").workspace, Some(vec![]));
    }
}
