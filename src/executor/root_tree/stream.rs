//! A layer that is a tar stream.

use super::{LayerSum, Merge, Node, NodeKind, Options, Place};
use crate::executor::archive::{AUFS, Bad, Kind, Limits, Member, OPAQUE, Reader, WHITEOUT, components, decompress};
use crate::executor::cancel::Cancel;
use crate::executor::contents::LayerSource;
use crate::executor::digest::Digest;
use crate::executor::error::Error;
use crate::executor::image_file::open_source;
use sha2::Digest as _;
use std::ffi::OsStr;
use std::io::Read;
use std::path::PathBuf;

pub(super) fn merge(
    tree: &mut Merge,
    source: &LayerSource,
    what: &str,
    options: Options,
    cancel: &Cancel,
) -> Result<LayerSum, Error> {
    let limits = Limits::default();
    let stream = decompress(open_source(source)?, &limits).map_err(|error| Bad::from(error).of(what))?;
    let mut reader = Reader::new(stream, limits);
    let mut buffer = vec![0; 128 * 1024];
    let mut outcome = || -> Result<LayerSum, Bad> {
        let mut sum = LayerSum::default();
        while let Some(member) = reader.next()? {
            if cancel.is_cancelled() {
                break;
            }
            sum.entries += 1;
            sum.bytes += member.size;
            let place = match (&member.kind, reader.is_sparse()) {
                (Kind::File, false) => Place::Stream(reader.position()),
                (Kind::File, true) => Place::Sparse(reader.position()),
                _ => Place::None,
            };
            let mut hash = sha2::Sha256::new();
            let wanted = options.digests && member.kind == Kind::File;
            while wanted {
                match reader.read(&mut buffer)? {
                    0 => break,
                    read => hash.update(buffer.get(..read).unwrap_or_default()),
                }
            }
            let sha256 = wanted.then(|| Digest::from_bytes(&hash.finalize().into()));
            one(tree, member, place, sha256, reader.limits())?;
        }
        Ok(sum)
    };
    let sum = outcome().map_err(|bad| bad.of(what))?;
    cancel.check()?;
    Ok(sum)
}

fn one(tree: &mut Merge, member: Member, place: Place, sha256: Option<Digest>, limits: &Limits) -> Result<(), Bad> {
    let parts = member.components(limits)?;
    let lost = || {
        Bad(format!(
            "{} goes through a link that leads out of its root",
            member.display()
        ))
    };
    let names: Vec<&OsStr> = parts.iter().map(|part| os(part)).collect();
    if let Some(name) = parts.last()
        && name.starts_with(WHITEOUT)
    {
        let mut path = tree.place(&names).ok_or_else(lost)?;
        path.pop();
        if *name == OPAQUE {
            tree.clear(&path);
        } else if !name.starts_with(AUFS) {
            tree.hide(&path.join(os(name.get(WHITEOUT.len()..).unwrap_or_default())));
        }
        return Ok(());
    }
    let path = tree.place(&names).ok_or_else(lost)?;
    let kind = match &member.kind {
        Kind::File => NodeKind::File,
        Kind::Directory => NodeKind::Directory,
        Kind::Symlink(target) => NodeKind::Symlink(PathBuf::from(os(target))),
        Kind::Character(major, minor) => NodeKind::Character(*major, *minor),
        Kind::Block(major, minor) => NodeKind::Block(*major, *minor),
        Kind::Fifo => NodeKind::Fifo,
        Kind::Hardlink(target) => {
            let parts = components(target, limits)?;
            let names: Vec<&OsStr> = parts.iter().map(|part| os(part)).collect();
            let target = tree.place(&names).ok_or_else(lost)?;
            let node = tree
                .nodes
                .get(&target)
                .filter(|node| node.kind != NodeKind::Directory)
                .cloned()
                .ok_or_else(|| {
                    Bad(format!(
                        "{} is a hard link to {}, which is not in it",
                        member.display(),
                        target.display()
                    ))
                })?;
            tree.insert(path, node);
            return Ok(());
        }
    };
    let inode = tree.inode();
    let node = Node {
        // Nobody asks for a link's own mode, and Linux gives it this one.
        mode: if matches!(kind, NodeKind::Symlink(_)) {
            0o777
        } else {
            member.mode
        },
        kind,
        uid: member.uid,
        gid: member.gid,
        size: member.size,
        mtime: member.mtime,
        sha256,
        layer: tree.layer,
        inode,
        xattrs: member.xattrs,
        place,
    };
    tree.insert(path, node);
    Ok(())
}

#[cfg(unix)]
fn os(bytes: &[u8]) -> &OsStr {
    std::os::unix::ffi::OsStrExt::from_bytes(bytes)
}

#[cfg(not(unix))]
fn os(bytes: &[u8]) -> &OsStr {
    // Names that are no UTF-8 cannot be told here.
    OsStr::new(std::str::from_utf8(bytes).unwrap_or("?"))
}
