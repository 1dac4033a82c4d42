//! Tests that the last stage runs, in a stage of their own.
//!
//! They move to a stage on the one that builds, where that is the same image and holds what they are
//! run on: then they see what they saw, and the last stage need not hold it.

use crate::model::{Instruction, Kind, Stage, StageRef};
use crate::plan::role::Role;
use crate::plan::site::Site;
use crate::plan::{Tester, artifact, layout};
use crate::shell::lies_in;

/// A file whose last stage runs no tests.
pub(super) struct Moved {
    /// The text.
    pub text: String,
    /// The stage that does.
    pub tester: String,
}

/// The file with the last stage's tests moved; none where it runs none, or they may see something else.
pub(super) fn moved(site: &Site<'_>) -> Option<Moved> {
    let file = site.file();
    if site.options.tester == Tester::Off {
        return None;
    }
    let own = file.instructions_of(site.stage);
    let only_tests = |i: &&Instruction| {
        let mut roles = site.roles.iter().filter(|r| r.place.instruction == i.index).peekable();
        let any = site
            .roles
            .iter()
            .any(|r| r.place.instruction == i.index && r.role == Role::Test);
        any && roles.peek().is_some() && roles.all(|r| matches!(r.role, Role::Test | Role::Shell))
    };
    let tests: Vec<&Instruction> = own.iter().filter(only_tests).collect();
    let all = site.roles.iter().filter(|r| r.role == Role::Test);
    let mut all = all.map(|r| r.place.instruction);
    if tests.is_empty() || all.any(|at| !tests.iter().any(|t| t.index == at)) {
        return None;
    }
    let builder = builder(site)?;
    let name = builder.name.clone()?;
    let tester = site.options.name("tester").to_owned();
    let taken = |s: &Stage| s.name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(&tester));
    if file.stages.iter().any(taken) {
        return None;
    }
    let from = file.from_of(site.stage)?;
    let style = layout::style(file);
    let mut stage = format!("{} {name} {} {tester}\n", style.keyword("FROM"), style.keyword("AS"));
    let mut here = file.settings_of(builder).workdir.and_then(|w| w.value);
    for test in &tests {
        let dir = site.workdir_at(test.index);
        let moves = site.facts.commands(test).find(|view| view.name() == "cd");
        let works = match &moves {
            Some(view) => view.words().first().map(|w| w.text.clone()),
            None => dir.clone(),
        };
        if !is_same_there(site, builder, &works.filter(|w| w.starts_with('/'))?) {
            return None;
        }
        if moves.is_none() && here.as_deref() != dir.as_deref() {
            let dir = dir?;
            stage.push_str(&format!("{} {dir}\n", style.keyword("WORKDIR")));
            here = Some(dir.into());
        }
        stage.push_str(&layout::text(file, test.span));
        stage.push('\n');
    }
    let text = file.source.text();
    let start = layout::start(file, from);
    let mut out = format!("{}{stage}\n", text.get(..start)?);
    let mut done = start;
    for test in &tests {
        let from = layout::start(file, test);
        out.push_str(text.get(done..from)?);
        done = layout::end(file, test);
    }
    out.push_str(text.get(done..)?);
    Some(Moved { text: out, tester })
}

/// The one stage that the last one copies from, on the same image.
fn builder<'s>(site: &Site<'s>) -> Option<&'s Stage> {
    let file = site.file();
    let mut found: Option<&Stage> = None;
    for transfer in file.instructions_of(site.stage).iter().filter_map(|i| i.transfer()) {
        let Some((_, from)) = &transfer.from else { continue };
        let stage = from.stage().and_then(|id| file.stage(id))?;
        if found.is_some_and(|known| known.id != stage.id) {
            return None;
        }
        found = Some(stage);
    }
    let image = |stage: &Stage| match &file.from_of(stage)?.kind {
        Kind::From {
            image,
            base: StageRef::Image(_),
            ..
        } => Some(image.text.clone()),
        _ => None,
    };
    let stage = found?;
    (image(stage)? == image(site.stage)?).then_some(stage)
}

/// Whether a folder is a copy of the same folder of another stage.
fn is_same_there(site: &Site<'_>, builder: &Stage, folder: &str) -> bool {
    let file = site.file();
    file.instructions_of(site.stage).iter().any(|i| {
        let Some(transfer) = i.transfer() else { return false };
        let from = transfer.from.as_ref().and_then(|(_, from)| from.stage());
        let target = transfer.destination.as_ref().and_then(|d| site.value(d, i.index));
        let target = target.and_then(|t| artifact::absolute(site.workdir_at(i.index).as_deref(), &t));
        let source = match transfer.sources.as_slice() {
            [source] => site
                .value(source, i.index)
                .and_then(|s| artifact::absolute(Some("/"), &s)),
            _ => None,
        };
        from == Some(builder.id) && source == target && source.is_some_and(|tree| lies_in(folder, &tree))
    })
}
