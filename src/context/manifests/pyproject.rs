//! `pyproject.toml`.

use super::toml::{self, Value};

/// What a `pyproject.toml` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PyProject {
    /// `project.name`, else `tool.poetry.name`.
    pub name: Option<String>,
    /// `project.requires-python`.
    pub requires_python: Option<String>,
    /// `build-system.build-backend`.
    pub build_backend: Option<String>,
    /// `project.dependencies`, as written.
    pub dependencies: Vec<String>,
    /// `project.scripts` and `tool.poetry.scripts`: command and entry point.
    pub scripts: Vec<(String, String)>,
    /// The tools that have a table of their own: `poetry`, `uv`, `pdm`, ... each once.
    pub tools: Vec<String>,
}

impl PyProject {
    /// Reads the text; what is not understood is passed over.
    pub fn parse(text: &str) -> PyProject {
        let mut out = PyProject::default();
        for table in toml::tables(text) {
            if let Some(tool) = table.name.strip_prefix("tool.") {
                let tool = tool.split('.').next().unwrap_or(tool);
                if !out.tools.iter().any(|known| known == tool) {
                    out.tools.push(tool.to_owned());
                }
            }
            match table.name.as_str() {
                "project" => {
                    out.name = table.text("name").or(out.name);
                    out.requires_python = table.text("requires-python");
                    out.dependencies = table
                        .get("dependencies")
                        .map(Value::as_list)
                        .unwrap_or_default()
                        .to_vec();
                }
                "tool.poetry" if out.name.is_none() => out.name = table.text("name"),
                "build-system" => out.build_backend = table.text("build-backend"),
                "project.scripts" | "tool.poetry.scripts" => {
                    let texts = table
                        .entries
                        .iter()
                        .filter_map(|(k, v)| Some((k.clone(), v.as_text()?.to_owned())));
                    out.scripts.extend(texts);
                }
                _ => {}
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_tools_and_scripts_are_read() {
        let project = PyProject::parse(
            "[build-system]\nbuild-backend = \"hatchling.build\"\n[tool.poetry]\nname = \"old\"\n\
             [tool.poetry.dependencies]\npython = \"^3.12\"\n[project]\nname = \"new\"\nrequires-python = \">=3.11\"\n\
             dependencies = [\"flask>=3\",\n \"uvicorn[standard]\"]\n[project.scripts]\nrun = \"pkg:main\"\n[tool.uv]\n",
        );
        assert_eq!(project.name.as_deref(), Some("new"));
        assert_eq!(project.build_backend.as_deref(), Some("hatchling.build"));
        assert_eq!(project.dependencies, ["flask>=3", "uvicorn[standard]"]);
        assert_eq!(project.scripts, [("run".into(), "pkg:main".into())]);
        assert_eq!(project.tools, ["poetry", "uv"]);
    }
}
