//! The types of the static tables; their words are those of [`schema`](super::schema).

pub use super::schema::{Brings, Kind, Libc, Need, PackageKind, PackageManager, Role};

/// Values by name, sorted by it.
pub type ByName<T> = &'static [(&'static str, T)];

/// An image, whatever its tag.
#[derive(Debug, PartialEq, Eq)]
pub struct Image {
    /// Its repositories; Docker Official Images without registry and `library/`.
    pub names: &'static [&'static str],
    /// Language or product.
    pub family: &'static str,
    /// What it is for.
    pub role: Role,
    /// Why it should not be used any more.
    pub deprecated: Option<&'static str>,
    /// Its variants; the last is the default.
    pub variants: &'static [Variant],
    /// What could run things in its stead, the safest first.
    pub runtimes: &'static [Runtime],
}

/// A variant of an image.
#[derive(Debug, PartialEq, Eq)]
pub struct Variant {
    /// How it differs from its siblings.
    pub kind: Kind,
    /// Words that its tags have.
    pub words: &'static [&'static str],
    /// What it is for.
    pub role: Role,
    /// The C library.
    pub libc: Libc,
    /// The system's package manager.
    pub packages: PackageManager,
    /// Unpacked, in MB (10^6 bytes), approximate.
    pub size: Option<u32>,
    /// The user that it runs as.
    pub user: &'static str,
    /// What it has that an application may not need, or may miss elsewhere.
    pub brings: &'static [Brings],
}

impl Variant {
    /// Whether it has something.
    pub fn brings(&self, what: Brings) -> bool {
        self.brings.contains(&what)
    }
}

/// A template for an offer; see `rules/knowledge/images.yaml` for the placeholders.
#[derive(Debug, PartialEq, Eq)]
pub struct Runtime {
    /// The kind of what is offered.
    pub kind: Kind,
    /// The repository.
    pub image: &'static str,
    /// The tag; empty for none.
    pub tag: &'static str,
    /// For which kinds of the variant in use it is offered.
    pub of: &'static [Kind],
    /// What must hold.
    pub needs: &'static [Need],
}

/// The codename of a Debian or Ubuntu release.
#[derive(Debug, PartialEq, Eq)]
pub struct Codename {
    /// As tags write it.
    pub codename: &'static str,
    /// `debian`, `ubuntu`.
    pub product: &'static str,
    /// The release's number.
    pub version: &'static str,
}

/// A month of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    /// As in 2026.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
}

/// A release of a product.
#[derive(Debug, PartialEq, Eq)]
pub struct Release {
    /// Its number, as far as releases differ in support.
    pub version: &'static str,
    /// The last month with fixes.
    pub end: Month,
}
