//! apt package lists stay in the image.

use crate::edit::{Effect, Fix};
use crate::facts::{CommandView, Facts, leftovers};
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect, cleanup};
use crate::shell::Operation;
use crate::shell::operations::Action;

/// See `rules/apt-lists-left.yaml`.
pub struct Rule;

/// How many later instructions are searched for a use of the lists; behind that, no fix is offered.
const REACH: usize = 60;

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        let Some(Operation::Packages(packages)) = view.operations.first() else {
            return;
        };
        if !packages.manager.is_apt() || packages.action != Action::Update || !cx.ships(view.instruction) {
            return;
        }
        let Some(left) = leftovers::left_by(cx.facts, view) else {
            return;
        };
        let span = packages.action_span.unwrap_or(view.name_span());
        let mut finding = Finding::new(span, format!("the package lists stay in `{}`", left.folder))
            .help("end the same RUN with `rm -rf /var/lib/apt/lists/*`");
        if left.folder.ends_with("lists")
            && !used_later(cx.facts, view.instruction)
            && let Some(edit) = cleanup::append(cx.facts, view, "rm -rf /var/lib/apt/lists/*")
        {
            finding = finding.fix(Fix::safe("remove the lists", vec![edit]).with_effects([Effect::Leftovers]));
        }
        cx.report(finding);
    }
}

/// Whether a later RUN may install packages from these lists.
fn used_later(facts: &Facts<'_>, instruction: &Instruction) -> bool {
    if matches!(
        facts.file().instructions.get(instruction.index).map(|i| &i.kind),
        Some(Kind::Onbuild(_))
    ) {
        return true;
    }
    let later = facts
        .file()
        .instructions
        .get(instruction.index + 1..)
        .unwrap_or_default();
    for other in later.iter().take(REACH) {
        // Another stage may be built on this one: its RUNs are looked at alike.
        let Some(run) = facts.run(other) else { continue };
        for operation in run.operations() {
            match operation {
                Operation::Packages(p) if p.manager.is_apt() && p.action == Action::Update => break,
                Operation::Packages(p) if p.manager.is_apt() && (p.installs() || p.action == Action::Upgrade) => {
                    return true;
                }
                _ => {}
            }
        }
    }
    later.len() > REACH
}
