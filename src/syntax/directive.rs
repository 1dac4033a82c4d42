//! Parser directives: `# syntax=`, `# escape=`, `# check=`.
//!
//! BuildKit reads them twice, and not alike. The parser takes any line at the top that begins with
//! `#` behind blanks. Before it, the frontend looks for `syntax` and `check` on its own: it skips a
//! line that begins with `#!` and wants the `#` in the first column.

use super::lines::Directive;
use crate::source::Span;

/// Why a directive is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum DirectiveError {
    #[error("only one {0} parser directive can be used")]
    Repeated(&'static str),
    #[error("invalid escape token '{0}' does not match ` or \\")]
    Escape(String),
}

/// Reads directives until a line is none.
#[derive(Debug, Default)]
pub(super) struct Directives {
    done: bool,
    seen: Vec<&'static str>,
}

impl Directives {
    /// No directive can follow.
    pub(super) fn close(&mut self) {
        self.done = true;
    }

    /// Reads a line that begins with `#` and stands at `offset`. A directive that is refused is
    /// given with the reason.
    pub(super) fn read(&mut self, line: &str, offset: usize) -> Option<(Directive, Option<DirectiveError>)> {
        if self.done {
            return None;
        }
        let Some((name, directive)) = parse(line, offset) else {
            self.done = true;
            return None;
        };
        if self.seen.contains(&name) {
            return Some((directive, Some(DirectiveError::Repeated(name))));
        }
        self.seen.push(name);
        let bad_escape = name == "escape" && !matches!(directive.value.as_str(), "\\" | "`");
        let error = bad_escape.then(|| DirectiveError::Escape(directive.value.clone()));
        Some((directive, error))
    }
}

/// `# name = value`, with a known name in any case.
pub(super) fn parse(line: &str, offset: usize) -> Option<(&'static str, Directive)> {
    let blanks = ['\t', '\n', '\u{c}', '\r', ' '];
    let body = line.strip_prefix('#')?.trim_start();
    let (name, rest) = body.split_once('=')?;
    let name = name.trim_end_matches(blanks);
    let name = ["syntax", "escape", "check"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))?;
    let behind = offset + line.len();
    let value = rest.trim_start_matches(blanks);
    // Of nothing but blanks the last one is the value.
    let value = if value.is_empty() {
        rest.get(rest.len().checked_sub(1)?..)?
    } else {
        value
    };
    let start = behind - value.len();
    let value = if value.len() == 1 {
        value
    } else {
        value.trim_end_matches(blanks)
    };
    let value_span = Span::new(start, start + value.len());
    let span = Span::new(offset, value_span.end);
    Some((
        name,
        Directive {
            name: name.to_owned(),
            value: value.to_owned(),
            span,
            value_span,
        },
    ))
}

/// The directives that BuildKit's frontend finds before it parses the file.
pub(super) fn detected(text: &str) -> Vec<Directive> {
    let mut at = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut found = Vec::new();
    let mut directives = Directives::default();
    for (i, line) in text.get(at..).unwrap_or_default().split_inclusive('\n').enumerate() {
        let start = at;
        at += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if i == 0 && line.starts_with("#!") {
            continue;
        }
        match directives.read(line, start) {
            Some((_, Some(DirectiveError::Repeated(_)))) | None => break,
            Some((directive, _)) => found.push(directive),
        }
    }
    found
}

/// The escape character that the directives of a file ask for.
pub(super) fn escape(text: &str) -> char {
    let mut directives = Directives::default();
    let mut escape = '\\';
    for line in text.trim_start_matches('\u{feff}').lines() {
        let line = line.trim_start();
        if !line.starts_with('#') {
            break;
        }
        match directives.read(line, 0) {
            Some((directive, None)) if directive.name == "escape" => {
                escape = directive.value.chars().next().unwrap_or(escape)
            }
            Some(_) => {}
            None => break,
        }
    }
    escape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_and_values() {
        for (line, expected) in [
            ("# syntax=docker/dockerfile:1", Some(("syntax", "docker/dockerfile:1"))),
            ("#ESCAPE = `  ", Some(("escape", "`"))),
            (
                "#\u{a0}check=skip=A,B;error=true\t",
                Some(("check", "skip=A,B;error=true")),
            ),
            ("# escape=", None),
            ("# escape=  ", Some(("escape", " "))),
            ("# escaped=`", None),
            ("# es cape=`", None),
            ("## escape=`", None),
            ("# escape\u{b}=`", None),
            ("# escape", None),
        ] {
            let found = parse(line, 0);
            assert_eq!(
                found.as_ref().map(|(n, d)| (*n, d.value.as_str())),
                expected,
                "{line:?}"
            );
            if let Some((_, d)) = found {
                assert_eq!(line.get(d.value_span.range()), Some(d.value.as_str()), "{line:?}");
            }
        }
    }

    #[test]
    fn the_frontend_looks_past_a_shebang_and_not_behind_blanks() {
        let values = |text: &str| detected(text).into_iter().map(|d| d.value).collect::<Vec<_>>();
        assert_eq!(
            values("#!/x\r\n# check=skip=A\r\n#syntax=b\nFROM a\n# escape=`"),
            ["skip=A", "b"]
        );
        assert_eq!(values(" # check=skip=A\n"), [""; 0]);
        assert_eq!(values("\u{feff}# check=a\n# check=b\n# syntax=c\n"), ["a"]);
        assert_eq!(values("# escape=x\n# check=b\n"), ["x", "b"]);
    }
}
