//! Reports of `mbopt verify`.

pub mod batch;
mod html;
mod markdown;
mod text;

pub use html::html;
pub use markdown::markdown;
pub use text::text;

use super::size;
use crate::verify::{ImageSize, Offer, Report};

/// One JSON object, with [`crate::verify::REPORT_VERSION`] in it.
pub fn json(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).unwrap_or_default();
    text.push('\n');
    text
}

/// What two images have in bytes, unpacked and, where both are known, compressed: name, before, after.
pub(super) fn both_sizes(before: &ImageSize, after: &ImageSize) -> impl Iterator<Item = (&'static str, u64, u64)> {
    let compressed = before.compressed_bytes.zip(after.compressed_bytes);
    let unpacked = ("unpacked", before.unpacked_bytes, after.unpacked_bytes);
    std::iter::once(unpacked).chain(compressed.map(|(old, new)| ("compressed", old, new)))
}

/// What each stage made of an image: `base image 719 MB, runtime 17.6 kB`.
pub(super) fn by_stage(image: &ImageSize) -> String {
    let parts = image.stages.iter().map(|part| {
        let name = part.stage.as_deref().unwrap_or("base image");
        format!("{name} {}", size(part.unpacked_bytes))
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// What to add to the command line for a variable that the project names.
pub(super) fn setting(offer: &Offer) -> String {
    format!("--env {}={}", offer.name, offer.value)
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
    fn changes_are_short() {
        assert_eq!((change(0.923), change(-0.04)), ("-92.3 %".into(), "+4.0 %".into()));
    }
}
