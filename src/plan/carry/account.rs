//! The account that the image runs as.

use super::{Carried, Kept, config_of};
use crate::edit::Effect;
use crate::knowledge::PackageManager;
use crate::model::{Keyword, Kind};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::runtime::RuntimeBase;
use crate::plan::site::Site;
use crate::shell::Operation;

/// Sees to it that the account behind USER, and owners in `--chown`, exist in the new stage.
pub fn account(site: &Site<'_>, new: &RuntimeBase, kept: &Kept, out: &mut Carried) {
    let before = site.base.and_then(|base| base.variant.config);
    let after = config_of(&new.reference);
    if kept.user.is_none() {
        default_user(site, new, out);
    }
    let Some(user) = site.file().settings_of(site.stage).user.filter(|_| kept.user.is_some()) else {
        return;
    };
    let at = site.file().instructions.get(user.instruction);
    let evidence = || {
        at.map(|i| Evidence::command(i.span, "USER names it"))
            .into_iter()
            .collect::<Vec<_>>()
    };
    let Some(value) = user.value else {
        out.conditions.push(Condition::unproven(
            "the account of USER exists in the new image",
            evidence(),
            "a USER without variables",
        ));
        return;
    };
    let (name, group) = value.split_once(':').unwrap_or((&value, ""));
    for name in [name, group] {
        if name.is_empty() || name.bytes().all(|b| b.is_ascii_digit()) || name == "root" {
            continue;
        }
        if made_by_file(site, name) {
            made_again(new, name, out, evidence());
            continue;
        }
        let what = format!("the account `{name}` exists in `{}`", new.reference);
        let old = before.and_then(|config| config.account(name));
        let new_ids = after.and_then(|config| config.account(name));
        match (old, new_ids) {
            (Some(old), Some(ids)) if old == ids => {
                out.conditions
                    .push(Condition::met(what, vec![Evidence::image(format!("{name} is {ids}"))]));
            }
            (Some(old), None) => give(new, name, old, out, &what, evidence()),
            (Some(old), Some(ids)) => {
                out.effects.push(Effect::Files);
                out.conditions.push(Condition::unproven(
                    format!("nothing depends on the numbers of the account `{name}`, {ids} instead of {old}"),
                    evidence(),
                    "a USER in numbers",
                ));
            }
            (None, Some(ids)) => out.conditions.push(Condition::unproven(
                format!("the account `{name}` had the numbers {ids} in the old image too"),
                evidence(),
                "a build that compares the images' accounts",
            )),
            (None, None) => {
                if copied(new) {
                    out.conditions.push(Condition::met(what, evidence()));
                } else {
                    out.conditions.push(Condition::unproven(what, evidence(), "a build"));
                }
            }
        }
    }
}

/// Where the file says no USER, the base's own.
fn default_user(site: &Site<'_>, new: &RuntimeBase, out: &mut Carried) {
    let before = site.base.map_or("root", |base| base.variant.user);
    let after = new.variant.map_or("root", |variant| variant.user);
    if before != after {
        out.base(Keyword::User, if before.is_empty() { "root" } else { before });
        out.effects.push(Effect::User);
    }
}

/// Whether a RUN of the file adds the account.
pub(in crate::plan) fn made_by_file(site: &Site<'_>, name: &str) -> bool {
    site.instructions()
        .filter(|i| matches!(i.kind, Kind::Run { .. }))
        .any(|i| {
            site.facts.commands(i).any(|command| {
                let adds = command.operations.iter().any(|op| matches!(op, Operation::UserAdd(_)))
                    || matches!(command.name(), "groupadd" | "addgroup" | "useradd" | "adduser");
                adds && command.words().iter().any(|word| word.text == name)
            })
        })
}

fn has_shell(new: &RuntimeBase) -> bool {
    config_of(&new.reference).is_some_and(|config| config.has_program("sh"))
}

/// Whether the file of accounts comes from the builder.
fn copied(new: &RuntimeBase) -> bool {
    new.files.iter().any(|file| file.to == "/etc/passwd")
}

/// An account that a RUN of the file adds: the RUN is repeated, or the files of accounts are copied.
fn made_again(new: &RuntimeBase, name: &str, out: &mut Carried, evidence: Vec<Evidence>) {
    if !has_shell(new) && !copied(new) {
        out.conditions.push(Condition::not_met(
            format!(
                "the account `{name}` can be added to `{}`, which has no shell",
                new.reference
            ),
            evidence,
        ));
    }
}

/// Adds an account that the old base image had.
fn give(new: &RuntimeBase, name: &str, ids: &str, out: &mut Carried, what: &str, evidence: Vec<Evidence>) {
    let (uid, gid) = ids.split_once(':').unwrap_or((ids, ids));
    if copied(new) {
        out.conditions.push(Condition::met(what, evidence));
        return;
    }
    let manager = new.variant.map(|variant| variant.packages);
    let adds = match manager {
        _ if !has_shell(new) => None,
        Some(PackageManager::Apk) => Some(format!(
            "addgroup -g {gid} {name} && adduser -D -u {uid} -G {name} {name}"
        )),
        Some(PackageManager::None | PackageManager::Unknown) | None => None,
        Some(_) => Some(format!(
            "groupadd --gid {gid} {name} \\\n    && useradd --uid {uid} --gid {name} --shell /bin/sh --create-home {name}"
        )),
    };
    match adds {
        Some(command) => {
            out.base(Keyword::Run, &command);
            out.conditions
                .push(Condition::met(what, vec![Evidence::image(format!("{name} was {ids}"))]));
        }
        None => out.conditions.push(Condition::not_met(what, evidence)),
    }
}
