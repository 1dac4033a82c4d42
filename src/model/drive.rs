//! Drive letters in paths of Windows images.

/// What is wrong with a path in a build for Windows: only the system drive can be named.
pub(super) fn fault(path: &str) -> Option<&'static str> {
    let bytes = path.as_bytes();
    if matches!(bytes, [_, b':']) {
        return Some("there is no path behind the drive letter");
    }
    if matches!(bytes, [b'/' | b'\\', b'/' | b'\\', ..]) {
        return Some("a path on another computer cannot be used here");
    }
    match path.split_once(':') {
        Some((drive, _)) if !drive.eq_ignore_ascii_case("c") => Some("only the drive `C:` can be used here"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn only_the_system_drive_is_there() {
        for good in ["", "a", "C:\\a", "c:/a", "C:a", "/a", "a/b:c".get(..3).unwrap()] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in ["D:\\a", "C:", "\\\\host\\x", "//host/x", "a/b:c"] {
            assert!(fault(bad).is_some(), "{bad}");
        }
    }
}
