//! Perl, Lua and others whose packages go to `/usr/local`.

use super::Application;
use super::steps::{self, Claim, Goes};
use crate::facts::CommandView;
use crate::knowledge::Brings;
use crate::plan::evidence::Condition;
use crate::plan::site::Site;
use crate::shell::Operation;

/// What is known once every command was looked at: of modules hardly anything is, until a build shows
/// which libraries they are linked with.
pub(super) fn finish(site: &Site<'_>, out: &mut Application) {
    let gave = site.base.is_some_and(|b| b.variant.brings(Brings::Buildpack));
    let part = out.prefixes.iter().find(|p| matches!(p.ecosystem, "perl" | "lua"));
    if let Some(part) = part.filter(|_| gave) {
        out.conditions.push(Condition::unproven(
            "no library of the old base image is needed by the modules that are installed",
            vec![part.evidence.clone()],
            "a build",
        ));
    }
}

/// What a command is to such an application; none where that is not known here.
pub(super) fn claim(site: &Site<'_>, view: &CommandView<'_>) -> Option<Claim> {
    let name = view.name();
    let installs = |ecosystem, fills: Vec<String>, says: &str| {
        Some(Claim {
            goes: Some(Goes::Builder),
            fills,
            reads_sources: false,
            writes_sources: false,
            says: says.to_owned(),
            ecosystem,
        })
    };
    let system = || vec!["/usr/local/".to_owned()];
    let local = |folder: &str| {
        let workdir = steps::folder(site, view)?;
        Some(vec![format!("{}/{folder}/", workdir.trim_end_matches('/'))])
    };
    let flag = |names: &[&str]| view.words().iter().any(|w| names.iter().any(|n| w.text.starts_with(n)));
    match name {
        "carton" => installs("perl", local("local")?, "carton installs modules"),
        "cpanm" | "cpan" if flag(&["-L", "-l", "--local-lib"]) => {
            installs("perl", local("local")?, "modules are installed")
        }
        "cpanm" | "cpan" | "cpm" => installs("perl", system(), "modules are installed"),
        "luarocks" | "opm" => installs("lua", system(), "rocks are installed"),
        "perl" | "lua" | "luajit" if view.operations.iter().all(|o| !matches!(o, Operation::Packages(_))) => {
            Some(Claim {
                goes: Some(Goes::Runtime),
                says: "the interpreter runs it with what is installed".to_owned(),
                ecosystem: "perl",
                ..Claim::default()
            })
        }
        _ => None,
    }
}
