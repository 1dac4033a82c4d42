//! Code and programs that are not at hand, and that speak TLS to others.

use super::leftovers::is_foreign;
use super::literals::Literals;
use crate::context::Context;
use crate::knowledge::Brings;
use crate::knowledge::ecosystem::Ecosystem;
use crate::plan::evidence::Evidence;
use crate::plan::site::Site;

/// Programs that speak TLS to others, with the certificates that the base image has.
pub(super) fn fetching(site: &Site<'_>, literals: &Literals) -> Option<Evidence> {
    site.base.filter(|base| base.variant.brings(Brings::Certificates))?;
    let fetches = |program: &str| matches!(program, "curl" | "wget" | "git" | "openssl");
    let (program, seen) = literals.programs.iter().find(|(program, _)| fetches(program))?;
    let says = format!("`{program}`, which may speak TLS, is started");
    Some(Evidence::source(seen.path.clone(), Some(seen.line), says))
}

/// Crates that look for the system's certificates.
const CRATES: [&str; 6] = [
    "native-tls",
    "openssl-probe",
    "openssl-sys",
    "rustls-native-certs",
    "rustls-platform-verifier",
    "curl-sys",
];
/// Crates that speak TLS to nobody.
const QUIET_CRATES: [&str; 22] = [
    "anyhow",
    "axum",
    "bytes",
    "chrono",
    "clap",
    "dotenv",
    "dotenvy",
    "env_logger",
    "futures",
    "lazy_static",
    "libc",
    "log",
    "once_cell",
    "rand",
    "rayon",
    "regex",
    "serde",
    "serde_json",
    "serde_yaml",
    "thiserror",
    "tokio",
    "tracing",
];

/// Code that is not at hand may speak TLS, as the manifests of a project tell.
pub(super) fn foreign_code(context: &Context, ecosystems: &[&'static Ecosystem]) -> Option<Evidence> {
    let involved = |name: &str| ecosystems.iter().any(|e| e.name == name);
    let manifests = |name: &'static str| {
        let files = context.walk().files.iter().map(|file| file.path.as_str());
        let own = move |path: &&str| path.rsplit('/').next() == Some(name) && !is_foreign(path);
        files.filter(own).take(50)
    };
    let folder = |path: &str| path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
    let mut found = None;
    if involved("go") {
        found = manifests("go.mod").find_map(|path| {
            let module = context.go_mod(&folder(path))?;
            let (other, _) = module.requires.iter().find(|(name, _)| !is_quiet_module(name))?;
            Some(Evidence::manifest(path, None, format!("{other} may speak TLS")))
        });
    }
    if involved("rust") && found.is_none() {
        let mut locks = manifests("Cargo.lock").peekable();
        if locks.peek().is_some() {
            return locks.find_map(|path| {
                let text = context.text(path)?;
                let names = text
                    .lines()
                    .filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
                let known = names.into_iter().find(|name| CRATES.contains(name))?;
                let says = format!("{known} looks for the system's certificates");
                Some(Evidence::manifest(path, None, says))
            });
        }
        return manifests("Cargo.toml").find_map(|path| {
            let manifest = context.cargo_toml(&folder(path))?;
            let local = |name: &String| manifest.local_dependencies.iter().any(|(own, _)| own == name);
            let mut others = manifest.dependencies.iter().filter(|name| !local(name));
            let other = others.find(|name| !QUIET_CRATES.contains(&name.as_str()))?;
            let says = format!("{other} may speak TLS, and no Cargo.lock tells");
            Some(Evidence::manifest(path, None, says))
        });
    }
    found
}

/// Whether a module of Go speaks TLS to nobody.
fn is_quiet_module(name: &str) -> bool {
    let quiet = [
        "golang.org/x/sys",
        "golang.org/x/text",
        "golang.org/x/sync",
        "golang.org/x/exp",
        "golang.org/x/crypto",
    ];
    quiet.contains(&name) || name.starts_with("github.com/stretchr/") || name.starts_with("gopkg.in/yaml")
}
