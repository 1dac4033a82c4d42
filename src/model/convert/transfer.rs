//! COPY and ADD: flags, sources and inline files once their variables are put in.

use super::dispatch::{Place, Value};
use super::{Converter, expansion};
use crate::model::instruction::{Instruction, Keyword, Transfer};
use crate::model::remote::{self, Source};
use crate::model::stage::StageId;
use crate::model::{drive, mode, reference};
use crate::source::Span;
use crate::syntax::expand::Options;
use crate::syntax::{Heredoc, Word};

impl Converter<'_> {
    pub(super) fn transfer(&mut self, instruction: &Instruction, transfer: &Transfer, place: Place) {
        let is_add = instruction.keyword == Keyword::Add;
        let mut flags: [Option<(Value<'_>, Span)>; 3] = [None, None, None];
        for (name, slot) in ["chown", "chmod", "checksum"].iter().zip(&mut flags) {
            if let Some(word) = instruction.flag(name).and_then(|f| f.value.as_ref()) {
                let Some(value) = self.value(word, place) else {
                    return;
                };
                *slot = Some((value, word.span));
            }
        }
        let mut sources = Vec::with_capacity(transfer.sources.len());
        for word in &transfer.sources {
            let Some(value) = self.value(word, place) else {
                return;
            };
            sources.push((value, word.span));
        }
        let mut destination = None;
        if let Some(word) = &transfer.destination {
            let Some(value) = self.value(word, place) else {
                return;
            };
            destination = Some((value, word.span));
        }
        if transfer
            .inline
            .iter()
            .any(|heredoc| heredoc.expand && !self.heredoc(heredoc, place))
        {
            return;
        }
        if let Some((word, reference)) = &transfer.from
            && let Some(later) = reference.stage().filter(|s| *s > place.stage)
        {
            self.later_stage(word, later, place);
            return;
        }
        let windows = self.out.stages.get(place.stage.0).is_some_and(|s| s.windows);
        if let Some((value, span)) = &destination
            && windows
            && let Some(fault) = drive::fault(&value.text)
        {
            self.fault(
                value.open,
                format!("`{}` cannot be copied to: {fault}", value.text),
                *span,
                place,
            );
            return;
        }
        let [_, chmod, checksum] = &flags;
        if let Some((value, span)) = chmod
            && !value.text.is_empty()
            && !mode::is_mode(&value.text)
        {
            let message = format!(
                "`{}` is no mode for `--chmod`: write an octal one up to 7777, or one like `u=rwX,go=rX`",
                value.text
            );
            self.fault(value.open, message, *span, place);
            return;
        }
        let checksum = checksum.as_ref().filter(|(value, _)| !value.text.is_empty());
        if let Some((value, span)) = checksum {
            let remote = sources.iter().all(|(s, _)| remote::classify(&s.text) != Source::Path);
            let open = value.open || sources.iter().any(|(s, _)| s.open);
            let message = match (sources.len(), remote) {
                (1, true) => None,
                (1, false) => Some("`--checksum` needs a source behind `http://`, `https://` or in git"),
                _ => Some("`--checksum` takes exactly one source"),
            };
            if let Some(message) = message {
                self.fault(open, message.to_owned(), *span, place);
                return;
            }
        }
        for (source, span) in sources {
            let kind = remote::classify(&source.text);
            let message = match kind {
                Source::BadGit => format!("the git address `{}` has a wrong query behind `?`", source.text),
                Source::Path => match drive::fault(&source.text) {
                    Some(fault) if windows => {
                        format!("`{}` cannot be copied: {fault}", source.text)
                    }
                    _ => continue,
                },
                Source::Git if !is_add => "COPY takes nothing from git: use ADD".to_owned(),
                Source::Url if !is_add => "COPY takes nothing from a URL: use ADD".to_owned(),
                Source::Url => match checksum {
                    Some((value, _)) if !reference::is_digest(&value.text) => {
                        format!(
                            "`{}` is no checksum: write `sha256:` and 64 hexadecimal digits",
                            value.text
                        )
                    }
                    _ => continue,
                },
                _ => continue,
            };
            let open = source.open || checksum.is_some_and(|(value, _)| value.open);
            self.fault(open, message, span, place);
            return;
        }
    }

    /// Whether the text of an inline file can be expanded; quotes mean nothing in it.
    fn heredoc(&mut self, heredoc: &Heredoc, place: Place) -> bool {
        let options = Options {
            skip_quotes: true,
            ..Options::default()
        };
        let body = self.file.slice(heredoc.body);
        // The escape character is a backslash here, whatever the directive says.
        match expansion::expand_with(body, self.view(place.stage), '\\', &self.budget, options) {
            Ok(_) => true,
            Err(error) => {
                let message = match error.message.rsplit_once("cannot be expanded: ") {
                    Some((_, reason)) => format!("the inline file `{}` cannot be expanded: {reason}", heredoc.name),
                    None => error.message,
                };
                self.fault(error.open, message, heredoc.body, place);
                false
            }
        }
    }

    pub(super) fn later_stage(&mut self, word: &Word, later: StageId, place: Place) {
        let line = self
            .out
            .stages
            .get(later.0)
            .and_then(|s| s.name_span)
            .map_or(0, |s| self.file.lines().line(s.start));
        let message = match line {
            0 => format!("the stage `{}` is built later than this one: move it up", word.value),
            line => format!(
                "the stage `{}` is built later than this one, on line {line}: move it up",
                word.value
            ),
        };
        self.fault(false, message, word.span, place);
    }
}
