//! How a binary is linked by a compiler that does nothing special.

use super::Linkage;
use super::outputs::Outputs;
use crate::knowledge::Libc;

/// Dynamically, against the stage's C library.
pub fn dynamic(outputs: &Outputs<'_>) -> Linkage {
    match outputs.libc() {
        Some(Libc::Glibc) => Linkage::DynamicGlibc,
        Some(Libc::Musl) => Linkage::DynamicMusl,
        _ => Linkage::Unknown,
    }
}

/// A library as the linker names it, with `lib` in front; none for what belongs to the C library.
pub fn library(name: &str) -> Option<String> {
    let own = [
        "c", "m", "pthread", "dl", "rt", "util", "crypt", "resolv", "nsl", "anl", "gcc", "gcc_s", "gcc_eh",
    ];
    let name = name.trim_matches(['"', '\'']);
    if name.is_empty() || own.contains(&name) || name.starts_with(':') || name.contains(['$', '/']) {
        return None;
    }
    Some(if name.starts_with("lib") {
        name.to_owned()
    } else {
        format!("lib{name}")
    })
}
