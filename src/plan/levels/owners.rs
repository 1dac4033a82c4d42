//! Whose files are, and what may be done with them, where they come from the build context again.

use crate::model::Instruction;
use crate::plan::artifact::Landing;
use crate::plan::carry::{config_of, made_by_file};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::need::Need;
use crate::plan::runtime::RuntimeBase;
use crate::plan::site::Site;

/// The flags of a COPY for each of the files, in their order: those that the COPY which brought it
/// into the old stage has for its owner and mode.
pub(super) fn flags(
    site: &Site<'_>,
    landing: &Landing,
    base: &RuntimeBase,
    files: &[Need],
    conditions: &mut Vec<Condition>,
) -> Vec<String> {
    let all = files.iter().map(|need| {
        let place = need.path.trim_end_matches('/');
        let by = landing.image_of(need.context.as_deref()?).into_iter();
        let by = by
            .filter(|(path, _)| path.trim_end_matches('/') == place)
            .map(|(_, by)| by)
            .max()?;
        let instruction = site.file().instructions.get(by)?;
        let mut out = String::new();
        if let Some(owner) = value(site, instruction, "chown") {
            match owner.and_then(|owner| owned(site, base, &owner)) {
                Some(owner) => out.push_str(&format!("--chown={owner} ")),
                None => conditions.push(unknown(instruction, "the owner", place)),
            }
        }
        if let Some(mode) = value(site, instruction, "chmod") {
            match mode {
                Some(mode) => out.push_str(&format!("--chmod={mode} ")),
                None => conditions.push(unknown(instruction, "the mode", place)),
            }
        }
        if !out.is_empty() && instruction.flag("link").is_some_and(|f| f.value.is_none()) {
            out.push_str("--link ");
        }
        Some(out)
    });
    all.map(Option::unwrap_or_default).collect()
}

fn unknown(instruction: &Instruction, what: &str, place: &str) -> Condition {
    Condition::unproven(
        format!("{what} of `{place}` is the same"),
        vec![Evidence::command(instruction.span, "a flag of COPY sets it")],
        "a number in the flag",
    )
}

/// A flag's value with its variables put in; the inner one is none where it is not known.
fn value(site: &Site<'_>, instruction: &Instruction, name: &str) -> Option<Option<String>> {
    let word = instruction.flag(name)?.value.as_ref()?;
    if site.is_open(&word.value, instruction.index) {
        return Some(None);
    }
    let value = site.value(word, instruction.index);
    Some(value.filter(|v| !v.is_empty() && !v.contains(['$', ' '])))
}

/// An owner as the new base knows it; none where it does not.
fn owned(site: &Site<'_>, base: &RuntimeBase, owner: &str) -> Option<String> {
    let (user, group) = match owner.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (owner, None),
    };
    let known = |name: &str| {
        let number = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        number || name == "root" || made_by_file(site, name)
    };
    let old = site.base.and_then(|b| b.variant.config);
    let new = config_of(&base.reference);
    let ids = |name: &str| old?.account(name);
    let same = |name: &str| {
        let new = new.and_then(|config| config.account(name));
        known(name) || ids(name).is_some() && ids(name) == new
    };
    if same(user) && group.is_none_or(same) {
        return Some(owner.to_owned());
    }
    let number = |name: &str, of_group: bool| {
        if name.bytes().all(|b| b.is_ascii_digit()) {
            return Some(name.to_owned());
        }
        if name == "root" {
            return Some("0".to_owned());
        }
        let (uid, gid) = ids(name)?.split_once(':')?;
        Some(if of_group { gid } else { uid }.to_owned())
    };
    let uid = number(user, false)?;
    let gid = number(group.unwrap_or(user), true)?;
    Some(format!("{uid}:{gid}"))
}
