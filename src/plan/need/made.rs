//! Files that are in neither the build context nor the base image, since a step of the build or a COPY
//! from another stage puts them there: what run time may open of them comes along, or is not proven.

use super::leftovers::Leftovers;
use super::literals::{Literals, Seen};
use super::names::{Embedded, ancestors};
use super::{Need, Needs};
use crate::model::{Keyword, Kind};
use crate::plan::artifact::{Artifacts, Laid, Landing, Way, absolute, is_shared};
use crate::plan::evidence::{Condition, Evidence, EvidenceSource};
use crate::plan::program::Program;
use crate::plan::role::Role;
use crate::plan::site::Site;
use crate::shell::lies_in;
use std::collections::HashMap;

/// What the sources and their ecosystems say of files.
pub(super) struct Said<'s> {
    pub literals: &'s Literals,
    pub embedded: &'s Embedded,
    pub leftovers: &'s Leftovers,
}

/// Adds what the build puts into the stage and run time may read.
pub(super) fn made(
    site: &Site<'_>,
    landing: &Landing,
    programs: &[Program],
    artifacts: &Artifacts,
    said: &Said<'_>,
    out: &mut Needs,
) {
    let named = Named::of(site, programs, said.literals);
    let anchor = crate::plan::deal::anchor(site, &artifacts.found).map_or(0, |place| place.instruction);
    let workdir = site.workdir().unwrap_or_default();
    // Empty folders are wanted where nothing else fills them.
    let (empty, filled): (Vec<&Laid>, Vec<&Laid>) = artifacts.laid.iter().partition(|l| l.way == Way::Empty);
    for laid in filled.into_iter().chain(empty) {
        let path = laid.path.trim_end_matches('/');
        if is_replayed(site, laid, anchor) || said.leftovers.is_source(path) {
            continue;
        }
        if is_for_building(&laid.path) {
            drop_original(laid, out);
            continue;
        }
        let covered = artifacts.found.iter().any(|a| covers(&a.path, path))
            || out.files.iter().any(|n| n.path.trim_end_matches('/') == path)
            || out
                .files
                .iter()
                .any(|n| n.context.is_none() && !n.written && covers(&n.path, path));
        if covered || is_embedded(landing, said.embedded, &workdir, path) {
            continue;
        }
        let by = named.find(laid);
        // A folder that much else lies in does not come along as a whole.
        let whole = !is_shared(path)
            && !(laid.path.ends_with('/')
                && (lies_in(&workdir, path) || landing.trees().any(|(tree, _)| tree == path)));
        match (laid.way, by) {
            (Way::Maybe, None) | (Way::Made, None) | (Way::Empty, None) => {}
            (Way::Installed, None) if sets_tools_up(path) => {}
            (Way::Empty, Some(by)) if !whole || is_there(artifacts, out, &by.path) => {}
            // A folder among the sources is the build's own, unless the program writes to it.
            (Way::Empty, Some(by)) if !by.written && landing.trees().any(|(tree, _)| lies_in(path, tree)) => {}
            (Way::Installed | Way::Made | Way::Empty, by) if whole => {
                drop_original(laid, out);
                out.files.push(need(laid, by));
            }
            (Way::Copied, by) if whole => copied(site, laid, by, &workdir, out),
            (Way::Installed | Way::Copied, None) => {}
            (_, Some(by)) => {
                let inside = named.inside(laid);
                let all = if inside.is_empty() { vec![by] } else { inside };
                for by in all {
                    let what = match &by.path {
                        path if !path.is_empty() => path.as_str(),
                        _ => path,
                    };
                    let sent = || site.context.is_some_and(|c| landing.existing(c, what).is_some());
                    // Shared folders and that where the program works are there anyway.
                    if lies_in(&workdir, what) || is_shared(what) || is_there(artifacts, out, what) || sent() {
                        continue;
                    }
                    let condition = Condition::unproven(
                        format!("`{what}` is there at run time"),
                        vec![by.evidence.clone(), laid.evidence.clone()],
                        "a build that shows which step writes it",
                    );
                    out.made.push((what.to_owned(), condition));
                }
            }
        }
    }
    let mut seen = std::collections::HashSet::new();
    out.made.retain(|(_, c)| seen.insert(c.what.clone()));
}

/// Leaves out the file of the context that is installed elsewhere, unless something speaks for it too.
fn drop_original(laid: &Laid, out: &mut Needs) {
    let unknown = |need: &Need| need.evidence.iter().all(|e| e.from == EvidenceSource::ToolDefault);
    if laid.way == Way::Installed && laid.from.is_some() {
        out.files.retain(|n| n.context != laid.from || !unknown(n));
    }
}

/// Whether a path comes along already.
fn is_there(artifacts: &Artifacts, out: &Needs, path: &str) -> bool {
    let mut needs = out.files.iter().filter(|n| !n.written);
    artifacts.found.iter().any(|a| covers(&a.path, path)) || needs.any(|n| covers(&n.path, path))
}

fn need(laid: &Laid, by: Option<&Name>) -> Need {
    Need {
        path: laid.path.clone(),
        context: None,
        written: false,
        evidence: by
            .map(|by| by.evidence.clone())
            .into_iter()
            .chain([laid.evidence.clone()])
            .collect(),
    }
}

/// What a COPY brings from elsewhere comes along where it is named, or lies where the program works and
/// no step of the build is told of it.
fn copied(site: &Site<'_>, laid: &Laid, by: Option<&Name>, workdir: &str, out: &mut Needs) {
    let path = laid.path.trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path);
    let program = path.rsplit_once('/').is_some_and(|(folder, _)| folder.ends_with("bin")) || path.contains("/tools/");
    let started = out.programs.iter().any(|(started, _)| started == name);
    if by.is_some() || started {
        out.files.push(need(laid, by));
        if program {
            let condition = Condition::unproven(
                format!("`{path}` needs no library that only the old base image has"),
                vec![laid.evidence.clone()],
                "a build that looks at the file",
            );
            out.made.push((String::new(), condition));
        }
        return;
    }
    let told = site
        .instructions()
        .filter(|i| i.index > laid.place.instruction && matches!(i.kind, Kind::Run { .. } | Kind::Env(_)))
        .any(|i| site.file().source.slice(i.span).contains(name));
    let fills_build = [
        "target",
        "node_modules",
        "vendor",
        "obj",
        "pkg",
        "mod",
        "include",
        "lib",
    ]
    .contains(&name);
    if told || fills_build || laid.path.len() < 3 {
        return;
    }
    if lies_in(path, workdir) && !program && !workdir.is_empty() && workdir != "/" {
        out.files.push(need(laid, None));
    } else if !program {
        let condition = Condition::unproven(
            format!("only the build needs `{path}`"),
            vec![laid.evidence.clone()],
            "a run of the new image",
        );
        out.made.push((path.to_owned(), condition));
    }
}

/// Whether the stage that runs makes it itself: its set-up is run there once more, and so is a COPY
/// behind the build.
fn is_replayed(site: &Site<'_>, laid: &Laid, anchor: usize) -> bool {
    let role = site.roles.iter().find(|r| r.place == laid.place).map(|r| r.role);
    match laid.way {
        Way::Copied => laid.place.instruction > anchor,
        _ => matches!(role, Some(Role::RuntimeSetup | Role::SystemPackages)),
    }
}

/// Whether it is for tools of the build alone: package managers, Git, keys of who builds.
fn sets_tools_up(path: &str) -> bool {
    let folders = [
        "/etc/apt",
        "/etc/apk",
        "/etc/yum",
        "/etc/yum.repos.d",
        "/etc/ssh",
        "/usr/share/keyrings",
    ];
    let files = ["/etc/pip.conf", "/etc/gitconfig", "/etc/npmrc"];
    path.starts_with("/root/.") || files.contains(&path) || folders.iter().any(|folder| lies_in(path, folder))
}

/// Whether only compilers, linkers and readers of manuals look at it.
fn is_for_building(path: &str) -> bool {
    let folders = [
        "include",
        "pkgconfig",
        "cmake",
        "aclocal",
        "man",
        "doc",
        "info",
        "licenses",
        "bash-completion",
        "bash_completion.d",
        "completions",
        "zsh",
        "fish",
        "vendor-completions",
        ".cargo",
        ".m2",
        ".npm",
        ".ssh",
        ".cache",
        ".gradle",
    ];
    let endings = [
        ".a", ".la", ".o", ".h", ".hpp", ".hh", ".pc", ".cmake", ".d", ".class", ".deb", ".rpm", ".map", ".netrc",
        ".npmrc",
    ];
    let inside = path.trim_end_matches('/');
    endings.iter().any(|ending| inside.ends_with(ending)) || inside.split('/').any(|part| folders.contains(&part))
}

/// Whether something that comes along has a path in it, or is it.
fn covers(own: &str, path: &str) -> bool {
    match (own.ends_with('/'), own.contains('*')) {
        (true, _) => lies_in(path, own),
        (_, true) => crate::plan::artifact::fits(own, path),
        _ => own == path,
    }
}

/// Whether the program takes it in when it is built.
fn is_embedded(landing: &Landing, embedded: &Embedded, workdir: &str, path: &str) -> bool {
    let trees = landing.trees().chain([(workdir, "")]);
    trees
        .filter_map(|(image, context)| {
            let rest = path.strip_prefix(image.trim_end_matches('/'))?.strip_prefix('/')?;
            Some(if context.is_empty() {
                rest.to_owned()
            } else {
                format!("{context}/{rest}")
            })
        })
        .any(|path| embedded.holds(&path) || embedded.holds(&format!("{path}/x")))
}

/// Something that names a path.
struct Name {
    /// Absolute; empty where only the file's name is named.
    path: String,
    /// It is surely a path: a word of a command, or it has a `/` or a `.`.
    plain: bool,
    /// It is no word of a source that may stand for something else.
    sure: bool,
    /// It is written to, or may be.
    written: bool,
    evidence: Evidence,
}

/// What CMD and its like, settings and sources name.
struct Named {
    by_path: HashMap<String, Name>,
    by_name: HashMap<String, Name>,
    /// Where the program works.
    workdir: String,
}

impl Named {
    fn of(site: &Site<'_>, programs: &[Program], literals: &Literals) -> Named {
        let mut named = Named {
            by_path: HashMap::new(),
            by_name: HashMap::new(),
            workdir: site.workdir().unwrap_or_default(),
        };
        let workdir = site.workdir();
        for program in programs {
            let instruction = site.file().instructions.get(program.by);
            let keyword = instruction.map_or(Keyword::Cmd, |i| i.keyword);
            for word in program.words.iter().skip(1) {
                for path in paths(word) {
                    let says = format!("{} names {path}", keyword.name());
                    let evidence = match instruction {
                        Some(i) => Evidence::cmd(i.arguments_span, says),
                        None => Evidence::tool(says),
                    };
                    named.add(workdir.as_deref(), path, (true, true), evidence);
                }
            }
        }
        for instruction in site.instructions() {
            let Kind::Env(pairs) = &instruction.kind else { continue };
            for pair in pairs.iter().filter(|p| p.key.value != "PATH") {
                let Some(word) = &pair.value else { continue };
                let Some(value) = site.value(word, instruction.index) else {
                    continue;
                };
                // Of folders the one is a tool's, the other is made when it is needed.
                let is_file = |path: &&str| path.rsplit('/').next().is_some_and(|name| name.contains('.'));
                for path in paths(&value).filter(|p| p.starts_with('/')).filter(is_file) {
                    let evidence = Evidence::command(instruction.span, format!("{} names it", pair.key.value));
                    named.add(None, path, (true, true), evidence);
                }
            }
        }
        let evidence = |name: &str, seen: &Seen| {
            Evidence::source(seen.path.clone(), Some(seen.line), format!("\"{name}\" is named"))
        };
        let mut all: Vec<(&String, &Seen)> = literals.names.iter().collect();
        all.sort_by_key(|(name, _)| name.as_str());
        let written = literals.written.iter().map(|(name, seen)| (name, seen, true));
        let all = written.chain(all.into_iter().map(|(name, seen)| (name, seen, false)));
        for (name, seen, written) in all {
            // A pattern stands for its folder.
            let fixed = match name.find(['*', '?', '[', '{', '%']) {
                Some(at) => name.get(..at).and_then(|n| n.rsplit_once('/')).map_or("", |(f, _)| f),
                None => name.as_str(),
            };
            if fixed.len() > 1 && fixed != ".." {
                named.add(workdir.as_deref(), fixed, (false, written), evidence(name, seen));
            }
        }
        named
    }

    fn add(&mut self, workdir: Option<&str>, word: &str, (sure, written): (bool, bool), evidence: Evidence) {
        let Some(path) = absolute(workdir, word) else { return };
        let path = path.trim_end_matches('/').to_owned();
        let plain = sure || word.contains(['/', '.']);
        if !word.contains('/') && word.contains('.') {
            self.by_name.entry(word.to_owned()).or_insert_with(|| Name {
                path: String::new(),
                plain,
                sure,
                written,
                evidence: evidence.clone(),
            });
        }
        let inside = ["/proc", "/sys", "/dev", "/tmp"].iter().any(|f| lies_in(&path, f));
        if !path.is_empty() && !inside {
            self.by_path.entry(path.clone()).or_insert(Name {
                path,
                plain,
                sure,
                written,
                evidence,
            });
        }
    }

    /// What names something below a folder.
    fn inside(&self, laid: &Laid) -> Vec<&Name> {
        let path = laid.path.trim_end_matches('/');
        if !laid.path.ends_with('/') {
            return Vec::new();
        }
        let mut names: Vec<&Name> = self
            .by_path
            .values()
            .filter(|n| n.plain && lies_in(&n.path, path) && !is_shared(&n.path))
            .filter(|n| laid.way != Way::Maybe || n.sure || n.evidence.says.starts_with("\"/"))
            .collect();
        names.sort_by_key(|n| n.path.as_str());
        names
    }

    /// What names something, a folder that it lies in, or a file in it.
    fn find(&self, laid: &Laid) -> Option<&Name> {
        let path = laid.path.trim_end_matches('/');
        let folder = laid.path.ends_with('/');
        let own = match path.rsplit_once('/') {
            Some((above, name)) if name.contains('*') => {
                let fits = |name: &&Name| crate::plan::artifact::fits(path, &name.path);
                return self.by_path.values().filter(|n| n.path.starts_with(above)).find(fits);
            }
            _ => self.by_path.get(path),
        };
        // A word alone may mean anything but what was copied there for its own sake.
        let own = own.filter(|n| n.plain || matches!(laid.way, Way::Copied | Way::Installed | Way::Made));
        if own.is_some() {
            return own;
        }
        if folder && let Some(name) = self.inside(laid).into_iter().next() {
            return Some(name);
        }
        if matches!(laid.way, Way::Empty | Way::Maybe) {
            return None;
        }
        let archive = [".gz", ".tgz", ".xz", ".bz2", ".zip", ".tar"]
            .iter()
            .any(|e| path.ends_with(e));
        let own = |above: &&str| above.len() > 1 && !archive && !is_shared(above) && !lies_in(&self.workdir, above);
        let above = ancestors(path).filter(own);
        let mut above = above.filter_map(|above| self.by_path.get(above)).filter(|n| n.plain);
        let base = path.rsplit('/').next().unwrap_or(path);
        above.next().or_else(|| self.by_name.get(base))
    }
}

/// The paths that a word may hold: itself, an option's value, parts of a list.
fn paths(word: &str) -> impl Iterator<Item = &str> {
    let value = match word.split_once('=') {
        Some((_, value)) => value,
        None => word,
    };
    let value = value.strip_prefix("file:").unwrap_or(value).trim_matches(['"', '\'']);
    let value = if value.contains("://") { "" } else { value };
    value
        .split([':', ','])
        .map(|part| part.trim_end_matches("/*"))
        .filter(|part| part.len() > 1 && !part.starts_with('-') && !part.contains(['$', ' ', '`']))
}
