//! What of a Node application run time needs, and what can stay behind.

use super::super::packages::{self, Split};
use super::super::wanted::reached;
use super::super::{Application, Lean, Trim};
use super::{Install, Room};
use crate::context::manifests::PackageJson;
use crate::context::{Context, sources};
use crate::knowledge::ecosystem;
use crate::plan::artifact::absolute;
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::need::Need;
use crate::plan::program::{Entries, Program, What, entries};
use crate::plan::reach::{Language, Reach};
use crate::plan::role::Role;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What can stay behind; none where nothing can, or what is started compiles first.
pub(super) fn lean(room: &Room<'_>, application: &Application) -> Option<Lean> {
    let context = room.site.context?;
    let compiles = |what: &What| {
        matches!(
            what,
            What::CompilesAtStart { .. } | What::DevServer { .. } | What::Shell
        )
    };
    // `tsc && node dist` needs all that the build needs.
    let builds = |p: &Program| {
        p.words
            .first()
            .is_some_and(|w| ecosystem::is_tool(w.rsplit('/').next().unwrap_or(w)))
    };
    let serves = |p: &Program| {
        p.words
            .iter()
            .any(|w| matches!(w.as_str(), "start" | "preview" | "serve"))
    };
    if room
        .programs
        .iter()
        .any(|p| compiles(&p.what) || builds(p) && !serves(p))
    {
        return None;
    }
    let mut all = entries(room.site, room.programs);
    let own = all.remove(&Language::JavaScript)?;
    if own.files.is_empty() && own.packages.is_empty() {
        return None;
    }
    let reached = reached(context, &own, Language::JavaScript);
    let mut out = Lean::default();
    for program in room.programs {
        if let What::Unknown(why) = &program.what {
            let span = room.site.file().instructions.get(program.by).map(|i| i.span);
            out.conditions.push(Condition::unproven(
                "all that is started is known",
                span.map(|s| Evidence::cmd(s, why.clone())).into_iter().collect(),
                "a CMD in JSON form",
            ));
        }
    }
    let installs = room.all_installs();
    if standalone(room, context, &mut out) || nitro(room, context, &mut out) {
        out.left.extend(application.prefixes.iter().map(|p| p.path.clone()));
        out.left.retain(|path| path.ends_with("/node_modules/"));
        return Some(out);
    }
    for install in &installs {
        let prefix = format!("{}/node_modules/", install.folder);
        if !application.prefixes.iter().any(|p| p.path == prefix) {
            continue;
        }
        let Some((folder, manifest)) = room.manifest(&install.folder) else {
            continue;
        };
        if !is_reached(&folder, &installs, room, &reached, &own) {
            out.left.push(prefix);
            out.announces.push(format!(
                "`{}/node_modules` stays in the builder: nothing that is started lies beside it",
                install.folder
            ));
            continue;
        }
        let members = room.members(&folder, &manifest);
        let whole = joined(&manifest, &members);
        if install.production || whole.dev_dependencies.is_empty() {
            continue;
        }
        if room.is_old_npm() && manifest.script("prepare").is_some() {
            out.conditions.push(Condition::unproven(
                "`npm prune` runs no script that needs what it removes",
                vec![Evidence::manifest(
                    "package.json",
                    None,
                    "it has a script `prepare`, which old versions of npm run",
                )],
                "a build",
            ));
        }
        let last = installs.iter().rfind(|i| i.folder == install.folder);
        if last.is_some_and(|last| last.instruction != install.instruction || last.production)
            || room.is_pruned(install)
        {
            continue;
        }
        let (lock, later) = room.lock(install, &folder);
        // A package that one of them lists for development only, and others for run time, is found
        // from wherever it is asked for, or not at all.
        if !members.is_empty() && needs_development(&manifest, &members, &packages::needed(&whole, (&reached, &own))) {
            continue;
        }
        let split = packages::split(context, &folder, &whole, lock.as_deref(), (&reached, &own));
        trim(room, install, split, later, &mut out);
    }
    if let Some(started) = room
        .programs
        .iter()
        .find(|p| p.words.starts_with(&["next".to_owned(), "start".to_owned()]))
    {
        let folder = match &started.what {
            What::Interpreter { script: Some(path), .. } => path.split("/node_modules/").next(),
            _ => None,
        };
        if let Some(folder) = folder.filter(|_| room.steps.iter().any(|s| s.program == "next" && s.has("build"))) {
            out.trims.extend(next_trims(room, folder));
        }
    }
    sources(room, context, application, &reached, &own, &mut out);
    (out != Lean::default()).then_some(out)
}

/// About what the cache of `next build` takes, in bytes; measured for small sites.
const NEXT_CACHE: u64 = 20_000_000;
/// About what its compiler takes, in bytes: one for each C library that the lock file names.
const NEXT_COMPILER: u64 = 120_000_000;

/// What a project and the packages of its workspaces list, together.
fn joined(manifest: &Arc<PackageJson>, members: &[(String, Arc<PackageJson>)]) -> Arc<PackageJson> {
    if members.is_empty() {
        return Arc::clone(manifest);
    }
    let mut out = PackageJson::clone(manifest);
    for (_, member) in members {
        let add = |to: &mut BTreeMap<String, String>, list: &BTreeMap<String, String>| {
            to.extend(list.iter().map(|(name, range)| (name.clone(), range.clone())));
        };
        add(&mut out.dependencies, &member.dependencies);
        add(&mut out.dev_dependencies, &member.dev_dependencies);
        add(&mut out.optional_dependencies, &member.optional_dependencies);
        add(&mut out.peer_dependencies, &member.peer_dependencies);
    }
    Arc::new(out)
}

/// Whether something that is needed is listed for development alone by one of them.
fn needs_development(
    manifest: &PackageJson,
    members: &[(String, Arc<PackageJson>)],
    needed: &BTreeMap<String, Evidence>,
) -> bool {
    let for_development = |package: &PackageJson| {
        needed.keys().any(|name| {
            package.dev_dependencies.contains_key(name)
                && !package.dependencies.contains_key(name)
                && !package.optional_dependencies.contains_key(name)
        })
    };
    for_development(manifest) || members.iter().any(|(_, member)| for_development(member))
}

/// What `next build` leaves that `next start` does not read, in one command.
fn next_trims(room: &Room<'_>, folder: &str) -> Option<Trim> {
    let removed = |part: &str| {
        let mut removals = room.steps.iter().filter(|s| s.program == "rm");
        removals.any(|s| s.words.iter().any(|w| w.contains(part)))
    };
    let mut trim = Trim {
        command: "rm -rf".to_owned(),
        folder: folder.to_owned(),
        touches: Vec::new(),
        announces: Vec::new(),
        leaves: 0,
    };
    if !removed(".next/cache") {
        trim.command.push_str(" .next/cache");
        trim.touches.push(".next/cache");
        trim.announces.push("the cache of `next build` is left out".to_owned());
        trim.leaves += NEXT_CACHE;
    }
    if !removed("@next/swc") && compiles_apart(room, folder) {
        trim.command.push_str(" node_modules/@next/swc-*");
        trim.touches.push("node_modules/@next");
        trim.announces.push(
            "Next.js' compiler (@next/swc-*) is left out: `next build` has used it, `next start` does not".to_owned(),
        );
        trim.leaves += NEXT_COMPILER;
    }
    (!trim.touches.is_empty()).then_some(trim)
}

/// Whether `next start` needs no compiler: it has none to read its configuration, and is of a release
/// of which that is known.
fn compiles_apart(room: &Room<'_>, folder: &str) -> bool {
    let Some((_, manifest)) = room.manifest(folder) else {
        return false;
    };
    let major = manifest.dependencies.get("next").and_then(|range| {
        let digits = range.trim_start_matches(['^', '~', '=', 'v', ' ']);
        digits.split('.').next()?.parse::<u32>().ok()
    });
    major.is_some_and(|major| (12..=15).contains(&major)) && !room.has(folder, "next.config.ts")
}

/// Whether what is started is a server that Next.js put into a folder of its own, with all that it
/// needs: then nothing else is copied.
fn standalone(room: &Room<'_>, context: &Context, out: &mut Lean) -> bool {
    const FOLDER: &str = ".next/standalone/";
    let started = room.programs.iter().find_map(|p| match &p.what {
        What::Interpreter { script: Some(path), .. } => {
            let at = path.find(FOLDER)?;
            Some((path.get(..at)?.to_owned(), path.clone()))
        }
        _ => None,
    });
    let Some((folder, path)) = started else { return false };
    let config = ["next.config.js", "next.config.mjs", "next.config.ts", "next.config.cjs"]
        .iter()
        .find_map(|name| room.landing.existing(context, &format!("{folder}{name}")));
    let Some(config) = config else { return false };
    if !context.read_text(&config).unwrap_or_default().contains("standalone") {
        return false;
    }
    let made = room.artifacts.iter().find(|a| a.path == format!("{folder}.next/"));
    let Some(made) = made else { return false };
    out.narrowed.push((made.path.clone(), format!("{folder}{FOLDER}")));
    out.conditions.push(Condition::met(
        format!("`{path}` comes with all that it needs"),
        vec![Evidence::manifest(config, None, "its output is `standalone`")],
    ));
    out.leaves += NEXT_CACHE * 10;
    out.idle.extend(copies(room));
    true
}

/// Whether what is started is the server that Nuxt writes with all that it needs, into `.output`:
/// <https://nuxt.com/docs/getting-started/deployment#nodejs-server>.
fn nitro(room: &Room<'_>, context: &Context, out: &mut Lean) -> bool {
    const SERVER: &str = ".output/server/index.mjs";
    let started = room.programs.iter().find_map(|p| match &p.what {
        What::Interpreter { script: Some(path), .. } => path.strip_suffix(SERVER),
        _ => None,
    });
    let Some(folder) = started else { return false };
    let made = format!("{folder}.output/");
    let builds = |s: &&crate::plan::artifact::Step| matches!(s.program.as_str(), "nuxt" | "nuxi") && s.has("build");
    if !room.artifacts.iter().any(|a| a.path == made) || !room.steps.iter().any(|s| builds(&s)) {
        return false;
    }
    let config = ["nuxt.config.ts", "nuxt.config.js", "nuxt.config.mjs"]
        .iter()
        .find_map(|name| room.landing.existing(context, &format!("{folder}{name}")));
    let Some(config) = config else { return false };
    let text = context.read_text(&config).unwrap_or_default();
    let of_its_own = [
        "preset",
        "serverDir",
        "noExternals",
        "externals",
        "fsStorage",
        "storage",
    ];
    let manifest = room.manifest(folder.trim_end_matches('/'));
    // Engines that are found beside the package at run time are not always traced.
    let engines = manifest.is_none_or(|(_, m)| m.depends_on("@prisma/client"));
    if engines || of_its_own.iter().any(|word| text.contains(word)) {
        return false;
    }
    // Its own routes may open files where they start.
    let root = config.rsplit_once('/').map_or("", |(root, _)| root);
    let server = sources::join(root, "server/");
    let files: Vec<String> = context
        .walk()
        .files
        .iter()
        .filter(|f| f.path.starts_with(&server) && Language::of(&f.path) == Some(Language::JavaScript))
        .map(|f| f.path.clone())
        .collect();
    let own = Entries {
        files,
        ..Entries::default()
    };
    let routes = reached(context, &own, Language::JavaScript);
    if routes.opens.is_some() || !routes.literals.is_empty() || !routes.programs.is_empty() {
        return false;
    }
    out.conditions.push(Condition::met(
        format!("`{folder}{SERVER}` comes with all that it needs"),
        vec![Evidence::manifest(config, None, "Nuxt builds a server for Node")],
    ));
    out.leaves += NUXT;
    out.idle.extend(copies(room));
    true
}

/// The instructions that copy sources and manifests.
fn copies(room: &Room<'_>) -> impl Iterator<Item = usize> {
    let roles = room.site.roles.iter();
    roles
        .filter(|r| matches!(r.role, Role::SourceCopy | Role::Manifests))
        .map(|r| r.place.instruction)
}

/// About what Nuxt takes with all that builds with it, in bytes.
const NUXT: u64 = 200_000_000;

/// Whether something that is reached lies in a folder, and in no folder below it that has packages
/// of its own.
fn is_reached(folder: &str, installs: &[Install], room: &Room<'_>, reached: &Reach, own: &Entries) -> bool {
    let below = |path: &str, folder: &str| folder.is_empty() || path.starts_with(&format!("{folder}/"));
    let others: Vec<String> = installs
        .iter()
        .filter_map(|i| room.manifest(&i.folder).map(|(f, _)| f))
        .filter(|other| other != folder && below(other, folder))
        .collect();
    let inside = |path: &str| below(path, folder) && !others.iter().any(|other| below(path, other));
    reached.files.keys().any(|path| inside(path))
        || reached.files.is_empty()
        || own.files.iter().chain(&own.unseen).any(|path| inside(path))
        || reached
            .literals
            .iter()
            .any(|l| inside(&l.path) && l.path.contains("node_modules"))
}

/// Adds the command that leaves development packages out.
fn trim(room: &Room<'_>, install: &Install, split: Split, later: bool, out: &mut Lean) {
    if split.dropped.is_empty() {
        out.packages.extend(split.packages);
        return;
    }
    let Some(command) = room.prune(install, &split.dropped, &split.kept, later) else {
        return;
    };
    let mut says = format!(
        "packages that only development needs are left out: {}",
        packages::listed(&split.dropped)
    );
    if !split.kept.is_empty() {
        let kept: Vec<String> = split
            .packages
            .iter()
            .filter(|p| split.kept.contains(&p.name))
            .map(|p| format!("{} ({})", p.name, packages::place(&p.evidence)))
            .collect();
        says.push_str(&format!("; run time needs {}", kept.join(", ")));
    }
    out.conditions.extend(split.conditions);
    out.packages.extend(split.packages);
    out.trims.push(Trim {
        command,
        folder: install.folder.clone(),
        touches: vec!["node_modules"],
        announces: vec![says],
        leaves: split.bytes,
    });
}

/// Whether a program is a server of files that is given a folder which the build makes.
fn serves_made(room: &Room<'_>, program: &Program) -> bool {
    let Some(name) = program.words.first() else {
        return false;
    };
    let mut servers = ecosystem::all().iter().flat_map(|e| e.serves_files);
    if !servers.any(|s| s.command == name) {
        return program.words.len() == 1 && matches!(name.as_str(), "npm" | "npx" | "yarn" | "sh");
    }
    let workdir = room.site.workdir();
    let made = |folder: &str| {
        let mut artifacts = room.artifacts.iter();
        artifacts.any(|a| a.path.strip_suffix('/') == Some(folder) && !folder.ends_with("/node_modules"))
    };
    let mut words = program.words.iter().skip(1);
    words.any(|word| absolute(workdir.as_deref(), word).is_some_and(|folder| made(&folder)))
}

/// Whether the sources can stay behind: all that is started was compiled from them, and nothing shows
/// that it opens files of its own.
fn sources(
    room: &Room<'_>,
    context: &Context,
    application: &Application,
    reached: &Reach,
    own: &Entries,
    out: &mut Lean,
) {
    if application.steps.iter().any(|s| s.writes_sources) || !own.unseen.is_empty() || !reached.missing.is_empty() {
        return;
    }
    let started: Vec<&str> = room
        .programs
        .iter()
        .filter_map(|p| match &p.what {
            What::Interpreter { script: Some(path), .. } => Some(path.as_str()),
            _ => None,
        })
        .collect();
    let tools = started.iter().all(|path| {
        room.artifacts
            .iter()
            .any(|a| a.ecosystem == "node" && a.path.ends_with('/') && path.starts_with(a.path.as_str()))
    });
    let tools = tools || room.programs.iter().all(|p| serves_made(room, p));
    if started.is_empty() || !tools || reached.unknown.iter().any(|u| u.folder.is_none()) {
        return;
    }
    // Tools that read the folder that they start in.
    let reads = |name: &String| ecosystem::brought(name).is_some_and(|b| !b.reads.is_empty() || !b.sources.is_empty());
    if own.packages.keys().any(reads)
        || reached
            .packages
            .keys()
            .any(|n| n.contains("dotenv") || n == "config" || n == "@nestjs/config")
    {
        return;
    }
    if reached.opens.is_some()
        || !reached.literals.is_empty()
        || reached
            .files
            .keys()
            .any(|f| f.ends_with(".json") && !f.ends_with("package.json"))
    {
        return;
    }
    for role in room.site.roles.iter().filter(|r| r.role == Role::SourceCopy) {
        out.idle.push(role.place.instruction);
    }
    // Node reads `type` of the nearest package.json, and npm its scripts.
    let manifests: Vec<String> = started
        .iter()
        .filter_map(|path| {
            let mut folder = *path;
            while let Some((above, _)) = folder.rsplit_once('/') {
                if room.has(above, "package.json") {
                    return Some(format!("{above}/package.json"));
                }
                folder = above;
            }
            None
        })
        .collect();
    for path in manifests {
        let Some(file) = room.landing.existing(context, &path) else {
            continue;
        };
        if out.files.iter().any(|f: &Need| f.path == path) {
            continue;
        }
        out.files.push(Need {
            path,
            context: Some(file.clone()),
            written: false,
            evidence: vec![Evidence::manifest(file, None, "Node reads it")],
        });
    }
}
