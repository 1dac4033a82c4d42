//! Text in XML 1.0.

use super::escape::{is_hostile, stand_in};

/// `text` for an attribute in double quotes or for an element. Characters that XML 1.0 cannot
/// hold, and those that would steer a terminal, become visible; line breaks and tabs become
/// references, so that a parser does not turn them into blanks.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => {}
            // The last two of each plane that have characters are none; the first plane's are not allowed.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c if is_hostile(c) => out.push(stand_in(c)),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn nothing_that_xml_means_or_refuses_is_left() {
        assert_eq!(
            escaped("a<b>&\"c\"'d'\r\n\te\u{1b}\u{0}\u{ffff}ä"),
            "a&lt;b&gt;&amp;&quot;c&quot;&apos;d&apos;&#10;&#9;e\u{241b}\u{2400}\u{fffd}ä"
        );
    }
}
