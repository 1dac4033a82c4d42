//! Whole builds of contexts, Dockerfiles and images that mean harm, by the program itself: each is
//! refused with a sentence that says why, or does nothing outside of its image; and what lies beside
//! the context is neither changed nor taken in.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod contexts;
#[path = "../host_root/mod.rs"]
mod host_root;
mod images;
mod kills;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What nobody may read.
const SECRET: &str = "what lies outside of the context";

/// A context with something beside it, and a store.
struct Place {
    folder: TempDir,
}

/// What a build said.
struct Said {
    code: Option<i32>,
    text: String,
}

impl Place {
    fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        for name in ["context", "outside", "root", "cache"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let place = Place { folder };
        fs::write(place.at("outside/victim"), SECRET).unwrap();
        host_root::make(&place.at("root"), &[]);
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Runs a script in a new context.
    fn prepare(&self, script: &str) {
        let context = self.at("context");
        fs::remove_dir_all(&context).unwrap();
        fs::create_dir(&context).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-euc", script]).current_dir(&context);
        let done = shell.env("OUT", self.at("outside")).status().unwrap();
        assert!(done.success(), "{script}");
    }

    fn command(&self, dockerfile: &str, more: &[&str]) -> Command {
        let file = self.at("Dockerfile");
        fs::write(&file, dockerfile).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mbopt"));
        command
            .args(["build", "--engine", "native", "--network", "none", "--no-config"])
            .arg("--build-context")
            .arg(format!("base={}", self.at("root").display()))
            .args(more)
            .arg("-f")
            .arg(file)
            .arg(self.at("context"))
            .env("XDG_CACHE_HOME", self.at("cache"))
            .env("MBOPT_OUTER", SECRET)
            .stdin(Stdio::null());
        command
    }

    /// Builds; a build that hangs is a failure.
    fn build(&self, dockerfile: &str, more: &[&str]) -> Said {
        let log = self.at("log");
        let out = fs::File::create(&log).unwrap();
        let mut command = self.command(dockerfile, more);
        let mut child = command.stdout(out.try_clone().unwrap()).stderr(out).spawn().unwrap();
        let began = Instant::now();
        let code = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None if began.elapsed() > Duration::from_secs(90) => {
                    child.kill().unwrap();
                    let _ = child.wait();
                    break None;
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        Said {
            code,
            text: fs::read_to_string(log).unwrap(),
        }
    }

    /// Nothing came to be outside, and nothing of it is in the store.
    fn is_untouched(&self) -> Result<(), String> {
        let names = |path: &Path| {
            let mut names: Vec<_> = fs::read_dir(path).unwrap().map(|e| e.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let outside = names(&self.at("outside"));
        if outside != ["victim"] {
            return Err(format!("outside there is {outside:?}"));
        }
        let victim = self.at("outside/victim");
        let meta = fs::metadata(&victim).unwrap();
        if fs::read_to_string(&victim).unwrap() != SECRET || meta.nlink() != 1 || meta.uid() != 0 {
            return Err("what lies outside was changed".to_owned());
        }
        let around = names(self.folder.path());
        let known = [
            "Dockerfile",
            "cache",
            "context",
            "log",
            "outside",
            "root",
            "image.tar",
            "layout",
        ];
        if let Some(new) = around.iter().find(|name| !known.iter().any(|known| *known == *name)) {
            return Err(format!("{} came to be beside the context", new.display()));
        }
        for entry in walkdir::WalkDir::new(self.at("cache")) {
            let entry = entry.map_err(|error| error.to_string())?;
            let small = entry.metadata().is_ok_and(|meta| meta.is_file() && meta.len() < 65_536);
            if small
                && fs::read(entry.path())
                    .unwrap()
                    .windows(SECRET.len())
                    .any(|part| part == SECRET.as_bytes())
            {
                return Err(format!("the secret is in {}", entry.path().display()));
            }
        }
        // Between builds nothing is in the making.
        let left: Vec<_> = fs::read_dir(self.at("cache/mbopt/store/tmp"))
            .map(|all| {
                all.map(|entry| entry.unwrap().path())
                    .filter(|path| path.is_dir())
                    .collect()
            })
            .unwrap_or_default();
        if !left.is_empty() {
            return Err(format!("{left:?} was left behind"));
        }
        Ok(())
    }

    /// What is wrong about a build that has to be `expected`: `builds`, or a part of the refusal.
    fn judge(&self, name: &str, said: &Said, expected: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let refused = matches!(said.code, Some(1 | 2 | 4));
        match (said.code, expected) {
            (Some(0), "builds") => {}
            (_, "builds") => wrong.push(format!("it is not built: {}", said.text)),
            _ if !refused => wrong.push(format!("exit code {:?}: {}", said.code, said.text)),
            _ if !said.text.contains(expected) => wrong.push(format!("it should say `{expected}`: {}", said.text)),
            _ => {}
        }
        if said.text.contains(SECRET) || said.text.contains("panicked") {
            wrong.push(format!("it says what it must not: {}", said.text));
        }
        wrong.extend(self.is_untouched().err());
        wrong.into_iter().map(|what| format!("{name}: {what}")).collect()
    }
}

/// Whether builds can be made here, and their store be looked into.
fn is_possible() -> bool {
    let possible = mbopt::executor::native::userns::privileged();
    if !possible {
        eprintln!("skipped: it looks into the store, for which it has to be root with all of its rights");
    }
    possible
}
