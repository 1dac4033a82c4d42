//! What is to be run, and in what. These values cross from the builder to the sandbox's own process.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// One process to be run in a root filesystem of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpec {
    /// What it sees as `/`.
    pub root: Root,
    /// Program and arguments; a program without a slash is searched in the PATH of `env`.
    pub args: Vec<String>,
    /// The whole environment. Only HOME is added where it is absent, from the user's entry in
    /// `/etc/passwd`, as runc does.
    pub env: Vec<(String, String)>,
    /// The working directory; made where it is absent.
    pub cwd: String,
    /// Who runs it.
    pub user: User,
    /// What it can reach.
    pub network: SandboxNetwork,
    /// Mounts over the root, in this order.
    pub mounts: Vec<MountSpec>,
    /// Its host name.
    pub hostname: String,
    /// Lines added to `/etc/hosts`: address and name.
    pub extra_hosts: Vec<(String, String)>,
    /// When it is ended.
    pub limits: RunLimits,
    /// Whether the first process waits, once the root is mounted, for being told to go: only containers
    /// know how to tell it.
    #[serde(default)]
    pub(in crate::executor::native) waits: bool,
}

impl RunSpec {
    /// `args` as root in `/`, on the host's network, with Docker's PATH and nothing else.
    pub fn new(root: Root, args: &[&str]) -> RunSpec {
        RunSpec {
            root,
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            env: vec![(
                "PATH".to_owned(),
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            )],
            cwd: "/".to_owned(),
            user: User::ROOT,
            network: SandboxNetwork::Host,
            mounts: Vec::new(),
            hostname: "buildkitsandbox".to_owned(),
            extra_hosts: Vec::new(),
            limits: RunLimits::default(),
            waits: false,
        }
    }
}

/// A root filesystem: what [`Snapshot::root`](crate::executor::native::snapshot::Snapshot::root) gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Root {
    /// Layers under a directory that takes the changes, merged by overlayfs.
    Overlay {
        /// Read-only layers, the lowest first (as in an image's manifest).
        lowers: Vec<PathBuf>,
        /// Takes the changes.
        upper: PathBuf,
        /// Overlayfs' own; empty, on the file system of `upper`.
        work: PathBuf,
        /// An empty directory to mount on. The mount is seen by the sandbox alone.
        mountpoint: PathBuf,
    },
    /// A plain directory that is changed in place.
    Directory {
        /// It.
        path: PathBuf,
        /// An empty directory to mount on. The mount is seen by the sandbox alone.
        mountpoint: PathBuf,
    },
}

/// Who runs a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum User {
    /// By numbers.
    Ids {
        /// User.
        uid: u32,
        /// Main group.
        gid: u32,
        /// More groups.
        groups: Vec<u32>,
    },
    /// As USER has it: `name`, `uid`, `name:group`, ...; looked up in the root's own
    /// `/etc/passwd` and `/etc/group` when it is started.
    Named(String),
}

impl User {
    /// Root, by numbers, with no further groups.
    pub const ROOT: User = User::Ids {
        uid: 0,
        gid: 0,
        groups: Vec::new(),
    };
}

/// What a sandboxed process can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SandboxNetwork {
    /// The host's network.
    #[default]
    Host,
    /// A network of its own with nothing but a loopback, which is up.
    Loopback,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// Where, absolute inside of the root; made where it is absent, and taken away afterwards if
    /// nothing else came to be there.
    pub target: String,
    /// What.
    pub kind: MountKind,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MountKind {
    /// A directory or file of the host. A cache mount is one of these, read-write.
    Bind {
        /// The directory (or file) that `subpath` is below of.
        source: PathBuf,
        /// A path below of `source`, followed without ever leaving it; empty for `source` itself.
        subpath: String,
        /// Whether writing is refused.
        readonly: bool,
    },
    /// A merged view of layers or a snapshot: `--mount=type=bind,from=stage`.
    Layers {
        /// Read-only layers, the lowest first.
        lowers: Vec<PathBuf>,
        /// A path below of their merge, followed without ever leaving it.
        subpath: String,
        /// Where changes go, to be thrown away: an empty directory with room for `upper` and
        /// `work`. None makes the mount read-only.
        scratch: Option<PathBuf>,
    },
    /// Memory.
    Tmpfs {
        /// In bytes.
        size: Option<u64>,
    },
    /// A file that is in memory only.
    Secret {
        /// Its content.
        content: Vec<u8>,
        /// Its permissions.
        mode: u32,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
}

/// When a process is ended. None is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RunLimits {
    /// By the clock.
    pub time: Option<Duration>,
    /// Processes and threads at a time. Holds for root where there are control groups; without root it
    /// counts each user's processes of the whole build together.
    pub processes: Option<u64>,
    /// Bytes that may be added below the root.
    pub disk: Option<u64>,
    /// Bytes of memory. Holds for root where there are control groups.
    pub memory: Option<u64>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    /// By itself.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl ExitStatus {
    /// The number a shell and Docker give: 128 and the signal's number where a signal ended it.
    pub fn code(self) -> i32 {
        match self {
            ExitStatus::Code(code) => code,
            ExitStatus::Signal(signal) => 128 + signal,
        }
    }

    /// Whether it ended well.
    pub fn success(self) -> bool {
        self == ExitStatus::Code(0)
    }
}
