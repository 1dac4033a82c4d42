//! `ARG SOURCE_DATE_EPOCH` above the first FROM: a time, `context`, or a stage of the file that
//! does nothing but fetch one remote file.

use super::{Converter, expansion};
use crate::model::build::{Block, Fault};
use crate::model::instruction::{Instruction, Kind};
use crate::model::reference;
use crate::model::remote::{self, Source};
use crate::model::scope::Variable;
use crate::source::Span;

/// The ARG's name.
const NAME: &str = "SOURCE_DATE_EPOCH";

impl Converter<'_> {
    /// Looks at the default value. A build argument can always give another one.
    pub(super) fn epoch(&mut self, instructions: &[Instruction], blocks: &[Block]) {
        let Some(variable) = self.out.globals.get(NAME) else {
            return;
        };
        let span = variable.declared.unwrap_or(Span::at(0));
        let Some(value) = variable.value.clone().filter(|v| !v.is_empty()) else {
            return;
        };
        if value.parse::<i64>().is_ok() {
            return;
        }
        if &*value != "context" {
            let block = blocks.iter().find(|b| {
                matches!(instructions.get(b.from).map(|f| &f.kind),
                    Some(Kind::From { name: Some(name), .. }) if name.value.to_lowercase() == value.to_lowercase())
            });
            match block {
                Some(block) => {
                    if let (Some(from), Err(fault)) =
                        (instructions.get(block.from), self.epoch_stage(block, instructions))
                    {
                        self.refuse(true, fault, Some(from.lines.0));
                    }
                }
                None => {
                    let message = format!("{NAME} is `{value}`, which is neither a time in seconds nor a stage");
                    self.refuse(true, Fault::new(message, span), None);
                }
            }
        }
        // What the build makes of it is known to the build alone.
        let from = self.out.globals.get(NAME).map_or(0, |v| v.from);
        self.out.globals.declare(Variable {
            name: NAME.to_owned(),
            value: None,
            is_env: false,
            declared: Some(span),
            settable: true,
            from,
            lost: true,
        });
    }

    fn epoch_stage(&self, block: &Block, instructions: &[Instruction]) -> Result<(), Fault> {
        let Some(Instruction {
            kind: Kind::From { image, .. },
            ..
        }) = instructions.get(block.from)
        else {
            return Ok(());
        };
        let fail = |message: &str, span: Span| Err(Fault::new(format!("the stage that {NAME} names {message}"), span));
        if image.text != "scratch" {
            let base = expansion::expand(&image.text, self.global_view(), self.escape, &self.budget);
            if !base.is_ok_and(|b| b.value == "scratch") {
                return fail("must be built on `scratch`", image.span);
            }
        }
        let mut fetched = false;
        for instruction in instructions.get(block.instructions.clone()).unwrap_or_default() {
            let place = instruction.keyword_span;
            let transfer = match &instruction.kind {
                Kind::Arg(_) => continue,
                Kind::Add(transfer) => transfer,
                _ => return fail("holds nothing but ARG and one ADD", place),
            };
            let [source] = transfer.sources.as_slice() else {
                return fail("must ADD exactly one remote file", place);
            };
            if fetched || !transfer.inline.is_empty() {
                return fail("must ADD exactly one remote file", place);
            }
            fetched = true;
            let Ok(value) = expansion::expand(&source.value, self.global_view(), self.escape, &self.budget) else {
                return fail("has a source that cannot be expanded", source.span);
            };
            match remote::classify(&value.value) {
                Source::Url => {
                    if let Some(sum) = instruction.flag("checksum").and_then(|f| f.value.as_ref())
                        && expansion::is_plain(&sum.value, self.escape)
                        && !reference::is_digest(&sum.value)
                    {
                        return fail("has a wrong checksum", sum.span);
                    }
                }
                Source::Git => {}
                Source::Path | Source::BadGit => {
                    return fail("must ADD a file behind `http://`, `https://` or in git", source.span);
                }
            }
        }
        if fetched {
            Ok(())
        } else {
            fail("must ADD exactly one remote file", image.span)
        }
    }
}
