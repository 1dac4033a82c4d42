//! AS is not written in FROM's case.

use crate::edit::{Edit, Fix};
use crate::model::{Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/from-as-casing.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let Kind::From { as_span: Some(span), .. } = instruction.kind else { return };
        let from = cx.slice(instruction.keyword_span).to_owned();
        let written = cx.slice(span).to_owned();
        let lower = from.bytes().all(|b| b.is_ascii_lowercase());
        // A FROM in mixed case is another rule's business.
        if !lower && !from.bytes().all(|b| b.is_ascii_uppercase()) {
            return;
        }
        let right = if lower { written.to_lowercase() } else { written.to_uppercase() };
        if written == right {
            return;
        }
        let fix = Fix::safe(format!("write `{right}`"), vec![Edit::replace(span, &right)]);
        cx.report(
            Finding::new(span, format!("`{written}` is not in the case of `{from}`")).help(format!("write `{right}`")).fix(fix),
        );
    }
}
