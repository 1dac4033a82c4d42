//! The order of the builder's instructions: what an install reads is copied before the sources, so
//! that a change of a source file does not install again.
//!
//! An install moves above a copy of the whole context only where nothing but settings stands between
//! the two, and where everything that it reads is known: the manifests and locks of the context's
//! root, no scripts, no packages that lie in the repository.

use super::Level;
use super::deal::{Deal, Lot, Part};
use super::fetching;
use super::role::Role;
use super::site::Site;
use crate::context::Context;
use crate::facts::dependencies;
use crate::model::{Instruction, Keyword, Kind};
use crate::plan::layout;
use crate::shell::{BuildTool, Operation};

/// One step of the builder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An instruction of the old stage, by its place in it.
    Old(usize),
    /// One that copies manifests.
    Manifests(String),
    /// One that installs what they list.
    Install(String),
    /// A part of an instruction of the old stage, by its place in it: the first ends with an install.
    Part {
        /// The place.
        place: usize,
        /// What it says.
        body: String,
        /// Whether it begins what is cut.
        first: bool,
    },
}

/// The steps of the builder, in their order.
pub fn steps(site: &Site<'_>, deal: &Deal, instructions: &[Instruction]) -> Vec<Step> {
    let kept: Vec<usize> = (0..instructions.len())
        .filter(|at| {
            instructions
                .get(*at)
                .is_some_and(|i| deal.part(site, i, |lot| lot.builder) != Part::None)
        })
        .collect();
    let plain = || kept.iter().map(|at| Step::Old(*at)).collect();
    improved(site, deal, instructions, &kept).unwrap_or_else(plain)
}

/// The copies of sources that an interpreted program's builder ends with: nothing in it reads them,
/// and the stage that runs copies them itself. Indices of instructions.
pub fn idle_copies(site: &Site<'_>, deal: &Deal, instructions: &[Instruction], steps: &[Step]) -> Vec<usize> {
    if deal.level != Level::Slim || deal.lots.iter().any(|lot| lot.tester) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for step in steps.iter().rev() {
        let Step::Old(at) = step else { break };
        let Some(instruction) = instructions.get(*at) else {
            break;
        };
        let mut roles = site
            .roles
            .iter()
            .zip(&deal.lots)
            .filter(|(r, _)| r.place.instruction == instruction.index)
            .peekable();
        let sources = roles.peek().is_some_and(|(r, _)| r.role == Role::SourceCopy);
        if sources && roles.all(|(_, lot)| lot.runtime) {
            out.push(instruction.index);
        } else if matches!(instruction.kind, Kind::Run { .. }) || instruction.transfer().is_some() {
            break;
        }
    }
    out
}

/// The file with only its order changed: what an install reads is copied, and installed, before the
/// sources. None where nothing is gained, or not everything that the install reads is known.
pub fn reordered(site: &Site<'_>) -> Option<String> {
    let file = site.file();
    let own = file.instructions_of(site.stage);
    let deal = Deal {
        lots: vec![
            Lot {
                builder: true,
                ..Lot::default()
            };
            site.roles.len()
        ],
        ..Deal::default()
    };
    let kept: Vec<usize> = (0..own.len()).collect();
    let steps = improved(site, &deal, own, &kept)?;
    let at = steps.iter().position(|s| matches!(s, Step::Manifests(_)))?;
    // What follows the manifests, up to the copy that stood there.
    let moved: Vec<&Step> = steps
        .get(at..)?
        .iter()
        .take_while(|s| !matches!(s, Step::Old(place) if Some(*place) == copy_of(site, own)))
        .collect();
    let copy = own.get(copy_of(site, own)?)?;
    let lines = file.source.lines();
    let text = file.source.text();
    if text.contains('\r') {
        return None;
    }
    let line_of = |i: &Instruction| {
        let start = lines.start(lines.line(i.span.start));
        (start, layout::end(file, i))
    };
    let mut inserted = String::new();
    let mut gone = Vec::new();
    for step in moved {
        match step {
            // What is cut is left to rewrites.
            Step::Part { .. } => return None,
            Step::Manifests(line) | Step::Install(line) => {
                inserted.push_str(line);
                inserted.push('\n');
            }
            Step::Old(place) => {
                let old = own.get(*place)?;
                inserted.push_str(text.get(old.span.start..old.span.end)?);
                inserted.push('\n');
                gone.push(line_of(old));
            }
        }
    }
    let start = super::layout::start(file, copy);
    let mut out = text.get(..start)?.to_owned();
    out.push_str(&inserted);
    let mut done = start;
    for (from, to) in gone {
        out.push_str(text.get(done..from)?);
        done = to;
    }
    out.push_str(text.get(done..)?);
    Some(out)
}

/// The place of the first COPY of the whole context.
fn copy_of(site: &Site<'_>, own: &[Instruction]) -> Option<usize> {
    let broad = &site.facts.stage(site.stage.id)?.broad_copies;
    own.iter().position(|i| broad.contains(&i.index))
}

fn improved(site: &Site<'_>, deal: &Deal, instructions: &[Instruction], kept: &[usize]) -> Option<Vec<Step>> {
    let context = site.context?;
    let broad = &site.facts.stage(site.stage.id)?.broad_copies;
    let at = kept
        .iter()
        .position(|k| instructions.get(*k).is_some_and(|i| broad.contains(&i.index)))?;
    let copy = instructions.get(*kept.get(at)?)?;
    if !takes_root_here(site, copy) {
        return None;
    }
    let keyword = site.file().source.slice(copy.keyword_span);
    let flags: String = copy
        .flags
        .iter()
        .map(|f| format!("{} ", site.file().source.slice(f.span)))
        .collect();
    let manifests = |paths: &[String]| Step::Manifests(format!("{keyword} {flags}{} ./", paths.join(" ")));
    // The first RUN behind the copy, with nothing but settings before it.
    let run = kept.iter().skip(at + 1).position(|k| {
        instructions
            .get(*k)
            .is_none_or(|i| !matches!(i.keyword, Keyword::Env | Keyword::Arg))
    });
    let run_at = at + 1 + run?;
    let run = instructions.get(*kept.get(run_at)?)?;
    if fetching::names_context(site, context, run) {
        return None;
    }
    let old = |from: usize, to: usize| {
        kept.get(from..to)
            .unwrap_or_default()
            .iter()
            .map(|k| Step::Old(*k))
            .collect::<Vec<_>>()
    };
    let is_plain = |run: &Instruction| matches!(&run.kind, Kind::Run { mounts, .. } if mounts.is_empty());
    let whole = is_plain(run) && deal.part(site, run, |lot| lot.builder) == Part::Whole;
    let paths = if whole && is_go_download(site, run) {
        Some(go_manifests(context)?)
    } else {
        match dependencies::install_of(site.facts, run).filter(|install| whole && install.is_alone) {
            Some(install) => Some(dependencies::inputs(context, install.packages)?),
            None => None,
        }
    };
    if let Some(paths) = paths {
        if paths.iter().any(|p| p.contains([' ', '"', '\\', '$', '*', '['])) {
            return None;
        }
        let mut out = old(0, at);
        out.push(manifests(&paths));
        out.extend(old(at + 1, run_at + 1));
        out.extend(old(at, at + 1));
        out.extend(old(run_at + 1, kept.len()));
        return Some(out);
    }
    if let Some((first, rest, paths)) = leading_install(site, context, run).filter(|_| whole) {
        let place = *kept.get(run_at)?;
        let part = |body, first| Step::Part { place, body, first };
        let mut out = old(0, at);
        out.push(manifests(&paths));
        out.extend(old(at + 1, run_at));
        out.push(part(first, true));
        out.extend(old(at, at + 1));
        out.push(part(rest, false));
        out.extend(old(run_at + 1, kept.len()));
        return Some(out);
    }
    let paths = go_download(site, context, instructions, kept, at)?;
    let mut out = old(0, at);
    out.push(manifests(&paths));
    out.push(Step::Install(format!(
        "{} go mod download",
        keyword_like(keyword, "RUN")
    )));
    out.extend(old(at, kept.len()));
    Some(out)
}

/// A RUN that begins with an install, cut behind it, and the files that the install reads.
fn leading_install(site: &Site<'_>, context: &Context, run: &Instruction) -> Option<(String, String, Vec<String>)> {
    let install = dependencies::install_of(site.facts, run)?;
    let lead = install.leads?;
    let cut = super::split::cuttable(site.facts, run).ok()?;
    let links = site.facts.run(run)?.script.chain.len();
    let moved = site
        .facts
        .commands(run)
        .any(|view| matches!(view.name(), "cd" | "pushd" | "export"));
    if moved || lead + 1 >= links {
        return None;
    }
    let paths = dependencies::inputs(context, install.packages)?;
    if paths.iter().any(|p| p.contains([' ', '"', '\\', '$', '*', '['])) {
        return None;
    }
    let first = cut.keep(&(0..=lead).collect::<Vec<_>>())?;
    let rest = cut.keep(&(lead + 1..links).collect::<Vec<_>>())?;
    Some((first, rest, paths))
}

fn keyword_like(written: &str, upper: &str) -> String {
    if written.chars().all(|c| c.is_ascii_lowercase()) {
        upper.to_ascii_lowercase()
    } else {
        upper.to_owned()
    }
}

/// Whether a COPY takes the context's root to the working directory.
fn takes_root_here(site: &Site<'_>, copy: &Instruction) -> bool {
    let Some(transfer) = copy.transfer().filter(|t| t.from.is_none() && !t.json) else {
        return false;
    };
    let Some(destination) = &transfer.destination else {
        return false;
    };
    let destination = destination.value.trim_end_matches('/');
    let workdir = site.workdir_at(copy.index);
    let here = matches!(destination, "." | "") || workdir.as_deref() == Some(destination);
    let root = matches!(transfer.sources.as_slice(), [source] if matches!(source.value.as_str(), "." | "./" | "*"));
    here && root && workdir.is_some_and(|dir| dir != "/") && copy.keyword == Keyword::Copy
}

/// Whether a RUN is `go mod download` and nothing else.
fn is_go_download(site: &Site<'_>, run: &Instruction) -> bool {
    let words = site.file().source.slice(run.arguments_span).split_whitespace();
    words.eq(["go", "mod", "download"])
}

/// What `go mod download` reads; none where it may read more.
fn go_manifests(context: &Context) -> Option<Vec<String>> {
    let module = context.go_mod("")?;
    if context.exists("go.work") || module.replaces.iter().any(|replace| replace.is_local()) {
        return None;
    }
    let files = ["go.mod", "go.sum"].iter().filter(|path| context.is_sent(path));
    Some(files.map(ToString::to_string).collect::<Vec<_>>()).filter(|files| !files.is_empty())
}

/// The manifests of a Go module whose dependencies could be downloaded before the sources are there,
/// where the file does not do so itself.
fn go_download(
    site: &Site<'_>,
    context: &Context,
    instructions: &[Instruction],
    kept: &[usize],
    copy: usize,
) -> Option<Vec<String>> {
    let builds = |i: &Instruction| {
        site.facts.run(i).is_some_and(|run| {
            run.operations()
                .iter()
                .any(|o| matches!(o, Operation::Build(b) if b.tool == BuildTool::Go))
        })
    };
    let build = kept
        .iter()
        .skip(copy)
        .filter_map(|k| instructions.get(*k))
        .find(|i| builds(i))?;
    // What stands before the build may be what lets it fetch.
    let between = |i: &&Instruction| i.index <= build.index;
    let behind = kept.iter().skip(copy + 1).filter_map(|k| instructions.get(*k));
    for instruction in behind.take_while(between) {
        let set = match &instruction.kind {
            Kind::Env(pairs) | Kind::Arg(pairs) => pairs.iter().any(|p| fetching::steers(&p.key.value)),
            Kind::Copy(_) | Kind::Add(_) => true,
            _ => false,
        };
        let is_build = |view: &crate::facts::CommandView<'_>| {
            let go = |o: &Operation| matches!(o, Operation::Build(b) if b.tool == BuildTool::Go);
            instruction.index == build.index && view.operations.iter().any(go)
        };
        let prepares = || {
            let mut before = site.facts.commands(instruction).take_while(|view| !is_build(view));
            before.any(|view| fetching::prepares(&view))
        };
        if set || prepares() {
            return None;
        }
    }
    // With a cache of its own the build downloads nothing again.
    let mounted = matches!(&build.kind, Kind::Run { mounts, .. } if !mounts.is_empty());
    let downloads = site.roles.iter().any(|r| matches!(r.role, Role::Dependencies { .. }));
    let module = context.go_mod("")?;
    let vendored = context.exists("vendor") || module.replaces.iter().any(|replace| replace.is_local());
    let steered = site.instructions().any(|i| match &i.kind {
        Kind::Env(pairs) | Kind::Arg(pairs) => pairs
            .iter()
            .any(|p| matches!(p.key.value.as_str(), "GO111MODULE" | "GOFLAGS" | "GOPATH" | "GOWORK")),
        _ => false,
    });
    if mounted || downloads || vendored || steered || context.exists("go.work") || module.requires.is_empty() {
        return None;
    }
    let text = site.file().source.slice(build.span);
    if text.contains("-mod=") || text.contains("GO111MODULE") {
        return None;
    }
    (context.is_sent("go.mod") && context.is_sent("go.sum")).then(|| vec!["go.mod".to_owned(), "go.sum".to_owned()])
}

#[cfg(test)]
mod tests {
    use crate::context::{Context, Memory};
    use crate::facts::Facts;
    use crate::model::Dockerfile;
    use crate::plan::{Options, plan};
    use crate::source::SourceFile;
    use std::sync::Arc;

    #[test]
    fn where_nothing_can_be_split_the_order_can_be_better() {
        let files = [
            ("package.json", "{\"name\": \"a\"}"),
            ("package-lock.json", "{}"),
            ("a.js", ""),
        ];
        let context = Context::new("app", Arc::new(Memory::new(files)), Some("Dockerfile"));
        let of = |text: &str| {
            let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
            let facts = Facts::new(&file, Some(&context));
            let stage = file.target().unwrap();
            let roles = crate::plan::role::roles(&facts, stage);
            let options = Options::default();
            let site = crate::plan::Site {
                facts: &facts,
                stage,
                context: facts.context(),
                base: crate::plan::site::base_of(&file, stage),
                roles: &roles,
                options: &options,
            };
            super::reordered(&site)
        };
        let text =
            "FROM node:20-slim\nWORKDIR /app\n# All of it.\nCOPY . .\nENV A=1\nRUN npm ci\nCMD [\"node\", \"a.js\"]\n";
        assert_eq!(
            of(text).as_deref(),
            Some(
                "FROM node:20-slim\nWORKDIR /app\nCOPY package.json package-lock.json ./\nENV A=1\nRUN npm ci\n# All of it.\nCOPY . .\nCMD [\"node\", \"a.js\"]\n"
            )
        );
        assert_eq!(of(&text.replace("RUN npm ci", "RUN touch a && npm ci")), None);
    }

    #[test]
    fn a_run_that_installs_and_then_builds_is_cut() {
        let files = [
            (
                "package.json",
                "{\"name\": \"a\", \"scripts\": {\"build\": \"tsc\"}, \"devDependencies\": {\"typescript\": \"5\"}}",
            ),
            (
                "package-lock.json",
                "{\"lockfileVersion\": 3, \"packages\": {\"\": {\"devDependencies\": {\"typescript\": \"5\"}}}}",
            ),
            ("tsconfig.json", "{\"compilerOptions\": {\"outDir\": \"dist\"}}"),
            ("src/a.ts", "console.log(1)"),
        ];
        let context = Context::new("app", Arc::new(Memory::new(files)), Some("Dockerfile"));
        let of = |run: &str| {
            let text = format!("FROM node:20\nWORKDIR /app\nCOPY . .\n{run}\nCMD [\"node\", \"dist/a.js\"]\n");
            let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
            let plan = plan(&Facts::new(&file, Some(&context)), &Options::default());
            plan.chosen().map(|c| c.text.clone()).unwrap_or_default()
        };
        let cut = "COPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\nRUN npm run build\n";
        for run in ["RUN npm ci && npm run build", "RUN npm ci \\\n    && npm run build"] {
            let text = of(run);
            assert!(text.contains(cut), "{text}");
        }
        let text = of("RUN touch b && npm ci && npm run build");
        assert!(
            !text.contains("COPY package.json package-lock.json") && !text.is_empty(),
            "{text}"
        );
    }

    #[test]
    fn installs_move_above_the_sources() {
        let module = "module example.org/a\n\ngo 1.22\n\nrequire example.org/b v1.0.0\n";
        let files = [
            ("go.mod", module),
            ("go.sum", "x"),
            ("main.go", "package main\n\nfunc main() {}\n"),
        ];
        let context = Context::new("app", Arc::new(Memory::new(files)), Some("Dockerfile"));
        let rewritten = |steps: &str| {
            let text = format!("FROM golang:1.22-bookworm\nWORKDIR /app\nCOPY . .\n{steps}CMD [\"/app/a\"]\n");
            let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
            let plan = plan(&Facts::new(&file, Some(&context)), &Options::default());
            plan.chosen().map(|c| c.text.clone()).unwrap_or_default()
        };
        let wanted = "COPY go.mod go.sum ./\nRUN go mod download\nCOPY . .\nRUN ";
        for steps in [
            "RUN go mod download\nRUN go build -o /app/a .\n",
            "RUN go build -o /app/a .\n",
        ] {
            let text = rewritten(steps);
            assert!(text.contains(wanted), "{text}");
        }
        let text = rewritten("RUN touch x\nRUN go mod download\nRUN go build -o /app/a .\n");
        assert!(!text.contains(wanted) && !text.is_empty(), "{text}");
    }
}
