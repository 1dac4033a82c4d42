//! Commands that fetch, unpack, remove or change files.

use super::Operation;
use crate::shell::{Command, ShellWord, lies_in};
use crate::source::Span;

/// Fetches files by URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// `curl`, `wget`, `aria2c`, `axel`.
    pub tool: String,
    /// The URLs; where one is a variable, as it is written.
    pub urls: Vec<ShellWord>,
    /// Where it is written, if the command or a redirect says: `-o x`, `> x`.
    pub output: Option<ShellWord>,
    /// It writes to standard output, which a pipeline passes on.
    pub is_piped: bool,
    /// An HTTP error makes it fail (`curl -f`; wget always).
    pub fails_on_error: bool,
    /// Certificates are not checked (`-k`, `--no-check-certificate`).
    pub is_insecure: bool,
}

/// Unpacks an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extract {
    /// `tar`, `unzip`, `gunzip`.
    pub tool: String,
    /// The archive; none where it comes from standard input.
    pub archive: Option<ShellWord>,
    /// Where to (`-C`, `-d`).
    pub directory: Option<ShellWord>,
}

/// Clones a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitClone {
    /// The URL.
    pub url: Option<ShellWord>,
    /// Where to.
    pub directory: Option<ShellWord>,
    /// `-b`'s value.
    pub branch: Option<ShellWord>,
    /// `--depth`'s value.
    pub depth: Option<ShellWord>,
}

/// Removes files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clean {
    /// What is removed, as written.
    pub paths: Vec<ShellWord>,
    /// `-r`.
    pub recursive: bool,
    /// `-f`.
    pub force: bool,
}

impl Clean {
    /// Whether apt's package lists go.
    pub fn removes_apt_lists(&self) -> bool {
        self.paths.iter().any(|path| {
            let path = path.text.trim_end_matches(['*', '/']);
            matches!(
                path,
                "/var/lib/apt/lists" | "/var/lib/apt" | "/var/lib/apt/lists/{apt,dpkg,cache,log}"
            ) || path.starts_with("/var/lib/apt/list")
                || path.starts_with("/var/lib/{apt")
        })
    }

    /// Whether `directory` (absolute, without `/` at its end), or all that lies in it, goes.
    pub fn removes(&self, directory: &str) -> bool {
        self.paths.iter().any(|path| {
            let path = path.text.trim_end_matches("/*").trim_end_matches('/');
            let path = path.trim_end_matches("/*");
            lies_in(directory, path)
        })
    }
}

/// `chown`, `chmod`, `chgrp`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// `chown`, `chmod` or `chgrp`.
    pub tool: String,
    /// `-R`.
    pub recursive: bool,
    /// The mode, or owner and group.
    pub mode: Option<ShellWord>,
    /// The files.
    pub paths: Vec<ShellWord>,
}

/// Adds a user or a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAdd {
    /// `useradd`, `adduser`, `groupadd`, `addgroup`.
    pub tool: String,
    /// The name.
    pub name: Option<ShellWord>,
    /// The numeric id (`-u`, `-g` for groups).
    pub id: Option<ShellWord>,
    /// `useradd -l`: no entry in lastlog.
    pub no_log_init: bool,
}

/// `ln`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MakeLink {
    /// `-s`.
    pub symbolic: bool,
    /// `-f`.
    pub force: bool,
    /// What is linked to.
    pub targets: Vec<ShellWord>,
    /// The link, or the directory for it.
    pub link: Option<ShellWord>,
}

/// Reads a command that works on files.
pub(super) fn read(program: &str, words: &[ShellWord], command: &Command) -> Option<Operation> {
    Some(match program {
        "curl" | "wget" | "aria2c" | "axel" => Operation::Download(download(program, words, command)),
        "tar" | "bsdtar" | "unzip" | "gunzip" | "unxz" | "bunzip2" | "7z" | "7za" => {
            Operation::Extract(extract(program, words)?)
        }
        "git" => Operation::GitClone(git_clone(words)?),
        "rm" => {
            let args = Arguments::new(words, &[], true);
            Operation::Clean(Clean {
                recursive: args.has(&["-r", "-R", "--recursive"]),
                force: args.has(&["-f", "--force"]),
                paths: args.operands,
            })
        }
        "chown" | "chmod" | "chgrp" => permissions(program, words),
        "useradd" | "adduser" | "groupadd" | "addgroup" => user_add(program, words),
        "cd" | "pushd" => Operation::ChangeDirectory {
            to: words.iter().find(|w| !w.is_flag()).cloned(),
        },
        "ln" => {
            let mut args = Arguments::new(words, &["-t", "--target-directory", "-S"], true);
            let link = args.value(&["-t", "--target-directory"]).or_else(|| {
                if args.operands.len() > 1 {
                    args.operands.pop()
                } else {
                    None
                }
            });
            Operation::Link(MakeLink {
                symbolic: args.has(&["-s", "--symbolic"]),
                force: args.has(&["-f", "--force"]),
                targets: args.operands,
                link,
            })
        }
        _ => return None,
    })
}

/// Flags and operands of a command that follows the usual conventions.
struct Arguments {
    /// Flags with their values; clusters are taken apart.
    flags: Vec<(String, Option<ShellWord>)>,
    operands: Vec<ShellWord>,
}

impl Arguments {
    fn new(words: &[ShellWord], value_flags: &[&str], clusters: bool) -> Self {
        let mut args = Arguments {
            flags: Vec::new(),
            operands: Vec::new(),
        };
        let mut words = words.iter();
        let mut only_operands = false;
        while let Some(word) = words.next() {
            let text = word.text.as_str();
            if only_operands || !word.is_flag() {
                args.operands.push(word.clone());
            } else if text == "--" {
                only_operands = true;
            } else if let Some((name, value)) = text.split_once('=').filter(|_| text.starts_with("--")) {
                args.flags.push((name.to_owned(), Some(tail(word, value))));
            } else if text.starts_with("--") || !clusters {
                let value = if value_flags.contains(&text) {
                    words.next().cloned()
                } else {
                    None
                };
                args.flags.push((text.to_owned(), value));
            } else {
                for (at, letter) in text.char_indices().skip(1) {
                    let name = format!("-{letter}");
                    if value_flags.contains(&name.as_str()) {
                        let rest = text.get(at + letter.len_utf8()..).unwrap_or_default();
                        let value = if rest.is_empty() {
                            words.next().cloned()
                        } else {
                            Some(tail(word, rest))
                        };
                        args.flags.push((name, value));
                        break;
                    }
                    args.flags.push((name, None));
                }
            }
        }
        args
    }

    fn has(&self, names: &[&str]) -> bool {
        self.flags.iter().any(|(flag, _)| names.contains(&flag.as_str()))
    }

    fn value(&self, names: &[&str]) -> Option<ShellWord> {
        self.flags
            .iter()
            .find(|(flag, _)| names.contains(&flag.as_str()))
            .and_then(|(_, value)| value.clone())
    }
}

/// A flag's value that stands in the flag's word; where quotes keep it from being measured, the span
/// is the whole word's.
fn tail(word: &ShellWord, value: &str) -> ShellWord {
    let span = if word.quoted || value.len() > word.span.len() {
        word.span
    } else {
        Span::new(word.span.end - value.len(), word.span.end)
    };
    ShellWord {
        span,
        text: value.to_owned(),
        ..word.clone()
    }
}

fn download(program: &str, words: &[ShellWord], command: &Command) -> Download {
    const CURL: &[&str] = &[
        "-o",
        "--output",
        "-H",
        "--header",
        "-d",
        "--data",
        "--data-binary",
        "--data-raw",
        "-u",
        "--user",
        "-A",
        "--user-agent",
        "-X",
        "--request",
        "-b",
        "--cookie",
        "-c",
        "--cookie-jar",
        "-e",
        "--referer",
        "-x",
        "--proxy",
        "-m",
        "--max-time",
        "--connect-timeout",
        "--retry",
        "--retry-delay",
        "--retry-max-time",
        "-C",
        "--continue-at",
        "-T",
        "--upload-file",
        "-w",
        "--write-out",
        "-F",
        "--form",
        "--cacert",
        "-E",
        "--cert",
        "--key",
        "-K",
        "--config",
        "-r",
        "--range",
        "-y",
        "-Y",
        "-z",
        "--proto",
        "--ciphers",
        "--resolve",
        "--limit-rate",
        "--max-redirs",
        "--output-dir",
        "--url",
        "--socks5",
        "--tls-max",
    ];
    const WGET: &[&str] = &[
        "-O",
        "--output-document",
        "-P",
        "--directory-prefix",
        "-o",
        "--output-file",
        "-a",
        "-i",
        "-t",
        "--tries",
        "-T",
        "--timeout",
        "--header",
        "-U",
        "--user-agent",
        "--user",
        "--password",
        "-e",
        "-A",
        "-R",
        "-w",
        "-Q",
        "-D",
        "-I",
        "-X",
        "-l",
        "--waitretry",
        "--post-data",
        "--ca-certificate",
        "--limit-rate",
        "--cut-dirs",
        "--connect-timeout",
        "--read-timeout",
        "--dns-timeout",
    ];
    let is_curl = program == "curl";
    let args = Arguments::new(words, if is_curl { CURL } else { WGET }, true);
    let named = if is_curl {
        args.value(&["-o", "--output"])
    } else if program == "wget" {
        args.value(&["-O", "--output-document"])
    } else {
        args.value(&["-o", "--out"])
    };
    let to_stdout = match &named {
        Some(word) => word.text == "-" || word.text == "/dev/stdout",
        None => is_curl && !args.has(&["-O", "--remote-name", "--remote-name-all"]),
    };
    let redirected = command
        .redirects
        .iter()
        .find(|r| matches!(r.operator.as_str(), ">" | ">>" | ">|" | "&>") && r.fd.is_none_or(|fd| fd == 1));
    let output = if to_stdout {
        redirected.and_then(|r| r.target.clone())
    } else {
        named
    };
    let is_last = command
        .place
        .pipeline
        .is_none_or(|(position, count)| position + 1 == count);
    let is_insecure = args.has(&["-k", "--insecure", "--no-check-certificate"]);
    let fails_on_error = !is_curl || args.has(&["-f", "--fail", "--fail-with-body"]);
    let url_flag = args.value(&["--url"]);
    let mut urls = args.operands;
    urls.extend(url_flag);
    Download {
        tool: program.to_owned(),
        urls,
        is_piped: to_stdout && redirected.is_none() && !is_last,
        output,
        fails_on_error,
        is_insecure,
    }
}

fn extract(program: &str, words: &[ShellWord]) -> Option<Extract> {
    let tool = program.to_owned();
    if program == "7z" || program == "7za" {
        let mut operands = words.iter().filter(|w| !w.is_flag());
        let verb = operands.next()?;
        return matches!(verb.text.as_str(), "x" | "e").then(|| Extract {
            tool,
            archive: operands.next().cloned(),
            directory: None,
        });
    }
    if program != "tar" && program != "bsdtar" {
        let args = Arguments::new(words, &["-d", "-x", "-P", "-S"], true);
        let directory = args.value(&["-d"]).filter(|_| program == "unzip");
        return Some(Extract {
            tool,
            archive: args.operands.into_iter().next(),
            directory,
        });
    }
    // `tar xzf a.tgz`: a first word without a dash is a cluster, its values follow in order.
    let mut words = words;
    let mut archive = None;
    let mut directory = None;
    let mut extracts = false;
    if let Some((first, rest)) = words.split_first()
        && !first.text.starts_with('-')
    {
        let mut rest = rest;
        for letter in first.text.bytes() {
            match letter {
                b'x' => extracts = true,
                b'f' | b'C' => {
                    let (value, behind) = rest.split_first()?;
                    *(if letter == b'f' { &mut archive } else { &mut directory }) = Some(value.clone());
                    rest = behind;
                }
                _ => {}
            }
        }
        words = rest;
    }
    let args = Arguments::new(
        words,
        &[
            "-f",
            "--file",
            "-C",
            "--directory",
            "-I",
            "--use-compress-program",
            "-X",
            "-T",
            "--exclude",
            "--strip-components",
            "--transform",
            "--xform",
            "--owner",
            "--group",
            "--mode",
        ],
        true,
    );
    extracts |= args.has(&["-x", "--extract", "--get"]);
    let archive = archive
        .or_else(|| args.value(&["-f", "--file"]))
        .filter(|w| w.text != "-");
    let directory = directory.or_else(|| args.value(&["-C", "--directory"]));
    extracts.then_some(Extract {
        tool,
        archive,
        directory,
    })
}

fn git_clone(words: &[ShellWord]) -> Option<GitClone> {
    let mut rest = words;
    loop {
        let (word, tail) = rest.split_first()?;
        rest = tail;
        match word.text.as_str() {
            "clone" => break,
            "-c" | "-C" => rest = tail.split_first()?.1,
            _ if word.is_flag() => {}
            _ => return None,
        }
    }
    let args = Arguments::new(
        rest,
        &[
            "-b",
            "--branch",
            "--depth",
            "-o",
            "--origin",
            "-c",
            "--config",
            "-j",
            "--jobs",
            "--reference",
            "--filter",
            "--template",
            "--shallow-since",
            "--separate-git-dir",
            "-u",
            "--revision",
        ],
        true,
    );
    let branch = args.value(&["-b", "--branch"]);
    let depth = args.value(&["--depth"]);
    let mut operands = args.operands.into_iter();
    Some(GitClone {
        url: operands.next(),
        directory: operands.next(),
        branch,
        depth,
    })
}

fn permissions(program: &str, words: &[ShellWord]) -> Operation {
    // `chmod -x f` and `chmod -R u-w f`: a mode may look like a flag.
    let is_mode = |w: &&ShellWord| {
        program == "chmod"
            && w.text.starts_with('-')
            && w.text.len() > 1
            && w.text[1..]
                .bytes()
                .all(|b| matches!(b, b'r' | b'w' | b'x' | b'X' | b's' | b't'))
    };
    let dash_mode = words.iter().find(is_mode).cloned();
    let kept: Vec<ShellWord> = words.iter().filter(|w| !is_mode(w)).cloned().collect();
    let args = Arguments::new(&kept, &["--reference", "--from"], true);
    let recursive = args.has(&["-R", "--recursive"]);
    let mut operands = args.operands.into_iter();
    let mode = dash_mode.or_else(|| operands.next());
    Operation::Permissions(Permissions {
        tool: program.to_owned(),
        recursive,
        mode,
        paths: operands.collect(),
    })
}

fn user_add(program: &str, words: &[ShellWord]) -> Operation {
    let values: &[&str] = match program {
        "useradd" => &[
            "-b",
            "--base-dir",
            "-c",
            "--comment",
            "-d",
            "--home-dir",
            "--home",
            "-e",
            "-f",
            "-g",
            "--gid",
            "-G",
            "--groups",
            "-k",
            "--skel",
            "-K",
            "-p",
            "--password",
            "-s",
            "--shell",
            "-u",
            "--uid",
            "-R",
            "-Z",
        ],
        "adduser" => &[
            "-h",
            "-g",
            "-s",
            "-G",
            "-u",
            "-k",
            "--home",
            "--shell",
            "--uid",
            "--gid",
            "--ingroup",
            "--gecos",
            "--conf",
            "--firstuid",
            "-c",
            "-d",
            "--comment",
            "--home-dir",
        ],
        _ => &["-g", "--gid", "-K", "-p", "-R", "--firstgid"],
    };
    // adduser's long flags may be written `--uid 1000`, too; clusters are rare but allowed.
    let args = Arguments::new(words, values, true);
    let id = if program.starts_with("group") || program == "addgroup" {
        args.value(&["-g", "--gid"])
    } else {
        args.value(&["-u", "--uid"])
    };
    let no_log_init = args.has(&["-l", "--no-log-init"]);
    Operation::UserAdd(UserAdd {
        tool: program.to_owned(),
        name: args.operands.into_iter().next(),
        id,
        no_log_init,
    })
}
