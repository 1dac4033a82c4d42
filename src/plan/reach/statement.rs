//! Where the statements at the top of a source begin.
//!
//! A source is cut only where its grammar leaves no other way: between statements, outside of strings,
//! comments and brackets. What is left of it, when statements are taken out, is a source again, and a
//! parser makes of each statement what it makes of it in the whole. Where this reading is in doubt
//! (brackets that do not close, a string that does not end), it says so and nothing is cut.

use super::Language;

/// Where each statement begins, the first at 0; none where the text is not understood.
///
/// Comments and blank lines belong to what stands in front of them, decorators to what follows.
pub fn starts(text: &str, language: Language) -> Option<Vec<usize>> {
    match language {
        Language::JavaScript | Language::Php | Language::Python => {
            // Heredocs, text between programs and blocks without brackets.
            const BEYOND: [&str; 7] = ["<<<", "?>", "endif", "endfor", "endforeach", "endwhile", "endswitch"];
            if language == Language::Php && BEYOND.iter().any(|word| text.contains(word)) {
                return None;
            }
            Scan::new(text.as_bytes(), language).starts()
        }
        Language::Ruby => None,
    }
}

/// Words that go on with the statement in front of them.
const GOES_ON: [&[u8]; 16] = [
    b"else",
    b"elif",
    b"elseif",
    b"except",
    b"catch",
    b"finally",
    b"while",
    b"in",
    b"instanceof",
    b"of",
    b"as",
    b"satisfies",
    b"is",
    b"from",
    b"extends",
    b"implements",
];

/// Words behind which a statement cannot end.
const WANTS_MORE: [&[u8]; 30] = [
    b"const",
    b"let",
    b"var",
    b"function",
    b"class",
    b"export",
    b"default",
    b"async",
    b"return",
    b"else",
    b"do",
    b"declare",
    b"abstract",
    b"new",
    b"typeof",
    b"await",
    b"yield",
    b"in",
    b"of",
    b"instanceof",
    b"extends",
    b"implements",
    b"case",
    b"throw",
    b"delete",
    b"void",
    b"as",
    b"from",
    b"import",
    b"keyof",
];

/// Statements whose body may follow a `)`.
const HEADS: [&[u8]; 5] = [b"if", b"for", b"while", b"with", b"else"];

struct Scan<'t> {
    bytes: &'t [u8],
    language: Language,
    at: usize,
    depth: usize,
    /// The depths at which `${` of templates were opened.
    templates: Vec<usize>,
    /// Where the last word, string or sign begins.
    last: Option<usize>,
    starts: Vec<usize>,
    /// Where the last line began that is not indented; Python only.
    line: usize,
}

fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

impl<'t> Scan<'t> {
    fn new(bytes: &'t [u8], language: Language) -> Scan<'t> {
        Scan {
            bytes,
            language,
            at: 0,
            depth: 0,
            templates: Vec::new(),
            last: None,
            starts: vec![0],
            line: 0,
        }
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(b'\n')
    }

    fn has(&self, at: usize, what: &[u8]) -> bool {
        self.bytes.get(at..).is_some_and(|rest| rest.starts_with(what))
    }

    fn word(&self, at: usize) -> &'t [u8] {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let end = rest.iter().position(|b| !in_word(*b)).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    /// Moves behind the next of a byte, which may be escaped; none where it does not come.
    fn behind(&mut self, end: u8, over_lines: bool) -> Option<()> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'\n' if !over_lines => {
                    // An apostrophe in a text of JSX.
                    self.at -= 1;
                    return Some(());
                }
                _ if byte == end => return Some(()),
                _ => {}
            }
        }
    }

    fn find(&mut self, end: &[u8]) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        let at = rest.windows(end.len()).position(|part| part == end)?;
        self.at += at + end.len();
        Some(())
    }

    fn line_end(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }

    fn starts(mut self) -> Option<Vec<usize>> {
        let script = self.language == Language::JavaScript;
        let python = self.language == Language::Python;
        if self.has(0, b"#!") {
            self.line_end();
        }
        while self.at < self.bytes.len() {
            let here = self.at;
            if here > 0 && self.depth == 0 && self.byte(here - 1) == b'\n' && self.begins(here) {
                self.starts.push(here);
            }
            let byte = self.byte(here);
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {
                    self.at += 1;
                    continue;
                }
                b'/' if !python && self.has(here, b"//") => {
                    self.line_end();
                    continue;
                }
                b'/' if !python && self.has(here, b"/*") => {
                    self.at += 2;
                    self.find(b"*/")?;
                    continue;
                }
                b'#' if python || !script && !self.has(here, b"#[") => {
                    self.line_end();
                    continue;
                }
                b'/' if script && self.may_be_pattern() => self.pattern(),
                b'"' | b'\'' => self.string(byte)?,
                b'`' if !python => {
                    self.at += 1;
                    if script {
                        self.template()?;
                    } else {
                        self.behind(b'`', true)?;
                    }
                }
                b'(' | b'[' | b'{' => {
                    self.depth += 1;
                    self.at += 1;
                }
                b'}' if self.templates.last() == Some(&self.depth) => {
                    self.templates.pop();
                    self.at += 1;
                    self.template()?;
                }
                b')' | b']' | b'}' => {
                    self.depth = self.depth.checked_sub(1)?;
                    self.at += 1;
                }
                // The line goes on.
                b'\\' if python => self.at += 2,
                _ if in_word(byte) => self.at += self.word(here).len(),
                _ => self.at += 1,
            }
            self.last = Some(here);
        }
        (self.depth == 0 && self.templates.is_empty()).then_some(self.starts)
    }

    /// Whether a statement begins at the beginning of a line that no bracket holds.
    fn begins(&mut self, at: usize) -> bool {
        let byte = self.byte(at);
        let Some(last) = self.last else { return false };
        let word = self.word(at);
        let start = self.starts.last().copied().unwrap_or(0);
        if self.language == Language::Python {
            if byte.is_ascii_whitespace() || byte == b'#' || self.byte(last) == b'\\' {
                return false;
            }
            let decorated = self.byte(self.line) == b'@';
            self.line = at;
            return !decorated && !GOES_ON.contains(&word);
        }
        let ended = matches!(self.byte(last), b';' | b'}');
        if byte == b'@' {
            return ended;
        }
        if !in_word(byte) || byte.is_ascii_digit() || GOES_ON.contains(&word) {
            return false;
        }
        // PHP's statements end with nothing else.
        if ended || self.language == Language::Php {
            return ended;
        }
        // Two words, or a value and a word, are two statements; but not behind decorators.
        let first = self.word(start);
        !first.is_empty()
            && match self.byte(last) {
                b')' => !HEADS.contains(&first),
                b']' | b'"' | b'\'' | b'`' => true,
                byte => in_word(byte) && !WANTS_MORE.contains(&self.word(last)),
            }
    }

    fn string(&mut self, quote: u8) -> Option<()> {
        self.at += 1;
        match self.language {
            Language::Python if self.has(self.at, &[quote, quote]) => {
                self.at += 2;
                loop {
                    self.behind(quote, true)?;
                    if self.has(self.at, &[quote, quote]) {
                        self.at += 2;
                        return Some(());
                    }
                }
            }
            Language::Php => self.behind(quote, true),
            _ => self.behind(quote, false),
        }
    }

    /// To the end of a template, or into what is made in it.
    fn template(&mut self) -> Option<()> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'`' => return Some(()),
                b'$' if self.byte(self.at) == b'{' => {
                    self.at += 1;
                    self.depth += 1;
                    self.templates.push(self.depth);
                    return Some(());
                }
                _ => {}
            }
        }
    }

    /// Whether a `/` begins a regular expression: where a value is expected.
    fn may_be_pattern(&self) -> bool {
        let Some(from) = self.last else { return true };
        match self.byte(from) {
            b'(' | b',' | b'=' | b':' | b'[' | b'!' | b'&' | b'|' | b'?' | b'{' | b'}' | b';' | b'+' | b'-' | b'*'
            | b'%' | b'~' | b'^' => true,
            byte if in_word(byte) => {
                matches!(
                    self.word(from),
                    b"return" | b"typeof" | b"case" | b"in" | b"of" | b"delete" | b"void" | b"do" | b"else"
                )
            }
            _ => false,
        }
    }

    fn pattern(&mut self) {
        let start = self.at;
        self.at += 1;
        let mut class = false;
        loop {
            match self.byte(self.at) {
                // A division after all.
                b'\n' => {
                    self.at = start + 1;
                    return;
                }
                b'\\' => self.at += 1,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => {
                    self.at += 1;
                    return;
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}
