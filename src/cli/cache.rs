//! `mbopt cache`: what the bundled engine keeps on the disk.

use super::console::{Sink, say};
use super::exit::Outcome;
use clap::{Args, Subcommand, ValueEnum};
use std::time::Duration;

/// `mbopt cache`.
#[derive(Debug, Subcommand)]
pub enum Cache {
    /// Say how much there is
    Du(Du),
    /// Drop what was not used for longest
    Prune(Prune),
}

/// `mbopt cache du`.
#[derive(Debug, Args)]
#[command(after_help = "Example: mbopt cache du --format json")]
pub struct Du {
    /// How to say it: text, json
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    pub format: CacheFormat,
}

/// `mbopt cache prune`.
#[derive(Debug, Args)]
#[command(after_help = "Example: mbopt cache prune --unused-for 168h --keep-size 10GiB")]
pub struct Prune {
    /// Drop everything
    #[arg(long, conflicts_with_all = ["unused_for", "keep_size"], required_unless_present_any = ["unused_for", "keep_size"])]
    pub all: bool,
    /// Drop what was not used for so long: 168h, 90m
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub unused_for: Option<Duration>,
    /// Drop what was not used for longest until no more is left than: 10GiB, 500MB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub keep_size: Option<u64>,
    /// How to say what was dropped: text, json
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value_t,
        hide_possible_values = true
    )]
    pub format: CacheFormat,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum CacheFormat {
    /// For people.
    #[default]
    Text,
    /// mbopt's own.
    Json,
}

/// Runs it.
pub fn run(command: &Cache) -> Outcome {
    match here::run(command) {
        Ok(text) => match Sink::Stdout.write(text.as_bytes()) {
            Ok(()) => Outcome::Clean,
            Err(error) => {
                say(&format!("error: standard output: {error}"));
                Outcome::Failure
            }
        },
        Err(error) => {
            say(&format!("error: {error}"));
            if let Some(help) = error.help() {
                say(&format!("help: {help}"));
            }
            Outcome::Failure
        }
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::model::duration::parse(text)
        .filter(|nanos| *nanos >= 0.0)
        .and_then(|nanos| Duration::try_from_secs_f64(nanos / 1e9).ok())
        .ok_or_else(|| "write a duration such as 168h, 90m or 30s".to_owned())
}

/// Units, and the bytes in one.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

fn size(text: &str) -> Result<u64, String> {
    let wrong = || "write a size such as 10GiB, 500MB or 0B".to_owned();
    let (number, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
        .ok_or_else(wrong)?;
    let number: u64 = number.trim().parse().map_err(|_| wrong())?;
    number.checked_mul(factor).ok_or_else(wrong)
}

/// Bytes for people.
fn bytes(count: u64) -> String {
    let (unit, factor) = match count {
        0..0x400 => return format!("{count} B"),
        0x400..0x10_0000 => UNITS[0],
        0x10_0000..0x4000_0000 => UNITS[1],
        0x4000_0000.. => UNITS[2],
    };
    // One decimal is enough; a wide product cannot overflow.
    let factor = u128::from(factor);
    let tenths = (u128::from(count) * 10 + factor / 2) / factor;
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

#[cfg(target_os = "linux")]
mod here {
    use super::{Cache, CacheFormat, bytes};
    use crate::executor::Error;
    use crate::executor::native::store::{self, Options, Usage};
    use crate::executor::native::userns;
    use serde_json::json;

    pub(super) fn run(command: &Cache) -> Result<String, Error> {
        let options = Options::from_environment()?;
        match command {
            Cache::Du(args) => {
                // What other ids own cannot be looked into otherwise; where that is not allowed, nothing was
                // built either.
                let _ = in_own_namespace(&options);
                let usage = Usage::of(&options)?;
                Ok(match args.format {
                    CacheFormat::Text => text(&usage),
                    CacheFormat::Json => format!(
                        "{:#}\n",
                        json!({
                            "version": 1,
                            "root": usage.root.display().to_string(),
                            "layers": { "count": usage.layers.0, "bytes": usage.layers.1 },
                            "blobs": { "count": usage.blobs.0, "bytes": usage.blobs.1 },
                            "cache-mounts": { "count": usage.mounts.0, "bytes": usage.mounts.1 },
                            "images": usage.images,
                            "cached-steps": usage.cached_steps,
                            "temporary-bytes": usage.temporary,
                            "bytes": usage.bytes(),
                        })
                    ),
                })
            }
            Cache::Prune(args) => {
                in_own_namespace(&options)?;
                let what = store::Prune {
                    all: args.all,
                    unused_for: args.unused_for,
                    keep_bytes: args.keep_size,
                };
                let pruned = what.run(&options)?;
                Ok(match args.format {
                    CacheFormat::Text => format!(
                        "dropped {} things, {}; {} are left\n",
                        pruned.things,
                        bytes(pruned.bytes),
                        bytes(pruned.left)
                    ),
                    CacheFormat::Json => format!(
                        "{:#}\n",
                        json!({ "version": 1, "dropped": pruned.things, "bytes": pruned.bytes, "left-bytes": pruned.left })
                    ),
                })
            }
        }
    }

    /// Without root, what builds made belongs to other ids, which only this user's namespace has. Comes
    /// back where there is nothing to be done, or where it is done.
    fn in_own_namespace(options: &Options) -> Result<(), Error> {
        match options.root.exists() {
            true => Ok(userns::ensure()?),
            false => Ok(()),
        }
    }

    fn text(usage: &Usage) -> String {
        let rows = [
            ("layers", Some(usage.layers.0), Some(usage.layers.1)),
            ("layers as they came", Some(usage.blobs.0), Some(usage.blobs.1)),
            ("cache mounts", Some(usage.mounts.0), Some(usage.mounts.1)),
            ("images", Some(usage.images), None),
            ("cached steps", Some(usage.cached_steps), None),
            ("unfinished", None, Some(usage.temporary)),
            ("all", None, Some(usage.bytes())),
        ];
        let mut text = format!("{}\n", usage.root.display());
        for (name, count, size) in rows {
            let count = count.map_or(String::new(), |count| count.to_string());
            let size = size.map_or(String::new(), bytes);
            text.push_str(format!("{name:<20} {count:>6} {size:>12}").trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(not(target_os = "linux"))]
mod here {
    use super::Cache;
    use crate::executor::{EngineName, Error};

    pub(super) fn run(_: &Cache) -> Result<String, Error> {
        Err(Error::Unavailable {
            engine: EngineName::Native,
            why: "it works on Linux only, so it keeps nothing here".to_owned(),
            help: "ask the engine that builds here: `docker system df`".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        assert_eq!(size("10GiB"), Ok(10 << 30));
        assert_eq!(size("500 MB"), Ok(500_000_000));
        assert_eq!(size("0B"), Ok(0));
        for wrong in ["", "10", "-1B", "1.5GiB", "99999999999999999TB", "GiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(5 << 30), "5.0 GiB");
        assert_eq!(bytes((1 << 20) - 1), "1024.0 KiB");
        assert_eq!(duration("168h"), Ok(Duration::from_secs(168 * 3600)));
        assert!(duration("-1s").is_err());
    }
}
