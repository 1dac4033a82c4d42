//! Writing to standard output and standard error. A reader that went away ends the output, not
//! the program, and never makes it panic.

use std::io::{self, Write};

/// Where the report goes.
pub enum Sink {
    /// Standard output.
    Stdout,
    /// Standard error, where standard output carries the fixed text.
    Stderr,
    /// A file, kept in memory until the end so that it is written whole.
    Memory(Vec<u8>),
    /// Nobody reads any more.
    Closed,
}

impl Sink {
    /// Writes, unless the reader went away.
    ///
    /// # Errors
    /// When writing fails for another reason (a full disk).
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let done = match self {
            Sink::Stdout => to(&mut io::stdout().lock(), bytes),
            Sink::Stderr => to(&mut io::stderr().lock(), bytes),
            Sink::Memory(buffer) => {
                buffer.extend_from_slice(bytes);
                Ok(())
            }
            Sink::Closed => Ok(()),
        };
        match done {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                *self = Sink::Closed;
                Ok(())
            }
            done => done,
        }
    }
}

fn to(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(bytes)?;
    out.flush()
}

/// A line on standard error; what cannot be said there cannot be said at all.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}
