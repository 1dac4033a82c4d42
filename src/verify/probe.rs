//! What a user asks to be tried on both images.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long a probe may take unless it says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(20);

/// One thing to try, on both images alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probe {
    /// Start the image with these arguments instead of its CMD; exit code and output are compared.
    Command {
        /// The arguments.
        args: Vec<String>,
        /// Variables to set.
        env: Vec<(String, String)>,
    },
    /// Request this path over plain HTTP once the image is up; status, type and body are compared.
    Http {
        /// The port inside the container.
        port: u16,
        /// With a leading `/`.
        path: String,
    },
    /// The port takes connections once the image is up.
    Tcp {
        /// The port inside the container.
        port: u16,
    },
    /// Run this in the container while its own program is up; exit code and output are compared.
    Exec {
        /// The program and its arguments.
        args: Vec<String>,
    },
}

/// What is wrong with a probe's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no probe: {why}; write http:8080/path, tcp:5432, exec:PROGRAM ARG..., command:ARG...")]
pub struct ProbeError {
    text: String,
    why: String,
}

impl FromStr for Probe {
    type Err = ProbeError;

    /// `http:8080/health`, `tcp:5432`, `exec:program --version`, `command:--help`. Words are cut at
    /// blanks; who needs blanks in a word writes a list in `mbopt.yaml`.
    fn from_str(text: &str) -> Result<Probe, ProbeError> {
        let wrong = |why: &str| ProbeError {
            text: text.to_owned(),
            why: why.to_owned(),
        };
        let (kind, rest) = text.split_once(':').ok_or_else(|| wrong("there is no `:`"))?;
        let words = || -> Vec<String> { rest.split_whitespace().map(str::to_owned).collect() };
        match kind.trim() {
            "http" => {
                let (port, path) = match rest.find('/') {
                    Some(at) => rest.split_at(at),
                    None => (rest, "/"),
                };
                let port = port.trim().parse().map_err(|_| wrong("the port is no number"))?;
                if path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
                    return Err(wrong("the path has a blank or a control character"));
                }
                Ok(Probe::Http {
                    port,
                    path: path.to_owned(),
                })
            }
            "tcp" => {
                let port = rest.trim().parse().map_err(|_| wrong("the port is no number"))?;
                Ok(Probe::Tcp { port })
            }
            "exec" if words().is_empty() => Err(wrong("there is no program")),
            "exec" => Ok(Probe::Exec { args: words() }),
            "command" => Ok(Probe::Command {
                args: words(),
                env: Vec::new(),
            }),
            other => Err(wrong(&format!("there is no kind `{other}`"))),
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Command { args, .. } => write!(f, "command:{}", args.join(" ")),
            Probe::Http { port, path } => write!(f, "http:{port}{path}"),
            Probe::Tcp { port } => write!(f, "tcp:{port}"),
            Probe::Exec { args } => write!(f, "exec:{}", args.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_and_written_alike() {
        for text in [
            "http:8080/health?x=1",
            "http:80/",
            "tcp:5432",
            "exec:app --version",
            "command:--help me",
        ] {
            assert_eq!(text.parse::<Probe>().unwrap().to_string(), text);
        }
        assert_eq!("http:80".parse::<Probe>().unwrap().to_string(), "http:80/");
    }

    #[test]
    fn wrong_texts_say_what_is_wrong() {
        for text in ["http", "http:x/", "tcp:70000", "ftp:1", "exec:  ", "http:80/a b"] {
            let error = text.parse::<Probe>().unwrap_err().to_string();
            assert!(error.contains("is no probe"), "{error}");
        }
    }
}
