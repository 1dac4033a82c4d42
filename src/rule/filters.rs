//! What `{field|filter}` makes of a field's value.

use super::schema::Filter;

/// The filtered text; none where the filter cannot make one of this value, so that there is no fix.
pub fn apply(filter: Filter, text: &str, escape: char) -> Option<String> {
    Some(match filter {
        Filter::Plain => text.to_owned(),
        Filter::Lower => text.to_lowercase(),
        Filter::Upper => text.to_uppercase(),
        Filter::Json => quote(text, escape),
        Filter::JsonArray => return json_array(text),
        Filter::BehindColon => return behind_colon(text),
    })
}

/// A text as a string in double quotes that means what the bare text says. One that is quoted as a
/// whole keeps the quotes it has.
fn quote(text: &str, escape: char) -> String {
    let special = |c: char| c == '"' || c == '$' || c == escape;
    let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    let bare = match inner {
        Some(inner) if !inner.contains('"') => inner,
        _ => text,
    };
    let mut out = String::from('"');
    for c in bare.chars() {
        if special(c) {
            out.push(escape);
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// What an array that is no JSON was meant to be: what stands before the bracket is kept, each word
/// comes into double quotes. None where words cannot be told apart, or hold what needs thought.
fn json_array(text: &str) -> Option<String> {
    let (before, rest) = text.split_once('[')?;
    let inner = rest.trim_end().strip_suffix(']')?;
    if text.contains(['\n', '\\', '$', '`']) {
        return None;
    }
    let mut words: Vec<String> = Vec::new();
    let mut rest = inner.trim();
    while !rest.is_empty() {
        let first = rest.chars().next()?;
        let closing = match first {
            '"' | '\'' => Some(first),
            '\u{201c}' | '\u{201d}' => Some('\u{201d}'),
            '\u{2018}' | '\u{2019}' => Some('\u{2019}'),
            _ => None,
        };
        let word;
        (word, rest) = match closing {
            Some(closing) => {
                let body = rest.get(first.len_utf8()..)?;
                let end = body.find(closing)?;
                (body.get(..end)?, body.get(end + closing.len_utf8()..)?)
            }
            None => rest.split_at(rest.find(',').unwrap_or(rest.len())),
        };
        // A word without quotes that has blanks or quotes inside may be two.
        let is_plain = match closing {
            Some(_) => !word.contains('"'),
            None => {
                !word.trim().is_empty()
                    && !word
                        .trim()
                        .contains(|c: char| c.is_whitespace() || "\"'[]{}\u{201c}\u{201d}\u{2018}\u{2019}".contains(c))
            }
        };
        if !is_plain {
            return None;
        }
        words.push(serde_json::to_string(if closing.is_some() { word } else { word.trim() }).ok()?);
        rest = rest.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if rest.is_empty() => rest,
            // `["a" "b"]`: a comma is missing; anything else is glued to the word.
            None if closing.is_some() && rest.starts_with(['"', '\'']) => rest,
            None => return None,
        };
    }
    (!words.is_empty()).then(|| format!("{before}[{}]", words.join(", ")))
}

/// What stands behind the last `:` that is not inside `${...}`.
fn behind_colon(text: &str) -> Option<String> {
    let mut depth = 0_usize;
    let mut found = None;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => found = Some(at + 1),
            _ => {}
        }
    }
    let rest = text.get(found?..)?;
    (!rest.is_empty()).then(|| rest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_mended_where_their_words_are_clear() {
        for (text, wanted) in [
            ("['node', 'a b']", Some(r#"["node", "a b"]"#)),
            (r#"["node", "server.js",]"#, Some(r#"["node", "server.js"]"#)),
            ("[node, server.js]", Some(r#"["node", "server.js"]"#)),
            ("[\u{201c}a\u{201d}, \u{201d}b\u{201d} ]", Some(r#"["a", "b"]"#)),
            (r#"CMD ["a" "b"]"#, Some(r#"CMD ["a", "b"]"#)),
            ("[nginx -g, x]", None),
            ("[a, $B]", None),
            ("['a'b]", None),
            ("[ ]", None),
            ("[\"a, b]", None),
            ("['say \"x\"']", None),
            ("[a,, b]", None),
        ] {
            assert_eq!(json_array(text).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn the_last_colon_outside_of_braces_counts() {
        for (text, wanted) in [
            ("8080:80/tcp", Some("80/tcp")),
            ("127.0.0.1:1:2", Some("2")),
            ("80:${P:-90}", Some("${P:-90}")),
            ("${P:-90}", None),
            ("80:", None),
        ] {
            assert_eq!(behind_colon(text).as_deref(), wanted, "{text}");
        }
    }
}
