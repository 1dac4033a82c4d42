//! What two file trees say before anything runs: permissions that were lost, links that lead
//! nowhere any more.

use super::check::Check;
use super::files::{Files, Kind, resolve};
use super::owners::Owners;

/// How many offenders a message names.
const SHOWN: usize = 5;

/// Compares what both images have. Files that a package brought are that package's business.
pub fn compare(before: &dyn Files, after: &dyn Files, owners: &Owners) -> Vec<Check> {
    let (mut flat, mut dangling, mut both) = (Vec::new(), Vec::new(), 0u64);
    after.each(&mut |path, node| {
        let Some(was) = before.node(path) else { return };
        both += 1;
        match (&was.kind, &node.kind) {
            (Kind::File(_), Kind::File(_))
                if was.is_executable() && !node.is_executable() && is_program(before, path) =>
            {
                flat.push(format!("{path} (mode {:o} became {:o})", was.mode, node.mode));
            }
            (_, Kind::Link(target)) => {
                let known = owners
                    .of_file(path)
                    .is_some_and(|owner| owner.starts_with("apt:") || owner.starts_with("apk:"));
                // Alternatives and documentation lead nowhere in slim images, too.
                let usual = known || path.starts_with("/etc/alternatives/") || path.starts_with("/usr/share/");
                if !usual && resolve(before, path).is_ok() && resolve(after, path).is_err() {
                    dangling.push(format!("{path} -> {target}"));
                }
            }
            _ => {}
        }
    });
    let say = |name: &str, mut offenders: Vec<String>, fine: String| match offenders.len() {
        0 => Check::ok(name, fine),
        count => {
            offenders.truncate(SHOWN);
            let more = if count > SHOWN {
                format!(" and {} more", count - SHOWN)
            } else {
                String::new()
            };
            Check::failed(name, format!("{}{more}", offenders.join(", ")))
        }
    };
    vec![
        say(
            "files.executable",
            flat,
            format!("{both} files that both have, none lost its permission to execute"),
        ),
        say(
            "files.links",
            dangling,
            "no link leads nowhere that led somewhere before".to_owned(),
        ),
    ]
}

/// The longest file that is looked into, in bytes.
const LONGEST: u64 = 64 << 20;

/// Whether somebody could want to execute a file: machine code, a script that names its interpreter, one
/// for the shell. A module that an installer gave all permissions is none.
fn is_program(files: &dyn Files, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let for_shell = name.ends_with(".sh") || !name.trim_start_matches('.').contains('.');
    let begins = |bytes: Vec<u8>| bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF");
    for_shell || files.read(path, LONGEST).is_none_or(begins)
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    #[test]
    fn lost_permissions_and_dangling_links_are_seen() {
        let mut before = Memory::default();
        before
            .file("/app/run", 0o755, "x")
            .file("/app/module.py", 0o755, "import os")
            .file("/opt/java/bin/java", 0o755, "x")
            .link("/usr/local/bin/java", "/opt/java/bin/java")
            .link("/usr/local/bin/ghost", "/nowhere");
        let mut after = Memory::default();
        after
            .file("/app/run", 0o644, "x")
            .file("/app/module.py", 0o644, "import os")
            .link("/usr/local/bin/java", "/opt/java/bin/java")
            .link("/usr/local/bin/ghost", "/nowhere");
        let checks = compare(&before, &after, &Owners::default());
        assert_eq!(checks[0].detail, "/app/run (mode 755 became 644)");
        assert_eq!(checks[1].detail, "/usr/local/bin/java -> /opt/java/bin/java");
        let same = compare(&before, &before, &Owners::default());
        assert!(same.iter().all(|check| check.ok));
    }
}
