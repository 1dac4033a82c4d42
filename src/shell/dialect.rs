//! Which language a script is written in.

use super::ShellWord;

/// The language that runs a script.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// `sh`: what an image's `/bin/sh` is cannot be seen in the Dockerfile.
    #[default]
    Posix,
    /// Debian's `dash`.
    Dash,
    /// BusyBox's `ash`.
    Ash,
    /// `bash`.
    Bash,
    /// `ksh`, `mksh`.
    Ksh,
    /// `zsh`.
    Zsh,
    /// `powershell`, `pwsh`.
    PowerShell,
    /// `cmd`.
    Cmd,
    /// Any other interpreter, by its program name: `python3`, `fish`.
    Other(String),
}

impl Dialect {
    /// The dialect of a program, given by name or path; blanks around it and `.exe` do not count.
    pub fn of_program(program: &str) -> Dialect {
        let name = base_name(program.trim());
        let stem = match name.len().checked_sub(4).and_then(|at| name.split_at_checked(at)) {
            Some((stem, suffix)) if suffix.eq_ignore_ascii_case(".exe") => stem,
            _ => name,
        };
        if stem.bytes().any(|b| b.is_ascii_uppercase()) {
            return Dialect::of_stem(&stem.to_ascii_lowercase());
        }
        Dialect::of_stem(stem)
    }

    fn of_stem(stem: &str) -> Dialect {
        match stem {
            "sh" => Dialect::Posix,
            "dash" => Dialect::Dash,
            "ash" | "busybox" => Dialect::Ash,
            "bash" | "rbash" => Dialect::Bash,
            "ksh" | "mksh" | "ksh93" | "oksh" => Dialect::Ksh,
            "zsh" => Dialect::Zsh,
            "powershell" | "pwsh" => Dialect::PowerShell,
            "cmd" => Dialect::Cmd,
            other => Dialect::Other(other.to_owned()),
        }
    }

    /// The dialect that a SHELL instruction's words put in force. `env` in front is looked through;
    /// without any word it is the default, `sh`.
    pub fn of_shell<S: AsRef<str>>(words: &[S]) -> Dialect {
        let mut words = words.iter().map(AsRef::as_ref).peekable();
        while let Some(word) = words.next() {
            if base_name(word) == "env" && words.peek().is_some() {
                while words.peek().is_some_and(|w| w.starts_with('-') || w.contains('=')) {
                    words.next();
                }
                continue;
            }
            return Dialect::of_program(word);
        }
        Dialect::Posix
    }

    /// The dialect that a script's `#!` line asks for, if it has one.
    pub fn of_shebang(script: &str) -> Option<Dialect> {
        let line = script.strip_prefix("#!")?.lines().next().unwrap_or_default();
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        Some(Dialect::of_shell(&words))
    }

    /// Whether scripts in this dialect are parsed: its syntax is close enough to bash's.
    pub fn is_posix_like(&self) -> bool {
        matches!(
            self,
            Dialect::Posix | Dialect::Dash | Dialect::Ash | Dialect::Bash | Dialect::Ksh | Dialect::Zsh
        )
    }

    /// Whether it is known to have `pipefail`.
    pub fn has_pipefail(&self) -> bool {
        matches!(self, Dialect::Bash | Dialect::Ksh | Dialect::Zsh | Dialect::Ash)
    }

    /// The program's name.
    pub fn name(&self) -> &str {
        match self {
            Dialect::Posix => "sh",
            Dialect::Dash => "dash",
            Dialect::Ash => "ash",
            Dialect::Bash => "bash",
            Dialect::Ksh => "ksh",
            Dialect::Zsh => "zsh",
            Dialect::PowerShell => "powershell",
            Dialect::Cmd => "cmd",
            Dialect::Other(name) => name,
        }
    }
}

/// The last part of a path, with `/` or `\` between the parts.
pub(super) fn base_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// Whether a command's name is a shell whose scripts are parsed.
pub(super) fn is_shell(name: &ShellWord) -> bool {
    matches!(
        base_name(&name.text),
        "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "mksh" | "rbash"
    )
}

/// Whether a word of `set`, or of a shell's own call, ends scripts at the first failing command: `-e`,
/// `-euo`, the `errexit` behind `-o`.
pub fn is_errexit(word: &str) -> bool {
    word == "errexit" || word.starts_with('-') && !word.starts_with("--") && word.contains('e')
}

/// Whether a shell does this itself, without a program: POSIX's and bash's own commands.
pub fn is_builtin(name: &str) -> bool {
    matches!(
        name,
        "." | ":"
            | "["
            | "[["
            | "alias"
            | "bg"
            | "break"
            | "builtin"
            | "cd"
            | "command"
            | "continue"
            | "declare"
            | "echo"
            | "eval"
            | "exec"
            | "exit"
            | "export"
            | "false"
            | "fg"
            | "getopts"
            | "hash"
            | "jobs"
            | "kill"
            | "let"
            | "local"
            | "mapfile"
            | "printf"
            | "pwd"
            | "read"
            | "readonly"
            | "return"
            | "set"
            | "shift"
            | "shopt"
            | "source"
            | "test"
            | "times"
            | "trap"
            | "true"
            | "type"
            | "typeset"
            | "ulimit"
            | "umask"
            | "unalias"
            | "unset"
            | "wait"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_are_told_apart() {
        assert_eq!(Dialect::of_shell(&["/bin/bash", "-o", "pipefail", "-c"]), Dialect::Bash);
        assert_eq!(
            Dialect::of_shell(&["C:\\Windows\\System32\\cmd.EXE", "/S", "/C"]),
            Dialect::Cmd
        );
        assert_eq!(Dialect::of_shell(&["PowerShell.exe", "-Command"]), Dialect::PowerShell);
        assert_eq!(Dialect::of_shell(&["/usr/bin/env", "-S", "A=b", "zsh"]), Dialect::Zsh);
        assert_eq!(Dialect::of_shell::<&str>(&[]), Dialect::Posix);
        assert_eq!(Dialect::of_shell(&["fish"]), Dialect::Other("fish".into()));
    }

    #[test]
    fn a_shebang_names_the_interpreter() {
        assert_eq!(
            Dialect::of_shebang("#!/usr/bin/env python3\nprint()"),
            Some(Dialect::Other("python3".into()))
        );
        assert_eq!(Dialect::of_shebang("#! /bin/sh -e\r\n"), Some(Dialect::Posix));
        assert_eq!(Dialect::of_shebang("# !/bin/sh"), None);
    }
}
