//! Packages, certificates, time zones and accounts for a new base.

use super::{ExtraFile, Look, RuntimeBase, RuntimePackages, config};
use crate::knowledge::{self, BaseConfig, Brings, PackageKind, PackageManager};
use crate::model::Kind;
use crate::plan::deal::commands;
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::program::What;
use crate::plan::role::Role;
use crate::plan::system::{Use, release};
use crate::shell::Manager;
use std::collections::BTreeMap;

/// The command of a base's package manager.
pub fn manager(base: &RuntimeBase) -> Option<Manager> {
    match base.variant?.packages {
        PackageManager::Apt => Some(Manager::AptGet),
        PackageManager::Apk => Some(Manager::Apk),
        PackageManager::Dnf => Some(Manager::Dnf),
        PackageManager::Yum => Some(Manager::Yum),
        PackageManager::Microdnf => Some(Manager::Microdnf),
        PackageManager::None | PackageManager::Unknown => None,
    }
}

/// The release whose packages a base installs.
fn release_of(base: &RuntimeBase) -> Option<String> {
    let image = crate::model::ImageRef::expanded(&base.reference, crate::source::Span::at(0));
    let known = knowledge::image(image.registry.as_deref(), &image.repository)?;
    let tag = image.tag.as_deref().unwrap_or_default();
    match base.variant?.packages {
        PackageManager::Apk => Some("alpine".to_owned()),
        PackageManager::Apt => known.suite(tag).map(|c| c.codename.to_owned()),
        _ => Some(known.family.to_owned()),
    }
}

/// Adds the packages of the old stage that run time needs, and what its programs and binaries need.
pub fn packages(look: &Look<'_>, base: &mut RuntimeBase) {
    let mut wanted: BTreeMap<String, Vec<Evidence>> = BTreeMap::new();
    for package in &look.system.found {
        match &package.use_ {
            Use::Build => {}
            Use::Runtime(names) => {
                for name in names {
                    wanted
                        .entry(name.clone())
                        .or_default()
                        .extend(package.evidence.iter().cloned());
                }
            }
            Use::Unclear(why) => {
                wanted.entry(package.name.clone()).or_default().push(
                    package
                        .evidence
                        .first()
                        .cloned()
                        .unwrap_or_else(|| Evidence::tool(why.clone())),
                );
            }
        }
    }
    let old = release(look.site);
    natives(look, old.as_deref(), &mut wanted);
    let new = release_of(base);
    let here = manager(base);
    libraries(look, base, old.as_deref(), &mut wanted);
    programs(look, base, here, &mut wanted);
    if !look.is_same(base) {
        accounts_made(look, new.as_deref(), &mut wanted);
    }
    // Already in the image.
    wanted.retain(|name, _| !comes_with(base, name));
    if wanted.is_empty() {
        return;
    }
    let why: Vec<Evidence> = wanted.values().flatten().take(6).cloned().collect();
    let names: Vec<String> = wanted.into_keys().collect();
    let shown = names.join(", ");
    let Some(here) = here else {
        base.conditions.push(Condition::not_met(
            format!("`{}` has a package manager for {shown}", base.reference),
            why,
        ));
        return;
    };
    let what = format!("`{}` installs {shown} by the same names", base.reference);
    match (&old, &new) {
        (Some(old), Some(new)) if old == new => {
            if old == "alpine"
                && let Some((name, since)) = renamed_in_alpine(look, &names)
            {
                base.conditions.push(Condition::unproven(
                    format!("the release of `{}` has {name}", base.reference),
                    vec![Evidence::image(format!("it is called so since Alpine 3.{since}"))],
                    "a base whose tag names a release that has it",
                ));
            }
            if knowledge::is_approximate(old) && old != "alpine" && look.renames() {
                base.conditions.push(Condition::unproven(
                    what,
                    why.clone(),
                    "a build: the names of this release's libraries were not checked",
                ));
            }
        }
        (Some(old), Some(new)) => {
            let says = format!("the builder is {old}, the new base {new}");
            base.conditions
                .push(Condition::not_met(what, vec![Evidence::image(says)]));
        }
        // What an image installs it installs again.
        _ if look.is_same(base) => {}
        // Tags of one image that name no release move on together.
        _ if same_repository(look, base) && !look.renames() && look.application.is_some() => {}
        _ => base.conditions.push(Condition::unproven(
            what,
            why.clone(),
            "a base whose tag names its release",
        )),
    }
    if let Some(evidence) = other_manager(look, here) {
        base.conditions.push(Condition::not_met(
            format!("`{}` has {}", base.reference, here.name()),
            vec![evidence],
        ));
    }
    if let Some(evidence) = foreign(look) {
        base.conditions.push(Condition::not_met(
            format!("{shown} can be installed from the release's own repositories"),
            vec![evidence],
        ));
    }
    base.packages.push(RuntimePackages {
        manager: here,
        names,
        why,
    });
}

/// A package that the file installs by the manager of another distribution than is known of its image, as
/// behind a digest: `apk add` where Debian was expected.
fn other_manager(look: &Look<'_>, here: Manager) -> Option<Evidence> {
    let apk = |manager: Manager| manager == Manager::Apk;
    let apt = |manager: Manager| matches!(manager, Manager::AptGet | Manager::Apt);
    let odd = |manager: Manager| apk(here) && apt(manager) || apt(here) && apk(manager);
    let mut found = look.system.found.iter().filter(|p| odd(p.manager));
    found.find_map(|package| package.evidence.first().cloned())
}

/// Libraries whose packages have these names since a release of Alpine, 3.x (its package index).
const IN_ALPINE: [(&str, u32); 4] = [("libcrypto3", 17), ("libssl3", 17), ("libpq", 15), ("libxml2", 3)];

/// The first package that an older release may call otherwise, and the release that named it.
fn renamed_in_alpine(look: &Look<'_>, names: &[String]) -> Option<(&'static str, u32)> {
    let tag = look.site.base_tag();
    let parsed = knowledge::Tag::parse(tag);
    let own = look.site.base.is_some_and(|b| b.image.family == "alpine");
    let version = if own { parsed.version() } else { parsed.alpine() };
    let rolling = own && matches!(tag, "" | "latest" | "3" | "edge");
    let minor = version.and_then(|v| v.strip_prefix("3.")?.split('.').next()?.parse::<u32>().ok());
    // What the old stage installs by that name is there.
    let installed = |name: &str| look.system.found.iter().any(|p| p.name == name);
    IN_ALPINE.into_iter().find(|(name, since)| {
        names.iter().any(|n| n == name) && !installed(name) && !rolling && minor.is_none_or(|m| m < *since)
    })
}

/// Whether a base is another tag of the image that the stage is on.
fn same_repository(look: &Look<'_>, base: &RuntimeBase) -> bool {
    let repository = |reference: &str| {
        let image = crate::model::ImageRef::expanded(reference, crate::source::Span::at(0));
        (image.registry, image.repository)
    };
    let old = look.site.stage.root_image.as_ref().map(|i| i.text.as_str());
    old.is_some_and(|old| repository(old) == repository(&base.reference))
}

/// A command that adds a repository of packages, or installs one from a file, in front of an install of
/// something that run time needs.
fn foreign(look: &Look<'_>) -> Option<Evidence> {
    look.application?;
    const SIGNS: [&str; 8] = [
        "add-apt-repository",
        "sources.list",
        "apt-key",
        "nodesource.com",
        "dpkg -i",
        "/etc/apt/",
        "/etc/apk/repositories",
        "--repository",
    ];
    let wanted = look.system.found.iter().filter(|p| !matches!(p.use_, Use::Build));
    let last = wanted.map(|p| p.place).max()?;
    let sign = look.site.roles.iter().filter(|r| r.place <= last).find(|r| {
        let text = look.site.file().source.slice(r.span);
        SIGNS.iter().any(|sign| text.contains(sign)) && !text.contains("rm -rf /etc/apt") && !text.contains("sed -i")
    })?;
    let says = "another repository, or a package from a file, is brought in";
    Some(Evidence::command(sign.span, says))
}

impl Look<'_> {
    /// Whether the base is the image that the stage is on, and packages have the names of the file.
    fn is_same(&self, base: &RuntimeBase) -> bool {
        let old = self.site.stage.root_image.as_ref().map(|i| i.text.as_str());
        let stable = base.reference == "debian:stable-slim" && super::moves_with_stable(self.site.base_tag());
        (stable || old == Some(base.reference.as_str())) && !self.renames()
    }

    /// Whether a package stands under another name than in the file.
    fn renames(&self) -> bool {
        self.system.found.iter().any(|p| match &p.use_ {
            Use::Runtime(names) => !names.iter().all(|name| *name == p.name),
            _ => false,
        })
    }
}

/// What the image has without being told.
fn comes_with(base: &RuntimeBase, package: &str) -> bool {
    let Some(variant) = base.variant else { return false };
    match package {
        "ca-certificates" | "ca-certificates-bundle" => {
            variant.brings(Brings::Certificates) && variant.packages != PackageManager::None
        }
        "tzdata" => variant.config.is_some_and(|c| c.zones),
        "libc6" | "libgcc-s1" | "libstdc++6" => variant.packages == PackageManager::Apt,
        "bash" => variant.packages == PackageManager::Apt,
        _ => false,
    }
}

/// Packages with the libraries that binaries are linked against.
fn libraries(
    look: &Look<'_>,
    base: &mut RuntimeBase,
    release: Option<&str>,
    wanted: &mut BTreeMap<String, Vec<Evidence>>,
) {
    for library in look.libraries() {
        let evidence = Evidence::tool(format!("a binary is linked with {library}"));
        if matches!(
            library,
            "libstdc++" | "stdc++" | "libstdc++.so.6" | "libgcc" | "libgcc_s.so.1"
        ) {
            // Debian's slim images have both; Alpine's have none.
            if release == Some("alpine") {
                wanted.entry("libstdc++".to_owned()).or_default().push(evidence);
            }
            continue;
        }
        let known = release.and_then(|r| knowledge::runtime_libraries(library, r));
        match known {
            Some(names) => {
                for name in names {
                    wanted.entry((*name).to_owned()).or_default().push(evidence.clone());
                }
            }
            // With its headers it comes along.
            None if wanted.contains_key(library) => {}
            None if library.ends_with("-dev") || library.contains(".so") => {
                base.conditions.push(Condition::unproven(
                    format!("the package that holds the library {library} is known"),
                    vec![evidence],
                    "a build that looks at the binary",
                ));
            }
            None => {
                wanted.entry(library.to_owned()).or_default().push(evidence);
            }
        }
    }
}

/// Packages with what a language's packages need of the system.
fn natives(look: &Look<'_>, release: Option<&str>, wanted: &mut BTreeMap<String, Vec<Evidence>>) {
    let needed = look.application.map(|a| a.native.as_slice()).unwrap_or_default();
    for (library, evidence) in needed {
        let names = release.and_then(|r| knowledge::runtime_libraries(library, r));
        let names: Vec<&str> = match names {
            Some(names) => names.to_vec(),
            None if library.ends_with("-dev") => continue,
            None => vec![library.as_str()],
        };
        for name in names {
            wanted.entry(name.to_owned()).or_default().push(evidence.clone());
        }
    }
}

/// Packages with programs that are started at run time and that the old base had.
fn programs(
    look: &Look<'_>,
    base: &mut RuntimeBase,
    here: Option<Manager>,
    wanted: &mut BTreeMap<String, Vec<Evidence>>,
) {
    let after = config(base);
    let before = look.site.base.and_then(|b| b.variant.config);
    let started = look.programs.iter().filter_map(|program| {
        let span = look.site.file().instructions.get(program.by).map(|i| i.span)?;
        let name = match &program.what {
            What::FromPath { name } => name.as_str(),
            What::Interpreter { program, .. } if !program.starts_with('/') => program,
            _ => return None,
        };
        Some((name.to_owned(), Evidence::cmd(span, "it is started")))
    });
    let named = look
        .needs
        .programs
        .iter()
        .map(|(name, evidence)| (name.clone(), evidence.clone()));
    let all: Vec<(String, Evidence)> = started.chain(named).collect();
    for (name, evidence) in all {
        let has = after.is_some_and(|config| config.has_program(&name));
        let comes = wanted
            .keys()
            .any(|package| *package == name || knowledge::programs_of(package).contains(&name.as_str()));
        let had = before.is_some_and(|config| config.has_program(&name));
        if has || comes || !had || look.made(&name) {
            continue;
        }
        let what = format!("`{name}`, which the old base image has, is in `{}`", base.reference);
        match here.and_then(|manager| package_with(manager, &name)) {
            Some(package) => {
                wanted.entry(package.to_owned()).or_default().push(evidence.clone());
            }
            None => base.conditions.push(Condition::not_met(what, vec![evidence])),
        }
    }
    if let Some(evidence) = &look.needs.unnamed
        && let Some(before) = before
        && !look.is_same(base)
        && let Some(lost) = lost(before, after)
    {
        base.conditions.push(Condition::unproven(
            format!("the programs that it starts are in `{}`", base.reference),
            vec![
                evidence.clone(),
                Evidence::image(format!("the old base image has more of them, as `{lost}`")),
            ],
            "a run that starts them, or their names in the sources",
        ));
    }
}

/// Debian's images have no `adduser` any more since trixie, where a fuller image has it.
fn accounts_made(look: &Look<'_>, release: Option<&str>, wanted: &mut BTreeMap<String, Vec<Evidence>>) {
    let dropped = ["trixie", "forky", "duke", "sid"];
    if !release.is_some_and(|release| dropped.contains(&release)) {
        return;
    }
    let uses = |name: &str| matches!(name, "adduser" | "addgroup" | "deluser" | "delgroup");
    let runs = look.site.roles.iter().filter(|r| r.role == Role::RuntimeSetup);
    let mut runs = runs.filter(|r| commands(look.site, r.place).any(uses));
    if let Some(role) = runs.next() {
        let says = "it adds accounts, and Debian's images have no `adduser` since trixie";
        wanted
            .entry("adduser".to_owned())
            .or_default()
            .push(Evidence::command(role.span, says));
    }
}

/// A program that the new base has not, one that is started often first.
fn lost(before: &BaseConfig, after: Option<&BaseConfig>) -> Option<&'static str> {
    let gone = |name: &&str| !after.is_some_and(|after| after.has_program(name));
    let often = ["git", "curl", "wget", "ssh", "make", "python3", "bash"];
    let first = often.into_iter().filter(|name| before.has_program(name)).find(gone);
    first.or_else(|| before.programs().find(gone))
}

impl Look<'_> {
    /// Whether the build makes a program of this name.
    fn made(&self, name: &str) -> bool {
        self.artifacts
            .iter()
            .any(|a| a.path.rsplit('/').next() == Some(name) || a.path.ends_with("/bin/"))
    }
}

/// The package that brings a program.
fn package_with(manager: Manager, program: &str) -> Option<&str> {
    let known = |package: &str| {
        knowledge::package(manager.name(), package).is_some() || knowledge::is_for_run_time(manager.name(), package)
    };
    let candidates: &[&'static str] = match program {
        "nc" => &["netcat-openbsd"],
        "ps" | "pgrep" | "pkill" | "top" => &["procps"],
        "ssh" | "scp" => &["openssh-client"],
        "gpg" => &["gnupg"],
        "xz" => &["xz-utils", "xz"],
        "convert" | "identify" | "mogrify" => &["imagemagick"],
        "hg" => &["mercurial"],
        "svn" => &["subversion"],
        "cc" => &["gcc"],
        "c++" => &["g++"],
        _ => &[],
    };
    if let Some(package) = candidates.iter().find(|package| known(package)) {
        return Some(package);
    }
    // A compiler at run time is no matter of one package.
    let kind = knowledge::package(manager.name(), program);
    (known(program) && kind != Some(PackageKind::Compiler)).then_some(program)
}

/// Certificates of authorities, where they are needed or were there.
pub fn certificates(look: &Look<'_>, base: &mut RuntimeBase) {
    let Some(evidence) = &look.needs.certificates else {
        return;
    };
    let there = base.variant.is_some_and(|v| v.brings(Brings::Certificates));
    // Alpine's image has the bundle without the tool.
    let alpine = base.variant.is_some_and(|v| v.packages == PackageManager::Apk);
    if there || alpine || base.files.iter().any(|f| f.to.starts_with("/etc/ssl/")) {
        return;
    }
    match manager(base) {
        Some(manager) => add(base, manager, "ca-certificates", evidence),
        None => base.conditions.push(Condition::not_met(
            "certificates of authorities are at hand",
            vec![evidence.clone()],
        )),
    }
}

/// The table of time zones, where it is needed.
pub fn zones(look: &Look<'_>, base: &mut RuntimeBase) {
    let copied = look.site.roles.iter().find(|r| {
        let sets_up = matches!(r.role, Role::RuntimeSetup | Role::Unknown);
        sets_up && look.site.file().source.slice(r.span).contains("/usr/share/zoneinfo")
    });
    let copied = copied.map(|r| Evidence::command(r.span, "it takes a time zone from the table"));
    let Some(evidence) = look.needs.zones.as_ref().or(copied.as_ref()) else {
        return;
    };
    let there = config(base).is_some_and(|c| c.zones);
    if there || base.files.iter().any(|f| f.to.starts_with("/usr/share/zoneinfo")) {
        return;
    }
    match manager(base) {
        Some(manager) => add(base, manager, "tzdata", evidence),
        None => base.conditions.push(Condition::not_met(
            "the table of time zones is at hand",
            vec![evidence.clone()],
        )),
    }
}

/// Adds a package, once.
pub fn add(base: &mut RuntimeBase, manager: Manager, package: &str, why: &Evidence) {
    match base.packages.iter_mut().find(|p| p.manager == manager) {
        Some(known) => {
            if !known.names.iter().any(|name| name == package) {
                known.names.push(package.to_owned());
                known.names.sort();
                known.why.push(why.clone());
            }
        }
        None => base.packages.push(RuntimePackages {
            manager,
            names: vec![package.to_owned()],
            why: vec![why.clone()],
        }),
    }
}

/// On an image without a shell, accounts that a RUN adds come with the files that list them.
pub fn accounts(look: &Look<'_>, base: &mut RuntimeBase) {
    if config(base).is_some_and(|c| c.has_program("sh")) || manager(base).is_some() {
        return;
    }
    let adds = look.site.instructions().find(|i| {
        matches!(i.kind, Kind::Run { .. })
            && look
                .site
                .facts
                .commands(i)
                .any(|c| matches!(c.name(), "useradd" | "adduser" | "groupadd" | "addgroup"))
    });
    let used = look.site.file().settings_of(look.site.stage).user.is_some();
    if let Some(run) = adds.filter(|_| used) {
        let why = Evidence::command(run.span, "it adds the account that USER names");
        for path in ["/etc/passwd", "/etc/group"] {
            base.files.push(ExtraFile {
                from: path.to_owned(),
                to: path.to_owned(),
                why: why.clone(),
            });
        }
    }
}
