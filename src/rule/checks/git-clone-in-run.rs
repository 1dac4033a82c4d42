//! A repository is cloned by RUN.

use crate::edit::{Edit, Effect, Fix};
use crate::facts::CommandView;
use crate::rule::{Cx, Finding, Inspect, layout};
use crate::shell::Operation;
use crate::shell::operations::GitClone;

/// See `rules/git-clone-in-run.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn command(&self, cx: &mut Cx<'_>, view: &CommandView<'_>) {
        let clone = view.operations.iter().find_map(|operation| match operation {
            Operation::GitClone(clone) => Some(clone),
            _ => None,
        });
        let Some(clone) = clone else { return };
        if !cx.facts.is_posix(view.instruction) {
            return;
        }
        let mut finding = Finding::new(view.command.span, "a RUN clones a repository")
            .help("write `ADD https://HOST/REPOSITORY.git#REVISION /dir`");
        if let (Some(span), Some(add)) = (layout::sole(cx.file, view.instruction, view.script), add(clone)) {
            let fix = Fix::unsafe_(
                "let BuildKit fetch it, without its history",
                vec![Edit::replace(span, add)],
            );
            finding = finding.fix(fix.with_effects([Effect::Files, Effect::Network, Effect::Build]));
        }
        cx.report(finding);
    }
}

/// The ADD that fetches the same; none where it is not clear what that is.
fn add(clone: &GitClone) -> Option<String> {
    let url = clone.url.as_ref()?.text.as_str();
    let words = [&clone.url, &clone.directory, &clone.branch];
    if words
        .into_iter()
        .flatten()
        .any(|w| w.text.contains(['`', ' ', '"', '\'']) || w.text.contains("$("))
    {
        return None;
    }
    let path = url.strip_prefix("https://")?;
    let known = ["github.com/", "gitlab.com/", "bitbucket.org/"];
    let full = match (path.ends_with(".git"), known.iter().any(|host| path.starts_with(host))) {
        (true, _) => url.to_owned(),
        (false, true) => format!("{}.git", url.trim_end_matches('/')),
        (false, false) => return None,
    };
    let revision = clone.branch.as_ref().map_or(String::new(), |b| format!("#{}", b.text));
    let name = full.trim_end_matches(".git").rsplit('/').next()?;
    let directory = clone.directory.as_ref().map_or(name, |d| d.text.as_str());
    (!directory.is_empty()).then(|| format!("ADD {full}{revision} {directory}"))
}
