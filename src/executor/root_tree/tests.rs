use super::super::archive::Compression;
use super::super::config::ImageConfig;
use super::super::contents::LayerContents;
use super::*;
use std::fs;
use std::io::Write;

/// A layer in a few words: `dir/`, `file=content`, `link->target`, `name~target` for a hard link.
pub(crate) fn tar_of(lines: &[&str]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for line in lines {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_uid(7);
        header.set_gid(8);
        header.set_mtime(9);
        header.set_size(0);
        if let Some((path, target)) = line.split_once("->") {
            header.set_entry_type(tar::EntryType::Symlink);
            builder.append_link(&mut header, path, target).unwrap();
        } else if let Some((path, target)) = line.split_once('~') {
            header.set_entry_type(tar::EntryType::Link);
            builder.append_link(&mut header, path, target).unwrap();
        } else if let Some((path, content)) = line.split_once('=') {
            header.set_size(content.len() as u64);
            builder.append_data(&mut header, path, content.as_bytes()).unwrap();
        } else if line.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o700);
            builder.append_data(&mut header, line, std::io::empty()).unwrap();
        } else {
            builder.append_data(&mut header, line, std::io::empty()).unwrap();
        }
    }
    builder.into_inner().unwrap()
}

fn image(folder: &Path, layers: &[&[&str]], compression: Compression) -> ImageContents {
    let layers = layers
        .iter()
        .enumerate()
        .map(|(index, lines)| {
            let path = folder.join(index.to_string());
            let tar = tar_of(lines);
            let bytes = match compression {
                Compression::Gzip => {
                    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                    gzip.write_all(&tar).unwrap();
                    gzip.finish().unwrap()
                }
                _ => tar,
            };
            fs::write(&path, bytes).unwrap();
            LayerContents {
                diff_id: Digest::from_bytes(&[0; 32]),
                created_by: None,
                unpacked_bytes: 0,
                compressed_bytes: None,
                source: LayerSource::Tar(path),
            }
        })
        .collect();
    ImageContents {
        config: ImageConfig::default(),
        layers,
        keep: None,
    }
}

fn paths(tree: &RootTree) -> Vec<String> {
    tree.iter().map(|(path, _)| path.display().to_string()).collect()
}

const LAYERS: &[&[&str]] = &[
    &[
        "bin->usr/bin",
        "usr/",
        "usr/bin/",
        "usr/bin/a=one",
        "etc/",
        "etc/x=1",
        "etc/y=2",
        "opt/",
        "opt/old=3",
    ],
    &[
        "usr/bin/b~usr/bin/c",
        "etc/.wh.x",
        "opt/.wh..wh..opq",
        "opt/new=4",
        ".wh..wh.plnk/",
    ],
];

#[test]
fn layers_are_merged_as_engines_do() {
    let folder = tempfile::tempdir().unwrap();
    let layers = [
        LAYERS[0],
        &[
            "usr/bin/c=see",
            "usr/bin/b~usr/bin/c",
            "etc/.wh.x",
            "opt/.wh..wh..opq",
            "opt/new=4",
        ],
    ];
    for compression in [Compression::None, Compression::Gzip] {
        let contents = image(folder.path(), &layers, compression);
        let tree = RootTree::of(&contents, Options { digests: true }, &Cancel::new()).unwrap();
        assert_eq!(
            paths(&tree),
            [
                "/",
                "/bin",
                "/etc",
                "/etc/y",
                "/opt",
                "/opt/new",
                "/usr",
                "/usr/bin",
                "/usr/bin/a",
                "/usr/bin/b",
                "/usr/bin/c"
            ]
        );
        assert_eq!(tree.read("/bin/a", 100).unwrap().unwrap(), b"one");
        assert_eq!(tree.read("/bin/../bin/c", 2).unwrap().unwrap(), b"se");
        assert_eq!(tree.read("/bin", 100).unwrap(), None);
        let (path, node) = tree.resolve("bin/b").unwrap();
        assert_eq!((path.to_str(), node.layer, node.size), (Some("/usr/bin/b"), 1, 3));
        assert_eq!(node.inode, tree.get("/usr/bin/c").unwrap().inode);
        assert_eq!(
            tree.get("/usr/bin/a").unwrap().sha256.as_ref().unwrap().short(),
            "7692c3ad3540"
        );
        assert_eq!((node.uid, node.gid, node.mode), (7, 8, 0o644));
        assert_eq!(tree.get("/etc").unwrap().mode, 0o700);
        assert_eq!(tree.layers()[0].bytes, 6);
        let names: Vec<_> = tree.list("/usr/bin").map(|(path, _)| path.to_owned()).collect();
        assert_eq!(names.len(), 3);
    }
    let broken = image(folder.path(), LAYERS, Compression::None);
    let error = RootTree::of(&broken, Options::default(), &Cancel::new()).unwrap_err();
    assert!(error.to_string().contains("hard link"), "{error}");
}

#[test]
fn what_changes_its_kind_takes_its_contents_along() {
    let folder = tempfile::tempdir().unwrap();
    let contents = image(
        folder.path(),
        &[
            &["d/", "d/in=1", "l->d", "f=2"],
            &["d=file", "l/in=3", "f/", "f/x=4", "s->f", "s/y=5"],
            &[".wh.f", "f/z=6"],
        ],
        Compression::None,
    );
    let tree = RootTree::of(&contents, Options::default(), &Cancel::new()).unwrap();
    assert_eq!(paths(&tree), ["/", "/d", "/f", "/f/z", "/l", "/l/in", "/s"]);
    assert_eq!(tree.get("/l").unwrap().kind, NodeKind::Directory);
    assert!(tree.resolve("/d/in").is_none());
}

#[test]
fn circles_end() {
    let folder = tempfile::tempdir().unwrap();
    let contents = image(
        folder.path(),
        &[&["a->b", "b->a", "up->../../../etc", "etc/p=1"]],
        Compression::None,
    );
    let tree = RootTree::of(&contents, Options::default(), &Cancel::new()).unwrap();
    assert!(tree.resolve("/a").is_none());
    assert_eq!(tree.read("/up/p", 9).unwrap().unwrap(), b"1");
}

#[cfg(target_os = "linux")]
#[test]
fn an_unpacked_layer_is_the_same_as_its_stream() {
    use crate::executor::native::layer::{Form, Owners, Rules, extract};
    use std::os::fd::AsFd;
    let folder = tempfile::tempdir().unwrap();
    let layers = [
        LAYERS[0],
        &[
            // As engines write them: a directory that is not named would get a mode of its own.
            "usr/",
            "usr/bin/",
            "etc/",
            "opt/",
            "usr/bin/c=see",
            "usr/bin/b~usr/bin/c",
            "etc/.wh.x",
            "opt/.wh..wh..opq",
            "opt/new=4",
        ],
    ];
    let mut contents = image(folder.path(), &layers, Compression::None);
    let streams = RootTree::of(&contents, Options { digests: true }, &Cancel::new()).unwrap();
    let is_root = rustix::process::geteuid().is_root();
    for (index, lines) in layers.iter().enumerate() {
        let to = folder.path().join(format!("{index}.d"));
        fs::create_dir(&to).unwrap();
        let mut rules = Rules::layer("x", Form::User);
        if !is_root {
            rules.owners = Owners::Mine;
        }
        extract(&tar_of(lines)[..], fs::File::open(&to).unwrap().as_fd(), &rules).unwrap();
        contents.layers[index].source = LayerSource::Folder(to);
    }
    let folders = RootTree::of(&contents, Options { digests: true }, &Cancel::new()).unwrap();
    assert_eq!(paths(&folders), paths(&streams));
    for ((path, a), (_, b)) in folders.iter().zip(streams.iter()) {
        if path == Path::new("/") {
            continue;
        }
        assert_eq!(
            (&a.kind, a.mode, a.size, &a.sha256, a.layer),
            (&b.kind, b.mode, b.size, &b.sha256, b.layer),
            "{path:?}"
        );
        assert!(!is_root || (a.uid, a.gid) == (b.uid, b.gid));
    }
    assert_eq!(folders.read("/bin/c", 9).unwrap().unwrap(), b"see");
}
