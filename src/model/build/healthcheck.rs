//! HEALTHCHECK's forms and times.

use super::arguments::{Parts, missing};
use super::{Fault, Source};
use crate::model::duration;
use crate::model::instruction::{Form, Healthcheck, Instruction, Kind};
use crate::syntax::words;
use std::ops::Range;

/// The shortest interval that HEALTHCHECK takes, in nanoseconds.
const MIN_INTERVAL: f64 = 1e6;

impl Source<'_> {
    pub(super) fn healthcheck(
        &self,
        instruction: &mut Instruction,
        range: Range<usize>,
        flag_fault: Option<Fault>,
    ) -> Result<Option<Fault>, Fault> {
        let whole = Parts::of(instruction).whole;
        let Some((kind, rest)) = words::health_type(&self.line.joined, range) else {
            return Ok(Some(missing("HEALTHCHECK", "CMD or NONE", whole)));
        };
        let form = self.form(rest)?;
        let empty = match &form {
            Form::Shell(word) => word.value.is_empty(),
            Form::Exec(words) => words.is_empty(),
        };
        if kind.value.to_uppercase() == "NONE" {
            instruction.kind = Kind::Healthcheck(Healthcheck::None);
            return Ok((!empty).then(|| Fault::new("HEALTHCHECK NONE takes no arguments", whole)));
        }
        if kind.value.to_uppercase() != "CMD" {
            let message = format!("HEALTHCHECK begins with CMD or NONE, not with `{}`", kind.value);
            return Ok(flag_fault.or_else(|| Some(Fault::new(message, kind.span))));
        }
        instruction.kind = Kind::Healthcheck(Healthcheck::Cmd(form));
        Ok(flag_fault
            .or_else(|| empty.then(|| Fault::new("HEALTHCHECK CMD has no command", whole)))
            .or_else(|| check_times(instruction)))
    }
}

/// HEALTHCHECK's intervals and retries.
fn check_times(instruction: &Instruction) -> Option<Fault> {
    for name in ["interval", "timeout", "start-period", "start-interval"] {
        let Some(value) = instruction.flag(name).and_then(|f| f.value.as_ref()) else {
            continue;
        };
        match duration::parse(&value.value) {
            _ if value.value.is_empty() => {}
            None => {
                return Some(Fault::new(
                    format!(
                        "`{}` is no duration for `--{name}`: write it like `30s` or `1m30s`",
                        value.value
                    ),
                    value.span,
                ));
            }
            Some(0.0) => {}
            Some(time) if time < MIN_INTERVAL => {
                return Some(Fault::new(format!("`--{name}` must be 0 or at least 1ms"), value.span));
            }
            Some(_) => {}
        }
    }
    let retries = instruction
        .flag("retries")
        .and_then(|f| f.value.as_ref())
        .filter(|v| !v.value.is_empty())?;
    match retries.value.parse::<i32>() {
        Ok(count) if count >= 0 => None,
        Ok(_) => Some(Fault::new("`--retries` cannot be negative", retries.span)),
        Err(_) => {
            let message = format!("`{}` is no number of retries", retries.value);
            Some(Fault::new(message, retries.span))
        }
    }
}
