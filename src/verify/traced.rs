//! What the original opened and executed while it was looked at, and whether the rewrite has it.
//!
//! A file of the application's that is missing is a break, also where nobody complained; so are
//! programs, certificates, time zones and locales that were really used. What else a base image has is
//! only named: the C library looks at many files of its own that need not be there.

use super::check::Check;
use super::files::{Files, Kind, parent, resolve};
use super::lookup::Lookup;
use super::owners::Owners;
use crate::executor::Trace;
use std::collections::BTreeSet;

/// The largest list of a distribution's files that is read, in bytes.
const RECORD_LIMIT: u64 = 16 << 20;

/// How many offenders a message names.
const SHOWN: usize = 5;

/// A file that was used and that the rewrite lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missed {
    /// Absolute.
    pub path: String,
    /// What kind of thing it is.
    pub what: What,
}

/// Why a file was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It was executed.
    Program,
    /// The application's own: it came in a layer of the Dockerfile's.
    Own,
    /// Certificates, time zones, locales.
    System,
    /// Anything else of the base image.
    Base,
    /// Of Node.js' world, and only looked for: who opened it does without.
    Tried,
    /// What RubyGems, or Python's `importlib.metadata`, reads of every package that is installed, of one
    /// that nothing was loaded of.
    Listed,
}

/// What is needed to judge.
#[derive(Clone, Copy)]
pub struct Used<'a> {
    /// What was seen.
    pub trace: &'a Trace,
    /// The original's files.
    pub before: &'a dyn Files,
    /// Whose they are.
    pub owners: &'a Owners,
    /// How many of its layers are its base image's.
    pub base_layers: usize,
    /// The programs that start differ, as announced, so that others are used.
    pub other_start: bool,
}

impl Used<'_> {
    /// What the rewrite lacks of what was used.
    pub fn missed(&self, after: &dyn Files) -> Vec<Missed> {
        let trace = self.trace;
        let mut lookup = Lookup::new(trace, self.before, after);
        let mut found = Vec::new();
        for path in trace.opened.iter().chain(&trace.listed) {
            let Some(node) = self.before.node(path) else { continue };
            if matches!(node.kind, Kind::Special) || resolve(after, path).is_ok() {
                continue;
            }
            let written = trace.written.contains(path) && !trace.executed.contains(path);
            if written || is_plumbing(path) {
                continue;
            }
            if is_library(path) && (other_version(after, path) || node.layer < self.base_layers) {
                continue;
            }
            let what = if trace.executed.contains(path) && !is_library(path) {
                What::Program
            } else if is_system(path) {
                What::System
            } else if lookup.is_only_tried(path) {
                What::Tried
            } else if self.is_only_listed(path) {
                What::Listed
            } else if path == "/etc/ssl/openssl.cnf" && self.owners.of_file(path).is_some() {
                // The library does the same without it.
                What::Base
            } else if node.layer >= self.base_layers {
                What::Own
            } else {
                What::Base
            };
            found.push(Missed {
                path: path.clone(),
                what,
            });
        }
        found
    }

    /// Whether a file is the specification of a gem of which no file was opened: `specifications/x-1.gemspec`
    /// beside `gems/x-1/`.
    fn is_only_listed(&self, path: &str) -> bool {
        if let Some((distribution, name)) = path.split_once(".dist-info/") {
            return matches!(name, "entry_points.txt" | "METADATA" | "RECORD" | "top_level.txt")
                && self.is_idle(distribution);
        }
        let Some((root, name)) = path.split_once("/specifications/") else {
            return false;
        };
        let Some(name) = name.strip_suffix(".gemspec") else {
            return false;
        };
        let name = name.strip_prefix("default/").unwrap_or(name);
        let [folder, compiled] = ["gems", "extensions"].map(|kind| format!("{root}/{kind}/"));
        let of_it = |opened: &String| {
            let rest = opened.strip_prefix(&folder);
            rest.is_some_and(|rest| rest.split('/').next() == Some(name))
                || opened
                    .strip_prefix(&compiled)
                    .is_some_and(|rest| rest.split('/').any(|part| part == name))
        };
        !self.trace.opened.iter().any(of_it)
    }

    /// Whether no file of a distribution of Python's was opened, by its own list of them.
    fn is_idle(&self, distribution: &str) -> bool {
        let Some(record) = self
            .before
            .read(&format!("{distribution}.dist-info/RECORD"), RECORD_LIMIT)
        else {
            return false;
        };
        let folder = parent(distribution);
        let record = String::from_utf8_lossy(&record);
        // Compiled files are not always in the list, but lie in the same folders.
        let firsts = record.lines().filter_map(|line| line.split([',', '/']).next());
        let firsts: BTreeSet<&str> = firsts.filter(|f| !f.ends_with(".dist-info") && *f != "..").collect();
        let below = self
            .trace
            .opened
            .iter()
            .filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/'));
        let mut opened = below.filter_map(|rest| rest.split('/').next());
        !opened.any(|first| firsts.contains(first))
    }

    /// The checks.
    pub fn compare(&self, after: &dyn Files) -> Vec<Check> {
        let missed = self.missed(after);
        let of = |what: What| -> Vec<&str> {
            let those = missed.iter().filter(|missed| missed.what == what);
            those.map(|missed| missed.path.as_str()).collect()
        };
        let fine = |count: usize, what: &str| match count {
            0 => format!("the original used no {what}"),
            1 => format!("the original used one of the {what}, and it is there"),
            count => format!("the {count} {what} that the original used are there"),
        };
        let trace = self.trace;
        let mut checks = Vec::new();
        let mut say = |name: &str, offenders: &[&str], did: &str, fine: String| {
            checks.push(if offenders.is_empty() {
                Check::ok(name, fine)
            } else if self.other_start {
                Check::ok(
                    name,
                    format!("gone with what started before, as announced: {}", list(offenders)),
                )
            } else {
                Check::failed(
                    name,
                    format!("the original {did}, and they are missing: {}", list(offenders)),
                )
            });
        };
        say(
            "trace.programs",
            &of(What::Program),
            "starts them",
            fine(trace.executed.len(), "programs"),
        );
        say(
            "trace.files",
            &of(What::Own),
            "opens them",
            match trace.incomplete {
                true => "those that were seen are there; some may have been missed".to_owned(),
                false => fine(trace.opened.len() + trace.listed.len(), "files and folders"),
            },
        );
        say(
            "trace.system",
            &of(What::System),
            "opens them",
            "no certificates, time zones or locales that it used are missing".to_owned(),
        );
        for (name, what, says) in [
            (
                "trace.optional",
                What::Tried,
                "packages that are only looked for, or found above those that the program brings, and done without",
            ),
            (
                "trace.listed",
                What::Listed,
                "every package that is installed was looked at, and of these nothing was loaded",
            ),
            (
                "trace.base",
                What::Base,
                "of the old base image the original also opened, without being hurt by the loss",
            ),
        ] {
            let missed = of(what);
            if !missed.is_empty() {
                checks.push(Check::ok(name, format!("{says}: {}", list(&missed))));
            }
        }
        checks
    }
}

/// Where nobody could look.
pub fn untraced(why: &str) -> Check {
    Check::skipped(
        "trace.files",
        format!("what the original opens was not seen ({why}): a file that no probe needs may be missing"),
    )
}

fn list(paths: &[&str]) -> String {
    let mut text = paths.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if paths.len() > SHOWN {
        text.push_str(&format!(" and {} more", paths.len() - SHOWN));
    }
    text
}

/// What the loader, the C library and the engine look at by themselves: the closure and the user are
/// checks of their own.
fn is_plumbing(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let known = [
        "/etc/passwd",
        "/etc/group",
        "/etc/shadow",
        "/etc/hosts",
        "/etc/hostname",
        "/etc/resolv.conf",
        "/etc/nsswitch.conf",
        "/etc/host.conf",
        "/etc/gai.conf",
        "/etc/localtime",
        "/etc/timezone",
        "/etc/mtab",
        "/",
    ];
    known.contains(&path)
        || path.starts_with("/etc/ld")
        || path.starts_with("/proc/")
        || path.starts_with("/dev/")
        || path.starts_with("/sys/")
        || TEMPORARY.iter().any(|folder| path.starts_with(folder))
        || CACHES.iter().any(|folder| path.contains(folder))
        || name.starts_with("ld-linux")
        || name.starts_with("ld-musl")
        // Without it the time is UTC all the same.
        || path.starts_with("/usr/share/zoneinfo/") && matches!(name, "UTC" | "UCT" | "Universal" | "Zulu" | "zoneinfo")
}

/// What programs make anew where it is missing.
const TEMPORARY: &[&str] = &["/tmp/", "/var/tmp/", "/var/log", "/var/cache", "/run/", "/var/run/"];
/// The same, below any home or project.
const CACHES: &[&str] = &["/__pycache__/", "/.cache/", "/.npm/", "/.yarn/", "/_cacache/"];

fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.ends_with(".so") || name.contains(".so.")
}

/// Whether another release of a library stands where it stood.
fn other_version(after: &dyn Files, path: &str) -> bool {
    let (folder, name) = (parent(path), path.rsplit('/').next().unwrap_or_default());
    let Some((stem, _)) = name.split_once(".so") else {
        return false;
    };
    let stem = format!("{stem}.so");
    after.names(folder).iter().any(|other| other.starts_with(&stem))
}

/// Certificates of authorities, time zones, locales: what programs do without silently, and wrongly.
fn is_system(path: &str) -> bool {
    [
        "/etc/ssl/certs/",
        "/etc/ssl/cert.pem",
        "/etc/pki/ca-trust/",
        "/etc/pki/tls/cert",
        "/etc/ca-certificates/",
        "/usr/share/ca-certificates/",
        "/usr/share/zoneinfo/",
        "/usr/lib/locale/",
        "/usr/share/locale/",
    ]
    .iter()
    .any(|folder| path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    fn failed(opened: &[&str], executed: &[&str], written: &[&str], other_start: bool) -> Vec<String> {
        let set = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let trace = Trace {
            opened: set(opened),
            executed: set(executed),
            written: set(written),
            ..Trace::default()
        };
        let mut before = Memory::default();
        for path in opened {
            before.file(path, 0o755, "x");
        }
        let mut after = Memory::default();
        after
            .file("/usr/lib/libz.so.1.3", 0o644, "x")
            .file("/app/kept", 0o644, "x");
        let used = Used {
            trace: &trace,
            before: &before,
            owners: &Owners::default(),
            base_layers: 0,
            other_start,
        };
        let checks = used.compare(&after);
        checks
            .into_iter()
            .filter(Check::is_failure)
            .map(|check| check.name)
            .collect()
    }

    #[test]
    fn what_was_used_and_is_missing_is_named() {
        assert_eq!(failed(&["/app/kept"], &[], &[], false), Vec::<String>::new());
        assert_eq!(failed(&["/app/rules"], &[], &[], false), ["trace.files"]);
        assert_eq!(
            failed(&["/usr/bin/git"], &["/usr/bin/git"], &[], false),
            ["trace.programs"]
        );
        assert_eq!(
            failed(&["/etc/ssl/certs/ca-certificates.crt"], &[], &[], false),
            ["trace.system"]
        );
        assert_eq!(
            failed(&["/usr/share/zoneinfo/Europe/Berlin"], &[], &[], false),
            ["trace.system"]
        );
    }

    #[test]
    fn specifications_of_gems_that_are_not_loaded_are_only_listed() {
        let spec = "/usr/local/bundle/specifications/fake-0.1.0.gemspec";
        assert_eq!(failed(&[spec], &[], &[], false), Vec::<String>::new());
        let used = "/usr/local/bundle/gems/fake-0.1.0/lib/fake.rb";
        assert_eq!(failed(&[spec, used], &[], &[], false), ["trace.files"]);
        let compiled = "/usr/local/bundle/extensions/x86_64-linux/3.1.0/fake-0.1.0/fake.so";
        assert_eq!(failed(&[spec, compiled], &[], &[], false), ["trace.files"]);
    }

    #[test]
    fn metadata_of_distributions_that_are_not_imported_is_only_listed() {
        let folder = "/usr/lib/python3/site-packages";
        let points = format!("{folder}/pytest-8.0.dist-info/entry_points.txt");
        let module = format!("{folder}/pytest/__init__.py");
        let mut before = Memory::default();
        before.file(&points, 0o644, "x").file(&module, 0o644, "x").file(
            &format!("{folder}/pytest-8.0.dist-info/RECORD"),
            0o644,
            "pytest/__init__.py,sha256=x,1\npytest-8.0.dist-info/entry_points.txt,,\n",
        );
        let missed = |opened: &[&String]| {
            let trace = Trace {
                opened: opened.iter().map(|path| (*path).clone()).collect(),
                ..Trace::default()
            };
            let used = Used {
                trace: &trace,
                before: &before,
                owners: &Owners::default(),
                base_layers: 0,
                other_start: false,
            };
            used.missed(&Memory::default())
                .into_iter()
                .map(|m| m.what)
                .collect::<Vec<_>>()
        };
        assert_eq!(missed(&[&points]), [What::Listed]);
        assert_eq!(missed(&[&points, &module]), [What::Own, What::Own]);
    }

    #[test]
    fn a_package_that_nothing_asks_for_is_only_tried() {
        let (color, left) = (
            "/app/node_modules/supports-color/index.js",
            "/app/node_modules/pad/index.js",
        );
        let trace = Trace {
            opened: [color, left].map(str::to_owned).into(),
            ..Trace::default()
        };
        let mut before = Memory::default();
        before.file(color, 0o644, "x").file(left, 0o644, "x");
        let mut after = Memory::default();
        after
            .file("/app/package.json", 0o644, r#"{"devDependencies": {"pad": "1"}}"#)
            .file(
                "/app/node_modules/debug/package.json",
                0o644,
                r#"{"dependencies": {"ms": "1"}}"#,
            );
        let used = Used {
            trace: &trace,
            before: &before,
            owners: &Owners::default(),
            base_layers: 0,
            other_start: false,
        };
        let missed = |what: What| -> Vec<String> {
            let missed = used.missed(&after).into_iter().filter(|missed| missed.what == what);
            missed.map(|missed| missed.path).collect()
        };
        assert_eq!(
            (missed(What::Tried), missed(What::Own)),
            (vec![color.to_owned()], vec![left.to_owned()])
        );
        let failed = used.compare(&after).into_iter().filter(Check::is_failure);
        assert_eq!(failed.map(|check| check.name).collect::<Vec<_>>(), ["trace.files"]);
    }

    #[test]
    fn what_need_not_be_there_is_not() {
        for path in [
            "/etc/nsswitch.conf",
            "/etc/ld.so.cache",
            "/usr/share/zoneinfo/Etc/UTC",
            "/lib64/ld-linux-x86-64.so.2",
            "/root/.npm/_logs",
            "/root/.cache/pip/x",
            "/var/log/app.log",
            // Another patch release of it is there.
            "/usr/lib/libz.so.1.2",
        ] {
            assert_eq!(failed(&[path], &[], &[], false), Vec::<String>::new(), "{path}");
        }
        assert_eq!(failed(&["/app/log"], &[], &["/app/log"], false), Vec::<String>::new());
        assert_eq!(failed(&["/app/rules"], &["/bin/npm"], &[], true), Vec::<String>::new());
    }
}
