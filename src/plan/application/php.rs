//! PHP: composer, and the extensions that the official images compile.

use super::Application;
use super::steps::{self, Claim, Goes};
use crate::facts::CommandView;
use crate::plan::artifact::Landing;
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
    if let Some(fills) = extension(site, view) {
        return Some(Claim {
            fills,
            reads_sources: true,
            ..claim(Some(Goes::Builder), "an extension is compiled")
        });
    }
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
    let phar = matches!(name, "mv" | "cp" | "ln" | "chmod" | "rm")
        && view.arguments().any(|w| w.text.ends_with("composer.phar"))
        && view
            .arguments()
            .all(|w| w.text.contains("composer") || !w.text.contains('/'));
    if phar || text.contains("getcomposer.org") || text.contains("composer-setup.php") {
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
                // What was cloned lies in the builder alone.
                fills: vec![match steps::is_fetched(site, &folder) {
                    true => format!("{}/", folder.trim_end_matches('/')),
                    false => format!("{}/vendor/", folder.trim_end_matches('/')),
                }],
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

/// Where the PHP of a release of Debian or Ubuntu has its extensions: the number of its module interface
/// (`php-config --extension-dir`).
const INTERFACES: [(&str, &str); 5] = [
    ("bullseye", "20190902"),
    ("bookworm", "20220829"),
    ("trixie", "20240924"),
    ("jammy", "20210902"),
    ("noble", "20230831"),
];

/// What a command of `phpize && ./configure && make && make install` fills, and what switches the
/// extension on; none for other commands.
fn extension(site: &Site<'_>, view: &CommandView<'_>) -> Option<Vec<String>> {
    let mut before = site.facts.commands(view.instruction).filter(|v| v.index <= view.index);
    let phpize = before.find(|v| v.name().starts_with("phpize"))?;
    let words: Vec<&str> = view.words().iter().map(|w| w.text.as_str()).collect();
    match view.name() {
        "configure" => Some(Vec::new()),
        name if name.starts_with("phpize") => Some(Vec::new()),
        "make" if !words.contains(&"install") => Some(Vec::new()),
        "make" => {
            let official = site.base.is_some_and(|b| b.image.family == "php");
            let folder = match official {
                true => EXTENSIONS.first().map(|folder| (*folder).to_owned())?,
                false => {
                    let release = site.base?.image.suite(site.base_tag())?.codename;
                    let (_, number) = INTERFACES.iter().find(|(name, _)| *name == release)?;
                    format!("/usr/lib/php/{number}/")
                }
            };
            let name = named(site, &phpize).filter(|_| !official);
            Some(vec![name.map_or(folder.clone(), |name| format!("{folder}{name}.so"))])
        }
        // What switches it on.
        "echo" | "printf" => {
            let mut targets = view.command.redirects.iter().filter_map(|r| r.target.as_ref());
            let path = targets.next().map(|t| t.text.clone())?;
            let says = words.iter().any(|w| w.contains("extension="));
            (says && path.starts_with('/') && path.ends_with(".ini") && !path.contains('$')).then(|| vec![path])
        }
        _ => None,
    }
}

/// The name of the extension in the folder that `phpize` works in, as its `config.m4` says.
fn named(site: &Site<'_>, phpize: &CommandView<'_>) -> Option<String> {
    let folder = steps::folder(site, phpize)?;
    let context = site.context?;
    let file = Landing::of(site).existing(context, &format!("{}/config.m4", folder.trim_end_matches('/')))?;
    let text = context.read_text(&file)?;
    let (_, rest) = text.split_once("PHP_NEW_EXTENSION(")?;
    let name = rest.split(',').next()?.trim().trim_matches(['[', ']', ' ']);
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    (plain && !name.is_empty()).then(|| name.to_owned())
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
