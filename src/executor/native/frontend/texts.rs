//! Ports, durations and what the history says.

use crate::executor::config::Healthcheck;

/// The ports that one word of EXPOSE names: `80`, `80/tcp`, `8000-8010/udp`, `8080:80`.
pub(super) fn ports(word: &str) -> Result<Vec<String>, String> {
    let (range, protocol) = match word.split_once('/') {
        Some((range, protocol)) if !protocol.is_empty() => (range, protocol.to_ascii_lowercase()),
        Some((range, _)) => (range, "tcp".to_owned()),
        None => (word, "tcp".to_owned()),
    };
    if !matches!(protocol.as_str(), "tcp" | "udp" | "sctp") {
        return Err(format!("`{word}`: there is no protocol `{protocol}`"));
    }
    let range = range.rsplit(':').next().unwrap_or(range);
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let number = |text: &str| text.parse::<u16>().map_err(|_| format!("`{word}` is no port"));
    let (first, last) = (number(first)?, number(last)?);
    if last < first {
        return Err(format!("`{word}`: the range ends before it begins"));
    }
    Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
}

/// `[a b]`, as Go prints a list.
pub(super) fn list(words: &[String]) -> String {
    format!("[{}]", words.join(" "))
}

/// `["a" "b"]`, as Go prints a list of quoted words.
pub(super) fn quoted(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    format!("[{}]", words.join(" "))
}

/// What the history says of a HEALTHCHECK.
pub(super) fn healthcheck(check: &Healthcheck) -> String {
    format!(
        "HEALTHCHECK {{Test:{} Interval:{} Timeout:{} StartPeriod:{} StartInterval:{} Retries:{}}}",
        list(&check.test),
        duration(check.interval),
        duration(check.timeout),
        duration(check.start_period),
        duration(check.start_interval),
        check.retries
    )
}

/// `1m30s`, as Go prints nanoseconds.
fn duration(nanoseconds: i64) -> String {
    let fraction = |value: i64, unit: i64, name: &str| {
        let text = format!("{}.{:09}", value / unit, (value % unit) * (1_000_000_000 / unit));
        let text = text.trim_end_matches('0').trim_end_matches('.');
        format!("{text}{name}")
    };
    match nanoseconds {
        0 => "0s".to_owned(),
        n if n < 1_000 => format!("{n}ns"),
        n if n < 1_000_000 => fraction(n, 1_000, "µs"),
        n if n < 1_000_000_000 => fraction(n, 1_000_000, "ms"),
        n => {
            let seconds = n / 1_000_000_000;
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let rest = fraction(n % 60_000_000_000, 1_000_000_000, "s");
            match (hours, minutes) {
                (0, 0) => rest,
                (0, minutes) => format!("{minutes}m{rest}"),
                (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_spelled_out() {
        assert_eq!(ports("80"), Ok(vec!["80/tcp".to_owned()]));
        assert_eq!(ports("53/UDP"), Ok(vec!["53/udp".to_owned()]));
        assert_eq!(ports("8080:80"), Ok(vec!["80/tcp".to_owned()]));
        assert_eq!(ports("7-9/sctp").map(|p| p.len()), Ok(3));
        for bad in ["x", "9-7", "80/ftp", "99999"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_read_as_in_go() {
        for (n, text) in [
            (0, "0s"),
            (30_000_000_000, "30s"),
            (90_000_000_000, "1m30s"),
            (300_000_000_000, "5m0s"),
            (5_400_000_000_000, "1h30m0s"),
            (1_500_000, "1.5ms"),
            (2_500_000_000, "2.5s"),
        ] {
            assert_eq!(duration(n), text);
        }
    }
}
