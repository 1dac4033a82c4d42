//! The JSON form of arguments: what Go's decoder takes for an array of strings.

use super::Joined;
use super::words::Word;
use std::ops::Range;

/// Why a text is not an array of strings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// It is not a JSON array; BuildKit takes it as plain text.
    #[error("not a JSON array")]
    NotArray,
    /// It is a JSON array, but not all elements are strings; BuildKit refuses the file.
    #[error("when using JSON array syntax, arrays must be comprised of strings only")]
    NotStrings,
}

/// Go's decoder gives up below this many brackets.
const MAX_DEPTH: usize = 10_000;

/// The strings of a JSON array, decoded, each with the place of its literal, quotes included.
pub fn json_words(joined: &Joined, range: Range<usize>) -> Result<Vec<Word>, JsonError> {
    let text = joined.slice(range.clone());
    let trimmed = text.trim_start();
    if !trimmed.starts_with('[') {
        return Err(JsonError::NotArray);
    }
    let base = range.start + (text.len() - trimmed.len());
    let strings = array(trimmed, joined.is_masked())?;
    Ok(strings
        .into_iter()
        .map(|(value, at)| Word::new(value, joined.span(base + at.start, base + at.end)))
        .collect())
}

/// Reads `text`, which begins with `[`, to its end.
fn array(text: &str, masked: bool) -> Result<Vec<(String, Range<usize>)>, JsonError> {
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        masked,
    };
    let mut strings = Vec::new();
    // Open brackets, innermost last; the outermost array is not on it.
    let mut open: Vec<u8> = Vec::new();
    let mut only_strings = true;
    reader.at = 1;
    // Whether a value must come: not right behind an opening bracket, where a closing one may.
    let mut wanted = false;
    loop {
        reader.blanks();
        let in_object = open.last() == Some(&b'{');
        if !wanted && reader.take(if in_object { b'}' } else { b']' }) {
            if open.pop().is_none() {
                break;
            }
        } else {
            if in_object {
                reader.string()?;
                reader.blanks();
                reader.want(b':')?;
                reader.blanks();
            }
            let start = reader.at;
            match reader.peek() {
                Some(b'"') => {
                    let value = reader.string()?;
                    if open.is_empty() {
                        strings.push((value, start..reader.at));
                    }
                }
                Some(bracket @ (b'[' | b'{')) => {
                    only_strings = false;
                    // The outermost array is one of the levels.
                    if open.len() + 2 > MAX_DEPTH {
                        return Err(JsonError::NotArray);
                    }
                    open.push(bracket);
                    reader.at += 1;
                    wanted = false;
                    continue;
                }
                _ => {
                    only_strings = false;
                    reader.scalar()?;
                }
            }
        }
        // Behind a value: a comma, or closing brackets.
        loop {
            reader.blanks();
            if reader.take(b',') {
                wanted = true;
                break;
            }
            let close = if open.last() == Some(&b'{') { b'}' } else { b']' };
            reader.want(close)?;
            if open.pop().is_none() {
                return reader.end(only_strings, strings);
            }
        }
    }
    reader.end(only_strings, strings)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    masked: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn want(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(JsonError::NotArray)
        }
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Nothing but blanks may follow the array.
    fn end<T>(&mut self, only_strings: bool, strings: T) -> Result<T, JsonError> {
        self.blanks();
        match (self.peek(), only_strings) {
            (Some(_), _) => Err(JsonError::NotArray),
            (None, false) => Err(JsonError::NotStrings),
            (None, true) => Ok(strings),
        }
    }

    /// `true`, `false`, `null` or a number.
    fn scalar(&mut self) -> Result<(), JsonError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if let Some(word) = ["true", "false", "null"].into_iter().find(|w| rest.starts_with(w)) {
            self.at += word.len();
            return Ok(());
        }
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        // A number that no float64 holds is an error of its own kind, not "not a string".
        let number = self.text.get(start..self.at).unwrap_or_default().parse::<f64>();
        if number.is_ok_and(f64::is_finite) {
            Ok(())
        } else {
            Err(JsonError::NotArray)
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start {
            Ok(())
        } else {
            Err(JsonError::NotArray)
        }
    }

    /// A string literal, decoded.
    fn string(&mut self) -> Result<String, JsonError> {
        self.want(b'"')?;
        let mut value = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|b| b >= 0x20 && b != b'"' && b != b'\\') {
                self.at += 1;
            }
            value.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(value);
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape(&mut value)?;
                }
                // Go puts the replacement character for what is not UTF-8.
                Some(0x1a) if self.masked => {
                    self.at += 1;
                    value.push(char::REPLACEMENT_CHARACTER);
                }
                _ => return Err(JsonError::NotArray),
            }
        }
    }

    fn escape(&mut self, value: &mut String) -> Result<(), JsonError> {
        let Some(byte) = self.peek() else {
            return Err(JsonError::NotArray);
        };
        self.at += 1;
        value.push(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                self.code_point(first)
            }
            _ => return Err(JsonError::NotArray),
        });
        Ok(())
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self
                .peek()
                .and_then(|b| char::from(b).to_digit(16))
                .ok_or(JsonError::NotArray)?;
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// A pair of surrogates makes one character; one alone makes the replacement character, and
    /// what follows it is read anew.
    fn code_point(&mut self, first: u32) -> char {
        if let Some(c) = char::from_u32(first) {
            return c;
        }
        let behind = self.at;
        if (0xd800..0xdc00).contains(&first)
            && self.take(b'\\')
            && self.take(b'u')
            && let Ok(second) = self.hex()
            && (0xdc00..0xe000).contains(&second)
            && let Some(c) = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
        {
            return c;
        }
        self.at = behind;
        char::REPLACEMENT_CHARACTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    fn read(text: &str) -> Result<Vec<String>, JsonError> {
        let mut joined = Joined::new();
        joined.push(text, 0);
        json_words(&joined, 0..text.len()).map(|words| words.into_iter().map(|w| w.value).collect())
    }

    #[test]
    fn reads_arrays_of_strings() {
        for (text, words) in [
            ("[]", &[][..]),
            (" [ ] ", &[]),
            (r#"["a"]"#, &["a"]),
            ("[ \"a\"\t,\r\"b c\" ] ", &["a", "b c"]),
            (r#"["\"\\\/\b\f\n\r\t"]"#, &["\"\\/\u{8}\u{c}\n\r\t"]),
            (r#"["\u0041\u00e9\ud83d\ude00"]"#, &["Aé😀"]),
            (
                r#"["\ud83d", "\ude00x", "\ud83d\u0041"]"#,
                &["\u{fffd}", "\u{fffd}x", "\u{fffd}A"],
            ),
            ("[\"é\u{7f}\"]", &["é\u{7f}"]),
        ] {
            assert_eq!(read(text).unwrap(), words, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_array() {
        for text in [
            "",
            "a",
            "\"a\"",
            "{}",
            "[",
            "[\"a\"",
            "[\"a\",]",
            "[,\"a\"]",
            "[\"a\" \"b\"]",
            "[\"a\"] x",
            "[\"a\"]]",
            "['a']",
            r#"["c:\x"]"#,
            r#"["\u12g4"]"#,
            "[\"a\tb\"]",
            "[\"a\u{1a}\"]",
            "[\"a]",
            "[a]",
            "[01]",
            "[1.]",
            "[1e]",
            "[-]",
            "[+1]",
            "[1e999]",
            "[nul]",
            "[{\"a\"}]",
            "[{\"a\":1,}]",
            "[{1:2}]",
            "[[\"a\"}]",
            "[\u{a0}\"a\"]",
            "[\"a\", ]",
        ] {
            assert_eq!(read(text), Err(JsonError::NotArray), "{text}");
        }
    }

    #[test]
    fn refuses_other_elements() {
        for text in [
            "[1]",
            "[\"a\", null]",
            "[true, \"a\"]",
            "[[\"a\"]]",
            "[-0.5e+3]",
            "[{}]",
            "[{\"a\": [1, {\"b\": \"c\"}]}, \"d\"]",
            "[[], []]",
        ] {
            assert_eq!(read(text), Err(JsonError::NotStrings), "{text}");
        }
    }

    #[test]
    fn nests_as_deep_as_go() {
        let nested = |n: usize| read(&format!("{}{}", "[".repeat(n), "]".repeat(n)));
        assert_eq!(nested(10_000), Err(JsonError::NotStrings));
        assert_eq!(nested(10_001), Err(JsonError::NotArray));
    }

    #[test]
    fn knows_where_each_string_stands() {
        let mut joined = Joined::new();
        joined.push("CMD [\"a\", ", 100);
        joined.push(" \"b\"]", 120);
        let words = json_words(&joined, 4..joined.text().len()).unwrap();
        assert_eq!(
            words.iter().map(|w| w.span).collect::<Vec<_>>(),
            [Span::new(105, 108), Span::new(121, 124)]
        );
    }

    #[test]
    fn takes_bytes_that_are_not_utf8() {
        let mut joined = Joined::new();
        joined.push("[\"a\u{1a}\"]", 0);
        joined.mark_masked();
        assert_eq!(
            json_words(&joined, 0..joined.text().len()).unwrap()[0].value,
            "a\u{fffd}"
        );
    }
}
