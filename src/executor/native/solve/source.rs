//! What a source of COPY or a mount takes in.

use super::inputs::Context;
use super::{Building, Failure};
use crate::config::glob::{Glob, clean};
use crate::context::Ignore;
use crate::executor::digest::Digest;
use crate::executor::error::Error;
use crate::executor::event::Event;
use crate::executor::native::copied;
use crate::executor::native::snapshot::{Backing, Snapshot};
use crate::executor::native::store::{CacheEntry, Scratch, digest_of};
use crate::executor::native::tree::{self, Filter, Parts, Rooted, Selection, joined};
use crate::executor::native::vertex::{CopyRules, Source};
use rustix::io::Errno;
use serde_json::json;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// A tree that files are taken from.
pub(super) enum Tree<'b> {
    /// A context's.
    Context(&'b Context),
    /// Merged layers, and what is removed with them if they had to be copied for it.
    Layers(Rooted, #[allow(dead_code)] Option<Scratch>),
}

impl Tree<'_> {
    pub fn root(&self) -> &Rooted {
        match self {
            Tree::Context(context) => &context.root,
            Tree::Layers(root, _) => root,
        }
    }

    fn ignore(&self) -> Option<&Ignore> {
        match self {
            Tree::Context(context) if !context.ignore.is_empty() => Some(&context.ignore),
            _ => None,
        }
    }

    /// Whether its files have owners.
    pub fn has_owners(&self) -> bool {
        matches!(self, Tree::Layers(..))
    }
}

/// One thing that fits a source.
pub(super) struct Match {
    /// Links followed.
    pub parts: Parts,
    /// What it is called.
    pub name: OsString,
}

/// A source, looked up.
pub(super) struct Matches {
    pub found: Vec<Match>,
    /// The pattern of `--parents`.
    pub include: Option<Glob>,
    pub exclude: Option<Ignore>,
}

impl Matches {
    pub fn selection<'s>(&'s self, tree: &'s Tree<'_>, found: &Match) -> Selection<'s> {
        Selection {
            root: tree.root(),
            parts: found.parts.clone(),
            filter: Filter {
                ignore: tree.ignore(),
                exclude: self.exclude.as_ref(),
                include: self.include.as_ref(),
            },
        }
    }
}

impl Building<'_> {
    /// The layers of a stage or an image; none for a context.
    pub(super) fn layers(&self, from: &Source) -> Result<Option<Vec<Digest>>, Error> {
        Ok(match from {
            Source::Stage(stage) => Some(self.result(*stage)?.layers.clone()),
            Source::Image(image) => Some(self.solver.images.get(*image).cloned().unwrap_or_default()),
            Source::Scratch => Some(Vec::new()),
            Source::Context | Source::Named(_) => None,
        })
    }

    /// Where layers are unpacked.
    pub(super) fn folders(&self, layers: &[Digest]) -> Result<Vec<PathBuf>, Error> {
        let folder = |layer: &Digest| match self.solver.store.layer(layer)? {
            Some(found) => Ok(found.path),
            None => Err(Error::Refused {
                what: format!("the layer {}", layer.short()),
                why: "it is gone from the store; build again".to_owned(),
            }),
        };
        stacked(layers).into_iter().map(folder).collect()
    }

    /// A tree to take files from.
    pub(super) fn tree(&self, from: &Source) -> Result<Tree<'_>, Error> {
        match from {
            Source::Context => Ok(Tree::Context(self.inputs.main())),
            Source::Named(name) => match self.inputs.named(name) {
                Some(context) => Ok(Tree::Context(context)),
                None => Err(Error::Refused {
                    what: format!("the context `{name}`"),
                    why: "there is none of this name".to_owned(),
                }),
            },
            layers => {
                let layers = self.layers(layers)?.unwrap_or_default();
                let folders = self.folders(&layers)?;
                // Signs of deleted files may be such as overlayfs does not know.
                let merged = match self.backing()? {
                    Backing::Overlay => tree::merged(&folders, None, self.form, &self.empty),
                    Backing::Copies => Err(Errno::NODEV),
                };
                match merged {
                    Ok(mount) => Ok(Tree::Layers(Rooted::new(mount), None)),
                    Err(errno) if tree::is_no_overlay(errno) => {
                        let (copy, scratch) = self.copied(&folders)?;
                        let root = Rooted::open(&copy).map_err(|errno| Error::io("open", &copy)(errno.into()))?;
                        Ok(Tree::Layers(root, Some(scratch)))
                    }
                    Err(errno) => Err(Error::io("merge layers in", &self.empty)(errno.into())),
                }
            }
        }
    }

    /// Layers as one tree where overlayfs cannot merge them.
    pub(super) fn copied(&self, folders: &[PathBuf]) -> Result<(PathBuf, Scratch), Error> {
        let scratch = self.solver.store.scratch()?;
        let root = scratch.path().join("merged");
        fs::create_dir(&root)
            .and_then(|()| copied::merge(folders, &root))
            .map_err(Error::io("copy layers to", &root))?;
        Ok((root, scratch))
    }

    /// How snapshots are made here; tried once a build.
    pub(super) fn backing(&self) -> Result<Backing, Error> {
        if let Some(known) = self.backing.get() {
            return Ok(*known);
        }
        let scratch = self.solver.store.scratch()?;
        let found = Backing::in_folder(scratch.path(), self.form).map_err(Error::io("mount in", scratch.path()))?;
        if found == Backing::Copies && self.backing.set(found).is_ok() {
            self.solver.events.event(Event::Warning {
                message: "overlayfs cannot be used in the store's folder, so layers are copied, which takes time and \
                          room; XDG_CACHE_HOME names another folder",
            });
        }
        Ok(*self.backing.get_or_init(|| found))
    }

    /// A snapshot over layers, in a scratch directory.
    pub(super) fn snapshot(&self, scratch: &Scratch, folders: Vec<PathBuf>) -> Result<Snapshot, Error> {
        self.snapshot_as(self.backing()?, scratch, folders)
    }

    fn snapshot_as(&self, backing: Backing, scratch: &Scratch, folders: Vec<PathBuf>) -> Result<Snapshot, Error> {
        let place = scratch.path().join(match backing {
            Backing::Overlay => "s",
            Backing::Copies => "c",
        });
        let snapshot =
            Snapshot::create_as(backing, &place, folders).map_err(Error::io("make a snapshot in", &place))?;
        let upper = snapshot.upper();
        fs::set_permissions(&upper, fs::Permissions::from_mode(0o755)).map_err(Error::io("create", &upper))?;
        Ok(snapshot)
    }

    /// A snapshot over layers, to write in from here.
    pub(super) fn opened(&self, scratch: &Scratch, folders: Vec<PathBuf>) -> Result<(Snapshot, Rooted), Error> {
        let snapshot = self.snapshot(scratch, folders.clone())?;
        let failed = |errno: Errno| Error::io("merge layers in", scratch.path())(errno.into());
        match snapshot.open(self.form, &self.empty) {
            Ok(root) => Ok((snapshot, Rooted::new(root))),
            // Before Linux 6.5 overlayfs takes only some layers this way.
            Err(errno) if tree::is_no_overlay(errno) => {
                let snapshot = self.snapshot_as(Backing::Copies, scratch, folders)?;
                let root = snapshot.open(self.form, &self.empty).map_err(failed)?;
                Ok((snapshot, Rooted::new(root)))
            }
            Err(errno) => Err(failed(errno)),
        }
    }

    /// What a COPY's source takes in.
    pub(super) fn matches(&self, tree: &Tree<'_>, pattern: &str, rules: &CopyRules) -> Result<Matches, Failure> {
        let exclude = match rules.exclude.is_empty() {
            true => None,
            false => Some(Ignore::parse(&rules.exclude.join("\n"))),
        };
        let mut include = None;
        let mut base = pattern.to_owned();
        if rules.parents {
            let (above, rest) = pattern.split_once("/./").unwrap_or(("/", pattern));
            let rest = clean(&format!("/{rest}"));
            let rest = rest.trim_start_matches('/');
            if !is_wild(pattern) {
                let whole = format!("/{above}/{rest}");
                let root = tree.root();
                let parts = root.follow(whole.as_bytes(), false).map_err(|e| os(pattern, e))?;
                if root.look(&parts).map_err(|e| os(pattern, e))?.is_none() {
                    return Err(missing(pattern));
                }
            }
            include = Some(Glob::docker(rest).map_err(|why| Failure::step(format!("`{pattern}`: {why}")))?);
            base = format!("/{above}");
        }
        let root = tree.root();
        let mut found = Vec::new();
        let all = tree::matches(root, &base).map_err(|error| Failure::step(error.to_string()))?;
        for written in all {
            let parts = root
                .follow(joined_bytes(&written).as_slice(), true)
                .map_err(|e| os(pattern, e))?;
            let stat = root.look(&parts).map_err(|e| os(pattern, e))?;
            let sent = tree.ignore().is_none_or(|ignore| {
                let path = joined(&parts);
                let is_dir = stat.is_some_and(|s| s.st_mode & 0o170_000 == 0o040_000);
                parts.is_empty() || !ignore.matches(&path) || is_dir && !ignore.prunes(&path)
            });
            if stat.is_none() || !sent {
                // Of a wildcard, what is there is taken.
                if is_wild(&base) {
                    continue;
                }
                return Err(missing(pattern));
            }
            let name = written.last().cloned().unwrap_or_default();
            found.push(Match { parts, name });
        }
        Ok(Matches {
            found,
            include,
            exclude,
        })
    }

    /// The digest of what a source takes in; of layers it is found out once.
    pub(super) fn content(&self, from: &Source, pattern: &str, rules: &CopyRules) -> Result<Digest, Failure> {
        let known = match self.layers(from)? {
            Some(layers) => {
                let key = json!(["content", 1, layers, pattern, rules.exclude, rules.parents]);
                Some((digest_of(key.to_string().as_bytes()), layers))
            }
            None => None,
        };
        if let Some((key, _)) = &known
            && let Some(entry) = self.solver.store.cached(key)?
            && let Some(digest) = entry
                .value
                .get("digest")
                .and_then(|v| v.as_str())
                .and_then(|v| v.parse().ok())
        {
            return Ok(digest);
        }
        let tree = self.tree(from)?;
        let matches = self.matches(&tree, pattern, rules)?;
        let mut all = Vec::new();
        for found in &matches.found {
            let digest = tree::digest(&matches.selection(&tree, found), tree.has_owners());
            let digest = digest.map_err(|errno| os(pattern, errno))?;
            all.push(json!([found.name.to_string_lossy(), digest]));
            self.check()?;
        }
        let digest = digest_of(json!(all).to_string().as_bytes());
        if let Some((key, layers)) = known {
            let entry = CacheEntry {
                layers,
                value: json!({ "digest": digest }),
            };
            self.solver.store.cache(&key, &entry)?;
        }
        Ok(digest)
    }
}

/// Layers as overlayfs takes them: it refuses one that is there twice (two RUNs that change nothing
/// make the same). The upper one hides all that the lower one has, so the lower one can go.
pub fn stacked(layers: &[Digest]) -> Vec<&Digest> {
    let mut seen = HashSet::new();
    let mut kept: Vec<&Digest> = layers.iter().rev().filter(|layer| seen.insert(*layer)).collect();
    kept.reverse();
    kept
}

fn joined_bytes(parts: &[OsString]) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    parts.join(&b'/')
}

fn is_wild(pattern: &str) -> bool {
    pattern.contains(['*', '?', '['])
}

fn os(pattern: &str, errno: rustix::io::Errno) -> Failure {
    Failure::step(format!("`{pattern}` cannot be read: {errno}"))
}

fn missing(pattern: &str) -> Failure {
    Failure::Step(
        format!("`{pattern}` is not there"),
        Some("is the file in the build context (or in what `--from` names), and does no line of .dockerignore leave it out?".to_owned()),
    )
}
