//! A layer's stream on its way in: read, kept, hashed and uncompressed by one thread, and handed in
//! pieces to the one that unpacks it.

use super::files::{HashRead, HashWrite};
use super::layers::{Blob, Import};
use crate::executor::archive::{Compression, decompress};
use crate::executor::cancel::Cancel;
use crate::executor::digest::Digest;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::mpsc;

/// Bytes in one piece between threads, and pieces that wait: 4 MiB.
pub(super) const PIECE: usize = 256 * 1024;
pub(super) const PIECES: usize = 16;

/// A stream that came in.
pub(super) struct Arrived {
    pub diff_id: Digest,
    pub tar_bytes: u64,
    pub blob: Blob,
    /// It was read to its end.
    pub whole: bool,
}

/// Why a stream did not come in.
pub(super) enum Arrival {
    Bad(String),
    Disk(io::Error),
    Cancelled,
}

/// Reads a layer's stream to its end: keeps it, hashes it, uncompresses it, hands it on.
pub(super) fn arrive(
    stream: impl Read + Send,
    import: &Import<'_>,
    keep: Option<&mut File>,
    send: &mpsc::SyncSender<io::Result<Vec<u8>>>,
    cancel: &Cancel,
) -> Result<Arrived, Arrival> {
    match &import.blob {
        Some(expected) => {
            let tee = std::sync::Mutex::new(Tee {
                inner: HashRead::new(stream),
                keep,
                failed: None,
                limit: expected.size,
            });
            let outcome = uncompress(TeeRead(&tee), import, send, &mut io::sink(), cancel);
            // What follows the compressed data belongs to the blob, too.
            let rest = io::copy(&mut TeeRead(&tee), &mut io::sink());
            let tee = tee.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(error) = tee.failed {
                return Err(Arrival::Disk(error));
            }
            let (digest, size) = tee.inner.finish();
            if let Err(Arrival::Cancelled) = outcome {
                return Err(Arrival::Cancelled);
            }
            // The wrong bytes are the cause of whatever else is wrong.
            if rest.is_err() || size != expected.size || digest != expected.digest {
                return Err(Arrival::Bad(match rest {
                    Err(error) => format!("it cannot be read: {error}"),
                    Ok(_) if size != expected.size => {
                        format!("it has {size} bytes, not {} as the manifest says", expected.size)
                    }
                    Ok(_) => format!("its digest is {digest}, not {} as the manifest says", expected.digest),
                }));
            }
            let (diff_id, tar_bytes, whole) = outcome?;
            Ok(Arrived {
                diff_id,
                tar_bytes,
                whole,
                blob: Blob {
                    digest,
                    size,
                    media_type: expected.media_type.clone(),
                },
            })
        }
        None => {
            let mut to = HashWrite::new(keep.ok_or_else(|| Arrival::Bad("it has nowhere to go".to_owned()))?);
            let mut zstd = zstd::stream::write::Encoder::new(&mut to, 1).map_err(Arrival::Disk)?;
            let (diff_id, tar_bytes, whole) = uncompress(stream, import, send, &mut zstd, cancel)?;
            zstd.finish().map_err(Arrival::Disk)?;
            let (digest, size, _) = to.finish();
            Ok(Arrived {
                diff_id,
                tar_bytes,
                whole,
                blob: Blob {
                    digest,
                    size,
                    media_type: None,
                },
            })
        }
    }
}

/// Digest and bytes of the uncompressed stream, and whether the other side wanted all of it.
fn uncompress(
    stream: impl Read + Send,
    import: &Import<'_>,
    send: &mpsc::SyncSender<io::Result<Vec<u8>>>,
    also: &mut dyn Write,
    cancel: &Cancel,
) -> Result<(Digest, u64, bool), Arrival> {
    let bad = |error: &io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => Arrival::Bad("it ends too early; it may have been cut off".to_owned()),
        _ => Arrival::Bad(format!("it cannot be uncompressed: {error}")),
    };
    let mut stream = match decompress(stream, &import.limits) {
        Ok(stream) => stream,
        Err(error) => {
            let failure = bad(&error);
            let _ = send.send(Err(error));
            return Err(failure);
        }
    };
    if matches!(stream.compression, Compression::Bzip2 | Compression::Xz) {
        let why = format!(
            "it is compressed with {}; a layer is compressed with gzip, zstd or not at all",
            stream.compression.as_str()
        );
        let _ = send.send(Err(io::Error::other(why.clone())));
        return Err(Arrival::Bad(why));
    }
    let mut hash = HashWrite::new(io::sink());
    let mut wanted = true;
    loop {
        if cancel.is_cancelled() {
            let _ = send.send(Err(io::Error::other("cancelled")));
            return Err(Arrival::Cancelled);
        }
        let mut piece = vec![0; PIECE];
        let read = match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                let failure = bad(&error);
                let _ = send.send(Err(error));
                return Err(failure);
            }
        };
        piece.truncate(read);
        hash.write_all(&piece).map_err(Arrival::Disk)?;
        also.write_all(&piece).map_err(Arrival::Disk)?;
        // The other side has found something wrong, and says so itself.
        if send.send(Ok(piece)).is_err() {
            wanted = false;
            break;
        }
    }
    let (diff_id, bytes, _) = hash.finish();
    Ok((diff_id, bytes, wanted))
}

/// Keeps what is read.
struct Tee<'a, R> {
    inner: HashRead<R>,
    keep: Option<&'a mut File>,
    failed: Option<io::Error>,
    limit: u64,
}

struct TeeRead<'a, 'b, R>(&'a std::sync::Mutex<Tee<'b, R>>);

impl<R: Read> Read for TeeRead<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut tee = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if tee.failed.is_some() {
            return Err(io::Error::other("the disk failed"));
        }
        let read = tee.inner.read(buffer)?;
        tee.limit = tee
            .limit
            .checked_sub(read as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is longer than the manifest says"))?;
        if let Some(keep) = &mut tee.keep
            && let Err(error) = keep.write_all(buffer.get(..read).unwrap_or_default())
        {
            tee.failed = Some(error);
            return Err(io::Error::other("the disk failed"));
        }
        Ok(read)
    }
}

/// The writing end of a channel of pieces.
pub(super) struct Sender(pub mpsc::SyncSender<io::Result<Vec<u8>>>);

impl Write for Sender {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0
            .send(Ok(buffer.to_vec()))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The reading end.
pub(super) struct Pieces {
    receive: mpsc::Receiver<io::Result<Vec<u8>>>,
    piece: io::Cursor<Vec<u8>>,
}

impl Pieces {
    pub fn new(receive: mpsc::Receiver<io::Result<Vec<u8>>>) -> Pieces {
        Pieces {
            receive,
            piece: io::Cursor::default(),
        }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.piece.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.receive.recv() {
                Ok(piece) => self.piece = io::Cursor::new(piece?),
                Err(_) => return Ok(0),
            }
        }
    }
}
