//! Where the files of the build context end up in the image.

use crate::context::{Context, EntryKind, sources};
use crate::model::{Instruction, Transfer, join_path};
use crate::plan::site::Site;

/// One source of a COPY or ADD.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Landed {
    instruction: usize,
    /// In the context; empty for its root.
    from: String,
    /// Absolute in the image, without a `/` at its end; empty for the image's root.
    to: String,
    /// A folder, whose content goes into `to`.
    tree: bool,
}

/// Where files of the context are in the image.
#[derive(Debug, Clone, Default)]
pub struct Landing {
    landed: Vec<Landed>,
    /// A COPY's destination or source depends on a variable of the base image's.
    open: bool,
}

impl Landing {
    /// Reads the COPY and ADD instructions of a stage and of those below it.
    pub fn of(site: &Site<'_>) -> Landing {
        let mut landing = Landing::default();
        for instruction in site.instructions() {
            if let Some(transfer) = instruction.transfer().filter(|t| t.from.is_none()) {
                landing.transfer(site, instruction, transfer);
            }
        }
        landing
    }

    fn transfer(&mut self, site: &Site<'_>, instruction: &Instruction, transfer: &Transfer) {
        let words = transfer.sources.iter().chain(&transfer.destination);
        if words.clone().any(|w| site.is_open(&w.value, instruction.index)) {
            self.open = true;
            return;
        }
        let value = |word| site.value(word, instruction.index);
        let Some(written) = transfer.destination.as_ref().and_then(value) else {
            return;
        };
        let workdir = site.workdir_at(instruction.index);
        let Some(destination) = absolute(workdir.as_deref(), &written) else {
            self.open = true;
            return;
        };
        let many = transfer.sources.len() > 1;
        let folder = many
            || written.ends_with('/')
            || written.ends_with("/.")
            || matches!(written.as_str(), "." | "..")
            || workdir.as_deref() == Some(destination.as_str())
            || self.is_folder(&destination);
        for source in &transfer.sources {
            let Some(source) = value(source) else { continue };
            if source.contains("://") || source.starts_with("git@") {
                continue;
            }
            let found = match (site.context, sources::has_wildcard(&source)) {
                (Some(context), true) => context.glob(&source),
                (None, true) => Vec::new(),
                (_, false) => vec![sources::rooted(&source).into_owned()],
            };
            let folder = folder || found.len() > 1;
            for from in found {
                let tree = is_tree(site.context, &from, &source);
                let to = match (tree, folder) {
                    (false, true) => join(&destination, from.rsplit('/').next().unwrap_or(&from)),
                    _ => destination.clone(),
                };
                self.landed.push(Landed {
                    instruction: instruction.index,
                    from,
                    to: to.trim_end_matches('/').to_owned(),
                    tree,
                });
            }
        }
    }

    fn is_folder(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.landed
            .iter()
            .any(|l| (l.tree && l.to == path) || l.to.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }

    /// The file or folder of the context that is at an absolute path of the image, as the last COPY
    /// left it; it need not exist.
    pub fn context_of(&self, path: &str) -> Option<String> {
        let path = path.trim_end_matches('/');
        self.landed.iter().rev().find_map(|landed| {
            let rest = below(path, &landed.to)?;
            match (rest.is_empty(), landed.tree) {
                (true, _) => Some(landed.from.clone()),
                (false, true) => Some(sources::join(&landed.from, rest)),
                (false, false) => None,
            }
        })
    }

    /// Like [`context_of`](Self::context_of), for a file that exists in the context and is sent.
    pub fn existing(&self, context: &Context, path: &str) -> Option<String> {
        let path = path.trim_end_matches('/');
        self.landed.iter().rev().find_map(|landed| {
            let rest = below(path, &landed.to)?;
            let found = match (rest.is_empty(), landed.tree) {
                (true, _) => landed.from.clone(),
                (false, true) => sources::join(&landed.from, rest),
                (false, false) => return None,
            };
            context.is_sent(&found).then_some(found)
        })
    }

    /// Where a file or folder of the context is in the image, with the instruction that copies it
    /// last; a file may be copied to several places.
    pub fn image_of(&self, path: &str) -> Vec<(String, usize)> {
        let mut found: Vec<(String, usize)> = Vec::new();
        for landed in self.landed.iter().rev() {
            let at = match below_context(path, &landed.from) {
                Some("") => landed.to.clone(),
                Some(rest) if landed.tree => [landed.to.as_str(), "/", rest].concat(),
                _ => continue,
            };
            let at = if at.is_empty() { "/".to_owned() } else { at };
            if !found.iter().any(|(known, _)| *known == at) {
                found.push((at, landed.instruction));
            }
        }
        found
    }

    /// Where an instruction puts what it copies.
    pub fn places(&self, instruction: usize) -> impl Iterator<Item = &str> {
        let own = self.landed.iter().filter(move |l| l.instruction == instruction);
        own.map(|l| l.to.as_str())
    }

    /// The instruction that copies all that another one copied to the same places once more; none where
    /// no single one does.
    pub fn again(&self, instruction: usize) -> Option<usize> {
        let own: Vec<&Landed> = self.landed.iter().filter(|l| l.instruction == instruction).collect();
        let mut later = self.landed.iter().filter(|l| l.instruction > instruction && l.tree);
        let covers = |later: &Landed, own: &Landed| {
            below_context(&own.from, &later.from).is_some_and(|rest| {
                let to = if rest.is_empty() {
                    later.to.clone()
                } else {
                    format!("{}/{rest}", later.to)
                };
                to == own.to
            })
        };
        let found = later.find(|later| own.iter().all(|own| covers(later, own)))?;
        (!own.is_empty()).then_some(found.instruction)
    }

    /// Whether a file of the context is at a place of the image when an instruction is run.
    pub fn is_there(&self, path: &str, place: &str, instruction: usize) -> bool {
        self.landed
            .iter()
            .filter(|l| l.instruction < instruction)
            .any(|landed| match below_context(path, &landed.from) {
                Some("") => landed.to == place,
                Some(rest) if landed.tree => place
                    .strip_prefix(landed.to.as_str())
                    .is_some_and(|p| p.strip_prefix('/') == Some(rest)),
                _ => false,
            })
    }

    /// Whether a COPY goes where only the base image tells.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Whether anything of the context is copied to a folder of the image, or into it.
    pub fn fills(&self, folder: &str) -> bool {
        let folder = folder.trim_end_matches('/');
        self.context_of(folder).is_some() || self.landed.iter().any(|l| below(&l.to, folder).is_some())
    }

    /// Whether anything of the context is copied at all.
    pub fn is_empty(&self) -> bool {
        self.landed.is_empty()
    }

    /// The folders of the image that folders of the context are copied to, the last first: image
    /// path, context path.
    pub fn trees(&self) -> impl Iterator<Item = (&str, &str)> {
        let trees = self.landed.iter().rev().filter(|l| l.tree);
        trees.map(|l| (if l.to.is_empty() { "/" } else { l.to.as_str() }, l.from.as_str()))
    }
}

fn is_tree(context: Option<&Context>, path: &str, written: &str) -> bool {
    match context.and_then(|c| c.kind(path)) {
        Some(kind) => kind == EntryKind::Dir,
        None => {
            // Without the context a name with a dot inside is taken for a file's.
            let name = path.rsplit('/').next().unwrap_or(path);
            written.ends_with('/') || name.is_empty() || !name.trim_start_matches('.').contains('.')
        }
    }
}

/// What of `path` lies below `folder`; empty where both are the same.
fn below<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    if rest.is_empty() {
        Some("")
    } else {
        rest.strip_prefix('/')
    }
}

fn below_context<'p>(path: &'p str, folder: &str) -> Option<&'p str> {
    if folder.is_empty() {
        Some(path)
    } else {
        below(path, folder)
    }
}

/// A path made absolute with a working directory, `.` and `..` taken out; none where it is relative
/// and the directory is not known.
pub fn absolute(workdir: Option<&str>, path: &str) -> Option<String> {
    let before = if path.starts_with('/') { "/" } else { workdir? };
    Some(join_path(before, path))
}

/// A name in a folder of the image.
pub fn join(folder: &str, name: &str) -> String {
    format!("{}/{}", folder.trim_end_matches('/'), name.trim_start_matches("./"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::artifact::testing::with_site;

    #[test]
    fn files_are_found_both_ways() {
        let files = [
            ("main.go", ""),
            ("static/a.css", ""),
            ("conf/x.yaml", ""),
            ("run.sh", ""),
            ("go.mod", ""),
            ("go.sum", ""),
        ];
        let text = "FROM golang:1.22\nWORKDIR /app\nCOPY go.* ./\nCOPY . .\nCOPY conf /etc/app\nCOPY run.sh /usr/bin/run\nCMD x\n";
        with_site(text, &files, |site| {
            let landing = Landing::of(site);
            assert_eq!(landing.context_of("/app/static/a.css").as_deref(), Some("static/a.css"));
            assert_eq!(landing.context_of("/etc/app/x.yaml").as_deref(), Some("conf/x.yaml"));
            assert_eq!(landing.context_of("/usr/bin/run").as_deref(), Some("run.sh"));
            assert_eq!(landing.context_of("/usr/bin/other"), None);
            assert_eq!(
                landing.image_of("conf/x.yaml"),
                [("/etc/app/x.yaml".to_owned(), 4), ("/app/conf/x.yaml".to_owned(), 3)]
            );
            assert_eq!(landing.image_of("go.sum"), [("/app/go.sum".to_owned(), 3)]);
        });
    }

    #[test]
    fn a_destination_is_a_folder_where_one_is() {
        let files = [("a/one", ""), ("b.txt", "")];
        let text = "FROM golang:1.22\nCOPY a /data\nCOPY b.txt /data\nCOPY b.txt /file\nCMD x\n";
        with_site(text, &files, |site| {
            let landing = Landing::of(site);
            assert_eq!(landing.context_of("/data/b.txt").as_deref(), Some("b.txt"));
            assert_eq!(landing.context_of("/file").as_deref(), Some("b.txt"));
        });
    }

    #[test]
    fn paths_are_made_absolute() {
        assert_eq!(absolute(Some("/app"), "./a/../b").as_deref(), Some("/app/b"));
        assert_eq!(absolute(None, "b"), None);
        assert_eq!(absolute(None, "/../b/").as_deref(), Some("/b"));
    }
}
