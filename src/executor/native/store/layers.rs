//! Layers come in, are made of snapshots, and go out.

use super::super::layer::{self, Form, Rules};
use super::arrival::{Arrival, Arrived, PIECE, PIECES, Pieces, Sender, arrive};
use super::files::{HashRead, HashWrite};
use super::{Scratch, Store};
use crate::executor::Error;
use crate::executor::archive::{Limits, decompress};
use crate::executor::cancel::Cancel;
use crate::executor::digest::Digest;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

/// A compressed layer in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// Of its bytes.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// As a manifest has it; none where the blob is the store's own and goes into no manifest.
    pub media_type: Option<String>,
}

/// What is known of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// Of its uncompressed tar stream.
    pub diff_id: Digest,
    /// The stream that it came as; none where its files give it again, since they were packed here.
    pub blob: Option<Blob>,
    /// The sum of the sizes of its regular files.
    pub unpacked_bytes: u64,
    /// Bytes of its uncompressed tar stream.
    pub tar_bytes: u64,
    /// What it takes on the disk, the blob not counted.
    pub disk_bytes: u64,
    /// Entries of its tar stream.
    pub entries: u64,
    /// Bytes as gzip -6 makes it, or of the registry's blob; none as long as nobody asked
    /// ([`Store::compressed_bytes`]).
    pub compressed_bytes: Option<u64>,
    /// Devices in it that could not be made.
    #[serde(default)]
    pub devices_left_out: u64,
    /// The boot in which it was made; none once it is surely on the disk.
    #[serde(default)]
    pub boot: Option<String>,
}

/// An unpacked layer in the store.
#[derive(Debug, Clone)]
pub struct LayerDir {
    /// The directory to mount, to be read only.
    pub path: PathBuf,
    /// How directories in it hide those below.
    pub form: Form,
    /// What is known of it.
    pub record: LayerRecord,
}

/// What is expected of a layer that comes in.
#[derive(Debug)]
pub struct Import<'a> {
    /// For errors: `layer 3 of debian:12`.
    pub what: String,
    /// The digest of the uncompressed stream, as the image's config has it.
    pub diff_id: &'a Digest,
    /// The stream's own digest, size and type, as a manifest has them. With none the stream is kept
    /// compressed by the store.
    pub blob: Option<Blob>,
    /// What it may be.
    pub limits: Limits,
}

/// After this time the kernel has written everything that a process made (it begins after 30 s).
const SETTLED: Duration = Duration::from_secs(600);
impl Store {
    /// A layer, if it is there; counts as a use of it.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn layer(&self, diff_id: &Digest) -> Result<Option<LayerDir>, Error> {
        let folder = self.path("layers", diff_id, "");
        let Some(mut record) = read_record(&folder)? else {
            return Ok(None);
        };
        let path = folder.join("fs");
        if let Some(boot) = record.boot.take() {
            let age = fs::symlink_metadata(&folder)
                .and_then(|folder| folder.modified())
                .ok()
                .and_then(|made| SystemTime::now().duration_since(made).ok())
                .unwrap_or_default();
            if boot == self.inner.boot {
                if age < SETTLED {
                    record.boot = Some(boot);
                } else {
                    self.write_record(&record)?;
                }
            } else if self.survived(&path, &record)? {
                self.write_record(&record)?;
            } else {
                self.drop_layer(diff_id)?;
                return Ok(None);
            }
        }
        let mut used = self
            .inner
            .used
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if used.insert(diff_id.clone()) {
            // Its time says when it was last used.
            let _ = File::open(folder.join("record.json")).and_then(|file| file.set_modified(SystemTime::now()));
        }
        Ok(Some(LayerDir {
            path,
            form: self.inner.form,
            record,
        }))
    }

    /// Whether a layer that was made before the machine went down is what it was. One that came from
    /// elsewhere is unpacked again instead: its blob tells whether it is whole.
    fn survived(&self, path: &Path, record: &LayerRecord) -> Result<bool, Error> {
        if record.blob.is_some() {
            return Ok(false);
        }
        let tree = File::open(path).map_err(Error::io("open", path))?;
        let mut hash = HashWrite::new(io::sink());
        let packed = layer::pack(tree.as_fd(), self.inner.form, &mut hash);
        Ok(packed.is_ok() && hash.finish().0 == record.diff_id)
    }

    pub(super) fn drop_layer(&self, diff_id: &Digest) -> Result<(), Error> {
        let folder = self.path("layers", diff_id, "");
        let scratch = self.scratch()?;
        // Gone at once; the files go afterwards.
        match fs::rename(&folder, scratch.path().join("layer")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", &folder)(error)),
            _ => Ok(()),
        }
    }

    fn write_record(&self, record: &LayerRecord) -> Result<(), Error> {
        let path = self.path("layers", &record.diff_id, "").join("record.json");
        self.publish(&path, &serde_json::to_vec(record).unwrap_or_default())
    }

    /// Takes a layer in: unpacks the stream, keeps it, checks its digests. A layer that is there
    /// already costs nothing; the stream is not read then.
    ///
    /// # Errors
    /// [`Error::Refused`] where the stream is not what it should be, [`Error::Io`] where the disk
    /// refuses. Nothing of it is left then.
    pub fn import(&self, stream: impl Read + Send, import: &Import<'_>, cancel: &Cancel) -> Result<LayerRecord, Error> {
        if let Some(there) = self.layer(import.diff_id)? {
            return Ok(there.record);
        }
        cancel.check()?;
        let scratch = self.scratch()?;
        let tree_path = scratch.path().join("fs");
        fs::create_dir(&tree_path).map_err(Error::io("create", &tree_path))?;
        let tree = File::open(&tree_path).map_err(Error::io("open", &tree_path))?;
        rustix::fs::fchmod(&tree, rustix::fs::Mode::from_raw_mode(0o755))
            .map_err(|errno| Error::io("change the mode of", &tree_path)(errno.into()))?;
        let rules = Rules {
            owners: self.inner.owners,
            limits: import.limits.clone(),
            ..Rules::layer(&import.what, self.inner.form)
        };
        let blob_path = scratch.path().join("blob");
        // The stream may be a blob of the store itself.
        let kept = import
            .blob
            .as_ref()
            .is_some_and(|blob| fs::metadata(self.blob_path(&blob.digest)).is_ok_and(|there| there.len() == blob.size));
        let mut blob_file = match kept {
            true => None,
            false => Some(File::create(&blob_path).map_err(Error::io("create", &blob_path))?),
        };
        // One thread reads, keeps, uncompresses and hashes; this one writes files.
        let (extracted, arrived) = thread::scope(|scope| {
            let (send, receive) = mpsc::sync_channel(PIECES);
            let blob_file = blob_file.as_mut();
            let reading = thread::Builder::new()
                .name("layer".into())
                .spawn_scoped(scope, move || arrive(stream, import, blob_file, &send, cancel))
                .map_err(Error::io("start a thread for", &blob_path))?;
            let mut pieces = Pieces::new(receive);
            let extracted = layer::extract(&mut pieces, tree.as_fd(), &rules);
            drop(pieces);
            let arrived = reading
                .join()
                .unwrap_or_else(|_| Err(Arrival::Bad("reading it failed unexpectedly".to_owned())));
            Ok::<_, Error>((extracted, arrived))
        })?;
        let refused = |why: String| Error::Refused {
            what: import.what.clone(),
            why,
        };
        let other = |arrived: &Arrived| {
            format!(
                "its content has the digest {}, not {} as the image's config says",
                arrived.diff_id, import.diff_id
            )
        };
        let arrived = match (arrived, &extracted) {
            (Err(Arrival::Cancelled), _) => return Err(Error::Cancelled),
            (Err(Arrival::Disk(error)), _) => return Err(Error::io("write", &blob_path)(error)),
            // The archive's own fault is the better explanation; but a stream that broke off looks
            // like one to the other side.
            (Err(Arrival::Bad(why)), _) => return Err(refused(why)),
            (Ok(arrived), _) => arrived,
        };
        let extracted = match extracted {
            Ok(extracted) => extracted,
            // Whether it is damaged or malicious, wrong bytes are the cause to be named.
            Err(Error::Refused { why, .. }) if arrived.whole && arrived.diff_id != *import.diff_id => {
                return Err(refused(format!("{}; {why}", other(&arrived))));
            }
            Err(error) => return Err(error),
        };
        if arrived.diff_id != *import.diff_id {
            return Err(refused(other(&arrived)));
        }
        let blob = arrived.blob;
        let compressed_bytes = import.blob.as_ref().map(|blob| blob.size);
        if !kept {
            self.publish_blob(&blob_path, &blob.digest)?;
        }
        let record = LayerRecord {
            diff_id: arrived.diff_id,
            blob: Some(blob),
            unpacked_bytes: extracted.bytes,
            tar_bytes: arrived.tar_bytes,
            // Files end in the middle of a block, each.
            disk_bytes: extracted.bytes + extracted.entries * 2048,
            entries: extracted.entries,
            compressed_bytes,
            devices_left_out: extracted.devices_left_out,
            boot: Some(self.inner.boot.clone()),
        };
        self.publish_layer(scratch, &record)?;
        Ok(record)
    }

    /// Makes a layer of a snapshot: what is in an overlay's upper directory, which is moved into the
    /// store and must lie in its [`scratch`](Self::scratch).
    ///
    /// # Errors
    /// The disk refuses, or the tree holds what no layer can.
    pub fn commit(&self, upper: &Path) -> Result<LayerRecord, Error> {
        let tree = File::open(upper).map_err(Error::io("open", upper))?;
        let mut hash = HashWrite::new(io::sink());
        let packed = layer::pack(tree.as_fd(), self.inner.form, &mut hash)?;
        let (diff_id, tar_bytes, _) = hash.finish();
        if let Some(there) = self.layer(&diff_id)? {
            self.discard(upper);
            return Ok(there.record);
        }
        let record = LayerRecord {
            diff_id,
            blob: None,
            unpacked_bytes: packed.bytes,
            tar_bytes,
            disk_bytes: packed.disk,
            entries: packed.entries,
            compressed_bytes: None,
            devices_left_out: 0,
            boot: Some(self.inner.boot.clone()),
        };
        let scratch = self.scratch()?;
        let to = scratch.path().join("fs");
        fs::rename(upper, &to).map_err(Error::io("move", upper))?;
        self.publish_layer(scratch, &record)?;
        Ok(record)
    }

    /// Makes a layer of a folder with `fs` in it. Another process may have been faster; its layer is
    /// as good.
    fn publish_layer(&self, scratch: Scratch, record: &LayerRecord) -> Result<(), Error> {
        let record_path = scratch.path().join("record.json");
        fs::write(&record_path, serde_json::to_vec(record).unwrap_or_default())
            .map_err(Error::io("write", &record_path))?;
        let blob = scratch.path().join("blob");
        let _ = fs::remove_file(blob);
        let to = self.path("layers", &record.diff_id, "");
        match fs::rename(scratch.path(), &to) {
            Ok(()) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
                ) => {}
            Err(error) => return Err(Error::io("create", &to)(error)),
        }
        self.grew();
        Ok(())
    }

    /// Keeps a file of the scratch space as a blob.
    pub(super) fn publish_blob(&self, file: &Path, digest: &Digest) -> Result<(), Error> {
        let to = self.blob_path(digest);
        fs::rename(file, &to).map_err(Error::io("create", &to))?;
        self.grew();
        Ok(())
    }

    /// Where a blob is, if it is there.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.path("blobs/sha256", digest, "")
    }

    /// Keeps a stream as a blob: at most `size` bytes, which must have the digest. `progress` hears
    /// how many bytes there are so far.
    ///
    /// # Errors
    /// Says what `fail` makes of a wrong digest or a broken stream, or that the disk refuses.
    pub fn put_blob(
        &self,
        mut stream: impl Read,
        digest: &Digest,
        size: u64,
        fail: &dyn Fn(String) -> Error,
        progress: &mut dyn FnMut(u64),
    ) -> Result<PathBuf, Error> {
        let scratch = self.scratch()?;
        let path = scratch.path().join("blob");
        let mut to = HashWrite::new(File::create(&path).map_err(Error::io("create", &path))?);
        let mut buffer = vec![0; PIECE];
        let mut bytes = 0;
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    bytes += read as u64;
                    if bytes > size {
                        return Err(fail(format!("it is longer than the {size} bytes that it should have")));
                    }
                    to.write_all(buffer.get(..read).unwrap_or_default())
                        .map_err(Error::io("write", &path))?;
                    progress(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(fail(format!("it cannot be read: {error}"))),
            }
        }
        let (got, bytes, _) = to.finish();
        if bytes < size {
            return Err(fail(format!("it ends after {bytes} of {size} bytes")));
        }
        if got != *digest {
            return Err(fail(format!("its digest is {got}, not {digest}")));
        }
        self.publish_blob(&path, digest)?;
        Ok(self.blob_path(digest))
    }

    /// A layer's uncompressed tar stream, with exactly its diff id: reading fails at the end where
    /// the store was tampered with. None where the layer is not there.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn tar(&self, diff_id: &Digest) -> Result<Option<LayerStream>, Error> {
        let Some(layer) = self.layer(diff_id)? else {
            return Ok(None);
        };
        let inner: Box<dyn Read + Send> = match &layer.record.blob {
            Some(blob) => {
                let path = self.blob_path(&blob.digest);
                let file = File::open(&path).map_err(Error::io("open", &path))?;
                Box::new(decompress(file, &Limits::default()).map_err(Error::io("read", &path))?)
            }
            None => {
                let (send, receive) = mpsc::sync_channel(PIECES);
                let path = layer.path.clone();
                let form = layer.form;
                thread::Builder::new()
                    .name("pack".into())
                    .spawn(move || {
                        let mut to = io::BufWriter::with_capacity(PIECE, Sender(send.clone()));
                        let packed = File::open(&path)
                            .map_err(Error::io("open", &path))
                            .and_then(|tree| layer::pack(tree.as_fd(), form, &mut to))
                            .map_err(|error| io::Error::other(error.to_string()));
                        if let Err(error) = packed.and_then(|_| to.flush()) {
                            let _ = send.send(Err(error));
                        }
                    })
                    .map_err(Error::io("start a thread for", &layer.path))?;
                Box::new(Pieces::new(receive))
            }
        };
        Ok(Some(LayerStream {
            inner: Some(HashRead::new(inner)),
            diff_id: diff_id.clone(),
        }))
    }

    /// A layer's size as gzip -6 makes it, or as the registry has it; found out once, in parallel.
    /// None where the layer is not there.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn compressed_bytes(&self, diff_id: &Digest, cancel: &Cancel) -> Result<Option<u64>, Error> {
        let Some(layer) = self.layer(diff_id)? else {
            return Ok(None);
        };
        if let Some(bytes) = layer.record.compressed_bytes {
            return Ok(Some(bytes));
        }
        let Some(mut stream) = self.tar(diff_id)? else {
            return Ok(None);
        };
        let mut to = HashWrite::new(io::sink());
        super::super::gzip::gzip(&mut stream, &mut to, cancel).map_err(|e| match cancel.check() {
            Err(cancelled) => cancelled,
            Ok(()) => Error::io("compress", &layer.path)(e),
        })?;
        let (_, bytes, _) = to.finish();
        self.write_record(&LayerRecord {
            compressed_bytes: Some(bytes),
            ..layer.record
        })?;
        Ok(Some(bytes))
    }
}

pub(super) fn read_record(folder: &Path) -> Result<Option<LayerRecord>, Error> {
    let path = folder.join("record.json");
    match fs::read(&path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Error::io("read", &path)(error)),
    }
}

/// A layer's uncompressed tar stream.
pub struct LayerStream {
    inner: Option<HashRead<Box<dyn Read + Send>>>,
    diff_id: Digest,
}

impl std::fmt::Debug for LayerStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LayerStream")
            .field("diff_id", &self.diff_id)
            .finish_non_exhaustive()
    }
}

impl Read for LayerStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(inner) = &mut self.inner else { return Ok(0) };
        let read = inner.read(buffer)?;
        if read == 0
            && !buffer.is_empty()
            && let Some(inner) = self.inner.take()
        {
            let (digest, _) = inner.finish();
            if digest != self.diff_id {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!(
                        "the layer {} was changed in the store: its content has the digest {digest} now; remove it with `mbopt cache prune --all`",
                        self.diff_id
                    ),
                ));
            }
        }
        Ok(read)
    }
}
