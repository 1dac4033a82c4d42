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
    use super::of;

    #[test]
    fn days_have_their_dates() {
        assert_eq!(of(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(of(951_827_696, 5), "2000-02-29T12:34:56.000000005Z");
        assert_eq!(of(1_709_251_199, 0), "2024-02-29T23:59:59Z");
        assert_eq!(of(4_102_444_800, 0), "2100-01-01T00:00:00Z");
    }
}
