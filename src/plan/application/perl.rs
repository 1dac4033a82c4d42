//! Perl, Lua and others whose packages go to `/usr/local`.

use super::steps::{Claim, Goes};
use crate::facts::CommandView;
use crate::plan::site::Site;
use crate::shell::Operation;

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
        let workdir = site.workdir_at(view.instruction.index)?;
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
