//! RUN --mount.

use super::dispatch::Work;
use super::scope::join;
use crate::executor::error::Error;
use crate::executor::native::vertex::{Mount, MountKind, Sharing, Source};
use crate::model::Mount as Written;

/// A mount's options, expanded.
#[derive(Default)]
struct Options {
    kind: String,
    from: Option<String>,
    source: String,
    target: String,
    readonly: Option<bool>,
    id: Option<String>,
    sharing: Option<String>,
    size: Option<u64>,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
    env: Option<String>,
    required: bool,
}

impl Work<'_, '_> {
    pub(super) fn mount(&mut self, written: &Written, line: usize) -> Result<Mount, Error> {
        let options = self.options(written, line)?;
        let is_secret = options.kind == "secret";
        let name = options
            .id
            .clone()
            .or_else(|| Some(options.source.clone()).filter(|s| !s.is_empty()));
        let target = match (options.target.as_str(), &name) {
            ("", Some(id)) if is_secret => {
                let last = id.rsplit('/').next().unwrap_or(id);
                format!("/run/secrets/{last}")
            }
            ("", _) => return Err(self.frontend.error(line, "a mount needs a `target`")),
            (target, _) if target.starts_with('/') => join("", target),
            (target, _) => join(&self.state.config.working_dir, target),
        };
        if target == "/" {
            return Err(self.frontend.error(line, "nothing can be mounted on `/`"));
        }
        let from = match &options.from {
            Some(name) => Some(self.frontend.source(self.index, name, false, line)?),
            None => None,
        };
        let path = join("", &options.source);
        let kind = match options.kind.as_str() {
            "bind" => MountKind::Bind {
                from: from.unwrap_or(Source::Context),
                path,
                readonly: options.readonly.unwrap_or(true),
            },
            "cache" => MountKind::Cache {
                id: options.id.unwrap_or_else(|| target.clone()),
                from,
                path,
                sharing: match options.sharing.as_deref() {
                    Some("private") => Sharing::Private,
                    Some("locked") => Sharing::Locked,
                    _ => Sharing::Shared,
                },
                readonly: options.readonly.unwrap_or(false),
                mode: options.mode.unwrap_or(0o755),
                uid: options.uid.unwrap_or(0),
                gid: options.gid.unwrap_or(0),
            },
            "tmpfs" => MountKind::Tmpfs { size: options.size },
            "secret" => {
                let last = options.target.rsplit('/').next().unwrap_or_default().to_owned();
                MountKind::Secret {
                    id: name.unwrap_or(last),
                    mode: options.mode.unwrap_or(0o400),
                    uid: options.uid.unwrap_or(0),
                    gid: options.gid.unwrap_or(0),
                    file: options.env.is_none() || !options.target.is_empty(),
                    env: options.env,
                    required: options.required,
                }
            }
            "ssh" => {
                return Err(Error::Unsupported {
                    engine: crate::executor::EngineName::Native,
                    what: "`RUN --mount=type=ssh`".to_owned(),
                    help: Some("build with `--engine docker`, or give a key as a secret".to_owned()),
                });
            }
            other => return Err(self.frontend.error(line, format!("there is no mount type `{other}`"))),
        };
        Ok(Mount { target, kind })
    }

    fn options(&self, written: &Written, line: usize) -> Result<Options, Error> {
        let mut options = Options {
            kind: "bind".to_owned(),
            ..Options::default()
        };
        for (key, value) in &written.options {
            let value = match value {
                Some(word) => Some(self.expand(word, line)?),
                None => None,
            };
            let text = value.clone().unwrap_or_default();
            let wrong = || {
                self.frontend
                    .error(line, format!("`{text}` is no value for the mount option `{key}`"))
            };
            let flag = || match text.to_ascii_lowercase().as_str() {
                "" | "1" | "t" | "true" => Ok(true),
                "0" | "f" | "false" => Ok(false),
                _ => Err(wrong()),
            };
            match key.as_str() {
                "type" => options.kind = text.to_ascii_lowercase(),
                "from" => options.from = Some(text).filter(|name| !name.is_empty()),
                "source" | "src" => options.source = text,
                "target" | "dst" | "destination" => options.target = text,
                "readonly" | "ro" => options.readonly = Some(flag()?),
                "readwrite" | "rw" => options.readonly = Some(!flag()?),
                "required" => options.required = flag()?,
                "id" => options.id = Some(text).filter(|id| !id.is_empty()),
                "sharing" => options.sharing = Some(text.to_ascii_lowercase()),
                "size" => options.size = Some(size(&text).ok_or_else(wrong)?),
                "mode" => options.mode = Some(u32::from_str_radix(&text, 8).map_err(|_| wrong())?),
                "uid" => options.uid = Some(text.parse().map_err(|_| wrong())?),
                "gid" => options.gid = Some(text.parse().map_err(|_| wrong())?),
                "env" => options.env = Some(text).filter(|name| !name.is_empty()),
                _ => {}
            }
        }
        Ok(options)
    }
}

/// Bytes with a binary unit: `64m`, `1.5 GiB`.
fn size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split)?;
    let factor = match unit.chars().next() {
        None | Some('b') => 1.0,
        Some('k') => 1024.0,
        Some('m') => 1024.0 * 1024.0,
        Some('g') => 1024.0 * 1024.0 * 1024.0,
        Some('t') => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        Some(_) => return None,
    };
    let number: f64 = number.trim().parse().ok()?;
    (number >= 0.0).then_some((number * factor) as u64)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(
            (size("64m"), size("1.5 KiB"), size("7"), size("x")),
            (Some(64 << 20), Some(1536), Some(7), None)
        );
    }
}
