//! Reports of `mbopt verify`.

pub mod batch;
mod html;
mod markdown;
mod text;

pub use html::html;
pub use markdown::markdown;
pub use text::text;

use crate::verify::Report;

/// One JSON object, with [`crate::verify::REPORT_VERSION`] in it.
pub fn json(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}

/// Bytes as people read them: `1.23 GB`; powers of ten, as registries count.
pub(super) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            return match unit {
                "B" => format!("{bytes} B"),
                _ if value < 9.995 => format!("{value:.2} {unit}"),
                _ if value < 99.95 => format!("{value:.1} {unit}"),
                _ => format!("{value:.0} {unit}"),
            };
        }
        value /= 1000.0;
    }
    format!("{value:.2} TB")
}

/// `-92.3 %`, `+4.0 %`.
pub fn change(reduction: f64) -> String {
    match reduction < 0.0 {
        true => format!("+{:.1} %", -reduction * 100.0),
        false => format!("-{:.1} %", reduction * 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_changes_are_short() {
        assert_eq!(
            (size(0), size(999), size(1000)),
            ("0 B".into(), "999 B".into(), "1.00 kB".into())
        );
        assert_eq!(
            (size(832_100_000), size(1_230_000_000)),
            ("832 MB".into(), "1.23 GB".into())
        );
        assert_eq!((change(0.923), change(-0.04)), ("-92.3 %".into(), "+4.0 %".into()));
    }
}
