//! What the old base image said and the new one does not, or says otherwise.

use super::{Carried, Kept, config_of};
use crate::edit::Effect;
use crate::knowledge::{BaseConfig, Tag};
use crate::model::{Form, Keyword, Kind};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::program::{Program, What};
use crate::plan::runtime::RuntimeBase;
use crate::plan::site::Site;

/// Says again what the old base gave.
pub fn differences(site: &Site<'_>, programs: &[Program], new: &RuntimeBase, kept: &Kept, out: &mut Carried) {
    let Some(after) = config_of(&new.reference) else {
        out.conditions.push(Condition::unproven(
            format!("`{}` behaves as the old base image", new.reference),
            Vec::new(),
            "a build: the table of images does not say how it is configured",
        ));
        return;
    };
    let Some(before) = site.base.and_then(|base| base.variant.config) else {
        out.conditions.push(Condition::unproven(
            "what the old base image sets is known",
            site.file()
                .from_of(site.stage)
                .map(|from| Evidence::command(from.span, "the table of images does not say how it is configured"))
                .into_iter()
                .collect(),
            "a build that compares the images' configurations",
        ));
        return;
    };
    if std::ptr::eq(before, after) {
        return;
    }
    out.effects.push(Effect::Labels);
    if kept.first_workdir.is_none() && before.working_dir != after.working_dir {
        out.base(Keyword::Workdir, before.working_dir);
    }
    variables(site, programs, before, after, out);
    start(site, before, after, kept, out);
    rest(before, after, site, out);
}

/// ENV.
fn variables(site: &Site<'_>, programs: &[Program], before: &BaseConfig, after: &BaseConfig, out: &mut Carried) {
    let said = |name: &str| {
        site.instructions().any(|i| match &i.kind {
            Kind::Env(pairs) => pairs.iter().any(|p| p.key.value == name),
            _ => false,
        })
    };
    let tag = Tag::parse(site.base_tag());
    let mut changes = false;
    for (name, value) in before.env {
        let same = after.env(name) == Some(value);
        if same || said(name) && *name != "PATH" {
            continue;
        }
        changes = true;
        let Some(value) = fill(value, &tag) else { continue };
        if before.build_env.contains(name) {
            continue;
        }
        if *name == "PATH" {
            path(site, programs, &value, after, out);
            continue;
        }
        // The folder of a tool that the new image has elsewhere, or not at all.
        if value.starts_with('/') && (name.ends_with("_HOME") || name.ends_with("_CONFIG")) {
            if let Some(other) = after.env(name) {
                out.lost.push(format!("{name} is {other} instead of {value}"));
            }
            continue;
        }
        if matches!(*name, "LANG" | "LANGUAGE") && after.sets("LC_ALL") {
            continue;
        }
        out.base(Keyword::Env, &format!("{name}={}", quoted(&value)));
    }
    changes |= before.varying.iter().any(|name| !after.varying.contains(name));
    changes |= after.env.iter().any(|(name, _)| !before.sets(name));
    if changes {
        out.effects.push(Effect::Env);
    }
}

/// A value with its placeholders filled; none where one has no value.
fn fill(value: &str, tag: &Tag<'_>) -> Option<String> {
    if value.contains("{major}") {
        return Some(value.replace("{major}", tag.major()?));
    }
    Some(value.to_owned())
}

fn quoted(value: &str) -> String {
    if value.contains([' ', '\t', '$', '"', '\'', '\\']) {
        format!("{:?}", value.replace('$', "\\$"))
    } else {
        value.to_owned()
    }
}

/// Folders of PATH that only tools of the build are in.
fn is_toolchain(folder: &str) -> bool {
    folder == "/usr/local/go/bin" || folder.contains("jdk") || folder.contains("/ghc/") || folder.contains("/jvm/")
}

/// Folders of the old PATH that the new one lacks, where a program is started by its name alone and
/// the new image has none of that name.
fn path(site: &Site<'_>, programs: &[Program], before: &str, after: &BaseConfig, out: &mut Carried) {
    let by_name = programs.iter().any(|program| match &program.what {
        What::FromPath { name } => !after.has_program(name),
        _ => false,
    });
    let refers = site.instructions().any(|i| match &i.kind {
        Kind::Env(pairs) => pairs.iter().any(|p| p.key.value == "PATH"),
        _ => false,
    });
    if !by_name || refers && after.env("PATH").is_none() {
        return;
    }
    let known: Vec<&str> = after.env("PATH").unwrap_or_default().split(':').collect();
    let missing: Vec<&str> = before
        .split(':')
        .filter(|folder| !known.contains(folder) && !is_toolchain(folder))
        .collect();
    if !missing.is_empty() {
        out.base(Keyword::Env, &format!("PATH={}:$PATH", missing.join(":")));
    }
}

/// ENTRYPOINT and CMD.
fn start(site: &Site<'_>, before: &BaseConfig, after: &BaseConfig, kept: &Kept, out: &mut Carried) {
    if kept.entrypoint.is_some() {
        return;
    }
    let Some(cmd) = kept.cmd.and_then(|at| site.file().instructions.get(at)) else {
        // Nothing of the file's own: within a family the new image starts the same.
        if before.entrypoint != after.entrypoint || before.cmd != after.cmd {
            out.conditions.push(Condition::not_met(
                "the file itself says what is started",
                vec![Evidence::image("what the old base image starts is not in the new one")],
            ));
        }
        return;
    };
    if before.entrypoint == after.entrypoint {
        return;
    }
    let shown = before.entrypoint.join(" ");
    if !before.entrypoint.is_empty() {
        if !passes(before, &cmd.kind) {
            out.conditions.push(Condition::not_met(
                format!("the image starts without `{shown}`, the ENTRYPOINT of the old base"),
                vec![Evidence::cmd(cmd.span, "CMD gives it its arguments")],
            ));
            return;
        }
        out.lose(
            Effect::Entrypoint,
            Some(format!(
                "CMD is started as it is: `{shown}`, the ENTRYPOINT of the old base, only passed it on"
            )),
        );
    }
    if !after.entrypoint.is_empty() && (!after.passes || before.entrypoint.is_empty()) {
        out.base(Keyword::Entrypoint, "[]");
    }
}

/// Whether an image's ENTRYPOINT does nothing but run this CMD.
fn passes(before: &BaseConfig, cmd: &Kind) -> bool {
    if before.passes {
        return true;
    }
    // Node's, Bun's and PHP's run what they are given unless it is an option or a script.
    let script = before
        .entrypoint
        .last()
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    if before.entrypoint.len() != 1 || !matches!(script, Some("docker-entrypoint.sh" | "docker-php-entrypoint")) {
        return false;
    }
    match cmd {
        Kind::Cmd(Form::Shell(_)) => true,
        Kind::Cmd(Form::Exec(words)) => words
            .first()
            .is_some_and(|word| word.value.starts_with('/') || before.has_program(&word.value)),
        _ => false,
    }
}

/// EXPOSE, VOLUME and STOPSIGNAL.
fn rest(before: &BaseConfig, after: &BaseConfig, site: &Site<'_>, out: &mut Carried) {
    let says = |keyword: Keyword| site.instructions().any(|i| i.keyword == keyword);
    let ports: Vec<&str> = before
        .exposed
        .iter()
        .filter(|port| !after.exposed.contains(port))
        .map(|port| port.trim_end_matches("/tcp"))
        .collect();
    if !ports.is_empty() {
        out.base(Keyword::Expose, &ports.join(" "));
    }
    if after.exposed.iter().any(|port| !before.exposed.contains(port)) {
        out.effects.push(Effect::Expose);
    }
    for volume in before.volumes.iter().filter(|v| !after.volumes.contains(v)) {
        out.lose(
            Effect::Volumes,
            Some(format!("{volume} is no volume any more; it held what builds download")),
        );
    }
    if after.volumes.iter().any(|volume| !before.volumes.contains(volume)) {
        out.effects.push(Effect::Volumes);
    }
    if before.stop_signal != after.stop_signal && !says(Keyword::StopSignal) {
        // BuildKit and the engines end a container with SIGTERM where nothing is said.
        out.base(Keyword::StopSignal, before.stop_signal.unwrap_or("SIGTERM"));
        out.effects.push(Effect::StopSignal);
    }
}
