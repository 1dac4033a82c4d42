//! The unified diff that `--diff` shows.

use crate::report::difference::Difference;
use crate::report::visible;
use crate::source::SourceFile;
use anstyle::{AnsiColor, Style};
use std::fmt::Write;

/// What changed, as `patch` and `git apply` read it; empty where nothing did. Coloured, control
/// characters are shown instead of sent.
pub fn unified(path: &str, old: &SourceFile, new: &SourceFile, colour: bool) -> String {
    if old.bytes() == new.bytes() {
        return String::new();
    }
    let path = path.strip_prefix("./").unwrap_or(path);
    between(&format!("a/{path}"), old.bytes(), path, new.bytes(), colour)
}

/// A file that is made.
pub fn created(path: &str, text: &str, colour: bool) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    between("/dev/null", b"", path, text.as_bytes(), colour)
}

fn between(from: &str, old: &[u8], path: &str, new: &[u8], colour: bool) -> String {
    let (before, after) = (String::from_utf8_lossy(old), String::from_utf8_lossy(new));
    let plain = Difference::of(&before, &after).unified(from, &format!("b/{path}"));
    if !colour {
        return plain;
    }
    let mut out = String::with_capacity(plain.len() * 2);
    for line in plain.split_inclusive('\n') {
        let style = match line.as_bytes().first() {
            _ if line.starts_with("--- ") || line.starts_with("+++ ") => Style::new().bold(),
            Some(b'-') => AnsiColor::Red.on_default(),
            Some(b'+') => AnsiColor::Green.on_default(),
            Some(b'@') => AnsiColor::Cyan.on_default(),
            _ => Style::new(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{style}{}{style:#}", visible(line));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(old: &str, new: &str) -> String {
        unified(
            "./a/Dockerfile",
            &SourceFile::new("x", old),
            &SourceFile::new("x", new),
            false,
        )
    }

    #[test]
    fn is_what_patch_reads() {
        assert_eq!(
            diff("FROM a\nRUN b\n", "FROM a\nRUN c\n"),
            "--- a/a/Dockerfile\n+++ b/a/Dockerfile\n@@ -1,2 +1,2 @@\n FROM a\n-RUN b\n+RUN c\n"
        );
        assert_eq!(diff("FROM a\n", "FROM a\n"), "");
    }

    #[test]
    fn a_new_file_comes_from_nowhere() {
        assert_eq!(
            created("./a/.dockerignore", "x\ny\n", false),
            "--- /dev/null\n+++ b/a/.dockerignore\n@@ -0,0 +1,2 @@\n+x\n+y\n"
        );
    }

    #[test]
    fn line_endings_and_a_missing_last_one_are_shown_as_they_are() {
        assert!(diff("FROM a\r\nRUN b\r\n", "FROM a\r\nRUN c\r\n").contains("-RUN b\r\n+RUN c\r\n"));
        assert!(
            diff("FROM a", "FROM b")
                .ends_with("-FROM a\n\\ No newline at end of file\n+FROM b\n\\ No newline at end of file\n")
        );
    }
}
