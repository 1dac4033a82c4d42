//! gzip at level 6, on all cores: one member whose blocks are compressed side by side, each with the
//! 32 KiB before it as dictionary, so that the size is nearly that of one gzip process.

use crate::executor::cancel::Cancel;
use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use rayon::prelude::*;
use std::io::{self, Read, Write};

/// Bytes of a block.
const BLOCK: usize = 512 * 1024;
/// What deflate looks back.
const WINDOW: usize = 32 * 1024;
/// Blocks in memory at most.
const BATCH: usize = 24;

/// Compresses a stream. The same bytes give the same bytes, on any number of cores.
///
/// # Errors
/// Either side fails, or the caller asked for the end.
pub fn gzip(from: &mut dyn Read, to: &mut dyn Write, cancel: &Cancel) -> io::Result<()> {
    // No name, no time, an unknown system: nothing that differs from run to run.
    to.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])?;
    let mut crc = Crc::new();
    let batch = (rayon::current_num_threads() * 2).clamp(2, BATCH);
    let mut before: Vec<u8> = Vec::new();
    loop {
        if cancel.is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let mut data = Vec::new();
        from.take((batch * BLOCK) as u64).read_to_end(&mut data)?;
        if data.is_empty() {
            break;
        }
        crc.update(&data);
        let blocks: Vec<&[u8]> = data.chunks(BLOCK).collect();
        let compressed: Vec<io::Result<Vec<u8>>> = blocks
            .par_iter()
            .enumerate()
            .map(|(at, block)| {
                let previous = match at.checked_sub(1) {
                    Some(at) => blocks.get(at).copied().unwrap_or_default(),
                    None => &before,
                };
                let window = previous
                    .get(previous.len().saturating_sub(WINDOW)..)
                    .unwrap_or_default();
                deflate(block, window, FlushCompress::Sync)
            })
            .collect();
        for block in compressed {
            to.write_all(&block?)?;
        }
        before = data.split_off(data.len().saturating_sub(WINDOW));
    }
    to.write_all(&deflate(&[], &[], FlushCompress::Finish)?)?;
    to.write_all(&crc.sum().to_le_bytes())?;
    to.write_all(&crc.amount().to_le_bytes())
}

fn deflate(block: &[u8], window: &[u8], flush: FlushCompress) -> io::Result<Vec<u8>> {
    let mut compress = Compress::new(Compression::new(6), false);
    if !window.is_empty() {
        compress.set_dictionary(window)?;
    }
    let mut out = Vec::with_capacity(block.len() / 2 + 256);
    loop {
        let read = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        let before = out.len();
        let status = compress.compress_vec(block.get(read..).unwrap_or_default(), &mut out, flush)?;
        let all = usize::try_from(compress.total_in()).is_ok_and(|read| read == block.len());
        // A flush is over when there was room left in the output.
        if status == Status::StreamEnd || (flush == FlushCompress::Sync && all && out.len() < out.capacity()) {
            return Ok(out);
        }
        if out.len() == before && out.len() < out.capacity() {
            return Err(io::Error::other("deflate does not go on"));
        }
        out.reserve(BLOCK / 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gunzip_gives_it_back() {
        for length in [0usize, 1, BLOCK - 1, BLOCK, 5 * BLOCK + 12_345] {
            let mut state = 1u32;
            let data: Vec<u8> = (0..length)
                .map(|at| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    if at % 3 == 0 { (state >> 28) as u8 } else { b'a' }
                })
                .collect();
            let mut packed = Vec::new();
            gzip(&mut &data[..], &mut packed, &Cancel::new()).unwrap();
            let mut got = Vec::new();
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut got).unwrap();
            assert!(got == data, "{length}");
            let mut one = flate2::write::GzEncoder::new(Vec::new(), Compression::new(6));
            one.write_all(&data).unwrap();
            let one = one.finish().unwrap().len();
            assert!(packed.len() < one + one / 100 + 64, "{} against {one}", packed.len());
        }
    }
}
