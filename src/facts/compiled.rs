//! Whose sources a file's commands compile, and whether a folder has any of them: a build context that
//! has none is not the one that the file is built with.

use super::Facts;
use super::{archives, sources};
use crate::config::glob::Glob;
use crate::context::sources::join;
use crate::context::{EntryKind, Tree};
use crate::knowledge::ecosystem::{self, Ecosystem};
use crate::model::Kind;
use crate::shell::Operation;

/// So many entries of a folder are looked at for sources.
const ENTRY_LIMIT: usize = 2_000;

/// Programs that build by what a manifest of the project tells them.
const SCRIPTS: &str = "npm|yarn|pnpm|bun run|ci|build";

/// The ecosystems whose sources the commands of a file compile. Empty where these may come from somewhere
/// else than the build context: a repository, an archive, the file itself.
pub fn compiled(facts: &Facts<'_>) -> Vec<&'static Ecosystem> {
    let mut found: Vec<&'static Ecosystem> = Vec::new();
    let mut unpacks = false;
    let mut copies = false;
    for instruction in &facts.file().instructions {
        match &instruction.kind {
            Kind::Copy(transfer) | Kind::Add(transfer) => {
                let remote = transfer.sources.iter().any(|s| archives::is_remote(&s.value));
                if remote || !transfer.inline.is_empty() {
                    return Vec::new();
                }
                unpacks |= transfer.sources.iter().any(|s| archives::is_tar(&s.value));
                copies |= transfer.from.is_none();
            }
            Kind::Run { heredocs, mounts, .. } => {
                // Sources may be bound in place of being copied.
                copies |= !mounts.is_empty();
                if !heredocs.is_empty() {
                    unpacks = true;
                }
            }
            _ => continue,
        }
        for view in facts.commands(instruction) {
            for operation in view.operations {
                match operation {
                    Operation::GitClone(_) => return Vec::new(),
                    Operation::Extract(_) => unpacks = true,
                    _ => {}
                }
            }
            // What a manifest lists is installed, not what the command names.
            let installs = view.operations.iter().any(|operation| {
                matches!(operation, Operation::Packages(p) if !p.manager.is_system() && p.installs() && p.packages.is_empty())
            });
            let words: Vec<String> = view.words().iter().map(|w| w.text.clone()).collect();
            let name = view.name();
            // What is named with a version comes from a registry.
            let remote = words.iter().any(|w| !w.starts_with('-') && w.contains('@'))
                || name == "cargo" && words.iter().any(|w| w == "install") && !words.iter().any(|w| w == "--path")
                || name == "go" && words.iter().any(|w| w == "get");
            if remote {
                continue;
            }
            for known in ecosystem::all() {
                let builds = known.builds.iter().map(|b| b.command);
                let mut patterns = builds.chain(known.compiles_at_start.iter().copied());
                let begins = |pattern: &str| ecosystem::begins(pattern, name, &words).is_some();
                let scripts = known.name == "node" && begins(SCRIPTS);
                let listed = installs && known.install.iter().any(|p| begins(p));
                if (scripts || listed || patterns.any(begins)) && !found.iter().any(|f| f.name == known.name) {
                    found.push(known);
                }
            }
        }
    }
    if !copies {
        return Vec::new();
    }
    // Of an archive the tools of a system are built, seldom a project of a language's own.
    if unpacks {
        found.retain(|e| e.name != "c");
    }
    found
}

/// Whether COPY takes the whole build context.
pub fn takes_all(facts: &Facts<'_>) -> bool {
    let instructions = facts.file().instructions.iter();
    instructions
        .flat_map(sources::of_context)
        .any(|(_, path)| sources::is_whole(path))
}

/// Whether a file lies in repositories whatever they hold: Dockerfiles, documents, settings of Git.
pub fn is_anywhere(path: &str) -> bool {
    let lower = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let names = [
        "dockerfile",
        "containerfile",
        "readme",
        "license",
        "licence",
        "copying",
        "changelog",
        ".git",
    ];
    lower == ".dockerignore"
        || lower.ends_with(".md")
        || lower.contains("compose.y")
        || names.iter().any(|name| lower.starts_with(name))
        || lower.ends_with(".dockerfile")
}

/// Whether a path is a manifest or a source of an ecosystem.
pub fn is_of(ecosystem: &Ecosystem, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Some((_, ending)) = name.rsplit_once('.')
        && ecosystem.sources.contains(&ending)
    {
        return true;
    }
    // What builds alone read is no less a sign of sources: Makefile, configure.
    let names = ecosystem.manifests.iter().chain(ecosystem.not_shipped);
    names
        .filter(|pattern| !pattern.ends_with('/'))
        .map(|pattern| pattern.rsplit('/').next().unwrap_or(pattern))
        .any(|pattern| match pattern.contains('*') {
            true => Glob::go(pattern).is_ok_and(|glob| glob.matches(name)),
            false => pattern == name,
        })
}

/// Whether a folder has a manifest or a source of one of these, not looking further than so many levels
/// down nor at more than a few thousand entries; none where it is too large to tell.
pub fn has_any(tree: &dyn Tree, ecosystems: &[&Ecosystem], depth: usize) -> Option<bool> {
    let mut level = vec![String::new()];
    let mut seen = 0;
    for _ in 0..=depth {
        let mut below = Vec::new();
        for folder in &level {
            for (name, kind) in tree.list(folder) {
                seen += 1;
                if seen > ENTRY_LIMIT {
                    return None;
                }
                match kind {
                    EntryKind::Dir if !matches!(name.as_str(), ".git" | "node_modules" | "vendor") => {
                        below.push(join(folder, &name));
                    }
                    EntryKind::File | EntryKind::Symlink if ecosystems.iter().any(|e| is_of(e, &name)) => {
                        return Some(true);
                    }
                    _ => {}
                }
            }
        }
        level = below;
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Memory;
    use crate::model::Dockerfile;
    use crate::source::SourceFile;

    fn names(text: &str) -> Vec<&'static str> {
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
        compiled(&Facts::new(&file, None)).iter().map(|e| e.name).collect()
    }

    #[test]
    fn what_is_compiled_is_told_by_the_commands() {
        assert_eq!(names("FROM golang\nCOPY . .\nRUN go build -o /a .\n"), ["go"]);
        assert_eq!(names("FROM x\nCOPY . .\nRUN cmake . && make\n"), ["c"]);
        assert_eq!(names("FROM node\nCOPY . .\nRUN npm ci && npm run build\n"), ["node"]);
        assert!(names("FROM golang\nRUN git clone https://x/y && go build\nCOPY c /c\n").is_empty());
        assert!(names("FROM golang\nCOPY c /c\nRUN go install x.org/y@latest\n").is_empty());
        assert!(names("FROM x\nCOPY c /c\nRUN curl https://x/a.tgz | tar xz && make\n").is_empty());
        assert_eq!(names("FROM python\nCOPY . .\nRUN pip install -r r.txt\n"), ["python"]);
        assert!(names("FROM python\nCOPY . .\nRUN pip install flask\n").is_empty());
        assert!(names("FROM golang\nRUN go build\n").is_empty(), "nothing is copied");
    }

    #[test]
    fn sources_and_manifests_are_signs() {
        let tree = Memory::new([("docker/Dockerfile", ""), ("a/b/main.go", ""), ("Makefile", "")]);
        let of = |name: &str| ecosystem::by_name(name).unwrap();
        assert_eq!(has_any(&tree, &[of("go")], 1), Some(false));
        assert_eq!(has_any(&tree, &[of("go")], 2), Some(true));
        assert_eq!(has_any(&tree, &[of("c")], 0), Some(true));
        assert_eq!(has_any(&tree, &[of("rust"), of("dotnet")], 9), Some(false));
        assert!(is_of(of("dotnet"), "src/Web.csproj") && is_of(of("elixir"), "config/config.exs"));
    }
}
