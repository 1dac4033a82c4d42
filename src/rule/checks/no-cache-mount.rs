//! A package manager downloads again what it had.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::{CommandView, leftovers};
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Operation;

/// See `rules/no-cache-mount.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        let Some(Operation::Packages(packages)) = view.operations.first() else { return };
        if packages.manager.is_apt() || cx.ships(view.instruction) {
            return;
        }
        let Some(left) = leftovers::left_by(cx.facts, view) else { return };
        let root =
            cx.file.settings_at(view.instruction.index).user.is_none_or(|u| matches!(u.value.as_deref(), Some("root" | "0")));
        let folder = left.folder.replace('~', "/root");
        let mount = format!("--mount=type=cache,target={folder}");
        let mut finding = Finding::new(
            view.name_span(),
            format!("{} fetches everything again when this RUN is run again", packages.manager.name()),
        )
        .help(format!("write `RUN {mount}`"));
        if root && !cx.facts.in_onbuild(view.instruction) && !view.instruction.opaque {
            let edit = Edit::insert(view.instruction.keyword_span.end, format!(" {mount}"));
            let fix = Fix::unsafe_("mount a cache", vec![edit]).with_effects([Effect::Build, Effect::Leftovers]);
            finding = finding.fix(fix);
        }
        cx.report(finding);
    }
}
