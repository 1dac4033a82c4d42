//! ADD of what is elsewhere: URLs and git repositories.

use super::files::failed;
use super::{Building, Failure};
use crate::executor::error::Error;
use crate::executor::native::tree::{Copier, Filter, Rooted, Selection};
use crate::executor::native::vertex::Copy;
use crate::executor::process::Program;
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};

/// Arguments of git that keep it from asking anybody, and from running what a repository brings.
const QUIET: [&str; 6] = [
    "-c",
    "protocol.ext.allow=never",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "advice.detachedHead=false",
];

/// A git address, taken apart: `https://host/x.git#ref:folder`, `?ref=...&subdir=...`.
struct Address {
    remote: String,
    reference: Option<String>,
    folder: String,
    keep_git_dir: bool,
    checksum: Option<String>,
    submodules: bool,
}

impl Address {
    fn parse(text: &str) -> Address {
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (remote, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (reference, folder) = fragment.split_once(':').unwrap_or((fragment, ""));
        let mut address = Address {
            remote: remote.to_owned(),
            reference: Some(reference.to_owned()).filter(|text| !text.is_empty()),
            folder: folder.to_owned(),
            keep_git_dir: false,
            checksum: None,
            submodules: true,
        };
        for part in query.split('&').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, "true"));
            match key {
                "ref" => address.reference = Some(value.to_owned()),
                "branch" => address.reference = Some(format!("refs/heads/{value}")),
                "tag" => address.reference = Some(format!("refs/tags/{value}")),
                "subdir" => address.folder = value.to_owned(),
                "keep-git-dir" => address.keep_git_dir = value != "false" && value != "0",
                "submodules" => address.submodules = value != "false" && value != "0",
                "checksum" | "commit" => address.checksum = Some(value.to_owned()),
                _ => {}
            }
        }
        address
    }

    /// Without a user's name or password, for messages.
    fn shown(&self) -> String {
        match (self.remote.split_once("://"), self.remote.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
            _ => self.remote.clone(),
        }
    }
}

impl Building<'_> {
    fn git(&self, args: &[&str]) -> Result<String, Failure> {
        let program = Program::new("git")
            .with_env("GIT_TERMINAL_PROMPT", "0")
            .with_env("GIT_CONFIG_NOSYSTEM", "1");
        let all = QUIET.iter().chain(args).map(|arg| OsString::from(*arg));
        match program.ask(all, self.solver.request.limits.step, &self.cancel) {
            Ok(text) => Ok(text),
            Err(Error::Program { message, .. }) => Err(Failure::step(format!("git: {message}"))),
            Err(Error::Io { .. }) => Err(Failure::Step(
                "git cannot be started".to_owned(),
                Some("install git, or copy the files from the build context".to_owned()),
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// What tells one state of something elsewhere from another, for the cache.
    pub(super) fn remote_state(&self, address: &str) -> Result<Value, Failure> {
        if crate::model::remote::classify(address) != crate::model::remote::Source::Git {
            return Ok(self.url_state(address));
        }
        let address = Address::parse(address);
        let reference = address.reference.as_deref().unwrap_or("HEAD");
        if is_commit(reference) {
            return Ok(json!(reference));
        }
        let found = self.git(&["ls-remote", "--", &address.remote, reference])?;
        Ok(json!(found.split_whitespace().next()))
    }

    pub(super) fn clone_git(
        &self,
        address: &str,
        keep_git_dir: bool,
        checksum: Option<&str>,
        copy: &Copy,
        copier: &mut Copier<'_>,
    ) -> Result<(), Failure> {
        let address = Address::parse(address);
        let scratch = self.solver.store.scratch()?;
        let folder = scratch.path().join("git");
        let at = folder.to_string_lossy().into_owned();
        let reference = address.reference.as_deref().unwrap_or("HEAD");
        self.git(&["init", "--quiet", "--", &at])?;
        let shallow = self.git(&["-C", &at, "fetch", "--quiet", "--depth=1", "--", &address.remote, reference]);
        if let Err(failure) = shallow {
            if !is_commit(reference) {
                return Err(failure);
            }
            // Not every server gives a single commit.
            self.git(&["-C", &at, "fetch", "--quiet", "--tags", "--", &address.remote, "+refs/heads/*:refs/remotes/origin/*"])?;
            self.git(&["-C", &at, "checkout", "--quiet", "--detach", reference])?;
        } else {
            self.git(&["-C", &at, "checkout", "--quiet", "--detach", "FETCH_HEAD"])?;
        }
        if address.submodules {
            self.git(&["-C", &at, "submodule", "--quiet", "update", "--init", "--recursive", "--depth=1"])?;
        }
        let head = self.git(&["-C", &at, "rev-parse", "HEAD"])?;
        for wanted in [checksum, address.checksum.as_deref()].into_iter().flatten() {
            if !head.starts_with(wanted) {
                return Err(Failure::step(format!("{} is at {head}, not at {wanted}", address.shown())));
            }
        }
        if !(keep_git_dir || address.keep_git_dir) {
            let git = folder.join(".git");
            std::fs::remove_dir_all(&git).map_err(Error::io("remove", &git))?;
        }
        let root = Rooted::open(&folder).map_err(|errno| Error::io("open", &folder)(errno.into()))?;
        let parts = root
            .follow(address.folder.as_bytes(), true)
            .map_err(|errno| Failure::step(format!("{}: {errno}", address.folder)))?;
        let selection = Selection {
            root: &root,
            parts,
            filter: Filter::default(),
        };
        // The files are those of whoever builds.
        copier.place(&selection, OsStr::new("git"), &copy.dest, false).map_err(failed)
    }

    fn url_state(&self, _url: &str) -> Value {
        Value::Null
    }

    pub(super) fn fetch(
        &self,
        url: &str,
        _checksum: Option<&str>,
        _copy: &Copy,
        _copier: &mut Copier<'_>,
    ) -> Result<(), Failure> {
        Err(Failure::step(format!("`{url}` cannot be fetched yet")))
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}
