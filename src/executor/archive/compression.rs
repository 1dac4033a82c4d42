//! Compressed streams, told by their first bytes.

use super::Limits;
use std::io::{self, BufRead, BufReader, Read};

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, of one member or several.
    Gzip,
    /// Zstandard.
    Zstd,
    /// bzip2.
    Bzip2,
    /// xz.
    Xz,
}

impl Compression {
    /// By the first bytes of a stream; six suffice.
    pub fn of(first: &[u8]) -> Compression {
        match first {
            [0x1f, 0x8b, 0x08, ..] => Compression::Gzip,
            // A frame, or one of the skippable frames that some writers put first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [b'B', b'Z', b'h', ..] => Compression::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
            _ => Compression::None,
        }
    }

    /// Its name, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::Bzip2 => "bzip2",
            Compression::Xz => "xz",
        }
    }
}

/// Bytes that are asked of the source at a time.
const BUFFER: usize = 128 * 1024;
/// The largest window that a zstd frame may ask for, as a power of two: 128 MiB is what the zstd
/// program takes without being told.
const ZSTD_WINDOW: u32 = 27;
/// KiB of memory that an xz stream may ask for.
const XZ_MEMORY: u32 = 96 * 1024;

/// A stream of uncompressed bytes.
pub struct Decompressed<'a> {
    /// How it was compressed.
    pub compression: Compression,
    inner: Box<dyn Read + Send + 'a>,
}

impl std::fmt::Debug for Decompressed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decompressed")
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

impl Read for Decompressed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }
}

/// Uncompresses a stream, whatever it is compressed with.
///
/// # Errors
/// The source cannot be read. Broken streams, and those that grow past the limits' ratio, fail while
/// they are read.
pub fn decompress<'a>(source: impl Read + Send + 'a, limits: &Limits) -> io::Result<Decompressed<'a>> {
    let mut source = BufReader::with_capacity(BUFFER, source);
    let first = source.fill_buf()?;
    let compression = if first.len() < 6 {
        // A pipe may give less than it has.
        let mut first = [0; 6];
        let mut have = 0;
        while have < first.len() {
            match source.read(first.get_mut(have..).unwrap_or_default())? {
                0 => break,
                read => have += read,
            }
        }
        let start: Vec<u8> = first.iter().take(have).copied().collect();
        let compression = Compression::of(&start);
        return wrap(
            compression,
            BufReader::with_capacity(BUFFER, io::Cursor::new(start).chain(source)),
            limits,
        );
    } else {
        Compression::of(first)
    };
    wrap(compression, source, limits)
}

fn wrap<'a>(
    compression: Compression,
    source: impl BufRead + Send + 'a,
    limits: &Limits,
) -> io::Result<Decompressed<'a>> {
    let counted = Counted::new(source);
    let read = counted.read.clone();
    let inner: Box<dyn Read + Send + 'a> = match compression {
        Compression::None => {
            return Ok(Decompressed {
                compression,
                inner: Box::new(counted),
            });
        }
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(counted)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(counted)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            Box::new(decoder)
        }
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(counted)),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(counted, true, XZ_MEMORY)),
    };
    Ok(Decompressed {
        compression,
        inner: Box::new(Watched {
            inner,
            read,
            given: 0,
            ratio: limits.ratio,
            floor: limits.ratio_floor,
        }),
    })
}

type Count = std::sync::Arc<std::sync::atomic::AtomicU64>;

/// Counts what is read of a source.
struct Counted<R> {
    inner: R,
    read: Count,
}

impl<R> Counted<R> {
    fn new(inner: R) -> Counted<R> {
        Counted {
            inner,
            read: Count::default(),
        }
    }

    fn add(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, std::sync::atomic::Ordering::Relaxed);
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.add(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.add(amount);
        self.inner.consume(amount);
    }
}

/// Ends a stream that grows out of nothing.
struct Watched<R> {
    inner: R,
    read: Count,
    given: u64,
    ratio: u64,
    floor: u64,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let given = self.inner.read(buffer)?;
        self.given = self.given.saturating_add(given as u64);
        let read = self.read.load(std::sync::atomic::Ordering::Relaxed);
        if self.given > self.floor && self.given / self.ratio.max(1) > read {
            return Err(io::Error::other(format!(
                "{read} compressed bytes have become {} bytes, more than {} to one: a decompression bomb",
                self.given, self.ratio
            )));
        }
        Ok(given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn text() -> Vec<u8> {
        (0..40_000u32).flat_map(|n| n.to_le_bytes()).collect()
    }

    #[test]
    fn every_compression_is_told_and_undone() {
        let text = text();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut two = gzip.clone();
        two.extend(&gzip);
        let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        bzip2.write_all(&text).unwrap();
        let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
        xz.write_all(&text).unwrap();
        for (compression, bytes, times) in [
            (Compression::None, text.clone(), 1),
            (Compression::Gzip, gzip, 1),
            (Compression::Gzip, two, 2),
            (Compression::Zstd, zstd::encode_all(&text[..], 1).unwrap(), 1),
            (Compression::Bzip2, bzip2.finish().unwrap(), 1),
            (Compression::Xz, xz.finish().unwrap(), 1),
        ] {
            let mut stream = decompress(&bytes[..], &Limits::default()).unwrap();
            assert_eq!(stream.compression, compression);
            let mut got = Vec::new();
            stream.read_to_end(&mut got).unwrap();
            assert_eq!(got, text.repeat(times), "{compression:?}");
            let cut = bytes.len() * 3 / 8;
            let mut got = Vec::new();
            let whole = decompress(&bytes[..cut], &Limits::default()).and_then(|mut s| s.read_to_end(&mut got));
            assert!(
                compression == Compression::None || whole.is_err(),
                "{compression:?} cut off"
            );
        }
        let mut got = Vec::new();
        decompress(&b"abc"[..], &Limits::default())
            .unwrap()
            .read_to_end(&mut got)
            .unwrap();
        assert_eq!(got, b"abc");
    }

    #[test]
    fn a_bomb_is_ended() {
        let limits = Limits {
            ratio: 100,
            ratio_floor: 1 << 20,
            ..Limits::default()
        };
        let bomb = zstd::encode_all(io::repeat(0).take(64 << 20), 1).unwrap();
        let mut stream = decompress(&bomb[..], &limits).unwrap();
        let error = io::copy(&mut stream, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("bomb"), "{error}");
        let honest = zstd::encode_all(io::repeat(0).take(1 << 20), 1).unwrap();
        assert_eq!(
            io::copy(&mut decompress(&honest[..], &limits).unwrap(), &mut io::sink()).unwrap(),
            1 << 20
        );
    }
}
