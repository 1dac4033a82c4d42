//! ADD of what is elsewhere: URLs and git repositories.

use super::files::failed;
use super::{Building, Failure};
use crate::executor::digest::Digest;
use crate::executor::error::Error;
use crate::executor::native::tree::{Copier, Filter, Rooted, Selection};
use crate::executor::native::vertex::Copy;
use crate::executor::process::Program;
use serde_json::{Value, json};
use sha2::Digest as _;
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
        let mut program = Program::new("git")
            .with_env("GIT_TERMINAL_PROMPT", "0")
            .with_env("GIT_CONFIG_NOSYSTEM", "1");
        if std::env::var_os("GIT_SSH_COMMAND").is_none() {
            // Nobody is there to answer for an unknown host or a key's passphrase.
            program = program.with_env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
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
            return self.url_state(address);
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
        let shallow = self.git(&[
            "-C",
            &at,
            "fetch",
            "--quiet",
            "--depth=1",
            "--",
            &address.remote,
            reference,
        ]);
        if let Err(failure) = shallow {
            if !is_commit(reference) {
                return Err(failure);
            }
            // Not every server gives a single commit.
            self.git(&[
                "-C",
                &at,
                "fetch",
                "--quiet",
                "--tags",
                "--",
                &address.remote,
                "+refs/heads/*:refs/remotes/origin/*",
            ])?;
            self.git(&["-C", &at, "checkout", "--quiet", "--detach", reference])?;
        } else {
            self.git(&["-C", &at, "checkout", "--quiet", "--detach", "FETCH_HEAD"])?;
        }
        if address.submodules {
            self.git(&[
                "-C",
                &at,
                "submodule",
                "--quiet",
                "update",
                "--init",
                "--recursive",
                "--depth=1",
            ])?;
        }
        let head = self.git(&["-C", &at, "rev-parse", "HEAD"])?;
        for wanted in [checksum, address.checksum.as_deref()].into_iter().flatten() {
            if !head.starts_with(wanted) {
                return Err(Failure::step(format!(
                    "{} is at {head}, not at {wanted}",
                    address.shown()
                )));
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
        copier
            .place(&selection, OsStr::new("git"), &copy.dest, false)
            .map_err(failed)
    }

    /// What a server says of a file without giving it; something new each time where it says nothing.
    fn url_state(&self, url: &str) -> Result<Value, Failure> {
        let answer = self.web(url, |client| async move {
            let response = client.head(url).send().await?;
            let header = |name: &str| {
                let value = response.headers().get(name)?;
                Some(value.to_str().ok()?.to_owned())
            };
            Ok((header("etag"), header("last-modified")))
        })?;
        Ok(match answer {
            (None, None) => json!(super::rfc3339()),
            known => json!(known),
        })
    }

    /// One exchange with a server, on a runtime of its own; ends when the build does.
    fn web<T, F>(&self, url: &str, work: impl FnOnce(reqwest::Client) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, reqwest::Error>>,
    {
        let failed = |why: String| {
            let help = "is the address right, and is the server reachable?".to_owned();
            Failure::Step(
                format!("`{}` cannot be fetched: {why}", Address::parse(url).shown()),
                Some(help),
            )
        };
        // Another part of the program may have chosen one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let asked = async {
            let work = std::pin::pin!(work(client));
            let ended = std::pin::pin!(async {
                while !self.cancel.is_cancelled() {
                    tokio::time::sleep(TICK).await;
                }
            });
            match futures_util::future::select(work, ended).await {
                futures_util::future::Either::Left((answer, _)) => Some(answer),
                futures_util::future::Either::Right(_) => None,
            }
        };
        match runtime.block_on(asked) {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) => Err(failed(reasons(&error.without_url()))),
            None => Err(Error::Cancelled.into()),
        }
    }

    pub(super) fn fetch(
        &self,
        url: &str,
        checksum: Option<&str>,
        unpack: bool,
        copy: &Copy,
        copier: &mut Copier<'_>,
    ) -> Result<(), Failure> {
        let scratch = self.solver.store.scratch()?;
        let path = scratch.path().join(file_name(url));
        let mut file = std::fs::File::create(&path).map_err(Error::io("create", &path))?;
        let mut sum = sha2::Sha256::new();
        let mut wrote: std::io::Result<()> = Ok(());
        let (sum_of, file_of, wrote_of) = (&mut sum, &mut file, &mut wrote);
        let modified = self.web(url, |client| async move {
            let mut response = client.get(url).send().await?.error_for_status()?;
            let header = response
                .headers()
                .get("last-modified")
                .and_then(|value| value.to_str().ok());
            let modified = header.and_then(super::time::of_http);
            while let Some(chunk) = response.chunk().await? {
                sum_of.update(&chunk);
                if let Err(error) = std::io::Write::write_all(file_of, &chunk) {
                    *wrote_of = Err(error);
                    break;
                }
            }
            Ok(modified)
        })?;
        wrote.map_err(Error::io("write", &path))?;
        let digest = Digest::from_bytes(&sum.finalize().into());
        if let Some(checksum) = checksum
            && checksum != digest.as_str()
        {
            return Err(Failure::step(format!(
                "`{}` has the digest {digest}, not {checksum}",
                Address::parse(url).shown()
            )));
        }
        drop(file);
        if unpack && self.unpack_fetched(&path, &copy.dest, copier)? {
            return Ok(());
        }
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(modified.unwrap_or(0));
        let file = std::fs::File::options().write(true).open(&path);
        file.and_then(|file| file.set_modified(time))
            .map_err(Error::io("write", &path))?;
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .map_err(Error::io("write", &path))?;
        let root = Rooted::open(scratch.path()).map_err(|errno| Error::io("open", scratch.path())(errno.into()))?;
        let name = path.file_name().unwrap_or_default();
        let selection = Selection {
            root: &root,
            parts: vec![name.to_owned()],
            filter: Filter::default(),
        };
        copier.place(&selection, name, &copy.dest, false).map_err(failed)
    }
}

/// How long a server may take to answer at all.
const CONNECT: std::time::Duration = std::time::Duration::from_secs(30);

/// How often it is looked whether the build was cancelled.
const TICK: std::time::Duration = std::time::Duration::from_millis(100);

/// What a file from a server is called: the last part of the path.
fn file_name(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let name = path
        .split_once('/')
        .and_then(|(_, path)| path.rsplit('/').next())
        .unwrap_or_default();
    match name {
        "" | "." | ".." => "__unnamed__",
        name => name,
    }
}

/// An error with what it came of.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_called_as_their_path_ends() {
        for (url, name) in [
            ("https://example.com/a/b.tgz?x=1#y", "b.tgz"),
            ("https://example.com/", "__unnamed__"),
            ("https://example.com", "__unnamed__"),
            ("https://example.com/..", "__unnamed__"),
        ] {
            assert_eq!(file_name(url), name, "{url}");
        }
    }

    #[test]
    fn git_addresses_are_taken_apart() {
        let address = Address::parse("https://me:secret@example.com/x.git#v1:docs");
        assert_eq!(
            (address.reference.as_deref(), address.folder.as_str()),
            (Some("v1"), "docs")
        );
        assert!(!address.shown().contains("secret"));
        let address = Address::parse("https://example.com/x.git?tag=v2&subdir=a&submodules=false");
        assert_eq!(address.reference.as_deref(), Some("refs/tags/v2"));
        assert!(!address.submodules && address.folder == "a");
    }
}
