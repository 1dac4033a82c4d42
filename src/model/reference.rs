//! The grammar of image names, as the distribution specification gives it and Docker applies it
//! to short names: `[domain[:port]/]path[:tag][@digest]`.

/// Why a text is no image name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Sixty-four hexadecimal digits: that is an image id.
    #[error("it is 64 hexadecimal digits, which is an image id, not a name")]
    Identifier,
    /// The repository has capital letters.
    #[error("the repository `{0}` must be in lower case")]
    Uppercase(String),
    /// The registry before the first `/`.
    #[error("`{0}` is neither a registry's host name nor the first part of a repository")]
    Domain(String),
    /// The repository.
    #[error("`{0}` is no repository: its parts are lower-case letters and digits, joined by `.`, `_`, `__` or `-`")]
    Path(String),
    /// The repository is longer than 255 characters.
    #[error("the repository is longer than 255 characters")]
    TooLong,
    /// The tag.
    #[error(
        "`{0}` is no tag: a tag has 1 to 128 letters, digits, `_`, `.` or `-` and begins with none of the last two"
    )]
    Tag(String),
    /// The digest.
    #[error("`{0}` is no digest: write `sha256:` and 64 lower-case hexadecimal digits")]
    Digest(String),
}

/// The longest repository path that Docker takes.
const MAX_PATH: usize = 255;

/// The longest tag.
const MAX_TAG: usize = 128;

/// Whether `name` is an image name, variables expanded.
///
/// # Errors
/// Says which part breaks the grammar.
pub fn check(name: &str) -> Result<(), ReferenceError> {
    if name.len() == 64 && name.bytes().all(is_lower_hex) {
        return Err(ReferenceError::Identifier);
    }
    let (domain, path) = split_domain(name);
    let remote = path.split(':').next().unwrap_or_default();
    if remote.chars().any(|c| !c.to_lowercase().eq([c])) {
        return Err(ReferenceError::Uppercase(remote.to_owned()));
    }
    let (rest, digest) = match path.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (path, None),
    };
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (rest, None),
    };
    if !repository.split('/').all(is_path_part) {
        return Err(ReferenceError::Path(repository.to_owned()));
    }
    if let Some(domain) = domain
        && !is_domain(domain)
        && !is_path_part(domain)
    {
        return Err(ReferenceError::Domain(domain.to_owned()));
    }
    if let Some(tag) = tag
        && !is_tag(tag)
    {
        return Err(ReferenceError::Tag(tag.to_owned()));
    }
    // A short name on Docker Hub has `library/` put before it.
    let is_short = matches!(domain, None | Some("docker.io" | "index.docker.io")) && !repository.contains('/');
    if repository.len() + if is_short { "library/".len() } else { 0 } > MAX_PATH {
        return Err(ReferenceError::TooLong);
    }
    match digest {
        Some(digest) if !is_digest(digest) => Err(ReferenceError::Digest(digest.to_owned())),
        _ => Ok(()),
    }
}

/// Takes the registry off: what stands before the first `/` is one if it is `localhost`, has a
/// `.` or `:`, or has a capital letter (repositories have none).
pub(super) fn split_domain(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest)) if is_domain_like(first) => (Some(first), rest),
        _ => (None, name),
    }
}

fn is_domain_like(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.chars().any(|c| !c.to_lowercase().eq([c]))
}

fn is_lower_hex(b: u8) -> bool {
    matches!(b, b'0'..=b'9' | b'a'..=b'f')
}

/// Runs of lower-case letters and digits, joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_part(part: &str) -> bool {
    let mut rest = part;
    loop {
        let run = rest
            .bytes()
            .take_while(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9'))
            .count();
        if run == 0 {
            return false;
        }
        rest = rest.get(run..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
        let separator = match rest.as_bytes() {
            [b'_', b'_', ..] => 2,
            [b'_' | b'.', ..] => 1,
            _ => rest.bytes().take_while(|b| *b == b'-').count(),
        };
        if separator == 0 {
            return false;
        }
        rest = rest.get(separator..).unwrap_or_default();
    }
}

/// A host name or a bracketed IPv6 address, with or without a port.
fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((host, port)) => {
                if host.is_empty() || !host.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
                    return false;
                }
                match port.strip_prefix(':') {
                    Some(port) => (None, Some(port)),
                    None if port.is_empty() => (None, None),
                    None => return false,
                }
            }
            None => return false,
        },
        None => match domain.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(domain), None),
        },
    };
    port.is_none_or(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
        && host.is_none_or(|h| h.split('.').all(is_host_label))
}

fn is_host_label(label: &str) -> bool {
    !label.is_empty()
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_tag(tag: &str) -> bool {
    tag.len() <= MAX_TAG
        && tag
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && tag
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// Whether a text is a digest of one of the algorithms that registries use.
pub fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return false;
    };
    let digits = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == digits && hex.bytes().all(is_lower_hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_docker_takes() {
        let sha = "a".repeat(64);
        for name in [
            "alpine",
            "alpine:3.20",
            "library/alpine",
            "ghcr.io/owner/app_x:V1.0-rc",
            "localhost:5000/x",
            "localhost/x",
            "REGISTRY/x",
            "my_org.x/app",
            "[::1]:80/app",
            "a--b__c.d_e:t",
            &"y".repeat(247),
            &format!("localhost/{}", "y".repeat(255)),
            &format!("alpine:3@sha256:{sha}"),
            &format!("alpine@sha256:{sha}"),
        ] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn refuses_what_docker_refuses() {
        let sha = "a".repeat(64);
        for name in [
            "",
            "Alpine",
            "alpine:",
            "alpine:-v",
            "gcr.io//x",
            "/x",
            "x/",
            "-x",
            "x-",
            "a..b",
            "a___b",
            "x:a:b",
            "registry:/x",
            "x y",
            "docker.io/Library/x",
            "x@sha256:123",
            "x@md5:00000000000000000000000000000000",
            "bad-.io/x",
            "[zz]/x",
            &sha,
            &format!("x@sha256:{}", "A".repeat(64)),
            &format!("x:{}", "t".repeat(129)),
            &"y".repeat(248),
            &format!("localhost/{}", "y".repeat(256)),
        ] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
