//! How the new base is written: with the registry and the variables of the old one.

use crate::knowledge::{self, Variant};
use crate::model::{ImageRef, Kind, StageRef};
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::site::Site;
use crate::source::Span;

/// What the table knows of a reference.
pub fn variant(reference: &str) -> Option<&'static Variant> {
    let image = ImageRef::expanded(reference, Span::at(0));
    let known = knowledge::image(image.registry.as_deref(), &image.repository)?;
    known.variant(image.tag.as_deref().unwrap_or_default())
}

/// The image at the root of the stage's chain, as the file writes it.
pub fn of_stage(site: &Site<'_>) -> Option<String> {
    let root = site.file().chain(site.stage).last()?;
    if matches!(root.base, StageRef::Scratch) {
        return Some("scratch".to_owned());
    }
    written(site).map(|image| image.text.clone())
}

fn written<'a>(site: &Site<'a>) -> Option<&'a ImageRef> {
    let root = site.file().chain(site.stage).last()?;
    match &site.file().from_of(root)?.kind {
        Kind::From { image, .. } => Some(image),
        _ => None,
    }
}

/// A new reference with what of the old one should stay: a mirror of Docker's official images, and
/// the variable that holds the version.
pub fn as_written(site: &Site<'_>, reference: &str, conditions: &mut Vec<Condition>) -> String {
    let (Some(old), Some(expanded)) = (written(site), site.stage.root_image.as_ref()) else {
        return reference.to_owned();
    };
    let new = ImageRef::expanded(reference, Span::at(0));
    let mut out = reference.to_owned();
    if let Some(tag) = &new.tag
        && let Some(with_variable) = with_variable(old, expanded, tag)
    {
        let name = out.strip_suffix(tag.as_str()).unwrap_or(&out).to_owned();
        out = format!("{name}{with_variable}");
    } else if old.has_variables() {
        conditions.push(Condition::unproven(
            format!("builds take the default of what `{}` is made of", old.text),
            vec![Evidence::command(old.span, "a build argument can choose another image")],
            "an image without variables, or one whose variable holds only the version",
        ));
    }
    match mirror(old) {
        Some(prefix) if is_official(reference) => format!("{prefix}{out}"),
        _ => out,
    }
}

/// A tag with the version replaced by the variable that the old one has in its place.
fn with_variable(old: &ImageRef, expanded: &ImageRef, new: &str) -> Option<String> {
    let written = old.tag.as_deref()?;
    let plain = expanded.tag.as_deref()?;
    if !written.starts_with('$') {
        return None;
    }
    let end = match written.strip_prefix("${") {
        Some(_) => written.find('}')? + 1,
        None => written
            .get(1..)?
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .map_or(written.len(), |at| at + 1),
    };
    let (variable, rest) = written.split_at_checked(end)?;
    let value = plain.strip_suffix(rest)?;
    // Only a version: what it is replaced by must not change the variant.
    let version = knowledge::Tag::parse(value);
    if rest.contains('$') || version.version() != Some(value) {
        return None;
    }
    let behind = new.strip_prefix(value)?;
    (behind.is_empty() || behind.starts_with('-')).then(|| format!("{variable}{behind}"))
}

/// What stands before the names of Docker's official images in the old reference.
fn mirror(old: &ImageRef) -> Option<String> {
    let registry = old.registry.as_deref()?;
    let folder = match registry {
        "public.ecr.aws" => "docker/library/",
        "mirror.gcr.io" | "docker.io" | "index.docker.io" => {
            if old.repository.starts_with("library/") {
                "library/"
            } else {
                ""
            }
        }
        _ => return None,
    };
    Some(format!("{registry}/{folder}"))
}

/// Whether a reference of the table is one of Docker's official images.
fn is_official(reference: &str) -> bool {
    reference != "scratch" && !reference.contains('/')
}
