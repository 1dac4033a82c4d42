//! sh gets syntax that only bash knows.

use crate::edit::{Effect, Fix};
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect, layout};
use crate::shell::{Command, Dialect};
use crate::source::Span;

/// See `rules/bash-syntax-in-sh.yaml`.
pub struct Rule;

/// Parts of image names whose `/bin/sh` is bash.
const SH_IS_BASH: &[&str] = &[
    "fedora",
    "centos",
    "rocky",
    "alma",
    "ubi",
    "rhel",
    "redhat",
    "amazonlinux",
    "oraclelinux",
    "opensuse",
    "suse",
    "sle",
    "arch",
    "manylinux",
    "mageia",
    "photon",
    "azurelinux",
    "mariner",
    "bash",
    "nixos",
    "macos",
];

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Some(run) = cx.facts.run(instruction) else { return };
        let script = &run.script;
        let is_ash = script.dialect == Dialect::Ash;
        if !matches!(script.dialect, Dialect::Posix | Dialect::Dash | Dialect::Ash) {
            return;
        }
        // Where several pieces are found, the first is enough: one change mends all.
        let found = script
            .commands
            .iter()
            .filter(|c| !c.place.nested)
            .find_map(|c| only_bash(cx, c, is_ash));
        let Some((span, what)) = found else { return };
        let image = instruction
            .stage
            .and_then(|id| cx.file.stage(id))
            .and_then(|s| s.root_image.as_ref());
        if script.dialect == Dialect::Posix
            && image.is_some_and(|i| SH_IS_BASH.iter().any(|name| i.text.contains(name)))
        {
            return;
        }
        let mut finding = Finding::new(span, format!("{what} is not known to `{}`", script.dialect.name()))
            .help("write it the POSIX way, or set `SHELL [\"/bin/bash\", \"-c\"]`");
        let heredoc = matches!(&instruction.kind, Kind::Run { heredocs, .. } if !heredocs.is_empty());
        if !is_ash
            && !heredoc
            && let Some(edit) = layout::shell_above(cx.file, instruction, &["/bin/bash", "-c"])
        {
            let fix = Fix::unsafe_("let bash run it", vec![edit]).with_effects([Effect::Shell]);
            finding = finding.fix(fix.isolated("shell"));
        }
        cx.report(finding);
    }
}

/// The first thing in a command that POSIX shells do not have; busybox's ash knows some.
fn only_bash(cx: &Cx<'_>, command: &Command, is_ash: bool) -> Option<(Span, &'static str)> {
    let name = match command.name.text.as_str() {
        "[[" if !is_ash => Some("`[[`"),
        "source" if !is_ash => Some("`source`"),
        "pushd" | "popd" => Some("the directory stack"),
        "declare" | "typeset" => Some("`declare`"),
        "shopt" => Some("`shopt`"),
        "mapfile" | "readarray" => Some("`mapfile`"),
        _ => None,
    };
    if let Some(name) = name {
        return Some((command.name.span, name));
    }
    let redirect = command
        .redirects
        .iter()
        .find(|r| matches!(r.operator.as_str(), "&>" | "&>>") && !is_ash || r.operator == "<<<");
    if let Some(redirect) = redirect {
        return Some((redirect.span, "this redirection"));
    }
    let array = command
        .assignments
        .iter()
        .find(|a| a.value.is_none() && cx.slice(a.span).contains("=("));
    array.map(|a| (a.span, "an array"))
}
