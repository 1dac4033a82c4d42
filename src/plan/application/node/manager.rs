//! What each package manager is told so that only what run time needs is left.

use super::{Install, Room};
use crate::context::manifests::{LOCK_FILES, NodeLock};
use crate::knowledge::Tag;
use crate::shell::Manager;
use std::sync::Arc;

impl Room<'_> {
    /// The lock file that an install sees, and whether one comes into its folder only later.
    pub(super) fn lock(&self, install: &Install, folder: &str) -> (Option<Arc<NodeLock>>, bool) {
        let Some(context) = self.site.context else {
            return (None, false);
        };
        let names: &[&str] = match install.manager {
            Manager::Yarn => &["yarn.lock"],
            Manager::Pnpm => &["pnpm-lock.yaml"],
            _ => LOCK_FILES.get(..2).unwrap_or_default(),
        };
        let mut later = false;
        for name in names {
            let path = if folder.is_empty() {
                (*name).to_owned()
            } else {
                format!("{folder}/{name}")
            };
            if !context.is_sent(&path) {
                continue;
            }
            let wanted = format!("{}/{name}", install.folder);
            if self.landing.is_there(&path, &wanted, install.instruction) {
                return (context.node_lock(&path), false);
            }
            later |= self.landing.is_there(&path, &wanted, usize::MAX);
        }
        (None, later)
    }

    /// Whether the file itself takes packages out behind an install.
    pub(super) fn is_pruned(&self, install: &Install) -> bool {
        self.steps.iter().any(|step| {
            let removes = match step.operands(&[]).first().copied() {
                Some("prune" | "uninstall" | "remove" | "rm" | "un" | "unlink") => true,
                Some("workspaces") => step.has("focus"),
                _ => false,
            };
            removes
                && matches!(step.program.as_str(), "npm" | "yarn" | "pnpm")
                && step.place.instruction >= install.instruction
                && self.folder(step).as_deref() == Some(install.folder.as_str())
        })
    }

    /// Whether Yarn has the command that installs for run time alone, and fills a node_modules: Yarn 4
    /// brings it, 2 and 3 by a plugin (<https://yarnpkg.com/cli/workspaces/focus>).
    fn can_focus(&self, folder: &str) -> bool {
        if !self.is_berry(folder) || self.is_plug_and_play(folder) {
            return false;
        }
        let named = self.manifest(folder).and_then(|(_, m)| m.package_manager.clone());
        let settings = self.site.context.and_then(|context| {
            let file = self.landing.existing(context, &format!("{folder}/.yarnrc.yml"))?;
            context.read_text(&file)
        });
        let major = |text: &str| text.split('.').next()?.parse::<u32>().ok();
        let new = |text: &str| major(text).is_some_and(|major| major >= 4);
        named.is_some_and(|n| n.strip_prefix("yarn@").is_some_and(new))
            || settings.is_some_and(|text| {
                text.contains("plugin-workspace-tools") || text.split("releases/yarn-").nth(1).is_some_and(new)
            })
    }

    /// Whether the stage's npm is older than 7, which knows other options. Node 14 and earlier bring
    /// such a one (nodejs.org/dist/index.json).
    pub(super) fn is_old_npm(&self) -> bool {
        let tag = Tag::parse(self.site.base_tag());
        let major = tag.version().and_then(|v| v.split('.').next()?.parse::<u32>().ok());
        major.is_some_and(|major| major < 15)
    }

    /// The command that takes development packages out of what was installed: all of them, or those
    /// named. None where the manager has none that keeps what else was resolved.
    pub(super) fn prune(&self, install: &Install, dropped: &[String], kept: &[String], later: bool) -> Option<String> {
        match install.manager {
            Manager::Npm if kept.is_empty() => {
                let omit = if self.is_old_npm() {
                    "--production"
                } else {
                    "--omit=dev"
                };
                // A lock file that the install did not see stays unseen.
                let ignored = if later { " --no-package-lock" } else { "" };
                Some(format!("npm prune {omit}{ignored}"))
            }
            Manager::Npm => {
                let ignored = if later { " --no-package-lock" } else { "" };
                Some(format!("npm uninstall --no-save{ignored} {}", dropped.join(" ")))
            }
            Manager::Yarn if kept.is_empty() && !self.is_berry(&install.folder) && !later => {
                // Only links that are gone; what was built stays built.
                let frozen = if install.locked { " --frozen-lockfile" } else { "" };
                Some(format!(
                    "yarn install --production --ignore-scripts --prefer-offline{frozen}"
                ))
            }
            Manager::Yarn if kept.is_empty() && !later && self.can_focus(&install.folder) => {
                let all = self
                    .manifest(&install.folder)
                    .is_some_and(|(_, m)| !m.workspaces.is_empty());
                let all = if all { " --all" } else { "" };
                Some(format!("yarn workspaces focus{all} --production"))
            }
            // `pnpm prune` knows nothing of workspaces, and its manual says to install anew. An install over
            // another one would leave packages, or links to nothing.
            Manager::Pnpm if kept.is_empty() && !later && self.has(&install.folder, "pnpm-workspace.yaml") => {
                let (folder, manifest) = self.manifest(&install.folder)?;
                let members = self.members(&folder, &manifest);
                let mut all = members.iter().map(|(_, member)| member).chain([&manifest]);
                // Their scripts would run once more, and may want what is left out.
                let scripts = all.any(|m| m.lifecycle_scripts().next().is_some());
                (self.has(&install.folder, "pnpm-lock.yaml") && !scripts).then(|| {
                    "find . -name node_modules -prune -exec rm -rf {} + && \
                     pnpm install --prod --frozen-lockfile --prefer-offline"
                        .to_owned()
                })
            }
            Manager::Pnpm if kept.is_empty() && !later => Some("CI=true pnpm prune --prod".to_owned()),
            _ => None,
        }
    }
}
