//! What an image starts, and whether all of that is there: its program, its HEALTHCHECK, and the
//! programs that the scripts between them name.

use super::check::Check;
use super::closure::{Place, closure, find};
use super::files::{Files, Kind, clean, resolve};
use crate::executor::ImageConfig;
use crate::shell::{self, Dialect};
use crate::source::Span;
use std::collections::BTreeSet;

/// The longest script that is read for the programs it names, in bytes.
const SCRIPT_LIMIT: u64 = 256 * 1024;

/// An image as its starting is looked at.
#[derive(Clone, Copy)]
pub struct Image<'a> {
    /// Its config.
    pub config: &'a ImageConfig,
    /// Its files.
    pub files: &'a dyn Files,
}

impl<'a> Image<'a> {
    /// Where its processes start.
    pub fn place(&self) -> Place<'a> {
        Place {
            env: &self.config.env,
            working_dir: &self.config.working_dir,
        }
    }

    /// ENTRYPOINT and CMD as one list; empty where the image names no program.
    pub fn command_line(&self) -> Vec<String> {
        let parts = [&self.config.entrypoint, &self.config.cmd];
        parts.into_iter().flatten().flatten().cloned().collect()
    }

    /// The HEALTHCHECK's program and arguments; none without one.
    pub fn health_command(&self) -> Option<Vec<String>> {
        let test = &self.config.healthcheck.as_ref()?.test;
        match test.split_first()? {
            (kind, rest) if kind == "CMD" => Some(rest.to_vec()),
            (kind, rest) if kind == "CMD-SHELL" => {
                let shell = self
                    .config
                    .shell
                    .clone()
                    .unwrap_or_else(|| vec!["/bin/sh".into(), "-c".into()]);
                Some(shell.into_iter().chain(rest.iter().cloned()).collect())
            }
            _ => None,
        }
    }

    /// The programs that start with these words: the first of them, and those that shell scripts
    /// among them name. Names only, as written.
    pub fn programs(&self, words: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        self.collect(words, &mut found, &mut seen, 0);
        found
    }

    fn collect(&self, words: &[String], found: &mut Vec<String>, seen: &mut BTreeSet<String>, depth: u32) {
        let Some((program, arguments)) = words.split_first() else {
            return;
        };
        if program.is_empty() || program.contains('$') || depth > 4 || !seen.insert(words.join("\0")) {
            return;
        }
        if !found.contains(program) {
            found.push(program.clone());
        }
        let name = program.rsplit('/').next().unwrap_or(program);
        if is_shell(name) {
            match arguments.iter().position(|word| !word.starts_with(['-', '+'])) {
                // `sh -c SCRIPT`, `sh FILE`.
                Some(at)
                    if arguments
                        .iter()
                        .take(at)
                        .any(|flags| flags.starts_with('-') && flags.contains('c')) =>
                {
                    if let Some(script) = arguments.get(at) {
                        self.script(script, found, seen, depth);
                    }
                }
                Some(at) => {
                    if let Some(path) = arguments.get(at) {
                        self.script_file(&clean(self.directory(), path), found, seen, depth);
                    }
                }
                None => {}
            }
            return;
        }
        if let Ok(path) = find(self.files, self.place(), program) {
            self.script_file(&path, found, seen, depth);
        }
        // What wraps another program names it behind its own options.
        if matches!(
            name,
            "tini" | "dumb-init" | "env" | "exec" | "nice" | "nohup" | "setsid" | "catatonit"
        ) {
            let rest = arguments
                .iter()
                .position(|word| !word.starts_with('-') && !word.contains('='));
            if let Some(rest) = rest.and_then(|at| arguments.get(at..)) {
                self.collect(rest, found, seen, depth + 1);
            }
        }
    }

    fn directory(&self) -> &str {
        match self.config.working_dir.as_str() {
            "" => "/",
            directory => directory,
        }
    }

    /// A file, where it is a shell script.
    fn script_file(&self, path: &str, found: &mut Vec<String>, seen: &mut BTreeSet<String>, depth: u32) {
        let Ok((path, node)) = resolve(self.files, path) else {
            return;
        };
        if !matches!(node.kind, Kind::File(bytes) if bytes <= SCRIPT_LIMIT) {
            return;
        }
        let Some(bytes) = self.files.read(&path, SCRIPT_LIMIT) else {
            return;
        };
        let Ok(text) = String::from_utf8(bytes) else { return };
        if Dialect::of_shebang(&text).is_some_and(|dialect| dialect.is_posix_like()) {
            self.script(&text, found, seen, depth);
        }
    }

    fn script(&self, text: &str, found: &mut Vec<String>, seen: &mut BTreeSet<String>, depth: u32) {
        let dialect = Dialect::of_program("bash");
        let script = shell::heredoc_script(text, Span::new(0, text.len()), &dialect);
        for command in &script.commands {
            // What only some runs reach, or what the script defines itself, is no must.
            let optional = command.place.in_conditional || command.place.in_function;
            if command.name.text.is_empty() || optional {
                continue;
            }
            let mut words: Vec<String> = std::iter::once(&command.name)
                .chain(&command.words)
                .map(|word| word.text.clone())
                .collect();
            if matches!(command.name.text.as_str(), "exec" | "command") {
                let Some(at) = words.iter().skip(1).position(|word| !word.starts_with('-')) else {
                    continue;
                };
                words.drain(..=at);
            } else if shell::is_builtin(&command.name.text) {
                continue;
            }
            self.collect(&words, found, seen, depth + 1);
        }
    }
}

fn is_shell(name: &str) -> bool {
    matches!(name, "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh" | "busybox")
}

/// Whether everything that starts in `before` can start in `after`, and the account and folder that
/// it starts with are there.
///
/// `other_start` says that another program starts, as announced: then what the old one needed is no
/// must.
pub fn compare(before: Image<'_>, after: Image<'_>, other_start: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    let line = after.command_line();
    if line.is_empty() {
        checks.push(Check::skipped(
            "closure.entrypoint",
            "the image names no program to start",
        ));
    } else {
        let was = if other_start { Vec::new() } else { before.command_line() };
        checks.push(programs("closure.entrypoint", before, after, &was, &line));
    }
    if let Some(words) = after.health_command() {
        let was = before.health_command().unwrap_or_default();
        checks.push(programs("closure.healthcheck", before, after, &was, &words));
    }
    checks.push(account(before, after));
    checks.push(directory(after));
    checks
}

fn programs(name: &str, before: Image<'_>, after: Image<'_>, was: &[String], is: &[String]) -> Check {
    let mut needed = after.programs(is);
    // A script that itself is missing in the rewrite names nothing there.
    for program in before.programs(was) {
        if !needed.contains(&program) && find(before.files, before.place(), &program).is_ok() {
            needed.push(program);
        }
    }
    let mut missing = Vec::new();
    let mut count = 0;
    for program in &needed {
        let found = closure(after.files, after.place(), program);
        count += found.files.len();
        if found.missing.is_empty() {
            continue;
        }
        // It only has to be as whole as it was: a script may name what no image has.
        let old = closure(before.files, before.place(), program).missing;
        missing.extend(found.missing.into_iter().filter(|what| !old.contains(what)));
    }
    match missing.is_empty() {
        true => Check::ok(
            name,
            format!("{} with the {count} files that starting it needs", shown(is)),
        ),
        false => Check::failed(name, missing.join("; ")),
    }
}

fn shown(words: &[String]) -> String {
    let line: String = words.join(" ").chars().take(80).collect();
    format!("`{line}`")
}

/// The user exists where it goes by a name, with the numbers that it had.
fn account(before: Image<'_>, after: Image<'_>) -> Check {
    const NAME: &str = "closure.user";
    let user = after.config.user.as_str();
    let (name, group) = match user.split_once(':') {
        Some((name, group)) => (name, Some(group)),
        None => (user, None),
    };
    let number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let mut missing = Vec::new();
    for (name, table) in [(Some(name), "/etc/passwd"), (group, "/etc/group")] {
        let Some(name) = name.filter(|name| !matches!(*name, "" | "root") && !number(name)) else {
            continue;
        };
        match (id_of(after.files, table, name), id_of(before.files, table, name)) {
            (None, _) => missing.push(format!("{name} is not in {table}")),
            (Some(is), Some(was)) if is != was => missing.push(format!("{name} had number {was} and has {is}")),
            _ => {}
        }
    }
    match missing.is_empty() {
        true => Check::ok(NAME, if user.is_empty() { "root" } else { user }),
        false => Check::failed(NAME, missing.join("; ")),
    }
}

/// The number of a name in `/etc/passwd` or `/etc/group`.
fn id_of(files: &dyn Files, table: &str, name: &str) -> Option<String> {
    let (path, _) = resolve(files, table).ok()?;
    let text = files.read(&path, 1 << 20)?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2).map(str::to_owned)
}

fn directory(after: Image<'_>) -> Check {
    const NAME: &str = "closure.workdir";
    let directory = match after.config.working_dir.as_str() {
        "" => "/",
        directory => directory,
    };
    match resolve(after.files, directory) {
        Ok((_, node)) if node.kind == Kind::Folder => Check::ok(NAME, directory),
        Ok(_) => Check::failed(NAME, format!("{directory} is no folder")),
        Err(nowhere) => Check::failed(NAME, nowhere.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    fn config(entrypoint: &[&str], cmd: &[&str]) -> ImageConfig {
        let list = |words: &[&str]| Some(words.iter().map(|word| word.to_string()).collect());
        ImageConfig {
            entrypoint: list(entrypoint),
            cmd: list(cmd),
            working_dir: "/app".into(),
            ..ImageConfig::default()
        }
    }

    fn base() -> Memory {
        let mut files = Memory::default();
        files
            .file("/bin/sh", 0o755, "x")
            .file("/usr/bin/gosu", 0o755, "x")
            .file("/usr/bin/curl", 0o755, "x")
            .file("/app/run", 0o755, "x")
            .file(
                "/entry.sh",
                0o755,
                "#!/bin/sh\nset -e\nif [ -n \"$X\" ]; then maybe; fi\nexec gosu app /app/run \"$@\"\n",
            )
            .file("/etc/passwd", 0o644, "root:x:0:0::/:\napp:x:1000:1000::/:\n");
        files
    }

    fn failures(files: &Memory, config: &ImageConfig) -> Vec<String> {
        let whole = base();
        let before = Image { config, files: &whole };
        let checks = compare(before, Image { config, files }, false);
        checks
            .into_iter()
            .filter(Check::is_failure)
            .map(|check| check.detail)
            .collect()
    }

    #[test]
    fn scripts_name_programs() {
        let files = base();
        let config = config(&["/entry.sh"], &["--serve"]);
        let image = Image {
            config: &config,
            files: &files,
        };
        assert_eq!(image.programs(&image.command_line()), ["/entry.sh", "gosu"]);
        assert_eq!(failures(&files, &config), Vec::<String>::new());
    }

    #[test]
    fn what_a_script_needs_is_missed() {
        let config = config(&["/entry.sh"], &[]);
        let mut files = Memory::default();
        files.file("/bin/sh", 0o755, "x").file("/app/run", 0o755, "x").file(
            "/entry.sh",
            0o755,
            "#!/bin/sh\nexec gosu app /app/run\n",
        );
        let found = failures(&files, &config);
        assert!(
            found.len() == 1 && found[0].starts_with("`gosu` is in no folder of PATH"),
            "{found:?}"
        );
    }

    #[test]
    fn a_healthcheck_needs_its_tool() {
        let mut config = config(&[], &["/app/run"]);
        config.healthcheck = Some(crate::executor::Healthcheck {
            test: vec!["CMD-SHELL".into(), "curl -f http://localhost/ || exit 1".into()],
            ..Default::default()
        });
        assert_eq!(failures(&base(), &config), Vec::<String>::new());
        let mut files = Memory::default();
        files.file("/bin/sh", 0o755, "x").file("/app/run", 0o755, "x");
        let found = failures(&files, &config);
        assert!(found[0].starts_with("`curl` is in no folder of PATH"), "{found:?}");
    }

    #[test]
    fn users_and_folders_must_be_there() {
        let mut config = config(&[], &["/app/run"]);
        config.user = "app".into();
        assert_eq!(failures(&base(), &config), Vec::<String>::new());
        let mut files = base();
        files.file("/etc/passwd", 0o644, "app:x:1001:1001::/:\n");
        assert_eq!(failures(&files, &config), ["app had number 1000 and has 1001"]);
        files.file("/etc/passwd", 0o644, "");
        assert_eq!(failures(&files, &config), ["app is not in /etc/passwd"]);
        config.user = "1000".into();
        config.working_dir = "/srv".into();
        assert_eq!(failures(&files, &config), ["/srv does not exist"]);
    }
}
