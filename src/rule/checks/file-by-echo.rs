//! A RUN writes a file that COPY could bring.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::CommandView;
use crate::model::{Dockerfile, Kind};
use crate::rule::{Cx, Finding, Inspect, layout};
use crate::shell::Redirect;

/// See `rules/file-by-echo.yaml`.
pub struct Rule;

/// Below these, files of programs and of the system lie; not devices and pseudo files.
const FOLDERS: [&str; 7] = ["/etc/", "/app/", "/usr/", "/opt/", "/srv/", "/home/", "/root/"];

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        if !matches!(view.name(), "echo" | "printf" | "cat") || !cx.facts.is_posix(view.instruction) {
            return;
        }
        let written = view.command.redirects.iter().find_map(|redirect| {
            let target = redirect.target.as_ref()?;
            let is_file = redirect.operator.starts_with('>') && FOLDERS.iter().any(|f| target.text.starts_with(f));
            is_file.then_some((redirect, target))
        });
        let Some((redirect, target)) = written else { return };
        let mut finding = Finding::new(target.span, format!("a RUN writes `{}`", target.text))
            .help(format!("write `COPY <<EOF {}`", target.text));
        let is_root = cx
            .file
            .settings_at(view.instruction.index)
            .user
            .is_none_or(|user| matches!(user.value.as_deref(), Some("root" | "0" | "root:root" | "0:0")));
        if is_root
            && target.literal
            && !target.quoted
            && view.command.redirects.len() == 1
            && let Some(span) = layout::sole(cx.file, view.instruction, view.script)
            && let Some(text) = text(view, redirect)
        {
            let delimiter = if text.contains(['$', '\\']) { "\"EOF\"" } else { "EOF" };
            let copy = format!("COPY <<{delimiter} {}\n{text}EOF", target.text);
            let edits = vec![Edit::replace(span, copy)];
            let title = "bring the file by COPY";
            // Only who uses heredocs already is known to build with a BuildKit that has them.
            let fix = if uses_heredocs(cx.file) {
                Fix::unsafe_(title, edits)
            } else {
                Fix {
                    applicability: crate::edit::Applicability::DisplayOnly,
                    ..Fix::unsafe_(title, edits)
                }
            };
            finding = finding.fix(fix.with_effects([Effect::Files, Effect::Build]));
        }
        cx.report(finding);
    }
}

/// What is written, where that can be told: whole lines.
fn text(view: &CommandView<'_>, redirect: &Redirect) -> Option<String> {
    if redirect.operator != ">" || redirect.fd.is_some_and(|fd| fd != 1) || !view.command.assignments.is_empty() {
        return None;
    }
    let words = view.words();
    if view.wrappers().next().is_some() || words.iter().any(|w| !w.literal || w.text.contains(['\n', '\0'])) {
        return None;
    }
    let text = match view.name() {
        // Options and backslashes mean different things to different shells.
        "echo" if words.iter().all(|w| !w.is_flag() && !w.text.contains('\\')) => {
            let words: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
            format!("{}\n", words.join(" "))
        }
        "printf" => {
            let [format] = words else { return None };
            let text = format.text.replace("\\n", "\n");
            (!text.contains(['\\', '%']) && text.ends_with('\n')).then_some(text)?
        }
        _ => return None,
    };
    text.lines().all(|line| line != "EOF").then_some(text)
}

fn uses_heredocs(file: &Dockerfile) -> bool {
    file.instructions.iter().map(|i| i.inner()).any(|i| match &i.kind {
        Kind::Run { heredocs, .. } => !heredocs.is_empty(),
        Kind::Copy(transfer) | Kind::Add(transfer) => !transfer.inline.is_empty(),
        _ => false,
    })
}
