//! Whether what sets run time up can be run again on the new base.

use super::application::Application;
use super::deal::{self, Deal};
use super::evidence::{Condition, Evidence};
use super::role::Role;
use super::runtime::{self, RuntimeBase};
use super::site::Site;
use crate::knowledge::{Brings, PackageManager};

/// Programs of every Debian and Ubuntu image, those of busybox first.
const COMMON: [&str; 43] = [
    "mkdir", "chown", "chmod", "chgrp", "ln", "touch", "sed", "echo", "cat", "adduser", "addgroup", "cp", "mv", "rm",
    "printf", "tee", "install", "mkfifo", "set", "true", "sh", "test", "[", "passwd", "deluser", "delgroup", "id",
    "ls", "find", "export", "cd", "chpasswd", "mktemp", "sleep", "env", ":", "useradd", "groupadd", "usermod",
    "groupmod", "userdel", "ldconfig", "bash",
];
/// How many of them busybox has.
const BUSYBOX: usize = 36;

/// Whether what sets run time up can be run on the new base: programs that it has, or that its
/// packages bring.
pub fn replayed(site: &Site<'_>, deal: &Deal, base: &RuntimeBase, application: Option<&Application>) -> Vec<Condition> {
    let config = runtime::config(base);
    let mut out = Vec::new();
    let shell = base.variant.is_some_and(|v| v.brings(Brings::Shell));
    let busybox = base.variant.is_some_and(|v| v.packages == PackageManager::Apk);
    let old_busybox = site.base.is_some_and(|b| b.variant.packages == PackageManager::Apk);
    for (role, lot) in site.roles.iter().zip(&deal.lots) {
        if !lot.runtime || role.place.piece.is_none() && role.role != Role::Unknown {
            continue;
        }
        let what = format!(
            "`{}` can be run on `{}`",
            deal::short(site.file().source.slice(role.span)),
            base.reference
        );
        let evidence = |says: String| vec![Evidence::command(role.span, says)];
        let zones = site.file().source.slice(role.span).contains("/usr/share/zoneinfo");
        let tzdata = base.packages.iter().flat_map(|p| &p.names).any(|name| name == "tzdata");
        if zones && !tzdata && !config.is_some_and(|c| c.zones) {
            out.push(Condition::not_met(
                what,
                evidence("the image has no time zones".to_owned()),
            ));
            continue;
        }
        if !shell {
            out.push(Condition::not_met(what, evidence("the image has no shell".to_owned())));
            continue;
        }
        let known = COMMON
            .get(..if busybox { BUSYBOX } else { COMMON.len() })
            .unwrap_or_default();
        let installed = |name: &str| {
            base.packages.iter().flat_map(|p| &p.names).any(|p| {
                p == name
                    || matches!(
                        (p.as_str(), name),
                        ("ca-certificates", "update-ca-certificates")
                            | (
                                "locales",
                                "locale-gen" | "localedef" | "update-locale" | "dpkg-reconfigure"
                            )
                            | ("shadow", "useradd" | "groupadd" | "usermod")
                            | ("tzdata", "dpkg-reconfigure")
                            | ("cron", "crontab")
                            | ("apache2", "a2enmod" | "a2dismod" | "a2ensite")
                            | ("libcap2-bin" | "libcap", "setcap")
                    )
            })
        };
        let has = |name: &str| known.contains(&name) || config.is_some_and(|c| c.has_program(name)) || installed(name);
        let brought = |name: &str| application.is_some_and(|a| a.brings(name) == Some(true));
        let unknown = deal::commands(site, role.place).find(|name| !name.is_empty() && !has(name) && !brought(name));
        match unknown {
            Some(name) if busybox && !old_busybox => {
                out.push(Condition::not_met(what, evidence(format!("`{name}` is not in it"))));
            }
            Some(name) if Some(base.reference.as_str()) != site.stage.root_image.as_ref().map(|i| i.text.as_str()) => {
                out.push(Condition::unproven(
                    what,
                    evidence(format!("it is not known to have `{name}`")),
                    "a build",
                ));
            }
            // busybox and Debian read the options of these differently.
            None if busybox != old_busybox
                && deal::commands(site, role.place).any(|n| matches!(n, "adduser" | "addgroup" | "deluser")) =>
            {
                out.push(Condition::not_met(
                    what,
                    evidence("its options differ between busybox and Debian".to_owned()),
                ));
            }
            _ => {}
        }
    }
    out
}
