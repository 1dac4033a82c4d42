//! What the last stage copies, told apart from what it needs; for people.

use super::here;
use crate::model::Kind;
use crate::plan::layout;
use crate::plan::site::Site;
use crate::plan::{Evidence, Reason};

/// A file whose last stage is built on the stage whose root it copied.
pub(super) struct Inherited {
    /// The text.
    pub text: String,
    /// The stage.
    pub from: String,
    /// The copy.
    pub evidence: Vec<Evidence>,
}

/// `FROM scratch` with `COPY --from=STAGE / /` behind it, as `FROM STAGE`.
pub(super) fn inherited(site: &Site<'_>) -> Option<Inherited> {
    let file = site.file();
    let from = file.from_of(site.stage)?;
    let Kind::From { image, .. } = &from.kind else {
        return None;
    };
    if !image.text.eq_ignore_ascii_case("scratch") {
        return None;
    }
    let copy = file
        .instructions_of(site.stage)
        .iter()
        .find(|i| i.transfer().is_some())?;
    let transfer = copy.transfer().filter(|t| t.inline.is_empty())?;
    let stage = transfer.from.as_ref()?.1.stage().and_then(|id| file.stage(id))?;
    let whole = matches!(transfer.sources.as_slice(), [source] if source.value == "/");
    let to_root = transfer.destination.as_ref().is_some_and(|d| d.value == "/");
    let name = stage
        .name
        .clone()
        .filter(|_| whole && to_root && copy.flags.len() == 1)?;
    let text = file.source.text();
    let lines = file.source.lines();
    let start = lines.start(lines.line(copy.span.start));
    let end = layout::end(file, copy);
    Some(Inherited {
        text: format!(
            "{}{name}{}{}",
            text.get(..image.span.start)?,
            text.get(image.span.end..start)?,
            text.get(end..)?
        ),
        from: name,
        evidence: vec![here(site, copy.index, "it copies `/`")],
    })
}

/// What of the copies could be less.
pub(super) fn reasons(site: &Site<'_>) -> Vec<Reason> {
    let mut out = Vec::new();
    for instruction in site.file().instructions_of(site.stage) {
        let Some(transfer) = instruction.transfer() else {
            continue;
        };
        let Some((from, _)) = &transfer.from else { continue };
        let whole = transfer
            .sources
            .iter()
            .any(|s| matches!(s.value.as_str(), "/" | "/." | "/*"));
        if whole {
            out.push(Reason {
                says: format!(
                    "it copies the whole root of `{}`, toolchain included: copy what it starts and what that reads",
                    from.value
                ),
                evidence: vec![here(site, instruction.index, "it copies `/`")],
            });
        }
    }
    out
}
