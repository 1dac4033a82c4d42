//! The builds that share a context, and what they need of it.

use super::super::{Facts, defaults, sources};
use crate::context::Context;
use crate::model::{Dockerfile, Instruction};
use crate::shell::Operation;
use crate::shell::operations::{Action, BuildTool, Manager};
use crate::source::SourceFile;
use crate::syntax::Word;

/// Other Dockerfiles of a context that are read, at most.
const OTHERS: usize = 32;

/// What makes a folder again in the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Maker {
    /// npm, yarn and the like install a project's packages.
    NodePackages,
    /// A script or bundler of Node.js builds.
    NodeBuild,
    /// pip, poetry and the like install.
    PythonPackages,
    /// Cargo.
    Cargo,
    /// Maven.
    Maven,
    /// sbt.
    Sbt,
    /// Gradle.
    Gradle,
    /// `dotnet`.
    Dotnet,
    /// Composer installs a project's packages.
    Composer,
    /// Mix.
    Mix,
    /// Stack or Cabal.
    Haskell,
}

/// One Dockerfile's.
#[derive(Debug, Default)]
struct Build {
    copies_whole: bool,
    makers: Vec<Maker>,
    /// It runs git on something that it did not clone itself.
    runs_git: bool,
    /// A compiler writes the commit into what it makes.
    stamps: bool,
}

/// All Dockerfiles of a context.
#[derive(Debug, Default)]
pub struct Builds {
    builds: Vec<Build>,
    /// Paths that they name, as far as they are without wildcards.
    named: Vec<String>,
    /// A path is named by a variable that has no value.
    has_unknown: bool,
    /// Their instructions.
    words: String,
}

/// Whether a file of this name is a Dockerfile, by custom.
pub fn is_dockerfile(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    !lower.ends_with(".dockerignore")
        && (matches!(lower.as_str(), "dockerfile" | "containerfile")
            || ["dockerfile.", "containerfile."]
                .iter()
                .any(|start| lower.starts_with(start))
            || [".dockerfile", ".containerfile"].iter().any(|end| lower.ends_with(end)))
}

impl Builds {
    /// The file's own build, and those of the other Dockerfiles in the context; none where there are
    /// too many to know what all of them need.
    pub fn of(facts: &Facts<'_>, context: &Context) -> Option<Builds> {
        let files = context.walk().files.iter();
        let dockerfiles = files.filter(|file| {
            let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
            is_dockerfile(name) && !folder.split('/').any(|part| part == "node_modules" || part == "vendor")
        });
        let others: Vec<_> = dockerfiles.take(OTHERS + 1).collect();
        if others.len() > OTHERS {
            return None;
        }
        let mut all = Builds::default();
        all.add(facts, context, "");
        for other in others {
            let Some(text) = context.read_text(&other.path) else {
                continue;
            };
            if text == facts.file().source.text() {
                continue;
            }
            let file = Dockerfile::parse(SourceFile::new(other.path.as_str(), text));
            let folder = other.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            all.add(&Facts::new(&file, Some(context)), context, folder);
        }
        Some(all)
    }

    fn add(&mut self, facts: &Facts<'_>, context: &Context, folder: &str) {
        let file = facts.file();
        let mut build = Build::default();
        for instruction in file.instructions.iter().map(|i| i.inner()) {
            self.words.push_str(file.source.slice(instruction.span));
            self.words.push('\n');
            for (source, path) in sources::of_context(instruction) {
                if sources::is_whole(path) {
                    build.copies_whole = true;
                } else {
                    self.name(file, source, instruction.index, context, folder);
                }
            }
            if let crate::model::Kind::Run { mounts, .. } = &instruction.kind {
                for mount in mounts.iter().filter(|m| m.kind == "bind" && m.from.is_none()) {
                    if let Some(source) = &mount.source {
                        self.name(file, source, instruction.index, context, folder);
                    }
                }
            }
            build.look(facts, instruction);
        }
        self.builds.push(build);
    }

    fn name(&mut self, file: &Dockerfile, source: &Word, at: usize, context: &Context, folder: &str) {
        let path = defaults::value(file, source, at).unwrap_or_else(|| source.value.clone());
        let path = path.trim_matches(['"', '\'']);
        if path.is_empty() || path.starts_with('$') {
            self.has_unknown = true;
            return;
        }
        let fixed = path.find(['*', '?', '[', '$']).map_or(path, |end| {
            let before = path.get(..end).unwrap_or_default();
            before.rsplit_once('/').map_or("", |(folder, _)| folder)
        });
        for base in if folder.is_empty() { vec![""] } else { vec!["", folder] } {
            let within = |path: &str| {
                let path = path.trim_start_matches("./").trim_start_matches('/');
                if base.is_empty() {
                    path.to_owned()
                } else {
                    format!("{base}/{path}")
                }
            };
            if fixed.len() == path.len() {
                self.named.push(within(path));
            } else {
                self.named.extend(Some(within(fixed)).filter(|fixed| !fixed.is_empty()));
                self.named.extend(context.glob(&within(path)));
            }
        }
    }

    /// Paths in the context that are named, each as it is relative to the root.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(String::as_str)
    }

    /// Whether each build that copies the whole context makes this itself.
    pub fn all_make(&self, maker: Maker) -> bool {
        let mut whole = self.builds.iter().filter(|b| b.copies_whole).peekable();
        !self.has_unknown && whole.peek().is_some() && whole.all(|b| b.makers.contains(&maker))
    }

    /// Whether a build runs git on the context, or writes the commit into its result.
    pub fn read_history(&self) -> bool {
        self.builds.iter().any(|b| b.runs_git || b.stamps)
    }

    /// Whether an instruction has this name as a part of a path.
    pub fn mention(&self, name: &str) -> bool {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        self.words.match_indices(name).any(|(at, _)| {
            let before = self.words.get(..at).and_then(|text| text.chars().next_back());
            let after = self.words.get(at + name.len()..).and_then(|text| text.chars().next());
            !before.is_some_and(is_part) && !after.is_some_and(is_part)
        })
    }
}

impl Build {
    fn look(&mut self, facts: &Facts<'_>, instruction: &Instruction) {
        let mut has_repository = false;
        for view in facts.commands(instruction) {
            let mut arguments = view.arguments();
            match (view.name(), arguments.next().map(|w| w.text.as_str())) {
                ("git", Some("clone" | "init")) => has_repository = true,
                ("git", None | Some("config" | "version" | "help")) => {}
                ("git", _) => self.runs_git |= !has_repository,
                _ => {}
            }
            for operation in view.operations {
                match operation {
                    Operation::Packages(packages) => {
                        self.makers.extend(maker_of_packages(packages.manager, packages.action));
                    }
                    Operation::Build(build) => {
                        self.makers.extend(maker_of_build(build.tool));
                        self.stamps |= stamps(facts, instruction, build.tool, view.text());
                    }
                    _ => {}
                }
            }
        }
    }
}

fn maker_of_packages(manager: Manager, action: Action) -> Option<Maker> {
    use Manager::*;
    let project = action == Action::InstallProject;
    Some(match manager {
        Npm | Yarn | Pnpm | Bun | Bower if project => Maker::NodePackages,
        Composer if project => Maker::Composer,
        Pip | Uv | Poetry | Pipenv | Pdm | Conda if matches!(action, Action::Install | Action::InstallProject) => {
            Maker::PythonPackages
        }
        _ => return None,
    })
}

fn maker_of_build(tool: BuildTool) -> Option<Maker> {
    Some(match tool {
        BuildTool::NodeScript | BuildTool::NodeBundler => Maker::NodeBuild,
        BuildTool::Cargo => Maker::Cargo,
        BuildTool::Maven => Maker::Maven,
        BuildTool::Sbt => Maker::Sbt,
        BuildTool::Gradle => Maker::Gradle,
        BuildTool::Dotnet => Maker::Dotnet,
        BuildTool::Mix => Maker::Mix,
        BuildTool::Stack | BuildTool::Cabal => Maker::Haskell,
        _ => return None,
    })
}

/// Whether the commit gets into the result. Go asks the git program for it, unless told not to; the
/// .NET SDK reads the folder itself, from version 8 on.
fn stamps(facts: &Facts<'_>, instruction: &Instruction, tool: BuildTool, command: &str) -> bool {
    let text = facts.file().source.text();
    match tool {
        BuildTool::Go => {
            let alpine = facts
                .file()
                .stage_of(instruction)
                .and_then(|stage| stage.root_image.as_ref())
                .is_some_and(|image| {
                    image.repository.ends_with("golang") && image.tag.as_deref().is_some_and(|t| t.contains("alpine"))
                });
            // The Alpine variant has no git.
            !text.contains("-buildvcs=false") && (!alpine || installs_git(facts))
        }
        BuildTool::Dotnet => {
            let reads = ["build", "publish", "pack"].iter().any(|goal| command.contains(goal));
            reads && !text.contains("IncludeSourceRevisionInInformationalVersion=false")
        }
        _ => false,
    }
}

fn installs_git(facts: &Facts<'_>) -> bool {
    let runs = facts.file().instructions.iter();
    runs.flat_map(|i| facts.commands(i)).any(|view| {
        view.operations.iter().any(|operation| match operation {
            Operation::Packages(p) => p.packages.iter().any(|package| package.name == "git"),
            _ => false,
        })
    })
}
