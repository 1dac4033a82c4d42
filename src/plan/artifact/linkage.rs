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

/// The Debian package with the headers of a library that the linker knows by this name; none for what
/// belongs to the C library. It leads to the package with the library itself in any release.
pub fn library(name: &str) -> Option<String> {
    let own = [
        "c", "m", "pthread", "dl", "rt", "util", "crypt", "resolv", "nsl", "anl", "gcc", "gcc_s", "gcc_eh",
    ];
    let name = name.trim_matches(['"', '\'']);
    if name.is_empty() || own.contains(&name) || name.starts_with(':') || name.contains(['$', '/']) {
        return None;
    }
    Some(if name.starts_with("lib") {
        package(name)
    } else {
        package(&format!("lib{name}"))
    })
}

/// Like [`library`], for a name with `lib` in front.
pub fn package(library: &str) -> String {
    let known = [
        ("libX11", "libx11-dev"),
        ("libasound", "libasound2-dev"),
        ("libcrypto", "libssl-dev"),
        ("libcurl", "libcurl4-openssl-dev"),
        ("libglib-2.0", "libglib2.0-dev"),
        ("libGL", "libgl1-mesa-dev"),
        ("libmariadb", "libmariadb-dev"),
        ("libMagickWand", "libmagickwand-dev"),
        ("libmysqlclient", "default-libmysqlclient-dev"),
        ("libncursesw", "libncurses-dev"),
        ("libodbc", "unixodbc-dev"),
        ("libopenssl", "libssl-dev"),
        ("libpcre2-8", "libpcre2-dev"),
        ("libpng16", "libpng-dev"),
        ("libtinfo", "libncurses-dev"),
        ("libturbojpeg", "libturbojpeg0-dev"),
        ("libuuid", "uuid-dev"),
        ("libusb-1.0", "libusb-1.0-0-dev"),
        ("libuv", "libuv1-dev"),
        ("libz", "zlib1g-dev"),
        ("libzlib", "zlib1g-dev"),
        ("libzmq", "libzmq3-dev"),
        ("libyaml-0.1", "libyaml-dev"),
        ("libxml-2.0", "libxml2-dev"),
        ("libSDL2", "libsdl2-dev"),
        ("libexpat", "libexpat1-dev"),
        ("libmagic", "libmagic-dev"),
        ("libudev", "libudev-dev"),
        ("libgc", "libgc-dev"),
        ("libgcc_s", "libgcc_s.so.1"),
        ("libstdc++", "libstdc++"),
        ("libgomp", "libgomp1"),
        ("libluajit", "libluajit-5.1-dev"),
    ];
    if let Some((_, package)) = known.iter().find(|(name, _)| *name == library) {
        return (*package).to_owned();
    }
    let plain = library.replace('_', "-").to_ascii_lowercase();
    if library.ends_with("-dev") {
        library.to_owned()
    } else {
        format!("{plain}-dev")
    }
}
