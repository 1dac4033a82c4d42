//! npm install although there is a lock file.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::CommandView;
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Operation;
use crate::shell::operations::{Action, Manager};

/// See `rules/npm-install-with-lock.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        let Some(Operation::Packages(packages)) = view.operations.first() else { return };
        if packages.manager != Manager::Npm || packages.action != Action::InstallProject || packages.locked {
            return;
        }
        let Some(context) = cx.context else { return };
        let locks = ["package-lock.json", "npm-shrinkwrap.json"];
        let Some(lock) = locks.into_iter().find(|lock| context.is_sent(lock)) else { return };
        let Some(span) = packages.action_span else { return };
        let mut finding =
            Finding::new(span, format!("`npm install` may install other versions than `{lock}` lists")).help("write `npm ci`");
        // Flags that `npm ci` does not have would make it fail.
        let known = [
            "--omit",
            "--production",
            "--only",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--silent",
            "--loglevel",
            "--prefer-offline",
            "--unsafe-perm",
            "--legacy-peer-deps",
        ];
        if packages.flags.iter().all(|f| known.contains(&f.name.as_str())) {
            let fix = Fix::unsafe_("write `npm ci`", vec![Edit::replace(span, "ci")]);
            finding = finding.fix(fix.with_effects([Effect::Packages, Effect::Failure]));
        }
        cx.report(finding);
    }
}
