//! Commands that only run another command: `sudo`, `env`, `exec`, `time`.

use super::dialect::base_name;
use super::{Command, ShellWord};

/// The command behind the wrappers in front of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effective<'a> {
    /// Its name.
    pub name: &'a ShellWord,
    /// Its arguments.
    pub words: &'a [ShellWord],
}

impl<'a> Effective<'a> {
    /// The name's last path component.
    pub fn base_name(&self) -> &'a str {
        base_name(&self.name.text)
    }
}

/// How a wrapper's own arguments are skipped.
struct Wrapper {
    name: &'static str,
    /// Options that take the next word.
    value_flags: &'static [&'static str],
    /// Words of its own that come before the command.
    operands: usize,
    /// `A=b` words come before the command.
    assignments: bool,
}

const fn wrapper(name: &'static str, value_flags: &'static [&'static str], operands: usize) -> Wrapper {
    Wrapper {
        name,
        value_flags,
        operands,
        assignments: false,
    }
}

static WRAPPERS: &[Wrapper] = &[
    Wrapper {
        name: "sudo",
        value_flags: &[
            "-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt", "-C", "-D", "-R", "-T", "-U",
        ],
        operands: 0,
        assignments: true,
    },
    Wrapper {
        name: "env",
        value_flags: &["-u", "--unset", "-C", "--chdir"],
        operands: 0,
        assignments: true,
    },
    wrapper("exec", &["-a"], 0),
    wrapper("time", &["-f", "--format", "-o", "--output"], 0),
    wrapper("nice", &["-n", "--adjustment"], 0),
    wrapper("ionice", &["-c", "--class", "-n", "--classdata"], 0),
    wrapper("nohup", &[], 0),
    wrapper("command", &[], 0),
    wrapper("builtin", &[], 0),
    wrapper("gosu", &[], 1),
    wrapper("su-exec", &[], 1),
    wrapper("setpriv", &["--reuid", "--regid", "--groups"], 0),
    wrapper("timeout", &["-k", "--kill-after", "-s", "--signal"], 1),
    wrapper("stdbuf", &["-i", "-o", "-e"], 0),
    wrapper("eatmydata", &[], 0),
    wrapper("fakeroot", &[], 0),
    wrapper("setarch", &[], 1),
    wrapper("linux32", &[], 0),
    wrapper("linux64", &[], 0),
    wrapper("ccache", &[], 0),
    wrapper("tini", &["-e", "-p"], 0),
    wrapper("dumb-init", &["-r", "--rewrite"], 0),
    wrapper("chronic", &[], 0),
    // Only where it runs composer.
    wrapper("php", &["-d", "-c"], 0),
];

impl Command {
    /// The command that is really run: wrappers such as `sudo`, `env A=b`, `exec`, `time`, `nice` and
    /// `gosu user` are looked through, and `php` where it runs composer. `command -v x` and `sudo -l` run nothing and stay themselves.
    /// `xargs` and `find -exec` are not looked through.
    pub fn effective(&self) -> Effective<'_> {
        let mut name = &self.name;
        let mut words = self.words.as_slice();
        while let Some((inner, rest)) = behind(&name.text, words).and_then(|at| words.get(at..)?.split_first()) {
            name = inner;
            words = rest;
        }
        Effective { name, words }
    }
}

/// How many words in front of the command that is really run are wrappers and what they take;
/// the same as [`Command::effective`] for words that are what they say, the name included.
pub fn in_front(words: &[String]) -> usize {
    let mut front = 0;
    while let Some((name, rest)) = words.get(front..).and_then(<[String]>::split_first)
        && let Some(at) = behind(name, rest)
    {
        front += 1 + at;
    }
    front
}

/// Where, in the words of a wrapper, the name of what it runs stands.
fn behind<W: AsRef<str>>(name: &str, words: &[W]) -> Option<usize> {
    let program = base_name(name);
    let wrapper = WRAPPERS.iter().find(|w| w.name == program)?;
    let word = |at: usize| words.get(at).map(AsRef::as_ref);
    let mut at = 0;
    let mut operands = wrapper.operands;
    loop {
        let next = word(at)?;
        if next == "--" {
            at += 1;
            break;
        }
        if next.len() > 1 && next.starts_with('-') {
            if program == "command" && matches!(next, "-v" | "-V") {
                return None;
            }
            at += 1 + usize::from(wrapper.value_flags.contains(&next));
        } else if wrapper.assignments && is_assignment(next) {
            at += 1;
        } else if operands > 0 {
            operands -= 1;
            at += 1;
        } else {
            break;
        }
    }
    let inner = word(at)?;
    (program != "php" || matches!(base_name(inner), "composer" | "composer.phar")).then_some(at)
}

fn is_assignment(text: &str) -> bool {
    text.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
}
