//! Extended attributes, read whole.

use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The longest list, and the longest value, that Linux has.
const MOST: usize = 64 << 10;

/// Name and value.
pub type Attribute = (Vec<u8>, Vec<u8>);

/// Each attribute that `keep` wants, by name. `list` and `get` ask the kernel, by
/// descriptor or by path. A file system that has none has an empty list.
///
/// # Errors
/// The kernel refuses.
pub fn read(
    list: impl Fn(&mut [u8]) -> Result<usize, Errno>,
    get: impl Fn(&OsStr, &mut [u8]) -> Result<usize, Errno>,
    keep: impl Fn(&[u8]) -> bool,
) -> Result<Vec<Attribute>, Errno> {
    // Most files have none, or a short list.
    let mut names = vec![0_u8; 1024];
    let length = match list(&mut names) {
        Ok(length) => length,
        Err(Errno::RANGE) => {
            names.resize(MOST, 0);
            list(&mut names)?
        }
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Err(errno) => return Err(errno),
    };
    let mut found = Vec::new();
    let mut value = Vec::new();
    let names = names.get(..length).unwrap_or_default();
    for name in names.split(|b| *b == 0).filter(|name| !name.is_empty() && keep(name)) {
        value.resize(MOST, 0);
        match get(OsStr::from_bytes(name), &mut value) {
            Ok(length) => found.push((name.to_vec(), value.get(..length).unwrap_or_default().to_vec())),
            // Taken away meanwhile.
            Err(Errno::NODATA) => {}
            Err(errno) => return Err(errno),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Whether an attribute belongs to a layer: file capabilities, and users' own; not what overlayfs
/// keeps for itself, or what a security module gives each file.
pub fn is_of_layer(name: &[u8]) -> bool {
    name == b"security.capability" || (name.starts_with(b"user.") && !name.starts_with(b"user.overlay."))
}
