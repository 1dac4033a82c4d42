//! The build context: which files a build could copy. A [`Tree`] gives names and contents; where
//! they come from (a folder, memory, an editor's buffers) is its owner's business.

pub mod dockerignore;
pub mod find;
pub mod manifests;
pub mod memory;
pub mod overlay;
pub mod repository;
pub mod sources;
pub mod walk;

pub use dockerignore::Ignore;
pub use memory::Memory;
pub use overlay::Overlay;
pub use repository::Repository;
pub use walk::{ListedFile, Listing};

use manifests::Manifests;
use rayon::prelude::*;
use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A file or folder in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link; it is not followed out of the tree.
    Symlink,
    /// A device, socket or pipe.
    Other,
}

/// Read access to a folder. Paths are relative to its root, with `/` between names; `""` is the root.
pub trait Tree: Send + Sync {
    /// What `path` is; none where nothing is there or it may not be looked at.
    fn kind(&self, path: &str) -> Option<EntryKind>;
    /// A file's content; none where it is missing, unreadable or larger than `limit` bytes.
    fn read(&self, path: &str, limit: u64) -> Option<Arc<[u8]>>;
    /// The beginning of a file's content, `bytes` long at most; none where it cannot be read.
    fn head(&self, path: &str, bytes: usize) -> Option<Arc<[u8]>> {
        let whole = self.read(path, READ_LIMIT)?;
        Some(match whole.get(..bytes) {
            Some(head) => head.into(),
            None => whole,
        })
    }
    /// A regular file's length in bytes; none for all else, links among it. A question of its own, since
    /// a folder's list does not tell it, and most who list do not ask.
    fn length(&self, path: &str) -> Option<u64>;
    /// The names in a folder, sorted; empty where it is none.
    fn list(&self, path: &str) -> Vec<(String, EntryKind)>;
}

/// The largest file that is read from a context, in bytes.
pub const READ_LIMIT: u64 = 2 * 1024 * 1024;

/// A build context as rules and planner use it: a tree with its `.dockerignore` applied, and what
/// was derived from it, each thing once.
///
/// Paths are given relative to the context's root; `./a`, `/a` and `a` are the same, and `..` does
/// not lead out of it (COPY sources are read that way).
pub struct Context {
    name: String,
    tree: Arc<dyn Tree>,
    ignore: Ignore,
    ignore_file: Option<IgnoreFile>,
    listing: OnceLock<Listing>,
    manifests: Manifests,
    texts: Mutex<Texts>,
    derived: Mutex<HashMap<(TypeId, String), Derived>>,
    /// What it lies in, and its folder there.
    repository: Option<(Arc<Repository>, String)>,
}

/// Files that were read, and the bytes that they take together.
#[derive(Default)]
struct Texts {
    known: HashMap<String, Arc<str>>,
    bytes: usize,
}

/// So many files are asked for their length by one thread before it asks for more.
const AT_ONCE: usize = 128;

/// So many bytes of files are kept for those who ask again.
const KEPT: usize = 32 * 1024 * 1024;

/// What another layer made of the context's files.
type Derived = Arc<dyn Any + Send + Sync>;

/// The ignore file in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoreFile {
    /// Relative to the context's root.
    pub path: String,
    /// Its content; bytes that are not UTF-8 are replaced.
    pub text: String,
}

impl Context {
    /// The context `name` (its folder as the user knows it) over a tree. `dockerfile` is the
    /// Dockerfile's path relative to the context's root, where it lies in it: an ignore file of its
    /// own beside it goes before the root's.
    pub fn new(name: impl Into<String>, tree: Arc<dyn Tree>, dockerfile: Option<&str>) -> Context {
        let candidates = match dockerfile {
            Some(dockerfile) => dockerignore::candidates(dockerfile).to_vec(),
            None => vec![".dockerignore".to_owned()],
        };
        let ignore_file = candidates.into_iter().find_map(|path| {
            let bytes = tree.read(&path, READ_LIMIT)?;
            Some(IgnoreFile {
                path,
                text: String::from_utf8_lossy(&bytes).into_owned(),
            })
        });
        Context::with_ignore_file(name, tree, ignore_file)
    }

    /// A context whose ignore file was found elsewhere (beside a Dockerfile outside of the context).
    pub fn with_ignore_file(name: impl Into<String>, tree: Arc<dyn Tree>, ignore_file: Option<IgnoreFile>) -> Context {
        Context {
            name: name.into(),
            ignore: ignore_file
                .as_ref()
                .map(|file| Ignore::parse(&file.text))
                .unwrap_or_default(),
            tree,
            ignore_file,
            listing: OnceLock::new(),
            manifests: Manifests::default(),
            texts: Mutex::default(),
            derived: Mutex::default(),
            repository: None,
        }
    }

    /// The same context once these files are in it.
    pub fn with_files(&self, files: Memory) -> Context {
        let tree: Arc<dyn Tree> = Arc::new(Overlay::new(self.tree.clone(), files));
        let with_files = match &self.ignore_file {
            Some(file) => Context::with_ignore_file(self.name.clone(), tree, Some(file.clone())),
            None => Context::new(self.name.clone(), tree, None),
        };
        Context {
            repository: self.repository.clone(),
            ..with_files
        }
    }

    /// The root folder, as the user knows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The patterns in force; empty without an ignore file.
    pub fn ignore(&self) -> &Ignore {
        &self.ignore
    }

    /// The ignore file in force.
    pub fn ignore_file(&self) -> Option<&IgnoreFile> {
        self.ignore_file.as_ref()
    }

    /// The tree itself, with what is ignored.
    pub fn tree(&self) -> &dyn Tree {
        &*self.tree
    }

    /// What is at `path`, ignored or not.
    pub fn kind(&self, path: &str) -> Option<EntryKind> {
        self.tree.kind(&sources::rooted(path))
    }

    /// Whether something is at `path`, ignored or not.
    pub fn exists(&self, path: &str) -> bool {
        self.kind(path).is_some()
    }

    /// Whether a file at `path` would be left out of the context.
    pub fn is_ignored(&self, path: &str) -> bool {
        self.ignore.matches(path)
    }

    /// Whether COPY finds something at `path`. An ignored folder counts where a `!` pattern could
    /// bring back something in it.
    pub fn is_sent(&self, path: &str) -> bool {
        match self.kind(path) {
            None => false,
            Some(EntryKind::Dir) => !self.ignore.prunes(path),
            Some(_) => !self.ignore.matches(path),
        }
    }

    /// A file's text, ignored or not; none where it is missing or larger than [`READ_LIMIT`]. A byte
    /// order mark is dropped, bytes that are not UTF-8 are replaced.
    pub fn read_text(&self, path: &str) -> Option<String> {
        self.read_as(path, |text| text.into_owned())
    }

    fn read_as<T>(&self, path: &str, make: impl FnOnce(Cow<'_, str>) -> T) -> Option<T> {
        let bytes = self.tree.read(&sources::rooted(path), READ_LIMIT)?;
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        Some(make(text_of(bytes)))
    }

    /// The same as [`Context::read_text`], for what several readers ask: the file is read once, as long
    /// as all that was read so is small enough to be kept.
    pub fn text(&self, path: &str) -> Option<Arc<str>> {
        let texts = || self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = texts().known.get(path) {
            return Some(known.clone());
        }
        let text: Arc<str> = self.read_as(path, |text| Arc::from(&*text))?;
        let mut texts = texts();
        if texts.bytes + text.len() <= KEPT && texts.known.insert(path.to_owned(), text.clone()).is_none() {
            texts.bytes += text.len();
        }
        Some(text)
    }

    /// The beginning of a file, `bytes` long at most, for those to whom it tells enough. A character that
    /// is cut is replaced.
    pub fn head(&self, path: &str, bytes: usize) -> Option<String> {
        let head = self.tree.head(&sources::rooted(path), bytes)?;
        Some(text_of(&head).into_owned())
    }

    /// The lengths of files in bytes, asked for side by side; 0 for what is none.
    pub fn lengths(&self, paths: &[&str]) -> Vec<u64> {
        let length = |path: &&str| self.length(path).unwrap_or_default();
        paths.par_iter().with_min_len(AT_ONCE).map(length).collect()
    }

    /// A file's length in bytes; none where there is none.
    pub fn length(&self, path: &str) -> Option<u64> {
        self.tree.length(&sources::rooted(path))
    }

    /// What a COPY or ADD source with Go's wildcards stands for, sorted; without wildcards the path
    /// itself, where it exists. Only what is sent counts, and only the folders that the pattern
    /// names are listed. Empty for a malformed pattern too.
    pub fn glob(&self, pattern: &str) -> Vec<String> {
        let mut found = sources::expand(&*self.tree, pattern);
        found.retain(|path| self.is_sent(path));
        found
    }

    /// All files that are sent. The tree is walked at the first call, once, and no further than
    /// [`walk::ENTRY_CAP`] entries.
    pub fn walk(&self) -> &Listing {
        self.listing.get_or_init(|| Listing::of(&*self.tree, &self.ignore))
    }

    /// What `make` gives, made once for this context and this question: several Dockerfiles, and every
    /// edit of one, ask the same of hundreds of sources.
    pub fn derived<T: Any + Send + Sync>(&self, question: String, make: impl FnOnce() -> T) -> Arc<T> {
        let known = || self.derived.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (TypeId::of::<T>(), question);
        if let Some(found) = known().get(&key).cloned().and_then(|d| d.downcast().ok()) {
            return found;
        }
        let made = Arc::new(make());
        known().insert(key, made.clone());
        made
    }

    /// Manifest and lock files, read when asked for.
    pub fn manifests(&self) -> &Manifests {
        &self.manifests
    }
}

/// Bytes as text; those that are not UTF-8 are replaced. Most files have none, which is sooner seen than done.
fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Context");
        shown
            .field("name", &self.name)
            .field("ignore_file", &self.ignore_file)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(files: &[(&str, &str)]) -> Context {
        Context::new(
            "app",
            Arc::new(Memory::new(files.iter().copied())),
            Some("docker/web.Dockerfile"),
        )
    }

    #[test]
    fn the_dockerfiles_own_ignore_file_wins() {
        let both = [
            (".dockerignore", "a"),
            ("docker/web.Dockerfile.dockerignore", "b"),
            ("a", ""),
            ("b", ""),
        ];
        let own = context(&both);
        assert_eq!(
            own.ignore_file().map(|f| f.path.as_str()),
            Some("docker/web.Dockerfile.dockerignore")
        );
        assert!(own.is_sent("a") && !own.is_sent("b"));
        let root = context(&both[..1]);
        assert_eq!(root.ignore_file().map(|f| f.path.as_str()), Some(".dockerignore"));
        assert!(context(&[]).ignore_file().is_none());
    }

    #[test]
    fn what_is_ignored_exists_but_is_not_sent() {
        let ctx = context(&[
            (".dockerignore", "secret\nsrc\n!src/keep"),
            ("secret", "s"),
            ("src/keep", ""),
            ("src/x", ""),
        ]);
        assert!(ctx.exists("./secret") && ctx.exists("/secret") && ctx.exists("x/../secret") && ctx.exists("."));
        assert!(ctx.is_ignored("/secret") && !ctx.is_sent("secret") && !ctx.is_sent("missing"));
        assert!(ctx.is_sent("src") && ctx.is_sent("src/keep") && !ctx.is_sent("src/x"));
        assert_eq!(ctx.read_text("secret").as_deref(), Some("s"));
        assert_eq!(ctx.glob("s*"), ["src"]);
        assert_eq!(ctx.glob("*/*e*"), ["docker/web.Dockerfile", "src/keep"][1..]);
    }
}
