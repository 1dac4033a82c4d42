//! Takes out of a program's output what differs from run to run without meaning: times, ids, ports,
//! addresses, durations.

use regex::{Captures, Regex, RegexBuilder};
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is replaced, in this order, and by what.
static PATTERNS: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let patterns = [
        // Colours and other terminal sequences say nothing.
        (r"\x1b\[[0-9;?]*[ -/]*[@-~]", ""),
        // RFC 3339, common log format, RFC 2822 and C's ctime.
        (
            r"\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d{2}:?\d{2}))?",
            "<time>",
        ),
        (
            r"\d{2}/[A-Z][a-z]{2}/\d{4}[: ]\d{2}:\d{2}:\d{2}(?: [+-]\d{4})?",
            "<time>",
        ),
        (
            r"(?:[A-Z][a-z]{2},? )?(?:\d{1,2} [A-Z][a-z]{2} \d{4}|[A-Z][a-z]{2} [ \d]\d) \d{2}:\d{2}:\d{2}(?: \d{4}| GMT| UTC| [+-]\d{4})?",
            "<time>",
        ),
        (r"\b\d{1,2}/\d{1,2}/\d{2,4},? \d{1,2}:\d{2}:\d{2}(?: ?[AP]M)?", "<time>"),
        (r"\b\d{4}-\d{2}-\d{2}\b", "<date>"),
        (r"\b\d{2}:\d{2}:\d{2}(?:[.,]\d+)?\b", "<time>"),
        (
            r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b",
            "<id>",
        ),
        (r"\b0x[0-9a-fA-F]{4,16}\b", "<address>"),
        // A container's id as host name, a request's or session's id.
        (r"\b[0-9a-f]{12,64}\b", "<id>"),
        (
            r"\b\d+(?:\.\d+)? ?(?:ns|µs|us|ms|sec(?:ond)?s?|s|minutes?)\b",
            "<duration>",
        ),
        (
            r"(?i)\b((?:pid|process|worker|thread|tid)s?(?: ?id)?[ :=#\[(]{1,2})\d+",
            "$1<n>",
        ),
        (r"\[\d{1,7}\]", "[<n>]"),
        (r"\b(?:\d{1,3}\.){3}\d{1,3}:(?:[3-6]\d{4})\b", "<peer>"),
        (r"\b172\.(?:1[6-9]|2\d|3[01])\.\d{1,3}\.\d{1,3}\b", "<ip>"),
    ];
    patterns
        .into_iter()
        .filter_map(|(pattern, by)| {
            let regex = RegexBuilder::new(pattern).size_limit(4 << 20).build().ok()?;
            Some((regex, by))
        })
        .collect()
});

/// Seconds since 1970, or milliseconds, microseconds and nanoseconds, whose seconds are the first ten digits.
static CLOCK: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\b(\d{10})(?:\.\d+|\d{3}|\d{6}|\d{9})?\b").ok());

/// How far from now a number may lie to be read as a time, in seconds (90 days): tokens end some weeks
/// ahead, and few numbers that are drawn at random fall so near.
const NEAR: u64 = 90 * 86_400;

/// The output with everything replaced that differs from run to run; trailing blanks go, too.
pub fn normalise(output: &[u8]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    normalise_at(output, now.map_or(0, |since| since.as_secs()))
}

/// [`normalise`] at a time, in seconds since 1970.
fn normalise_at(output: &[u8], now: u64) -> String {
    let mut text = processes(&String::from_utf8_lossy(output));
    if let Some(clock) = CLOCK.as_ref() {
        let changed = clock.replace_all(&text, |found: &Captures<'_>| {
            let is_near = found[1].parse::<u64>().is_ok_and(|second| second.abs_diff(now) <= NEAR);
            let shown = if is_near { "<time>" } else { &found[0] };
            shown.to_owned()
        });
        if let std::borrow::Cow::Owned(changed) = changed {
            text = changed;
        }
    }
    for (pattern, by) in PATTERNS.iter() {
        if let std::borrow::Cow::Owned(changed) = pattern.replace_all(&text, *by) {
            text = changed;
        }
    }
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim_end)
        .filter(|line| !is_notice(line))
        .collect();
    lines.join("\n").trim_end().to_owned()
}

/// A process's number that stands in a line twice, as who writes it and in what it says
/// (`[7] [INFO] Listening at: http://0.0.0.0:8000 (7)`), taken out of the latter. The first number that a
/// container gives is another one where its start took more threads.
fn processes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut line = std::borrow::Cow::Borrowed(line);
        let number = |part: &str| Some(part.split_once(']')?.0.to_owned()).filter(|n| is_process(n));
        let writers: Vec<String> = line.split('[').skip(1).filter_map(number).collect();
        for writer in writers {
            let said = format!("({writer})");
            if line.contains(&said) {
                line = line.replace(&said, "(<n>)").into();
            }
        }
        out.push_str(&line);
    }
    out
}

fn is_process(number: &str) -> bool {
    (1..=7).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a line only tells of a newer release: that depends on the day and on the network.
fn is_notice(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    line.starts_with("npm notice")
        || line.contains("update available")
        || line.contains("[notice] a new release of")
        || line.contains("update") && line.contains("the latest version of")
}

/// The lines sorted: what several threads write comes in any order.
pub fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(PATTERNS.len(), 15);
        assert!(CLOCK.is_some());
    }

    #[test]
    fn what_differs_from_run_to_run_goes() {
        for (one, other) in [
            ("2026-11-21T04:11:10.123Z up", "2026-11-21T04:12:11Z up"),
            (
                "[21/Nov/2026:04:11:10 +0000] \"GET /\"",
                "[22/Dec/2026:05:01:00 +0000] \"GET /\"",
            ),
            ("Sat Nov 21 04:11:10 2026 ok", "Sun Nov 22 14:01:00 2026 ok"),
            ("listening, pid 17", "listening, pid 2310"),
            (
                "[7] [INFO] Booting worker with pid: 9",
                "[8] [INFO] Booting worker with pid: 10",
            ),
            (
                "[7] [INFO] Listening at: http://0.0.0.0:8000 (7)",
                "[8] [INFO] Listening at: http://0.0.0.0:8000 (8)",
            ),
            ("ready in 12.4 ms", "ready in 9ms"),
            ("host 3f2a9c0d1e2b", "host aa2a9c0d1e2c"),
            (
                "id 123e4567-e89b-12d3-a456-426614174000",
                "id 123e4567-e89b-12d3-a456-426614174999",
            ),
            ("at 0x7ffdeadbeef0", "at 0x7ffd00000010"),
            ("\u{1b}[32mok\u{1b}[0m", "ok"),
        ] {
            assert_eq!(normalise(one.as_bytes()), normalise(other.as_bytes()));
        }
    }

    #[test]
    fn numbers_are_times_where_they_are_near() {
        let at = |text: &str| normalise_at(text.as_bytes(), 1_763_700_000);
        assert_eq!(at("t=1763700000"), at("t=1763700001"));
        assert_eq!(at("exp 1766200000, iat 1763700000123"), "exp <time>, iat <time>");
        assert_eq!(at("1763699999.25"), "<time>");
        assert_eq!(at("lucky number 1033221144"), "lucky number 1033221144");
    }

    #[test]
    fn newer_releases_are_no_output() {
        let text = "ready\n UPDATE  The latest version of `serve` is 14.2.7\nnpm notice New major version\nup";
        assert_eq!(normalise(text.as_bytes()), "ready\nup");
        assert_eq!(normalise(b"update of 3 rows"), "update of 3 rows");
    }

    #[test]
    fn what_means_something_stays() {
        for (one, other) in [
            ("listening on port 3000", "listening on port 8080"),
            ("exit 1", "exit 2"),
            ("[7] rows (3)", "[7] rows (4)"),
            ("up\nqueue (2)", "up\nqueue (3)"),
            ("found 3 files", "found 4 files"),
            ("version 1.2.3", "version 1.2.4"),
            ("error: ENOENT /app/a", "error: ENOENT /app/b"),
        ] {
            assert_ne!(normalise(one.as_bytes()), normalise(other.as_bytes()));
        }
    }
}
