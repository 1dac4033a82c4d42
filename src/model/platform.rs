//! Platform specifiers: `OS[(VERSION)][/ARCH[/VARIANT]]` or a single architecture.

/// Operating systems known without an architecture beside them: those Go has a name for.
const SYSTEMS: &[&str] = &[
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "macos",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "solaris",
    "windows",
    "zos",
];

/// Architectures known without an operating system beside them, with their common spellings.
const ARCHITECTURES: &[&str] = &[
    "386",
    "i386",
    "amd64",
    "x86_64",
    "x86-64",
    "amd64p32",
    "arm",
    "armbe",
    "armhf",
    "armel",
    "arm64",
    "aarch64",
    "arm64be",
    "ppc64",
    "ppc64le",
    "loong64",
    "mips",
    "mipsle",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "ppc",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "sparc",
    "sparc64",
    "wasm",
];

/// Why a text is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// `*`.
    #[error("a platform takes no `*`")]
    Wildcard,
    /// A part between slashes.
    #[error("`{0}` cannot be a part of a platform: write it like `linux/amd64`")]
    Part(String),
    /// A single word that is neither an operating system nor an architecture.
    #[error("`{0}` is neither an operating system nor an architecture that Docker knows: write it like `linux/amd64`")]
    Unknown(String),
    /// More than three parts.
    #[error("a platform has at most three parts: operating system, architecture, variant")]
    TooManyParts,
}

/// Whether `specifier`, variables expanded, is a platform.
///
/// # Errors
/// Says which part is wrong.
pub fn check(specifier: &str) -> Result<(), PlatformError> {
    if specifier.contains('*') {
        return Err(PlatformError::Wildcard);
    }
    let mut count = 0;
    for (i, part) in specifier.split('/').enumerate() {
        let fine = if i == 0 { is_system(part) } else { is_component(part) };
        if !fine {
            return Err(PlatformError::Part(part.to_owned()));
        }
        count = i + 1;
    }
    match count {
        1 => {
            let system = specifier.split('(').next().unwrap_or_default().to_ascii_lowercase();
            if SYSTEMS.contains(&system.as_str()) || ARCHITECTURES.contains(&specifier.to_ascii_lowercase().as_str()) {
                Ok(())
            } else {
                Err(PlatformError::Unknown(specifier.to_owned()))
            }
        }
        2 | 3 => Ok(()),
        _ => Err(PlatformError::TooManyParts),
    }
}

/// The operating system of a platform, lower-cased; `linux` for a single architecture.
pub fn system(specifier: &str) -> String {
    let first = specifier
        .split(['/', '('])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    if !specifier.contains('/') && !SYSTEMS.contains(&first.as_str()) {
        "linux".to_owned()
    } else {
        first
    }
}

fn is_component(part: &str) -> bool {
    !part.is_empty()
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// `linux`, `windows(10.0.17763)`, `windows(10.0.17763+feature)`.
fn is_system(part: &str) -> bool {
    let (name, version) = match part.split_once('(') {
        Some((name, rest)) => match rest.strip_suffix(')') {
            Some(version) => (name, Some(version)),
            None => return false,
        },
        None => (part, None),
    };
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
        && version.is_none_or(|v| {
            v.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'%' | b'-' | b'+'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_platforms() {
        for good in [
            "linux",
            "linux/amd64",
            "linux/arm/v7",
            "arm64",
            "x86_64",
            "windows(10.0.17763)/amd64",
            "foo/bar",
            "macos",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "foo",
            "linux/",
            "/amd64",
            "linux/*",
            "a/b/c/d",
            "linux/a b",
            "%s/x",
            "windows(10/amd64",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(system("windows(10.0)/amd64"), "windows");
        assert_eq!(system("arm64"), "linux");
    }
}
