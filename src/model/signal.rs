//! Signal names for STOPSIGNAL.

/// Linux's signals without `SIG`, real-time ones excluded.
const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// Whether `signal`, variables expanded, is a signal's number (not 0) or name, with or without
/// `SIG`, in any case.
pub fn is_signal(signal: &str) -> bool {
    if let Ok(number) = signal.parse::<i64>() {
        return number != 0;
    }
    let upper = signal.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if SIGNALS.contains(&name) {
        return true;
    }
    if name == "RTMIN" || name == "RTMAX" {
        return true;
    }
    let offset = |rest: Option<&str>, most: u32| {
        rest.filter(|r| !r.starts_with(['0', '+']))
            .and_then(|r| r.parse::<u32>().ok())
            .is_some_and(|n| n <= most)
    };
    offset(name.strip_prefix("RTMIN+"), 15) || offset(name.strip_prefix("RTMAX-"), 14)
}

#[cfg(test)]
mod tests {
    use super::is_signal;

    #[test]
    fn knows_signals() {
        for good in ["SIGTERM", "term", "9", "SIGRTMIN+3", "RTMAX-14", "sigquit", "RTMIN"] {
            assert!(is_signal(good), "{good}");
        }
        for bad in ["", "0", "SIGFOO", "RTMIN+16", "RTMAX-15", "RTMIN+0", "SIG"] {
            assert!(!is_signal(bad), "{bad}");
        }
    }
}
