//! Tests that the project has and no stage runs: what the manifests prove, and the stage that would
//! run them.

use super::evidence::Evidence;
use super::role::{self, Role};
use crate::context::Context;
use crate::edit::Edit;
use crate::facts::Facts;
use crate::model::{Dockerfile, Instruction, Kind, Stage};
use crate::shell::{BuildTool, Operation};

/// Tests that no stage runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untested {
    /// The command that runs them.
    pub command: String,
    /// What shows that there are any.
    pub evidence: Evidence,
    /// The stage that could run them, where the file has one: its name.
    pub builder: Option<String>,
}

/// The project's tests, where the file runs none. None without a build context, where nothing in it
/// proves tests, and where no stage builds what they test.
pub fn untested(facts: &Facts<'_>) -> Option<Untested> {
    let file = facts.file();
    let context = facts.context()?;
    let target = file.target()?;
    let named = |s: &Stage| s.name.as_ref().is_some_and(|n| n.to_ascii_lowercase().contains("test"));
    if file.stages.iter().any(named) {
        return None;
    }
    let mut builder: Option<(&Stage, BuildTool)> = None;
    for stage in file.stages.iter().filter(|s| s.reachable) {
        for role in role::roles(facts, stage) {
            if role.role == Role::Test {
                return None;
            }
        }
        let own = facts.stage(stage.id)?;
        let copies = file
            .instructions_of(stage)
            .iter()
            .any(|i| own.broad_copies.contains(&i.index) && takes_root(i));
        if copies && let Some(tool) = builds(facts, file, stage) {
            builder = Some((stage, tool));
        }
    }
    let (stage, tool) = builder?;
    let (command, evidence) = proved(context, tool)?;
    Some(Untested {
        command,
        evidence,
        builder: stage.name.clone().filter(|_| stage.id != target.id && !stage.ships),
    })
}

/// The edit that adds a stage for them, in front of the last stage and its comments.
pub fn tester(facts: &Facts<'_>, untested: &Untested, name: &str) -> Option<Edit> {
    let file = facts.file();
    let builder = untested.builder.as_ref()?;
    let target = file.target()?;
    let from = file.from_of(target)?;
    let start = super::layout::start(file, from);
    let keyword = file.source.slice(from.keyword_span);
    let lower = keyword.chars().all(|c| c.is_ascii_lowercase());
    let (from, as_, run) = if lower {
        ("from", "as", "run")
    } else {
        ("FROM", "AS", "RUN")
    };
    Some(Edit::insert(
        start,
        format!("{from} {builder} {as_} {name}\n{run} {}\n\n", untested.command),
    ))
}

fn takes_root(instruction: &Instruction) -> bool {
    instruction
        .transfer()
        .is_some_and(|t| t.from.is_none() && t.sources.iter().any(|s| matches!(s.value.as_str(), "." | "./" | "*")))
}

/// What builds in a stage, where it is one of those whose tests can be proved.
fn builds(facts: &Facts<'_>, file: &Dockerfile, stage: &Stage) -> Option<BuildTool> {
    file.instructions_of(stage)
        .iter()
        .filter(|i| matches!(i.kind, Kind::Run { .. }))
        .filter_map(|i| facts.run(i))
        .flat_map(|run| run.operations())
        .find_map(|o| match o {
            Operation::Build(b) if command(b.tool).is_some() => Some(b.tool),
            _ => None,
        })
}

/// The command that runs the tests of what a tool builds.
fn command(tool: BuildTool) -> Option<&'static str> {
    Some(match tool {
        BuildTool::Go => "go test ./...",
        BuildTool::Cargo => "cargo test",
        BuildTool::Maven => "mvn test",
        BuildTool::Gradle => "gradle test",
        BuildTool::Make => "make test",
        _ => return None,
    })
}

/// What in the context shows tests of a tool.
fn proved(context: &Context, tool: BuildTool) -> Option<(String, Evidence)> {
    let command = command(tool)?.to_owned();
    let files = &context.walk().files;
    let sent = |path: &str| context.is_sent(path);
    let source = |ending: &str, folder: &str| {
        files
            .iter()
            .find(|f| {
                f.path.ends_with(ending) && f.path.starts_with(folder) && !f.path.contains("vendor/") && sent(&f.path)
            })
            .map(|f| Evidence::source(f.path.clone(), None, "it holds tests"))
    };
    let evidence = match tool {
        BuildTool::Go => source("_test.go", "").filter(|_| context.exists("go.mod"))?,
        BuildTool::Cargo => match source(".rs", "tests/") {
            Some(found) => found,
            None => files
                .iter()
                .filter(|f| f.path.starts_with("src/") && f.path.ends_with(".rs") && sent(&f.path))
                .take(200)
                .find_map(|f| {
                    let text = context.read_text(&f.path)?;
                    let line = text.lines().position(|l| l.trim() == "#[test]")?;
                    Some(Evidence::source(f.path.clone(), Some(line + 1), "it holds tests"))
                })?,
        },
        BuildTool::Maven | BuildTool::Gradle => ["src/test/java/", "src/test/kotlin/"]
            .iter()
            .find_map(|folder| source("", folder))?,
        BuildTool::Make => {
            let makefile = context.makefile("Makefile")?;
            let has = |rule: &crate::context::manifests::Rule| {
                rule.targets.split_whitespace().any(|t| t == "test") && !rule.recipe.is_empty()
            };
            makefile.rules.iter().find(|r| has(r))?;
            Evidence::manifest("Makefile", None, "it has a goal `test`")
        }
        _ => return None,
    };
    Some((command, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Memory;
    use crate::source::SourceFile;
    use std::sync::Arc;

    fn found(text: &str, files: &[(&str, &str)]) -> Option<(Untested, Option<String>)> {
        let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
        let context = Context::new("app", Arc::new(Memory::new(files.iter().copied())), Some("Dockerfile"));
        let facts = Facts::new(&file, Some(&context));
        let untested = untested(&facts)?;
        let edit = tester(&facts, &untested, "tester");
        let text = edit.map(|e| {
            let mut out = text.to_owned();
            out.insert_str(e.span.start, &e.text);
            out
        });
        Some((untested, text))
    }

    const TWO: &str = "FROM golang:1.22 AS builder\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\n\n\
        # Small.\nFROM alpine:3.20\nCOPY --from=builder /app /app\nCMD [\"/app\"]\n";

    #[test]
    fn tests_that_no_stage_runs_get_one() {
        let files = [("go.mod", "module a\n"), ("a_test.go", "package a\n")];
        let (untested, text) = found(TWO, &files).unwrap();
        assert_eq!(untested.command, "go test ./...");
        assert_eq!(
            text.unwrap(),
            TWO.replace("# Small.", "FROM builder AS tester\nRUN go test ./...\n\n# Small.")
        );
        assert!(found(TWO, &[("go.mod", "module a\n"), ("a.go", "package a\n")]).is_none());
        let runs = TWO.replace("RUN go build", "RUN go vet ./... && go test ./...\nRUN go build");
        assert!(found(&runs, &files).is_none());
    }

    #[test]
    fn a_single_stage_is_split_first() {
        let one = "FROM rust:1.88\nCOPY . .\nRUN cargo build --release\nCMD [\"./target/release/a\"]\n";
        let files = [
            ("Cargo.toml", "[package]\nname = \"a\"\n"),
            ("tests/a.rs", "#[test]\nfn a() {}\n"),
        ];
        let (untested, text) = found(one, &files).unwrap();
        assert_eq!((untested.builder, text), (None, None));
    }
}
