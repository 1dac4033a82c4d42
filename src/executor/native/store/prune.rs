//! How much there is, and dropping what was not used for longest.

use super::files::{open_lock, remove_folder, sweep};
use super::layers::read_record;
use super::{FOLDERS, KnownName, LayerRecord, Options, form_of, make_folder};
use crate::executor::Error;
use crate::executor::digest::Digest;
use crate::executor::native::layer::Form;
use std::collections::HashSet;
use std::fs::{self, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// What a store holds. Bytes are those on the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Its folder.
    pub root: PathBuf,
    /// Unpacked layers, and their bytes.
    pub layers: (u64, u64),
    /// Layers as they came, and their bytes.
    pub blobs: (u64, u64),
    /// Images.
    pub images: u64,
    /// Results of build steps.
    pub cached_steps: u64,
    /// Directories of `RUN --mount=type=cache`, and their bytes.
    pub mounts: (u64, u64),
    /// Bytes of what is being made, or was left by a killed process.
    pub temporary: u64,
}

impl Usage {
    /// All bytes.
    pub fn bytes(&self) -> u64 {
        self.layers.1 + self.blobs.1 + self.mounts.1 + self.temporary
    }
}

/// What to drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prune {
    /// Everything.
    pub all: bool,
    /// What was not used for so long.
    pub unused_for: Option<Duration>,
    /// The least recently used until no more than so many bytes are left.
    pub keep_bytes: Option<u64>,
}

/// What was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Layers, blobs, records, cache directories.
    pub things: u64,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Bytes that are left.
    pub left: u64,
}

impl Usage {
    /// Of the store at this place that this process would use. All zeros where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of(options: &Options) -> Result<Usage, Error> {
        match root_of(options)? {
            Some(root) => usage(&root),
            None => Ok(Usage {
                root: options.root.clone(),
                ..Usage::default()
            }),
        }
    }
}

impl Prune {
    /// Drops from the store at this place that this process would use.
    ///
    /// # Errors
    /// Another process uses the store, or the disk refuses.
    pub fn run(&self, options: &Options) -> Result<Pruned, Error> {
        let Some(root) = root_of(options)? else {
            return Ok(Pruned::default());
        };
        let path = root.join("lock");
        let lock = open_lock(&path)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Unavailable {
                    engine: crate::executor::EngineName::Native,
                    why: format!("another mbopt is using the store at {}", root.display()),
                    help: "wait for its build to end, then prune again".to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
        }
        sweep(&root)?;
        prune(&root, self)
    }
}

/// Down to the limit; the caller has the store's lock alone.
pub(super) fn trim(root: &Path, limit: u64) -> Result<(), Error> {
    let before = usage(root)?.bytes();
    if before > limit {
        // Some room, so that the next build does not prune again.
        let keep_bytes = Some(limit / 10 * 9);
        prune(
            root,
            &Prune {
                keep_bytes,
                ..Prune::default()
            },
        )?;
    }
    Ok(())
}

fn root_of(options: &Options) -> Result<Option<PathBuf>, Error> {
    if !options.root.exists() {
        return Ok(None);
    }
    make_folder(&options.root)?;
    let root = options.root.join(match form_of(&options.root)? {
        Form::Trusted => "store",
        Form::User => "store-user",
    });
    Ok(root.join("lock").exists().then_some(root))
}

/// Something that can be dropped.
struct Thing {
    path: PathBuf,
    used: SystemTime,
    bytes: u64,
}

fn entries(folder: &Path) -> Result<Vec<fs::DirEntry>, Error> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    Ok(fs::read_dir(folder)
        .map_err(Error::io("read", folder))?
        .flatten()
        .collect())
}

fn used(path: &Path) -> SystemTime {
    fs::symlink_metadata(path)
        .and_then(|meta| meta.modified())
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn layers(root: &Path) -> Result<Vec<(Thing, Option<LayerRecord>)>, Error> {
    let mut layers = Vec::new();
    for entry in entries(&root.join("layers"))? {
        let path = entry.path();
        let record = read_record(&path)?;
        layers.push((
            Thing {
                used: used(&path.join("record.json")),
                bytes: record.as_ref().map_or(0, |record| record.disk_bytes),
                path,
            },
            record,
        ));
    }
    Ok(layers)
}

fn usage(root: &Path) -> Result<Usage, Error> {
    let mut usage = Usage {
        root: root.to_owned(),
        ..Usage::default()
    };
    for (layer, _) in layers(root)? {
        usage.layers.0 += 1;
        usage.layers.1 += layer.bytes;
    }
    for entry in entries(&root.join("blobs/sha256"))? {
        usage.blobs.0 += 1;
        usage.blobs.1 += entry.metadata().map_or(0, |meta| meta.blocks() * 512);
    }
    usage.images = entries(&root.join("images"))?.len() as u64;
    usage.cached_steps = entries(&root.join("cache"))?.len() as u64;
    for entry in entries(&root.join("mounts"))? {
        usage.mounts.0 += 1;
        usage.mounts.1 += size_of(&entry.path());
    }
    usage.temporary = size_of(&root.join("tmp"));
    Ok(usage)
}

/// Bytes that a tree takes on the disk, as far as it can be read.
fn size_of(path: &Path) -> u64 {
    let mut bytes = 0;
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            bytes += meta.blocks() * 512;
            if meta.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    bytes
}

/// Takes something out of the store at once, and removes its files then: a process that is killed
/// meanwhile leaves no half of a layer behind, only what the next sweep finds under `tmp`.
fn discard(root: &Path, path: &Path) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let gone = root.join("tmp").join(format!("gone-{}-{number}", std::process::id()));
    match fs::rename(path, &gone) {
        Ok(()) => remove_folder(&gone),
        // What cannot be moved can hardly be removed; the caller counts what is left.
        Err(_) => remove_folder(path),
    }
}

fn prune(root: &Path, what: &Prune) -> Result<Pruned, Error> {
    let mut pruned = Pruned::default();
    let before = usage(root)?.bytes();
    let mut left = before;
    if what.all {
        // `locks` too: nobody waits for one while the store is ours alone.
        for folder in FOLDERS {
            for entry in entries(&root.join(folder))? {
                let is_own = *folder == "tmp" && entry.path().extension().is_some();
                if !is_own {
                    pruned.things += u64::from(*folder != "locks");
                    match *folder {
                        "tmp" => remove_folder(&entry.path()),
                        _ => discard(root, &entry.path()),
                    }
                }
            }
        }
        pruned.left = usage(root)?.bytes();
        pruned.bytes = before.saturating_sub(pruned.left);
        return Ok(pruned);
    }
    let mut things: Vec<Thing> = layers(root)?.into_iter().map(|(layer, _)| layer).collect();
    for entry in entries(&root.join("mounts"))? {
        let path = entry.path();
        things.push(Thing {
            used: used(&path),
            bytes: size_of(&path),
            path,
        });
    }
    things.sort_by_key(|thing| thing.used);
    let now = SystemTime::now();
    let is_old = |time: SystemTime| {
        what.unused_for
            .is_some_and(|limit| now.duration_since(time).is_ok_and(|age| age >= limit))
    };
    for thing in things {
        let too_much = what.keep_bytes.is_some_and(|keep| left > keep);
        if !is_old(thing.used) && !too_much {
            continue;
        }
        let blob = read_record(&thing.path)?.and_then(|record| record.blob);
        discard(root, &thing.path);
        pruned.things += 1;
        left = left.saturating_sub(thing.bytes);
        if let Some(blob) = blob {
            // Nobody else's: another layer would be another stream. Images' names fetch it again.
            let path = root.join("blobs/sha256").join(blob.digest.hex());
            let bytes = fs::metadata(&path).map_or(0, |meta| meta.blocks() * 512);
            if fs::remove_file(&path).is_ok() {
                left = left.saturating_sub(bytes);
            }
        }
    }
    let there: HashSet<Digest> = layers(root)?
        .into_iter()
        .filter_map(|(_, record)| record.map(|record| record.diff_id))
        .collect();
    // Records of what cannot be had any more, and blobs of nothing.
    for entry in entries(&root.join("images"))? {
        let diff_ids = crate::executor::config::ImageConfig::from_json(&fs::read(entry.path()).unwrap_or_default())
            .map(|config| config.diff_ids)
            .unwrap_or_default();
        if is_old(used(&entry.path())) || diff_ids.iter().any(|layer| !there.contains(layer)) {
            pruned.things += u64::from(fs::remove_file(entry.path()).is_ok());
        }
    }
    for entry in entries(&root.join("names"))? {
        let known: Option<KnownName> = fs::read(entry.path())
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok());
        let is_known = known.is_some_and(|known| {
            let config = format!("{}.json", known.config.hex());
            root.join("images").join(config).exists()
        });
        if !is_known {
            pruned.things += u64::from(fs::remove_file(entry.path()).is_ok());
        }
    }
    for entry in entries(&root.join("cache"))? {
        let known: Option<super::CacheEntry> = fs::read(entry.path())
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok());
        if is_old(used(&entry.path()))
            || !known.is_some_and(|entry| entry.layers.iter().all(|layer| there.contains(layer)))
        {
            pruned.things += u64::from(fs::remove_file(entry.path()).is_ok());
        }
    }
    let blobs: HashSet<Digest> = layers(root)?
        .into_iter()
        .filter_map(|(_, record)| record.and_then(|record| record.blob))
        .map(|blob| blob.digest)
        .collect();
    for entry in entries(&root.join("blobs/sha256"))? {
        let name = format!("sha256:{}", entry.file_name().to_string_lossy());
        if !Digest::from_str(&name).is_ok_and(|digest| blobs.contains(&digest)) {
            pruned.things += u64::from(fs::remove_file(entry.path()).is_ok());
        }
    }
    for entry in entries(&root.join("locks"))? {
        let _ = fs::remove_file(entry.path());
    }
    pruned.left = usage(root)?.bytes();
    pruned.bytes = before.saturating_sub(pruned.left);
    Ok(pruned)
}
