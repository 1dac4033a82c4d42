//! Archives that want out. Each must be refused, and leave everything beside its root alone.

use super::{Form, Owners, Rules, Whiteouts, extract};
use crate::executor::Error;
use crate::executor::archive::{Limits, append_record, decompress};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;
use tar::EntryType;

/// An archive under construction; nothing it is told is too strange.
#[derive(Default)]
struct Archive(Vec<u8>);

impl Archive {
    fn raw(mut self, kind: u8, path: &[u8], link: &[u8], size: u64, content: &[u8]) -> Archive {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::new(kind));
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_size(size);
        let old = header.as_old_mut();
        for (to, from) in old.name.iter_mut().zip(path) {
            *to = *from;
        }
        for (to, from) in old.linkname.iter_mut().zip(link) {
            *to = *from;
        }
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self.0.extend(content);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, path: &str) -> Archive {
        self.raw(b'0', path.as_bytes(), b"", 4, b"evil")
    }

    fn dir(self, path: &str) -> Archive {
        self.raw(b'5', path.as_bytes(), b"", 0, b"")
    }

    fn symlink(self, path: &str, target: &str) -> Archive {
        self.raw(b'2', path.as_bytes(), target.as_bytes(), 0, b"")
    }

    fn hardlink(self, path: &str, target: &str) -> Archive {
        self.raw(b'1', path.as_bytes(), target.as_bytes(), 0, b"")
    }

    fn pax(self, records: &[(&[u8], &[u8])]) -> Archive {
        let mut text = Vec::new();
        for (key, value) in records {
            append_record(&mut text, key, value);
        }
        let size = text.len() as u64;
        self.raw(b'x', b"pax", b"", size, &text)
    }

    fn device(mut self, kind: u8, path: &str, major: u32, minor: u32) -> Archive {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(EntryType::new(kind));
        header.set_path(path).unwrap();
        header.set_mode(0o666);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1);
        header.set_size(0);
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        header.set_cksum();
        self.0.extend(header.as_bytes());
        self
    }

    fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }
}

fn small() -> Limits {
    Limits {
        entries: 50,
        bytes: 1 << 20,
        ratio: 100,
        ratio_floor: 1 << 16,
        header: 1 << 12,
        ..Limits::default()
    }
}

fn rules(form: Form) -> Rules {
    Rules {
        limits: small(),
        owners: if rustix::process::geteuid().is_root() {
            Owners::Archive
        } else {
            Owners::Mine
        },
        ..Rules::layer("the layer", form)
    }
}

/// Unpacks beside something valuable, and looks whether that is still what it was.
fn attack(bytes: &[u8], rules: &Rules) -> Result<super::Extracted, Error> {
    let place = tempfile::tempdir().unwrap();
    attack_in(place.path(), bytes, rules)
}

fn attack_in(place: &Path, bytes: &[u8], rules: &Rules) -> Result<super::Extracted, Error> {
    let (root, outside) = (place.join("root"), place.join("outside"));
    fs::create_dir(&root).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("victim"), "untouched").unwrap();
    let stream = decompress(bytes, &rules.limits).unwrap();
    let outcome = extract(stream, File::open(&root).unwrap().as_fd(), rules);
    let names = |folder: &Path| -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(place), ["outside", "root"]);
    assert_eq!(names(&outside), ["victim"]);
    assert_eq!(fs::read(outside.join("victim")).unwrap(), b"untouched");
    let link_count = std::os::unix::fs::MetadataExt::nlink(&fs::metadata(outside.join("victim")).unwrap());
    assert_eq!(link_count, 1);
    outcome
}

/// What is refused, and a word of the reason.
fn hostile(outside: &str) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let new = Archive::default;
    let victim = format!("{outside}/victim");
    let up = format!("{}{}", "../".repeat(40), outside.trim_start_matches('/'));
    let deep = "d/".repeat(600);
    let mut truncated = new().raw(b'0', b"f", b"", 5000, &[1; 100]).0;
    truncated.truncate(600);
    let mut damaged = new().file("a").file("b").end();
    damaged[1024 + 3] ^= 1;
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&new().raw(b'0', b"bomb", b"", 900_000, &vec![0; 900_000]).end())
        .unwrap();
    let many = (0..60).fold(new(), |archive, n| archive.file(&format!("f{n}")));
    let long_name = "n".repeat(256);
    vec![
        ("a name that climbs", new().file("../evil").end(), "`..`"),
        (
            "a name that climbs later",
            new().file("a/b/../../../evil").end(),
            "`..`",
        ),
        ("a directory that climbs", new().dir("../outside/").end(), "`..`"),
        (
            "a file through an absolute link",
            new().symlink("out", outside).file("out/evil").end(),
            "link that leads nowhere",
        ),
        (
            "a file through a climbing link",
            new().symlink("out", &up).file("out/evil").end(),
            "leads out of its root",
        ),
        (
            "a file through a link to a link",
            new().symlink("b", "..").symlink("a", "b").file("a/evil").end(),
            "leads out of its root",
        ),
        (
            "a file through a link in a directory",
            new()
                .dir("d/")
                .symlink("d/out", "../../outside")
                .file("d/out/evil")
                .end(),
            "leads out of its root",
        ),
        (
            "a directory replaced by a link",
            new().dir("d/").symlink("d", outside).file("d/evil").end(),
            "link that leads nowhere",
        ),
        (
            "a directory through a link",
            new().symlink("out", outside).dir("out/evil/").end(),
            "link that leads nowhere",
        ),
        (
            "the machine's root through /proc",
            new().symlink("p", "/proc/self/root").file("p/tmp/evil").end(),
            "link that leads nowhere",
        ),
        (
            "a hard link to a file outside",
            new().hardlink("h", &victim).end(),
            "not in it",
        ),
        (
            "a hard link that climbs",
            new().hardlink("h", "../outside/victim").end(),
            "`..`",
        ),
        (
            "a hard link through a link",
            new().symlink("out", "../outside").hardlink("h", "out/victim").end(),
            "leads out of its root",
        ),
        (
            "a hard link to a directory",
            new().dir("d/").hardlink("h", "d").end(),
            "no file",
        ),
        (
            "a hard link to nothing",
            new().hardlink("h", "nothing").end(),
            "not in it",
        ),
        ("a link with no target", new().symlink("s", "").end(), "link to nothing"),
        ("a disk", new().device(b'4', "disk", 8, 0).end(), "block device 8:0"),
        (
            "the machine's memory",
            new().device(b'3', "mem", 1, 1).end(),
            "character device 1:1",
        ),
        (
            "a device hidden as a whiteout",
            new().device(b'3', "zero", 0, 0).end(),
            "character device 0:0",
        ),
        ("deleting the parent", new().file("d/.wh...").end(), "cannot be deleted"),
        ("deleting itself", new().file("d/.wh..").end(), "cannot be deleted"),
        ("deleting nothing", new().file(".wh.").end(), "cannot be deleted"),
        (
            "deleting through a link",
            new().symlink("out", "../outside").file("out/.wh.victim").end(),
            "leads out of its root",
        ),
        (
            "hiding through a link",
            new().symlink("out", outside).file("out/.wh..wh..opq").end(),
            "link that leads nowhere",
        ),
        (
            "a forged redirect",
            new()
                .pax(&[(b"SCHILY.xattr.trusted.overlay.redirect", b"/etc")])
                .dir("d/")
                .end(),
            "forge",
        ),
        (
            "a forged opaque directory",
            new()
                .pax(&[(b"SCHILY.xattr.user.overlay.opaque", b"y")])
                .dir("d/")
                .end(),
            "forge",
        ),
        (
            "a NUL in a name",
            new().pax(&[(b"path", b"a\0../evil")]).file("x").end(),
            "NUL",
        ),
        (
            "a climbing name in an extension",
            new().pax(&[(b"path", b"../evil")]).file("x").end(),
            "`..`",
        ),
        (
            "a climbing link in an extension",
            new()
                .pax(&[(b"linkpath", b"../outside/victim")])
                .hardlink("x", "y")
                .end(),
            "`..`",
        ),
        (
            "a name that is too long",
            new().pax(&[(b"path", long_name.as_bytes())]).file("x").end(),
            "255",
        ),
        (
            "too many directories",
            new().pax(&[(b"path", deep.as_bytes())]).file("x").end(),
            "deep",
        ),
        (
            "a size that is a lie",
            new().pax(&[(b"size", b"-1")]).file("x").end(),
            "malformed",
        ),
        (
            "an owner that cannot be",
            new().pax(&[(b"uid", b"99999999999")]).file("x").end(),
            "owner",
        ),
        ("a bomb", bomb.finish().unwrap(), "bomb"),
        ("too many entries", many.end(), "more than 50 entries"),
        (
            "too many bytes",
            new().raw(b'0', b"huge", b"", 1 << 40, b"").end(),
            "more than 1048576 bytes",
        ),
        (
            "a header as large as memory",
            new().raw(b'L', b"x", b"", 1 << 40, b"").end(),
            "a header in it has",
        ),
        (
            "extensions without end",
            (0..30).fold(new(), |a, _| a.pax(&[(b"comment", b"x")])).file("x").end(),
            "describe one entry",
        ),
        ("a cut-off stream", truncated, "too early"),
        ("a damaged header", damaged, "damaged"),
        ("no archive at all", vec![b'#'; 2048], "no tar archive"),
        (
            "a file as a directory",
            new().file("f").file("f/evil").end(),
            "no directory",
        ),
        (
            "links in a circle",
            new().symlink("a", "b").symlink("b", "a").file("a/evil").end(),
            "too many links",
        ),
        (
            "an unknown type",
            new().raw(b'Z', b"x", b"", 0, b"").end(),
            "unknown type",
        ),
        ("a root that is a link", new().symlink("./", outside).end(), "own root"),
        (
            "a sparse file in disguise",
            new().pax(&[(b"GNU.sparse.major", b"1")]).file("x").end(),
            "sparse",
        ),
    ]
}

#[test]
fn hostile_archives_are_refused_and_nothing_is_written_outside() {
    let mut refused = 0;
    for form in [Form::User, Form::Trusted] {
        if form == Form::Trusted && !rustix::process::geteuid().is_root() {
            println!("passed over: the trusted form, which only root can write");
            continue;
        }
        let cases = hostile("/x").len();
        for case in 0..cases {
            let place = tempfile::tempdir().unwrap();
            let outside = place.path().join("outside");
            let (name, bytes, says) = hostile(outside.to_str().unwrap()).swap_remove(case);
            match attack_in(place.path(), &bytes, &rules(form)) {
                Err(error @ Error::Refused { .. }) => {
                    let text = error.to_string();
                    assert!(text.starts_with("the layer is refused: "), "{name}: {text}");
                    assert!(text.contains(says), "{name}: {text}");
                    assert!(!text.contains(['\0', '\n']), "{name}: {text:?}");
                    refused += 1;
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
    assert!(refused >= 40, "{refused}");
}

#[test]
fn the_same_holds_for_archives_that_are_added() {
    let mut refused = 0;
    for case in 0..hostile("/x").len() {
        let place = tempfile::tempdir().unwrap();
        let outside = place.path().join("outside");
        let (name, bytes, _) = hostile(outside.to_str().unwrap()).swap_remove(case);
        let rules = Rules {
            whiteouts: Whiteouts::Files,
            ..rules(Form::User)
        };
        match attack_in(place.path(), &bytes, &rules) {
            Err(Error::Refused { .. }) => refused += 1,
            // Whiteouts mean nothing there.
            Ok(_) if name.starts_with("deleting") => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(refused >= 20, "{refused}");
}

#[test]
fn a_link_is_replaced_and_not_written_through() {
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    let victim = victim.to_str().unwrap();
    let new = Archive::default;
    for bytes in [
        new().symlink("f", victim).file("f").end(),
        new().symlink("f", victim).hardlink("h", "f").file("h").end(),
        new().symlink("f", victim).dir("f/").end(),
        new().symlink("f", victim).raw(b'6', b"f", b"", 0, b"").end(),
        new().symlink("f", victim).file(".wh.f").end(),
        // The archive's own /etc is meant, wherever it is unpacked.
        new().dir("etc/").symlink("e", "/etc").file("e/passwd").end(),
        new().file("/etc/passwd").end(),
    ] {
        attack(&bytes, &rules(Form::User)).unwrap();
        assert_eq!(fs::read_to_string(victim).unwrap(), "untouched");
    }
}

#[test]
fn harmless_devices_are_made_or_counted() {
    let bytes = Archive::default().device(b'3', "dev/null", 1, 3).end();
    let got = attack(&bytes, &rules(Form::User)).unwrap();
    assert_eq!(got.devices_left_out, 1);
    if rustix::process::geteuid().is_root() {
        let got = attack(&bytes, &rules(Form::Trusted)).unwrap();
        assert!(got.devices_left_out <= 1);
    } else {
        println!("passed over: making a device, which only root can");
    }
}
