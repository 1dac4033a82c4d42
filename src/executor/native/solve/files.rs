//! COPY, ADD and WORKDIR: changes over the layers below, written through an overlay.

use super::source::Tree;
use super::{Building, Failure};
use crate::executor::archive::{Compression, decompress};
use crate::executor::digest::Digest;
use crate::executor::error::Error;
use crate::executor::event::{Event, Sink};
use crate::executor::native::layer::{Owners, Rules, extract};
use crate::executor::native::store::LayerRecord;
use crate::executor::native::tree::{Chmod, Copier, CopyError, Rooted};
use crate::executor::native::vertex::{Copy, Item, Mkdir};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// The largest `/etc/passwd` that is read.
const PASSWD: u64 = 4 << 20;

impl Building<'_> {
    /// Changes files over these layers; what `work` writes becomes a layer.
    fn change(
        &self,
        below: &[Digest],
        work: impl FnOnce(&Rooted) -> Result<(), Failure>,
    ) -> Result<LayerRecord, Failure> {
        let scratch = self.solver.store.scratch()?;
        let (mut snapshot, root) = self.opened(&scratch, self.folders(below)?)?;
        work(&root)?;
        drop(root);
        let changes = snapshot.finish(self.form);
        let changes = changes.map_err(Error::io("tell the changes in", scratch.path()))?;
        Ok(self.solver.store.commit(&changes)?)
    }

    /// WORKDIR.
    pub(super) fn mkdir(&self, mkdir: &Mkdir, below: &[Digest]) -> Result<LayerRecord, Failure> {
        self.change(below, |root| {
            let owner = match mkdir.user.as_str() {
                "" => None,
                user => Some(owner(user, root, self.solver.events)),
            };
            let copier = Copier::new(root, owner, None, &self.cancel);
            copier.make_folders(&mkdir.path, 0o755).map_err(failed)?;
            Ok(())
        })
    }

    /// COPY and ADD.
    pub(super) fn copy(&self, copy: &Copy, below: &[Digest]) -> Result<LayerRecord, Failure> {
        let below = if copy.link { &[] } else { below };
        self.change(below, |root| {
            let chown = copy.rules.chown.as_ref();
            let owner = chown.map(|user| owner(user, root, self.solver.events));
            let chmod = match &copy.rules.chmod {
                Some(text) => {
                    let wrong = || Failure::step(format!("`{text}` is no mode for `--chmod`"));
                    Some(Chmod::parse(text).ok_or_else(wrong)?)
                }
                None => None,
            };
            let mut copier = Copier::new(root, owner, chmod, &self.cancel);
            for item in &copy.items {
                self.check()?;
                match item {
                    Item::Files { from, pattern } => {
                        let tree = self.tree(from)?;
                        self.files(&tree, pattern, copy, &mut copier)?;
                    }
                    Item::Inline { name, content } => {
                        copier
                            .write(content, OsStr::new(name), &copy.dest, 0o644, None)
                            .map_err(failed)?;
                    }
                    Item::Url { url, checksum, unpack } => {
                        self.fetch(url, checksum.as_deref(), *unpack, copy, &mut copier)?;
                    }
                    Item::Git {
                        address,
                        keep_git_dir,
                        checksum,
                    } => self.clone_git(address, *keep_git_dir, checksum.as_deref(), copy, &mut copier)?,
                }
            }
            Ok(())
        })
    }

    fn files(&self, tree: &Tree<'_>, pattern: &str, copy: &Copy, copier: &mut Copier<'_>) -> Result<(), Failure> {
        let matches = self.matches(tree, pattern, &copy.rules)?;
        for found in &matches.found {
            self.check()?;
            if copy.rules.unpack
                && let Some(archive) = archive(tree.root(), &found.parts)
            {
                self.unpack(archive, &found.name, &copy.dest, copier)?;
                continue;
            }
            let selection = matches.selection(tree, found);
            copier
                .place(&selection, &found.name, &copy.dest, tree.has_owners())
                .map_err(failed)?;
        }
        Ok(())
    }

    /// Unpacks a file where it is an archive; whether it was one.
    pub(super) fn unpack_fetched(&self, path: &Path, dest: &str, copier: &mut Copier<'_>) -> Result<bool, Failure> {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(false);
        };
        let root = Rooted::open(folder).map_err(|errno| Error::io("open", folder)(errno.into()))?;
        match archive(&root, &[name.to_owned()]) {
            Some(file) => self.unpack(file, &name.to_owned(), dest, copier).map(|()| true),
            None => Ok(false),
        }
    }

    pub(super) fn unpack(
        &self,
        archive: File,
        name: &OsString,
        dest: &str,
        copier: &mut Copier<'_>,
    ) -> Result<(), Failure> {
        let what = format!("the archive {}", name.to_string_lossy());
        let mut rules = Rules::archive(what.clone());
        if let Some((uid, gid)) = copier.chown() {
            rules.owners = Owners::Fixed(uid, gid);
        }
        let folder = copier.folder(dest).map_err(failed)?;
        let stream = decompress(archive, &rules.limits).map_err(Error::io("read", &what))?;
        extract(stream, folder.as_fd(), &rules)?;
        Ok(())
    }
}

/// Whom `--chown` or USER means in a tree: a number is taken as it is, and a name is looked up.
fn owner(spec: &str, root: &Rooted, events: &dyn Sink) -> (u32, u32) {
    let warn = |message: &str| {
        events.event(Event::Warning { message });
        (0, 0)
    };
    let (user, group) = match spec.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (spec, None),
    };
    let fields = |file: &str, name: &str| -> Option<Vec<String>> {
        let text = root.read(file, PASSWD)?;
        let text = String::from_utf8_lossy(&text);
        let line = text.lines().find(|line| line.split(':').next() == Some(name))?;
        Some(line.split(':').map(str::to_owned).collect())
    };
    let number = |fields: &[String], at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok());
    let (uid, mut gid) = match user.parse::<u32>() {
        Ok(uid) => (uid, uid),
        Err(_) if user.is_empty() => (0, 0),
        Err(_) => {
            let found = fields("/etc/passwd", user);
            let found = found
                .as_deref()
                .and_then(|fields| Some((number(fields, 2)?, number(fields, 3)?)));
            // As BuildKit has it, and nobody expects.
            found.unwrap_or_else(|| {
                warn(&format!(
                    "there is no user `{user}` in the image's /etc/passwd: root is taken"
                ))
            })
        }
    };
    if let Some(group) = group {
        gid = match group.parse::<u32>() {
            Ok(gid) => gid,
            Err(_) => {
                let found = fields("/etc/group", group);
                let found = found.as_deref().and_then(|fields| number(fields, 2));
                found.unwrap_or_else(|| warn(&format!("there is no group `{group}` in the image's /etc/group")).1)
            }
        };
    }
    (uid, gid)
}

pub(super) fn failed(error: CopyError) -> Failure {
    match error {
        CopyError::Cancelled => Failure::Error(Error::Cancelled),
        CopyError::Os(_, Errno::NOSPC | Errno::DQUOT) => Failure::Step(
            error.to_string(),
            Some("the disk is full: make room, for example with `mbopt cache prune`".to_owned()),
        ),
        error => Failure::step(error.to_string()),
    }
}

/// The file, where it is a tar archive, compressed or not: told by what is in it, not by its name.
fn archive(root: &Rooted, parts: &[OsString]) -> Option<File> {
    let file: OwnedFd = root.file(parts)?;
    let mut file = File::from(file);
    let mut head = [0_u8; 512];
    let length = read_up_to(&mut file, &mut head)?;
    file.seek(SeekFrom::Start(0)).ok()?;
    if Compression::of(head.get(..length)?) != Compression::None {
        let limits = Rules::archive("").limits;
        let again = file.try_clone().ok()?;
        let mut stream = decompress(again, &limits).ok()?;
        let length = read_up_to(&mut stream, &mut head)?;
        file.seek(SeekFrom::Start(0)).ok()?;
        return (length == head.len() && is_header(&head)).then_some(file);
    }
    (length == head.len() && is_header(&head)).then_some(file)
}

fn read_up_to(from: &mut dyn Read, into: &mut [u8]) -> Option<usize> {
    let mut length = 0;
    while let Some(rest) = into.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(length)
}

/// Whether a block is a tar header: its checksum is right, its own field taken as blanks.
fn is_header(block: &[u8; 512]) -> bool {
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) })
        .sum();
    let field = block.get(148..156).unwrap_or_default();
    let digits: String = field
        .iter()
        .map(|byte| char::from(*byte))
        .skip_while(|c| *c == ' ')
        .take_while(|c| c.is_digit(8))
        .collect();
    u32::from_str_radix(&digits, 8).is_ok_and(|written| written == sum && sum > 8 * 32)
}
