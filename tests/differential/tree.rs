//! Layers merged into one tree.

use mbopt::executor::{ImageContents, LayerSource};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    kind: char,
    mode: u32,
    uid: u64,
    gid: u64,
    /// A link's target, or a file's digest.
    content: String,
    /// A small file's text.
    text: String,
}

#[derive(Debug, Default)]
pub struct Tree(BTreeMap<String, Node>);

impl Tree {
    pub fn of_contents(contents: &ImageContents) -> Tree {
        let mut tree = Tree::default();
        for layer in &contents.layers {
            match &layer.source {
                LayerSource::Part(path, start, length) => {
                    let mut file = File::open(path).unwrap();
                    file.seek(SeekFrom::Start(*start)).unwrap();
                    tree.apply(file.take(*length));
                }
                LayerSource::Tar(path) => tree.apply(File::open(path).unwrap()),
                LayerSource::Folder(path) => panic!("no archive: {}", path.display()),
            }
        }
        tree
    }

    /// Puts a layer on top.
    pub fn apply(&mut self, layer: impl Read) {
        let mut archive = tar::Archive::new(layer);
        let mut added = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let path = path.trim_start_matches("./").trim_matches('/').to_owned();
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", &path));
            if name == ".wh..wh..opq" {
                self.remove_below(folder);
                continue;
            }
            if let Some(gone) = name.strip_prefix(".wh.") {
                let gone = if folder.is_empty() {
                    gone.to_owned()
                } else {
                    format!("{folder}/{gone}")
                };
                self.remove_below(&gone);
                self.0.remove(&gone);
                continue;
            }
            let header = entry.header();
            let (mode, uid, gid) = (
                header.mode().unwrap() & 0o7777,
                header.uid().unwrap(),
                header.gid().unwrap(),
            );
            let kind = header.entry_type();
            let mut node = Node {
                kind: '?',
                mode,
                uid,
                gid,
                content: String::new(),
                text: String::new(),
            };
            if kind.is_hard_link() {
                let target = entry.link_name().unwrap().unwrap();
                let target = target
                    .to_string_lossy()
                    .trim_start_matches("./")
                    .trim_matches('/')
                    .to_owned();
                let Some(found) = added.get(&target).or_else(|| self.0.get(&target)) else {
                    panic!("{path} is linked to {target}, which is not there");
                };
                node = Node::clone(found);
            } else if kind.is_dir() {
                node.kind = 'd';
            } else if kind.is_symlink() {
                node.kind = 'l';
                node.mode = 0o777;
                node.content = entry.link_name().unwrap().unwrap().to_string_lossy().into_owned();
            } else if kind.is_file() {
                node.kind = 'f';
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                node.content = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
                node.text = String::from_utf8_lossy(bytes.get(..bytes.len().min(200)).unwrap()).into_owned();
            } else {
                node.kind = 'o';
            }
            added.insert(path, node);
        }
        for (path, node) in added {
            if node.kind != 'd' {
                self.remove_below(&path);
            }
            self.0.insert(path, node);
        }
    }

    fn remove_below(&mut self, folder: &str) {
        let prefix = if folder.is_empty() {
            String::new()
        } else {
            format!("{folder}/")
        };
        self.0.retain(|path, _| !path.starts_with(&prefix) || path.is_empty());
    }

    /// Leaves folders out that were only mounted on.
    pub fn forget(&mut self, stubs: &[String]) {
        for stub in stubs {
            self.0.remove(stub.trim_start_matches('/'));
        }
    }

    pub fn forget_below(&mut self, folder: &str) {
        self.remove_below(folder);
    }

    pub fn lines(&self) -> Vec<String> {
        // The root itself is in no layer of some engines.
        let nodes = self.0.iter().filter(|(path, _)| !path.is_empty());
        nodes
            .map(|(path, n)| {
                format!(
                    "{} {:04o} {}:{} /{path} {} {:?}",
                    n.kind,
                    n.mode,
                    n.uid,
                    n.gid,
                    n.content,
                    n.text.get(..n.text.len().min(40)).unwrap_or("")
                )
            })
            .collect()
    }

    /// What is other than in the image that it was built on, in a form that does not depend on the
    /// busybox that is in there.
    pub fn changes(&self, base: &Tree) -> Vec<String> {
        let known: BTreeMap<&str, &str> = base
            .0
            .iter()
            .filter(|(_, node)| node.kind == 'f')
            .map(|(path, node)| (node.content.as_str(), path.as_str()))
            .collect();
        let mut lines = Vec::new();
        for (path, node) in &self.0 {
            let applet = node.kind == 'l' && node.content == "busybox";
            if path.is_empty() || applet || base.0.get(path) == Some(node) {
                continue;
            }
            let content = match known.get(node.content.as_str()) {
                Some(same) if node.kind == 'f' => format!("= /{same}"),
                // It holds the time at which it was made.
                _ if path.ends_with(".tar") => String::new(),
                _ if node.kind == 'f' && node.text.len() < 120 => format!("{:?}", node.text),
                _ => node.content.clone(),
            };
            let line = format!(
                "{} {:04o} {}:{} /{path} {content}",
                node.kind, node.mode, node.uid, node.gid
            );
            lines.push(line.trim_end().to_owned());
        }
        let gone = base.0.iter().filter(|(path, node)| {
            let applet = node.kind == 'l' && node.content == "busybox";
            !(self.0.contains_key(*path) || path.is_empty() || applet)
        });
        lines.extend(gone.map(|(path, _)| format!("- /{path}")));
        lines
    }

    /// What is not as it is expected.
    pub fn unlike(&self, expected: &[String]) -> Vec<String> {
        let mut found = Vec::new();
        for line in expected.iter().filter(|line| !line.trim().is_empty()) {
            let words: Vec<&str> = line.splitn(5, ' ').collect();
            let wrong = match words.as_slice() {
                ["-", path] => self
                    .0
                    .contains_key(path.trim_start_matches('/'))
                    .then(|| "it is there".to_owned()),
                ["l", path, "->", target] => match self.0.get(path.trim_start_matches('/')) {
                    Some(node) if node.kind == 'l' && node.content == *target => None,
                    other => Some(format!("{other:?}")),
                },
                [kind, mode, owner, path, rest @ ..] => match self.0.get(path.trim_start_matches('/')) {
                    None => Some("it is not there".to_owned()),
                    Some(node) => {
                        let text = rest.first().map(|text| text.replace("\\n", "\n").replace("\\t", "\t"));
                        let same = node.kind.to_string() == *kind
                            && format!("{:04o}", node.mode) == *mode
                            && format!("{}:{}", node.uid, node.gid) == *owner
                            && text.is_none_or(|text| text.trim_end() == node.text.trim_end());
                        (!same).then(|| format!("{node:?}"))
                    }
                },
                other => panic!("{other:?}"),
            };
            if let Some(wrong) = wrong {
                found.push(format!("  {line}: {wrong}"));
            }
        }
        found
    }
}
