//! Manifests and indexes of images, OCI's and Docker's, which differ in names of types only.

use crate::executor::config::{ImageConfig, Platform};
use crate::executor::digest::Digest;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The types of manifests and indexes to ask a registry for.
pub const ACCEPTED: &[&str] = &[
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// What points to a blob, a manifest, or an index.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Of its bytes.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    #[serde(default)]
    platform: Option<Described>,
    /// Names and more.
    #[serde(default)]
    pub annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Described {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

/// A layer in a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// What it is.
    pub media_type: String,
    /// Of its bytes as they are stored.
    pub digest: Digest,
    /// Its bytes as they are stored.
    pub size: u64,
}

/// A document that a name can point to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// One image.
    Image {
        /// Its config.
        config: Descriptor,
        /// Its layers, lowest first.
        layers: Vec<Layer>,
    },
    /// Images for several platforms, or several images.
    Index(Vec<Descriptor>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(default)]
    schema_version: u64,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
}

/// Reads a manifest or an index.
///
/// # Errors
/// Says what is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Document, String> {
    let raw: Raw = serde_json::from_slice(bytes).map_err(|error| format!("its manifest is broken: {error}"))?;
    if raw.schema_version == 1 {
        return Err(
            "its manifest has Docker's first format, which registries gave up in 2019: push the image again \
             with a current engine"
                .to_owned(),
        );
    }
    if raw.schema_version != 2 {
        return Err(format!("its manifest has the unknown version {}", raw.schema_version));
    }
    match (raw.config, raw.layers, raw.manifests) {
        (Some(config), Some(layers), None) => {
            if layers.len() > super::MAX_LAYERS {
                return Err(format!("it has {} layers", layers.len()));
            }
            let layers = layers.into_iter().map(layer).collect::<Result<_, _>>()?;
            Ok(Document::Image { config, layers })
        }
        (None, None, Some(manifests)) => Ok(Document::Index(manifests)),
        _ => Err(format!(
            "its manifest is neither one image's nor an index of images{}",
            raw.media_type
                .map_or(String::new(), |kind| format!(" (its type is {kind:?})"))
        )),
    }
}

fn layer(descriptor: Descriptor) -> Result<Layer, String> {
    let kind = descriptor.media_type.as_str();
    let known = [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
        // Layers that must not be passed on; they are fetched like others.
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ];
    let base = kind.split(['+', ';']).next().unwrap_or_default();
    let base = base
        .strip_suffix(".gzip")
        .or_else(|| base.strip_suffix(".zstd"))
        .unwrap_or(base);
    if !known.contains(&base) || kind.ends_with("+encrypted") {
        return Err(format!(
            "its layer {} has the type {kind:?}, which is no file system layer",
            descriptor.digest.short()
        ));
    }
    Ok(Layer {
        media_type: descriptor.media_type,
        digest: descriptor.digest,
        size: descriptor.size,
    })
}

/// The entry of an index for a platform. Of several the first counts; an entry that names no
/// platform is taken where it is the only one.
///
/// # Errors
/// Says which platforms there are.
pub fn choose<'a>(entries: &'a [Descriptor], platform: &Platform) -> Result<&'a Descriptor, String> {
    // What is neither an image nor an index of images: attestations, signatures.
    let images: Vec<&Descriptor> = entries
        .iter()
        .filter(|entry| entry.platform.as_ref().is_none_or(|p| p.os != "unknown"))
        .collect();
    let exact = |entry: &&&Descriptor| {
        entry.platform.as_ref().is_some_and(|p| {
            p.os == platform.os
                && p.architecture == platform.architecture
                && usual(&p.architecture, p.variant.as_deref()) == usual(&p.architecture, platform.variant.as_deref())
        })
    };
    let runs = |entry: &&&Descriptor| {
        entry.platform.as_ref().is_some_and(|p| {
            p.os == platform.os
                && p.architecture == platform.architecture
                // An older ARM's programs run on a newer one.
                && (p.architecture != "arm"
                    || usual("arm", p.variant.as_deref()) <= usual("arm", platform.variant.as_deref()))
        })
    };
    let newest = || {
        images
            .iter()
            .filter(runs)
            .max_by_key(|entry| entry.platform.as_ref().and_then(|p| p.variant.clone()))
    };
    if let Some(entry) = images.iter().find(exact).or_else(newest) {
        return Ok(entry);
    }
    if let [only] = images.as_slice()
        && only.platform.is_none()
    {
        return Ok(only);
    }
    let names: Vec<String> = images
        .iter()
        .filter_map(|entry| entry.platform.as_ref())
        .map(|p| {
            let variant = p
                .variant
                .as_ref()
                .map_or(String::new(), |variant| format!("/{variant}"));
            format!("{}/{}{variant}", p.os, p.architecture)
        })
        .collect();
    Err(format!(
        "it is not there for {platform}; it is for {}",
        if names.is_empty() {
            "no platform".to_owned()
        } else {
            names.join(", ")
        }
    ))
}

/// A variant, and where none is named the architecture's usual one.
fn usual<'a>(architecture: &str, variant: Option<&'a str>) -> &'a str {
    match (architecture, variant) {
        (_, Some(variant))
            if !(architecture == "amd64" && variant == "v1") && !(architecture == "arm64" && variant == "v8") =>
        {
            variant
        }
        ("arm", None) => "v7",
        _ => "",
    }
}

/// Reads an image's config and checks that it belongs to that many layers.
///
/// # Errors
/// Says what is wrong with it.
pub fn config(json: &[u8], layers: usize) -> Result<ImageConfig, String> {
    let config = ImageConfig::from_json(json).map_err(|error| format!("its config is broken: {error}"))?;
    if config.diff_ids.len() != layers {
        return Err(format!(
            "its config knows {} layers, and its manifest {layers}",
            config.diff_ids.len()
        ));
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(platform: &str, digit: char) -> String {
        let mut parts = platform.split('/');
        let (os, architecture) = (parts.next().unwrap(), parts.next().unwrap());
        let variant = parts.next().map_or(String::new(), |v| format!(r#","variant":"{v}""#));
        format!(
            r#"{{"mediaType":"m","size":1,"digest":"sha256:{}","platform":{{"os":"{os}","architecture":"{architecture}"{variant}}}}}"#,
            digit.to_string().repeat(64)
        )
    }

    #[test]
    fn the_platform_chooses() {
        let entries = [
            "linux/amd64",
            "linux/arm/v5",
            "linux/arm/v6",
            "linux/arm64/v8",
            "unknown/unknown",
        ]
        .iter()
        .zip("abcde".chars())
        .map(|(platform, digit)| entry(platform, digit))
        .collect::<Vec<_>>()
        .join(",");
        let Document::Index(entries) =
            parse(format!(r#"{{"schemaVersion":2,"manifests":[{entries}]}}"#).as_bytes()).unwrap()
        else {
            panic!("an index")
        };
        let chosen = |platform: &str| {
            choose(&entries, &Platform::parse(platform).unwrap())
                .map(|entry| entry.digest.hex().chars().next().unwrap())
        };
        assert_eq!(chosen("linux/amd64"), Ok('a'));
        assert_eq!(chosen("linux/arm/v7"), Ok('c'));
        assert_eq!(chosen("linux/arm/v5"), Ok('b'));
        assert_eq!(chosen("linux/arm64"), Ok('d'));
        assert_eq!(
            chosen("linux/s390x"),
            Err(
                "it is not there for linux/s390x; it is for linux/amd64, linux/arm/v5, linux/arm/v6, linux/arm64/v8"
                    .into()
            )
        );
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let config = format!(r#""config":{{"digest":"{digest}","size":1}}"#);
        for (json, says) in [
            ("x", "broken"),
            (r#"{"schemaVersion":1,"fsLayers":[]}"#, "first format"),
            (r#"{"schemaVersion":2}"#, "neither"),
            (
                &format!(
                    r#"{{"schemaVersion":2,{config},"layers":[{{"mediaType":"application/wasm","digest":"{digest}","size":1}}]}}"#
                ),
                "no file system layer",
            ),
            (
                &format!(
                    r#"{{"schemaVersion":2,{config},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip+encrypted","digest":"{digest}","size":1}}]}}"#
                ),
                "no file system layer",
            ),
            (
                &format!(
                    r#"{{"schemaVersion":2,{config},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:../../etc/passwd","size":1}}]}}"#
                ),
                "no digest",
            ),
            (
                &format!(
                    r#"{{"schemaVersion":2,{config},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{digest}","size":-1}}]}}"#
                ),
                "broken",
            ),
        ] {
            let error = parse(json.as_bytes()).unwrap_err();
            assert!(error.contains(says), "{json}: {error}");
        }
        assert!(
            super::config(br#"{"rootfs":{"diff_ids":[]}}"#, 1)
                .unwrap_err()
                .contains("0 layers")
        );
    }
}
