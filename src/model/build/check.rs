//! The `# check=` directive: options for BuildKit's own lint, which it reads before anything else.

use crate::model::mount::parse_bool;
use crate::model::refusal::{Phase, Refusal};
use crate::syntax::Lines;

/// A refusal where the options cannot be read: `skip`, `experimental` and `error`, split by `;`.
pub(super) fn refusal(lines: &Lines) -> Option<Refusal> {
    let directive = lines.detected.iter().find(|d| d.name == "check")?;
    // What stands behind a blank is not looked at.
    let options = directive.value.split(' ').next().unwrap_or_default().trim();
    let wrong = options.splitn(3, ';').find(|option| match option.split_once('=') {
        Some((key, value)) => match key.trim() {
            "skip" | "experimental" => false,
            "error" => parse_bool(value.trim()).is_none(),
            _ => true,
        },
        None => true,
    })?;
    Some(Refusal {
        phase: Phase::Parse,
        message: format!(
            "`{wrong}` is no option for `# check=`: write `skip=RULE,RULE`, `experimental=RULE` or `error=true`, joined by `;` without blanks"
        ),
        span: directive.value_span,
        line: None,
    })
}
