use super::*;
use crate::executor::engine::Output;
use crate::executor::image_file::ImageFile;
use crate::executor::native::output::export;
use crate::executor::native::store::{Options, digest_of};
use crate::executor::root_tree::{self, RootTree};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const QUIET: Progress<'static> = Progress { sink: &(), vertex: 0 };

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Options::at(folder.path())).unwrap();
    (folder, store)
}

fn layer(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, path, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn config_of(layers: &[Vec<u8>]) -> Vec<u8> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| digest_of(layer)).collect();
    let platform = Platform::host();
    serde_json::to_vec(&json!({
        "os": platform.os, "architecture": platform.architecture,
        "config": { "Env": ["A=b"], "Cmd": ["/hello"] },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    }))
    .unwrap()
}

/// An OCI layout; `change` may spoil the manifest.
fn layout(folder: &Path, layers: &[Vec<u8>], change: impl Fn(&mut Value)) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest = digest_of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).unwrap();
        json!({ "digest": digest, "size": bytes.len() })
    };
    let typed = |mut descriptor: Value, kind: &str| {
        descriptor["mediaType"] = json!(kind);
        descriptor
    };
    let layers_json: Vec<Value> = layers
        .iter()
        .map(|layer| typed(put(layer), "application/vnd.oci.image.layer.v1.tar"))
        .collect();
    let config = typed(put(&config_of(layers)), "application/vnd.oci.image.config.v1+json");
    let mut manifest = json!({ "schemaVersion": 2, "config": config, "layers": layers_json });
    change(&mut manifest);
    let manifest = typed(
        put(&serde_json::to_vec(&manifest).unwrap()),
        "application/vnd.oci.image.manifest.v1+json",
    );
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(folder.join("index.json"), serde_json::to_vec(&index).unwrap()).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// A `docker save` archive.
fn archive(path: &Path, entries: &[(&str, Vec<u8>)], links: &[(&str, &str)]) {
    let mut builder = tar::Builder::new(fs::File::create(path).unwrap());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    for (name, target) in links {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        builder.append_link(&mut header, name, target).unwrap();
    }
    builder.finish().unwrap();
}

fn get(source: &Source, store: &Store) -> Result<ResolvedImage, Error> {
    resolve(
        source,
        &Platform::host(),
        store,
        &Registries::default(),
        QUIET,
        &Cancel::new(),
    )
}

fn two_layers() -> Vec<Vec<u8>> {
    vec![
        layer(&[("a", "one"), ("hello", "x")]),
        layer(&[("b", "two"), (".wh.a", "")]),
    ]
}

#[test]
fn an_image_goes_through_every_form() {
    let folder = tempfile::tempdir().unwrap();
    let layers = two_layers();
    let first = folder.path().join("first");
    layout(&first, &layers, |_| {});
    let (_keep, store) = self::store();
    let image = get(&Source::Oci(first, None), &store).unwrap();
    assert_eq!(image.id, digest_of(&config_of(&layers)));
    assert_eq!(image.config.cmd.as_deref(), Some(&["/hello".to_owned()][..]));

    let archive = folder.path().join("image.tar");
    let second = folder.path().join("second");
    let name = Some("example/app:1".to_owned());
    for output in [
        Output::DockerArchive(archive.clone(), name.clone()),
        Output::Oci(second.clone(), name.clone()),
        // Again, which replaces it.
        Output::Oci(second.clone(), name.clone()),
    ] {
        export(&store, &image.id, &output, &Cancel::new()).unwrap();
    }
    for source in [
        Source::DockerArchive(archive.clone(), None),
        Source::DockerArchive(archive.clone(), name.clone()),
        Source::Oci(second.clone(), name.clone()),
        Source::parse(&format!("oci:{}:example/app:1", second.display())).unwrap(),
        Source::parse(&format!("docker-archive:{}", archive.display())).unwrap(),
    ] {
        let (_keep, store) = self::store();
        let again = get(&source, &store).unwrap();
        assert_eq!((&again.id, &again.layers), (&image.id, &image.layers), "{source:?}");
    }
    let wrong = Some("example/other".to_owned());
    for source in [
        Source::DockerArchive(archive.clone(), wrong.clone()),
        Source::Oci(second.clone(), wrong),
    ] {
        let text = get(&source, &store).unwrap_err().to_string();
        assert!(text.contains("holds no image named example/other"), "{text}");
        assert!(text.contains("example/app:1"), "{text}");
    }
    for file in [
        ImageFile::docker_archive(&archive, None, &Cancel::new()).unwrap(),
        ImageFile::oci(&second, None, &Platform::host()).unwrap(),
    ] {
        let contents = file.into_contents(&Cancel::new()).unwrap();
        let tree = RootTree::of(&contents, root_tree::Options::default(), &Cancel::new()).unwrap();
        let bytes: u64 = contents.layers.iter().map(|layer| layer.unpacked_bytes).sum();
        // What a layer hides counts in the layer below.
        assert!(bytes >= tree.iter().map(|(_, node)| node.size).sum() && bytes > 0);
        let paths: Vec<_> = tree.iter().map(|(path, _)| path.to_str().unwrap()).collect();
        assert_eq!(paths, ["/", "/b", "/hello"]);
    }
    let left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .filter(|name| name.to_string_lossy().contains("mbopt"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_old_engines_archive_with_links_and_a_compressed_one_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let one = layer(&[("a", "one")]);
    let layers = vec![one.clone(), layer(&[]), one.clone()];
    let config = config_of(&layers);
    let manifest =
        json!([{ "Config": "c.json", "RepoTags": ["x:1"], "Layers": ["1/layer.tar", "2/layer.tar", "3/layer.tar"] }]);
    let path = folder.path().join("old.tar");
    archive(
        &path,
        &[
            ("1/layer.tar", one),
            ("2/layer.tar", layer(&[])),
            ("c.json", config),
            ("manifest.json", serde_json::to_vec(&manifest).unwrap()),
        ],
        &[("3/layer.tar", "../1/layer.tar")],
    );
    let (_keep, store) = self::store();
    assert_eq!(
        get(&Source::DockerArchive(path.clone(), None), &store)
            .unwrap()
            .layers
            .len(),
        3
    );
    let packed = folder.path().join("old.tar.zst");
    fs::write(&packed, zstd::encode_all(&fs::read(&path).unwrap()[..], 1).unwrap()).unwrap();
    let (_keep, store) = self::store();
    assert_eq!(
        get(&Source::DockerArchive(packed, None), &store).unwrap().layers.len(),
        3
    );
}

#[test]
fn hostile_images_are_refused() {
    let layers = two_layers();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret");
    fs::write(&secret, "a secret of this machine").unwrap();
    fn digest(digit: char) -> Value {
        json!(format!("sha256:{}", digit.to_string().repeat(64)))
    }
    type Spoil<'a> = &'a dyn Fn(&mut Value, &Path);
    let cases: Vec<(&str, Spoil, &str)> = vec![
        (
            "a layer by path",
            &|m, _| m["layers"][0]["digest"] = json!("sha256:../../../etc/passwd"),
            "no digest",
        ),
        (
            "a layer of another algorithm",
            &|m, _| m["layers"][0]["digest"] = json!("md5:00"),
            "no digest",
        ),
        (
            "a layer that is missing",
            &|m, _| m["layers"][0]["digest"] = digest('a'),
            "No such file",
        ),
        (
            "a layer of another size",
            &|m, _| m["layers"][0]["size"] = json!(7),
            "manifest says",
        ),
        (
            "a layer of another type",
            &|m, _| m["layers"][0]["mediaType"] = json!("text/html"),
            "no file system layer",
        ),
        (
            "layers in another order",
            &|m, _| m["layers"].as_array_mut().unwrap().reverse(),
            "its content has the digest",
        ),
        (
            "a layer too few",
            &|m, _| {
                m["layers"].as_array_mut().unwrap().pop();
            },
            "its config knows 2 layers",
        ),
        (
            "a config that is missing",
            &|m, _| m["config"]["digest"] = digest('b'),
            "is missing",
        ),
        (
            "a config of another size",
            &|m, _| m["config"]["size"] = json!(1),
            "bytes instead of",
        ),
        (
            "Docker's first format",
            &|m, _| m["schemaVersion"] = json!(1),
            "first format",
        ),
        (
            "a changed layer",
            &|m, folder| {
                let hex = m["layers"][0]["digest"]
                    .as_str()
                    .unwrap()
                    .trim_start_matches("sha256:")
                    .to_owned();
                let path = folder.join("blobs/sha256").join(hex);
                let mut bytes = fs::read(&path).unwrap();
                bytes[600] ^= 1;
                fs::write(path, bytes).unwrap();
            },
            "its digest is",
        ),
        (
            "a layer that is a pipe",
            &|m, folder| {
                let hex = m["layers"][0]["digest"]
                    .as_str()
                    .unwrap()
                    .trim_start_matches("sha256:")
                    .to_owned();
                let path = folder.join("blobs/sha256").join(hex);
                fs::remove_file(&path).unwrap();
                rustix::fs::mknodat(
                    rustix::fs::CWD,
                    &path,
                    rustix::fs::FileType::Fifo,
                    rustix::fs::Mode::from_raw_mode(0o600),
                    0,
                )
                .unwrap();
            },
            "no regular file",
        ),
    ];
    for (name, spoil, says) in cases {
        let folder = tempfile::tempdir().unwrap();
        layout(folder.path(), &layers, |manifest| spoil(manifest, folder.path()));
        let (_keep, store) = self::store();
        let error = get(&Source::Oci(folder.path().to_owned(), None), &store).unwrap_err();
        assert!(error.to_string().contains(says), "{name}: {error}");
        assert_eq!(fs::read_dir(store.root().join("images")).unwrap().count(), 0, "{name}");
    }
    // A layer that is a link to something else is read, and is not what it should be.
    let folder = tempfile::tempdir().unwrap();
    layout(folder.path(), &layers, |_| {});
    let blob = folder.path().join("blobs/sha256").join(digest_of(&layers[0]).hex());
    fs::remove_file(&blob).unwrap();
    std::os::unix::fs::symlink(&secret, &blob).unwrap();
    let (_keep, store) = self::store();
    let text = get(&Source::Oci(folder.path().to_owned(), None), &store)
        .unwrap_err()
        .to_string();
    assert!(text.contains("manifest says") && !text.contains("a secret"), "{text}");

    let config = config_of(&layers);
    let good = |manifest: Value| {
        vec![
            ("1.tar", layers[0].clone()),
            ("2.tar", layers[1].clone()),
            ("c.json", config.clone()),
            ("manifest.json", serde_json::to_vec(&manifest).unwrap()),
        ]
    };
    let wrong_name = "0".repeat(64) + ".json";
    let mut named = good(json!([{ "Config": wrong_name, "Layers": ["1.tar", "2.tar"] }]));
    named[2].0 = &wrong_name;
    let secret = secret.to_str().unwrap();
    // Name, files, links, what the refusal says.
    type Case<'c> = (&'c str, Vec<(&'c str, Vec<u8>)>, Vec<(&'c str, &'c str)>, &'c str);
    let cases: Vec<Case<'_>> = vec![
        ("no manifest", vec![("x", vec![])], vec![], "no manifest.json"),
        (
            "a broken manifest",
            vec![("manifest.json", b"{".to_vec())],
            vec![],
            "broken",
        ),
        (
            "a config by path",
            good(json!([{ "Config": "../../../../etc/passwd", "Layers": ["1.tar", "2.tar"] }])),
            vec![],
            "has no entry",
        ),
        (
            "a layer by path",
            good(json!([{ "Config": "c.json", "Layers": ["/etc/passwd", "2.tar"] }])),
            vec![],
            "has no entry",
        ),
        (
            "a layer that is a link to the machine",
            good(json!([{ "Config": "c.json", "Layers": ["l.tar", "2.tar"] }])),
            vec![("l.tar", secret)],
            "has no entry",
        ),
        (
            "a layer too few",
            good(json!([{ "Config": "c.json", "Layers": ["1.tar"] }])),
            vec![],
            "its config knows 2 layers",
        ),
        (
            "layers in another order",
            good(json!([{ "Config": "c.json", "Layers": ["2.tar", "1.tar"] }])),
            vec![],
            "its content has the digest",
        ),
        ("a config with another's name", named, vec![], "as its name says"),
        (
            "two images",
            good(json!([{ "Config": "c.json" }, { "Config": "c.json" }])),
            vec![],
            "2 images",
        ),
    ];
    for (name, entries, links, says) in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.tar");
        archive(&path, &entries, &links);
        let (_keep, store) = self::store();
        let error = get(&Source::DockerArchive(path, None), &store).unwrap_err();
        assert!(error.to_string().contains(says), "{name}: {error}");
    }
}

#[test]
fn no_network_is_said_so() {
    let (_keep, store) = self::store();
    // Nobody listens on the discard port of this machine.
    let source = Source::parse("127.0.0.1:9/some/image:1").unwrap();
    let error = get(&source, &store).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("127.0.0.1:9 cannot be reached"), "{text}");
    assert!(error.help().unwrap().contains("network"));
    let reserved = Source::parse("registry.invalid/some/image:1").unwrap();
    let text = get(&reserved, &store).unwrap_err().to_string();
    assert!(text.contains("registry.invalid"), "{text}");
}
