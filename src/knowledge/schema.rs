//! The shape of `rules/knowledge/*.yaml`, its checks, and the Rust tables made of it.
//!
//! This file stands alone (no `crate::`), so that a build script can include it with `#[path]`:
//! read both files with serde, [`check`] them, and write what [`emit`] gives.

// A build script finds it by this path as well.
#[path = "schema/tables.rs"]
mod tables;

pub use tables::emit;

use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// What an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Has compilers, or a package manager that builds.
    Sdk,
    /// Made to run things in.
    Runtime,
    /// An operating system's files.
    Os,
    /// A server that is configured, not built upon.
    Server,
    /// A command line tool.
    Tool,
}

/// The C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Libc {
    /// GNU.
    Glibc,
    /// musl.
    Musl,
    /// There is none.
    None,
    /// Not known, or not the same in all tags.
    Unknown,
}

/// The system's package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageManager {
    /// Debian, Ubuntu.
    Apt,
    /// Alpine.
    Apk,
    /// Fedora and its kin.
    Dnf,
    /// Older kin, Amazon Linux 2.
    Yum,
    /// The small one of minimal images.
    Microdnf,
    /// There is none.
    None,
    /// Not known, or not the same in all tags.
    Unknown,
}

/// How a variant differs from its siblings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The ordinary one.
    Full,
    /// For building, where the ordinary one is not.
    Sdk,
    /// The same system with less.
    Slim,
    /// Without what only builds need (a JRE, ASP.NET's runtime).
    Runtime,
    /// On Alpine.
    Alpine,
    /// No shell and no package manager: distroless, chiseled, scratch.
    Minimal,
}

/// What a variant has that an application may not need, or may miss elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Brings {
    /// The compilers, tools and some forty header packages of buildpack-deps.
    Buildpack,
    /// A compiler.
    Compilers,
    /// make or its like.
    BuildTools,
    /// git or its like.
    Vcs,
    /// curl or wget.
    Fetch,
    /// A shell.
    Shell,
    /// CA certificates.
    Certificates,
}

/// What must hold for an offer to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// The artifact needs no loader.
    StaticBinary,
    /// The artifact was linked against the same or an older glibc.
    GlibcBinary,
    /// Whatever is native was built for musl.
    MuslBinary,
    /// Nothing needs a shell.
    ExecForm,
    /// Nothing native, or bundled with its libraries.
    PureOrBundled,
    /// No compiler or other JDK tool at run time.
    JreEnough,
    /// An ASP.NET Core project.
    WebSdk,
    /// A release that includes the language's runtime.
    ReleaseWithRuntime,
    /// libstdc++ comes along with the artifact.
    BundledLibstdcxx,
    /// No certificates, time zones or user names are looked up.
    NoTlsOrZones,
}

/// What a system package is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageKind {
    /// Compiles or assembles.
    Compiler,
    /// Headers and link names of a library.
    Headers,
    /// Drives a build.
    BuildTool,
    /// Fetches sources.
    Vcs,
    /// Downloads or unpacks.
    Fetch,
    /// Edits text.
    Editor,
    /// Finds faults.
    Debug,
    /// Documentation.
    Doc,
    /// Installs a language's packages.
    PackageManager,
}

/// `images.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Images {
    /// The images.
    pub images: Vec<Image>,
    /// What `@name` among programs stands for.
    #[serde(default)]
    pub bundles: BTreeMap<String, Bundle>,
    /// Codenames of releases.
    pub codenames: Vec<Codename>,
    /// By product: release and the last month (`YYYY-MM`) with fixes.
    pub releases: BTreeMap<String, BTreeMap<String, String>>,
}

/// An image.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Image {
    /// Its repositories.
    pub names: Vec<String>,
    /// Language or product.
    pub family: String,
    /// What it is for.
    pub role: Role,
    /// The user that it runs as.
    pub user: String,
    /// Why it should not be used any more.
    pub deprecated: Option<String>,
    /// Where its configuration was read, and the state of that place.
    pub source: Option<String>,
    /// By the first version, or by a word: the release below a tag that names none; empty where it
    /// is not known.
    #[serde(default)]
    pub suites: BTreeMap<String, String>,
    /// What its configuration says, where it was read.
    pub config: Option<Config>,
    /// Its variants; the last is the default.
    pub variants: Vec<Variant>,
    /// What could run things in its stead.
    #[serde(default)]
    pub runtimes: Vec<Runtime>,
}

/// An image's configuration, or what of it differs in a variant.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Variables with their values.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Variables with values that are not known.
    #[serde(default)]
    pub varying: Vec<String>,
    /// Variables of both lists that only builds read.
    #[serde(default)]
    pub build_env: Vec<String>,
    /// ENTRYPOINT.
    pub entrypoint: Option<Vec<String>>,
    /// The entrypoint does nothing of use to what it runs.
    pub passes: Option<bool>,
    /// CMD.
    pub cmd: Option<Vec<String>>,
    /// WORKDIR.
    pub working_dir: Option<String>,
    /// STOPSIGNAL.
    pub stop_signal: Option<String>,
    /// VOLUME.
    pub volumes: Option<Vec<String>>,
    /// EXPOSE.
    pub exposed: Option<Vec<String>>,
    /// Accounts, with `uid:gid`.
    #[serde(default)]
    pub accounts: BTreeMap<String, String>,
    /// Programs on PATH, and `@bundles`.
    pub programs: Option<Vec<String>>,
    /// The table of time zones is there.
    pub zones: Option<bool>,
}

impl Config {
    /// A variant's configuration over its image's.
    fn over(&self, image: &Config) -> Config {
        fn either<T: Clone>(mine: &Option<T>, below: &Option<T>) -> Option<T> {
            mine.clone().or_else(|| below.clone())
        }
        let mut out = self.clone();
        let fixed = |name: &String| !self.varying.contains(name);
        for (name, value) in image.env.iter().filter(|(name, _)| fixed(name)) {
            out.env.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let varying = image.varying.iter().filter(|name| !self.env.contains_key(*name));
        out.varying.extend(varying.cloned());
        out.varying.sort();
        out.varying.dedup();
        out.build_env.extend(image.build_env.iter().cloned());
        out.build_env.sort();
        out.build_env.dedup();
        for (name, ids) in &image.accounts {
            out.accounts.entry(name.clone()).or_insert_with(|| ids.clone());
        }
        out.entrypoint = either(&self.entrypoint, &image.entrypoint);
        out.passes = either(&self.passes, &image.passes);
        out.cmd = either(&self.cmd, &image.cmd);
        out.working_dir = either(&self.working_dir, &image.working_dir);
        out.stop_signal = either(&self.stop_signal, &image.stop_signal);
        out.volumes = either(&self.volumes, &image.volumes);
        out.exposed = either(&self.exposed, &image.exposed);
        out.programs = either(&self.programs, &image.programs);
        out.zones = either(&self.zones, &image.zones);
        out
    }
}

/// Programs and accounts that come together.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bundle {
    /// Programs on PATH, and other `@bundles`.
    pub programs: Vec<String>,
    /// Accounts, with `uid:gid`.
    #[serde(default)]
    pub accounts: BTreeMap<String, String>,
}

/// A variant of an image.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Variant {
    /// How it differs.
    pub kind: Kind,
    /// Words that its tags have.
    #[serde(default)]
    pub words: Vec<String>,
    /// Where it differs from the image's.
    pub role: Option<Role>,
    /// The C library.
    pub libc: Libc,
    /// The package manager.
    pub packages: PackageManager,
    /// Unpacked, MB.
    pub size: Option<u32>,
    /// Where it differs from the image's.
    pub user: Option<String>,
    /// What it has.
    pub brings: Vec<Brings>,
    /// Where its configuration differs from the image's.
    pub config: Option<Config>,
}

/// What `{path}` stands for: the PATH of Debian, Ubuntu, Alpine, and BuildKit's for `scratch`.
pub const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An offer.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Runtime {
    /// The kind of what is offered.
    pub kind: Kind,
    /// A repository, with placeholders.
    pub image: String,
    /// A tag, with placeholders.
    pub tag: Option<String>,
    /// The first major version that it exists for.
    #[serde(default)]
    pub since: u32,
    /// Major versions behind `since` that it does not exist for.
    #[serde(default)]
    pub except: Vec<u32>,
    /// For which kinds it is offered.
    #[serde(rename = "for")]
    pub of: Vec<Kind>,
    /// What must hold.
    #[serde(default)]
    pub needs: Vec<Need>,
}

/// A release's codename.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Codename {
    /// The name in tags.
    pub codename: String,
    /// The product.
    pub product: String,
    /// The release.
    pub version: String,
    /// The major version of the GCC whose libraries it has (Debian's gcc-defaults); 0 where nobody looked.
    #[serde(default)]
    pub gcc: u32,
}

/// `packages.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Packages {
    /// What endings of names say.
    pub endings: BTreeMap<PackageKind, ByManager>,
    /// Names by kind.
    pub kinds: BTreeMap<PackageKind, ByManager>,
    /// Packages that are installed to be run or loaded.
    pub run_time: ByManager,
    /// By manager: about how many MB a large package takes with what it brings along.
    pub sizes: BTreeMap<String, BTreeMap<String, u32>>,
    /// Programs of packages.
    pub programs: BTreeMap<String, Vec<String>>,
    /// By language: packages with native code.
    pub native: BTreeMap<String, BTreeMap<String, Native>>,
    /// Packages with headers that buildpack-deps has.
    pub buildpack: Vec<String>,
}

/// What a language's package with native code needs from the system.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Native {
    /// Headers whose libraries it links where it was compiled.
    #[serde(default)]
    pub built: Vec<String>,
    /// Headers whose libraries it needs in any case.
    #[serde(default)]
    pub always: Vec<String>,
    /// Packages whose programs it starts.
    #[serde(default)]
    pub programs: Vec<String>,
    /// It is published compiled, with its libraries.
    #[serde(default)]
    pub bundled: bool,
}

/// `libraries.yaml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Libraries {
    /// Releases that `all` stands for.
    pub releases: Vec<String>,
    /// Those whose names nobody checked; `alpine` for Alpine's.
    pub approximate: Vec<String>,
    /// By package with headers and release: the packages that hold its libraries.
    pub headers: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// The same for Alpine.
    pub alpine: BTreeMap<String, Vec<String>>,
}

impl Libraries {
    /// By release: packages with headers, and what they are replaced by.
    fn by_release(&self) -> BTreeMap<&str, BTreeMap<&str, &[String]>> {
        let mut out: BTreeMap<&str, BTreeMap<&str, &[String]>> = BTreeMap::new();
        for (headers, releases) in &self.headers {
            for (release, names) in releases {
                let single = [release.clone()];
                let wanted: &[String] = if release == "all" { &self.releases } else { &single };
                for release in wanted {
                    let Some(known) = self.releases.iter().find(|known| *known == release) else {
                        continue;
                    };
                    out.entry(known).or_default().insert(headers, names);
                }
            }
        }
        let alpine = self
            .alpine
            .iter()
            .map(|(name, names)| (name.as_str(), names.as_slice()));
        out.insert("alpine", alpine.collect());
        out
    }
}

/// Names, or endings of names, by package manager.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ByManager {
    /// apt's.
    #[serde(default)]
    pub apt: Vec<String>,
    /// apk's.
    #[serde(default)]
    pub apk: Vec<String>,
    /// Those of yum, dnf, microdnf, zypper.
    #[serde(default)]
    pub rpm: Vec<String>,
}

impl ByManager {
    fn lists(&self) -> [(&'static str, &Vec<String>); 3] {
        [("apt", &self.apt), ("apk", &self.apk), ("rpm", &self.rpm)]
    }
}

/// The placeholders of [`Runtime`]'s templates.
pub const PLACEHOLDERS: [&str; 11] = [
    "version",
    "major",
    "minor",
    "codename",
    "debian-codename",
    "debian",
    "alpine",
    "alpine-word",
    "jdk",
    "tag",
    "rest",
];

/// What contradicts itself, a sentence each; empty where all is well.
pub fn check(images: &Images, packages: &Packages, libraries: &Libraries) -> Vec<String> {
    let mut wrong = Vec::new();
    let known = |headers: &String| libraries.headers.contains_key(headers);
    for native in packages.native.values().flat_map(|list| list.values()) {
        let missing = native
            .built
            .iter()
            .chain(&native.always)
            .filter(|headers| !known(headers));
        wrong.extend(missing.map(|headers| format!("libraries.yaml does not know {headers}")));
    }
    for (headers, releases) in &libraries.headers {
        let named = |release: &String| release == "all" || libraries.releases.contains(release);
        let unknown = releases.keys().filter(|release| !named(release));
        wrong.extend(unknown.map(|release| format!("libraries.yaml: {headers}: no release {release}")));
    }
    let mut names = BTreeSet::new();
    for image in &images.images {
        let first = image.names.first().map(String::as_str).unwrap_or("an image");
        for name in &image.names {
            if !names.insert(name.as_str()) {
                wrong.push(format!("{name} is listed twice"));
            }
        }
        match image.variants.last() {
            Some(last) if last.words.is_empty() => {}
            _ => wrong.push(format!("{first} has no default variant at the end")),
        }
        let defaults = image.variants.iter().filter(|variant| variant.words.is_empty()).count();
        if defaults > 1 {
            wrong.push(format!("{first} has {defaults} variants without words"));
        }
        for runtime in &image.runtimes {
            let template = format!("{}:{}", runtime.image, runtime.tag.as_deref().unwrap_or_default());
            for part in template.split('{').skip(1) {
                let name = part.split('}').next().unwrap_or_default().trim_end_matches('!');
                if !PLACEHOLDERS.contains(&name) {
                    wrong.push(format!("{first}: no placeholder {{{name}}}"));
                }
            }
        }
    }
    for image in &images.images {
        check_config(image, images, &mut wrong);
    }
    for image in &images.images {
        for runtime in image.runtimes.iter().filter(|runtime| !runtime.image.contains('{')) {
            if !names.contains(runtime.image.as_str()) {
                wrong.push(format!("{} is offered, but not listed", runtime.image));
            }
        }
    }
    for (product, releases) in &images.releases {
        for (release, month) in releases {
            if parse_month(month).is_none() {
                wrong.push(format!("{product} {release}: {month} is no month"));
            }
        }
    }
    let mut seen = BTreeSet::new();
    for by_manager in packages.kinds.values() {
        for (manager, list) in by_manager.lists() {
            for name in list {
                if !seen.insert((manager, name)) {
                    wrong.push(format!("{manager} package {name} is listed twice"));
                }
            }
        }
    }
    wrong
}

/// What is wrong with an image's configuration.
fn check_config(image: &Image, images: &Images, wrong: &mut Vec<String>) {
    let first = image.names.first().map(String::as_str).unwrap_or("an image");
    if image.config.is_some() && image.source.is_none() {
        wrong.push(format!("{first}: a config needs its source"));
    }
    if image.config.is_none() && image.variants.iter().any(|v| v.config.is_some()) {
        wrong.push(format!("{first}: variants have a config, the image has none"));
    }
    let known = |codename: &String| codename.is_empty() || images.codenames.iter().any(|c| &c.codename == codename);
    for codename in image.suites.values().filter(|codename| !known(codename)) {
        wrong.push(format!("{first}: {codename} is no codename"));
    }
    let configs = image
        .config
        .iter()
        .chain(image.variants.iter().filter_map(|v| v.config.as_ref()));
    for config in configs {
        for name in config.programs.iter().flatten().filter_map(|p| p.strip_prefix('@')) {
            if !images.bundles.contains_key(name) {
                wrong.push(format!("{first}: there is no bundle @{name}"));
            }
        }
        let ids = config.accounts.values().filter(|ids| {
            ids.split_once(':')
                .is_none_or(|(user, group)| user.parse::<u32>().is_err() || group.parse::<u32>().is_err())
        });
        wrong.extend(ids.map(|ids| format!("{first}: {ids} is no uid:gid")));
    }
}

/// Year and month of `YYYY-MM`.
fn parse_month(text: &str) -> Option<(u16, u8)> {
    let (year, month) = text.split_once('-')?;
    let (year, month): (u16, u8) = (year.parse().ok()?, month.parse().ok()?);
    (1990..2100).contains(&year).then_some(())?;
    (1..=12).contains(&month).then_some((year, month))
}
