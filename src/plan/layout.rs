//! The old text, cut into blocks: each instruction with the comments above it.

use crate::model::{Dockerfile, Instruction};
use crate::source::Span;

/// An instruction with what stands above it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The instruction's index.
    pub instruction: usize,
    /// Comment lines above it, as written; an empty one where blank lines stood between them.
    pub comments: Vec<String>,
    /// A blank line stands above the comments.
    pub blank: bool,
    /// The instruction's text, with `\n` for line ends.
    pub body: String,
}

/// Where the last line of an instruction ends: behind its line break, or at the end of the file.
pub fn end(file: &Dockerfile, instruction: &Instruction) -> usize {
    let lines = file.source.lines();
    let last = lines.line(instruction.span.end.saturating_sub(1));
    lines.start(last + 1).min(file.source.text().len())
}

/// Where an instruction begins for its author: its line, or the comments right above it.
pub fn start(file: &Dockerfile, instruction: &Instruction) -> usize {
    let lines = file.source.lines();
    let text = file.source.text();
    let mut line = lines.line(instruction.span.start);
    while let Some(above) = line.checked_sub(1) {
        let text = text.get(lines.start(above)..lines.start(line)).unwrap_or_default();
        if !text.trim_start().starts_with('#') {
            break;
        }
        line = above;
    }
    lines.start(line)
}

/// How the author lays a file out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Keywords are written in lower case.
    pub lower: bool,
    /// Most instructions have a blank line above them.
    pub airy: bool,
    /// A blank line stands behind a FROM.
    pub parted: bool,
    /// Most instructions have a comment above them.
    pub commented: bool,
    /// What continues a line.
    pub escape: char,
}

impl Style {
    /// A keyword in the author's casing.
    pub fn keyword(&self, upper: &str) -> String {
        if self.lower {
            upper.to_ascii_lowercase()
        } else {
            upper.to_owned()
        }
    }
}

/// The text of a span with `\n` for line ends.
pub fn text(file: &Dockerfile, span: Span) -> String {
    file.source.slice(span).replace("\r\n", "\n")
}

/// The block of an instruction.
pub fn block(file: &Dockerfile, instruction: &Instruction) -> Block {
    let above = instruction
        .index
        .checked_sub(1)
        .and_then(|i| file.instructions.get(i))
        .map_or(0, |before| before.span.end);
    let lines = file.source.lines();
    let start = lines.start(lines.line(instruction.span.start));
    // The rest of the line that the instruction before ends on is none of this one's.
    let above = if above == 0 {
        0
    } else {
        lines.start(lines.line(above.saturating_sub(1)) + 1).min(start)
    };
    let lead = text(file, Span::new(above, start));
    let mut comments: Vec<String> = Vec::new();
    let mut blank = false;
    let mut gap = false;
    for line in lead.lines() {
        let line = line.trim_start();
        if line.starts_with('#') {
            if gap && !comments.is_empty() {
                comments.push(String::new());
            }
            blank |= gap && comments.is_empty();
            gap = false;
            comments.push(line.to_owned());
        } else {
            gap = true;
        }
    }
    if comments.is_empty() {
        blank = gap;
    } else if gap {
        comments.push(String::new());
    }
    let mut body = text(file, instruction.span);
    // A continuation that leads to nothing would take in what is written behind.
    while body.trim_end().ends_with(file.lines.escape)
        && file
            .instructions
            .get(instruction.index)
            .is_some_and(|i| !has_heredoc(i))
    {
        let kept = body.trim_end().trim_end_matches(file.lines.escape).trim_end().len();
        body.truncate(kept);
    }
    body.push_str(blanks_behind(file, instruction));
    Block {
        instruction: instruction.index,
        comments,
        blank,
        body,
    }
}

/// Blanks at the end of an instruction's last line, which are its author's.
fn blanks_behind<'f>(file: &'f Dockerfile, instruction: &Instruction) -> &'f str {
    let behind = file.source.text().get(instruction.span.end..).unwrap_or_default();
    let line = behind.split('\n').next().unwrap_or_default().trim_end_matches('\r');
    if has_heredoc(instruction) || !line.trim().is_empty() {
        return "";
    }
    line
}

fn has_heredoc(instruction: &Instruction) -> bool {
    use crate::model::Kind;
    match &instruction.kind {
        Kind::Run { heredocs, .. } => !heredocs.is_empty(),
        Kind::Copy(t) | Kind::Add(t) => !t.inline.is_empty(),
        _ => false,
    }
}

/// The author's layout.
pub fn style(file: &Dockerfile) -> Style {
    let blocks: Vec<Block> = file.instructions.iter().skip(1).map(|i| block(file, i)).collect();
    let most = |count: usize| blocks.len() > 1 && count * 2 > blocks.len();
    let lower = file
        .instructions
        .iter()
        .filter(|i| {
            file.source
                .slice(i.keyword_span)
                .chars()
                .all(|c| c.is_ascii_lowercase())
        })
        .count();
    Style {
        lower: lower * 2 > file.instructions.len(),
        airy: most(blocks.iter().filter(|b| b.blank).count()),
        parted: blocks.iter().any(|b| {
            let above = b.instruction.checked_sub(1).and_then(|i| file.instructions.get(i));
            b.blank && above.is_some_and(|i| i.keyword == crate::model::Keyword::From)
        }),
        commented: most(blocks.iter().filter(|b| !b.comments.is_empty()).count()),
        escape: file.lines.escape,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    #[test]
    fn comments_belong_to_what_follows() {
        let file = Dockerfile::parse(SourceFile::new(
            "Dockerfile",
            "# head\nFROM a\n\n# one\n# two\n\n# three\nRUN x \\\n  y\nRUN z \\\n",
        ));
        let blocks: Vec<Block> = file.instructions.iter().map(|i| block(&file, i)).collect();
        assert_eq!(blocks[0].comments, ["# head"]);
        assert_eq!(
            (blocks[1].comments.as_slice(), blocks[1].blank),
            (
                &["# one".to_owned(), "# two".into(), String::new(), "# three".into()][..],
                true
            )
        );
        assert_eq!(blocks[1].body, "RUN x \\\n  y");
        assert!(blocks[2].comments.is_empty() && !blocks[2].blank);
        assert_eq!(blocks[2].body, "RUN z");
    }
}
