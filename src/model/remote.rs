//! What a COPY or ADD source is: a path, a URL or a git repository.

/// Kinds of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A path in the build context, or in the stage or image that `--from` names.
    Path,
    /// A file behind `http://` or `https://`.
    Url,
    /// A git repository.
    Git,
    /// A git repository whose `?query` is wrong.
    BadGit,
}

/// The keys of a git URL's query.
const QUERY_KEYS: &[&str] = &[
    "ref",
    "tag",
    "branch",
    "subdir",
    "checksum",
    "commit",
    "keep-git-dir",
    "submodules",
    "mtime",
    "fetch-by-commit",
];

/// What a source, variables expanded, is.
pub fn classify(source: &str) -> Source {
    if source.starts_with("./") || source.starts_with("../") {
        return Source::Path;
    }
    if let Some((scheme, rest)) = source.split_once("://")
        && !scheme.is_empty()
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric())
    {
        let web = scheme == "http" || scheme == "https";
        let (address, query) = split_address(rest);
        let valid = is_url(address);
        return match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" if valid && address.ends_with(".git") => git(query),
            "git" | "ssh" if valid => git(query),
            _ if web => Source::Url,
            _ => Source::Path,
        };
    }
    match scp_style(source) {
        Some(query) => git(query),
        None => Source::Path,
    }
}

/// Splits `host/path?query#fragment` into `host/path` and the query.
fn split_address(rest: &str) -> (&str, &str) {
    let plain = rest.split('#').next().unwrap_or_default();
    plain.split_once('?').unwrap_or((plain, ""))
}

/// Nothing that makes a URL's parser give up: blanks in the host, control characters, bad escapes,
/// a port that is no number.
fn is_url(address: &str) -> bool {
    let (host, _) = address.split_once('/').unwrap_or((address, ""));
    let name = host.rsplit('@').next().unwrap_or_default();
    let port = match name.rsplit_once(':') {
        Some((_, port)) if !port.contains(']') => port,
        _ => "",
    };
    let escapes = address
        .split('%')
        .skip(1)
        .all(|e| e.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2);
    escapes
        && port.bytes().all(|b| b.is_ascii_digit())
        && !address.chars().any(|c| c.is_ascii_control())
        && !host.contains([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}'])
}

/// `user@host:path`; the query, where it is one.
fn scp_style(source: &str) -> Option<&str> {
    let (user, rest) = source.split_once('@')?;
    let (host, path) = rest.split_once(':')?;
    let plain = |s: &str, more: &[u8]| {
        !s.is_empty()
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || more.contains(&b))
    };
    (plain(user, b"_") && plain(host, b".")).then(|| split_address(path).1)
}

fn git(query: &str) -> Source {
    let mut seen: Vec<&str> = Vec::new();
    for (key, value) in query
        .split('&')
        .filter(|p| !p.is_empty())
        .map(|p| p.split_once('=').unwrap_or((p, "")))
    {
        let flag = matches!(key, "submodules" | "keep-git-dir" | "fetch-by-commit");
        let fine = match value {
            "" => flag,
            v if flag => super::mount::parse_bool(v).is_some(),
            v if key == "mtime" => v == "checkout" || v == "commit",
            _ => true,
        };
        if !fine || !QUERY_KEYS.contains(&key) || seen.contains(&key) {
            return Source::BadGit;
        }
        seen.push(key);
    }
    if seen.contains(&"tag") && seen.contains(&"branch") {
        Source::BadGit
    } else {
        Source::Git
    }
}

#[cfg(test)]
mod tests {
    use super::{Source, classify};

    #[test]
    fn tells_sources_apart() {
        for (source, kind) in [
            ("a/b", Source::Path),
            ("./https://x", Source::Path),
            ("github.com/foo/bar", Source::Path),
            ("ftp://x/y", Source::Path),
            ("https://example.com/a.tgz", Source::Url),
            ("https://example.com/a.git", Source::Git),
            ("https://example.com/a.git#v1:sub", Source::Git),
            ("https://example.com/a.git?tag=v1&checksum=abc", Source::Git),
            ("https://example.com/a.git?nope=1", Source::BadGit),
            ("git://example.com/a", Source::Git),
            ("git@example.com:a/b.git", Source::Git),
            ("user@host", Source::Path),
            ("", Source::Path),
        ] {
            assert_eq!(classify(source), kind, "{source}");
        }
    }
}
