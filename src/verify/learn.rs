//! What the original's image teaches the planner: how what it starts is linked, and which packages
//! own the libraries.

use super::closure::{closure, of_library};
use super::elf;
use super::files::{Files, Kind};
use super::owners::Owners;
use super::start::Image;
use crate::plan::{Linkage, Observed};
use std::collections::BTreeSet;

/// How many native files beside the programs are looked at.
const MOST: usize = 2000;
/// The longest file that is read for that, in bytes.
const LIMIT: u64 = 512 << 20;

/// Looks at the programs that start, and at the native code that no system package owns: what the
/// build made, and extensions of interpreters.
pub fn learn(image: Image<'_>, owners: &Owners) -> Vec<Observed> {
    let place = image.place();
    let mut observed = Vec::new();
    let mut seen = BTreeSet::new();
    for program in image.programs(&image.command_line()) {
        let found = closure(image.files, place, &program);
        let Ok(path) = super::closure::find(image.files, place, &program) else {
            continue;
        };
        if seen.insert(path.clone()) {
            observed.extend(linked(image.files, owners, &path, &found.files));
        }
    }
    let mut native = Vec::new();
    image.files.each(&mut |path, node| {
        let library = path.ends_with(".so") || path.ends_with(".node") || path.contains(".so.");
        let candidate = matches!(node.kind, Kind::File(bytes) if bytes > 64 && bytes <= LIMIT)
            && (library || node.is_executable())
            && node.layer > 0;
        let system = || {
            owners
                .of_file(path)
                .is_some_and(|o| o.starts_with("apt:") || o.starts_with("apk:"))
        };
        if candidate && native.len() < MOST && !path.starts_with("/usr/share/") && !system() {
            native.push(path.to_owned());
        }
    });
    for path in native {
        if seen.insert(path.clone()) {
            let found = of_library(image.files, place, &path);
            observed.extend(linked(image.files, owners, &path, &found.files));
        }
    }
    observed
}

fn linked(files: &dyn Files, owners: &Owners, path: &str, closure: &BTreeSet<String>) -> Option<Observed> {
    let needs = elf::needs(&mut *files.open(path, LIMIT)?)?;
    let linkage = match &needs.interpreter {
        Some(interpreter) if interpreter.contains("ld-musl-") => Linkage::DynamicMusl,
        Some(_) => Linkage::DynamicGlibc,
        None if needs.libraries.is_empty() => Linkage::Static,
        None if needs.libraries.iter().any(|library| library.contains("musl")) => Linkage::DynamicMusl,
        None => Linkage::DynamicGlibc,
    };
    let packages: BTreeSet<String> = closure
        .iter()
        .filter(|file| file.as_str() != path)
        .filter_map(|file| owners.of_file(file))
        .filter_map(|owner| {
            let name = owner.strip_prefix("apt:").or_else(|| owner.strip_prefix("apk:"))?;
            Some(name.to_owned())
        })
        .collect();
    Some(Observed::Linked {
        path: path.to_owned(),
        linkage,
        libraries: needs.libraries,
        packages: packages.into_iter().collect(),
    })
}
