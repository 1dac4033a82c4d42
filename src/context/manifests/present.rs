//! Which manifest and lock files a folder has, by their names.

use crate::context::sources::join;
use crate::context::{EntryKind, Tree};

/// What a file belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ecosystem {
    /// npm, Yarn, pnpm.
    Node,
    /// Bun.
    Bun,
    /// Deno.
    Deno,
    /// pip, Poetry, uv, Pipenv, PDM, conda.
    Python,
    /// Go modules.
    Go,
    /// Cargo.
    Rust,
    /// Maven.
    Maven,
    /// Gradle.
    Gradle,
    /// sbt.
    Sbt,
    /// Leiningen, deps.edn.
    Clojure,
    /// Bundler.
    Ruby,
    /// Composer.
    Php,
    /// NuGet, MSBuild.
    DotNet,
    /// Mix.
    Elixir,
    /// rebar3.
    Erlang,
    /// Stack, Cabal.
    Haskell,
    /// SwiftPM.
    Swift,
    /// pub.
    Dart,
    /// Zig.
    Zig,
    /// CMake, Meson, autotools, Make, Conan.
    Native,
}

/// What a file is to its ecosystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileRole {
    /// Names what is needed.
    Manifest,
    /// Pins what was resolved.
    Lock,
    /// Steers the package manager or build tool; an install may read it.
    Tool,
}

/// A file that a package manager or build tool reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFile {
    /// Relative to the context's root.
    pub path: String,
    /// Whose it is.
    pub ecosystem: Ecosystem,
    /// What it is.
    pub role: FileRole,
}

use Ecosystem::*;
use FileRole::*;

/// Files by their whole name, sorted.
const NAMES: &[(&str, Ecosystem, FileRole)] = &[
    (".npmrc", Node, Tool),
    (".pnpmfile.cjs", Node, Tool),
    (".yarnrc", Node, Tool),
    (".yarnrc.yml", Node, Tool),
    ("CMakeLists.txt", Native, Manifest),
    ("Cargo.lock", Rust, Lock),
    ("Cargo.toml", Rust, Manifest),
    ("Directory.Build.props", DotNet, Tool),
    ("Directory.Packages.props", DotNet, Manifest),
    ("GNUmakefile", Native, Manifest),
    ("Gemfile", Ruby, Manifest),
    ("Gemfile.lock", Ruby, Lock),
    ("Makefile", Native, Manifest),
    ("NuGet.Config", DotNet, Tool),
    ("Package.resolved", Swift, Lock),
    ("Package.swift", Swift, Manifest),
    ("Pipfile", Python, Manifest),
    ("Pipfile.lock", Python, Lock),
    ("build.gradle", Gradle, Manifest),
    ("build.gradle.kts", Gradle, Manifest),
    ("build.sbt", Sbt, Manifest),
    ("build.zig", Zig, Manifest),
    ("build.zig.zon", Zig, Manifest),
    ("bun.lock", Bun, Lock),
    ("bun.lockb", Bun, Lock),
    ("bunfig.toml", Bun, Tool),
    ("cabal.project", Haskell, Tool),
    ("cabal.project.freeze", Haskell, Lock),
    ("composer.json", Php, Manifest),
    ("composer.lock", Php, Lock),
    ("conanfile.py", Native, Manifest),
    ("conanfile.txt", Native, Manifest),
    ("configure.ac", Native, Manifest),
    ("deno.json", Deno, Manifest),
    ("deno.jsonc", Deno, Manifest),
    ("deno.lock", Deno, Lock),
    ("deps.edn", Clojure, Manifest),
    ("environment.yaml", Python, Manifest),
    ("environment.yml", Python, Manifest),
    ("global.json", DotNet, Tool),
    ("go.mod", Go, Manifest),
    ("go.sum", Go, Lock),
    ("go.work", Go, Manifest),
    ("go.work.sum", Go, Lock),
    ("gradle.lockfile", Gradle, Lock),
    ("gradle.properties", Gradle, Tool),
    ("gradlew", Gradle, Tool),
    ("lerna.json", Node, Tool),
    ("meson.build", Native, Manifest),
    ("mix.exs", Elixir, Manifest),
    ("mix.lock", Elixir, Lock),
    ("mvnw", Maven, Tool),
    ("npm-shrinkwrap.json", Node, Lock),
    ("nuget.config", DotNet, Tool),
    ("package-lock.json", Node, Lock),
    ("package.json", Node, Manifest),
    ("package.yaml", Haskell, Manifest),
    ("packages.lock.json", DotNet, Lock),
    ("pdm.lock", Python, Lock),
    ("pnpm-lock.yaml", Node, Lock),
    ("pnpm-workspace.yaml", Node, Tool),
    ("poetry.lock", Python, Lock),
    ("pom.xml", Maven, Manifest),
    ("project.clj", Clojure, Manifest),
    ("pubspec.lock", Dart, Lock),
    ("pubspec.yaml", Dart, Manifest),
    ("pyproject.toml", Python, Manifest),
    ("rebar.config", Erlang, Manifest),
    ("rebar.lock", Erlang, Lock),
    ("rust-toolchain", Rust, Tool),
    ("rust-toolchain.toml", Rust, Tool),
    ("settings.gradle", Gradle, Tool),
    ("settings.gradle.kts", Gradle, Tool),
    ("setup.cfg", Python, Manifest),
    ("setup.py", Python, Manifest),
    ("stack.yaml", Haskell, Manifest),
    ("stack.yaml.lock", Haskell, Lock),
    ("symfony.lock", Php, Tool),
    ("uv.lock", Python, Lock),
    ("vcpkg.json", Native, Manifest),
    ("yarn.lock", Node, Lock),
];

/// What a file name stands for; none for other files.
pub fn classify(name: &str) -> Option<(Ecosystem, FileRole)> {
    if let Ok(at) = NAMES.binary_search_by(|(known, ..)| (*known).cmp(name)) {
        return NAMES.get(at).map(|(_, ecosystem, role)| (*ecosystem, *role));
    }
    let (stem, extension) = name.rsplit_once('.')?;
    let manifest = match extension {
        "txt" | "in" if stem.starts_with("requirements") || stem.ends_with("requirements") => Python,
        "txt" if stem.starts_with("constraints") => Python,
        "csproj" | "fsproj" | "vbproj" | "sln" | "slnx" => DotNet,
        "gemspec" => Ruby,
        "cabal" => Haskell,
        _ => return None,
    };
    Some((manifest, Manifest))
}

/// The manifest files directly in a folder, sorted by name.
pub fn list(tree: &dyn Tree, folder: &str) -> Vec<ManifestFile> {
    let entries = tree.list(folder).into_iter();
    let files = entries.filter(|(_, kind)| matches!(kind, EntryKind::File | EntryKind::Symlink));
    files
        .filter_map(|(name, _)| {
            let (ecosystem, role) = classify(&name)?;
            Some(ManifestFile {
                path: join(folder, &name),
                ecosystem,
                role,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Memory;

    #[test]
    fn the_table_is_sorted() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn files_are_known_by_their_names() {
        let tree = Memory::new(
            [
                "web/package.json",
                "web/yarn.lock",
                "web/src/go.mod",
                "web/requirements-dev.txt",
                "web/a.txt",
                "web/App.csproj",
            ]
            .map(|f| (f, "")),
        );
        let found: Vec<_> = list(&tree, "web")
            .into_iter()
            .map(|f| (f.path, f.ecosystem, f.role))
            .collect();
        assert_eq!(
            found,
            [
                ("web/App.csproj".into(), DotNet, Manifest),
                ("web/package.json".into(), Node, Manifest),
                ("web/requirements-dev.txt".into(), Python, Manifest),
                ("web/yarn.lock".into(), Node, Lock),
            ]
        );
    }
}
