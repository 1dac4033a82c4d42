use super::super::layer::{Rules, extract};
use super::*;
use crate::executor::archive::Limits;
use crate::executor::cancel::Cancel;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Options::at(folder.path())).unwrap();
    (folder, store)
}

/// A tree with everything that a layer can have.
fn tree(store: &Store) -> Scratch {
    let scratch = store.scratch().unwrap();
    let top = scratch.path().join("upper");
    fs::create_dir_all(top.join("usr/bin")).unwrap();
    fs::write(top.join("usr/bin/tool"), b"#!/bin/sh\n").unwrap();
    fs::set_permissions(top.join("usr/bin/tool"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(top.join("usr/bin/tool"), top.join("usr/bin/zool")).unwrap();
    std::os::unix::fs::symlink("usr/bin/tool", top.join("link")).unwrap();
    let long = "n".repeat(200);
    fs::write(top.join(&long), vec![7; 100_000]).unwrap();
    std::os::unix::fs::symlink(&long, top.join("long")).unwrap();
    fs::create_dir(top.join("opaque")).unwrap();
    let opaque = File::open(top.join("opaque")).unwrap();
    store.form().mark_opaque(opaque.as_fd()).unwrap();
    rustix::fs::fsetxattr(&opaque, "user.note", b"a\nb", XattrFlags::empty()).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        top.join("usr/gone"),
        rustix::fs::FileType::CharacterDevice,
        Mode::empty(),
        0,
    )
    .unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        top.join("pipe"),
        rustix::fs::FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    scratch
}

#[test]
fn a_snapshot_becomes_a_layer_and_the_layer_a_snapshot() {
    let (_keep, store) = store();
    let scratch = tree(&store);
    let upper = scratch.path().join("upper");
    let record = store.commit(&upper).unwrap();
    assert!(!upper.exists(), "it was moved");
    assert_eq!(record.unpacked_bytes, 100_000 + 10);
    let layer = store.layer(&record.diff_id).unwrap().unwrap();
    assert!(layer.path.join("usr/bin/zool").exists());
    let mut tar = Vec::new();
    store
        .tar(&record.diff_id)
        .unwrap()
        .unwrap()
        .read_to_end(&mut tar)
        .unwrap();
    assert_eq!(digest_of(&tar), record.diff_id);

    // Into another store, and out of it again.
    let (_keep2, other) = self::store();
    let import = Import {
        what: "a test layer".into(),
        diff_id: &record.diff_id,
        blob: None,
        limits: Limits::default(),
    };
    let imported = other.import(&tar[..], &import, &Cancel::new()).unwrap();
    assert_eq!(imported.unpacked_bytes, record.unpacked_bytes);
    let there = other.layer(&record.diff_id).unwrap().unwrap().path;
    let tool = fs::metadata(there.join("usr/bin/tool")).unwrap();
    assert_eq!((tool.mode() & 0o7777, tool.nlink()), (0o4755, 2));
    assert!(
        store
            .form()
            .is_opaque(File::open(there.join("opaque")).unwrap().as_fd())
    );
    let gone = rustix::fs::lstat(there.join("usr/gone")).unwrap();
    assert!(crate::executor::native::layer::is_whiteout(&gone));
    let mut again = Vec::new();
    other
        .tar(&record.diff_id)
        .unwrap()
        .unwrap()
        .read_to_end(&mut again)
        .unwrap();
    assert!(again == tar);

    // What was unpacked packs to the same.
    let mut packed = HashWrite::new(std::io::sink());
    super::super::layer::pack(File::open(&there).unwrap().as_fd(), other.form(), &mut packed).unwrap();
    assert_eq!(packed.finish().0, record.diff_id);
    let bytes = store
        .compressed_bytes(&record.diff_id, &Cancel::new())
        .unwrap()
        .unwrap();
    assert!(bytes > 100 && bytes < 10_000, "{bytes}");
    assert_eq!(
        other.compressed_bytes(&record.diff_id, &Cancel::new()).unwrap(),
        Some(bytes)
    );
}

#[test]
fn the_empty_layer_has_the_digest_that_everybody_knows() {
    let (_keep, store) = store();
    let scratch = store.scratch().unwrap();
    let upper = scratch.path().join("upper");
    fs::create_dir(&upper).unwrap();
    let record = store.commit(&upper).unwrap();
    assert_eq!(
        record.diff_id.as_str(),
        "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef"
    );
}

#[test]
fn wrong_digests_are_refused_and_leave_nothing() {
    let (_keep, store) = store();
    let wrong = digest_of(b"something else");
    let tar = [0; 1024];
    let blob = |digest: Digest, size: u64| Blob {
        digest,
        size,
        media_type: None,
    };
    let right = digest_of(&tar);
    for (diff_id, blob, says) in [
        (&wrong, None, "its content has the digest"),
        (&right, Some(blob(wrong.clone(), 1024)), "its digest is"),
        (&right, Some(blob(right.clone(), 1000)), "bytes"),
        (&right, Some(blob(right.clone(), 2000)), "bytes"),
    ] {
        let import = Import {
            what: "a test layer".into(),
            diff_id,
            blob,
            limits: Limits::default(),
        };
        let error = store.import(&tar[..], &import, &Cancel::new()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("a test layer is refused: ") && text.contains(says),
            "{text}"
        );
        assert!(store.layer(diff_id).unwrap().is_none());
    }
    let root = store.root().to_owned();
    // Waits for what is still being removed.
    drop(store);
    let left: Vec<_> = walkdir::WalkDir::new(root)
        .into_iter()
        .flatten()
        .filter(|e| e.file_type().is_file())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with("lock"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn an_archive_is_unpacked_into_a_tree_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::create_dir_all(root.join("usr/lib")).unwrap();
    std::os::unix::fs::symlink("usr/lib", root.join("lib")).unwrap();
    std::os::unix::fs::symlink("/usr", root.join("abs")).unwrap();
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in [("lib/a.so", "a"), ("/abs/lib/b.so", "b"), (".wh.c", "c")] {
        let mut header = tar::Header::new_ustar();
        header.set_size(1);
        header.set_mode(0o640);
        header.set_mtime(12);
        header.set_path_absolute(path).unwrap();
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    let bytes = builder.into_inner().unwrap();
    let mut rules = Rules::archive("x.tar");
    if !rustix::process::geteuid().is_root() {
        rules.owners = crate::executor::native::layer::Owners::Mine;
    }
    let extracted = extract(&bytes[..], File::open(root).unwrap().as_fd(), &rules).unwrap();
    assert_eq!((extracted.entries, extracted.bytes), (3, 3));
    assert_eq!(fs::read(root.join("usr/lib/a.so")).unwrap(), b"a");
    assert_eq!(fs::read(root.join("usr/lib/b.so")).unwrap(), b"b");
    assert_eq!(fs::metadata(root.join("usr/lib/b.so")).unwrap().mode() & 0o777, 0o640);
    assert_eq!(fs::metadata(root.join("usr/lib/b.so")).unwrap().mtime(), 12);
    assert_eq!(fs::read(root.join(".wh.c")).unwrap(), b"c");
}

#[test]
fn scratch_directories_are_gone_with_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Options::at(folder.path())).unwrap();
    let root = store.root().to_owned();
    let scratches: Vec<_> = (0..200).map(|_| store.scratch().unwrap()).collect();
    for scratch in &scratches {
        fs::create_dir_all(scratch.path().join("a/b")).unwrap();
        fs::write(scratch.path().join("a/b/c"), "c").unwrap();
    }
    let (kept, dropped) = (scratches.last().unwrap().path().to_owned(), scratches.len() - 1);
    let mut scratches = scratches.into_iter();
    scratches.by_ref().take(dropped).for_each(drop);
    drop(store);
    assert_eq!(fs::read_dir(root.join("tmp")).unwrap().count(), 0);
    // One that outlives its store has nobody else to remove it.
    fs::create_dir_all(&kept).unwrap();
    drop(scratches);
    assert!(!kept.exists());
}
