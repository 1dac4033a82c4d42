//! Durations as HEALTHCHECK's flags take them: `1m30s`, `0.5h`, `250ms`.

/// Nanoseconds in each unit, longer unit names before those they begin with.
const UNITS: &[(&str, f64)] = &[
    ("ns", 1.0),
    ("us", 1e3),
    ("µs", 1e3),
    ("μs", 1e3),
    ("ms", 1e6),
    ("s", 1e9),
    ("m", 60e9),
    ("h", 3600e9),
];

/// The longest duration: what a signed 64-bit count of nanoseconds holds.
const MAX_NANOSECONDS: f64 = 9_223_372_036_854_775_807.0;

/// A duration in nanoseconds; none where the text is none or it is too long. Each number needs a
/// unit, but `0` alone is fine.
pub fn parse(text: &str) -> Option<f64> {
    let (negative, mut rest) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    if rest == "0" {
        return Some(0.0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let length = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let (number, behind) = rest.split_at_checked(length)?;
        if !number.bytes().any(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: f64 = number.parse().ok()?;
        let unit = behind
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(unit)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total += number * factor;
        rest = behind;
    }
    (total <= MAX_NANOSECONDS).then_some(if negative { -total } else { total })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_durations() {
        assert_eq!(parse("30s"), Some(30e9));
        assert_eq!(parse("1m30s"), Some(90e9));
        assert_eq!(parse("1.5h"), Some(5400e9));
        assert_eq!(parse(".5s"), Some(0.5e9));
        assert_eq!(parse("-2ms"), Some(-2e6));
        assert_eq!(parse("0"), Some(0.0));
        for bad in [
            "",
            "30",
            "s",
            "1x",
            "1m 30s",
            "-",
            "1e3s",
            ".s",
            "1..2s",
            "9999999999h",
            "$INTERVAL",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
