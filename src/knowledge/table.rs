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
    /// By the first version, or by a word: the release below a tag that names none; empty where it
    /// is not known.
    pub suites: &'static [(&'static str, &'static str)],
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
    /// Its configuration, where its source was read.
    pub config: Option<&'static BaseConfig>,
}

/// What an image's configuration says, and what is in it.
#[derive(Debug, PartialEq, Eq)]
pub struct BaseConfig {
    /// Where it was read, and the state of that place.
    pub source: &'static str,
    /// Variables with their values, sorted; a value may hold `{major}`, the first number of the
    /// tag's version.
    pub env: &'static [(&'static str, &'static str)],
    /// Further variables, whose values change from release to release or were not read.
    pub varying: &'static [&'static str],
    /// Variables of both lists that only builds read.
    pub build_env: &'static [&'static str],
    /// ENTRYPOINT; empty for none.
    pub entrypoint: &'static [&'static str],
    /// The entrypoint prepares something that only builds use, and runs its arguments.
    pub passes: bool,
    /// CMD; empty for none.
    pub cmd: &'static [&'static str],
    /// The working directory, absolute.
    pub working_dir: &'static str,
    /// STOPSIGNAL.
    pub stop_signal: Option<&'static str>,
    /// Volumes.
    pub volumes: &'static [&'static str],
    /// Exposed ports, with their protocol.
    pub exposed: &'static [&'static str],
    /// Accounts with `uid:gid`, besides those of the bundles.
    pub accounts: &'static [(&'static str, &'static str)],
    /// Programs and accounts that it shares with other images.
    pub bundles: &'static [&'static Bundle],
    /// Further programs on PATH, sorted.
    pub programs: &'static [&'static str],
    /// The table of time zones is there.
    pub zones: bool,
}

impl BaseConfig {
    /// The value of a variable; none where it has none, or one that is not known.
    pub fn env(&self, name: &str) -> Option<&'static str> {
        self.env
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value)
    }

    /// Whether the image sets a variable, whatever its value.
    pub fn sets(&self, name: &str) -> bool {
        self.env(name).is_some() || self.varying.contains(&name)
    }

    /// Whether a program is on PATH; false where that is not known.
    pub fn has_program(&self, name: &str) -> bool {
        self.programs.binary_search(&name).is_ok()
            || self.bundles.iter().any(|b| b.programs.binary_search(&name).is_ok())
    }

    /// The programs on PATH, as far as they are known.
    pub fn programs(&self) -> impl Iterator<Item = &'static str> {
        let bundled = self.bundles.iter().flat_map(|b| b.programs);
        self.programs.iter().chain(bundled).copied()
    }

    /// `uid:gid` of an account.
    pub fn account(&self, name: &str) -> Option<&'static str> {
        let lists = std::iter::once(self.accounts).chain(self.bundles.iter().map(|b| b.accounts));
        lists.flatten().find(|(known, _)| *known == name).map(|(_, ids)| *ids)
    }
}

/// Programs and accounts that come together.
#[derive(Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Programs on PATH, sorted.
    pub programs: &'static [&'static str],
    /// Accounts with `uid:gid`.
    pub accounts: &'static [(&'static str, &'static str)],
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
    /// The first major version that it exists for.
    pub since: u32,
    /// Major versions behind that for which it does not exist.
    pub except: &'static [u32],
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
    /// The major version of the GCC whose libraries it has; 0 where nobody looked.
    pub gcc: u32,
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

/// What a language's package with native code needs from the system.
#[derive(Debug, PartialEq, Eq)]
pub struct Native {
    /// Debian's packages with headers whose libraries it links where it was compiled.
    pub built: &'static [&'static str],
    /// The same for libraries that it needs in any case.
    pub always: &'static [&'static str],
    /// Debian's packages whose programs it starts.
    pub programs: &'static [&'static str],
    /// It is published compiled, with its libraries.
    pub bundled: bool,
}
