//! Archives by their names.

/// Names of archives that ADD unpacks.
const UNPACKED: [&str; 13] = [
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz",
    ".tbz2",
    ".tb2",
    ".tar.xz",
    ".txz",
    ".tar.lzma",
    ".tlz",
    ".tar.zst",
    ".tzst",
];

/// Names of compressed files that may be archives.
const COMPRESSED: [&str; 8] = [".gz", ".bz2", ".xz", ".lzma", ".lz", ".z", ".zst", ".tpz"];

/// Whether the name is one of an archive that ADD unpacks.
pub fn is_tar(name: &str) -> bool {
    ends_with_one_of(name, &UNPACKED)
}

/// Whether the name may be one of an archive that ADD unpacks.
pub fn may_be_tar(name: &str) -> bool {
    is_tar(name) || ends_with_one_of(name, &COMPRESSED)
}

fn ends_with_one_of(name: &str, endings: &[&str]) -> bool {
    let name = name.as_bytes();
    endings.iter().any(|ending| {
        let start = name.len().checked_sub(ending.len());
        start
            .and_then(|s| name.get(s..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(ending.as_bytes()))
    })
}

/// Whether a source of ADD is fetched: a URL or a Git repository.
pub fn is_remote(source: &str) -> bool {
    let lower = source.get(..4).unwrap_or_default();
    lower.eq_ignore_ascii_case("http") && source.contains("://")
        || ["git@", "git://", "ssh://", "github.com/", "ftp://"]
            .iter()
            .any(|p| source.starts_with(p))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_name() {
        assert!(is_tar("a/b.TAR.gz") && may_be_tar("x.xz") && !may_be_tar("x.zip") && !is_tar("gz"));
        assert!(is_remote("HTTP://x") && is_remote("git@h:o/r.git#v1") && !is_remote("https.conf"));
    }
}
