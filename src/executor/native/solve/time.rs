//! Times as OCI writes them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now: `2024-05-01T12:00:00.123456789Z`.
pub fn rfc3339() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    of(i64::try_from(now.as_secs()).unwrap_or(0), now.subsec_nanos())
}

/// Seconds since 1970 and nanoseconds, in UTC.
pub(super) fn of(seconds: i64, nanoseconds: u32) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if nanoseconds > 0 {
        text.push_str(&format!(".{nanoseconds:09}"));
    }
    text.push('Z');
    text
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` in seconds since 1970.
pub(super) fn of_http(text: &str) -> Option<u64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_whitespace().skip(1);
    let day: i64 = words.next()?.parse().ok()?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == name)? as i64 + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    // Years that begin with March, in eras of 400.
    let shifted = year - i64::from(month <= 2);
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719_468;
    u64::try_from(days * 86_400 + hour * 3600 + minute * 60 + second).ok()
}

/// Year, month and day of a count of days since 1970, by counting in eras of 400 years that begin
/// with March.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::{of, of_http};

    #[test]
    fn days_have_their_dates() {
        assert_eq!(of(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(of(951_827_696, 5), "2000-02-29T12:34:56.000000005Z");
        assert_eq!(of(1_709_251_199, 0), "2024-02-29T23:59:59Z");
        assert_eq!(of_http("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(of_http("Tue, 29 Feb 2000 12:34:56 GMT"), Some(951_827_696));
        assert_eq!(of_http("yesterday"), None);
        assert_eq!(of(4_102_444_800, 0), "2100-01-01T00:00:00Z");
    }
}
