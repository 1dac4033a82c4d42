//! Who else relies on the image as it is: compose files, CI, devcontainers, other Dockerfiles.

use super::evidence::Evidence;
use super::site::Site;

/// Something that relies on the old stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// What it relies on, a sentence without a final full stop: "docker-compose.yml runs
    /// `npm test` in the image".
    pub says: String,
    /// Where.
    pub evidence: Evidence,
    /// A rewrite would break it for certain; else it may.
    pub breaks: bool,
}

/// Everything in the context's repository, and every comment of the file, that relies on the stage.
pub fn neighbours(site: &Site<'_>) -> Vec<Neighbour> {
    let _ = site;
    Vec::new()
}
