//! What a finding is known by from one run to the next: the rule and the text of the line that it
//! is on. Line numbers are left out, so a finding keeps its fingerprint while lines move around it.

use crate::rule::Diagnostic;
use crate::source::SourceFile;
use std::collections::HashMap;

/// The offset basis and the prime of FNV-1a with 64 bits (Fowler, Noll, Vo; RFC 9923).
const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a over parts, each ended by a byte that no text holds, so that parts do not run together.
fn hash<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    parts
        .into_iter()
        .fold(BASIS, |hash, part| step(part.iter().fold(hash, step), &0xff))
}

/// The fingerprint of a finding within its file: 16 hexadecimal digits. Blanks at both ends of the
/// line do not count, nor does the backslash of a continued line.
pub fn fingerprint(diagnostic: &Diagnostic, source: &SourceFile) -> String {
    let lines = source.lines();
    let line = lines.span(lines.line(diagnostic.primary.span.start));
    let text = source.slice(line).trim().trim_end_matches('\\').trim_end();
    format!("{:016x}", hash([diagnostic.rule.id.as_bytes(), text.as_bytes()]))
}

/// Makes fingerprints of one file distinct: the second finding with the same one gets another.
#[derive(Debug)]
pub(super) struct Distinct<'a> {
    path: &'a str,
    seen: HashMap<String, u32>,
}

impl<'a> Distinct<'a> {
    pub(super) fn new(path: &'a str) -> Self {
        Distinct {
            path,
            seen: HashMap::new(),
        }
    }

    /// A fingerprint that no other finding of the run has.
    pub(super) fn next(&mut self, diagnostic: &Diagnostic, source: &SourceFile) -> String {
        let base = fingerprint(diagnostic, source);
        let times = self.seen.entry(base.clone()).or_insert(0);
        *times += 1;
        let place = hash([self.path.as_bytes(), &times.to_le_bytes()]);
        format!("{base}{place:016x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, at};

    fn of(text: &str, words: &str) -> String {
        fingerprint(&sample::warning(at(text, words), "m"), &SourceFile::new("x", text))
    }

    #[test]
    fn the_hash_is_the_published_one() {
        // FNV-1a of the byte 0xff alone, and of "a", 0xff, by the definition.
        assert_eq!(hash([b"".as_slice()]), (BASIS ^ 0xff).wrapping_mul(PRIME));
        let a = (BASIS ^ 0x61).wrapping_mul(PRIME);
        assert_eq!(a, 0xaf63_dc4c_8601_ec8c, "the published value for \"a\"");
        assert_eq!(hash([b"a".as_slice()]), (a ^ 0xff).wrapping_mul(PRIME));
        assert_ne!(hash([b"ab".as_slice(), b"c"]), hash([b"a".as_slice(), b"bc"]));
    }

    #[test]
    fn moving_and_indenting_a_line_changes_nothing_and_its_text_does() {
        let first = of("FROM a\nRUN needle x\n", "needle");
        assert_eq!(first.len(), 16);
        assert_eq!(of("# c\nFROM a\n\n  RUN needle x \\\n  y\n", "needle"), first);
        assert_eq!(of("FROM a\r\nRUN needle x\r\n", "needle"), first);
        assert_ne!(of("FROM a\nRUN needle z\n", "needle"), first);
    }

    #[test]
    fn equal_findings_of_a_file_stay_apart() {
        let text = "RUN x\nRUN x\n";
        let source = SourceFile::new("x", text);
        let finding = sample::warning(at(text, "x"), "m");
        let mut distinct = Distinct::new("a");
        let all = [distinct.next(&finding, &source), distinct.next(&finding, &source)];
        assert_ne!(all[0], all[1]);
        assert_eq!(Distinct::new("a").next(&finding, &source), all[0]);
        assert_ne!(Distinct::new("b").next(&finding, &source), all[0]);
    }
}
