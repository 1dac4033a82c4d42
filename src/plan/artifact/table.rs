//! Tools that a table describes: which option names the output, what it is without one.

use super::linkage;
use super::outputs::{Output, Outputs};
use super::step::{Step, substitute};
use super::{ArtifactKind, Linkage};
use crate::context::sources::has_wildcard;
use crate::knowledge::ecosystem::{Build, Ecosystem, Makes, OutputIs, WordOf};
use crate::plan::evidence::Evidence;

/// Takes note of what the step makes. `taken` words of the command are the build's own.
pub fn step(
    outputs: &mut Outputs<'_>,
    ecosystem: &'static Ecosystem,
    build: &'static Build,
    step: &Step,
    taken: usize,
) {
    let Some(makes) = build.makes else { return };
    let name = || build.name.iter().find_map(|from| word(outputs, step, from));
    let written = step.option(build.output).map(str::to_owned);
    let operand = build.output_operand.and_then(|at| {
        let rest = step.words.get(taken..)?.iter().filter(|w| !w.starts_with('-'));
        rest.map(String::as_str).nth(at).map(str::to_owned)
    });
    let by_command = written.or(operand);
    let explicit = by_command.is_some();
    let mut sources = Vec::new();
    let mut path = match by_command {
        Some(path) => {
            sources.push(step.evidence(format!("`{}` names the output {path}", step.text())));
            path
        }
        None => match build.setting.iter().find_map(|from| word(outputs, step, from)) {
            Some((path, evidence)) => {
                sources.push(evidence);
                path
            }
            None => {
                let Some(default) = build.default else { return };
                sources.push(Evidence::tool(format!("`{}` writes to {default}", build.command)));
                default.to_owned()
            }
        },
    };
    if let Some(inside) = build.inside
        && (!explicit || build.output_is == OutputIs::Folder)
    {
        path = format!("{}/{inside}", path.trim_end_matches('/'));
    }
    if path.contains("{name}") {
        match name() {
            Some((name, evidence)) => {
                path = path.replace("{name}", &name);
                sources.push(evidence);
            }
            None => path = path.replace("{name}", "*"),
        }
    }
    if path.contains("{stem}") {
        let operands = step.words.get(taken..).unwrap_or_default().iter();
        let mut operands = operands.filter(|w| !w.starts_with('-'));
        let Some(first) = operands.next() else { return };
        let file = first.rsplit('/').next().unwrap_or(first);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        path = path.replace("{stem}", stem);
    }
    // `-o:app` is how some compilers write it.
    let path = substitute(path.trim_start_matches(':'), &|name| step.var(&outputs.site, name));
    let Some(mut path) = step.path(&path) else { return };
    let kind = match makes {
        Makes::Binary => ArtifactKind::Binary {
            linkage: linkage::dynamic(outputs),
            needs: build.libraries.iter().map(|l| linkage::package(l)).collect(),
        },
        Makes::StaticBinary => ArtifactKind::Binary {
            linkage: Linkage::Static,
            needs: Vec::new(),
        },
        Makes::Jar => ArtifactKind::Jar,
        Makes::Tree => ArtifactKind::Tree,
        Makes::Site => ArtifactKind::Site,
        Makes::Assembly => ArtifactKind::Assembly,
    };
    if matches!(makes, Makes::Tree | Makes::Site | Makes::Assembly) && !path.ends_with('/') {
        path.push('/');
    }
    outputs.push(Output {
        path,
        kind,
        place: step.place,
        sources,
        ecosystem: ecosystem.name,
        alter: None,
        explicit: explicit && step.via.is_empty(),
        conditions: Vec::new(),
    });
}

/// The folder that an install of npm's packages writes.
pub fn node_modules(step: &Step) -> Option<Output> {
    let program = step.program.as_str();
    let verb = step.words.iter().find(|w| !w.starts_with('-')).map(String::as_str);
    let installs = match program {
        "npm" | "cnpm" => matches!(verb, Some("install" | "i" | "ci")),
        "yarn" | "yarnpkg" => matches!(verb, None | Some("install")),
        "pnpm" | "bun" => matches!(verb, Some("install" | "i")),
        _ => false,
    };
    if !installs || step.has("-g") || step.has("--global") {
        return None;
    }
    let folder = step.path(step.option(&["--prefix", "--cwd", "--dir", "-C"]).unwrap_or("."))?;
    let at = format!("{}/node_modules/", folder.trim_end_matches('/'));
    Some(Output {
        path: at,
        kind: ArtifactKind::Tree,
        place: step.place,
        sources: vec![Evidence::tool(format!("`{program}` installs packages to node_modules"))],
        ecosystem: "node",
        alter: None,
        explicit: false,
        conditions: Vec::new(),
    })
}

/// The word that a file of the project gives.
fn word(outputs: &Outputs<'_>, step: &Step, from: &WordOf) -> Option<(String, Evidence)> {
    let context = outputs.site.context?;
    let folder = outputs.landing.context_of(step.cwd.as_deref()?)?;
    let path = if folder.is_empty() {
        from.file.to_owned()
    } else {
        format!("{folder}/{}", from.file)
    };
    let found = if has_wildcard(&path) {
        context.glob(&path)
    } else {
        vec![path]
    };
    for path in found {
        let Some(after) = from.after else {
            let name = path.rsplit('/').next().unwrap_or(&path);
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
            let says = format!("the file's name gives `{stem}`");
            return Some((stem, Evidence::manifest(path, None, says)));
        };
        let Some(text) = context.read_text(&path) else { continue };
        if let Some((word, line)) = behind(&text, after) {
            let says = format!("`{}` gives `{word}`", after.trim());
            return Some((word, Evidence::manifest(path, Some(line), says)));
        }
    }
    None
}

/// The word behind a text, and its line from 1. In the text, a blank stands for any number of them.
fn behind(text: &str, after: &str) -> Option<(String, usize)> {
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        if trimmed.starts_with("//") || trimmed.starts_with('#') && !after.starts_with('#') {
            continue;
        }
        let mut from = 0;
        let first = after.split(' ').next().unwrap_or(after);
        while let Some(at) = line.get(from..).and_then(|l| l.find(first)).map(|at| at + from) {
            let mut rest = line.get(at..).unwrap_or_default();
            let fits = after.split(' ').all(|part| {
                rest = rest.trim_start();
                match rest.strip_prefix(part) {
                    Some(behind) => {
                        rest = behind;
                        true
                    }
                    None => false,
                }
            });
            if fits {
                let rest = rest.trim_start().trim_start_matches(['"', '\'', '`', ':']);
                let plain = |c: char| c.is_ascii_alphanumeric() || "_-./@".contains(c);
                let end = rest.find(|c: char| !plain(c)).unwrap_or(rest.len());
                let word = rest.get(..end).unwrap_or_default();
                if !word.is_empty() {
                    return Some((word.to_owned(), index + 1));
                }
            }
            from = at + first.len();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::behind;

    #[test]
    fn words_are_found_behind_texts() {
        let text = "// app: no\n  app: :hello_web,\n outDir : \"../out\",\n<finalName>srv</finalName>";
        assert_eq!(behind(text, "app:"), Some(("hello_web".into(), 2)));
        assert_eq!(behind(text, "outDir :"), Some(("../out".into(), 3)));
        assert_eq!(behind(text, "<finalName>"), Some(("srv".into(), 4)));
        assert_eq!(behind(text, "none"), None);
    }
}
