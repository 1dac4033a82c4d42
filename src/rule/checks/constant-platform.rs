//! FROM asks for one fixed platform.

use crate::model::{Stage, Kind, platform};
use crate::rule::{Cx, Finding, Inspect};
use crate::syntax::expand;

/// See `rules/constant-platform.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn stage(&self, cx: &mut Cx<'_>, stage: &Stage) {
        let Some(from) = cx.file.from_of(stage) else { return };
        let Kind::From { platform: Some(word), .. } = &from.kind else { return };
        if !expand::references(word, cx.file.lines.escape).is_empty() {
            return;
        }
        let Ok(expanded) = cx.file.expand(word, from.index) else { return };
        if platform::check(&expanded.value).is_err() {
            return;
        }
        // A stage that is named after its platform is made for it.
        let name = stage.name.as_deref().unwrap_or_default().to_lowercase();
        if name.contains(&platform::system(&expanded.value)) || name.contains(architecture(&expanded.value)) {
            return;
        }
        cx.report(
            Finding::new(word.span, format!("FROM is bound to the platform `{}`", expanded.value))
                .help("leave the flag out, take `$BUILDPLATFORM`, or an ARG; a stage for one platform carries it in its name"),
        );
    }
}

/// The architecture of a platform under the name that Docker gives it; `amd64` where none is said.
fn architecture(platform: &str) -> &str {
    let mut parts = platform.split('/');
    let first = parts.next().unwrap_or_default();
    let written = match parts.next() {
        Some(second) => second,
        None if platform::system(first) == first.to_ascii_lowercase() => "amd64",
        None => first,
    };
    match written.to_ascii_lowercase().as_str() {
        "x86_64" | "x86-64" => "amd64",
        "aarch64" => "arm64",
        "armhf" | "armel" => "arm",
        "i386" => "386",
        _ => written,
    }
}
