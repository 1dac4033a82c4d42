//! What the last stage copies, told apart from what it needs; for people.

use super::here;
use crate::plan::Reason;
use crate::plan::site::Site;

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
