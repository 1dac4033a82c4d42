//! Keywords are not all written in the same case.

use crate::edit::{Edit, Fix};
use crate::model::{Instruction, Keyword};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/instruction-casing.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let file = cx.file;
        let text = |i: &Instruction| file.source.slice(i.keyword_span);
        // ARGs above the first FROM neither count nor are looked at, as BuildKit does it; a word that is
        // no keyword is refused, whatever its case.
        let counts = |i: &&Instruction| i.stage.is_some() && i.keyword != Keyword::Unknown;
        let inside = || file.instructions.iter().filter(counts);
        let (mut lower, mut upper) = (0_usize, 0_usize);
        for word in inside().map(text) {
            let has = |test: fn(&char) -> bool| word.chars().any(|c| test(&c));
            match (has(|c| c.is_lowercase()), has(|c| c.is_uppercase())) {
                (_, false) => lower += 1,
                (false, true) => upper += 1,
                (true, true) => {}
            }
        }
        let majority = if lower > upper { "lower" } else { "upper" };
        for instruction in inside() {
            let word = text(instruction);
            let right = if lower > upper {
                word.to_lowercase()
            } else {
                word.to_uppercase()
            };
            if word == right {
                continue;
            }
            let fix = Fix::safe(
                format!("write `{right}`"),
                vec![Edit::replace(instruction.keyword_span, &right)],
            );
            cx.report(
                Finding::new(
                    instruction.keyword_span,
                    format!("`{word}` is written otherwise than most instructions here"),
                )
                .help(format!(
                    "most keywords of this file are in {majority} case: write `{right}`"
                ))
                .fix(fix),
            );
        }
    }
}
