//! Groups of dependencies that only development lists, of Ruby, PHP and Python: what their managers
//! are told so that they stay out of the image.
//!
//! A group is left out as a whole, and only where nothing that the image starts reaches one of its
//! packages. Where the build uses it, for tests, it is taken out behind the build.

mod listed;

use super::packages::{DIRECT, listed as sentence};
use super::wanted::reached;
use super::{Application, Package, Trim, steps};
use crate::context::Context;
use crate::edit::Edit;
use crate::facts::CommandView;
use crate::knowledge::{Tag, ecosystem};
use crate::plan::artifact::{Alteration, ArtifactKind, Landing};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::program::{Program, entries};
use crate::plan::reach::{Language, Reach, distribution_of, normalized};
use crate::plan::role::Role;
use crate::plan::site::Site;
use crate::shell::{Action, Manager, Operation, Packages, Selection};
use std::collections::{BTreeMap, BTreeSet};

/// An install of what a manifest lists.
struct Install<'v> {
    view: CommandView<'v>,
    packages: &'v Packages,
    /// Where it works, absolute in the image.
    folder: String,
}

/// Leaves the groups out of what the application is made of.
pub(super) fn groups(site: &Site<'_>, programs: &[Program], out: &mut Application) {
    let Some(context) = site.context else { return };
    for manager in [
        Manager::Bundle,
        Manager::Composer,
        Manager::Poetry,
        Manager::Uv,
        Manager::Pipenv,
    ] {
        let installs = installs(site, manager);
        let Some(install) = installs.last() else { continue };
        if installs
            .iter()
            .any(|i| i.folder != install.folder || says_already(site, i))
        {
            continue;
        }
        let landing = Landing::of(site);
        let name = listed::manifest(manager);
        let Some(manifest) = landing.existing(context, &format!("{}/{name}", install.folder)) else {
            continue;
        };
        let root = manifest.rsplit_once('/').map_or("", |(root, _)| root);
        let Some(found) = listed::development(context, manager, root) else {
            continue;
        };
        if found.names.is_empty() {
            continue;
        }
        leave_out(site, programs, context, (&installs, install), found, out);
    }
}

/// What a manifest lists for development alone.
#[derive(Default)]
struct Found {
    /// The manifest, relative to the context's root.
    manifest: String,
    /// Packages that no other list has.
    names: Vec<String>,
    /// Words that stand for them in sources, where they are not called by their names.
    words: Vec<String>,
    /// Folders of the context that they are taken from.
    folders: Vec<String>,
    /// Groups that they are listed in, where these have names.
    groups: Vec<String>,
    /// Packages with their groups, where each group can be left out by itself.
    of: BTreeMap<String, Vec<String>>,
}

impl Found {
    /// What is left where some packages are needed: whole groups, with packages that no other group
    /// has; none where nothing is.
    fn without(self, is_needed: impl Fn(&str) -> bool) -> Option<Found> {
        let needed: Vec<&String> = self.names.iter().filter(|name| is_needed(name)).collect();
        if needed.is_empty() {
            return Some(self);
        }
        let kept: BTreeSet<&String> = needed.iter().filter_map(|name| self.of.get(*name)).flatten().collect();
        let groups: Vec<String> = self.groups.iter().filter(|g| !kept.contains(g)).cloned().collect();
        let of: BTreeMap<String, Vec<String>> = self
            .of
            .iter()
            .filter(|(_, own)| own.iter().all(|g| !kept.contains(g)))
            .map(|(name, own)| (name.clone(), own.clone()))
            .collect();
        let names: Vec<String> = of.keys().cloned().collect();
        (!names.is_empty()).then_some(Found {
            names,
            groups,
            of,
            ..self
        })
    }
}

/// The stage's installs of projects by a manager.
fn installs<'s>(site: &Site<'s>, manager: Manager) -> Vec<Install<'s>> {
    let mut out = Vec::new();
    for instruction in site.instructions() {
        for view in site.facts.commands(instruction) {
            let packages = view.operations.iter().find_map(|o| match o {
                Operation::Packages(p) if p.manager == manager => Some(p),
                _ => None,
            });
            // `pipenv install --system` fills the interpreter's own folder.
            let project = |p: &&Packages| {
                let all = p.action == Action::Install && p.packages.is_empty() && p.requirements.is_empty();
                (p.action == Action::InstallProject || all) && (!p.global || manager == Manager::Pipenv)
            };
            let Some(packages) = packages.filter(project) else {
                continue;
            };
            let Some(folder) = steps::folder(site, &view) else {
                continue;
            };
            out.push(Install {
                view,
                packages,
                folder: folder.trim_end_matches('/').to_owned(),
            });
        }
    }
    out
}

/// Whether the command, or a variable, chooses among the groups.
fn says_already(site: &Site<'_>, install: &Install<'_>) -> bool {
    let manager = install.packages.manager;
    let variables: &[&str] = match manager {
        Manager::Bundle => &["BUNDLE_WITHOUT", "BUNDLE_ONLY", "BUNDLE_WITH"],
        Manager::Composer => &["COMPOSER_NO_DEV"],
        Manager::Poetry => &["POETRY_WITHOUT", "POETRY_WITH", "POETRY_ONLY"],
        Manager::Uv => &["UV_NO_DEV", "UV_NO_GROUP", "UV_NO_DEFAULT_GROUPS"],
        _ => &[],
    };
    let choices = [
        "--only",
        "--without",
        "--with",
        "--no-dev",
        "--group",
        "--no-group",
        "--all-groups",
    ];
    let chooses = |text: &str| {
        let name = text.split('=').next().unwrap_or(text);
        choices.contains(&name) || name.starts_with("--only-") || name == "--no-default-groups"
    };
    let configured = manager == Manager::Bundle
        && site.instructions().any(|i| {
            let text = site.file().source.slice(i.span);
            text.contains("bundle config") && text.contains("without") || text.contains("BUNDLE_WITHOUT")
        });
    let at = install.view.instruction.index;
    configured
        || manager != Manager::Pipenv && install.packages.selection != Selection::Unsaid
        || variables.iter().any(|name| site.file().view_at(at).get(name).is_some())
        || manager != Manager::Pipenv && install.view.words().iter().any(|w| chooses(&w.text))
}

fn language(manager: Manager) -> Language {
    match manager {
        Manager::Bundle => Language::Ruby,
        Manager::Composer => Language::Php,
        _ => Language::Python,
    }
}

/// What is done about a group, where run time needs none of it.
fn leave_out(
    site: &Site<'_>,
    programs: &[Program],
    context: &Context,
    (installs, install): (&[Install<'_>], &Install<'_>),
    found: Found,
    out: &mut Application,
) {
    let manager = install.packages.manager;
    let own = entries(site, programs).remove(&language(manager)).unwrap_or_default();
    if own.files.is_empty() && own.packages.is_empty() || !own.unseen.is_empty() {
        return;
    }
    let reach = reached(context, &own, language(manager));
    let manifest = found.manifest.clone();
    let is_needed = |name: &str| own.packages.contains_key(name) || needs(context, manager, &reach, name, &manifest);
    let Some(found) = &found.without(is_needed) else {
        return;
    };
    if manager == Manager::Composer && listed::names(context, found) {
        return;
    }
    if manager == Manager::Bundle && !groups_of_bundler_hold(site, context, &reach, install, found) {
        return;
    }
    let tested = uses_them(site, install, found);
    let says = format!(
        "packages that only development needs are left out: {}",
        sentence(&found.names)
    );
    let leaves: u64 = found.names.iter().map(|name| size(name)).sum();
    let Some(path) = out.prefixes.iter().find_map(|p| {
        let mut makers = installs.iter().map(|i| i.view.instruction.index);
        makers.any(|at| at == p.made_by.instruction).then(|| p.path.clone())
    }) else {
        return;
    };
    // Elsewhere Bundler's setting would not come along with the gems.
    let official = site.base.is_some_and(|b| b.image.family == "ruby") && path == "/usr/local/bundle/";
    if manager == Manager::Bundle && !official {
        return;
    }
    if tested {
        let Some(command) = taken_out(site, install, found, &path) else {
            return;
        };
        out.lean.get_or_insert_default().trims.push(Trim {
            command,
            folder: install.folder.clone(),
            touches: Vec::new(),
            announces: vec![says],
            leaves,
        });
    } else {
        let edits: Option<Vec<Edit>> = installs.iter().map(|i| left_out(site, i, found)).collect();
        let Some(edits) = edits else { return };
        let lean = out.lean.get_or_insert_default();
        lean.leaves += leaves;
        lean.altered.push((
            path,
            Alteration {
                edits,
                says,
                kind: ArtifactKind::Tree,
                conditions: Vec::new(),
            },
        ));
    }
    let lean = out.lean.get_or_insert_default();
    for unknown in reach.unknown.iter().filter(|u| u.folder.is_none()).take(3) {
        lean.conditions.push(Condition::unproven(
            "what is loaded by a name made at run time is installed",
            vec![unknown.evidence.clone()],
            "a run of the new image",
        ));
    }
    lean.packages.extend(found.names.iter().map(|name| Package {
        name: name.clone(),
        needed: Some(false),
        evidence: Evidence::manifest(
            &found.manifest,
            None,
            "only development lists it, and nothing that starts reaches it",
        ),
    }));
}

/// Whether what is reached uses a package.
fn needs(context: &Context, manager: Manager, reach: &Reach, name: &str, manifest: &str) -> bool {
    let by_program = reach
        .programs
        .iter()
        .any(|(program, _)| program.rsplit('/').next() == Some(name));
    by_program
        || match manager {
            Manager::Composer => false,
            Manager::Bundle => {
                let first = name.split(['-', '_']).next().unwrap_or(name);
                let plain = |text: &str| text.replace('_', "-");
                // `rspec-rails` is required as `rspec/rails`; the first word alone may be another gem.
                let shared = listed::locks(context, manifest, first);
                reach
                    .packages
                    .keys()
                    .any(|key| plain(key) == plain(name) || key == first && !shared)
            }
            _ => {
                let own = normalized(name);
                reach.packages.keys().any(|key| distribution_of(key).contains(&own))
            }
        }
}

/// Whether the application asks bundler for no group that is left out. `Bundler.require` loads the
/// gems of the group that is named as the environment is, and Rails' and Rack's is `development`
/// where nothing says another.
fn groups_of_bundler_hold(
    site: &Site<'_>,
    context: &Context,
    reach: &Reach,
    install: &Install<'_>,
    found: &Found,
) -> bool {
    let asks = reach.files.keys().any(|file| {
        context
            .text(file)
            .is_some_and(|text| text.contains("Bundler.require") || text.contains("Bundler.setup("))
    });
    if !asks {
        return true;
    }
    let other = |value: &str| !value.is_empty() && !found.groups.iter().any(|g| g == value) && !value.contains('$');
    let set_at = |at: usize| {
        ["RAILS_ENV", "RACK_ENV", "APP_ENV"].iter().any(|name| {
            let view = site.file().view_at(at);
            view.get(name).and_then(|v| v.value.as_deref()).is_some_and(other)
        })
    };
    let last = site.instructions().last().map_or(0, |i| i.index);
    let builds = site
        .instructions()
        .filter(|i| i.index > install.view.instruction.index)
        .all(|i| {
            let runs_ruby = site
                .facts
                .commands(i)
                .any(|v| matches!(v.name(), "bundle" | "rails" | "rake" | "ruby"));
            let text = site.file().source.slice(i.span);
            !runs_ruby
                || set_at(i.index)
                || text.contains("RAILS_ENV=production")
                || text.contains("RACK_ENV=production")
        });
    set_at(last) && builds
}

/// Whether the build runs one of them, as tests do.
fn uses_them(site: &Site<'_>, install: &Install<'_>, found: &Found) -> bool {
    let runs = |text: &str| {
        let mut words =
            text.split(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | ';' | '&' | '=' | ':'));
        words.any(|word| {
            found
                .names
                .iter()
                .any(|name| word == name || name.rsplit('/').next() == Some(word))
        })
    };
    site.roles
        .iter()
        .filter(|r| r.span.start > install.view.command.span.end)
        .any(|r| r.role == Role::Test || r.place.piece.is_some() && runs(site.file().source.slice(r.span)))
}

/// The edit of an install that leaves them out.
fn left_out(site: &Site<'_>, install: &Install<'_>, found: &Found) -> Option<Edit> {
    let source = &site.file().source;
    let command = install.view.command.span;
    let option = match install.packages.manager {
        Manager::Composer | Manager::Uv => "--no-dev",
        // Poetry has known it since 1.2; before, only `--no-dev`.
        Manager::Poetry => "--only main",
        Manager::Pipenv => {
            let word = install
                .view
                .words()
                .iter()
                .find(|w| matches!(w.text.as_str(), "--dev" | "-d"))?;
            let start = word.span.start.checked_sub(1)?;
            let blank = source.text().get(start..word.span.start)? == " ";
            return blank.then(|| Edit::replace(crate::source::Span::new(start, word.span.end), ""));
        }
        Manager::Bundle => {
            let plain = source.slice(command).starts_with("bundle");
            return plain.then(|| Edit::insert(command.start, format!("{} && ", configured(site, found))));
        }
        _ => return None,
    };
    let end = install.packages.action_span?.end;
    (end <= command.end).then(|| Edit::insert(end, format!(" {option}")))
}

/// The command that takes them out behind the build; none where the manager has none that leaves the
/// rest alone.
fn taken_out(site: &Site<'_>, install: &Install<'_>, found: &Found, path: &str) -> Option<String> {
    // What is mounted for the install alone is not there later.
    if !install.view.instruction.flags.is_empty() {
        return None;
    }
    let text = site.file().source.slice(install.view.command.span);
    let plain = !text.contains(['\\', '`', '\n', '<', '>']);
    let again = |program: &str| {
        let text = text.trim();
        (plain && text.starts_with(program)).then(|| text.to_owned())
    };
    match install.packages.manager {
        Manager::Uv => again("uv sync").map(|text| format!("{text} --no-dev")),
        Manager::Composer => again("composer install").map(|text| format!("{text} --no-dev")),
        // In the interpreter's own folder it would take itself out.
        Manager::Poetry if path.ends_with("/.venv/") => {
            // `--sync` would take out what every new environment has, setuptools for one.
            again("poetry install").map(|text| format!("rm -rf {} && {text} --only main", path.trim_end_matches('/')))
        }
        Manager::Bundle => Some(format!("{} && bundle clean --force", configured(site, found))),
        _ => None,
    }
}

/// Bundler's setting. The official images have it beside the gems (BUNDLE_APP_CONFIG), so that it
/// holds wherever these are. `config set` is Bundler's since 2.1, which Ruby 2.7 brings.
fn configured(site: &Site<'_>, found: &Found) -> String {
    let groups = &found.groups;
    let tag = Tag::parse(site.base_tag());
    let version = tag.version().and_then(|v| {
        let mut parts = v.split('.').map(str::parse::<u32>);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    });
    match version {
        Some(version) if version < (2, 7) => format!("bundle config --local without {}", groups.join(":")),
        _ if groups.len() == 1 => format!("bundle config set --local without {}", groups.join(" ")),
        _ => format!("bundle config set --local without '{}'", groups.join(" ")),
    }
}

/// About what a package takes with what only it needs, in bytes.
fn size(name: &str) -> u64 {
    let known = ecosystem::brought(name).map_or(0, |b| u64::from(b.size) * 1_000_000);
    if known == 0 { DIRECT } else { known }
}

/// Names that are not repeated.
fn unique(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let all: BTreeSet<String> = names.into_iter().collect();
    all.into_iter().collect()
}
