//! The graph of a build: stages, and the steps that change files, with everything expanded.

use crate::executor::config::{ImageConfig, Platform};
use serde::Serialize;

/// What has to be done.
#[derive(Debug)]
pub struct Graph {
    /// All stages of the file that are needed, each behind those that it needs.
    pub stages: Vec<Stage>,
    /// Index in [`stages`](Self::stages) of the one that becomes the image.
    pub target: usize,
    /// Images that stages are built on or take files from.
    pub images: Vec<ImageSource>,
}

/// An image by its name, for a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSource {
    /// As it is written, variables expanded.
    pub name: String,
    /// For this platform.
    pub platform: Platform,
}

/// One stage.
#[derive(Debug)]
pub struct Stage {
    /// As BuildKit shows it: its name, `stage-1`, or nothing where it is the only one.
    pub name: Option<String>,
    /// What it begins with.
    pub base: Base,
    /// The line of its FROM.
    pub line: usize,
    /// FROM as it is shown.
    pub from: String,
    /// What changes files, in order.
    pub steps: Vec<Step>,
    /// Its image's config; diff ids and the times of the history are filled in when it is built.
    pub config: ImageConfig,
}

/// What a stage begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// Nothing.
    Scratch,
    /// An index in [`Graph::images`].
    Image(usize),
    /// An index in [`Graph::stages`].
    Stage(usize),
}

/// An instruction that changes files.
#[derive(Debug)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// As it is shown: on one line, variables expanded.
    pub name: String,
    /// Its line, from 1.
    pub line: usize,
}

/// What is done.
#[derive(Debug)]
pub enum Op {
    /// RUN.
    Run(Box<Run>),
    /// COPY or ADD.
    Copy(Box<Copy>),
    /// WORKDIR.
    Mkdir(Mkdir),
}

/// RUN.
#[derive(Debug, Clone)]
pub struct Run {
    /// Program and arguments.
    pub args: Vec<String>,
    /// The environment that counts for the cache.
    pub env: Vec<(String, String)>,
    /// Proxies: in the environment too, but the cache does not look at them.
    pub proxies: Vec<(String, String)>,
    /// Where.
    pub cwd: String,
    /// Who.
    pub user: String,
    /// `--network`.
    pub network: RunNetwork,
    /// `--mount`, in order.
    pub mounts: Vec<Mount>,
}

/// `--network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum RunNetwork {
    /// What the build has.
    Default,
    /// None.
    None,
    /// The host's.
    Host,
}

/// One mount.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Absolute.
    pub target: String,
    /// What.
    pub kind: MountKind,
}

/// What is mounted.
#[derive(Debug, Clone)]
pub enum MountKind {
    /// Files of a stage, an image, the context.
    Bind {
        /// Whose.
        from: Source,
        /// Which, absolute.
        path: String,
        /// Whether writing is refused; what is written is thrown away otherwise.
        readonly: bool,
    },
    /// A directory that stays.
    Cache {
        /// Its name.
        id: String,
        /// Files that it begins with.
        from: Option<Source>,
        /// Where in these, or in the directory.
        path: String,
        /// Who may use it at a time.
        sharing: Sharing,
        /// Whether writing is refused.
        readonly: bool,
        /// Mode of a new directory.
        mode: u32,
        /// Owner of a new directory.
        uid: u32,
        /// Group of a new directory.
        gid: u32,
    },
    /// Memory.
    Tmpfs {
        /// In bytes.
        size: Option<u64>,
    },
    /// A secret.
    Secret {
        /// Its id.
        id: String,
        /// Mode.
        mode: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// The environment variable that has it, too.
        env: Option<String>,
        /// Whether there is a file at the target.
        file: bool,
        /// Whether the build fails where it is not given.
        required: bool,
    },
    /// A file that is written in the Dockerfile.
    Inline {
        /// Its name below of the target.
        name: String,
        /// Its content.
        content: Vec<u8>,
    },
}

/// Who may use a cache directory at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Sharing {
    /// All.
    Shared,
    /// One, others get a directory of their own.
    Private,
    /// One, others wait.
    Locked,
}

/// Whose files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// The build context's.
    Context,
    /// A named context's.
    Named(String),
    /// An index in [`Graph::stages`].
    Stage(usize),
    /// An index in [`Graph::images`].
    Image(usize),
    /// None at all.
    Scratch,
}

/// COPY or ADD.
#[derive(Debug, Clone)]
pub struct Copy {
    /// What, in order.
    pub items: Vec<Item>,
    /// Where to, absolute; a slash at the end means a directory.
    pub dest: String,
    /// How.
    pub rules: CopyRules,
    /// The files do not depend on what is below.
    pub link: bool,
}

/// How files are copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CopyRules {
    /// `--chown`.
    pub chown: Option<String>,
    /// `--chmod`: octal or symbolic.
    pub chmod: Option<String>,
    /// `--exclude`.
    pub exclude: Vec<String>,
    /// `--parents`.
    pub parents: bool,
    /// Whether archives are unpacked.
    pub unpack: bool,
}

impl CopyRules {
    /// Everything, as it is: what a mount takes.
    pub fn whole() -> CopyRules {
        CopyRules {
            chown: None,
            chmod: None,
            exclude: Vec::new(),
            parents: false,
            unpack: false,
        }
    }
}

/// One source of a COPY or ADD.
#[derive(Debug, Clone)]
pub enum Item {
    /// Files that fit a pattern.
    Files {
        /// Whose.
        from: Source,
        /// The pattern, absolute.
        pattern: String,
    },
    /// A file that is written in the Dockerfile.
    Inline {
        /// Its name.
        name: String,
        /// Its content.
        content: Vec<u8>,
    },
    /// A file behind a URL.
    Url {
        /// It.
        url: String,
        /// What it must be.
        checksum: Option<String>,
        /// Whether an archive is unpacked: only where `--unpack` says so.
        unpack: bool,
    },
    /// A git repository.
    Git {
        /// As it is written.
        address: String,
        /// Whether `.git` stays.
        keep_git_dir: bool,
        /// The commit that it must be.
        checksum: Option<String>,
    },
}

/// WORKDIR.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mkdir {
    /// Absolute.
    pub path: String,
    /// USER in force; empty for root.
    pub user: String,
}
