//! Whether a rewritten file says of its image what the old one said: the last look before it is
//! offered, made with the model that reads every Dockerfile.

use super::carry::Carried;
use super::site::Site;
use crate::edit::Effect;
use crate::facts::Facts;
use crate::model::{Dockerfile, Form, Kind, Stage};
use crate::source::SourceFile;
use std::collections::{BTreeMap, BTreeSet};

/// Compares the default targets of the old and the new file.
///
/// # Errors
/// The first difference that was not announced, for people.
pub fn audit(site: &Site<'_>, text: &str, carried: &Carried) -> Result<(), String> {
    let old = site.file();
    let new = Dockerfile::parse(SourceFile::new(old.source.name(), text));
    if let Some(refusal) = new.hard_refusals().next() {
        return Err(format!("BuildKit would refuse it: {}", refusal.message));
    }
    let Some(target) = new.target() else {
        return Err("it has no stage".to_owned());
    };
    let before = said(old, site.stage);
    let after = said(&new, target);
    let announced = |effect: Effect| carried.effects.contains(&effect);
    let fields: [(&str, &Option<String>, &Option<String>, Effect); 5] = [
        ("CMD", &before.cmd, &after.cmd, Effect::Cmd),
        ("ENTRYPOINT", &before.entrypoint, &after.entrypoint, Effect::Entrypoint),
        ("USER", &before.user, &after.user, Effect::User),
        (
            "STOPSIGNAL",
            &before.stop_signal,
            &after.stop_signal,
            Effect::StopSignal,
        ),
        (
            "HEALTHCHECK",
            &before.healthcheck,
            &after.healthcheck,
            Effect::Healthcheck,
        ),
    ];
    for (name, before, after, effect) in fields {
        // What the old file does not say its base said, and is written out where the new one differs.
        if before.is_some() && before != after && !announced(effect) {
            return Err(format!("{name} would change"));
        }
    }
    // The old base may have given a part of it.
    let dir = before.workdir.as_ref().and(site.workdir().or(before.workdir.clone()));
    if dir.is_some() && dir != after.workdir && !announced(Effect::Workdir) {
        return Err("WORKDIR would change".to_owned());
    }
    for (name, value) in &before.env {
        if after.env.get(name) != Some(value) && !announced(Effect::Env) {
            return Err(format!("ENV {name} would change"));
        }
    }
    if !before.exposed.is_subset(&after.exposed) && !announced(Effect::Expose) {
        return Err("EXPOSE would change".to_owned());
    }
    if !before.volumes.is_subset(&after.volumes) && !announced(Effect::Volumes) {
        return Err("VOLUME would change".to_owned());
    }
    for (name, value) in &before.labels {
        if after.labels.get(name) != Some(value) && !announced(Effect::Labels) {
            return Err(format!("LABEL {name} would change"));
        }
    }
    Ok(())
}

/// What a file says of a stage's image; nothing of what its base says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Said {
    cmd: Option<String>,
    entrypoint: Option<String>,
    user: Option<String>,
    workdir: Option<String>,
    stop_signal: Option<String>,
    healthcheck: Option<String>,
    env: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    exposed: BTreeSet<String>,
    volumes: BTreeSet<String>,
}

fn said(file: &Dockerfile, stage: &Stage) -> Said {
    let facts = Facts::new(file, None);
    let settings = file.settings_of(stage);
    let stage_facts = facts.stage(stage.id);
    let command = |index: Option<usize>| {
        let instruction = file.instructions.get(index?)?;
        match &instruction.kind {
            Kind::Cmd(form) | Kind::Entrypoint(form) => Some(shown(form)),
            _ => None,
        }
    };
    let value = |word: &crate::syntax::Word, at: usize| match file.expand(word, at) {
        Ok(expanded) => expanded.value,
        Err(_) => word.value.clone(),
    };
    let mut out = Said {
        cmd: command(stage_facts.and_then(|f| f.cmd)),
        entrypoint: command(stage_facts.and_then(|f| f.entrypoint)),
        user: settings.user.and_then(|s| s.value).map(|v| v.to_string()),
        workdir: settings.workdir.and_then(|s| s.value).map(|v| v.to_string()),
        ..Said::default()
    };
    let mut chain: Vec<&Stage> = file.chain(stage).collect();
    chain.reverse();
    for instruction in chain.into_iter().flat_map(|s| file.instructions_of(s)) {
        let at = instruction.index;
        match &instruction.kind {
            Kind::Env(pairs) => {
                for pair in pairs {
                    let text = pair.value.as_ref().map(|v| value(v, at)).unwrap_or_default();
                    out.env.insert(value(&pair.key, at), text);
                }
            }
            Kind::Label(pairs) => {
                for pair in pairs {
                    let text = pair.value.as_ref().map(|v| value(v, at)).unwrap_or_default();
                    out.labels.insert(value(&pair.key, at), text);
                }
            }
            Kind::Expose(words) => out.exposed.extend(words.iter().map(|w| value(w, at))),
            Kind::Volume(words) => out.volumes.extend(words.iter().map(|w| value(w, at))),
            Kind::StopSignal(word) => out.stop_signal = Some(value(word, at)),
            Kind::Healthcheck(_) => {
                out.healthcheck = Some(file.source.slice(instruction.arguments_span).replace("\r\n", "\n"))
            }
            _ => {}
        }
    }
    out
}

fn shown(form: &Form) -> String {
    match form {
        Form::Shell(word) => word.value.clone(),
        Form::Exec(words) => {
            let words: Vec<&str> = words.iter().map(|w| w.value.as_str()).collect();
            format!("{words:?}")
        }
    }
}
