//! What a process needs before its own code runs: the file itself, that it may be executed, its
//! interpreter, its shared libraries. All is looked up in the image's files; nothing is run, so this
//! also answers for images that have no shell.

use super::elf;
use super::files::{Files, Kind, clean, parent, resolve};
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::io::{Read, Seek};

/// The longest file that is read as a program or library, in bytes.
const PROGRAM_LIMIT: u64 = 1 << 30;
/// The longest first line of a script, in bytes; the kernel reads less.
const FIRST_LINE: u64 = 4096;

/// Where a process would be started.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The image's ENV.
    pub env: &'a [(String, String)],
    /// Its WORKDIR; empty is `/`.
    pub working_dir: &'a str,
}

impl Place<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        let pair = self.env.iter().rev().find(|(known, _)| known == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// Docker's own PATH is in force where the image sets none.
    fn path(&self) -> &str {
        self.variable("PATH")
            .unwrap_or("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    }
}

/// What is missing, each a sentence; with the files that were found needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closure {
    /// What is missing or wrong.
    pub missing: Vec<String>,
    /// Files that the process maps or reads before its own code runs.
    pub files: BTreeSet<String>,
    /// Shared libraries that no file was found for, by name.
    pub libraries: BTreeSet<String>,
}

/// The file that a program's name stands for, as execvp finds it.
///
/// # Errors
/// What is wrong: there is none, or it may not be executed.
pub fn find(files: &dyn Files, place: Place<'_>, program: &str) -> Result<String, String> {
    let directory = if place.working_dir.is_empty() {
        "/"
    } else {
        place.working_dir
    };
    if program.contains('/') {
        let path = clean(directory, program);
        let (path, node) = resolve(files, &path).map_err(|nowhere| {
            if program.starts_with('/') {
                format!("{nowhere}")
            } else {
                format!("{nowhere} (`{program}` from the working directory {directory})")
            }
        })?;
        return match node.kind {
            Kind::File(_) if node.is_executable() => Ok(path),
            Kind::File(_) => Err(format!("{path} is not executable (mode {:o})", node.mode)),
            Kind::Folder => Err(format!("{path} is a folder")),
            _ => Err(format!("{path} is no file")),
        };
    }
    let mut refused = None;
    for folder in place.path().split(':') {
        let folder = if folder.is_empty() { directory } else { folder };
        let Ok((path, node)) = resolve(files, &clean(directory, &format!("{folder}/{program}"))) else {
            continue;
        };
        match node.kind {
            Kind::File(_) if node.is_executable() => return Ok(path),
            Kind::File(_) => refused = Some(format!("{path} is not executable (mode {:o})", node.mode)),
            _ => {}
        }
    }
    Err(refused.unwrap_or_else(|| format!("`{program}` is in no folder of PATH ({})", place.path())))
}

/// What `program` needs, with everything that its interpreters and libraries need.
pub fn closure(files: &dyn Files, place: Place<'_>, program: &str) -> Closure {
    let mut walk = Walk::new(files, place);
    match find(files, place, program) {
        Ok(path) => walk.start(&path, 0),
        Err(why) => walk.found.missing.push(why),
    }
    walk.libraries();
    walk.found
}

/// What an ELF file that is no program (an extension of an interpreter) needs beside what its host
/// brings.
pub fn of_library(files: &dyn Files, place: Place<'_>, path: &str) -> Closure {
    let mut walk = Walk::new(files, place);
    walk.start(path, 0);
    walk.libraries();
    walk.found
}

struct Walk<'a> {
    files: &'a dyn Files,
    place: Place<'a>,
    found: Closure,
    /// ELF files whose libraries are still to be looked for: path, needs, RPATHs of those that load it.
    queue: VecDeque<(String, elf::Needs, Vec<String>)>,
    seen: HashSet<String>,
    /// Folders of `/etc/ld.so.conf`, and the loader's own.
    folders: Option<Vec<String>>,
    musl: bool,
}

impl<'a> Walk<'a> {
    fn new(files: &'a dyn Files, place: Place<'a>) -> Walk<'a> {
        Walk {
            files,
            place,
            found: Closure::default(),
            queue: VecDeque::new(),
            seen: HashSet::new(),
            folders: None,
            musl: false,
        }
    }

    /// Follows shebangs to an ELF file.
    fn start(&mut self, path: &str, depth: u32) {
        self.found.files.insert(path.to_owned());
        let Some(mut content) = self.files.open(path, PROGRAM_LIMIT) else {
            self.found.missing.push(format!("{path} cannot be read"));
            return;
        };
        if let Some(needs) = elf::needs(&mut *content) {
            if let Some(interpreter) = &needs.interpreter {
                self.musl |= interpreter.contains("/ld-musl-");
                match resolve(self.files, interpreter) {
                    Ok((at, node)) if node.is_executable() => {
                        self.found.files.insert(at);
                    }
                    Ok((at, _)) => self
                        .found
                        .missing
                        .push(format!("{at}, the loader of {path}, is not executable")),
                    Err(_) => {
                        let hint = if interpreter.contains("musl") {
                            "; it was linked against musl (Alpine)"
                        } else {
                            "; it was linked against another C library than this image has, or is not static"
                        };
                        self.found
                            .missing
                            .push(format!("{interpreter}, the loader of {path}, does not exist{hint}"));
                    }
                }
            }
            let above = needs.rpath.clone();
            self.queue.push_back((path.to_owned(), needs, above));
            return;
        }
        let mut bytes = Vec::new();
        let begun = content
            .rewind()
            .and_then(|()| content.take(FIRST_LINE).read_to_end(&mut bytes));
        if begun.is_err() {
            return;
        }
        let Some(rest) = bytes.strip_prefix(b"#!") else {
            // The kernel refuses it, a shell runs it; who calls it decides.
            return;
        };
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        if line.ends_with('\r') {
            self.found.missing.push(format!(
                "{path} names its interpreter with a carriage return at the end (CRLF)"
            ));
            return;
        }
        let mut words = line.split_whitespace();
        let Some(interpreter) = words.next() else {
            self.found
                .missing
                .push(format!("{path} names no interpreter behind #!"));
            return;
        };
        if depth > 4 {
            self.found.missing.push(format!("{path} has interpreters in a circle"));
            return;
        }
        match find(self.files, self.place, interpreter) {
            Ok(at) => self.start(&at, depth + 1),
            Err(why) => {
                self.found
                    .missing
                    .push(format!("{why}; it is the interpreter of {path}"));
                return;
            }
        }
        if interpreter.ends_with("/env") {
            let program = words.find(|word| !word.starts_with('-') && !word.contains('='));
            if let Some(program) = program {
                match find(self.files, self.place, program) {
                    Ok(at) => self.start(&at, depth + 1),
                    Err(why) => self
                        .found
                        .missing
                        .push(format!("{why}; it is the interpreter of {path}")),
                }
            }
        }
    }

    fn needs(&self, path: &str) -> Option<elf::Needs> {
        elf::needs(&mut *self.files.open(path, PROGRAM_LIMIT)?)
    }

    fn libraries(&mut self) {
        while let Some((path, needs, above)) = self.queue.pop_front() {
            let origin = parent(&path).to_owned();
            for library in &needs.libraries {
                let key = format!("{library}\0{}", needs.machine);
                if !self.seen.insert(key) {
                    continue;
                }
                let Some(at) = self.library(library, &needs, &above, &origin) else {
                    self.found.libraries.insert(library.clone());
                    self.found
                        .missing
                        .push(format!("{library}, which {path} needs, is in no library folder"));
                    continue;
                };
                self.found.files.insert(at.clone());
                if let Some(more) = self.needs(&at) {
                    let mut inherited = above.clone();
                    inherited.extend(more.rpath.iter().cloned());
                    self.queue.push_back((at, more, inherited));
                }
            }
        }
    }

    /// Where the loader finds a library: ld.so(8), and musl's own simpler order.
    fn library(&mut self, name: &str, needs: &elf::Needs, above: &[String], origin: &str) -> Option<String> {
        if name.contains('/') {
            return resolve(self.files, name).ok().map(|(at, _)| at);
        }
        // musl's loader and C library are one file, found by either name.
        if self.musl && (name.starts_with("libc.musl-") || name == "libc.so") {
            let known = self
                .files
                .names("/lib")
                .into_iter()
                .find(|known| known.starts_with("ld-musl-"));
            if let Some(known) = known {
                return Some(format!("/lib/{known}"));
            }
        }
        let here = |folder: &String| {
            folder
                .replace("$ORIGIN", origin)
                .replace("${ORIGIN}", origin)
                .replace("$LIB", "lib/x86_64-linux-gnu")
                .replace("${LIB}", "lib/x86_64-linux-gnu")
        };
        let mut folders: Vec<String> = Vec::new();
        if needs.runpath.is_empty() {
            folders.extend(above.iter().chain(&needs.rpath).map(here));
        }
        if let Some(set) = self.place.variable("LD_LIBRARY_PATH") {
            folders.extend(
                set.split([':', ';'])
                    .filter(|folder| !folder.is_empty())
                    .map(str::to_owned),
            );
        }
        folders.extend(needs.runpath.iter().map(here));
        folders.extend(self.configured().iter().cloned());
        folders.iter().find_map(|folder| {
            let (at, node) = resolve(self.files, &clean("/", &format!("{folder}/{name}"))).ok()?;
            if !matches!(node.kind, Kind::File(_)) {
                return None;
            }
            let found = self.needs(&at)?;
            (found.machine == needs.machine && found.wide == needs.wide).then_some(at)
        })
    }

    fn configured(&mut self) -> &[String] {
        if self.folders.is_none() {
            let mut folders = Vec::new();
            if self.musl {
                for name in self.files.names("/etc") {
                    if name.starts_with("ld-musl-") && name.ends_with(".path") {
                        let text = self.files.read(&format!("/etc/{name}"), 1 << 20).unwrap_or_default();
                        let text = String::from_utf8_lossy(&text).into_owned();
                        folders.extend(text.split([':', '\n']).filter(|f| !f.is_empty()).map(str::to_owned));
                    }
                }
                folders.extend(["/lib", "/usr/local/lib", "/usr/lib"].map(str::to_owned));
            } else {
                read_conf(self.files, "/etc/ld.so.conf", &mut folders, 0);
                // The loader's own folders; Debian's and Ubuntu's loaders know the multiarch ones
                // (they are in their ld.so.conf.d too, which distroless images leave out).
                for above in ["/lib", "/usr/lib"] {
                    for name in self.files.names(above) {
                        if name.contains("-linux-gnu") {
                            folders.push(format!("{above}/{name}"));
                        }
                    }
                }
                folders.extend(["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(str::to_owned));
            }
            self.folders = Some(folders);
        }
        self.folders.as_deref().unwrap_or_default()
    }
}

fn read_conf(files: &dyn Files, path: &str, folders: &mut Vec<String>, depth: u32) {
    let Ok((at, _)) = resolve(files, path) else { return };
    let Some(text) = files.read(&at, 1 << 20) else { return };
    for line in String::from_utf8_lossy(&text).lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(pattern) = line.strip_prefix("include ") {
            let pattern = clean(parent(path), pattern.trim());
            let suffix = pattern.rsplit('*').next().unwrap_or_default();
            for name in files.names(parent(&pattern)) {
                if name.ends_with(suffix) && depth < 3 {
                    read_conf(files, &format!("{}/{name}", parent(&pattern)), folders, depth + 1);
                }
            }
        } else if line.starts_with('/') {
            folders.push(line.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    fn place(env: &[(String, String)]) -> Place<'_> {
        Place {
            env,
            working_dir: "/app",
        }
    }

    #[test]
    fn scripts_need_their_interpreters() {
        let mut files = Memory::default();
        files
            .file("/app/run.sh", 0o755, "#!/usr/bin/env -S python3 -u\nprint()\n")
            .file("/app/crlf.sh", 0o755, "#!/bin/sh\r\n")
            .file("/usr/bin/env", 0o755, "not ELF")
            .file("/app/flat", 0o644, "#!/bin/sh\n");
        let missing = |program: &str| closure(&files, place(&[]), program).missing.join("; ");
        assert_eq!(
            missing("./run.sh"),
            "`python3` is in no folder of PATH (/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin); it is the interpreter of /app/run.sh"
        );
        assert!(missing("./crlf.sh").contains("carriage return"));
        assert_eq!(missing("./flat"), "/app/flat is not executable (mode 644)");
        assert_eq!(
            missing("gone"),
            "`gone` is in no folder of PATH (/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)"
        );
        assert_eq!(
            missing("./gone"),
            "/app/gone does not exist (`./gone` from the working directory /app)"
        );
    }

    /// The host's own shell, with and without its libraries.
    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn libraries_are_followed() {
        let shell = std::fs::read("/bin/sh").unwrap();
        let needs = elf::needs(&mut std::io::Cursor::new(&shell)).unwrap();
        let mut files = Memory::default();
        files.file("/bin/sh", 0o755, shell);
        let interpreter = needs.interpreter.clone().unwrap();
        let bare = closure(&files, place(&[]), "/bin/sh");
        assert!(bare.missing[0].starts_with(&format!("{interpreter}, the loader of /bin/sh, does not exist")));
        assert!(
            bare.libraries.iter().any(|library| library.starts_with("libc.so")),
            "{bare:?}"
        );

        files.file(&interpreter, 0o755, std::fs::read(&interpreter).unwrap());
        for folder in [
            "/lib/x86_64-linux-gnu",
            "/usr/lib/x86_64-linux-gnu",
            "/lib64",
            "/lib/aarch64-linux-gnu",
        ] {
            for library in &needs.libraries {
                if let Ok(bytes) = std::fs::read(format!("{folder}/{library}")) {
                    files.file(&format!("/usr/lib/x86_64-linux-gnu/{library}"), 0o644, bytes);
                }
            }
        }
        let whole = closure(&files, place(&[]), "/bin/sh");
        assert_eq!(whole.missing, Vec::<String>::new());
        assert!(whole.files.contains("/bin/sh") && whole.files.len() >= 3);
    }
}
