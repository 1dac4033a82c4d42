//! The Rust tables made of `rules/knowledge/*.yaml`.

use super::{
    Bundle, Codename, Image, Images, Libraries, Native, PackageKind, Packages, USUAL_PATH, Variant, parse_month,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Rust source with the tables `IMAGES`, `CODENAMES`, `RELEASES`, `PACKAGES`, `ENDINGS`,
/// `RUNTIME_LIBRARIES` and their kin, of the types in `knowledge::table`. Tables that are searched by name are
/// sorted by it.
pub fn emit(images: &Images, packages: &Packages, libraries: &Libraries) -> String {
    let mut out = String::from("// Made from rules/knowledge/*.yaml; edit those.\nuse super::table::*;\n\n");
    emit_bundles(&mut out, &images.bundles);
    emit_images(&mut out, images);
    let mut codenames: Vec<_> = images.codenames.iter().collect();
    codenames.sort_by(|a, b| a.codename.cmp(&b.codename));
    line(&mut out, "pub static CODENAMES: &[Codename] = &[");
    for Codename {
        codename,
        product,
        version,
        gcc,
    } in codenames
    {
        line(
            &mut out,
            &format!(
                "    Codename {{ codename: {codename:?}, product: {product:?}, version: {version:?}, gcc: {gcc} }},"
            ),
        );
    }
    line(&mut out, "];\n");
    line(&mut out, "pub static RELEASES: ByName<&[Release]> = &[");
    for (product, releases) in &images.releases {
        line(&mut out, &format!("    ({product:?}, &["));
        for (version, month) in releases {
            let (year, month) = parse_month(month).unwrap_or_default();
            line(
                &mut out,
                &format!("        Release {{ version: {version:?}, end: Month {{ year: {year}, month: {month} }} }},"),
            );
        }
        line(&mut out, "    ]),");
    }
    line(&mut out, "];\n");
    emit_packages(&mut out, packages);
    emit_libraries(&mut out, libraries);
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn enums<T: std::fmt::Debug>(name: &str, values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(|value| format!("{name}::{value:?}")).collect();
    format!("&[{}]", values.join(", "))
}

fn option<T: std::fmt::Debug>(value: &Option<T>) -> String {
    format!("{value:?}")
}

/// The name of a bundle's static.
fn bundle(name: &str) -> String {
    format!("BUNDLE_{}", name.to_uppercase().replace('-', "_"))
}

fn emit_bundles(out: &mut String, bundles: &BTreeMap<String, Bundle>) {
    for name in bundles.keys() {
        let (mut programs, mut accounts) = (BTreeSet::new(), BTreeMap::new());
        let mut open = vec![name.as_str()];
        let mut seen = BTreeSet::new();
        while let Some(name) = open.pop() {
            let Some(bundle) = bundles.get(name).filter(|_| seen.insert(name)) else {
                continue;
            };
            accounts.extend(bundle.accounts.iter().map(|(name, ids)| (name.as_str(), ids.as_str())));
            for program in &bundle.programs {
                match program.strip_prefix('@') {
                    Some(inner) => open.push(inner),
                    None => {
                        programs.insert(program.as_str());
                    }
                }
            }
        }
        let programs: Vec<&str> = programs.into_iter().collect();
        let accounts: Vec<(&str, &str)> = accounts.into_iter().collect();
        line(
            out,
            &format!(
                "pub static {}: Bundle = Bundle {{ programs: &{programs:?}, accounts: &{accounts:?} }};",
                bundle(name)
            ),
        );
    }
}

/// The configuration of a variant, as Rust.
fn config(image: &Image, variant: &Variant) -> String {
    let Some(below) = &image.config else {
        return "None".to_owned();
    };
    let config = variant.config.clone().unwrap_or_default().over(below);
    let env: Vec<(&String, String)> = config
        .env
        .iter()
        .map(|(name, value)| (name, value.replace("{path}", USUAL_PATH)))
        .collect();
    let list = |values: &Option<Vec<String>>| format!("&{:?}", values.as_deref().unwrap_or_default());
    let accounts: Vec<(&String, &String)> = config.accounts.iter().collect();
    let (bundles, mut programs): (Vec<&String>, Vec<&String>) =
        config.programs.iter().flatten().partition(|name| name.starts_with('@'));
    programs.sort();
    let bundles: Vec<String> = bundles
        .iter()
        .map(|name| format!("&{}", bundle(name.trim_start_matches('@'))))
        .collect();
    format!(
        "Some(&BaseConfig {{ source: {:?}, env: &{env:?}, varying: &{:?}, build_env: &{:?}, entrypoint: {}, passes: {}, cmd: {}, working_dir: {:?}, stop_signal: {}, volumes: {}, exposed: {}, accounts: &{accounts:?}, bundles: &[{}], programs: &{programs:?}, zones: {} }})",
        image.source.as_deref().unwrap_or_default(),
        config.varying,
        config.build_env,
        list(&config.entrypoint),
        config.passes.unwrap_or_default(),
        list(&config.cmd),
        config.working_dir.as_deref().unwrap_or("/"),
        option(&config.stop_signal),
        list(&config.volumes),
        list(&config.exposed),
        bundles.join(", "),
        config.zones.unwrap_or_default(),
    )
}

fn emit_images(out: &mut String, images: &Images) {
    let images = &images.images;
    let mut by_name: Vec<(&str, usize)> = Vec::new();
    line(out, "pub static IMAGES: &[Image] = &[");
    for (index, image) in images.iter().enumerate() {
        by_name.extend(image.names.iter().map(|name| (name.as_str(), index)));
        let _ = writeln!(
            out,
            "    Image {{\n        names: &{:?}, family: {:?}, role: Role::{:?}, deprecated: {}, suites: &{:?},",
            image.names,
            image.family,
            image.role,
            option(&image.deprecated),
            image.suites.iter().collect::<Vec<_>>()
        );
        line(out, "        variants: &[");
        for v in &image.variants {
            let role = v.role.unwrap_or(image.role);
            let user = v.user.as_ref().unwrap_or(&image.user);
            let _ = writeln!(
                out,
                "            Variant {{ kind: Kind::{:?}, words: &{:?}, role: Role::{role:?}, libc: Libc::{:?}, packages: PackageManager::{:?}, size: {}, user: {user:?}, brings: {}, config: {} }},",
                v.kind,
                v.words,
                v.libc,
                v.packages,
                option(&v.size),
                enums("Brings", &v.brings),
                config(image, v)
            );
        }
        line(out, "        ],\n        runtimes: &[");
        for r in &image.runtimes {
            let tag = r.tag.as_deref().unwrap_or_default();
            let _ = writeln!(
                out,
                "            Runtime {{ kind: Kind::{:?}, image: {:?}, tag: {tag:?}, since: {}, except: &{:?}, of: {}, needs: {} }},",
                r.kind,
                r.image,
                r.since,
                r.except,
                enums("Kind", &r.of),
                enums("Need", &r.needs)
            );
        }
        line(out, "        ],\n    },");
    }
    line(out, "];\n");
    by_name.sort_unstable();
    line(out, "pub static IMAGES_BY_NAME: ByName<usize> = &[");
    for entry in by_name {
        line(out, &format!("    {entry:?},"));
    }
    line(out, "];\n");
}

fn emit_packages(out: &mut String, packages: &Packages) {
    for (table, kinds) in [("PACKAGES", &packages.kinds), ("ENDINGS", &packages.endings)] {
        let mut entries: BTreeMap<&str, Vec<(&str, PackageKind)>> = BTreeMap::new();
        for (kind, by_manager) in kinds {
            for (manager, list) in by_manager.lists() {
                entries
                    .entry(manager)
                    .or_default()
                    .extend(list.iter().map(|name| (name.as_str(), *kind)));
            }
        }
        line(out, &format!("pub static {table}: ByName<ByName<PackageKind>> = &["));
        for (manager, mut list) in entries {
            list.sort_unstable();
            line(out, &format!("    ({manager:?}, &["));
            for (name, kind) in list {
                line(out, &format!("        ({name:?}, PackageKind::{kind:?}),"));
            }
            line(out, "    ]),");
        }
        line(out, "];\n");
    }
    let by_manager: BTreeMap<&str, BTreeSet<&str>> = packages
        .run_time
        .lists()
        .into_iter()
        .map(|(manager, list)| (manager, list.iter().map(String::as_str).collect()))
        .collect();
    line(out, "pub static RUN_TIME: ByName<&[&str]> = &[");
    for (manager, names) in by_manager {
        let names: Vec<&str> = names.into_iter().collect();
        line(out, &format!("    ({manager:?}, &{names:?}),"));
    }
    line(out, "];\n");
    line(out, "pub static SIZES: ByName<ByName<u32>> = &[");
    for (manager, sizes) in &packages.sizes {
        let sizes: Vec<(&String, &u32)> = sizes.iter().collect();
        line(out, &format!("    ({manager:?}, &{sizes:?}),"));
    }
    line(out, "];\n");
    line(out, "pub static PROGRAMS: ByName<&[&str]> = &[");
    for (package, programs) in &packages.programs {
        line(out, &format!("    ({package:?}, &{programs:?}),"));
    }
    line(out, "];\n");
    line(out, "pub static NATIVE: ByName<ByName<Native>> = &[");
    for (language, list) in &packages.native {
        line(out, &format!("    ({language:?}, &["));
        for (name, n) in list {
            let Native {
                built,
                always,
                programs,
                bundled,
            } = n;
            line(
                out,
                &format!(
                    "        ({name:?}, Native {{ built: &{built:?}, always: &{always:?}, programs: &{programs:?}, bundled: {bundled} }}),"
                ),
            );
        }
        line(out, "    ]),");
    }
    line(out, "];\n");
    line(
        out,
        &format!("pub static BUILDPACK: &[&str] = &{:?};\n", packages.buildpack),
    );
}

fn emit_libraries(out: &mut String, libraries: &Libraries) {
    line(out, "pub static RUNTIME_LIBRARIES: ByName<ByName<&[&str]>> = &[");
    for (release, by_headers) in libraries.by_release() {
        line(out, &format!("    ({release:?}, &["));
        for (headers, names) in by_headers {
            line(out, &format!("        ({headers:?}, &{names:?}),"));
        }
        line(out, "    ]),");
    }
    line(out, "];\n");
    line(
        out,
        &format!("pub static APPROXIMATE: &[&str] = &{:?};", libraries.approximate),
    );
}
