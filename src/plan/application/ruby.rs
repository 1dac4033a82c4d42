//! Ruby: bundler and gem, with the folders that they install to.

mod own;

use super::steps::{self, Claim, Goes};
use super::{Application, Package, native};
use crate::facts::CommandView;
use crate::plan::artifact::absolute;
use crate::plan::evidence::{Condition, Evidence};
use crate::plan::program::{Program, What};
use crate::plan::site::Site;
use crate::shell::{Action, Manager, Operation, Packages};

/// Where the official images install gems to.
const BUNDLE: &str = "/usr/local/bundle/";

/// Where the Ruby of a distribution installs gems to, and their programs.
const SYSTEM: [(&str, &str); 3] = [
    ("debian", "/var/lib/gems/"),
    ("ubuntu", "/var/lib/gems/"),
    ("alpine", "/usr/lib/ruby/gems/"),
];
const PROGRAMS: &str = "/usr/local/bin/";

/// What a command is to a Ruby application; none where that is not known here.
pub(super) fn claim(site: &Site<'_>, programs: &[Program], view: &CommandView<'_>) -> Option<Claim> {
    let claim = |goes, says: &str| Claim {
        goes,
        says: says.to_owned(),
        ecosystem: "ruby",
        ..Claim::default()
    };
    if packs(view) {
        return Some(Claim {
            reads_sources: true,
            ..claim(Some(Goes::Builder), "gems are packed to be installed")
        });
    }
    let packages = view.operations.iter().find_map(|o| match o {
        Operation::Packages(p) if matches!(p.manager, Manager::Bundle | Manager::Gem) => Some(p),
        _ => None,
    });
    if let Some(packages) = packages {
        use Action::*;
        return match packages.action {
            Install | InstallProject | Fetch | Rebuild => Some(Claim {
                fills: filled(site, programs, view, packages)?,
                // A path or a gemspec in the list is a part of the project.
                reads_sources: packages.manager == Manager::Bundle && lists_sources(site),
                ..claim(Some(Goes::Builder), "gems are installed")
            }),
            Configure | Clean | Remove | Autoremove => {
                let local = view.words().iter().any(|w| w.text == "--local");
                Some(Claim {
                    writes_sources: false,
                    fills: if local && packages.action == Configure {
                        vec![format!("{}/.bundle/", steps::folder(site, view)?.trim_end_matches('/'))]
                    } else {
                        Vec::new()
                    },
                    ..claim(Some(Goes::Builder), "bundler is set up")
                })
            }
            // It changes the interpreter's own folders.
            Update | Upgrade => None,
            _ => None,
        };
    }
    let words: Vec<&str> = std::iter::once(view.name())
        .chain(view.words().iter().map(|w| w.text.as_str()))
        .filter(|w| !w.starts_with('-'))
        .skip_while(|w| matches!(*w, "bundle" | "exec" | "bin/bundle"))
        .collect();
    let program = words.first().map(|w| w.rsplit('/').next().unwrap_or(w))?;
    let rest = words.get(1..).unwrap_or_default();
    match program {
        "rails" | "rake" | "bootsnap"
            if rest
                .iter()
                .any(|w| w.contains("assets:precompile") || *w == "precompile") =>
        {
            Some(Claim {
                reads_sources: true,
                writes_sources: true,
                ..claim(Some(Goes::Builder), "assets are compiled")
            })
        }
        "rake" if rest.iter().any(|task| compiles(site, task)) => Some(Claim {
            reads_sources: true,
            writes_sources: true,
            ..claim(Some(Goes::Builder), "a task compiles")
        }),
        "rails" | "rake" | "ruby" => Some(claim(Some(Goes::Runtime), "Ruby runs it with what is installed")),
        _ => None,
    }
}

/// Whether a command only packs gems, or puts them where an install finds them: `gem build`, `mkdir -p
/// vendor/cache`, `mv *.gem vendor/cache/`.
fn packs(view: &CommandView<'_>) -> bool {
    let mut words = view.arguments().map(|w| w.text.trim_matches(['"', '\'']));
    let cache = |word: &str| word.trim_end_matches('/').ends_with("vendor/cache");
    match view.name() {
        "gem" => words.next() == Some("build"),
        "mkdir" => {
            let mut words = words.peekable();
            words.peek().is_some() && words.all(cache)
        }
        "mv" | "cp" => {
            let words: Vec<&str> = words.collect();
            match words.split_last() {
                Some((_, sources)) => !sources.is_empty() && sources.iter().all(|w| w.ends_with(".gem")),
                None => false,
            }
        }
        "rm" => {
            let mut words = words.peekable();
            words.peek().is_some() && words.all(|w| w.ends_with(".gem") || cache(w))
        }
        _ => false,
    }
}

/// Words of a task that runs a compiler.
const COMPILERS: [&str; 6] = ["extconf", "extensiontask", "make", "gcc", "cmake", "cargo"];

/// Whether a task of the Rakefile compiles something: by its name, or as its lines say.
fn compiles(site: &Site<'_>, task: &str) -> bool {
    if task.split(':').any(|part| matches!(part, "compile" | "native")) {
        return true;
    }
    let Some(text) = site.context.and_then(|c| c.read_text("Rakefile")) else {
        return false;
    };
    let begins = |line: &str| {
        let rest = line.trim_start().strip_prefix("task").unwrap_or_default();
        let name = rest.trim_start_matches([' ', '(', ':', '"', '\'']);
        let end = name
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(name.len());
        name.get(..end) == Some(task)
    };
    let mut lines = text.lines().skip_while(|line| !begins(line));
    let Some(first) = lines.next() else { return false };
    let depth = first.len() - first.trim_start().len();
    let body = lines.take_while(|line| line.trim().is_empty() || line.len() - line.trim_start().len() > depth);
    std::iter::once(first).chain(body).any(|line| {
        let line = line.to_lowercase();
        let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| COMPILERS.contains(&word))
    })
}

/// The folders that an install of gems fills and run time needs.
fn filled(site: &Site<'_>, programs: &[Program], view: &CommandView<'_>, packages: &Packages) -> Option<Vec<String>> {
    let folder = folder(site, view, packages)?;
    let system = SYSTEM.iter().any(|(_, gems)| *gems == folder);
    let alpine = site.base.is_some_and(|b| b.image.family == "alpine");
    let mut out = vec![folder];
    // What was cloned lies in the builder alone.
    let project = steps::folder(site, view).filter(|_| packages.manager == Manager::Bundle);
    if let Some(project) = project.filter(|project| steps::is_fetched(site, project)) {
        out.push(format!("{}/", project.trim_end_matches('/')));
    }
    // Programs of gems lie aside of them there.
    if system {
        let (names, _) = gems(site);
        let brought = |name: &str| names.iter().any(|(gem, _)| gem == name) || BRINGS.contains(&name);
        let bundled = |p: &Program| p.via.iter().any(|v| v.starts_with("bundle exec"));
        let mut started: Vec<&str> = programs
            .iter()
            .filter(|p| bundled(p) || matches!(&p.what, What::FromPath { name } if brought(name)))
            .filter_map(|p| p.words.first())
            .map(String::as_str)
            .filter(|name| !name.contains('/') && !matches!(*name, "ruby" | "sh"))
            .collect();
        started.dedup();
        match alpine {
            // Among the system's own.
            true => out.extend(started.iter().map(|name| format!("/usr/bin/{name}"))),
            false if started.is_empty() => {}
            false => out.push(PROGRAMS.to_owned()),
        }
    }
    Some(out)
}

/// Where gems are installed to where nothing says otherwise.
fn usual(site: &Site<'_>) -> &'static str {
    let family = site.base.map(|b| b.image.family);
    let system = SYSTEM.iter().find(|(of, _)| Some(*of) == family);
    system.map_or(BUNDLE, |(_, gems)| gems)
}

/// Where gems are installed to.
fn folder(site: &Site<'_>, view: &CommandView<'_>, packages: &Packages) -> Option<String> {
    let at = view.instruction.index;
    let workdir = steps::folder(site, view);
    let inside = |path: &str| {
        let path = absolute(workdir.as_deref(), path)?;
        Some(format!("{}/", path.trim_end_matches('/')))
    };
    let words: Vec<&str> = view.words().iter().map(|w| w.text.as_str()).collect();
    if packages.manager == Manager::Gem {
        let chosen = words
            .windows(2)
            .find(|pair| matches!(pair, ["-i" | "--install-dir", _]));
        return match chosen {
            Some([_, folder]) => inside(folder),
            _ => Some(usual(site).to_owned()),
        };
    }
    if let Some([_, folder]) = words.windows(2).find(|pair| pair.first() == Some(&"--path")) {
        return inside(folder);
    }
    let variables = site.file().view_at(at);
    let variable = |name: &str| variables.get(name).and_then(|v| v.value.as_deref());
    if let Some(path) = variable("BUNDLE_PATH") {
        return inside(path);
    }
    let configured = site.instructions().filter(|i| i.index <= at).any(|i| {
        site.facts.commands(i).any(|v| {
            let words: Vec<&str> = v.words().iter().map(|w| w.text.as_str()).collect();
            v.name() == "bundle" && words.first() == Some(&"config") && words.contains(&"path")
        })
    });
    let deployed = words.contains(&"--deployment")
        || variable("BUNDLE_DEPLOYMENT").is_some_and(|v| matches!(v, "1" | "true"))
        || site.instructions().filter(|i| i.index <= at).any(|i| {
            let text = site.file().source.slice(i.span);
            text.contains("bundle config") && text.contains("deployment")
        });
    if configured {
        let path = site
            .instructions()
            .filter(|i| i.index <= at)
            .flat_map(|i| site.facts.commands(i).collect::<Vec<_>>())
            .filter_map(|v| {
                let words: Vec<&str> = v.words().iter().map(|w| w.text.as_str()).collect();
                let position = words.iter().position(|w| *w == "path")?;
                words.get(position + 1).map(|w| (*w).to_owned())
            })
            .last()?;
        return inside(path.trim_matches(['"', '\'']));
    }
    // GEM_HOME of the image is stronger than what --deployment sets only where BUNDLE_PATH is set.
    if deployed {
        return inside("vendor/bundle");
    }
    Some(usual(site).to_owned())
}

fn lists_sources(site: &Site<'_>) -> bool {
    let text = site.context.and_then(|c| c.read_text("Gemfile"));
    text.is_none_or(|text| {
        text.lines()
            .map(|line| line.split('#').next().unwrap_or_default())
            .any(|line| line.trim() == "gemspec" || line.contains("path:") || line.contains(":path"))
    })
}

/// What is known once every command was looked at.
pub(super) fn finish(site: &Site<'_>, out: &mut Application) {
    if !out.prefixes.iter().any(|p| p.ecosystem == "ruby") {
        return;
    }
    let (names, open) = gems(site);
    for (name, evidence) in &names {
        out.scripts.push(name.clone());
        out.packages.push(Package {
            name: name.clone(),
            needed: None,
            evidence: evidence.clone(),
        });
    }
    out.scripts.extend(BRINGS.map(str::to_owned));
    let own = own::gems(site);
    let mut packages: Vec<(&str, &Evidence, bool)> = Vec::new();
    for (name, evidence) in &names {
        let mine = own.get(name.as_str());
        out.native.extend(mine.into_iter().flat_map(|gem| gem.links.clone()));
        // Of the repository's own gems the sources show what they are compiled against.
        packages.push((name, evidence, mine.is_some_and(|gem| gem.is_known)));
    }
    native::natives(site, "ruby", packages, open, out);
    if names.iter().any(|(name, _)| name == "execjs" || name == "uglifier") {
        out.conditions.push(Condition::unproven(
            "no JavaScript is run while the application serves",
            vec![Evidence::manifest("Gemfile.lock", None, "`execjs` runs JavaScript")],
            "a run of the new image",
        ));
    }
}

/// Programs that gems of other names bring.
const BRINGS: [&str; 4] = ["rackup", "rake", "rails", "bundle"];

/// The gems that are installed, by commands and by the lists in the context, and what is not known of
/// them.
fn gems(site: &Site<'_>) -> (Vec<(String, Evidence)>, Option<Evidence>) {
    let mut names: Vec<(String, Evidence)> = Vec::new();
    let mut open = site
        .context
        .is_none()
        .then(|| Evidence::tool("the build context is not known"));
    for instruction in site.instructions() {
        for view in site.facts.commands(instruction) {
            for operation in view.operations {
                if let Operation::Packages(p) = operation
                    && p.manager == Manager::Gem
                    && p.action == Action::Install
                {
                    names.extend(p.packages.iter().map(|package| {
                        let name = of_file(&package.name).unwrap_or(&package.name);
                        (name.to_owned(), Evidence::command(package.span, "it is installed here"))
                    }));
                }
            }
        }
    }
    if let Some(context) = site.context {
        let bundles = site
            .instructions()
            .any(|i| site.facts.commands(i).any(|v| v.name() == "bundle"));
        match (context.read_text("Gemfile.lock"), context.read_text("Gemfile")) {
            (Some(lock), _) => names.extend(locked(&lock)),
            (None, Some(list)) => names.extend(listed(&list)),
            (None, None) if bundles => open = Some(Evidence::tool("no Gemfile is in the build context")),
            (None, None) => {}
        }
    }
    (names, open)
}

/// The gem in a file: `store-1.2.0.gem`.
fn of_file(file: &str) -> Option<&str> {
    let name = file.rsplit('/').next()?.strip_suffix(".gem")?;
    let mut dashes = name.match_indices('-').map(|(at, _)| at);
    let version = |at: &usize| {
        name.get(at + 1..)
            .is_some_and(|v| v.starts_with(|c: char| c.is_ascii_digit() || c == '*'))
    };
    name.get(..dashes.find(version)?)
}

/// The gems of a lock file: four spaces before the name.
fn locked(text: &str) -> Vec<(String, Evidence)> {
    text.lines()
        .enumerate()
        .filter_map(|(at, line)| {
            let rest = line.strip_prefix("    ").filter(|rest| !rest.starts_with(' '))?;
            let (name, _) = rest.split_once(" (")?;
            Some((
                name.to_owned(),
                Evidence::manifest("Gemfile.lock", Some(at + 1), "it is locked"),
            ))
        })
        .collect()
}

/// The gems that a Gemfile names.
fn listed(text: &str) -> Vec<(String, Evidence)> {
    text.lines()
        .enumerate()
        .filter_map(|(at, line)| {
            let rest = line.trim().strip_prefix("gem")?.trim_start_matches([' ', '(']);
            let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            let name = rest.get(1..)?.split(quote).next()?;
            Some((
                name.to_owned(),
                Evidence::manifest("Gemfile", Some(at + 1), "it is listed"),
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gems_are_read_from_lists_and_locks() {
        let names = |found: Vec<(String, Evidence)>| found.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let lock = "GEM\n  remote: https://rubygems.org/\n  specs:\n    rack (3.0.8)\n    sinatra (4.0.0)\n      rack (>= 3.0.0, < 4)\n\nDEPENDENCIES\n  sinatra\n";
        assert_eq!(names(locked(lock)), ["rack", "sinatra"]);
        assert_eq!(
            names(listed("source 'x'\ngem 'pg', '~> 1'\n  gem(\"puma\")\n# gem 'y'\n")),
            ["pg", "puma"]
        );
    }
}
