//! Contents of files, on demand.

use super::{Node, Place};
use crate::executor::archive::{Bad, Compression, Limits, Reader, decompress};
use crate::executor::contents::LayerSource;
use crate::executor::error::Error;
use crate::executor::image_file::open_source;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Mutex;

/// Uncompressed copies of compressed layers, made when the first file of one is read.
#[derive(Debug)]
pub(super) struct Spools(Vec<Mutex<Spool>>);

#[derive(Debug, Default)]
enum Spool {
    #[default]
    Unknown,
    /// The layer is plain.
    Plain,
    /// A nameless file; gone with the value.
    Copy(File),
}

impl Spools {
    pub(super) fn new(layers: usize) -> Spools {
        Spools((0..layers).map(|_| Mutex::default()).collect())
    }
}

pub(super) fn content(
    spools: &Spools,
    source: Option<&LayerSource>,
    node: &Node,
    limit: u64,
) -> Result<Vec<u8>, Error> {
    let limit = limit.min(node.size);
    let lost = || Error::io("read", PathBuf::from("a layer"))(io::Error::other("it is not there any more"));
    match &node.place {
        Place::None => Ok(Vec::new()),
        Place::File(path) => {
            let file = File::open(path).map_err(Error::io("read", path))?;
            bytes(file, limit).map_err(Error::io("read", path))
        }
        Place::Stream(at) => {
            let (source, spool) = source.zip(spools.0.get(node.layer)).ok_or_else(lost)?;
            let mut spool = spool.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let path = match source {
                LayerSource::Tar(path) | LayerSource::Part(path, ..) | LayerSource::Folder(path) => path,
            };
            let failed = || Error::io("read", path);
            if matches!(*spool, Spool::Unknown) {
                let mut stream = decompress(open_source(source)?, &Limits::default()).map_err(failed())?;
                *spool = if stream.compression == Compression::None {
                    Spool::Plain
                } else {
                    let mut copy =
                        tempfile::tempfile().map_err(Error::io("create a temporary file in", std::env::temp_dir()))?;
                    io::copy(&mut stream, &mut copy).map_err(failed())?;
                    Spool::Copy(copy)
                };
            }
            if let Spool::Copy(copy) = &mut *spool {
                copy.seek(SeekFrom::Start(*at)).map_err(failed())?;
                return bytes(copy, limit).map_err(failed());
            }
            let begin = match source {
                LayerSource::Part(_, start, _) => *start,
                _ => 0,
            };
            let mut file = File::open(path).map_err(failed())?;
            file.seek(SeekFrom::Start(begin.saturating_add(*at)))
                .map_err(failed())?;
            bytes(file, limit).map_err(failed())
        }
        Place::Sparse(at) => {
            let source = source.ok_or_else(lost)?;
            let what = "a layer of the image";
            let stream = decompress(open_source(source)?, &Limits::default()).map_err(|e| Bad::from(e).of(what))?;
            let mut reader = Reader::new(stream, Limits::default());
            while reader.next().map_err(|bad| bad.of(what))?.is_some() {
                if reader.position() == *at {
                    return bytes(reader, limit).map_err(|error| Bad::from(error).of(what));
                }
            }
            Err(lost())
        }
    }
}

fn bytes(from: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(limit.min(1 << 20)).unwrap_or(0));
    from.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
