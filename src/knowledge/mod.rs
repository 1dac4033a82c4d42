//! What is known of base images, releases and system packages, from `rules/knowledge/*.yaml`.
//!
//! The tables are Rust statics made from the YAML, so that nothing is parsed at start-up.

mod generated {
    include!(concat!(env!("OUT_DIR"), "/knowledge.rs"));
}
pub mod ecosystem;
mod offer;
pub mod schema;
pub mod table;
pub mod tag;

pub use offer::{Offer, offers};
pub use table::{
    BaseConfig, Brings, Codename, Image, Kind, Libc, Month, Native, Need, PackageKind, PackageManager, Release, Role,
    Runtime, Variant,
};
pub use tag::Tag;

/// The image of a reference split into registry (where one is written) and repository.
///
/// Docker Hub's names and its well-known mirrors of official images count as one.
pub fn image(registry: Option<&str>, repository: &str) -> Option<&'static Image> {
    let name = match registry {
        None | Some("docker.io" | "index.docker.io" | "registry-1.docker.io") => official(repository, "library/"),
        Some("mirror.gcr.io") => official(repository, "library/"),
        Some("public.ecr.aws") => repository.strip_prefix("docker/library/")?,
        Some(registry) => return by_name(&format!("{registry}/{repository}")),
    };
    by_name(name)
}

fn official<'a>(repository: &'a str, prefix: &str) -> &'a str {
    repository.strip_prefix(prefix).unwrap_or(repository)
}

/// The image with this repository, written as in the table (`node`, `gcr.io/distroless/static`).
pub fn by_name(name: &str) -> Option<&'static Image> {
    let at = generated::IMAGES_BY_NAME
        .binary_search_by(|(known, _)| (*known).cmp(name))
        .ok()?;
    let (_, index) = generated::IMAGES_BY_NAME.get(at)?;
    generated::IMAGES.get(*index)
}

/// All images.
pub fn images() -> &'static [Image] {
    generated::IMAGES
}

/// What the configuration of an image says; none where the image, or its configuration, is not known.
pub fn config(registry: Option<&str>, repository: &str, tag: &str) -> Option<&'static BaseConfig> {
    image(registry, repository)?.variant(tag)?.config
}

impl Image {
    /// The Debian or Ubuntu release below the image with this tag: the one that the tag names, else
    /// the one that tags without a name stand for. None for Alpine and where it is not known.
    pub fn suite(&self, tag: &str) -> Option<&'static Codename> {
        let variant = self.variant(tag)?;
        if variant.libc != Libc::Glibc || variant.packages != PackageManager::Apt {
            return None;
        }
        let tag = Tag::parse(tag);
        if let Some(named) = tag.codename() {
            return Some(named);
        }
        if let Some(word) = tag.version()
            && let Some((_, suite)) = self.suites.iter().find(|(known, _)| *known == word)
        {
            return codename(suite);
        }
        let numbered = self
            .suites
            .iter()
            .filter_map(|(from, suite)| Some((numbers(from)?, *suite)));
        let (_, suite) = match tag.version() {
            // A tag without all numbers stands for the newest of them.
            Some(version) => {
                let wanted = numbers(version)?;
                numbered
                    .filter(|(from, _)| *from <= wanted || from.starts_with(&wanted))
                    .max_by(|(a, _), (b, _)| a.cmp(b))?
            }
            None => numbered.max_by(|(a, _), (b, _)| a.cmp(b))?,
        };
        codename(suite)
    }

    /// The variant that a tag (`""` for none) stands for.
    pub fn variant(&self, tag: &str) -> Option<&'static Variant> {
        let tag = Tag::parse(tag);
        self.variants.iter().find(|variant| tag.has_all(variant.words))
    }

    /// The release of its language or product that a tag names.
    pub fn release(&self, tag: &str) -> Option<Support> {
        let tag = Tag::parse(tag);
        match tag.codename() {
            Some(named) if tag.version().is_none() && named.product == self.family => {
                support(named.product, named.version)
            }
            _ => support(self.family, tag.version()?),
        }
    }
}

/// The release that a codename in a tag stands for.
pub fn codename(word: &str) -> Option<&'static Codename> {
    let at = generated::CODENAMES
        .binary_search_by(|known| known.codename.cmp(word))
        .ok()?;
    generated::CODENAMES.get(at)
}

/// The newest listed release of a product.
pub fn newest(product: &str) -> Option<&'static str> {
    let (_, releases) = generated::RELEASES.iter().find(|(known, _)| *known == product)?;
    releases
        .iter()
        .max_by_key(|release| numbers(release.version))
        .map(|release| release.version)
}

/// The codename of a product's release.
pub fn named(product: &str, version: &str) -> Option<&'static Codename> {
    let mut known = generated::CODENAMES.iter();
    known.find(|c| c.product == product && c.version == version)
}

/// How long a release gets fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// This release, until the end of its month.
    Until(&'static Release),
    /// Older than all releases that are listed: ended.
    Ancient,
}

impl Support {
    /// Whether it is over in the given month.
    pub fn is_over(self, now: Month) -> bool {
        match self {
            Support::Until(release) => release.end < now,
            Support::Ancient => true,
        }
    }
}

/// The support of a product's release by a version as tags write it (`3.12.1`, `8u392`): the longest
/// listed number that the version begins with. None for what is unknown or newer.
pub fn support(product: &str, version: &str) -> Option<Support> {
    let at = generated::RELEASES
        .binary_search_by(|(known, _)| (*known).cmp(product))
        .ok()?;
    let (_, releases) = generated::RELEASES.get(at)?;
    let numbers = numbers(version)?;
    let known = |release: &Release| self::numbers(release.version).unwrap_or_default();
    let found = releases.iter().filter(|release| numbers.starts_with(&known(release)));
    if let Some(release) = found.max_by_key(|release| known(release).len()) {
        return Some(Support::Until(release));
    }
    // Compared with the releases of the same first number, where there are any (Python 3.1 is older
    // than all of 3, though not than 2.7). One with fewer numbers (`3`) names the newest of them.
    let same = |release: &&Release| known(release).first() == numbers.first();
    let kin = releases.iter().any(|release| same(&release));
    let ancient = releases.iter().filter(|release| !kin || same(release)).all(|release| {
        let known = known(release);
        numbers.len() >= known.len() && numbers < known
    });
    ancient.then_some(Support::Ancient)
}

/// The numbers that a version begins with; none where it begins otherwise.
fn numbers(version: &str) -> Option<Vec<u32>> {
    let mut out = Vec::new();
    for part in version.split('.') {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let Some(number) = part.get(..end).and_then(|digits| digits.parse().ok()) else {
            break;
        };
        out.push(number);
        if end < part.len() {
            break;
        }
    }
    (!out.is_empty()).then_some(out)
}

/// The kin of a package manager's command: `apt`, `apk` or `rpm`.
fn kin(manager: &str) -> Option<&'static str> {
    match manager {
        "apt" | "apt-get" | "aptitude" => Some("apt"),
        "apk" => Some("apk"),
        "yum" | "dnf" | "microdnf" | "tdnf" | "zypper" => Some("rpm"),
        _ => None,
    }
}

/// Whether a system package is installed to be run or loaded, as far as is known.
pub fn is_for_run_time(manager: &str, name: &str) -> bool {
    let lists = generated::RUN_TIME
        .iter()
        .filter(|(known, _)| Some(*known) == kin(manager));
    lists.into_iter().any(|(_, names)| names.binary_search(&name).is_ok())
}

/// About how many bytes a system package takes with what it brings along, where that is much.
pub fn package_size(manager: &str, name: &str) -> Option<u64> {
    let manager = kin(manager)?;
    let (_, sizes) = generated::SIZES.iter().find(|(known, _)| *known == manager)?;
    let at = sizes.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    sizes.get(at).map(|(_, megabytes)| u64::from(*megabytes) * 1_000_000)
}

/// Programs that a system package brings, besides one of its own name.
pub fn programs_of(package: &str) -> &'static [&'static str] {
    let at = generated::PROGRAMS.binary_search_by(|(known, _)| (*known).cmp(package));
    at.ok()
        .and_then(|at| generated::PROGRAMS.get(at))
        .map(|(_, programs)| *programs)
        .unwrap_or_default()
}

/// What a package with native code needs, by language (`python`, `node`, `ruby`, `php`) and its name
/// in that language's registry, in the form that compares (Python: lower case, `-`).
pub fn native(language: &str, name: &str) -> Option<&'static Native> {
    let (_, list) = generated::NATIVE.iter().find(|(known, _)| *known == language)?;
    let at = list.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
    list.get(at).map(|(_, native)| native)
}

/// Packages with headers that the full variants of official images have.
pub fn buildpack() -> &'static [&'static str] {
    generated::BUILDPACK
}

/// Whether the names of a release's packages were not checked against it.
pub fn is_approximate(release: &str) -> bool {
    generated::APPROXIMATE.contains(&release)
}

/// What a system package is for, by the package manager's command (`apt-get`, `apk`, `dnf`, ...) and
/// the package's name without version.
pub fn package(manager: &str, name: &str) -> Option<PackageKind> {
    let manager = kin(manager)?;
    let list = |tables: table::ByName<table::ByName<PackageKind>>| {
        tables
            .iter()
            .find(|(known, _)| *known == manager)
            .map(|(_, list)| *list)
            .unwrap_or_default()
    };
    let packages = list(generated::PACKAGES);
    if let Ok(at) = packages.binary_search_by(|(known, _)| (*known).cmp(name)) {
        return packages.get(at).map(|(_, kind)| *kind);
    }
    if manager == "apt" && is_versioned_compiler(name) {
        return Some(PackageKind::Compiler);
    }
    list(generated::ENDINGS)
        .iter()
        .find(|(ending, _)| name.ends_with(ending))
        .map(|(_, kind)| *kind)
}

/// Debian's `gcc-12`, `g++-12`, `clang-16`, `llvm-16`.
fn is_versioned_compiler(name: &str) -> bool {
    name.split_once('-').is_some_and(|(stem, version)| {
        matches!(stem, "gcc" | "g++" | "cpp" | "gfortran" | "clang" | "llvm")
            && !version.is_empty()
            && version.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    })
}

/// The packages that hold the libraries of a package with headers, in a release of Debian or Ubuntu
/// (its codename) or `alpine`; empty where it has nothing but headers, none where it is not known.
pub fn runtime_libraries(headers: &str, codename: &str) -> Option<&'static [&'static str]> {
    let (_, libraries) = generated::RUNTIME_LIBRARIES
        .iter()
        .find(|(known, _)| *known == codename)?;
    let at = libraries.binary_search_by(|(known, _)| (*known).cmp(headers)).ok()?;
    libraries.get(at).map(|(_, names)| *names)
}

#[cfg(test)]
mod tests;
