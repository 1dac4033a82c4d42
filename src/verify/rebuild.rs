//! What a change to a source file costs: both are built again, the original only where its first build
//! does not tell already.
//!
//! Where the original was built from nothing, every step from the one that takes the changed file on ran
//! then as it would again: with the same inputs, but for a line in one file. So its times are those of the
//! rebuild, unless a step keeps something from run to run (`--mount=type=cache`).

use super::original::parse;
use super::prove::Touch;
use super::site::{Made, Site, millis};
use super::{Rebuild, RebuildFrom};
use crate::context::sources::{literal, rooted};
use crate::executor::{BuildRequest, Error, StepReport};
use crate::model::{Dockerfile, Instruction, Kind};
use crate::shell::lies_in;
use std::path::Path;
use std::time::Instant;

/// How long a rebuild takes, and how many steps of it are no cached ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Timed {
    millis: u64,
    steps: usize,
}

/// Times both after the change. The inner error is a build's own.
pub(super) fn rebuild(
    site: Site<'_>,
    original: &Made<'_>,
    rewrite: &str,
    touch: &Touch,
) -> Result<Result<Rebuild, Error>, Error> {
    let after = match again(site, rewrite, touch)? {
        Ok(timed) => timed,
        Err(error) => return Ok(Err(error)),
    };
    let request = &site.input.request;
    let file = parse(&site.input.dockerfile, &request.dockerfile);
    // What reaches no step of the rewrite may not be in the build context at all.
    let told = match after.steps {
        0 => None,
        _ => as_built(&file, &original.built.steps, original.millis, &touch.file),
    };
    let (before, before_from) = match told {
        Some(timed) => (timed, RebuildFrom::FirstBuild),
        None => match again(site, &request.dockerfile, touch)? {
            Ok(timed) => (timed, RebuildFrom::Rebuild),
            Err(error) => return Ok(Err(error)),
        },
    };
    Ok(Ok(Rebuild {
        changed: touch.file.display().to_string(),
        before_millis: before.millis,
        after_millis: after.millis,
        before_steps: before.steps,
        after_steps: after.steps,
        before_from,
    }))
}

/// Builds a text in the changed context. It has been built before, so that everything that the change
/// leaves alone is cached.
fn again(site: Site<'_>, text: &str, touch: &Touch) -> Result<Result<Timed, Error>, Error> {
    let request = BuildRequest {
        context: touch.context.clone(),
        no_cache: false,
        ..site.request(text)
    };
    let begun = Instant::now();
    Ok(site.build(&request, site.cancel)?.map(|made| Timed {
        millis: millis(begun),
        steps: made.built.steps.iter().filter(|step| !step.cached).count(),
    }))
}

/// How long the steps took that a change of the file makes run again, as a build from nothing shows it;
/// none where it does not.
fn as_built(file: &Dockerfile, steps: &[StepReport], millis: u64, changed: &Path) -> Option<Timed> {
    // Stages side by side take less time than the sum of their steps.
    if file.stages.len() != 1 {
        return None;
    }
    let taken = file
        .instructions
        .iter()
        .position(|i| takes(i, changed) != Some(false))?;
    let (before, from) = file.instructions.split_at_checked(taken)?;
    let first = from.first()?;
    if takes(first, changed) != Some(true) || before.iter().any(binds_context) || from.iter().any(keeps) {
        return None;
    }
    let line = first.lines.0;
    let ran = |step: &&StepReport| step.line >= line && !step.cached;
    let wanted = from
        .iter()
        .filter(|i| matches!(i.kind, Kind::Run { .. } | Kind::Copy(_) | Kind::Add(_)))
        .all(|i| steps.iter().any(|step| step.line == i.lines.0 && !step.cached));
    // What comes from ONBUILD in the base image has no line here.
    if !wanted
        || steps
            .iter()
            .any(|step| step.line == 0 || step.line >= line && step.cached)
    {
        return None;
    }
    let earlier: u64 = steps
        .iter()
        .filter(|step| step.line < line)
        .map(|step| step.millis)
        .sum();
    let own: u64 = steps.iter().filter(ran).map(|step| step.millis).sum();
    Some(Timed {
        millis: millis.saturating_sub(earlier).max(own),
        steps: steps.iter().filter(ran).count(),
    })
}

/// Whether an instruction takes the file from the build context; none where that is not plain.
fn takes(instruction: &Instruction, changed: &Path) -> Option<bool> {
    let transfer = match &instruction.kind {
        Kind::Copy(transfer) | Kind::Add(transfer) => transfer,
        Kind::Onbuild(_) | Kind::Broken => return None,
        _ => return Some(false),
    };
    if transfer.from.is_some() {
        return Some(false);
    }
    if instruction.flag("exclude").is_some() {
        return None;
    }
    let changed = rooted(changed.to_str()?);
    let mut taken = false;
    for source in &transfer.sources {
        let source = literal(&source.value)?;
        taken |= source.is_empty() || lies_in(&changed, &source);
    }
    Some(taken)
}

/// Whether a RUN sees the build context.
fn binds_context(instruction: &Instruction) -> bool {
    matches!(&instruction.kind, Kind::Run { mounts, .. } if mounts.iter().any(|m| m.kind == "bind" && m.from.is_none()))
}

/// Whether a RUN finds what an earlier one left.
fn keeps(instruction: &Instruction) -> bool {
    matches!(&instruction.kind, Kind::Run { mounts, .. } if mounts.iter().any(|m| m.kind == "cache"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "FROM golang\nWORKDIR /src\nCOPY go.mod ./\nRUN go mod download\nCOPY . .\nRUN go build\n";

    fn told(text: &str, cached: &[usize]) -> Option<Timed> {
        let file = parse("Dockerfile", text);
        let steps: Vec<StepReport> = (1..=6)
            .map(|line| StepReport {
                stage: None,
                instruction: String::new(),
                line,
                cached: cached.contains(&line),
                millis: line as u64 * 100,
                layer: None,
            })
            .collect();
        as_built(&file, &steps, 2300, Path::new("cmd/main.go"))
    }

    #[test]
    fn a_build_from_nothing_tells_what_a_rebuild_takes() {
        // All but the first four steps, with what a build takes besides.
        let all = Some(Timed { millis: 1300, steps: 2 });
        assert_eq!(told(FILE, &[]), all);
        assert_eq!(told(FILE, &[1, 2]), all);
        assert_eq!(told(&FILE.replace("COPY . .", "COPY ./cmd /src/cmd"), &[]), all);
        assert_eq!(told(FILE, &[6]), None, "it did not run");
    }

    #[test]
    fn what_it_does_not_tell_is_built() {
        for text in [
            FILE.replace("RUN go build", "RUN --mount=type=cache,target=/c go build"),
            FILE.replace("RUN go mod", "RUN --mount=type=bind,target=. go mod"),
            FILE.replace("COPY . .", "COPY cmd/*.go ./"),
            FILE.replace("COPY . .", "COPY $FROM ."),
            FILE.replace("COPY . .", "COPY other ."),
            format!("FROM scratch AS none\n{FILE}"),
        ] {
            assert_eq!(told(&text, &[]), None, "{text}");
        }
    }
}
