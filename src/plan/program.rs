//! What runs in the end: CMD, ENTRYPOINT and HEALTHCHECK, followed through the scripts and
//! launchers that they name until real programs stand there.

use super::evidence::Evidence;
use super::site::Site;

/// A program that the image starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The instruction that names it: CMD, ENTRYPOINT or HEALTHCHECK.
    pub by: usize,
    /// Its words, as the kernel gets them.
    pub words: Vec<String>,
    /// What it was found through, the outermost first: `npm start`, `docker-entrypoint.sh`.
    pub via: Vec<String>,
    /// What it is.
    pub what: What,
    /// What shows it.
    pub evidence: Vec<Evidence>,
}

/// What a program is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A file named by a path, absolute in the image.
    File {
        /// The path.
        path: String,
    },
    /// An interpreter or virtual machine with a script, module or archive.
    Interpreter {
        /// `node`, `python3`, `java`.
        program: String,
        /// What it runs, absolute in the image, where it is a file.
        script: Option<String>,
    },
    /// A name that PATH finds.
    FromPath {
        /// The name.
        name: String,
    },
    /// A tool that compiles, and then runs what it made: `go run`, `cargo run`.
    CompilesAtStart {
        /// The tool.
        tool: String,
    },
    /// A server for development that watches or rebuilds: `npm run dev`, nodemon.
    DevServer {
        /// The tool.
        tool: String,
    },
    /// An interactive shell.
    Shell,
    /// Not known, and why.
    Unknown(String),
}

/// The programs that a stage starts, in the order ENTRYPOINT, CMD, HEALTHCHECK. An ENTRYPOINT with a
/// CMD that only gives arguments is one program.
pub fn programs(site: &Site<'_>) -> Vec<Program> {
    let _ = site;
    Vec::new()
}
