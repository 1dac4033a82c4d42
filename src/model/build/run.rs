//! RUN's flags: mounts, devices, network, security.

use super::Fault;
use crate::model::instruction::{Instruction, Mount};
use crate::model::mount;
use crate::model::stage::StageRef;
use crate::source::Span;
use crate::syntax::Word;

/// RUN's mounts, and the first thing wrong with its flags' values: devices, mounts, network, security.
pub(super) fn flags_of(instruction: &Instruction) -> (Vec<Mount>, Option<Fault>) {
    let mut device_fault = None;
    let mut mount_fault = None;
    let mut mounts = Vec::new();
    let mut value_fault = None;
    for flag in &instruction.flags {
        let Some(value) = &flag.value else { continue };
        match flag.name.as_str() {
            "device" => device_fault = device_fault.or_else(|| device(value)),
            "mount" => {
                let (read, fault) = read_mount(value, flag.span);
                mounts.extend(read);
                mount_fault = mount_fault.or(fault);
            }
            _ => {}
        }
    }
    for (name, allowed) in [
        ("network", &["default", "none", "host"][..]),
        ("security", &["insecure", "sandbox"]),
    ] {
        if let Some(value) = instruction.flag(name).and_then(|f| f.value.as_ref())
            && !allowed.contains(&value.value.as_str())
        {
            let message = format!(
                "`{}` is no value for `--{name}`: there are {}",
                value.value,
                allowed.join(", ")
            );
            value_fault = value_fault.or_else(|| Some(Fault::new(message, value.span)));
        }
    }
    (mounts, device_fault.or(mount_fault).or(value_fault))
}

fn read_mount(value: &Word, span: Span) -> (Option<Mount>, Option<Fault>) {
    let fields = match mount::fields(&value.value) {
        Ok(fields) => fields,
        Err(message) => {
            return (
                None,
                Some(Fault::new(format!("`--mount` cannot be read: {message}"), value.span)),
            );
        }
    };
    let fault = mount::check_unexpanded(&fields).map(|(i, message)| {
        let place = fields.get(i).map_or(value.span, |f| value.part(f.range.clone()));
        Fault::new(message, place)
    });
    let mut read = Mount {
        kind: "bind".to_owned(),
        target: None,
        source: None,
        from: None,
        id: None,
        options: Vec::with_capacity(fields.len()),
        span,
    };
    for field in fields {
        let place = value.part(field.value_range.unwrap_or(field.range));
        let word = field.value.map(|v| Word::new(v, place));
        match (field.key.as_str(), &word) {
            ("type", Some(w)) => read.kind = w.value.to_lowercase(),
            ("target" | "dst" | "destination", Some(w)) => read.target = Some(w.clone()),
            ("source" | "src", Some(w)) => read.source = Some(w.clone()),
            ("from", Some(w)) if !w.value.is_empty() => read.from = Some((w.clone(), StageRef::Unknown)),
            ("id", Some(w)) => read.id = Some(w.clone()),
            _ => {}
        }
        read.options.push((field.key, word));
    }
    (Some(read), fault)
}

/// `--device=[name=]DEVICE[,required[=bool]]`.
fn device(value: &Word) -> Option<Fault> {
    let fields = match mount::fields(&value.value) {
        Ok(fields) => fields,
        Err(message) => {
            return Some(Fault::new(format!("`--device` cannot be read: {message}"), value.span));
        }
    };
    let mut named = false;
    for field in fields {
        let fault = |message: String| Some(Fault::new(message, value.part(field.range.clone())));
        match (field.key.as_str(), field.value.as_deref()) {
            ("required", None) => {}
            ("required", Some(v)) if mount::parse_bool(v).is_some() => {}
            ("required", Some(v)) => {
                return fault(format!("`required` is `true` or `false`, not `{v}`"));
            }
            ("name", Some(_)) if named => {
                return fault("the device's name is given twice".to_owned());
            }
            ("name", Some(_)) => named = true,
            _ if !named => named = true,
            (key, None) => return fault(format!("the device option `{key}` needs a value")),
            (key, Some(_)) => {
                return fault(format!("`{key}` is no device option: there are name, required"));
            }
        }
    }
    None
}
