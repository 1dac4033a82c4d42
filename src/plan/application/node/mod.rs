//! Node: npm, Yarn and pnpm, where they install to, and what of it run time needs.

mod lean;
mod manager;
mod native;

use super::Application;
use super::steps::{Claim, Goes, is_fetched};
use crate::context::manifests::PackageJson;
use crate::context::sources;
use crate::facts::CommandView;
use crate::facts::identity::is_root;
use crate::plan::artifact::{Artifact, Landing, Step, Walker, absolute};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::program::{Program, What};
use crate::plan::site::Site;
use crate::shell::{Action, Manager, Operation, Packages, Selection, lies_in};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is looked at of `pnpm-workspace.yaml`.
#[derive(Debug, Default, Deserialize)]
struct PnpmWorkspace {
    #[serde(default)]
    packages: Vec<String>,
}

/// What is known of the stage's Node.
pub(super) struct Room<'r> {
    site: &'r Site<'r>,
    programs: &'r [Program],
    /// What the build is known to make.
    artifacts: &'r [Artifact],
    landing: Landing,
    steps: Vec<Step>,
}

/// About what npm's cache keeps of a package, its archive and the text about it, in bytes: 52 MB for
/// 327 packages of a lock file, measured with npm 11.
const CACHED: u64 = 160_000;
/// About what it keeps for a direct dependency with all that it needs: 34 to 41 MB for 10 to 13 of
/// them in small servers, measured with npm 10.
const CACHED_DIRECT: u64 = 3_200_000;

/// An install of what a `package.json` lists.
#[derive(Debug, Clone)]
struct Install {
    manager: Manager,
    /// Index of the instruction.
    instruction: usize,
    /// Where it installs, absolute in the image, without a `/` at its end; empty for the root.
    folder: String,
    /// Development packages stay out already.
    production: bool,
    /// It fails where the lock file does not hold.
    locked: bool,
}

impl<'r> Room<'r> {
    pub fn new(site: &'r Site<'r>, programs: &'r [Program], artifacts: &'r [Artifact]) -> Room<'r> {
        let mut walker = Walker::new(site);
        let steps = walker.build();
        Room {
            site,
            programs,
            artifacts,
            landing: walker.landing,
            steps,
        }
    }

    /// What a command is to a Node application; none where that is not known here.
    pub fn claim(&self, view: &CommandView<'_>) -> Option<Claim> {
        let packages = view.operations.iter().find_map(|o| match o {
            Operation::Packages(p) => Some(p),
            _ => None,
        });
        match packages {
            Some(packages) if is_node(packages.manager) => self.installs(view, packages),
            Some(_) => None,
            None => self.runs(view),
        }
    }

    fn step(&self, view: &CommandView<'_>) -> Option<&Step> {
        self.steps.iter().find(|step| {
            step.place.instruction == view.instruction.index
                && step.via.is_empty()
                && step.span == Some(view.command.span)
        })
    }

    /// The folder that a package manager works in.
    fn folder(&self, step: &Step) -> Option<String> {
        let folder = match step.option(&["--prefix", "--cwd", "--dir", "-C"]) {
            Some(folder) => absolute(step.cwd.as_deref(), folder)?,
            None => step.cwd.clone()?,
        };
        Some(folder.trim_end_matches('/').to_owned())
    }

    fn manifest(&self, folder: &str) -> Option<(String, Arc<PackageJson>)> {
        let context = self.site.context?;
        let file = self.landing.existing(context, &format!("{folder}/package.json"))?;
        let own = file.rsplit_once('/').map_or("", |(f, _)| f).to_owned();
        Some((own.clone(), context.package_json(&own)?))
    }

    fn installs(&self, view: &CommandView<'_>, packages: &Packages) -> Option<Claim> {
        use Action::*;
        let name = packages.manager.name();
        let claim = |goes, says: String| Claim {
            goes,
            says,
            ecosystem: "node",
            ..Claim::default()
        };
        if packages.manager == Manager::Corepack {
            return Some(self.corepack());
        }
        match packages.action {
            Install | InstallProject | Upgrade | Update | Fetch | Rebuild => {}
            Remove | Autoremove | Clean | Configure => {
                return Some(claim(Some(Goes::Builder), format!("`{name}` is set up or cleans up")));
            }
            _ => return Some(claim(None, "it only asks".to_owned())),
        }
        if packages.global {
            let started = packages.packages.iter().any(|p| self.is_started(&p.name));
            // What installs the rest is needed there, too.
            let installer = |name: &str| {
                matches!(name.split('@').next(), Some("npm" | "yarn" | "pnpm" | "corepack"))
                    || name == "@yarnpkg/cli-dist"
            };
            let corepack = packages.packages.iter().any(|p| p.name == "corepack");
            if started && packages.packages.iter().any(|p| installer(&p.name)) || corepack && self.starts_by_corepack()
            {
                return Some(claim(Some(Goes::Both), format!("`{name}` installs a package manager")));
            }
            // What is started is installed where it runs; what only builds stays with the build.
            return Some(if started {
                claim(Some(Goes::Runtime), format!("`{name}` installs what is started"))
            } else {
                claim(Some(Goes::Builder), format!("`{name}` installs tools of the build"))
            });
        }
        let step = self.step(view)?;
        let folder = self.folder(step)?;
        let mut fills = vec![match is_fetched(self.site, &folder) {
            true => format!("{folder}/"),
            false => format!("{folder}/node_modules/"),
        }];
        fills.extend(self.fetched_manager(view.instruction.index));
        let manifest = self.manifest(&folder).map(|(_, m)| m);
        let named = packages.packages.iter().any(|p| !p.is_file);
        let scripts = manifest
            .as_ref()
            .is_some_and(|m| m.lifecycle_scripts().any(|(_, s)| writes(s)))
            && !view.words().iter().any(|w| w.text == "--ignore-scripts");
        let reads = manifest
            .as_ref()
            .is_some_and(|m| m.lifecycle_scripts().next().is_some());
        let spread = manifest
            .as_ref()
            .is_some_and(|m| !m.workspaces.is_empty() || m.local_dependencies().next().is_some())
            || self.has(&folder, "pnpm-workspace.yaml")
            || self.is_berry(&folder);
        Some(Claim {
            fills,
            reads_sources: reads || spread,
            // An install by name writes into a package.json that nothing brings.
            writes_sources: scripts || spread || named && manifest.is_none(),
            ..claim(Some(Goes::Builder), format!("`{name}` installs packages"))
        })
    }

    fn has(&self, folder: &str, name: &str) -> bool {
        self.site
            .context
            .is_some_and(|c| self.landing.existing(c, &format!("{folder}/{name}")).is_some())
    }

    /// Whether the image starts a package manager that corepack stands for.
    fn starts_by_corepack(&self) -> bool {
        ["yarn", "pnpm"].iter().any(|name| self.is_started(name))
    }

    /// Where corepack is called.
    fn corepack(&self) -> Claim {
        let goes = if self.starts_by_corepack() {
            Goes::Both
        } else {
            Goes::Builder
        };
        Claim {
            goes: Some(goes),
            says: "package managers are set up".to_owned(),
            ecosystem: "node",
            ..Claim::default()
        }
    }

    /// Where corepack keeps the package manager that it fetches when an install first asks for it, and
    /// that the image starts later on, ending in `/`: `folderUtils.ts` of nodejs/corepack.
    fn fetched_manager(&self, at: usize) -> Option<String> {
        let mut used = self.steps.iter().filter(|s| s.program == "corepack").peekable();
        used.peek()?;
        let explicit = |s: &Step| matches!(s.operands(&[]).first(), Some(&("prepare" | "install" | "use")));
        if used.any(explicit) || !self.starts_by_corepack() {
            return None;
        }
        let set = self
            .site
            .file()
            .view_at(at)
            .get("COREPACK_HOME")
            .and_then(|v| v.value.clone());
        match set {
            Some(home) => Some(format!("{}/", home.trim_end_matches('/'))),
            None => {
                let user = self.site.file().settings_at(at).user.and_then(|u| u.value);
                let root = user.is_none_or(|u| is_root(&u));
                root.then(|| "/root/.cache/node/corepack/".to_owned())
            }
        }
    }

    /// Whether Yarn keeps packages in archives, and none in node_modules.
    fn is_plug_and_play(&self, folder: &str) -> bool {
        let Some(context) = self.site.context.filter(|_| self.is_berry(folder)) else {
            return false;
        };
        let settings = self.landing.existing(context, &format!("{folder}/.yarnrc.yml"));
        let text = settings.and_then(|file| context.read_text(&file));
        !text.is_some_and(|text| {
            text.lines().any(|line| {
                line.strip_prefix("nodeLinker:").is_some_and(|linker| {
                    !linker.trim().trim_matches(['"', '\'']).starts_with("pnp") || linker.contains("pnpm")
                })
            })
        })
    }

    /// The packages of a project with workspaces: their folders in the context, and what they list.
    fn members(&self, folder: &str, manifest: &PackageJson) -> Vec<(String, Arc<PackageJson>)> {
        let Some(context) = self.site.context else {
            return Vec::new();
        };
        let inside = |name: &str| sources::join(folder, name);
        let mut patterns = manifest.workspaces.clone();
        let listed = context.read_text(&inside("pnpm-workspace.yaml"));
        let list = listed.and_then(|text| serde_yaml::from_str::<PnpmWorkspace>(&text).ok());
        patterns.extend(list.unwrap_or_default().packages);
        let mut out: BTreeMap<String, Arc<PackageJson>> = BTreeMap::new();
        for pattern in patterns.iter().filter(|p| !p.starts_with('!')) {
            let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
            for file in context.glob(&inside(&format!("{pattern}/package.json"))) {
                let member = file.rsplit_once('/').map_or("", |(member, _)| member);
                if !member.contains("node_modules")
                    && member != folder
                    && let Some(own) = context.package_json(member)
                {
                    out.insert(member.to_owned(), own);
                }
            }
        }
        out.into_iter().collect()
    }

    /// Yarn 2 and later, which may install into no node_modules at all.
    fn is_berry(&self, folder: &str) -> bool {
        self.has(folder, ".yarnrc.yml")
            || self
                .manifest(folder)
                .and_then(|(_, m)| m.package_manager.clone())
                .is_some_and(|p| p.starts_with("yarn@") && !p.starts_with("yarn@1"))
    }

    /// Whether the image starts a program of a package.
    fn is_started(&self, package: &str) -> bool {
        let base = package.rsplit('/').next().unwrap_or(package);
        let base = base.split('@').next().unwrap_or(base);
        let bare = package.trim_start_matches('@').split('@').next().unwrap_or(package);
        let brings =
            crate::knowledge::ecosystem::brought(&format!("{}{bare}", if package.starts_with('@') { "@" } else { "" }));
        let named = |word: &str| {
            let word = word.rsplit('/').next().unwrap_or(word);
            word == base || brings.is_some_and(|b| b.programs.contains(&word))
        };
        self.programs.iter().any(|program| {
            program.words.first().is_some_and(|w| named(w))
                || program.via.iter().any(|v| v.split(' ').next().is_some_and(named))
                || matches!(&program.what, What::FromPath { name } if named(name))
        })
    }

    /// Commands that run the project with what is installed, or move what it made.
    fn runs(&self, view: &CommandView<'_>) -> Option<Claim> {
        let step = self.step(view)?;
        let claim = |goes, says: &str| {
            Some(Claim {
                goes,
                says: says.to_owned(),
                ecosystem: "node",
                ..Claim::default()
            })
        };
        let first = step.operands(&[]).first().copied();
        match step.program.as_str() {
            "npm" | "yarn" | "pnpm" | "yarnpkg" => match first {
                Some("config" | "set" | "get" | "login" | "whoami" | "ping") => {
                    claim(None, "it sets the package manager up")
                }
                Some("cache" | "audit" | "fund" | "outdated" | "ls" | "list" | "view" | "info" | "version") | None => {
                    claim(Some(Goes::Builder), "what it does stays with the build")
                }
                _ => self.builds(step),
            },
            "npx" | "bunx" | "pnpx" | "node" | "nodejs" | "node-gyp" => {
                if first.is_none() || step.has("--version") || step.has("-v") {
                    return claim(None, "it only asks");
                }
                self.builds(step)
            }
            "corepack" => Some(self.corepack()),
            // What the build made is moved and cleaned where it was made.
            "cp" | "mv" | "rm" | "ln" | "mkdir" | "sed" | "touch" | "find" => {
                let inside = |word: &String| {
                    let path = step.path(word);
                    path.is_some_and(|path| {
                        self.artifacts.iter().any(|a| {
                            let own = a.path.trim_end_matches('/');
                            a.ecosystem == "node" && lies_in(&path, own)
                        }) || path.contains("/node_modules")
                    })
                };
                let words = step.words.iter().filter(|w| !w.starts_with('-'));
                if words.clone().any(inside) {
                    return claim(Some(Goes::Builder), "it moves what the build made");
                }
                None
            }
            _ if step.name.contains("node_modules/") => self.builds(step),
            _ => None,
        }
    }

    /// A command of the project's own tools.
    fn builds(&self, step: &Step) -> Option<Claim> {
        let made = self
            .artifacts
            .iter()
            .any(|a| a.made_by == Some(step.place) && a.path.ends_with('/'));
        // `prisma generate` writes into node_modules.
        let leads = self.steps.iter().filter(|s| s.place == step.place);
        let generates = |s: &Step| s.program == "prisma" && s.has("generate");
        let quiet = |s: &Step| {
            s.followed
                || generates(s)
                || matches!(
                    s.program.as_str(),
                    "husky" | "rimraf" | "rm" | "echo" | "is-ci" | "true"
                )
        };
        let silent = leads.clone().count() > 0 && leads.clone().all(quiet);
        Some(Claim {
            goes: Some(Goes::Builder),
            reads_sources: true,
            writes_sources: !made && !silent,
            says: format!("`{}` builds", step.text()),
            ecosystem: "node",
            ..Claim::default()
        })
    }

    /// The installs of projects, in order.
    fn all_installs(&self) -> Vec<Install> {
        let mut out = Vec::new();
        for instruction in self.site.instructions() {
            for view in self.site.facts.commands(instruction) {
                let packages = view.operations.iter().find_map(|o| match o {
                    Operation::Packages(p) if is_node(p.manager) && p.installs() && !p.global => Some(p),
                    _ => None,
                });
                let (Some(packages), Some(step)) = (packages, self.step(&view)) else {
                    continue;
                };
                let Some(folder) = self.folder(step) else { continue };
                let env = step.var(self.site, "NODE_ENV");
                let all = step.words.iter().any(|w| {
                    matches!(
                        w.as_str(),
                        "--include=dev"
                            | "--production=false"
                            | "--prod=false"
                            | "--development"
                            | "--dev"
                            | "--only=dev"
                    )
                });
                let production = packages.selection == Selection::Production
                    || step.words.iter().any(|w| {
                        matches!(
                            w.as_str(),
                            "--production"
                                | "--omit=dev"
                                | "--only=production"
                                | "--only=prod"
                                | "--prod"
                                | "-P"
                                | "--no-dev"
                        )
                    })
                    || env.as_deref() == Some("production") && !all;
                out.push(Install {
                    manager: packages.manager,
                    instruction: instruction.index,
                    folder,
                    production,
                    locked: packages.locked,
                });
            }
        }
        out
    }

    /// What is known once all pieces have been looked at.
    pub fn finish(&self, out: &mut Application) {
        out.leaves += self.cache();
        for install in self.all_installs() {
            if self.is_plug_and_play(&install.folder) {
                let span = self.site.file().instructions.get(install.instruction).map(|i| i.span);
                out.conditions.push(Condition::not_met(
                    "what Yarn installs is in `node_modules`",
                    span.map(|s| Evidence::command(s, "`nodeLinker` is not set to `node-modules`"))
                        .into_iter()
                        .collect(),
                ));
                break;
            }
        }
        native::natives(self, out);
        out.lean = lean::lean(self, out).map(Box::new);
    }

    /// About what the package manager's cache takes, in bytes.
    fn cache(&self) -> u64 {
        let installs = self.all_installs();
        let each = installs.iter().map(|install| {
            let Some((folder, manifest)) = self.manifest(&install.folder) else {
                return 0;
            };
            let (lock, _) = self.lock(install, &folder);
            match lock {
                Some(lock) => lock.packages.len() as u64 * CACHED,
                None => {
                    let lists = manifest.dependencies.len() + manifest.dev_dependencies.len();
                    lists as u64 * CACHED_DIRECT
                }
            }
        });
        each.sum()
    }
}

fn is_node(manager: Manager) -> bool {
    matches!(
        manager,
        Manager::Npm | Manager::Yarn | Manager::Pnpm | Manager::Corepack
    )
}

/// Whether a script that an install runs may write among the sources.
fn writes(script: &str) -> bool {
    script
        .split(['&', ';', '|'])
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .any(|command| {
            let words: Vec<&str> = command.split_whitespace().filter(|w| *w != "npx").collect();
            !matches!(
                words.as_slice(),
                ["husky", ..]
                    | ["husky-install", ..]
                    | ["is-ci", ..]
                    | ["patch-package", ..]
                    | ["prisma", "generate", ..]
                    | ["echo", ..]
                    | ["true"]
                    | ["exit", ..]
                    | ["electron-builder", "install-app-deps"]
                    | ["simple-git-hooks", ..]
                    | ["lefthook", ..]
                    | ["only-allow", ..]
                    | ["ngcc", ..]
                    | ["nuxt", "prepare"]
            )
        })
}
