//! The wildcards of `${x#p}`, `${x%p}` and `${x/p/r}`: `*` and `?`, no brackets.
//!
//! A pattern becomes a regular expression, as in BuildKit, because the choice among several
//! matches (leftmost, then the first by priority) is part of the behaviour. Such substitutions
//! are rare, so nothing is cached.

use regex::Regex;

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A backslash before a character that has no meaning to escape.
    #[error("invalid escape '\\{0}'")]
    Escape(char),
    /// The pattern is too large to be compiled.
    #[error("the pattern is too large")]
    TooLarge,
}

/// `value` without the shortest (or, if `greedy`, the longest) beginning that matches.
pub fn trim_prefix(pattern: &str, value: &str, greedy: bool) -> Result<String, PatternError> {
    let regex = compile(pattern, greedy, true)?;
    let end = regex.find(value).map_or(0, |m| m.end());
    Ok(value.get(end..).unwrap_or_default().to_owned())
}

/// `value` without the shortest (or, if `greedy`, the longest) end that matches.
///
/// Pattern and value are turned round, because a leftmost search finds no shortest end.
pub fn trim_suffix(pattern: &str, value: &str, greedy: bool) -> Result<String, PatternError> {
    let value: String = value.chars().rev().collect();
    let rest = trim_prefix(&reversed(pattern), &value, greedy)?;
    Ok(rest.chars().rev().collect())
}

/// `value` with the first match (or all matches) replaced. Only where all are replaced, `$1` and
/// the like in the replacement are references to groups, of which there are none.
pub fn replace(pattern: &str, value: &str, replacement: &str, all: bool) -> Result<String, PatternError> {
    let regex = compile(pattern, true, false)?;
    let mut out = String::with_capacity(value.len());
    let mut last = 0;
    for found in regex.find_iter(value) {
        out.push_str(value.get(last..found.start()).unwrap_or_default());
        if all {
            push_template(&mut out, replacement, found.as_str());
        } else {
            out.push_str(replacement);
        }
        last = found.end();
        if !all {
            break;
        }
    }
    out.push_str(value.get(last..).unwrap_or_default());
    Ok(out)
}

fn compile(pattern: &str, greedy: bool, anchored: bool) -> Result<Regex, PatternError> {
    let mut out = String::with_capacity(pattern.len() + 8);
    if anchored {
        out.push('^');
    }
    let mut chars = pattern.strip_prefix('\u{feff}').unwrap_or(pattern).chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push_str(if greedy { ".*" } else { ".*?" }),
            '?' => out.push('.'),
            '\\' => match chars.peek() {
                // Escaped only for the sake of the braces around it.
                Some('}' | '/') => {}
                Some('*' | '?' | '\\') => {
                    out.push('\\');
                    out.extend(chars.next());
                }
                other => {
                    return Err(PatternError::Escape(
                        other.copied().unwrap_or(char::REPLACEMENT_CHARACTER),
                    ));
                }
            },
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    Regex::new(&out).map_err(|_| PatternError::TooLarge)
}

/// The pattern back to front, escapes kept in front of what they escape.
fn reversed(pattern: &str) -> String {
    let mut pieces = Vec::new();
    let mut chars = pattern.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        let mut end = start + c.len_utf8();
        if c == '\\'
            && let Some((at, next)) = chars.next()
        {
            end = at + next.len_utf8();
        }
        pieces.push(pattern.get(start..end).unwrap_or_default());
    }
    pieces.reverse();
    pieces.concat()
}

/// Appends a replacement in Go's template language: `$0` and `${0}` are the match, other names are
/// empty, `$$` is a dollar.
fn push_template(out: &mut String, template: &str, found: &str) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (inner, braced) = match after.strip_prefix('{') {
            Some(inner) => (inner, true),
            None => (after, false),
        };
        let len = inner
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(inner.len());
        let (name, tail) = inner.split_at(len);
        let tail = if braced { tail.strip_prefix('}') } else { Some(tail) };
        match tail {
            Some(tail) if !name.is_empty() => {
                if name == "0" {
                    out.push_str(found);
                }
                rest = tail;
            }
            _ => {
                out.push('$');
                rest = after;
            }
        }
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trims_prefixes() {
        for (pattern, value, short, long) in [
            ("a*b", "axbxbx", "xbx", "x"),
            ("*", "abc", "abc", ""),
            ("?", "éa", "a", "a"),
            ("\\*", "*a", "a", "a"),
            ("v", "1v", "1v", "1v"),
            ("a.b", "axb", "axb", "axb"),
        ] {
            assert_eq!(trim_prefix(pattern, value, false).unwrap(), short, "{pattern} {value}");
            assert_eq!(trim_prefix(pattern, value, true).unwrap(), long, "{pattern} {value}");
        }
    }

    #[test]
    fn trims_suffixes() {
        for (pattern, value, short, long) in [
            (".*", "a.b.c", "a.b", "a"),
            ("\\**", "a*b*c", "a*b", "a"),
            ("é?", "xéy", "x", "x"),
        ] {
            assert_eq!(trim_suffix(pattern, value, false).unwrap(), short, "{pattern} {value}");
            assert_eq!(trim_suffix(pattern, value, true).unwrap(), long, "{pattern} {value}");
        }
    }

    #[test]
    fn replaces() {
        assert_eq!(replace("a", "banana", "o", false).unwrap(), "bonana");
        assert_eq!(replace("a", "banana", "o", true).unwrap(), "bonono");
        assert_eq!(replace("", "abc", "-", true).unwrap(), "-a-b-c-");
        assert_eq!(replace("n*", "banana", "$0!", true).unwrap(), "banana!");
        assert_eq!(replace("n", "banana", "$0!", false).unwrap(), "ba$0!ana");
        assert_eq!(replace("n", "nn", "[$x]$$${", true).unwrap(), "[]$${[]$${");
        assert_eq!(replace("\\/", "a/b", "-", true).unwrap(), "a-b");
    }

    #[test]
    fn refuses_needless_escapes() {
        assert_eq!(replace("\\a", "a", "", false), Err(PatternError::Escape('a')));
        assert_eq!(trim_prefix("\\", "a", false), Err(PatternError::Escape('\u{fffd}')));
    }
}
