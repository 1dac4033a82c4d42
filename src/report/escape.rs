//! Making text from a file safe to show: a Dockerfile must not steer the terminal that shows it.

use std::borrow::Cow;

/// Whether a character would do something to the terminal, or hide or reorder text, instead of
/// being seen.
pub(crate) fn is_hostile(c: char) -> bool {
    // The bidirectional controls can make a line read differently from what it does.
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// What is shown in place of a hostile character.
pub(crate) fn stand_in(c: char) -> char {
    match c {
        // The masks of bytes that are not UTF-8.
        '\u{1a}' => '\u{fffd}',
        // Unicode has a picture for each of the old control codes, at a fixed distance.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\u{7f}' => '\u{2421}',
        _ => '\u{fffd}',
    }
}

/// `text` on one line, with nothing in it that a terminal would obey: line breaks and tabs become
/// spaces, other control characters become visible.
pub fn visible(text: &str) -> Cow<'_, str> {
    let plain = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    if plain || !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let shown = text.trim_end_matches(['\r', '\n']).replace("\r\n", "\n");
    Cow::Owned(
        shown
            .chars()
            .map(|c| match c {
                '\n' | '\t' => ' ',
                c if is_hostile(c) => stand_in(c),
                c => c,
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_not_copied() {
        assert!(matches!(visible("apt-get install –y 漢字"), Cow::Borrowed(_)));
    }

    #[test]
    fn escape_sequences_are_disarmed() {
        assert_eq!(visible("a\u{1b}[2Jb"), "a␛[2Jb");
        assert_eq!(visible("a\r\nb\tc\n"), "a b c");
        assert_eq!(visible("x\u{202e}y\u{1a}\u{7f}\u{9b}"), "x\u{fffd}y\u{fffd}␡\u{fffd}");
    }
}
