//! Which settings file counts for a Dockerfile.

/// Names of settings files, the preferred first.
pub fn names() -> [&'static str; 2] {
    ["mbopt.yaml", ".mbopt.yaml"]
}

/// Names of hadolint's settings files, the preferred first.
pub fn hadolint_names() -> [&'static str; 2] {
    [".hadolint.yaml", ".hadolint.yml"]
}

/// A settings file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its path: the folder as given, `/`, its name.
    pub path: String,
    /// It is hadolint's.
    pub hadolint: bool,
}

/// Picks the settings file for a Dockerfile: the nearest of ours in `folders`, which lead from the
/// Dockerfile's own upward to the repository's root; else, where there is none at all, the nearest
/// of hadolint's. `exists` is asked of a path; a folder `""` stands for the current one.
pub fn nearest<'f>(folders: impl IntoIterator<Item = &'f str>, exists: &dyn Fn(&str) -> bool) -> Option<Found> {
    let mut other = None;
    for folder in folders {
        let at = |name: &str| match folder {
            "" => name.to_owned(),
            folder => format!("{}/{name}", folder.trim_end_matches('/')),
        };
        if let Some(path) = names().into_iter().map(at).find(|path| exists(path)) {
            return Some(Found { path, hadolint: false });
        }
        if other.is_none() {
            other = hadolint_names().into_iter().map(at).find(|path| exists(path));
        }
    }
    other.map(|path| Found { path, hadolint: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[&str], folders: &[&str]) -> Option<(String, bool)> {
        let found = nearest(folders.iter().copied(), &|path| files.contains(&path));
        found.map(|found| (found.path, found.hadolint))
    }

    #[test]
    fn ours_goes_before_theirs_and_near_before_far() {
        let up = ["r/a/b", "r/a", "r"];
        assert_eq!(
            found(&["r/mbopt.yaml", "r/a/.mbopt.yaml"], &up),
            Some(("r/a/.mbopt.yaml".into(), false))
        );
        assert_eq!(
            found(&["r/.mbopt.yaml", "r/mbopt.yaml"], &up),
            Some(("r/mbopt.yaml".into(), false))
        );
        assert_eq!(
            found(&["r/mbopt.yaml", "r/a/b/.hadolint.yaml"], &up),
            Some(("r/mbopt.yaml".into(), false))
        );
        assert_eq!(
            found(&["r/.hadolint.yaml", "r/a/.hadolint.yml"], &up),
            Some(("r/a/.hadolint.yml".into(), true))
        );
        assert_eq!(found(&["mbopt.yaml"], &up), None);
        assert_eq!(found(&["mbopt.yaml"], &["a", ""]), Some(("mbopt.yaml".into(), false)));
        assert_eq!(found(&["/mbopt.yaml"], &["/"]), Some(("/mbopt.yaml".into(), false)));
    }
}
