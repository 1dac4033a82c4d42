//! Whether a process hears a signal: the kernel drops what the first process of a pid namespace has not
//! asked for, so that nobody need wait for what it does then.

/// SIGTERM's number, the same on every architecture of Linux.
const TERM: u32 = 15;

/// Whether SIGTERM does nothing to a process: it is the first of its pid namespace, and neither catches
/// the signal nor holds it back to take it elsewhere. False where that cannot be seen.
pub(super) fn ignores_term(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    status.is_ok_and(|status| says_so(&status))
}

fn says_so(status: &str) -> bool {
    let value = |name: &str| {
        let mut lines = status.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
    };
    // Its number in each pid namespace, the innermost last.
    let numbers: Vec<&str> = value("NSpid").unwrap_or_default().split_whitespace().collect();
    let is_first = numbers.len() > 1 && numbers.last() == Some(&"1");
    let has = |name: &str| {
        let mask = value(name).and_then(|mask| u64::from_str_radix(mask, 16).ok());
        mask.map(|mask| mask >> (TERM - 1) & 1 == 1)
    };
    is_first && has("SigCgt") == Some(false) && has("SigBlk") == Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        let status = |pid: &str, blocked: &str, caught: &str| {
            format!("Name:\tsleep\nNSpid:\t{pid}\nSigBlk:\t{blocked}\nSigIgn:\t0000000000001000\nSigCgt:\t{caught}\n")
        };
        let (none, term) = ("0000000000000000", "0000000000004000");
        assert!(says_so(&status("4711\t1", none, none)));
        assert!(!says_so(&status("4711\t1", none, term)));
        assert!(!says_so(&status("4711\t1", term, none)));
        assert!(!says_so(&status("4711\t7", none, none)));
        assert!(!says_so(&status("1", none, none)));
        assert!(!says_so("Name:\tx\n"));
        assert!(!ignores_term(std::process::id()));
    }
}
