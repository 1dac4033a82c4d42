//! A RUN downloads an archive and unpacks it.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::CommandView;
use crate::rule::{Cx, Finding, Inspect, layout};
use crate::shell::{Operation, ShellWord};

/// See `rules/download-and-unpack.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        let Some(url) = piped(view) else { return };
        let Some((at, count)) = view.command.place.pipeline else {
            return;
        };
        let next = view.script.commands.get(view.index + 1);
        let Some(tar) = next.filter(|c| matches!(c.base_name(), "tar" | "bsdtar") && at + 1 < count) else {
            return;
        };
        if !cx.facts.is_posix(view.instruction) {
            return;
        }
        let mut finding = Finding::new(view.name_span(), "an archive is downloaded and unpacked by RUN")
            .help("write `ADD --unpack=true --checksum=sha256:... URL /dir`");
        if count == 2
            && let Some(span) = layout::sole(cx.file, view.instruction, view.script)
            && let Some(directory) = directory(tar.effective().words)
            && is_plain(url)
        {
            let add = format!("ADD --unpack=true {} {directory}", url.text);
            let fix = Fix::unsafe_("let BuildKit fetch and unpack it", vec![Edit::replace(span, add)]);
            finding = finding.fix(fix.with_effects([Effect::Files, Effect::Network, Effect::Build]));
        }
        cx.report(finding);
    }
}

/// The one URL of a command that writes what it fetches to a pipe.
fn piped<'a>(view: &CommandView<'a>) -> Option<&'a ShellWord> {
    view.operations.iter().find_map(|operation| match operation {
        Operation::Download(download) if download.output.is_none() => match download.urls.as_slice() {
            [url] => Some(url),
            _ => None,
        },
        _ => None,
    })
}

fn is_plain(word: &ShellWord) -> bool {
    !word.text.contains(['`', ' ', '"', '\'']) && !word.text.contains("$(")
}

/// Where tar unpacks to; none where it does more than ADD can.
fn directory(words: &[ShellWord]) -> Option<&str> {
    let mut directory = "./";
    let mut unpacks = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.text.as_str() {
            "-C" | "--directory" => directory = words.next().filter(|w| is_plain(w))?.text.as_str(),
            "-" | "-f" | "--gzip" | "--xz" | "--bzip2" | "-f-" | "--file=-" => {}
            "--extract" => unpacks = true,
            text => {
                // `xzf`, `-xJ`, `-xzC` with the directory behind.
                let letters = text.strip_prefix('-').unwrap_or(text);
                if letters.is_empty() || !letters.chars().all(|c| "xzjJvfC".contains(c)) {
                    return None;
                }
                unpacks |= letters.contains('x');
                if letters.contains('C') {
                    directory = words.next().filter(|w| is_plain(w))?.text.as_str();
                }
            }
        }
    }
    unpacks.then_some(directory)
}
