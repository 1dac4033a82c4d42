//! What a rewrite that fell teaches: libraries, files and programs that it lacked, so that the next
//! one gets them instead of being thrown away.

use super::closure::{closure, find};
use super::files::{Files, Kind, resolve};
use super::owners::Owners;
use super::start::Image;
use super::traced::{Missed, What};
use crate::plan::Observed;

/// From files that the original used and the rewrite lacks. Of those that the old base image had and
/// that nobody needs for certain, only where behaviour changed.
pub fn of_trace(missed: &[Missed], owners: &Owners, changed: bool) -> Vec<Observed> {
    let mut lessons = Vec::new();
    let mut opened = Vec::new();
    for Missed { path, what } in missed {
        match what {
            What::Program => lessons.push(Observed::Started {
                path: path.clone(),
                package: package(owners, path),
            }),
            What::Own | What::System => opened.push(path.clone()),
            What::Base if changed => opened.push(path.clone()),
            What::Base | What::Tried => {}
        }
    }
    lessons.extend(gathered(opened).into_iter().map(|path| Observed::Opened { path }));
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
        assert_eq!(of_trace(&all, &owners, false), [git.clone(), opened("/app/rules")]);
        assert_eq!(of_trace(&all, &owners, true).len(), 3);

        let config = ImageConfig {
            cmd: Some(vec!["/usr/bin/git".into()]),
            ..ImageConfig::default()
        };
        let empty = Memory::default();
        let image = |files| Image { config: &config, files };
        assert_eq!(of_closure(image(&files), &owners, image(&empty)), [git]);
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
