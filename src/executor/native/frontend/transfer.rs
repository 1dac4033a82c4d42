//! COPY and ADD.

use super::dispatch::Work;
use super::run::chomped;
use super::scope::join;
use crate::executor::error::Error;
use crate::executor::native::vertex::{Copy, CopyRules, Item, Source};
use crate::model::remote::{self, Source as Remote};
use crate::model::{Dockerfile, Instruction, Keyword, Transfer};

impl Work<'_, '_> {
    /// What is copied, and what the history says of it.
    pub(super) fn transfer(
        &mut self,
        file: &Dockerfile,
        instruction: &Instruction,
        transfer: &Transfer,
        line: usize,
    ) -> Result<(Copy, String), Error> {
        let is_add = instruction.keyword == Keyword::Add;
        let flag = |name: &str| -> Result<Option<String>, Error> {
            let word = instruction.flag(name).and_then(|f| f.value.as_ref());
            match word {
                Some(word) => Ok(Some(self.expand(word, line)?).filter(|value| !value.is_empty())),
                None => Ok(None),
            }
        };
        let switch = |name: &str| -> Option<bool> {
            let flag = instruction.flag(name)?;
            Some(
                flag.value
                    .as_ref()
                    .is_none_or(|value| value.value != "false" && value.value != "0"),
            )
        };
        let (chown, chmod, checksum) = (flag("chown")?, flag("chmod")?, flag("checksum")?);
        let parents = switch("parents").unwrap_or(false);
        let link = switch("link").unwrap_or(false);
        let exclude: Vec<String> = instruction
            .flag_values("exclude")
            .map(|word| word.value.clone())
            .collect();
        let from = match &transfer.from {
            Some((word, _)) => self.frontend.source(self.index, &word.value, true, line)?,
            None => Source::Context,
        };
        let Some(dest) = &transfer.destination else {
            return Err(self.frontend.error(line, "there is no destination"));
        };
        let written = self.expand(dest, line)?;
        let dest = self.state.absolute(&written);
        let mut message = if is_add { "ADD" } else { "COPY" }.to_owned();
        if parents {
            message.push_str(" --parents");
        }
        for (name, value) in [("chown", &chown), ("chmod", &chmod)] {
            if let Some(value) = value {
                message.push_str(&format!(" --{name}={value}"));
            }
        }
        let mut items = Vec::new();
        for word in &transfer.sources {
            let source = self.expand(word, line)?;
            message.push(' ');
            message.push_str(&source);
            items.push(match remote::classify(&source) {
                Remote::Git if is_add => Item::Git {
                    address: source,
                    keep_git_dir: switch("keep-git-dir").unwrap_or(false),
                    checksum: checksum.clone(),
                },
                Remote::Url if is_add => Item::Url {
                    url: source,
                    checksum: checksum.clone(),
                    unpack: switch("unpack").unwrap_or(false),
                },
                Remote::Git | Remote::Url | Remote::BadGit => {
                    return Err(self
                        .frontend
                        .error(line, format!("`{source}` cannot be copied: use ADD")));
                }
                Remote::Path => Item::Files {
                    from: from.clone(),
                    // The pivot of `--parents` is kept for whoever copies.
                    pattern: match parents {
                        true => source,
                        false => slashed(&source),
                    },
                },
            });
        }
        for heredoc in &transfer.inline {
            message.push_str(&format!(" <<{}", heredoc.name));
            let body = file.source.slice(heredoc.body);
            let body = match heredoc.chomp {
                true => chomped(body),
                false => body.to_owned(),
            };
            let content = match heredoc.expand {
                true => self
                    .state
                    .expand_text(&body)
                    .map_err(|error| self.frontend.error(line, error))?,
                false => body,
            };
            items.push(Item::Inline {
                name: self.inline_name(heredoc, line)?,
                content: content.into_bytes(),
            });
        }
        message.push(' ');
        message.push_str(&written);
        let copy = Copy {
            items,
            dest,
            rules: CopyRules {
                chown,
                chmod,
                exclude,
                parents,
                unpack: switch("unpack").unwrap_or(is_add),
            },
            link,
        };
        Ok((copy, message))
    }
}

/// A source below the root of what it is taken from.
fn slashed(source: &str) -> String {
    let joined = join("", source);
    match source.ends_with('/') && joined != "/" {
        true => joined + "/",
        false => joined,
    }
}
