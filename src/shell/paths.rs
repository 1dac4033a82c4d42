//! Paths as they stand in commands and instructions: text, which nothing looks up.

/// Whether a path is a folder or lies in it. A `/` at the end of either does not matter; both are
/// absolute, or relative to the same folder. Neither `..` nor links are resolved.
pub fn lies_in(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::lies_in;

    #[test]
    fn folders_hold_themselves_and_what_is_below() {
        for (path, folder) in [
            ("/app", "/app"),
            ("/app/", "/app"),
            ("/app/x", "/app/"),
            ("/app", "/"),
            ("a/b", "a"),
        ] {
            assert!(lies_in(path, folder), "{path} in {folder}");
        }
        for (path, folder) in [("/application", "/app"), ("/", "/app"), ("a", "/"), ("/a", "a")] {
            assert!(!lies_in(path, folder), "{path} in {folder}");
        }
    }
}
