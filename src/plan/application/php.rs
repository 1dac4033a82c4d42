//! PHP: composer, and the extensions that the official images compile.

use super::Application;
use super::steps::{self, Claim, Goes};
use crate::facts::CommandView;
use crate::plan::evidence::Condition;
use crate::plan::site::Site;
use crate::shell::{Action, Manager, Operation};

/// Where the official images have extensions, and what switches them on.
const EXTENSIONS: [&str; 2] = ["/usr/local/lib/php/extensions/", "/usr/local/etc/php/conf.d/"];

/// What a command is to a PHP application; none where that is not known here.
pub(super) fn claim(site: &Site<'_>, view: &CommandView<'_>, text: &str) -> Option<Claim> {
    let claim = |goes, says: &str| Claim {
        goes,
        says: says.to_owned(),
        ecosystem: "php",
        ..Claim::default()
    };
    let name = view.name();
    if matches!(
        name,
        "docker-php-ext-install" | "docker-php-ext-configure" | "docker-php-ext-enable" | "install-php-extensions"
    ) || matches!(name, "pecl" | "phpize" | "docker-php-source")
    {
        return Some(Claim {
            fills: EXTENSIONS.map(str::to_owned).to_vec(),
            ..claim(Some(Goes::Builder), "extensions are compiled")
        });
    }
    // Composer's own installation.
    if text.contains("getcomposer.org") || text.contains("composer-setup.php") {
        return Some(claim(Some(Goes::Builder), "composer is installed"));
    }
    let packages = view.operations.iter().find_map(|o| match o {
        Operation::Packages(p) if p.manager == Manager::Composer => Some(p),
        _ => None,
    });
    if let Some(packages) = packages {
        if packages.global {
            return None;
        }
        let words: Vec<&str> = view.words().iter().map(|w| w.text.as_str()).collect();
        let chosen = words.iter().enumerate().find_map(|(at, word)| {
            let value = word.strip_prefix("--working-dir=").map(str::to_owned).or_else(|| {
                (matches!(*word, "-d" | "--working-dir")).then(|| words.get(at + 1).map(|w| (*w).to_owned()))?
            });
            value.filter(|v| !v.is_empty())
        });
        let workdir = steps::folder(site, view)?;
        let folder = match chosen {
            Some(folder) => crate::plan::artifact::absolute(Some(&workdir), &folder)?,
            None => workdir,
        };
        let scripts = !words.contains(&"--no-scripts") && has_scripts(site);
        return match packages.action {
            Action::Configure | Action::Clean => Some(claim(Some(Goes::Builder), "composer is set up")),
            _ => Some(Claim {
                fills: vec![format!("{}/vendor/", folder.trim_end_matches('/'))],
                reads_sources: true,
                writes_sources: scripts,
                ..claim(Some(Goes::Builder), "composer installs packages")
            }),
        };
    }
    if name == "composer" {
        let autoload = view.words().iter().any(|w| w.text.contains("dump"));
        return autoload.then(|| Claim {
            fills: steps::folder(site, view)
                .map(|dir| format!("{}/vendor/", dir.trim_end_matches('/')))
                .into_iter()
                .collect(),
            reads_sources: true,
            ..claim(Some(Goes::Builder), "composer writes its loader")
        });
    }
    (name == "php").then(|| claim(Some(Goes::Runtime), "PHP runs it with what is installed"))
}

/// Events of composer that run what the project says while it installs.
const EVENTS: [&str; 8] = [
    "pre-install-cmd",
    "post-install-cmd",
    "pre-update-cmd",
    "post-update-cmd",
    "pre-autoload-dump",
    "post-autoload-dump",
    "post-package-install",
    "auto-scripts",
];

/// Whether an install runs what the project says; true where that is not known.
fn has_scripts(site: &Site<'_>) -> bool {
    let text = site.context.and_then(|c| c.read_text("composer.json"));
    text.is_none_or(|text| EVENTS.iter().any(|event| text.contains(event)))
}

/// What is known once every command was looked at.
pub(super) fn finish(site: &Site<'_>, out: &mut Application) {
    if !out.prefixes.iter().any(|p| p.ecosystem == "php") {
        return;
    }
    let pecl = site
        .instructions()
        .flat_map(|i| site.facts.commands(i).collect::<Vec<_>>())
        .find(|v| matches!(v.name(), "pecl" | "install-php-extensions"));
    if let Some(view) = pecl {
        out.conditions.push(Condition::unproven(
            "the libraries that extensions are linked with stay",
            vec![crate::plan::Evidence::command(
                view.command.span,
                "it compiles extensions",
            )],
            "a build that looks at them",
        ));
    }
}
