//! A stage on its way to text.

use crate::plan::PlannedStage;
use crate::plan::deal;
use crate::plan::layout::{Block, Style};

/// A stage on its way to text.
pub(super) struct Writer<'s> {
    /// The author's layout.
    pub style: &'s Style,
    /// What it is called, and what it copies.
    pub stage: PlannedStage,
    /// The working directory in force where the next instruction stands.
    pub workdir: String,
    from: String,
    items: Vec<Item>,
}

/// An instruction with what stands above it.
struct Item {
    blank: bool,
    comments: Vec<String>,
    body: String,
}

impl Item {
    fn is(&self, keyword: &str) -> bool {
        let word = self.body.split_whitespace().next().unwrap_or_default();
        word.eq_ignore_ascii_case(keyword)
    }
}

/// The variable of an ENV that sets no other.
fn only_key(body: &str) -> Option<&str> {
    let rest = body.split_once(char::is_whitespace)?.1.trim();
    let (key, value) = rest.split_once(['=', ' '])?;
    let one = !key.contains('"') && !value.contains('=') && !value.contains('\n');
    one.then_some(key)
}

impl<'s> Writer<'s> {
    /// A stage that begins with the line `from`.
    pub fn new(style: &'s Style, role: &'static str, name: &str, base: &str, from: &str) -> Self {
        Writer {
            style,
            stage: PlannedStage {
                name: name.to_owned(),
                role,
                base: base.to_owned(),
                copies: Vec::new(),
                says: Vec::new(),
            },
            workdir: "/".to_owned(),
            from: from.to_owned(),
            items: Vec::new(),
        }
    }

    /// An instruction of the author's, with its comments.
    pub fn block(&mut self, block: &Block) {
        self.push(Item {
            blank: block.blank,
            comments: block.comments.clone(),
            body: block.body.clone(),
        });
    }

    /// An instruction of the author's without its comments, or one of ours.
    pub fn plain(&mut self, body: &str, blank: bool) {
        self.push(Item {
            blank,
            comments: Vec::new(),
            body: body.to_owned(),
        });
    }

    /// One of ours, with a blank line above it where its author likes them.
    pub fn ours(&mut self, body: &str) {
        self.plain(body, self.style.airy);
    }

    /// Whether the last instruction has the keyword of the one that is about to be written.
    pub fn follows(&self, body: &str) -> bool {
        let keyword = body.split_whitespace().next().unwrap_or_default();
        self.items.last().is_some_and(|item| item.is(keyword))
    }

    fn push(&mut self, item: Item) {
        if item.is("WORKDIR")
            && item
                .body
                .split_whitespace()
                .nth(1)
                .is_some_and(|dir| dir.starts_with('/'))
        {
            self.drop_unused_workdir();
        }
        if item.is("ENV") {
            self.drop_unused_variable(&item.body);
        }
        self.items.push(item);
    }

    /// An ENV of one variable that another sets again before anything could read it says nothing.
    fn drop_unused_variable(&mut self, next: &str) {
        let Some(key) = only_key(next).filter(|key| !next.contains(&format!("${key}"))) else {
            return;
        };
        if next.contains(&format!("${{{key}")) {
            return;
        }
        let last = self
            .items
            .iter()
            .rposition(|i| i.is("ENV") && only_key(&i.body) == Some(key));
        let Some(last) = last else { return };
        let behind = self.items.iter().skip(last + 1);
        let idle = |i: &Item| ["ENV", "EXPOSE", "MAINTAINER"].iter().any(|k| i.is(k)) && !i.body.contains('$');
        if behind.clone().all(idle) && self.items.get(last).is_some_and(|i| i.comments.is_empty()) {
            self.items.remove(last);
        }
    }

    /// A WORKDIR that another follows before anything works in it says nothing.
    fn drop_unused_workdir(&mut self) {
        let last = self.items.iter().rposition(|i| i.is("WORKDIR"));
        let Some(last) = last else { return };
        let works = |i: &Item| ["RUN", "COPY", "ADD", "WORKDIR"].iter().any(|keyword| i.is(keyword));
        if !self.items.iter().skip(last + 1).any(works) {
            self.items.remove(last);
        }
    }

    /// The text, which ends with a line end, and the stage.
    pub fn finish(mut self) -> (String, PlannedStage) {
        let mut out = format!("{}\n", self.from);
        for (at, item) in self.items.iter().enumerate() {
            if item.blank && (at > 0 || self.style.airy || self.style.parted) {
                out.push('\n');
            }
            for comment in &item.comments {
                out.push_str(comment);
                out.push('\n');
            }
            out.push_str(&item.body);
            out.push('\n');
        }
        self.stage.says = self.items.iter().map(|i| deal::short(&i.body)).collect();
        (out, self.stage)
    }
}
