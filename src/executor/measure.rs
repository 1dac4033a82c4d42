//! How large layers are compressed, where nobody has said so yet.

use super::cancel::Cancel;
use super::contents::{ImageContents, LayerContents, LayerSource};
use super::digest::Digest;
use super::error::Error;
use super::image_file::open_source;
use super::native::gzip::gzip;
use super::native::layer::{Form, pack};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Layers below this are measured anew, in bytes: it takes no time.
const WORTH_KEEPING: u64 = 1 << 20;

/// What was measured in this process: two images that are compared share most layers.
static KNOWN: Mutex<Option<HashMap<Digest, u64>>> = Mutex::new(None);

/// Counts bytes.
struct Counter(u64);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ImageContents {
    /// Fills in the compressed sizes that are not known, as gzip -6 makes them.
    ///
    /// # Errors
    /// A layer cannot be read, or `cancel` asks for the end.
    pub fn measure(&mut self, cancel: &Cancel) -> Result<(), Error> {
        for layer in &mut self.layers {
            if layer.compressed_bytes.is_none() {
                layer.compressed_bytes = measured(layer, cancel)?;
            }
        }
        Ok(())
    }
}

fn measured(layer: &LayerContents, cancel: &Cancel) -> Result<Option<u64>, Error> {
    let known = |id: &Digest| {
        let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().and_then(|known| known.get(id).copied())
    };
    if let Some(bytes) = known(&layer.diff_id).or_else(|| remembered(&layer.diff_id)) {
        return Ok(Some(bytes));
    }
    let mut counter = Counter(0);
    let done = match &layer.source {
        LayerSource::Folder(folder) => packed(folder, &mut counter, cancel),
        source => gzip(&mut BufReader::new(open_source(source)?), &mut counter, cancel),
    };
    done.map_err(|error| match cancel.is_cancelled() {
        true => Error::Cancelled,
        false => Error::io("read", layer.source.path())(error),
    })?;
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.get_or_insert_default().insert(layer.diff_id.clone(), counter.0);
    remember(&layer.diff_id, counter.0);
    Ok(Some(counter.0))
}

/// Compresses the archive that an unpacked layer would be, without making it.
fn packed(folder: &Path, to: &mut Counter, cancel: &Cancel) -> io::Result<()> {
    let tree = File::open(folder)?;
    let (reader, writer) = io::pipe()?;
    std::thread::scope(|scope| {
        let packing = scope.spawn(move || {
            // The reader may be gone before the end.
            let mut writer = BufWriter::with_capacity(1 << 20, writer);
            let packed = pack(tree.as_fd(), Form::Trusted, &mut writer);
            packed.map_err(io::Error::other).and_then(|_| writer.flush())
        });
        let compressed = gzip(&mut BufReader::with_capacity(1 << 20, reader), to, cancel);
        let packed = packing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        compressed.and(packed)
    })
}

/// Where the sizes of large layers are kept: those of base images are asked for again and again.
fn place(id: &Digest) -> Option<PathBuf> {
    let root = super::native::store::Options::default_root()?;
    Some(root.join("compressed").join(id.hex()))
}

fn remembered(id: &Digest) -> Option<u64> {
    std::fs::read_to_string(place(id)?).ok()?.trim().parse().ok()
}

/// Nothing is lost where it cannot be kept.
fn remember(id: &Digest, bytes: u64) {
    let Some(place) = place(id).filter(|_| bytes >= WORTH_KEEPING) else {
        return;
    };
    let Some(folder) = place.parent() else { return };
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::NamedTempFile::new_in(folder))
        .and_then(|mut file| file.write_all(format!("{bytes}\n").as_bytes()).map(|()| file));
    if let Ok(file) = written {
        let _ = file.persist(place);
    }
}
