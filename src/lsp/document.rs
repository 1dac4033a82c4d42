//! A file as the editor has it.

use super::position::{Encoding, Index};
use crate::model::Dockerfile;
use crate::rule::Diagnostic;
use crate::source::SourceFile;
use lsp_types::{TextDocumentContentChangeEvent, Uri};
use std::cell::OnceCell;
use std::path::PathBuf;
use url::Url;

/// The largest text that is linted while it is typed, in bytes, as for files.
const LARGEST: usize = 4 * 1024 * 1024;

/// An open file.
#[derive(Debug)]
pub struct Document {
    /// What the editor calls it.
    pub uri: Uri,
    /// Counts its changes.
    pub version: i32,
    /// Its text.
    pub text: String,
    /// Its lines.
    pub index: Index,
    /// Where it lies; none for one that is not saved yet.
    pub path: Option<PathBuf>,
    /// The findings in this text; none where it was not linted yet.
    pub findings: Option<Vec<Diagnostic>>,
    /// Read when somebody asks.
    file: OnceCell<Dockerfile>,
    encoding: Encoding,
}

impl Document {
    /// One that was opened.
    pub fn new(uri: Uri, version: i32, text: String, encoding: Encoding) -> Self {
        let path = Url::parse(uri.as_str())
            .ok()
            .filter(|url| url.scheme() == "file")
            .and_then(|url| url.to_file_path().ok());
        Document {
            index: Index::new(&text, encoding),
            uri,
            version,
            text,
            path,
            findings: None,
            file: OnceCell::new(),
            encoding,
        }
    }

    /// Makes the editor's changes, in their order.
    pub fn change(&mut self, version: i32, changes: Vec<TextDocumentContentChangeEvent>) {
        for change in changes {
            match change.range {
                Some(range) => {
                    let span = self.index.span(&self.text, range);
                    self.text.replace_range(span.range(), &change.text);
                }
                None => self.text = change.text,
            }
            self.index = Index::new(&self.text, self.encoding);
        }
        self.version = version;
        self.findings = None;
        self.file = OnceCell::new();
    }

    /// The text for the linter; none where it is too large.
    pub fn source(&self) -> Option<SourceFile> {
        let name = self
            .path
            .as_ref()
            .map_or_else(|| "-".to_owned(), |path| path.display().to_string());
        (self.text.len() <= LARGEST).then(|| SourceFile::new(name, self.text.clone()))
    }

    /// The text, understood.
    pub fn file(&self) -> &Dockerfile {
        self.file
            .get_or_init(|| Dockerfile::parse(self.source().unwrap_or_else(|| SourceFile::new("-", Vec::new()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lsp_types::{Position, Range};

    fn open(uri: &str, text: &str) -> Document {
        Document::new(uri.parse().unwrap(), 1, text.to_owned(), Encoding::Utf16)
    }

    #[test]
    fn changes_are_made_in_order_and_counted_in_utf16() {
        let mut document = open("file:///a/Dockerfile", "FROM a\r\n# 🦀 x\r\nRUN b\r\n");
        let change = |line, from, to, text: &str| TextDocumentContentChangeEvent {
            range: Some(Range::new(Position::new(line, from), Position::new(line, to))),
            range_length: None,
            text: text.to_owned(),
        };
        document.change(
            2,
            vec![
                change(1, 5, 6, "größe"),
                change(2, 4, 5, "c\r\nRUN d"),
                change(3, 4, 5, "🦀"),
            ],
        );
        assert_eq!(document.text, "FROM a\r\n# 🦀 größe\r\nRUN c\r\nRUN 🦀\r\n");
        assert_eq!(document.version, 2);
        document.change(
            3,
            vec![TextDocumentContentChangeEvent {
                range: None,
                range_length: None,
                text: "x".into(),
            }],
        );
        assert_eq!(document.text, "x");
    }

    #[cfg(unix)]
    #[test]
    fn only_files_have_paths() {
        assert_eq!(
            open("file:///a%20b/%C3%A4/Dockerfile", "").path,
            Some(PathBuf::from("/a b/ä/Dockerfile"))
        );
        assert_eq!(open("untitled:Untitled-1", "").path, None);
    }
}
