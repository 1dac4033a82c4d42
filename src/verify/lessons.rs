//! What a rewrite that fell teaches: libraries, files and programs that it lacked, so that the next
//! one gets them instead of being thrown away.

use super::closure::{closure, find};
use super::files::{Files, Kind, resolve};
use super::owners::Owners;
use super::start::Image;
use super::traced::{Missed, What};
use crate::plan::Observed;
use crate::plan::reach::Language;

/// What a rewrite that fell teaches.
#[derive(Debug, Default)]
pub struct Lessons {
    /// What it lacked.
    pub lacked: Vec<Observed>,
    /// The files of those packages of a language that are among it: where a rewrite cannot take a package
    /// in by its name, they are copied.
    pub instead: Vec<Observed>,
}

/// From files that the original used and the rewrite lacks. Of those that the old base image had and
/// that nobody needs for certain, only where behaviour changed.
pub fn of_trace(missed: &[Missed], owners: &Owners, changed: bool) -> Lessons {
    let mut lessons = Lessons::default();
    let (mut opened, mut loaded) = (Vec::new(), Vec::new());
    let mut modules: Vec<&str> = Vec::new();
    for Missed { path, what } in missed {
        if matches!(what, What::Base | What::Tried | What::Listed) && !changed {
            continue;
        }
        let known = package_of(path).map(|(language, package)| Observed::Loaded { language, package });
        match (what, known) {
            (What::Program, None) => lessons.lacked.push(started(path, owners)),
            (What::Program, Some(known)) => {
                lessons.instead.push(started(path, owners));
                lessons.lacked.push(known);
            }
            (_, Some(known)) => {
                loaded.push(path.clone());
                lessons.lacked.push(known);
            }
            // A library comes with its package, and with what that needs.
            (_, None) if is_library(path) && package(owners, path).is_some() => {
                modules.push(path);
                lessons.lacked.push(started(path, owners));
            }
            (_, None) => opened.push(path.clone()),
        }
    }
    // What switches an extension of PHP on comes with its package, too.
    opened.retain(|path| !modules.iter().any(|module| switches_on(path, module)));
    let files = |paths| gathered(paths).into_iter().map(|path| Observed::Opened { path });
    lessons.lacked.extend(files(opened));
    lessons.instead.extend(files(loaded));
    let lacked = std::mem::take(&mut lessons.lacked);
    add(&mut lessons.lacked, lacked);
    lessons
}

fn is_library(path: &str) -> bool {
    path.starts_with("/usr/lib/") && (path.ends_with(".so") || path.contains(".so."))
}

/// Whether a file is the setting of an extension: `/etc/php/8.2/cli/conf.d/20-intl.ini` of `intl.so`.
fn switches_on(path: &str, module: &str) -> bool {
    let name = |path: &str, ending: &str| {
        let name = path.rsplit('/').next().unwrap_or(path).strip_suffix(ending)?;
        Some(
            name.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-')
                .to_owned(),
        )
    };
    path.starts_with("/etc/php/") && name(path, ".ini").is_some_and(|of| name(module, ".so") == Some(of))
}

/// Adds what is new.
pub fn add(known: &mut Vec<Observed>, more: impl IntoIterator<Item = Observed>) {
    for lesson in more {
        if !known.contains(&lesson) {
            known.push(lesson);
        }
    }
}

fn started(path: &str, owners: &Owners) -> Observed {
    Observed::Started {
        path: path.to_owned(),
        package: package(owners, path),
    }
}

/// The package of a language that a file is of, as sources name it.
fn package_of(path: &str) -> Option<(Language, String)> {
    if let Some((_, rest)) = path.rsplit_once("/node_modules/") {
        let mut parts = rest.split('/');
        let name = match (parts.next()?, parts.next()) {
            (scope, Some(name)) if scope.starts_with('@') => format!("{scope}/{name}"),
            (name, Some(_)) if !name.starts_with('.') => name.to_owned(),
            _ => return None,
        };
        return Some((Language::JavaScript, name));
    }
    if let Some(name) = gem_of(path) {
        return Some((Language::Ruby, name));
    }
    if let Some((_, rest)) = path.rsplit_once("/vendor/")
        && path.ends_with(".php")
    {
        let mut parts = rest.split('/');
        let (vendor, name, inside) = (parts.next()?, parts.next()?, parts.next());
        let package = inside.is_some() && vendor != "composer";
        return package.then(|| (Language::Php, format!("{vendor}/{name}")));
    }
    let rest = ["/site-packages/", "/dist-packages/"]
        .iter()
        .find_map(|folder| Some(path.rsplit_once(folder)?.1))?;
    let first = rest.split('/').next()?;
    // What tools write about a package is not the package.
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    // `six.py`, `_cffi_backend.cpython-311-x86_64-linux-gnu.so`.
    let name = first.split_once('.').map_or(first, |(name, _)| name);
    let is_module = first == name || first.ends_with(".py") || first.ends_with(".so");
    (is_name(name) && is_module).then(|| (Language::Python, name.to_owned()))
}

/// The gem that a file is of: `gems/rack-test-2.1.0/lib/rack/test.rb`.
fn gem_of(path: &str) -> Option<String> {
    let mut parts = path.split('/').skip_while(|part| *part != "gems");
    let name = parts.find_map(|part| {
        let mut dashes = part.match_indices('-').map(|(at, _)| at);
        let version = |at: &usize| {
            let rest = part.get(at + 1..).unwrap_or_default();
            rest.starts_with(|c: char| c.is_ascii_digit())
        };
        part.get(..dashes.find(version)?)
    })?;
    // The file lies in the folder.
    parts.next().map(|_| name.to_owned())
}

/// From what a run that failed says: modules that it did not find, where the original did not say so.
pub fn of_words(said: &str, before: &str) -> Vec<Observed> {
    let mut lessons = Vec::new();
    for line in said.lines().filter(|line| !before.contains(line.trim())) {
        let quoted = |sign: &str| {
            let name = line.split_once(sign)?.1.split(['\'', '"']).next()?;
            (!name.is_empty()).then(|| name.to_owned())
        };
        let node = ["Cannot find module '", "Cannot find package '"]
            .iter()
            .find_map(|sign| quoted(sign));
        let lesson = match (node, quoted("No module named '")) {
            (Some(name), _) => {
                // A file of its own, or one of Node's; `@scope/name/part` is in the package of that name.
                let depth = if name.starts_with('@') { 2 } else { 1 };
                let own = name.starts_with(['.', '/']) || name.contains(':');
                let parts: Vec<&str> = name.split('/').take(depth).collect();
                (!own).then(|| (Language::JavaScript, parts.join("/")))
            }
            (None, Some(name)) => name.split('.').next().map(|first| (Language::Python, first.to_owned())),
            (None, None) => line.split_once("cannot load such file -- ").and_then(|(_, rest)| {
                let name = rest.split([' ', '/', ')']).next().filter(|name| !name.is_empty())?;
                Some((Language::Ruby, name.to_owned()))
            }),
        };
        let Some((language, package)) = lesson else { continue };
        add(&mut lessons, [Observed::Loaded { language, package }]);
    }
    lessons
}

/// More files than these are taken by their folders.
const MOST: usize = 12;

/// Few paths that stand for all of them: where there are too many, the deepest become their folders,
/// which end with `/`.
fn gathered(mut paths: Vec<String>) -> Vec<String> {
    let depth = |path: &str| path.trim_end_matches('/').matches('/').count();
    loop {
        paths.sort();
        paths.dedup();
        let deepest = paths.iter().map(|path| depth(path)).max().unwrap_or(0);
        // A folder right below the root holds more than anybody wants.
        if paths.len() <= MOST || deepest <= 2 {
            return paths;
        }
        for path in &mut paths {
            if depth(path) == deepest {
                let folder = super::files::parent(path.trim_end_matches('/'));
                *path = format!("{folder}/");
            }
        }
    }
}

/// From what cannot start: the programs, the libraries and the loaders that the original has.
pub fn of_closure(before: Image<'_>, owners: &Owners, after: Image<'_>) -> Vec<Observed> {
    let mut lessons = Vec::new();
    let mut words = vec![before.command_line()];
    words.extend(before.health_command());
    for program in words.iter().flat_map(|words| before.programs(words)) {
        let had = closure(before.files, before.place(), &program);
        let has = closure(after.files, after.place(), &program);
        if has.missing.is_empty() || !had.missing.is_empty() {
            continue;
        }
        if let Ok(path) = find(before.files, before.place(), &program)
            && resolve(after.files, &path).is_err()
            && package(owners, &path).is_some()
        {
            lessons.push(Observed::Started {
                package: package(owners, &path),
                path,
            });
            continue;
        }
        for library in &has.libraries {
            let file = had.files.iter().find(|file| is_called(file, library));
            let Some(file) = file else { continue };
            match package(owners, file) {
                // The package brings what the library itself needs.
                Some(package) => lessons.push(Observed::Started {
                    path: file.clone(),
                    package: Some(package),
                }),
                None => lessons.push(Observed::Opened {
                    path: by_its_name(before.files, file, library),
                }),
            }
        }
    }
    lessons.dedup();
    lessons
}

/// `libz.so.1` may be a link to `libz.so.1.3.1`.
fn is_called(file: &str, library: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or_default();
    let stem = |name: &str| name.split_once(".so").map(|(stem, _)| stem.to_owned());
    name == library || stem(name).is_some() && stem(name) == stem(library)
}

/// The path under the name that is asked for, where there is such a link beside the file.
fn by_its_name(files: &dyn Files, file: &str, library: &str) -> String {
    let beside = format!("{}/{library}", super::files::parent(file).trim_end_matches('/'));
    match files.node(&beside).map(|node| node.kind) {
        Some(Kind::Link(_) | Kind::File(_)) => beside,
        _ => file.to_owned(),
    }
}

fn package(owners: &Owners, path: &str) -> Option<String> {
    let owner = owners.of_file(path)?;
    let name = owner.strip_prefix("apt:").or_else(|| owner.strip_prefix("apk:"))?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::files::Memory;
    use super::*;
    use crate::executor::ImageConfig;

    #[test]
    fn what_was_lacking_is_named_with_its_package() {
        let mut files = Memory::default();
        files
            .file("/usr/bin/git", 0o755, "x")
            .file("/var/lib/dpkg/info/git.list", 0o644, "/usr/bin/git\n");
        let owners = Owners::of(&files);
        let missed = |path: &str, what| Missed {
            path: path.to_owned(),
            what,
        };
        let all = [
            missed("/usr/bin/git", What::Program),
            missed("/app/rules", What::Own),
            missed("/etc/mime.types", What::Base),
        ];
        let git = Observed::Started {
            path: "/usr/bin/git".into(),
            package: Some("git".into()),
        };
        let opened = |path: &str| Observed::Opened { path: path.into() };
        assert_eq!(
            of_trace(&all, &owners, false).lacked,
            [git.clone(), opened("/app/rules")]
        );
        assert_eq!(of_trace(&all, &owners, true).lacked.len(), 3);

        let config = ImageConfig {
            cmd: Some(vec!["/usr/bin/git".into()]),
            ..ImageConfig::default()
        };
        let empty = Memory::default();
        let image = |files| Image { config: &config, files };
        assert_eq!(of_closure(image(&files), &owners, image(&empty)), [git]);
    }

    fn loaded(language: Language, package: &str) -> Observed {
        Observed::Loaded {
            language,
            package: package.into(),
        }
    }

    #[test]
    fn extensions_come_with_their_packages() {
        let mut files = Memory::default();
        let module = "/usr/lib/php/20220829/intl.so";
        files.file("/var/lib/dpkg/info/php8.2-intl.list", 0o644, format!("{module}\n"));
        let owners = Owners::of(&files);
        let missed = [module, "/etc/php/8.2/mods-available/intl.ini", "/app/rules"].map(|path| Missed {
            path: path.to_owned(),
            what: What::Own,
        });
        let package = Observed::Started {
            path: module.into(),
            package: Some("php8.2-intl".into()),
        };
        let rules = Observed::Opened {
            path: "/app/rules".into(),
        };
        assert_eq!(of_trace(&missed, &owners, false).lacked, [package, rules]);
    }

    #[test]
    fn packages_of_ruby_and_php_are_named() {
        let named = |path: &str| package_of(path).map(|(_, name)| name);
        let gem = "/usr/local/bundle/gems/rack-test-2.1.0/lib/rack/test.rb";
        assert_eq!(named(gem).as_deref(), Some("rack-test"));
        assert_eq!(
            named("/var/lib/gems/3.1.0/gems/kind-0.2.0/lib/kind.rb").as_deref(),
            Some("kind")
        );
        assert_eq!(named("/app/gems/units/lib/units.rb"), None);
        assert_eq!(
            named("/app/vendor/monolog/monolog/src/Logger.php").as_deref(),
            Some("monolog/monolog")
        );
        assert_eq!(named("/app/vendor/composer/ClassLoader.php"), None);
        let said = "/srv/a.rb:1:in `require': cannot load such file -- tabular/line (LoadError)";
        assert_eq!(of_words(said, ""), [loaded(Language::Ruby, "tabular")]);
    }

    #[test]
    fn packages_are_named_and_their_files_are_at_hand() {
        let own = |path: &str, what| Missed {
            path: path.to_owned(),
            what,
        };
        let missed = [
            own("/app/node_modules/pad/index.js", What::Own),
            own("/app/node_modules/pad/package.json", What::Own),
            own("/app/node_modules/@a/b/bin/run", What::Program),
            own("/usr/lib/python3/site-packages/yaml/__init__.py", What::Own),
            own(
                "/usr/lib/python3/site-packages/PyYAML-6.0.dist-info/METADATA",
                What::Own,
            ),
            own("/app/node_modules/supports-color/index.js", What::Tried),
        ];
        let lessons = of_trace(&missed, &Owners::default(), false);
        assert_eq!(
            lessons.lacked,
            [
                loaded(Language::JavaScript, "pad"),
                loaded(Language::JavaScript, "@a/b"),
                loaded(Language::Python, "yaml"),
                Observed::Opened {
                    path: "/usr/lib/python3/site-packages/PyYAML-6.0.dist-info/METADATA".into()
                },
            ]
        );
        assert_eq!(lessons.instead.len(), 4);
        let changed = of_trace(&missed, &Owners::default(), true).lacked;
        assert!(changed.contains(&loaded(Language::JavaScript, "supports-color")));
    }

    #[test]
    fn what_a_failed_start_says_is_read() {
        let said = "Error: Cannot find module 'pad'\nRequire stack:\nError: Cannot find module './own'\n\
                    Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@a/b' imported from /app/x.mjs\n\
                    ModuleNotFoundError: No module named 'yaml.x'\nCannot find module 'both'\n";
        assert_eq!(
            of_words(said, "Cannot find module 'both'"),
            [
                loaded(Language::JavaScript, "pad"),
                loaded(Language::JavaScript, "@a/b"),
                loaded(Language::Python, "yaml"),
            ]
        );
    }

    #[test]
    fn many_files_become_their_folders() {
        let few = vec!["/app/b".to_owned(), "/app/a".to_owned()];
        assert_eq!(gathered(few), ["/app/a", "/app/b"]);
        let many = (0..40).map(|n| format!("/app/lib/{}/{n}.js", n % 3)).collect();
        assert_eq!(gathered(many), ["/app/lib/0/", "/app/lib/1/", "/app/lib/2/"]);
        let wide = (0..40).map(|n| format!("/app/lib/{n}/x.js")).collect();
        assert_eq!(gathered(wide), ["/app/lib/"]);
    }

    #[test]
    fn names_of_libraries_are_matched() {
        assert!(is_called("/usr/lib/libz.so.1.3.1", "libz.so.1"));
        assert!(is_called("/usr/lib/libgreet.so", "libgreet.so"));
        assert!(!is_called("/usr/lib/libzstd.so.1", "libz.so.1"));
    }
}
