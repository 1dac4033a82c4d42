//! Names of images, with what they leave out put in.

use super::digest::Digest;
use crate::model::ImageRef;
use crate::model::reference::{ReferenceError, check};
use crate::source::Span;
use std::fmt;

/// An image's full name: registry, repository, and a tag or a digest or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// `docker.io` where none is written.
    pub registry: String,
    /// With `library/` where Docker Hub's short names leave it out.
    pub repository: String,
    /// `latest` where neither a tag nor a digest is written.
    pub tag: Option<String>,
    /// It counts, and the tag does not, where there are both.
    pub digest: Option<Digest>,
}

const HUB: &str = "docker.io";

impl Reference {
    /// Reads a name as Docker does.
    ///
    /// # Errors
    /// Says what breaks the grammar.
    pub fn parse(name: &str) -> Result<Reference, ReferenceError> {
        check(name)?;
        let image = ImageRef::expanded(name, Span::at(0));
        let digest = match image.digest {
            Some(digest) => Some(Digest::try_from(digest).map_err(|e| ReferenceError::Digest(e.0))?),
            None => None,
        };
        let registry = match image.registry.as_deref() {
            None | Some("index.docker.io" | "registry-1.docker.io") => HUB.to_owned(),
            Some(registry) => registry.to_owned(),
        };
        let repository = if registry == HUB && !image.repository.contains('/') {
            format!("library/{}", image.repository)
        } else {
            image.repository
        };
        let tag = image.tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Reference {
            registry,
            repository,
            tag,
            digest,
        })
    }

    /// As people write it: Docker Hub's name and `library/` left out.
    pub fn familiar(&self) -> String {
        let name = match self.registry.as_str() {
            HUB => self
                .repository
                .strip_prefix("library/")
                .unwrap_or(&self.repository)
                .to_owned(),
            registry => format!("{registry}/{}", self.repository),
        };
        self.with_version(name)
    }

    fn with_version(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name.push(':');
            name.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            name.push('@');
            name.push_str(digest.as_str());
        }
        name
    }
}

/// In full: `docker.io/library/debian:12`.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_version(format!("{}/{}", self.registry, self.repository)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_in_what_is_left_out() {
        let full = |name| Reference::parse(name).map(|r| (r.to_string(), r.familiar()));
        let pair = |a: &str, b: &str| Ok((a.to_owned(), b.to_owned()));
        assert_eq!(full("node"), pair("docker.io/library/node:latest", "node:latest"));
        assert_eq!(full("index.docker.io/a/b:1"), pair("docker.io/a/b:1", "a/b:1"));
        assert_eq!(
            full("localhost:5000/x"),
            pair("localhost:5000/x:latest", "localhost:5000/x:latest")
        );
        let digest = format!("sha256:{}", "a".repeat(64));
        let name = format!("gcr.io/a/b@{digest}");
        assert_eq!(full(&name), pair(&name, &name));
        assert!(full("No").is_err());
    }
}
