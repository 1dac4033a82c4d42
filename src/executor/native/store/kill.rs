//! Processes that are killed in the middle of their work, two at a time, and a store that has to be
//! whole afterwards.

use super::*;
use crate::executor::archive::Limits;
use crate::executor::cancel::Cancel;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The store's folder, for the process that works until it is killed.
const PLACE: &str = "MBOPT_TEST_KILLED_STORE";
/// Kills; more for those who have time.
const KILLS: &str = "MBOPT_TEST_KILLS";

/// The tar stream of a layer, the same for the same number.
fn stream(number: u64) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for file in 0..20u64 {
        let content = vec![(number * 7 + file) as u8; (number as usize * 3001 + file as usize * 977) % 60_000];
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        builder
            .append_data(&mut header, format!("d{}/f{file}", file % 4), &content[..])
            .unwrap();
    }
    builder.into_inner().unwrap()
}

/// Works until it is killed: not a test by itself.
#[test]
fn works_until_it_is_killed() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let options = Options::at(place);
    loop {
        let store = Store::open(&options).unwrap();
        for number in 0..12 {
            let bytes = stream(number);
            let diff_id = digest_of(&bytes);
            let blob = (number % 2 == 0).then(|| Blob {
                digest: diff_id.clone(),
                size: bytes.len() as u64,
                media_type: Some("application/vnd.oci.image.layer.v1.tar".into()),
            });
            let import = Import {
                what: "a layer".into(),
                diff_id: &diff_id,
                blob,
                limits: Limits::default(),
            };
            store.import(&bytes[..], &import, &Cancel::new()).unwrap();
            let scratch = store.scratch().unwrap();
            let upper = scratch.path().join("upper");
            fs::create_dir(&upper).unwrap();
            for file in 0..10 {
                fs::write(upper.join(format!("{number}-{file}")), vec![file; 10_000]).unwrap();
            }
            let record = store.commit(&upper).unwrap();
            let key = digest_of(&number.to_le_bytes());
            let entry = CacheEntry {
                layers: vec![record.diff_id.clone(), diff_id],
                value: serde_json::json!({ "number": number }),
            };
            store.cache(&key, &entry).unwrap();
            store.compressed_bytes(&record.diff_id, &Cancel::new()).unwrap();
            store.put_config(format!("{{\"number\":{number}}}").as_bytes()).unwrap();
        }
        drop(store);
        // Now and then everything goes, so that there is something to do.
        let _ = Prune {
            all: true,
            ..Prune::default()
        }
        .run(&options);
    }
}

fn start(place: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "executor::native::store::kill::works_until_it_is_killed",
            "--nocapture",
        ])
        .env(PLACE, place)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Everything in the store is what it says it is.
fn check(options: &Options) -> (usize, usize) {
    let store = Store::open(options).unwrap();
    let (mut layers, mut others) = (0, 0);
    let digest = |entry: &fs::DirEntry| -> Digest {
        let name = entry.file_name().into_string().unwrap();
        format!("sha256:{}", name.trim_end_matches(".json")).parse().unwrap()
    };
    let list = |folder: &str| -> Vec<fs::DirEntry> {
        fs::read_dir(store.root().join(folder))
            .unwrap()
            .map(|e| e.unwrap())
            .collect()
    };
    for entry in list("layers") {
        let diff_id = digest(&entry);
        let layer = store
            .layer(&diff_id)
            .unwrap()
            .expect("a layer that is there can be used");
        let mut tar = Vec::new();
        store.tar(&diff_id).unwrap().unwrap().read_to_end(&mut tar).unwrap();
        assert_eq!(layer.record.tar_bytes, tar.len() as u64);
        // What was unpacked is whole, too.
        let mut bytes = 0;
        for file in walkdir::WalkDir::new(&layer.path) {
            let file = file.unwrap();
            if file.file_type().is_file() {
                bytes += file.metadata().unwrap().len();
            }
        }
        assert_eq!(bytes, layer.record.unpacked_bytes);
        layers += 1;
    }
    for entry in list("blobs/sha256") {
        assert_eq!(digest_of(&fs::read(entry.path()).unwrap()), digest(&entry));
        others += 1;
    }
    for entry in list("images") {
        assert!(store.config_json(&digest(&entry)).unwrap().is_some());
        others += 1;
    }
    for entry in list("cache") {
        let json = fs::read(entry.path()).unwrap();
        serde_json::from_slice::<CacheEntry>(&json).unwrap();
        others += 1;
    }
    let tmp: Vec<String> = list("tmp")
        .iter()
        .map(|e| e.file_name().into_string().unwrap())
        .collect();
    assert_eq!(tmp.len(), 2, "only our own folder and its lock are left: {tmp:?}");
    (layers, others)
}

#[test]
fn two_processes_at_once_may_be_killed_at_any_moment() {
    let kills: usize = std::env::var(KILLS).ok().and_then(|n| n.parse().ok()).unwrap_or(40);
    let place = tempfile::tempdir().unwrap();
    let options = Options::at(place.path());
    let mut random = 0x2545_f491_4f6c_dd1d_u64 ^ u64::from(std::process::id());
    let mut seen = (0, 0);
    let mut killed = 0;
    let begin = Instant::now();
    while killed < kills {
        let mut children = [start(place.path()), start(place.path())];
        for child in &mut children {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            std::thread::sleep(Duration::from_millis(10 + random % 90));
            assert!(child.try_wait().unwrap().is_none(), "it works until it is killed");
            child.kill().unwrap();
            child.wait().unwrap();
            killed += 1;
        }
        let (layers, others) = check(&options);
        seen = (seen.0 + layers, seen.1 + others);
    }
    println!(
        "{killed} kills in {:.1} s; {} layers and {} other things were looked at",
        begin.elapsed().as_secs_f64(),
        seen.0,
        seen.1
    );
    assert!(
        seen.0 > kills && seen.1 > kills,
        "the processes did something: {seen:?}"
    );
}
