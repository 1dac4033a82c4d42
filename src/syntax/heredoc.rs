//! Here-documents: which words of a line announce one.

use super::expand::{self, ExpandError, NoEnv, Options};
use crate::source::Span;

/// A here-document that belongs to an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The delimiter, unquoted.
    pub name: String,
    /// File descriptor written before `<<`; 0 where none is.
    pub fd: u32,
    /// Whether variables are expanded (the delimiter was not quoted).
    pub expand: bool,
    /// `<<-`: leading tabs are taken off.
    pub chomp: bool,
    /// The lines between, with their line endings.
    pub body: Span,
    /// The line that ends it, without its line ending.
    pub terminator: Span,
}

/// A here-document that a word announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    /// The delimiter, unquoted.
    pub name: String,
    /// File descriptor written before `<<`; 0 where none is.
    pub fd: u32,
    /// Whether variables are expanded (the delimiter was not quoted).
    pub expand: bool,
    /// `<<-`: leading tabs are taken off.
    pub chomp: bool,
}

/// The here-documents that a line announces, in order. A line that cannot be split (an open quote)
/// announces none.
///
/// # Errors
/// Where a delimiter itself cannot be read; BuildKit refuses the file then.
pub fn announced(line: &str) -> Result<Vec<Announced>, ExpandError> {
    let options = Options {
        raw_quotes: true,
        raw_escapes: true,
        skip_unset: true,
        skip_quotes: false,
    };
    // The escape character is a backslash here, whatever the file's directive says.
    let words = expand::words(line, &NoEnv, '\\', options).unwrap_or_default();
    let mut found = Vec::new();
    for word in words {
        found.extend(announce(&word)?);
    }
    Ok(found)
}

/// Reads `[fd]<<[-]NAME`, the whole word.
///
/// # Errors
/// Where the name cannot be read, as with an open quote.
pub fn announce(word: &str) -> Result<Option<Announced>, ExpandError> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let (fd, rest) = word.split_at(digits);
    let Some(rest) = rest.strip_prefix("<<") else {
        return Ok(None);
    };
    let (chomp, rest) = match rest.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let rest = rest.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']);
    if rest.is_empty() || rest.contains('<') {
        return Ok(None);
    }
    let options = Options {
        skip_unset: true,
        ..Options::default()
    };
    let words = expand::words(rest, &NoEnv, '\\', options)?;
    let [name] = words.as_slice() else { return Ok(None) };
    let raw = expand::words(
        rest,
        &NoEnv,
        '\\',
        Options {
            raw_quotes: true,
            ..options
        },
    )?;
    let [raw] = raw.as_slice() else {
        let reason = "internal lexing of heredoc produced inconsistent results".to_owned();
        return Err(ExpandError {
            word: rest.to_owned(),
            reason,
        });
    };
    Ok(Some(Announced {
        name: name.clone(),
        fd: if fd.is_empty() {
            0
        } else {
            fd.parse().unwrap_or(u32::MAX)
        },
        expand: quotes(name) == quotes(raw),
        chomp,
    }))
}

fn quotes(text: &str) -> usize {
    text.bytes().filter(|b| matches!(b, b'\'' | b'"')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<String> {
        announced(line).unwrap().into_iter().map(|h| h.name).collect()
    }

    #[test]
    fn finds_delimiters() {
        for (line, expected) in [
            ("RUN <<EOF", &["EOF"][..]),
            ("RUN cat << EOF > /x", &["EOF"]),
            ("RUN cat <<-\tEOF", &[]),
            ("RUN cat <<-EOF", &["EOF"]),
            ("RUN cat << -EOF", &["-EOF"]),
            // Where BuildKit's lexer loses the beginning of a word.
            ("RUN <<${x:-\"a b\"}", &[]),
            ("RUN 3<<a cat <<b", &["a", "b"]),
            ("RUN <<'E F' x", &["E F"]),
            ("RUN <<E\"O\"F", &["EOF"]),
            ("RUN <<\\EOF", &["EOF"]),
            ("RUN <<$X", &["$X"]),
            ("RUN cat<<EOF", &[]),
            ("RUN cat <<<x", &[]),
            ("RUN <<<EOF", &[]),
            ("RUN <<A<B", &[]),
            ("RUN <<", &[]),
            ("RUN <<-", &[]),
            ("RUN <<''", &[]),
            ("RUN echo \"<<EOF\"", &[]),
            ("RUN echo \"x <<EOF", &[]),
            ("RUN it's <<EOF", &[]),
            ("RUN $((1<<4))", &[]),
            ("RUN $((1 << 4))", &["4))"]),
        ] {
            assert_eq!(names(line), expected, "{line}");
        }
    }

    #[test]
    fn knows_what_each_mark_means() {
        let of = |word| announce(word).unwrap().unwrap();
        assert_eq!(
            of("<<EOF"),
            Announced {
                name: "EOF".into(),
                fd: 0,
                expand: true,
                chomp: false
            }
        );
        assert_eq!(
            of("5<<-'EOF'"),
            Announced {
                name: "EOF".into(),
                fd: 5,
                expand: false,
                chomp: true
            }
        );
        assert_eq!(of("99999999999<<E").fd, u32::MAX);
        assert!(!of("<<\"EOF\"").expand);
        assert!(of("<<\\'EOF").expand, "an escaped quote quotes nothing");
    }

    #[test]
    fn a_delimiter_that_cannot_be_read_is_an_error() {
        let error = announced("RUN ${x:-1 <<'a b'}").unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to process \"'a\": unexpected end of statement while looking for matching single-quote"
        );
    }
}
