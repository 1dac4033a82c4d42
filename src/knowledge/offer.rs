//! Which image could run things in another's stead.

use super::table::{Image, Kind, Need, Runtime, Variant};
use super::{Tag, by_name, codename};

/// An image to run things on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The reference, without a digest.
    pub reference: String,
    /// Its kind.
    pub kind: Kind,
    /// What must hold for it to do.
    pub needs: &'static [Need],
    /// What is known of it.
    pub variant: Option<&'static Variant>,
}

/// What could run things in the stead of an image with this tag (`""` for none), the safest first.
///
/// `release` is the codename of the Debian or Ubuntu release below the image, where it is known from
/// elsewhere; one in the tag goes before it. A tag with words that are not understood gets no offer
/// that would drop them.
pub fn offers(image: &Image, tag: &str, release: Option<&str>) -> Vec<Offer> {
    let parsed = Tag::parse(tag);
    let Some(current) = image.variant(tag) else {
        return Vec::new();
    };
    let hint = release.and_then(codename);
    let places = Places { tag: &parsed, hint };
    let understood = parsed.is_understood(image);
    let fitting = image
        .runtimes
        .iter()
        .filter(|runtime| runtime.of.contains(&current.kind));
    fitting
        .filter(|runtime| understood || runtime.tag.contains("{rest}") || runtime.tag.contains("{tag"))
        .filter(|runtime| exists(runtime, &parsed))
        .filter_map(|runtime| places.offer(runtime))
        .filter(|offer| {
            current
                .size
                .zip(offer.variant.and_then(|v| v.size))
                .is_none_or(|(now, then)| then < now)
        })
        .collect()
}

/// Whether it was ever published for the version. A JDK in the tag of a build tool's image counts
/// before the tool's own version.
fn exists(runtime: &Runtime, tag: &Tag<'_>) -> bool {
    if runtime.since == 0 && runtime.except.is_empty() {
        return true;
    }
    let version = if runtime.tag.contains("{jdk") {
        tag.jdk()
    } else {
        tag.major()
    };
    let major: Option<u32> = version.and_then(|m| m.parse().ok());
    (runtime.since == 0 || major >= Some(runtime.since)) && major.is_none_or(|m| !runtime.except.contains(&m))
}

struct Places<'a> {
    tag: &'a Tag<'a>,
    hint: Option<&'static super::table::Codename>,
}

impl Places<'_> {
    fn offer(&self, runtime: &'static Runtime) -> Option<Offer> {
        let name = self.fill(runtime.image)?;
        let tag = self.fill(runtime.tag)?;
        // A name made up from a template may not exist.
        let offered = by_name(&name)?;
        let reference = if tag.is_empty() { name } else { format!("{name}:{tag}") };
        Some(Offer {
            reference,
            kind: runtime.kind,
            needs: runtime.needs,
            variant: offered.variant(&tag),
        })
    }

    /// The template with its placeholders filled; none where a needed one has no value.
    fn fill(&self, template: &str) -> Option<String> {
        let mut out = String::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            out.push_str(before);
            let (name, behind) = after.split_once('}')?;
            let needed = name.ends_with('!');
            match self.value(name.trim_end_matches('!')) {
                Some(value) => out.push_str(&value),
                None if needed => return None,
                None => {}
            }
            rest = behind;
        }
        out.push_str(rest);
        if template.contains('{') {
            // Empty parts vanish with their hyphens.
            let parts: Vec<&str> = out.split('-').filter(|part| !part.is_empty()).collect();
            return Some(parts.join("-"));
        }
        Some(out)
    }

    fn value(&self, name: &str) -> Option<String> {
        let tag = self.tag;
        let release = tag.codename().or(self.hint);
        let debian = release.filter(|named| named.product == "debian");
        let text = match name {
            "version" => tag.version(),
            "major" => tag.major(),
            "minor" => tag.minor(),
            "codename" => release.map(|named| named.codename),
            "debian-codename" => debian.map(|named| named.codename),
            "debian" => debian.map(|named| named.version),
            "alpine" => Some(tag.alpine().unwrap_or("3")),
            "alpine-word" => tag.alpine_word(),
            "jdk" => tag.jdk(),
            "tag" => Some(tag.text()).filter(|text| !text.is_empty()),
            "rest" => return Some(tag.words().join("-")).filter(|words| !words.is_empty()),
            _ => None,
        };
        text.map(str::to_owned)
    }
}
