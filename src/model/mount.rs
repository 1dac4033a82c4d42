//! `RUN --mount=`: its comma-separated fields and what each mount type takes.

use super::suggest::closest;
use std::ops::Range;

/// Mount types.
const TYPES: &[&str] = &["bind", "cache", "tmpfs", "secret", "ssh"];

/// Ways to share a cache.
const SHARINGS: &[&str] = &["shared", "private", "locked"];

/// All keys of a mount.
const KEYS: &[&str] = &[
    "type",
    "from",
    "source",
    "src",
    "target",
    "dst",
    "destination",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "id",
    "sharing",
    "required",
    "size",
    "mode",
    "uid",
    "gid",
    "env",
];

/// One `key=value` or `key` between commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    /// Lower-cased.
    pub key: String,
    /// Behind the `=`, quotes of the comma-separated list taken off.
    pub value: Option<String>,
    /// The whole field in the flag's value, quotes included.
    pub range: Range<usize>,
    /// The value in the flag's value, where it stands there as it is.
    pub value_range: Option<Range<usize>>,
}

/// Cuts a flag's value at its commas; a field may be quoted with `"` as in CSV.
///
/// # Errors
/// A quote that is not closed, or stands inside an unquoted field.
pub(super) fn fields(value: &str) -> Result<Vec<Field>, String> {
    if value.is_empty() {
        return Err("the flag has an empty value".to_owned());
    }
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        let rest = value.get(at..).unwrap_or_default();
        let (text, length, quoted) = match rest.strip_prefix('"') {
            Some(inner) => {
                let (text, length) = quoted_field(inner)?;
                (text, length + 1, true)
            }
            None => {
                let length = rest.find(',').unwrap_or(rest.len());
                let text = rest.get(..length).unwrap_or_default();
                if text.contains('"') {
                    return Err(format!(
                        "the field `{text}` has a `\"` inside: quote the whole field or none of it"
                    ));
                }
                (text.to_owned(), length, false)
            }
        };
        let range = at..at + length;
        let (key, field_value) = match text.split_once('=') {
            Some((key, v)) => (key.to_lowercase(), Some(v.to_owned())),
            None => (text.to_lowercase(), None),
        };
        let value_range = match &field_value {
            Some(v) if !quoted => Some(range.end - v.len()..range.end),
            _ => None,
        };
        out.push(Field {
            key,
            value: field_value,
            range: range.clone(),
            value_range,
        });
        at = range.end;
        match value.as_bytes().get(at) {
            Some(b',') => at += 1,
            Some(_) => return Err("a field goes on behind its closing `\"`".to_owned()),
            None => return Ok(out),
        }
    }
}

/// A quoted field behind its opening quote: its text, and the length with the closing quote.
fn quoted_field(inner: &str) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut chars = inner.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c != '"' {
            text.push(c);
        } else if chars.peek().is_some_and(|(_, next)| *next == '"') {
            text.push('"');
            chars.next();
        } else {
            return Ok((text, i + 1));
        }
    }
    Err("a field's `\"` is not closed".to_owned())
}

/// What can be said before any variable is expanded.
pub(super) fn check_unexpanded(fields: &[Field]) -> Option<(usize, String)> {
    fields.iter().position(has_variable_from).map(|i| {
        (
            i,
            "`from` takes no variable: give the image a stage of its own (`FROM $IMAGE AS name`) and name that"
                .to_owned(),
        )
    })
}

fn has_variable_from(field: &Field) -> bool {
    field.key == "from"
        && field
            .value
            .as_deref()
            .is_some_and(|v| v.find('$').is_some_and(|i| i + 1 != v.len()))
}

/// A mount with its variables expanded, as far as later checks need it.
#[derive(Debug, Default)]
pub(super) struct Mounted {
    /// The mount type.
    pub kind: String,
    /// The stage or image it is taken from.
    pub from: Option<String>,
    /// The path in what it is taken from.
    pub source: String,
    /// The path in the container.
    pub target: String,
}

/// Checks the expanded fields in their order, then what they say together.
///
/// # Errors
/// The field at fault, by index, and what is wrong with it.
pub(super) fn check_expanded(fields: &[(String, Option<String>)]) -> Result<Mounted, (usize, String)> {
    let mut mount = Mounted {
        kind: "bind".to_owned(),
        ..Mounted::default()
    };
    let mut owner: Option<(usize, &str)> = None;
    let (mut id, mut sharing) = (false, None);
    for (i, (key, value)) in fields.iter().enumerate() {
        let Some(value) = value else {
            match key.as_str() {
                "readonly" | "ro" | "readwrite" | "rw" => {}
                "required" => check_required(&mount.kind).map_err(|m| (i, m))?,
                _ => {
                    return Err((i, format!("the mount option `{key}` needs a value: write `{key}=...`")));
                }
            }
            continue;
        };
        let wrong = |what: &str| Err((i, format!("`{value}` is no value for `{key}`: {what}")));
        match key.as_str() {
            "type" => {
                let kind = value.to_lowercase();
                if !TYPES.contains(&kind.as_str()) {
                    return Err((i, unknown("mount type", value, TYPES)));
                }
                mount.kind = kind;
            }
            "from" => mount.from = Some(value.clone()).filter(|v| !v.is_empty()),
            "source" | "src" => mount.source.clone_from(value),
            "target" | "dst" | "destination" => mount.target.clone_from(value),
            "readonly" | "ro" | "readwrite" | "rw" => {
                if parse_bool(value).is_none() {
                    return wrong("write `true` or `false`");
                }
            }
            "required" => {
                check_required(&mount.kind).map_err(|m| (i, m))?;
                if parse_bool(value).is_none() {
                    return wrong("write `true` or `false`");
                }
            }
            "size" if mount.kind != "tmpfs" => {
                return Err((
                    i,
                    format!(
                        "`size` belongs to `type=tmpfs`, which must stand before it, not to `{}`",
                        mount.kind
                    ),
                ));
            }
            "size" => {
                if !is_size(value) {
                    return wrong("write a number of bytes, like `64m`");
                }
            }
            "id" => id = !value.is_empty(),
            "sharing" => {
                if !SHARINGS.contains(&value.to_lowercase().as_str()) {
                    return Err((i, unknown("way of sharing", value, SHARINGS)));
                }
                sharing = Some(i);
            }
            "mode" => {
                if !is_number(value, 8) {
                    return wrong("write an octal mode, like `0644`");
                }
                owner = owner.or(Some((i, "mode")));
            }
            "uid" | "gid" => {
                if !is_number(value, 10) {
                    return wrong("write a number");
                }
                owner = owner.or(Some((i, if key == "uid" { "uid" } else { "gid" })));
            }
            "env" => {}
            _ => return Err((i, unknown("mount option", key, KEYS))),
        }
    }
    if let Some((i, key)) = owner
        && !matches!(mount.kind.as_str(), "secret" | "ssh" | "cache")
    {
        return Err((i, format!("a mount of type `{}` takes no `{key}`", mount.kind)));
    }
    if mount.kind == "secret" {
        if mount.from.is_some() {
            return Err((0, "a secret mount takes no `from`".to_owned()));
        }
        if let Some(i) = sharing {
            return Err((i, "a secret mount takes no `sharing`".to_owned()));
        }
        if mount.source.is_empty() && mount.target.is_empty() && !id {
            return Err((0, "a secret mount needs an `id` or a `target`".to_owned()));
        }
        if !mount.source.is_empty() && id {
            return Err((0, "a secret mount takes `id` or `source`, not both".to_owned()));
        }
    }
    if let Some(i) = sharing
        && mount.kind != "cache"
    {
        return Err((i, format!("`sharing` belongs to `type=cache`, not to `{}`", mount.kind)));
    }
    if mount.kind == "ssh" && !mount.source.is_empty() {
        return Err((0, "an ssh mount takes no `source`".to_owned()));
    }
    Ok(mount)
}

fn check_required(kind: &str) -> Result<(), String> {
    if kind == "secret" || kind == "ssh" {
        return Ok(());
    }
    Err(format!(
        "`required` belongs to `type=secret` or `type=ssh`, which must stand before it, not to `{kind}`"
    ))
}

fn unknown(what: &str, word: &str, options: &[&'static str]) -> String {
    match closest(word, options.iter().copied()) {
        Some(near) => format!("`{word}` is no {what}: did you mean `{near}`?"),
        None => format!("`{word}` is no {what}: there are {}", options.join(", ")),
    }
}

/// `1`, `t`, `true`, `0`, `f`, `false`, with `T`/`F` and words in lower, upper or title case.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// An unsigned number of at most 32 bits.
fn is_number(text: &str, radix: u32) -> bool {
    !text.starts_with('+') && u32::from_str_radix(text, radix).is_ok()
}

/// A size in bytes with an optional binary unit: `64m`, `1.5 GiB`.
fn is_size(text: &str) -> bool {
    let Some(last) = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ') else {
        return false;
    };
    let number = text.get(..=last).unwrap_or_default();
    let number = number.strip_suffix(' ').unwrap_or(number);
    let unit = text.get(last + 1..).unwrap_or_default().to_lowercase();
    let plain = number
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'e' | b'E'));
    plain
        && number.parse::<f64>().is_ok_and(|n| n >= 0.0)
        && match unit.as_bytes() {
            [] | [b'b'] => true,
            [b'k' | b'm' | b'g' | b't' | b'p', rest @ ..] => matches!(rest, b"" | b"b" | b"ib"),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str) -> Result<Mounted, (usize, String)> {
        let fields = fields(value).map_err(|m| (0, m))?;
        if let Some(fault) = check_unexpanded(&fields) {
            return Err(fault);
        }
        check_expanded(&fields.into_iter().map(|f| (f.key, f.value)).collect::<Vec<_>>())
    }

    #[test]
    fn takes_what_each_type_takes() {
        for good in [
            "type=bind,target=/x",
            "target=/x,ro",
            "type=cache,target=/c,sharing=LOCKED,uid=1,gid=2,mode=0755,id=x",
            "type=tmpfs,target=/t,size=64m",
            "type=secret,id=a,required",
            "type=secret,id=a,env=TOKEN,required=true",
            "type=ssh",
            "\"source=a,b\",target=/x",
            "from=a$,target=/x",
        ] {
            assert!(check(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn says_which_field_is_wrong() {
        for (bad, at) in [
            ("typ=tmpfs", 0),
            ("target=/x,type=tmp", 1),
            ("target=/x,z", 1),
            ("target=/x,required", 1),
            ("size=1m,type=tmpfs", 0),
            ("target=/x,mode=0644", 1),
            ("type=cache,sharing=all", 1),
            ("target=/x,sharing=shared", 1),
            ("type=secret", 0),
            ("from=$X,target=/x", 0),
            ("target=/x,ro=maybe", 1),
            ("a\"b", 0),
            ("\"a", 0),
            ("\"a\"b", 0),
            ("", 0),
        ] {
            assert_eq!(check(bad).map_err(|(i, _)| i).err(), Some(at), "{bad}");
        }
    }

    #[test]
    fn keeps_places() {
        let value = "type=bind,source=a,ro";
        let fields = fields(value).expect("fields");
        let texts: Vec<_> = fields
            .iter()
            .map(|f| f.value_range.clone().map(|r| &value[r]))
            .collect();
        assert_eq!(texts, [Some("bind"), Some("a"), None]);
        assert_eq!(&value[fields[2].range.clone()], "ro");
    }
}
