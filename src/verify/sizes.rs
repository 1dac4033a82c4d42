//! How large an image is, by layer, by package and by directory, and what left it.

use super::files::{Files, Kind};
use super::owners::Owners;
use crate::executor::ImageContents;
use serde::Serialize;
use std::collections::HashMap;

/// How many entries a list of the largest things has.
const LARGEST: usize = 10;

/// A saving of so many bytes is one whatever the size of the image: logs and caches, which differ from
/// build to build, are smaller.
const REAL_BYTES: u64 = 1_000_000;
/// And so is one of this share of the image, in thousandths.
const REAL_SHARE: u64 = 5;

/// Whether an image is smaller than it was by more than two builds of the same file may differ.
pub fn is_smaller(before: u64, after: u64) -> bool {
    let saved = before.saturating_sub(after);
    saved >= REAL_BYTES || saved > 0 && saved.saturating_mul(1000) >= before.saturating_mul(REAL_SHARE)
}

/// Bytes and files of something that has a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// A package (`apt:gcc-12`), or a directory.
    pub name: String,
    /// Of its regular files.
    pub bytes: u64,
    /// How many.
    pub files: u64,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LayerSize {
    /// The instruction that made it, on one line; empty where the image does not say.
    pub created_by: String,
    /// The sum of its regular files.
    pub unpacked_bytes: u64,
    /// As gzip -6 makes it.
    pub compressed_bytes: Option<u64>,
    /// It came with the base image.
    pub base: bool,
    /// The stage that made it; none for the base image's.
    pub stage: Option<String>,
}

/// What of an image a stage made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageSize {
    /// Its name, or its number; none for the base image.
    pub stage: Option<String>,
    /// Of its layers.
    pub unpacked_bytes: u64,
    /// As above; none where a layer's is not known.
    pub compressed_bytes: Option<u64>,
    /// How many.
    pub layers: usize,
}

/// An image's size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageSize {
    /// The sum of all layers: what a host that pulls it stores.
    pub unpacked_bytes: u64,
    /// What a registry stores and sends; none where a layer's is not known.
    pub compressed_bytes: Option<u64>,
    /// The layers, lowest first.
    pub layers: Vec<LayerSize>,
    /// The same by stage, lowest first.
    pub stages: Vec<StageSize>,
    /// The largest things in the merged tree, by package where one owns the files, else by directory.
    pub largest: Vec<Group>,
}

impl ImageSize {
    /// Fills in what each layer is compressed, lowest first.
    pub fn set_compressed(&mut self, layers: &[Option<u64>]) {
        for (layer, bytes) in self.layers.iter_mut().zip(layers) {
            layer.compressed_bytes = *bytes;
        }
        self.compressed_bytes = self.layers.iter().map(|layer| layer.compressed_bytes).sum();
        self.stages = stages(&self.layers);
    }
}

/// What the original has and the rewrite has not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Bytes of all files that went.
    pub bytes: u64,
    /// How many.
    pub files: u64,
    /// The packages that went, the largest first.
    pub packages: Vec<Group>,
    /// The directories that it went from, the largest first.
    pub directories: Vec<Group>,
    /// Both together: by package where one owns the files, else by directory, the largest first.
    pub largest: Vec<Group>,
}

/// Adds up an image. `own_layers` names the stage of each layer that its Dockerfile made itself, the
/// lowest first.
pub fn image_size(contents: &ImageContents, own_layers: &[String], files: &dyn Files, owners: &Owners) -> ImageSize {
    let count = contents.layers.len();
    let base = count.saturating_sub(own_layers.len());
    let layers: Vec<LayerSize> = contents
        .layers
        .iter()
        .enumerate()
        .map(|(at, layer)| LayerSize {
            created_by: instruction(layer.created_by.as_deref().unwrap_or_default()),
            unpacked_bytes: layer.unpacked_bytes,
            compressed_bytes: layer.compressed_bytes,
            base: at < base,
            stage: at.checked_sub(base).and_then(|own| own_layers.get(own)).cloned(),
        })
        .collect();
    let mut groups = Groups::default();
    files.each(&mut |path, node| {
        if matches!(node.kind, Kind::File(_)) {
            groups.add(owners.of_file(path).unwrap_or_else(|| directory(path)), node.bytes());
        }
    });
    ImageSize {
        unpacked_bytes: layers.iter().map(|layer| layer.unpacked_bytes).sum(),
        compressed_bytes: layers.iter().map(|layer| layer.compressed_bytes).sum(),
        stages: stages(&layers),
        layers,
        largest: groups.largest(LARGEST),
    }
}

fn stages(layers: &[LayerSize]) -> Vec<StageSize> {
    let mut found: Vec<StageSize> = Vec::new();
    for layer in layers {
        match found.last_mut().filter(|last| last.stage == layer.stage) {
            Some(last) => {
                last.unpacked_bytes += layer.unpacked_bytes;
                last.compressed_bytes = last.compressed_bytes.zip(layer.compressed_bytes).map(|(a, b)| a + b);
                last.layers += 1;
            }
            None => found.push(StageSize {
                stage: layer.stage.clone(),
                unpacked_bytes: layer.unpacked_bytes,
                compressed_bytes: layer.compressed_bytes,
                layers: 1,
            }),
        }
    }
    found
}

/// What went from `before` to `after`, by path: a file that moved counts as gone.
pub fn removed(before: &dyn Files, owners: &Owners, after: &dyn Files) -> Removed {
    let (mut packages, mut directories, mut all) = (Groups::default(), Groups::default(), Groups::default());
    let mut total = Removed::default();
    before.each(&mut |path, node| {
        if !matches!(node.kind, Kind::File(_)) || after.node(path).is_some() {
            return;
        }
        total.bytes += node.bytes();
        total.files += 1;
        let directory = directory(path);
        match owners.of_file(path) {
            Some(owner) => {
                all.add(owner.clone(), node.bytes());
                packages.add(owner, node.bytes());
            }
            None => all.add(directory.clone(), node.bytes()),
        }
        directories.add(directory, node.bytes());
    });
    Removed {
        packages: packages.largest(LARGEST * 2),
        directories: directories.largest(LARGEST * 2),
        largest: all.largest(LARGEST * 2),
        ..total
    }
}

/// The instruction in a history entry: without the shell that builders write before it.
fn instruction(created_by: &str) -> String {
    let text = created_by.trim();
    let text = text.strip_suffix("# buildkit").unwrap_or(text).trim();
    let text = match text.strip_prefix("/bin/sh -c #(nop)") {
        Some(rest) => rest.trim().to_owned(),
        None => match text.strip_prefix("/bin/sh -c ") {
            Some(rest) => format!("RUN {rest}"),
            None => text.replacen("RUN /bin/sh -c ", "RUN ", 1),
        },
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The directory that a file is counted under: two names deep, three where two say little.
fn directory(path: &str) -> String {
    let mut parts = path.split('/').skip(1);
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    let Some(second) = second else { return "/".to_owned() };
    let mut depth = 2;
    if first == "usr" && matches!(second, "lib" | "share" | "local" | "libexec") {
        depth = 3;
        if second == "local" && path.starts_with("/usr/local/lib/") {
            depth = 4;
        }
    } else if matches!(first, "var" | "opt") {
        depth = 3;
    }
    let folders: Vec<&str> = path.split('/').skip(1).collect();
    let folders = folders.get(..folders.len().saturating_sub(1)).unwrap_or_default();
    format!("/{}", folders.get(..depth).unwrap_or(folders).join("/"))
}

#[derive(Default)]
struct Groups(HashMap<String, (u64, u64)>);

impl Groups {
    fn add(&mut self, name: String, bytes: u64) {
        let group = self.0.entry(name).or_default();
        group.0 += bytes;
        group.1 += 1;
    }

    fn largest(self, count: usize) -> Vec<Group> {
        let mut groups: Vec<Group> = self
            .0
            .into_iter()
            .map(|(name, (bytes, files))| Group { name, bytes, files })
            .collect();
        groups.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        groups.truncate(count);
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;

    #[test]
    fn what_went_is_added_up() {
        let mut before = Memory::default();
        before
            .file("/usr/lib/gcc/cc1", 0o755, vec![0; 100])
            .file("/app/node_modules/typescript/tsc.js", 0o644, vec![0; 50])
            .file("/app/dist/index.js", 0o644, vec![0; 5])
            .file("/var/lib/dpkg/info/gcc.list", 0o644, "/usr/lib/gcc/cc1\n");
        let mut after = Memory::default();
        after.file("/app/dist/index.js", 0o644, vec![0; 5]);
        let removed = removed(&before, &Owners::of(&before), &after);
        assert_eq!((removed.bytes, removed.files), (167, 3));
        let names: Vec<&str> = removed.packages.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["apt:gcc", "npm:typescript"]);
        assert_eq!(removed.directories[0].name, "/usr/lib/gcc");
        let names: Vec<&str> = removed.largest.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["apt:gcc", "npm:typescript", "/var/lib/dpkg"]);
    }

    #[test]
    fn what_two_builds_may_differ_by_is_no_saving() {
        for (before, after, smaller) in [
            (500_000_000, 499_900_000, false),
            (500_000_000, 499_000_000, true),
            (500_000_000, 500_000_000, false),
            (500_000_000, 510_000_000, false),
            (10_000_000, 9_960_000, false),
            (10_000_000, 9_950_000, true),
            (100, 99, true),
            (0, 0, false),
        ] {
            assert_eq!(is_smaller(before, after), smaller, "{before} to {after}");
        }
    }

    #[test]
    fn directories_are_named_as_deep_as_they_say_something() {
        for (path, expected) in [
            ("/app/src/a/b.js", "/app/src"),
            ("/app/main", "/app"),
            ("/usr/bin/gcc", "/usr/bin"),
            ("/usr/lib/gcc/x86_64/12/cc1", "/usr/lib/gcc"),
            ("/usr/local/lib/python3.11/os.py", "/usr/local/lib/python3.11"),
            ("/usr/local/go/bin/go", "/usr/local/go"),
            ("/var/lib/apt/lists/x", "/var/lib/apt"),
            ("/main", "/"),
        ] {
            assert_eq!(directory(path), expected);
        }
    }

    #[test]
    fn instructions_are_read_from_history() {
        for (text, expected) in [
            ("RUN /bin/sh -c npm ci # buildkit", "RUN npm ci"),
            ("/bin/sh -c #(nop)  CMD [\"sh\"]", "CMD [\"sh\"]"),
            ("/bin/sh -c make", "RUN make"),
            ("COPY . . # buildkit", "COPY . ."),
        ] {
            assert_eq!(instruction(text), expected);
        }
    }
}
