//! File modes for `--chmod`: octal, or symbolic as in chmod(1).

/// Whether `mode`, variables expanded, is one BuildKit takes: octal up to 7777, or clauses like
/// `u=rwX,go=rX`.
pub fn is_mode(mode: &str) -> bool {
    if mode.bytes().next().is_some_and(|b| b.is_ascii_digit()) {
        return is_octal(mode);
    }
    !mode.is_empty() && mode.split(',').all(is_clause)
}

fn is_octal(mode: &str) -> bool {
    u32::from_str_radix(mode, 8).is_ok_and(|value| value <= 0o7777)
}

/// `[ugoa]*` and at least one `[+-=]` with its permissions.
fn is_clause(clause: &str) -> bool {
    let actions = clause.trim_start_matches(['u', 'g', 'o', 'a']);
    actions.starts_with(['+', '-', '='])
        && actions.bytes().all(|b| {
            matches!(
                b,
                b'+' | b'-' | b'=' | b'r' | b'w' | b'x' | b'X' | b's' | b't' | b'u' | b'g' | b'o'
            )
        })
}

#[cfg(test)]
mod tests {
    use super::is_mode;

    #[test]
    fn knows_modes() {
        for good in [
            "0",
            "755",
            "0644",
            "07777",
            "u=rwX,go=rX",
            "+x",
            "a+x",
            "u+x,g-w",
            "go=u",
        ] {
            assert!(is_mode(good), "{good}");
        }
        for bad in ["", "64a", "10000", "8", "-1x", "u", "rwx", "u+x,", "u+z", "%s"] {
            assert!(!is_mode(bad), "{bad}");
        }
    }
}
