//! Which base images could run what the build makes.
//!
//! Same language version, same release, same C library: `scratch` and distroless's static image only
//! for what needs no loader; Alpine only where it was, or where nothing is linked; else the slim
//! image of the release that the builder is of. The image itself is always the last.

mod needs;
pub use needs::{has_its_libstdcxx, is_shell};
mod packages;
mod reference;
mod taught;

use super::application::Application;
use super::artifact::{Artifact, ArtifactKind, Artifacts, Linkage};
use super::evidence::{Condition, Evidence, Met};
use super::need::Needs;
use super::program::Program;
use super::site::Site;
use super::system::SystemPackages;
use super::{RuntimeChoice, carry};
use crate::knowledge::{self, Kind, Need, Offer, Variant};
use crate::shell::Manager;

/// A base image for the runtime stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeBase {
    /// What stands behind FROM.
    pub reference: String,
    /// What the table knows of it.
    pub variant: Option<&'static Variant>,
    /// Why it does.
    pub why: Vec<Evidence>,
    /// What must hold for it.
    pub conditions: Vec<Condition>,
    /// Packages to install on it, by their names in its release, each with the reason.
    pub packages: Vec<RuntimePackages>,
    /// Files to take from the stage that builds: certificates, time zones, accounts, the loader.
    pub files: Vec<ExtraFile>,
}

impl RuntimeBase {
    /// An image of the table, with nothing on it.
    pub fn on(reference: &str) -> RuntimeBase {
        RuntimeBase {
            reference: reference.to_owned(),
            variant: reference::variant(reference),
            why: Vec::new(),
            conditions: Vec::new(),
            packages: Vec::new(),
            files: Vec::new(),
        }
    }
}

/// Packages of one manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimePackages {
    /// The manager.
    pub manager: Manager,
    /// The names, sorted.
    pub names: Vec<String>,
    /// Why.
    pub why: Vec<Evidence>,
}

/// A file that the runtime takes from the builder although no build made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraFile {
    /// Absolute in the builder; that of a folder ends with `/`.
    pub from: String,
    /// Absolute in the runtime.
    pub to: String,
    /// Why.
    pub why: Evidence,
}

/// The bases that could do, the boldest first. Those with a condition that is not met are left out
/// unless nothing else is left.
pub fn runtime_bases(
    site: &Site<'_>,
    programs: &[Program],
    artifacts: &Artifacts,
    needs: &Needs,
    system: &SystemPackages,
    application: Option<&Application>,
) -> Vec<RuntimeBase> {
    let look = Look {
        application,
        site,
        programs,
        artifacts: &artifacts.found,
        needs,
        system,
    };
    let mut found: Vec<RuntimeBase> = Vec::new();
    for offer in offers(&look) {
        let base = look.base(&offer);
        if found.iter().all(|known| known.reference != base.reference) {
            found.push(base);
        }
    }
    if let Some(same) = look.same()
        && found.iter().all(|known| known.reference != same.reference)
    {
        found.push(same);
    }
    let fits = |base: &RuntimeBase| base.conditions.iter().all(|c| c.met != Met::No);
    if found.iter().any(fits) {
        found.retain(fits);
    }
    found
}

/// The offers for the base, in the order in which they are tried.
fn offers(look: &Look<'_>) -> Vec<Offer> {
    let Some(base) = look.site.base else {
        return Vec::new();
    };
    // A digest alone does not say which release it is.
    let bare = |image: &crate::model::ImageRef| image.tag.is_none() && image.text.contains('@');
    if look.site.stage.root_image.as_ref().is_some_and(bare) {
        return Vec::new();
    }
    let choice = look.site.options.runtime;
    if choice == RuntimeChoice::Same {
        return Vec::new();
    }
    let release = base.image.suite(look.site.base_tag()).map(|c| c.codename);
    // A tag that names no release moves on together with its siblings; only another image must name
    // the release that it stands for today.
    let mut offers = knowledge::offers(base.image, look.site.base_tag(), None);
    let repository = |reference: &str| reference.split(':').next().unwrap_or_default().to_owned();
    for offer in knowledge::offers(base.image, look.site.base_tag(), release) {
        if offers
            .iter()
            .all(|known| repository(&known.reference) != repository(&offer.reference))
        {
            offers.push(offer);
        }
    }
    // Programs run on a newer C library than the one that they were linked with, never on an older:
    // an image whose tags move from release to release has the newest one's.
    if base.image.names.contains(&"gcc")
        && knowledge::Tag::parse(look.site.base_tag()).codename().is_none()
        && let Some(newest) = knowledge::newest("debian").and_then(|version| knowledge::named("debian", version))
    {
        let reference = format!("debian:{}-slim", newest.codename);
        // On the release that the tag once stood for the program may lack its C library: only
        // where builds are at hand, which show it, that one is tried too.
        let is_tried = !look.site.observed().is_empty();
        offers.retain(|known| known.reference != reference && (is_tried || !known.reference.starts_with("debian:")));
        offers.insert(
            0,
            Offer {
                kind: Kind::Slim,
                variant: reference::variant(&reference),
                reference,
                needs: &[Need::GlibcBinary, Need::BundledLibstdcxx],
            },
        );
    }
    // `latest` of Debian is its stable release, and moves on with it.
    if base.image.names.contains(&"debian") && moves_with_stable(look.site.base_tag()) {
        let reference = "debian:stable-slim".to_owned();
        offers.push(Offer {
            kind: Kind::Slim,
            variant: reference::variant(&reference),
            reference,
            needs: &[Need::GlibcBinary],
        });
    }
    // A shell and a package manager at hand, where nothing is linked against them.
    if look.is_static() && !look.artifacts.is_empty() && base.image.role == knowledge::Role::Sdk {
        let tag = knowledge::newest("alpine").unwrap_or("3");
        let reference = format!("alpine:{tag}");
        offers.push(Offer {
            kind: Kind::Alpine,
            variant: reference::variant(&reference),
            reference,
            needs: &[Need::StaticBinary],
        });
    }
    let rank = |offer: &Offer| {
        let is_static = offer.needs.contains(&Need::StaticBinary);
        if is_static && !look.is_static() {
            return 8;
        }
        match (choice, offer.kind) {
            (RuntimeChoice::Smallest, Kind::Minimal) if offer.reference == "scratch" => 0,
            (RuntimeChoice::Smallest, Kind::Minimal) if is_static => 1,
            (RuntimeChoice::Smallest, Kind::Alpine) if is_static => 2,
            (RuntimeChoice::Smallest, Kind::Minimal) => 3,
            (RuntimeChoice::Smallest, Kind::Alpine) => 4,
            (RuntimeChoice::Smallest, _) => 5,
            // Certificates and time zones come with the static image of distroless.
            (_, Kind::Minimal) if is_static && look.needs.zones.is_some() && offer.reference != "scratch" => 0,
            (_, Kind::Alpine) if is_static => 1,
            (_, Kind::Minimal) if is_static && offer.reference != "scratch" => 2,
            (_, Kind::Minimal) if is_static => 3,
            (_, Kind::Runtime) => 4,
            (_, Kind::Slim | Kind::Full | Kind::Sdk) => 5,
            (_, Kind::Alpine) => 6,
            (_, Kind::Minimal) => 7,
        }
    };
    // Distroless instead of an interpreter's own image, or Alpine instead of Debian, is a choice of
    // the user's.
    let silent = |offer: &Offer| {
        choice == RuntimeChoice::Smallest
            || !offer.needs.contains(&Need::PureOrBundled)
                && (offer.kind != Kind::Minimal || offer.needs.contains(&Need::StaticBinary))
    };
    offers.retain(silent);
    offers.sort_by_key(rank);
    offers
}

/// Whether a tag of Debian's image stands for its stable release, whichever that is.
fn moves_with_stable(tag: &str) -> bool {
    matches!(tag, "" | "latest" | "stable")
}

/// What the choice rests on.
struct Look<'l> {
    site: &'l Site<'l>,
    programs: &'l [Program],
    artifacts: &'l [Artifact],
    needs: &'l Needs,
    system: &'l SystemPackages,
    application: Option<&'l Application>,
}

impl Look<'_> {
    /// How the binaries are linked once the builder is altered; none where there is no binary.
    fn linkage(&self) -> Option<Linkage> {
        let linkages = self.artifacts.iter().filter_map(|artifact| {
            let altered = artifact.alter.as_ref().map(|a| &a.kind);
            match altered.unwrap_or(&artifact.kind) {
                ArtifactKind::Binary { linkage, .. } => Some(*linkage),
                _ => None,
            }
        });
        linkages.reduce(|a, b| match (a, b) {
            (Linkage::Static, other) | (other, Linkage::Static) => other,
            (a, b) if a == b => a,
            _ => Linkage::Unknown,
        })
    }

    /// Whether every binary is proved static and nothing else has to be run.
    fn is_static(&self) -> bool {
        self.linkage() == Some(Linkage::Static)
            && self.artifacts.iter().all(|a| {
                matches!(
                    a.kind,
                    ArtifactKind::Binary { .. } | ArtifactKind::Site | ArtifactKind::Tree
                )
            })
    }

    /// What shows how the binaries are linked.
    fn linkage_evidence(&self) -> Vec<Evidence> {
        let binaries = self
            .artifacts
            .iter()
            .filter(|a| matches!(a.kind, ArtifactKind::Binary { .. }));
        binaries.flat_map(|a| a.sources.iter().cloned()).take(3).collect()
    }

    /// Libraries, or packages that hold them, that binaries need.
    fn libraries(&self) -> impl Iterator<Item = &str> {
        self.artifacts.iter().flat_map(|artifact| {
            let altered = artifact.alter.as_ref().map(|a| &a.kind);
            match altered.unwrap_or(&artifact.kind) {
                ArtifactKind::Binary { needs, .. } => needs.iter().map(String::as_str).collect(),
                _ => Vec::new(),
            }
        })
    }

    fn base(&self, offer: &Offer) -> RuntimeBase {
        let mut base = RuntimeBase::on(&offer.reference);
        base.why = self.why(offer);
        for need in offer.needs {
            base.conditions.extend(self.condition(*need, &mut base.files));
        }
        if offer.variant.is_none_or(|v| v.kind == Kind::Minimal) && !offer.needs.contains(&Need::ExecForm) {
            base.conditions.extend(self.condition(Need::ExecForm, &mut base.files));
        }
        self.common(&mut base);
        base.reference = reference::as_written(self.site, &offer.reference, &mut base.conditions);
        base
    }

    /// The image that the stage is on.
    fn same(&self) -> Option<RuntimeBase> {
        let written = reference::of_stage(self.site)?;
        let expanded = self
            .site
            .stage
            .root_image
            .as_ref()
            .map_or(written.as_str(), |image| &image.text);
        let mut base = RuntimeBase::on(expanded);
        base.why.push(Evidence::tool("it is the image that the stage is on"));
        self.common(&mut base);
        base.reference = written;
        Some(base)
    }

    /// What every base needs: packages, certificates, time zones.
    fn common(&self, base: &mut RuntimeBase) {
        packages::packages(self, base);
        packages::certificates(self, base);
        packages::zones(self, base);
        packages::accounts(self, base);
        taught::taught(self, base);
    }

    fn why(&self, offer: &Offer) -> Vec<Evidence> {
        let mut why = Vec::new();
        let tag = self.site.base_tag();
        if let Some(base) = self.site.base {
            let named = knowledge::Tag::parse(tag).codename().is_some();
            if let Some(suite) = base.image.suite(tag)
                && !named
                && offer.reference.contains(suite.codename)
            {
                let source = base.variant.config.map_or("the table of images", |c| c.source);
                why.push(Evidence::image(format!(
                    "tags like `{tag}` without a release stand for {} ({source})",
                    suite.codename
                )));
            }
        }
        why.push(Evidence::image(match offer.kind {
            Kind::Minimal => "it holds nothing but what the program needs",
            Kind::Alpine => "it is small, and the program needs nothing of its C library",
            Kind::Runtime => "it runs what the builder's image compiles",
            _ => "it is the small image of the same release",
        }));
        why
    }
}

/// The configuration of the base, for others.
pub fn config(base: &RuntimeBase) -> Option<&'static knowledge::BaseConfig> {
    base.variant
        .and_then(|variant| variant.config)
        .or_else(|| carry::config_of(&base.reference))
}

#[cfg(test)]
mod tests;
