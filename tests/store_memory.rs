//! A large layer goes in and out, and never lies in memory. `MBOPT_BIG_LAYER_MIB=1024` makes it a
//! GiB; without it the layer is small enough for every run of the tests, and large enough to be seen.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::executor::archive::Limits;
use mbopt::executor::native::output::export;
use mbopt::executor::native::store::{Blob, HashRead, HashWrite, Import, Options, Store};
use mbopt::executor::root_tree::{self, RootTree};
use mbopt::executor::{Cancel, Digest, ImageConfig, ImageContents, LayerContents, LayerSource, Output, Platform};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Instant;

/// MiB that the whole process may have used at most.
const MOST: u64 = 100;

/// Bytes that hardly compress.
struct Noise(u64);

impl Read for Noise {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        for chunk in buffer.chunks_mut(8) {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let bytes = self.0.to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(buffer.len())
    }
}

/// The most memory that this process has had, in MiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// A gzip layer of one file; its digest, size, and the digest of what is in it.
fn layer(path: &Path, mib: u64) -> (Digest, u64, Digest) {
    let to = HashWrite::new(io::BufWriter::new(File::create(path).unwrap()));
    let gzip = flate2::write::GzEncoder::new(to, flate2::Compression::fast());
    let mut tar = HashWrite::new(gzip);
    {
        let mut builder = tar::Builder::new(&mut tar);
        let mut header = tar::Header::new_ustar();
        header.set_size(mib << 20);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        builder
            .append_data(&mut header, "big", Noise(88).take(mib << 20))
            .unwrap();
        builder.finish().unwrap();
    }
    let (diff_id, _, gzip) = tar.finish();
    let (digest, size, mut file) = gzip.finish().unwrap().finish();
    file.flush().unwrap();
    (digest, size, diff_id)
}

#[test]
fn a_large_layer_is_never_in_memory() {
    let mib: u64 = std::env::var("MBOPT_BIG_LAYER_MIB")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(160);
    let folder = tempfile::tempdir().unwrap();
    let mut steps = Vec::new();
    let mut begin = Instant::now();
    let mut step = |name: &'static str| {
        steps.push(format!("{name} {:.1} s, {} MiB", begin.elapsed().as_secs_f64(), peak()));
        begin = Instant::now();
    };
    let path = folder.path().join("layer.gz");
    let (digest, size, diff_id) = layer(&path, mib);
    step("made");
    let store = Store::open(&Options::at(folder.path().join("store"))).unwrap();
    let cancel = Cancel::new();
    let import = Import {
        what: "a large layer".into(),
        diff_id: &diff_id,
        blob: Some(Blob {
            digest,
            size,
            media_type: Some("application/vnd.oci.image.layer.v1.tar+gzip".into()),
        }),
        limits: Limits::default(),
    };
    store.import(File::open(&path).unwrap(), &import, &cancel).unwrap();
    fs::remove_file(&path).unwrap();
    step("imported");
    let scratch = store.scratch().unwrap();
    let upper = scratch.path().join("upper");
    fs::create_dir(&upper).unwrap();
    io::copy(
        &mut Noise(99).take(mib << 20),
        &mut File::create(upper.join("other")).unwrap(),
    )
    .unwrap();
    let committed = store.commit(&upper).unwrap();
    step("committed");
    let bytes = store.compressed_bytes(&committed.diff_id, &cancel).unwrap().unwrap();
    assert!(bytes > mib << 20);
    step("compressed");
    let mut config = ImageConfig {
        platform: Platform::host(),
        ..ImageConfig::default()
    };
    config.diff_ids = vec![diff_id.clone(), committed.diff_id.clone()];
    let image = store.put_image(&config).unwrap();
    let archive = folder.path().join("image.tar");
    export(&store, &image, &Output::DockerArchive(archive.clone(), None), &cancel).unwrap();
    fs::remove_file(&archive).unwrap();
    step("exported");
    let sources = config.diff_ids.iter().map(|diff_id| LayerContents {
        diff_id: diff_id.clone(),
        created_by: None,
        unpacked_bytes: 0,
        compressed_bytes: None,
        source: LayerSource::Folder(store.layer(diff_id).unwrap().unwrap().path),
    });
    let contents = ImageContents {
        layers: sources.collect(),
        config,
        keep: None,
    };
    let tree = RootTree::of(&contents, root_tree::Options { digests: true }, &cancel).unwrap();
    assert_eq!(tree.len(), 3);
    step("looked into");
    let mut hash = HashRead::new(Noise(88).take(mib << 20));
    io::copy(&mut hash, &mut io::sink()).unwrap();
    assert_eq!(tree.get("/big").unwrap().sha256.as_ref(), Some(&hash.finish().0));
    println!("{mib} MiB: {}", steps.join("; "));
    let peak = peak();
    assert!(peak <= MOST, "{peak} MiB were in memory: {}", steps.join("; "));
}
