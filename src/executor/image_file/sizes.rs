//! How large a layer is unpacked, told by its headers.

use super::{open_source, read_start};
use crate::executor::archive::{Bad, Compression, Kind, Limits, Member, Reader, Skip, decompress};
use crate::executor::cancel::Cancel;
use crate::executor::contents::LayerSource;
use crate::executor::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};

/// The sum of the sizes of a layer's files. Of a plain stream only the headers are read.
///
/// # Errors
/// It cannot be read, or is broken.
pub(super) fn unpacked_bytes(source: &LayerSource, what: &str, cancel: &Cancel) -> Result<u64, Error> {
    let limits = Limits::default();
    let sum = if Compression::of(&read_start(source)?) == Compression::None {
        let mut reader = Reader::new(Skipping::open(source)?, limits);
        sum(|| reader.next_by_skipping(), cancel)
    } else {
        let stream = decompress(open_source(source)?, &limits).map_err(|error| Bad::from(error).of(what))?;
        let mut reader = Reader::new(stream, limits);
        sum(|| reader.next(), cancel)
    };
    cancel.check()?;
    sum.map_err(|bad| bad.of(what))
}

fn sum(mut next: impl FnMut() -> Result<Option<Member>, Bad>, cancel: &Cancel) -> Result<u64, Bad> {
    let mut sum: u64 = 0;
    while let Some(member) = next()? {
        if cancel.is_cancelled() {
            break;
        }
        if member.kind == Kind::File {
            sum = sum.saturating_add(member.size);
        }
    }
    Ok(sum)
}

/// A stream in a file whose parts are skipped by seeking.
pub(super) struct Skipping {
    file: BufReader<File>,
    left: u64,
}

impl Skipping {
    /// From its beginning.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(source: &LayerSource) -> Result<Skipping, Error> {
        let stream = open_source(source)?;
        let limit = stream.limit();
        let mut file = stream.into_inner();
        let path = source.path();
        let size = file.metadata().map_err(Error::io("read", path))?.len();
        let start = file.stream_position().map_err(Error::io("read", path))?;
        Ok(Skipping {
            file: BufReader::with_capacity(8192, file),
            left: limit.min(size.saturating_sub(start)),
        })
    }
}

impl Read for Skipping {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let read = self.file.read(buffer.get_mut(..room).unwrap_or_default())?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl Skip for Skipping {
    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        // Beyond the end one can seek, but there is nothing.
        self.left = self.left.checked_sub(bytes).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.file.seek_relative(i64::try_from(bytes).map_err(io::Error::other)?)
    }
}
