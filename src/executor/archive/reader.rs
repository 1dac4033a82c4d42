//! The entries of a tar stream, one after the other.

use super::member::display;
use super::{BLOCK, Bad, Kind, Limits, Member, Time, pax};
use std::io::{self, Read};
use tar::{GnuExtSparseHeader, GnuSparseHeader, Header};

/// Reads the entries of a tar stream. [`next`](Self::next) gives an entry; reading gives its content.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    limits: Limits,
    /// Bytes of the current entry that are not read yet, and what fills its last block.
    left: u64,
    padding: u64,
    /// Where the source stands.
    position: u64,
    entries: u64,
    bytes: u64,
    /// The pieces of a sparse file that are still to come, last first: offset, length.
    pieces: Vec<(u64, u64)>,
    /// A sparse file's length, and where in it we are.
    sparse: Option<(u64, u64)>,
    done: bool,
}

/// A source in which one can go on without reading.
pub trait Skip {
    /// Goes on by so many bytes.
    ///
    /// # Errors
    /// There are fewer, or the system refuses.
    fn skip(&mut self, bytes: u64) -> io::Result<()>;
}

/// What extension headers said about the next entry.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<Time>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Pieces of one sparse file.
const PIECES: usize = 65_536;
/// Extension headers before one entry.
const EXTENSIONS: usize = 16;

impl<R: Read> Reader<R> {
    /// Of an uncompressed stream.
    pub fn new(source: R, limits: Limits) -> Reader<R> {
        Reader {
            source,
            limits,
            left: 0,
            padding: 0,
            position: 0,
            entries: 0,
            bytes: 0,
            pieces: Vec::new(),
            sparse: None,
            done: false,
        }
    }

    /// The limits it keeps.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where in the stream the current entry's next byte is.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether the current entry is stored with holes, so that its content is not a part of the
    /// stream.
    pub fn is_sparse(&self) -> bool {
        self.sparse.is_some()
    }

    /// The entries seen so far, and the bytes that their contents have.
    pub fn seen(&self) -> (u64, u64) {
        (self.entries, self.bytes)
    }

    /// The next entry; none at the end.
    ///
    /// # Errors
    /// The stream is broken or goes past a limit.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Member>, Bad> {
        let mut extension = Extension::default();
        let mut described = 0;
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                if described > 0 {
                    return Err(Bad("it ends after a header that describes another entry".to_owned()));
                }
                return Ok(None);
            };
            let kind = header.entry_type();
            let size = number(&header.as_old().size, header.entry_size()).map_err(malformed)?;
            let describes = kind.is_gnu_longname() || kind.is_gnu_longlink() || kind.is_pax_local_extensions() || {
                kind.is_pax_global_extensions()
            };
            if describes {
                described += 1;
                if described > EXTENSIONS {
                    return Err(Bad(format!("more than {EXTENSIONS} headers in it describe one entry")));
                }
                if size > self.limits.header {
                    return Err(Bad(format!(
                        "a header in it has {size} bytes; at most {} are possible",
                        self.limits.header
                    )));
                }
                self.begin(size);
                let mut text = Vec::new();
                self.read_to_end(&mut text)?;
                if kind.is_gnu_longname() {
                    extension.path = Some(until_nul(text));
                } else if kind.is_gnu_longlink() {
                    extension.link = Some(until_nul(text));
                } else if kind.is_pax_local_extensions() {
                    extension.read(&text)?;
                }
                // A global header is a comment for us, as it is for container engines.
                continue;
            }
            return self.member(&header, size, extension).map(Some);
        }
    }

    /// [`next`](Self::next), for a source in which one can skip: contents that nobody read are not
    /// read.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn next_by_skipping(&mut self) -> Result<Option<Member>, Bad>
    where
        R: Skip,
    {
        let bytes = self.left.saturating_add(self.padding);
        self.source.skip(bytes)?;
        self.position = self.position.saturating_add(bytes);
        self.begin(0);
        self.next()
    }

    fn member(&mut self, header: &Header, size: u64, extension: Extension) -> Result<Member, Bad> {
        let entry = header.entry_type();
        let path = extension.path.unwrap_or_else(|| header.path_bytes().into_owned());
        let mut size = extension.size.unwrap_or(size);
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(Bad(format!("it has more than {} entries", self.limits.entries)));
        }
        let link = |link: Option<Vec<u8>>| {
            link.or_else(|| header.link_name_bytes().map(|l| l.into_owned()))
                .filter(|link| !link.is_empty() && link.len() <= self.limits.path && !link.contains(&0))
                .ok_or_else(|| {
                    Bad(format!(
                        "{} is a link to nothing, or to a name that cannot be",
                        display(&path)
                    ))
                })
        };
        let device = || -> Result<(u32, u32), Bad> {
            let major = header.device_major().map_err(malformed)?.unwrap_or(0);
            let minor = header.device_minor().map_err(malformed)?.unwrap_or(0);
            Ok((major, minor))
        };
        let old = header.as_old();
        let kind = match entry {
            // Old archives say by a slash that something is a directory.
            tar::EntryType::Regular if path.ends_with(b"/") => Kind::Directory,
            tar::EntryType::Regular | tar::EntryType::Continuous | tar::EntryType::GNUSparse => Kind::File,
            tar::EntryType::Directory => Kind::Directory,
            tar::EntryType::Symlink => Kind::Symlink(link(extension.link)?),
            tar::EntryType::Link => Kind::Hardlink(link(extension.link)?),
            tar::EntryType::Char => device().map(|(major, minor)| Kind::Character(major, minor))?,
            tar::EntryType::Block => device().map(|(major, minor)| Kind::Block(major, minor))?,
            tar::EntryType::Fifo => Kind::Fifo,
            other => {
                return Err(Bad(format!(
                    "{} is an entry of the unknown type {:?}",
                    display(&path),
                    char::from(other.as_byte())
                )));
            }
        };
        if !matches!(kind, Kind::File) {
            // POSIX lets a link say its target's size; only files have content. A directory's size
            // is room to be kept free.
            size = 0;
        }
        self.begin(size);
        if entry.is_gnu_sparse() {
            size = self.sparse(header)?;
        }
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > self.limits.bytes {
            return Err(Bad(format!(
                "with {} its files have more than {} bytes",
                display(&path),
                self.limits.bytes
            )));
        }
        let id = |extended: Option<u64>, plain: io::Result<u64>| -> Result<u32, Bad> {
            let id = extended.map_or(plain, Ok).map_err(malformed)?;
            u32::try_from(id).map_err(|_| Bad(format!("{} has the owner {id}, which cannot be", display(&path))))
        };
        let uid = id(extension.uid, number(&old.uid, header.uid()))?;
        let gid = id(extension.gid, number(&old.gid, header.gid()))?;
        Ok(Member {
            kind,
            mode: number(&old.mode, header.mode().map(u64::from))
                .map_err(malformed)
                .map(|mode| u32::try_from(mode & 0o7777).unwrap_or(0))?,
            uid,
            gid,
            size,
            // A time before 1970 is written in binary, as two's complement.
            mtime: extension.mtime.unwrap_or(Time {
                seconds: number(&old.mtime, header.mtime()).map_err(malformed)?.cast_signed(),
                nanos: 0,
            }),
            xattrs: extension.xattrs,
            path,
        })
    }

    /// Reads the map of a sparse file: its real length. The stored pieces follow.
    fn sparse(&mut self, header: &Header) -> Result<u64, Bad> {
        let gnu = header.as_gnu().ok_or_else(|| malformed("sparse"))?;
        let real = gnu.real_size().map_err(malformed)?;
        let mut pieces = Vec::new();
        let mut end = 0u64;
        let mut stored = 0u64;
        let mut add = |piece: &GnuSparseHeader| -> Result<(), Bad> {
            if piece.is_empty() {
                return Ok(());
            }
            let offset = piece.offset().map_err(malformed)?;
            let length = piece.length().map_err(malformed)?;
            if offset < end || pieces.len() >= PIECES {
                return Err(malformed("the map of a sparse file"));
            }
            end = offset.checked_add(length).ok_or_else(|| malformed("sparse"))?;
            stored = stored.saturating_add(length);
            pieces.push((offset, length));
            Ok(())
        };
        gnu.sparse.iter().try_for_each(&mut add)?;
        let mut more = gnu.is_extended();
        while more {
            let mut extended = GnuExtSparseHeader::new();
            self.source.read_exact(extended.as_mut_bytes())?;
            self.position += BLOCK;
            extended.sparse().iter().try_for_each(&mut add)?;
            more = extended.is_extended();
        }
        if end > real || stored != self.left {
            return Err(malformed("the map of a sparse file"));
        }
        pieces.reverse();
        self.pieces = pieces;
        self.sparse = Some((real, 0));
        Ok(real)
    }

    fn begin(&mut self, size: u64) {
        self.left = size;
        self.padding = (BLOCK - size % BLOCK) % BLOCK;
        self.sparse = None;
        self.pieces.clear();
    }

    /// To the next header.
    fn skip(&mut self) -> Result<(), Bad> {
        let wanted = self.left.saturating_add(self.padding);
        let skipped = io::copy(&mut (&mut self.source).take(wanted), &mut io::sink())?;
        self.position += skipped;
        if skipped < wanted {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.begin(0);
        Ok(())
    }

    fn header(&mut self) -> Result<Option<Header>, Bad> {
        let mut header = Header::new_old();
        if self.done || !self.block(header.as_mut_bytes())? {
            return Ok(None);
        }
        if header.as_bytes().iter().all(|b| *b == 0) {
            // The end; whatever follows is read so that digests count it.
            self.done = true;
            self.position += io::copy(&mut self.source, &mut io::sink())?;
            return Ok(None);
        }
        let sum: u32 = header
            .as_bytes()
            .iter()
            .enumerate()
            .map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte }))
            .sum();
        if header.cksum().ok() != Some(sum) {
            return Err(Bad(if self.entries == 0 {
                "it is no tar archive".to_owned()
            } else {
                format!("the header at byte {} is damaged", self.position - BLOCK)
            }));
        }
        Ok(Some(header))
    }

    /// Fills a block; false at the end of the stream.
    fn block(&mut self, block: &mut [u8; 512]) -> Result<bool, Bad> {
        let mut have = 0;
        while let Some(rest) = block.get_mut(have..)
            && !rest.is_empty()
        {
            match self.source.read(rest) {
                Ok(0) if have == 0 => return Ok(false),
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(read) => have += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.position += BLOCK;
        Ok(true)
    }

    fn stored(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.source.read(buffer.get_mut(..wanted).unwrap_or_default())?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        self.position += read as u64;
        Ok(read)
    }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some((real, at)) = self.sparse else {
            return self.stored(buffer);
        };
        while self.pieces.last().is_some_and(|(_, length)| *length == 0) {
            self.pieces.pop();
        }
        let (offset, length) = self.pieces.last().copied().unwrap_or((real, 0));
        let room = |bytes: u64| usize::try_from(bytes).map_or(buffer.len(), |bytes| bytes.min(buffer.len()));
        let read = if at < offset {
            let hole = room(offset - at);
            buffer.get_mut(..hole).unwrap_or_default().fill(0);
            hole
        } else {
            let wanted = room(length);
            let read = self.stored(buffer.get_mut(..wanted).unwrap_or_default())?;
            if let Some((offset, length)) = self.pieces.last_mut() {
                *offset += read as u64;
                *length -= read as u64;
            }
            read
        };
        self.sparse = Some((real, at + read as u64));
        Ok(read)
    }
}

impl Extension {
    fn read(&mut self, text: &[u8]) -> Result<(), Bad> {
        let number = |value: &[u8]| -> Result<u64, Bad> {
            std::str::from_utf8(value)
                .ok()
                .and_then(|v| v.parse().ok())
                .ok_or_else(|| malformed("number"))
        };
        for (key, value) in pax::records(text)? {
            match key {
                b"path" => self.path = Some(value.to_vec()),
                b"linkpath" => self.link = Some(value.to_vec()),
                b"size" => self.size = Some(number(value)?),
                b"uid" => self.uid = Some(number(value)?),
                b"gid" => self.gid = Some(number(value)?),
                b"mtime" => self.mtime = Some(Time::parse(value).ok_or_else(|| malformed("time"))?),
                _ if key.starts_with(b"GNU.sparse.") => {
                    return Err(Bad(
                        "it has a sparse file in the POSIX format, which is not supported: pack it without --sparse"
                            .to_owned(),
                    ));
                }
                _ => {
                    if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                        self.xattrs.push((name.to_vec(), value.to_vec()));
                    }
                }
            }
        }
        Ok(())
    }
}

/// A field that was left empty is zero.
fn number(field: &[u8], parsed: io::Result<u64>) -> io::Result<u64> {
    if field.iter().all(|byte| matches!(byte, 0 | b' ')) {
        return Ok(0);
    }
    parsed
}

fn until_nul(mut text: Vec<u8>) -> Vec<u8> {
    if let Some(end) = text.iter().position(|b| *b == 0) {
        text.truncate(end);
    }
    text
}

fn malformed(what: impl std::fmt::Display) -> Bad {
    Bad(format!("a header in it is malformed: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(bytes: &[u8]) -> Result<Vec<(Member, Vec<u8>)>, Bad> {
        let mut reader = Reader::new(bytes, Limits::default());
        let mut entries = Vec::new();
        while let Some(member) = reader.next()? {
            let mut content = Vec::new();
            reader.read_to_end(&mut content)?;
            entries.push((member, content));
        }
        Ok(entries)
    }

    fn header(kind: tar::EntryType, path: &str, size: u64) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_path(path).unwrap();
        header.set_mode(0o644);
        header.set_uid(1);
        header.set_gid(2);
        header.set_mtime(3);
        header.set_size(size);
        header.set_cksum();
        header
    }

    #[test]
    fn what_the_crate_writes_is_read() {
        let mut builder = tar::Builder::new(Vec::new());
        let long = "d/".repeat(80) + "f";
        builder
            .append_pax_extensions([("SCHILY.xattr.security.capability", &b"a\nb\0"[..]), ("mtime", b"7.5")])
            .unwrap();
        builder
            .append(&header(tar::EntryType::Regular, "one", 5), &b"hello"[..])
            .unwrap();
        let mut file = header(tar::EntryType::Regular, "x", 3);
        builder.append_data(&mut file, &long, &b"abc"[..]).unwrap();
        let mut link = header(tar::EntryType::Symlink, "x", 0);
        builder.append_link(&mut link, "link", &long).unwrap();
        let bytes = builder.into_inner().unwrap();
        let got = entries(&bytes).unwrap();
        assert_eq!(got.len(), 3);
        assert_eq!((&got[0].0.path[..], &got[0].1[..]), (&b"one"[..], &b"hello"[..]));
        assert_eq!(got[0].0.xattrs, [(b"security.capability".to_vec(), b"a\nb\0".to_vec())]);
        assert_eq!(
            got[0].0.mtime,
            Time {
                seconds: 7,
                nanos: 500_000_000
            }
        );
        assert_eq!((&got[1].0.path[..], &got[1].1[..]), (long.as_bytes(), &b"abc"[..]));
        assert_eq!(got[2].0.kind, Kind::Symlink(long.into_bytes()));
        for cut in [100, 600, 1100, bytes.len() - 1500] {
            assert!(entries(&bytes[..cut]).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn a_sparse_file_has_its_holes() {
        let mut sparse = header(tar::EntryType::GNUSparse, "sparse", 5);
        let gnu = sparse.as_gnu_mut().unwrap();
        gnu.set_real_size(1000);
        gnu.sparse[0].set_offset(10);
        gnu.sparse[0].set_length(3);
        gnu.sparse[1].set_offset(500);
        gnu.sparse[1].set_length(2);
        sparse.set_cksum();
        let mut bytes = sparse.as_bytes().to_vec();
        bytes.extend(b"abcde");
        bytes.extend([0; 507 + 1024]);
        let got = entries(&bytes).unwrap();
        let mut wanted = vec![0; 1000];
        wanted[10..13].copy_from_slice(b"abc");
        wanted[500..502].copy_from_slice(b"de");
        assert_eq!(got[0].1, wanted);
        assert_eq!(got[0].0.size, 1000);
    }

    #[test]
    fn memory_is_not_the_archives_to_take() {
        let mut bytes = header(tar::EntryType::GNULongName, "x", 1 << 40).as_bytes().to_vec();
        bytes.extend([0; 1024]);
        assert!(entries(&bytes).unwrap_err().0.contains("a header in it has"));
        let mut bytes = header(tar::EntryType::Regular, "x", 1 << 50).as_bytes().to_vec();
        bytes.extend([0; 1024]);
        assert!(entries(&bytes).unwrap_err().0.contains("more than"));
        assert!(entries(&[b'x'; 1024]).unwrap_err().0.contains("no tar archive"));
        assert!(entries(b"").unwrap().is_empty());
    }
}
