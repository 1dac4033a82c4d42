//! A script from the network is run unseen.

use crate::facts::CommandView;
use crate::rule::{Cx, Finding, Inspect};
use crate::shell::Command;

/// See `rules/download-run-unseen.yaml`.
pub struct Rule;

const INTERPRETERS: [&str; 12] = [
    "sh", "bash", "ash", "dash", "zsh", "ksh", "python", "python2", "python3", "perl", "ruby", "node",
];

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        if !INTERPRETERS.contains(&view.name()) {
            return;
        }
        let found = if reads_script(view) { piped_from(view) } else { None }.or_else(|| substituted(view));
        if let Some(download) = found {
            let fetcher = download.effective();
            cx.report(
                Finding::new(
                    view.name_span(),
                    format!("`{}` runs what `{}` fetched, unseen", view.name(), fetcher.base_name()),
                )
                .related(fetcher.name.span, "fetched here")
                .help("download to a file, check its sum, then run it"),
            );
        }
    }
}

/// Whether it runs what it reads, and not a script of its own that reads it (`python -m json.tool`,
/// `sh -c '...'`, `python filter.py`).
fn reads_script(view: &CommandView<'_>) -> bool {
    let first = view.arguments().next().map(|w| w.text.as_str());
    let own = ["-c", "-m", "-e", "-n", "-p"]
        .iter()
        .any(|option| view.has_option(option));
    match first {
        None | Some("-" | "/dev/stdin") => !own,
        Some(_) => view.has_option("-s"),
    }
}

fn is_fetcher(command: &Command) -> bool {
    matches!(command.effective().base_name(), "curl" | "wget" | "aria2c" | "fetch")
}

/// The download that starts the pipeline at whose end the interpreter stands.
fn piped_from<'a>(view: &CommandView<'a>) -> Option<&'a Command> {
    let (position, count) = view.command.place.pipeline?;
    if position == 0 {
        return None;
    }
    let before = view.script.commands.get(..view.index)?;
    let own = |c: &&Command| c.place.depth == view.command.place.depth && c.place.link == view.command.place.link;
    let mut wanted = position;
    for command in before.iter().rev().filter(own) {
        match command.place.pipeline {
            Some((at, n)) if n == count && at + 1 == wanted => {
                if is_fetcher(command) {
                    return Some(command);
                }
                wanted = at;
            }
            _ => return None,
        }
    }
    None
}

/// The download in a `$( )` or `<( )` that the interpreter is given as its script.
fn substituted<'a>(view: &CommandView<'a>) -> Option<&'a Command> {
    let inside = view.script.commands.get(view.index + 1..)?;
    inside
        .iter()
        .take_while(|c| c.span.start < view.command.span.end)
        .find(|c| c.place.in_substitution && !view.command.place.in_substitution && is_fetcher(c))
}
