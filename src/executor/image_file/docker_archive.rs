//! `docker save` archives: `manifest.json`, and files that it names.

use super::sizes::Skipping;
use super::{FileLayer, ImageFile, MAX_JSON, MAX_LAYERS, assemble, digest_of, open_file};
use crate::executor::archive::{Bad, Compression, Kind, Limits, Reader, decompress};
use crate::executor::cancel::Cancel;
use crate::executor::contents::LayerSource;
use crate::executor::digest::Digest;
use crate::executor::error::Error;
use serde::Deserialize;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// Where an entry's content is: begin and length.
type Part = (u64, u64);

pub(super) fn open(file: &Path, name: Option<&str>, cancel: &Cancel) -> Result<ImageFile, Error> {
    let what = format!("the image docker-archive:{}", file.display());
    let refused = |why: String| Error::Refused {
        what: what.clone(),
        why,
    };
    let mut first = [0; 6];
    let mut start = open_file(file)?;
    let read = start.read(&mut first).map_err(Error::io("read", file))?;
    let mut keep = None;
    let mut path = file.to_owned();
    if Compression::of(first.get(..read).unwrap_or_default()) != Compression::None {
        // To find a place in it again, it has to be plain.
        let folder = tempfile::Builder::new()
            .prefix("mbopt-archive-")
            .tempdir()
            .map_err(Error::io("create a temporary folder in", std::env::temp_dir()))?;
        path = folder.path().join("archive.tar");
        let mut plain = File::create(&path).map_err(Error::io("create", &path))?;
        let mut stream = decompress(open_file(file)?, &Limits::default()).map_err(Error::io("read", file))?;
        copy(&mut stream, &mut plain, cancel).map_err(|error| match cancel.check() {
            Err(cancelled) => cancelled,
            Ok(()) => Error::io("uncompress", file)(error),
        })?;
        keep = Some(folder);
    }
    let parts = index(&path, cancel)?.map_err(|bad| bad.of(&what))?;
    let part = |name: &str| {
        parts
            .get(name)
            .copied()
            .ok_or_else(|| refused(format!("it has no entry {name:?}")))
    };
    let source = |(start, length): Part| LayerSource::Part(path.clone(), start, length);
    let json = |name: &str| -> Result<Vec<u8>, Error> {
        let (start, length) = part(name)?;
        if length > MAX_JSON {
            return Err(refused(format!("its {name:?} has {length} bytes")));
        }
        super::read_json(&source((start, length)), &what)
    };
    if !parts.contains_key("manifest.json") {
        return Err(refused(
            "it has no manifest.json, so it is no `docker save` archive".to_owned(),
        ));
    }
    let entries: Vec<Entry> = serde_json::from_slice(&json("manifest.json")?)
        .map_err(|error| refused(format!("its manifest.json is broken: {error}")))?;
    let tags = |entry: &Entry| entry.repo_tags.clone().unwrap_or_default();
    let entry = match name {
        Some(name) => entries.iter().find(|entry| {
            tags(entry).iter().any(|tag| {
                tag == name || tag.strip_suffix(":latest") == Some(name) || tag.ends_with(&format!("/{name}"))
            })
        }),
        None if entries.len() > 1 => None,
        None => entries.first(),
    };
    let Some(entry) = entry else {
        let names: Vec<String> = entries.iter().flat_map(tags).collect();
        return Err(Error::Image {
            reference: format!("docker-archive:{}", file.display()),
            why: match name {
                Some(name) => format!("it holds no image named {name}; it holds {}", names.join(", ")),
                None => format!("it holds {} images: {}", entries.len(), names.join(", ")),
            },
            help: Some("write docker-archive:FILE:NAME".to_owned()),
        });
    };
    let config_json = json(&entry.config)?;
    let digest = digest_of(&config_json);
    // The config's name is its digest, where engines write it.
    let hex = entry
        .config
        .trim_end_matches(".json")
        .rsplit('/')
        .next()
        .unwrap_or_default();
    if let Ok(named) = Digest::from_str(&format!("sha256:{hex}"))
        && named != digest
    {
        return Err(refused(format!(
            "its config has the digest {digest}, not {named} as its name says"
        )));
    }
    let names = entry.layers.clone().unwrap_or_default();
    if names.len() > MAX_LAYERS {
        return Err(refused(format!("it has {} layers", names.len())));
    }
    let layers = names
        .iter()
        .map(|name| {
            Ok(FileLayer {
                source: source(part(name)?),
                blob: None,
            })
        })
        .collect::<Result<_, Error>>()?;
    assemble(what.clone(), digest, config_json, layers, keep)
}

fn copy(from: &mut dyn Read, to: &mut File, cancel: &Cancel) -> io::Result<()> {
    loop {
        if cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        if io::copy(&mut from.take(16 << 20), to)? == 0 {
            return Ok(());
        }
    }
}

/// All files by name. A link has its target's content: engines link equal layers to each other.
fn index(path: &Path, cancel: &Cancel) -> Result<Result<HashMap<String, Part>, Bad>, Error> {
    let limits = Limits {
        entries: 1_000_000,
        bytes: u64::MAX,
        ..Limits::default()
    };
    let mut reader = Reader::new(Skipping::open(&LayerSource::Tar(path.to_owned()))?, limits);
    let mut parts: HashMap<String, Part> = HashMap::new();
    let mut links: Vec<(String, String)> = Vec::new();
    let mut all = || -> Result<(), Bad> {
        while let Some(member) = reader.next_by_skipping()? {
            if cancel.is_cancelled() {
                return Ok(());
            }
            let components = member.components(reader.limits())?;
            let name = String::from_utf8_lossy(&components.join(&b'/')).into_owned();
            match &member.kind {
                Kind::File if !reader.is_sparse() => {
                    parts.insert(name, (reader.position(), member.size));
                }
                Kind::Symlink(target) => {
                    // Beside the link: `../ID/layer.tar`.
                    let mut folder: Vec<&[u8]> = components;
                    folder.pop();
                    for part in target.split(|b| *b == b'/') {
                        match part {
                            b"" | b"." => {}
                            b".." => {
                                folder.pop();
                            }
                            part => folder.push(part),
                        }
                    }
                    links.push((name, String::from_utf8_lossy(&folder.join(&b'/')).into_owned()));
                }
                Kind::Hardlink(target) => links.push((name, String::from_utf8_lossy(target).into_owned())),
                _ => {}
            }
        }
        Ok(())
    };
    if let Err(bad) = all() {
        return Ok(Err(bad));
    }
    cancel.check()?;
    for (name, target) in links {
        if let Some(part) = parts.get(&target).copied() {
            parts.insert(name, part);
        }
    }
    Ok(Ok(parts))
}
