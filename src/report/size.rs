//! Bytes as people read them.

/// `1.23 GB`: three digits, powers of ten as registries count.
pub fn size(bytes: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1234, "1.23 kB"),
            (74_130_181, "74.1 MB"),
            (999_999, "1.00 MB"),
            (1_350_000_000, "1.35 GB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
