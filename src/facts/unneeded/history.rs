//! Whether a build reads version control's data.

use super::builds::Builds;
use crate::context::Context;
use regex::Regex;
use std::sync::LazyLock;

/// Files that are looked into, at most, and how large each may be.
const FILES: usize = 64;
const BYTES: u64 = 128 * 1024;

/// A git command that reads the history, as shells and programs write it, or a tool that does so.
static READS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let command = r#"\bgit(?:["']\s*,\s*["']|\s+)(?:-C\s+\S+\s+)?(?:describe|rev-parse|rev-list|log|ls-files|ls-tree|show|status|diff|branch|tag|shortlog|name-rev|submodule|for-each-ref|symbolic-ref|archive|fetch|checkout)\b"#;
    let tools = "setuptools[-_]scm|hatch-vcs|versioneer|poetry-dynamic-versioning|dunamai|\\bpbr\\b|vergen|shadow-rs|git[-_]version|\
                 git-commit-id|gitversion|nerdbank\\.gitversioning|minver|git-properties|palantir\\.git|grgit|axion-release|\
                 nebula\\.release|jgitver|sbt-git|sbt-dynver|git-describe|git-rev|git-revision|semantic-release|\\.git/";
    Regex::new(&format!("(?i){command}|{tools}")).ok()
});

/// Whether a Dockerfile runs git on the context, a compiler writes the commit into its result, or a
/// file that builds are described in speaks of it.
pub fn is_read(context: &Context, builds: &Builds) -> bool {
    let Some(reads) = READS.as_ref() else { return true };
    let files = context.walk().files.iter().filter(|file| {
        describes_builds(&file.path) && context.length(&file.path).is_some_and(|length| length <= BYTES)
    });
    builds.read_history()
        || files
            .take(FILES)
            .filter_map(|file| context.read_text(&file.path))
            .any(|text| reads.is_match(&text))
}

fn describes_builds(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default();
    if parts.clone().count() > 2 || parts.any(|folder| matches!(folder, ".git" | "node_modules" | "vendor" | ".github"))
    {
        return false;
    }
    matches!(
        name,
        "Makefile"
            | "GNUmakefile"
            | "makefile"
            | "package.json"
            | "pyproject.toml"
            | "setup.py"
            | "setup.cfg"
            | "Cargo.toml"
            | "build.rs"
            | "pom.xml"
            | "build.gradle"
            | "build.gradle.kts"
            | "build.sbt"
            | "mix.exs"
            | "Rakefile"
            | "justfile"
            | "Taskfile.yml"
            | "CMakeLists.txt"
            | "meson.build"
            | "Directory.Build.props"
            | "vite.config.ts"
            | "vite.config.js"
            | "webpack.config.js"
            | "next.config.js"
            | "vue.config.js"
    ) || [".gemspec", ".csproj", ".fsproj", ".sh", ".mk", ".cabal"]
        .iter()
        .any(|ending| name.ends_with(ending))
}
