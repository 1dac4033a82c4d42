//! What ends up in the image although only its build needs it.

use super::stage::command_text;
use super::{CommandView, Facts};
use crate::knowledge::{self, Brings, PackageKind};
use crate::model::{Dockerfile, Instruction, Kind, Stage};
use crate::shell::Operation;
use crate::shell::operations::{Action, BuildTool, Package, Packages, Selection};
use crate::source::Span;

/// One reason to say that a stage ships what it was built with.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The words that show it.
    pub span: Span,
    /// What they show.
    pub message: String,
    kind: EvidenceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EvidenceKind {
    Build,
    Test,
    BuildPackages { strong: bool },
    DevelopmentDependencies,
    Sdk,
}

impl Evidence {
    /// Whether it says enough on its own. An SDK as base, tests and development dependencies only
    /// add to what a build shows.
    pub fn is_strong(&self) -> bool {
        matches!(
            self.kind,
            EvidenceKind::Build | EvidenceKind::BuildPackages { strong: true }
        )
    }

    /// Whether what it shows would fail on an image without compilers.
    pub fn needs_toolchain(&self) -> bool {
        self.kind == EvidenceKind::Build
    }
}

/// Whether the command only says what it is: `javac --version`.
fn only_asks(view: &CommandView<'_>) -> bool {
    matches!(view.words(), [word] if matches!(word.text.as_str(), "--version" | "-version" | "-V" | "-v" | "--help" | "version"))
}

/// Whether the stage is meant to run something of its own: it takes sources from the context or
/// from elsewhere and builds them, or copies them and names a program. A toolbox (compilers, no
/// sources, a shell as command) is none.
pub fn is_application(facts: &Facts<'_>, stage: &Stage) -> bool {
    let file = facts.file();
    if file.source.name().contains(".devcontainer") {
        return false;
    }
    let Some(stage_facts) = facts.stage(stage.id) else {
        return false;
    };
    let runs = stage_facts
        .cmd
        .or(stage_facts.entrypoint)
        .is_some_and(|index| !is_shell_command(facts, index));
    if !stage_facts.context_copies.is_empty() {
        return runs || !stage_facts.broad_copies.is_empty();
    }
    let fetches = instructions(file, stage).any(|i| {
        facts.run(i).is_some_and(|run| {
            run.operations()
                .iter()
                .any(|o| matches!(o, Operation::GitClone(_) | Operation::Download(_)))
        })
    });
    runs && fetches
}

fn is_shell_command(facts: &Facts<'_>, index: usize) -> bool {
    let text = command_text(facts, index).unwrap_or_default();
    let word = text
        .trim_matches(['[', ']', ' ', '"'])
        .split('"')
        .next()
        .unwrap_or_default();
    matches!(
        word.rsplit('/').next().unwrap_or(word).trim(),
        "sh" | "bash" | "ash" | "zsh" | "bash -l" | "bash --login" | ""
    )
}

/// The instructions of a stage and of those it is built on, the lowest first.
fn instructions<'f>(file: &'f Dockerfile, stage: &'f Stage) -> impl Iterator<Item = &'f Instruction> {
    let mut chain: Vec<&Stage> = file.chain(stage).collect();
    chain.reverse();
    chain.into_iter().flat_map(|s| file.instructions_of(s))
}

/// Everything in the stage's layers that only its build needs, in the order of the text.
pub fn bloat(facts: &Facts<'_>, stage: &Stage) -> Vec<Evidence> {
    let file = facts.file();
    let mut found = Vec::new();
    if let Some(image) = &stage.root_image
        && let Some(known) = knowledge::image(image.registry.as_deref(), &image.repository)
        && known
            .variant(image.tag.as_deref().unwrap_or_default())
            .is_some_and(|v| v.brings(Brings::Compilers))
        && let Some(root) = file.chain(stage).last().and_then(|s| file.from_of(s))
        && let Kind::From { image: written, .. } = &root.kind
    {
        found.push(Evidence {
            span: written.span,
            message: "the base image carries compilers".into(),
            kind: EvidenceKind::Sdk,
        });
    }
    for instruction in instructions(file, stage) {
        let Some(run) = facts.run(instruction) else { continue };
        let operations = run.operations();
        let cleans = cleans_up(operations);
        for view in facts.commands(instruction) {
            for operation in view.operations {
                match operation {
                    Operation::Build(build) if !cleans && compiles(build.tool) && !only_asks(&view) => {
                        found.push(Evidence {
                            span: view.command.span,
                            message: "builds here, so tools, sources and intermediate files ship".into(),
                            kind: EvidenceKind::Build,
                        })
                    }
                    Operation::Test(_) => found.push(Evidence {
                        span: view.command.span,
                        message: "tests run in the stage that ships".into(),
                        kind: EvidenceKind::Test,
                    }),
                    Operation::Packages(packages) if packages.installs() && !cleans => {
                        found.extend(packages_evidence(facts, packages));
                    }
                    _ => {}
                }
            }
        }
    }
    found.sort_by_key(|e| e.span);
    found
}

/// Whether a script removes system packages again: those that leave in the layer they came in, and
/// what is compiled between, ship nothing.
pub fn cleans_up(operations: &[Operation]) -> bool {
    let removes = |p: &Packages| p.manager.is_system() && matches!(p.action, Action::Autoremove | Action::Remove);
    operations
        .iter()
        .any(|o| matches!(o, Operation::Packages(p) if removes(p)))
}

/// Tools whose work leaves something behind that run time does not need. `npm rebuild`, PHP's own
/// extension script and the like change the runtime itself.
fn compiles(tool: BuildTool) -> bool {
    !matches!(tool, BuildTool::PhpExtension | BuildTool::Python)
}

/// Whether a system package serves to compile, and nothing that runs needs it.
pub fn is_build_only(manager: &str, package: &str) -> bool {
    use PackageKind::{BuildTool, Compiler, Headers};
    matches!(
        knowledge::package(manager, package),
        Some(Compiler | Headers | BuildTool)
    )
}

fn packages_evidence(facts: &Facts<'_>, packages: &Packages) -> Option<Evidence> {
    if packages.manager.is_system() {
        let build_only: Vec<_> = packages
            .packages
            .iter()
            .filter(|p| is_build_only(packages.manager.name(), &p.name))
            .collect();
        let first = build_only.first()?;
        // One library's headers may be there for a reason; a compiler, or several, are a toolchain.
        let is_compiler =
            |p: &&Package| knowledge::package(packages.manager.name(), &p.name) == Some(PackageKind::Compiler);
        let strong = build_only.len() > 1 || build_only.iter().copied().any(|p| is_compiler(&p));
        let names: Vec<&str> = build_only.iter().take(4).map(|p| p.name.as_str()).collect();
        let more = if build_only.len() > 4 {
            format!(" and {} more", build_only.len() - 4)
        } else {
            String::new()
        };
        return Some(Evidence {
            span: first.span,
            message: format!("only a build needs {}{more}", names.join(", ")),
            kind: EvidenceKind::BuildPackages { strong },
        });
    }
    let manifest = facts.context().and_then(|c| c.package_json(""));
    let has_development = manifest.is_none_or(|m| !m.dev_dependencies.is_empty());
    if packages.action == Action::InstallProject && packages.selection != Selection::Production && has_development {
        use crate::shell::operations::Manager::*;
        if matches!(packages.manager, Npm | Yarn | Pnpm | Bun) {
            return Some(Evidence {
                span: packages.program,
                message: "installs development dependencies too".into(),
                kind: EvidenceKind::DevelopmentDependencies,
            });
        }
    }
    None
}
