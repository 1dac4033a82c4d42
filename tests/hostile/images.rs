//! Images in files.

use crate::{Place, is_possible};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// A tar stream of entries: type, name, link, content. Nothing is looked at.
fn tar(entries: &[(u8, &str, &str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (kind, name, link, content) in entries {
        let mut header = tar::Header::new_ustar();
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..link.len()].copy_from_slice(link.as_bytes());
        old.linkflag[0] = *kind;
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        header.set_cksum();
        out.extend(header.as_bytes());
        out.extend(*content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn config(diff_ids: &[String]) -> String {
    let ids: Vec<String> = diff_ids.iter().map(|id| format!("\"sha256:{id}\"")).collect();
    format!(
        r#"{{"architecture":"{}","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
        mbopt::executor::Platform::host().architecture,
        ids.join(",")
    )
}

/// A `docker save` archive of one layer, or of what is put in the place of its parts.
struct Saved<'a> {
    config_name: &'a str,
    layer_name: &'a str,
    config: String,
    layer: Vec<u8>,
    more: Vec<(u8, &'a str, &'a str, &'a [u8])>,
}

impl<'a> Saved<'a> {
    fn of(layer: Vec<u8>) -> Saved<'a> {
        Saved {
            config_name: "config.json",
            layer_name: "layer.tar",
            config: config(&[hex(&layer)]),
            layer,
            more: Vec::new(),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let manifest = format!(
            r#"[{{"Config":"{}","RepoTags":[],"Layers":["{}"]}}]"#,
            self.config_name, self.layer_name
        );
        let mut entries: Vec<(u8, &str, &str, &[u8])> = vec![
            (b'0', "manifest.json", "", manifest.as_bytes()),
            (b'0', "config.json", "", self.config.as_bytes()),
        ];
        if self.more.is_empty() {
            entries.push((b'0', "layer.tar", "", &self.layer));
        }
        entries.extend(&self.more);
        tar(&entries)
    }
}

#[test]
fn saved_images_do_no_harm() {
    if !is_possible() {
        return;
    }
    let place = Place::new();
    let outside = place.at("outside").display().to_string();
    let victim = format!("{outside}/victim");
    let evil = format!("{outside}/evil");
    let up = format!("../../../../../../../../../..{outside}");
    let up_victim = format!("{up}/victim");
    let layer = |entries: &[(u8, &str, &str, &[u8])]| Saved::of(tar(entries));
    let good = || layer(&[(b'0', "a", "", b"a")]);
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..1500 {
        bomb.write_all(&zeros).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    let mut huge = tar(&[(b'0', "a", "", b"")]);
    huge[124..136].copy_from_slice(b"77777777777\0");
    let sum: u32 = huge[..512]
        .iter()
        .enumerate()
        .map(|(at, b)| if (148..156).contains(&at) { 32 } else { u32::from(*b) })
        .sum();
    huge[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut truncated = good().bytes();
    truncated.truncate(1100);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "a config elsewhere",
            Saved {
                config_name: &up_victim,
                ..good()
            }
            .bytes(),
            "it has no entry",
        ),
        (
            "a config at an absolute path",
            Saved {
                config_name: &victim,
                ..good()
            }
            .bytes(),
            "it has no entry",
        ),
        (
            "a layer elsewhere",
            Saved {
                layer_name: &up_victim,
                ..good()
            }
            .bytes(),
            "it has no entry",
        ),
        (
            "a layer that is a link",
            Saved {
                more: vec![(b'2', "layer.tar", &victim, b"")],
                ..good()
            }
            .bytes(),
            "it has no entry",
        ),
        (
            "a layer that is a hard link",
            Saved {
                more: vec![(b'1', "layer.tar", "/etc/passwd", b"")],
                ..good()
            }
            .bytes(),
            "it has no entry",
        ),
        (
            "another layer than the config's",
            Saved {
                config: config(&[hex(b"other")]),
                ..good()
            }
            .bytes(),
            "its content has the digest",
        ),
        (
            "more layers in the config",
            Saved {
                config: config(&[hex(b"a"), hex(b"b")]),
                ..good()
            }
            .bytes(),
            "layers",
        ),
        (
            "a digest that is a path",
            Saved {
                config: config(&["../../../../outside/victim".to_owned()]),
                ..good()
            }
            .bytes(),
            "",
        ),
        (
            "a config that is none",
            Saved {
                config: "[]".to_owned(),
                ..good()
            }
            .bytes(),
            "config",
        ),
        (
            "a config of another name",
            Saved {
                config_name: "config.json",
                config: "{".repeat(50_000),
                ..good()
            }
            .bytes(),
            "config",
        ),
        (
            "a file that climbs",
            layer(&[(b'0', "../../../../evil", "", b"evil")]).bytes(),
            "`..`",
        ),
        (
            "a file behind a link",
            layer(&[(b'2', "l", &outside, b""), (b'0', "l/evil", "", b"evil")]).bytes(),
            "link",
        ),
        (
            "a file behind a climbing link",
            layer(&[(b'2', "l", &up, b""), (b'0', "l/evil", "", b"evil")]).bytes(),
            "leads out of its root",
        ),
        (
            "a hard link outside",
            layer(&[(b'1', "h", &victim, b"")]).bytes(),
            "not in it",
        ),
        (
            "a hard link that climbs",
            layer(&[(b'1', "h", &up_victim, b"")]).bytes(),
            "`..`",
        ),
        ("a deleted parent", layer(&[(b'0', ".wh...", "", b"")]).bytes(), ""),
        (
            "a deleted folder behind a link",
            layer(&[(b'2', "l", &outside, b""), (b'0', "l/.wh.victim", "", b"")]).bytes(),
            "",
        ),
        ("a disk", layer(&[(b'4', "disk", "", b"")]).bytes(), "is refused"),
        ("a file that hides more than there is", Saved::of(huge).bytes(), ""),
        (
            "a layer that grows without end",
            Saved {
                config: config(&[hex(b"x")]),
                layer: bomb,
                ..good()
            }
            .bytes(),
            "",
        ),
        ("an archive cut off", truncated, ""),
        ("no archive", vec![b'x'; 5000], ""),
        ("nothing", Vec::new(), ""),
        (
            "an absolute name",
            layer(&[(b'0', &evil, "", b"evil")]).bytes(),
            "builds",
        ),
        ("a good one", good().bytes(), "builds"),
    ];
    let mut wrong = Vec::new();
    let file = place.at("image.tar");
    let named = format!("evil={}", file.display());
    for (name, bytes, expected) in cases {
        fs::write(&file, bytes).unwrap();
        let said = place.build("FROM evil\n", &["--build-context", &named]);
        wrong.extend(place.judge(name, &said, expected));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn layouts_do_no_harm() {
    if !is_possible() {
        return;
    }
    let place = Place::new();
    let blobs = place.at("layout/blobs/sha256");
    let named = format!("evil={}", place.at("layout").display());
    let manifest_type = "application/vnd.oci.image.manifest.v1+json";
    let index_type = "application/vnd.oci.image.index.v1+json";
    let descriptor = |kind: &str, digest: &str, size: usize| {
        format!(r#"{{"mediaType":"{kind}","digest":"sha256:{digest}","size":{size}}}"#)
    };
    let index = |entry: &str| format!(r#"{{"schemaVersion":2,"mediaType":"{index_type}","manifests":[{entry}]}}"#);
    let mut wrong = Vec::new();
    let mut attempt = |name: &str, index: &str, files: &[(&str, &[u8])], links: &[(&str, &str)], expected: &str| {
        let _ = fs::remove_dir_all(place.at("layout"));
        fs::create_dir_all(&blobs).unwrap();
        fs::write(place.at("layout/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        fs::write(place.at("layout/index.json"), index).unwrap();
        for (name, bytes) in files {
            fs::write(blobs.join(name), bytes).unwrap();
        }
        for (name, to) in links {
            symlink(to, blobs.join(name)).unwrap();
        }
        let said = place.build("FROM evil\n", &["--build-context", &named]);
        wrong.extend(place.judge(name, &said, expected));
    };
    let victim = place.at("outside/victim").display().to_string();
    let other = hex(b"other");
    attempt(
        "a digest that climbs",
        &index(&descriptor(manifest_type, "../../../outside/victim", 32)),
        &[],
        &[],
        "",
    );
    attempt(
        "a digest that is short",
        &index(&descriptor(manifest_type, "abc", 3)),
        &[],
        &[],
        "",
    );
    attempt(
        "a manifest that is missing",
        &index(&descriptor(manifest_type, &other, 5)),
        &[],
        &[],
        "missing",
    );
    attempt(
        "a manifest with another digest",
        &index(&descriptor(manifest_type, &other, 2)),
        &[(&other, b"{}")],
        &[],
        "has the digest",
    );
    attempt(
        "a manifest that is a link",
        &index(&descriptor(manifest_type, &other, 32)),
        &[],
        &[(&other, &victim)],
        "has the digest",
    );
    attempt(
        "a manifest that is a folder",
        &index(&descriptor(manifest_type, &other, 32)),
        &[],
        &[(&other, "/etc")],
        "",
    );
    attempt(
        "a manifest without end",
        &index(&descriptor(manifest_type, &other, 32)),
        &[],
        &[(&other, "/dev/zero")],
        "",
    );
    attempt("no index", "no JSON", &[], &[], "");
    attempt("an index without end", &"[".repeat(100_000), &[], &[], "");
    // A good manifest whose parts are not.
    let config_json = config(&[hex(b"layer")]);
    let config_hex = hex(config_json.as_bytes());
    for (name, layer_hex, bytes, expected) in [
        (
            "a layer of another digest",
            hex(b"layer"),
            b"another layer".to_vec(),
            "",
        ),
        ("a layer that is missing", hex(b"nowhere"), Vec::new(), ""),
        ("a layer that is no archive", hex(b"layer"), b"layer".to_vec(), ""),
    ] {
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{manifest_type}","config":{},"layers":[{}]}}"#,
            descriptor(
                "application/vnd.oci.image.config.v1+json",
                &config_hex,
                config_json.len()
            ),
            descriptor("application/vnd.oci.image.layer.v1.tar", &layer_hex, bytes.len())
        );
        let manifest_hex = hex(manifest.as_bytes());
        let mut files: Vec<(&str, &[u8])> = vec![
            (&manifest_hex, manifest.as_bytes()),
            (&config_hex, config_json.as_bytes()),
        ];
        if !bytes.is_empty() {
            files.push((&layer_hex, &bytes));
        }
        attempt(
            name,
            &index(&descriptor(manifest_type, &manifest_hex, manifest.len())),
            &files,
            &[],
            expected,
        );
    }
    // Indexes that lead to each other.
    let mut inner = index(&descriptor(index_type, &other, 2));
    let mut chain = Vec::new();
    for _ in 0..8 {
        let name = hex(inner.as_bytes());
        let outer = index(&descriptor(index_type, &name, inner.len()));
        chain.push((name, inner));
        inner = outer;
    }
    let files: Vec<(&str, &[u8])> = chain
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    attempt("indexes in indexes", &inner, &files, &[], "indexes");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
