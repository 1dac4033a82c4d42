//! RUN.

use super::{Building, Failure};
use crate::executor::digest::Digest;
use crate::executor::engine::{Network, SecretSource};
use crate::executor::error::Error;
use crate::executor::event::Event;
use crate::executor::native::sandbox::{self, MountSpec, RunError, RunLimits, RunSpec, SandboxNetwork, User};
use crate::executor::native::snapshot::Backing;
use crate::executor::native::store::{LayerRecord, Lock, Scratch, digest_of};
use crate::executor::native::tree::{Copier, Rooted, is_plain};
use crate::executor::native::vertex::{CopyRules, Mount, MountKind, Run, RunNetwork, Sharing, Source};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The end of the output that is kept for an error.
const TAIL: usize = 16 << 10;

/// The largest secret, in bytes: BuildKit's.
const SECRET: u64 = 500 * 1024;

/// What mounts need as long as the process runs.
#[derive(Default)]
struct Held {
    scratch: Vec<Scratch>,
    locks: Vec<Lock>,
}

impl Building<'_> {
    pub(super) fn run(&self, run: &Run, below: &[Digest], vertex: usize) -> Result<LayerRecord, Failure> {
        let store = self.solver.store;
        let scratch = store.scratch()?;
        let mut snapshot = self.snapshot(&scratch, self.folders(below)?)?;
        let mut held = Held::default();
        let mut env = run.env.clone();
        env.extend(run.proxies.iter().cloned());
        let mut mounts = Vec::new();
        for mount in &run.mounts {
            self.mount(mount, &mut env, &mut mounts, &mut held)?;
        }
        let limits = &self.solver.request.limits;
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        let spec = RunSpec {
            args: run.args.clone(),
            env,
            cwd: run.cwd.clone(),
            user: match run.user.as_str() {
                "" => User::ROOT,
                user => User::Named(user.to_owned()),
            },
            network: match (run.network, self.solver.request.network) {
                (RunNetwork::None, _) | (RunNetwork::Default, Network::None) => SandboxNetwork::Loopback,
                _ => SandboxNetwork::Host,
            },
            mounts,
            limits: RunLimits {
                time: [limits.step, left].into_iter().flatten().min(),
                processes: limits.processes,
                disk: limits.disk,
                memory: limits.memory,
            },
            ..RunSpec::new(snapshot.root_on(self.mountpoint.clone()), &[])
        };
        let mut tail: Vec<u8> = Vec::new();
        let ran = self.solver.sandbox.run(
            &spec,
            &mut |stream, bytes| {
                tail.extend_from_slice(bytes);
                if tail.len() > 2 * TAIL {
                    tail.drain(..tail.len() - TAIL);
                }
                self.solver.events.event(Event::StepOutput { vertex, stream, bytes });
            },
            &self.cancel,
        );
        drop(held);
        match ran {
            Ok(status) if status.success() => {
                let changes = snapshot.finish(store.form());
                let changes = changes.map_err(Error::io("tell the changes in", scratch.path()))?;
                Ok(store.commit(&changes)?)
            }
            Ok(status) => Err(Failure::Exit(
                status.code(),
                String::from_utf8_lossy(&tail).trim_end().to_owned(),
            )),
            Err(error) => Err(self.refused(error)),
        }
    }

    fn refused(&self, error: RunError) -> Failure {
        let help = error.help().map(str::to_owned);
        match error {
            RunError::Cancelled => Failure::Error(Error::Cancelled),
            RunError::Program { code, ref reason, .. } => Failure::Exit(code, format!("{error} ({reason})")),
            RunError::Limit(limit) => Failure::Error(Error::Limit {
                what: "a step".to_owned(),
                limit,
            }),
            RunError::Instruction(message) => Failure::Step(message, help),
            error @ (RunError::NotAllowed { .. } | RunError::NoOverlay { .. }) => Failure::Error(error.into()),
            error => Failure::Step(error.to_string(), help),
        }
    }

    fn mount(
        &self,
        mount: &Mount,
        env: &mut Vec<(String, String)>,
        mounts: &mut Vec<MountSpec>,
        held: &mut Held,
    ) -> Result<(), Failure> {
        let kind = match &mount.kind {
            MountKind::Tmpfs { size } => sandbox::MountKind::Tmpfs { size: *size },
            MountKind::Inline { name, content } => {
                let scratch = self.solver.store.scratch()?;
                // A name that holds a folder would lead out of the scratch directory.
                if !is_plain(OsStr::new(name)) {
                    return Err(Failure::step(format!("`{name}` cannot name a file")));
                }
                let file = scratch.path().join(name);
                fs::write(&file, content).map_err(Error::io("write", &file))?;
                for path in [file.as_path(), scratch.path()] {
                    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(Error::io("write", path))?;
                }
                let source = scratch.path().to_owned();
                held.scratch.push(scratch);
                sandbox::MountKind::Bind {
                    source,
                    subpath: String::new(),
                    readonly: true,
                }
            }
            MountKind::Secret {
                id,
                mode,
                uid,
                gid,
                env: variable,
                file,
                required,
            } => {
                let Some(content) = self.secret(id)? else {
                    if *required {
                        let help = format!("give it with `--secret id={id},src=FILE`");
                        return Err(Failure::Step(
                            format!("the secret `{id}` is required and was not given"),
                            Some(help),
                        ));
                    }
                    return Ok(());
                };
                if let Some(variable) = variable {
                    env.push((variable.clone(), String::from_utf8_lossy(&content).into_owned()));
                }
                if !file {
                    return Ok(());
                }
                sandbox::MountKind::Secret {
                    content,
                    mode: *mode,
                    uid: *uid,
                    gid: *gid,
                }
            }
            MountKind::Bind { from, path, readonly } => self.bind(from, path, *readonly, held)?,
            MountKind::Cache { .. } => self.cache(&mount.kind, held)?,
        };
        mounts.push(MountSpec {
            target: mount.target.clone(),
            kind,
        });
        Ok(())
    }

    fn secret(&self, id: &str) -> Result<Option<Vec<u8>>, Failure> {
        let Some(secret) = self.solver.request.secrets.iter().find(|secret| secret.id == id) else {
            return Ok(None);
        };
        let content = match &secret.source {
            SecretSource::Env(name) => match std::env::var_os(name) {
                Some(value) => std::os::unix::ffi::OsStringExt::into_vec(value),
                None => return Ok(None),
            },
            SecretSource::File(path) => fs::read(path).map_err(Error::io("read the secret", path))?,
        };
        if content.len() as u64 > SECRET {
            return Err(Failure::step(format!(
                "the secret `{id}` is larger than {SECRET} bytes"
            )));
        }
        Ok(Some(content))
    }

    fn bind(&self, from: &Source, path: &str, readonly: bool, held: &mut Held) -> Result<sandbox::MountKind, Failure> {
        let lowers = match self.layers(from)? {
            Some(layers) => self.folders(&layers)?,
            // What is ignored is not there, and owners are root, as in the context that BuildKit gets.
            None => vec![self.context_copy(from, path, held)?],
        };
        if self.backing()? == Backing::Copies {
            // What is written goes with the copy.
            let (source, scratch) = self.copied(&lowers)?;
            held.scratch.push(scratch);
            return Ok(sandbox::MountKind::Bind {
                source,
                subpath: path.to_owned(),
                readonly,
            });
        }
        let scratch = match readonly {
            true => None,
            false => {
                let scratch = self.solver.store.scratch()?;
                let path = scratch.path().to_owned();
                held.scratch.push(scratch);
                Some(path)
            }
        };
        Ok(sandbox::MountKind::Layers {
            lowers,
            subpath: path.to_owned(),
            scratch,
        })
    }

    /// A part of a context, copied to where it can be mounted, at its own path.
    fn context_copy(&self, from: &Source, path: &str, held: &mut Held) -> Result<PathBuf, Failure> {
        let scratch = self.solver.store.scratch()?;
        let folder = scratch.path().join("context");
        fs::create_dir(&folder).map_err(Error::io("create", &folder))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).map_err(Error::io("create", &folder))?;
        self.copy_whole(from, path, &folder, path)?;
        held.scratch.push(scratch);
        Ok(folder)
    }

    /// Copies what is at a path of a source into a folder, at `dest`.
    fn copy_whole(&self, from: &Source, path: &str, folder: &Path, dest: &str) -> Result<(), Failure> {
        let root = Rooted::open(folder).map_err(|errno| Error::io("open", folder)(errno.into()))?;
        let tree = self.tree(from)?;
        let matches = self.matches(&tree, path, &CopyRules::whole())?;
        let mut copier = Copier::new(&root, None, None, &self.cancel);
        for found in &matches.found {
            let selection = matches.selection(&tree, found);
            copier
                .place(&selection, &found.name, dest, tree.has_owners())
                .map_err(super::files::failed)?;
        }
        Ok(())
    }

    fn cache(&self, kind: &MountKind, held: &mut Held) -> Result<sandbox::MountKind, Failure> {
        let MountKind::Cache {
            id,
            from,
            path,
            sharing,
            readonly,
            mode,
            uid,
            gid,
        } = kind
        else {
            return Err(Failure::step("this mount is no cache"));
        };
        let store = self.solver.store;
        let digest = digest_of(format!("cache mount {id}").as_bytes());
        if *sharing != Sharing::Shared {
            held.locks.push(store.alone(&digest)?);
        }
        let folder = store.cache_mount(&digest)?;
        let data = folder.join("data");
        if !data.is_dir() {
            // Made aside and moved, since others may be at it, too.
            let scratch = store.scratch()?;
            let made = scratch.path().join("data");
            fs::create_dir(&made).map_err(Error::io("create", &made))?;
            fs::set_permissions(&made, fs::Permissions::from_mode(*mode)).map_err(Error::io("create", &made))?;
            if let Some(from) = from {
                self.copy_whole(from, path, &made, "/")?;
            }
            std::os::unix::fs::chown(&made, Some(*uid), Some(*gid)).map_err(Error::io("own", &made))?;
            match fs::rename(&made, &data) {
                Err(error) if !data.is_dir() => return Err(Error::io("create", &data)(error).into()),
                _ => {}
            }
        }
        Ok(sandbox::MountKind::Bind {
            source: data,
            subpath: match from {
                Some(_) => String::new(),
                None => path.trim_start_matches('/').to_owned(),
            },
            readonly: *readonly,
        })
    }
}
