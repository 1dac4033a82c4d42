//! Comments that silence findings.
