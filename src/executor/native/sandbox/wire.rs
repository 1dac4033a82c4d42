//! Messages between the builder and the sandbox's process: a length and JSON, over a socket pair
//! that is the process' standard input, so that no other file descriptor has to be inherited.

use super::spec::{ExitStatus, RunSpec, SandboxNetwork, User};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};

/// More than any message needs; the rest is a broken stream.
const MOST: usize = 64 << 20;

/// From the builder.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::executor::native) enum Request {
    /// The first message.
    Run(Box<RunSpec>),
    /// Start the first process, after [`Report::Prepared`].
    Go,
    /// Send a signal to the first process.
    Signal(i32),
    /// Run another process in the same sandbox. Its output goes back in [`Report::Output`].
    Exec(Exec),
    /// Kill one that [`Request::Exec`] began.
    KillExec(u64),
}

/// Another process in a sandbox.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::executor::native) struct Exec {
    pub id: u64,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub cwd: String,
    pub user: User,
    pub network: SandboxNetwork,
}

/// To the builder.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::executor::native) enum Report {
    /// The process that holds the sandbox together, as the builder sees it.
    Holder(i32),
    /// The root is mounted, and the first process waits for [`Request::Go`].
    Prepared,
    /// The first process runs its program.
    Started,
    /// The sandbox or the program could not be started.
    Failed(Failure),
    /// The first process ended, and everything with it.
    Ended(ExitStatus),
    /// One of [`Request::Exec`] could not be started.
    ExecFailed(u64, Failure),
    /// One of [`Request::Exec`] ended.
    ExecEnded(u64, ExitStatus),
    /// One of [`Request::Exec`] wrote this; true for standard error.
    Output(u64, bool, Vec<u8>),
}

/// Why nothing could be run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::executor::native) struct Failure {
    pub kind: FailureKind,
    /// What was tried: `mount the root`.
    pub what: String,
    /// What the system said.
    pub errno: i32,
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::executor::native) enum FailureKind {
    /// The kernel does not let us: namespaces, mounts.
    NotAllowed,
    /// The root cannot be merged by overlayfs here.
    NoOverlay,
    /// The instruction asks for something that is not there: a user, a mount's source.
    Instruction,
    /// The program cannot be executed.
    Program,
    /// Anything else.
    System,
}

pub(in crate::executor::native) fn send(mut to: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).map_err(|_| io::ErrorKind::InvalidData)?;
    for (place, byte) in bytes.iter_mut().zip(length.to_le_bytes()) {
        *place = byte;
    }
    to.write_all(&bytes)
}

/// The next message; none at the end of the stream, also where it ends inside a message.
pub(in crate::executor::native) fn receive<T: DeserializeOwned>(mut from: impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    let mut bytes = Vec::new();
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MOST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&bytes)?))
}
