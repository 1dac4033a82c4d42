//! Programs that are compiled each time a container starts (`cargo run`, `go run`), compiled once
//! instead: the same file with a RUN that builds, and a CMD that starts what it builds.

use super::{Program, What};
use crate::model::{Form, Kind};
use crate::plan::artifact::{Landing, cargo_programs};
use crate::plan::site::Site;
use crate::source::Span;

/// A file that compiles before it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precompiled {
    /// The whole text of the Dockerfile.
    pub text: String,
    /// What is announced.
    pub says: String,
}

/// The file with the compiling of its only program moved from the start to the build; none where
/// it has none, or where it is not clear what is built.
pub fn precompiled(site: &Site<'_>, programs: &[Program]) -> Option<Precompiled> {
    let [program] = programs
        .iter()
        .filter(|p| !matches!(&p.what, What::FromPath { name } if name == "sh"))
        .collect::<Vec<_>>()[..]
    else {
        return None;
    };
    let What::CompilesAtStart { tool } = &program.what else {
        return None;
    };
    let file = site.file();
    let instruction = file.instructions.get(program.by)?;
    if !program.via.is_empty() || program.words.iter().any(|w| w.contains(['$', '"', '\\'])) {
        return None;
    }
    // ENTRYPOINT with a CMD behind it would need both to change.
    let parts: Vec<usize> = [file_index(site, true), file_index(site, false)]
        .into_iter()
        .flatten()
        .collect();
    if parts.len() != 1 || instruction.stage != Some(site.stage.id) {
        return None;
    }
    match &instruction.kind {
        Kind::Cmd(form) | Kind::Entrypoint(form) => match form {
            Form::Exec(_) => {}
            // Only a command that stands alone is one program.
            Form::Shell(word) if !word.value.contains(['&', '|', ';', '>', '<', '`']) => {}
            Form::Shell(_) => return None,
        },
        _ => return None,
    }
    let words = program.words.get(1..)?;
    let (build, start) = match program.words.first().map(String::as_str)? {
        "cargo" => cargo(site, words)?,
        "go" => go(site, words)?,
        _ => return None,
    };
    let list: Vec<String> = start.iter().map(|w| format!("\"{w}\"")).collect();
    let text = file.source.text();
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let built = builds_already(site, &build);
    let run = case_like(text, instruction.keyword_span, "RUN");
    let mut out = String::with_capacity(text.len() + 64);
    out.push_str(text.get(..instruction.span.start)?);
    if !built {
        out.push_str(&format!("{run} {build}{line_end}"));
    }
    out.push_str(text.get(instruction.span.start..instruction.arguments_span.start)?);
    out.push_str(&format!("[{}]", list.join(", ")));
    out.push_str(text.get(instruction.arguments_span.end..)?);
    let says = format!(
        "{} no longer compiles with `{tool}` at each start: `{build}` does when the image is built, and `{}` is started",
        instruction.keyword.name(),
        start.join(" ")
    );
    Some(Precompiled { text: out, says })
}

fn file_index(site: &Site<'_>, entrypoint: bool) -> Option<usize> {
    let facts = site.facts.stage(site.stage.id)?;
    if entrypoint { facts.entrypoint } else { facts.cmd }
}

fn case_like(text: &str, keyword: Span, word: &str) -> String {
    match text.get(keyword.range()) {
        Some(written) if written.chars().all(|c| c.is_ascii_lowercase()) => word.to_ascii_lowercase(),
        _ => word.to_owned(),
    }
}

/// Options that change nothing of what is built.
const IDLE: &[&str] = &[
    "-v",
    "-vv",
    "--verbose",
    "-q",
    "--quiet",
    "--locked",
    "--offline",
    "--frozen",
];

/// Whether a RUN of the stage has the build already, with all that is copied before it: a build of
/// the dependencies alone comes before the sources.
fn builds_already(site: &Site<'_>, build: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().filter(|word| !IDLE.contains(word));
        words
            .map(|word| if word == "-r" { "--release" } else { word }.to_owned())
            .collect()
    };
    let wanted = words(build);
    let copied = site
        .instructions()
        .filter(|i| i.transfer().is_some())
        .map(|i| i.index)
        .max();
    let mut behind = site.instructions().filter(|i| Some(i.index) > copied);
    behind.any(|i| site.facts.commands(i).any(|view| words(view.text()) == wanted))
}

/// The build, and what it makes.
fn cargo(site: &Site<'_>, words: &[String]) -> Option<(String, Vec<String>)> {
    let end = words.iter().position(|w| w == "--").unwrap_or(words.len());
    let (own, arguments) = words.split_at(end);
    let mut build = vec!["cargo".to_owned(), "build".to_owned()];
    let mut bin = None;
    let mut package = None;
    let mut folder = "debug".to_owned();
    let mut own = own
        .iter()
        .map(String::as_str)
        .filter(|w| !matches!(*w, "run" | "r" | "-q" | "--quiet"));
    while let Some(word) = own.next() {
        build.push(word.to_owned());
        match word {
            "--release" | "-r" => folder = "release".to_owned(),
            "--bin" | "-p" | "--package" | "--profile" | "--features" => {
                let value = own.next()?;
                build.push(value.to_owned());
                match word {
                    "--bin" => bin = Some(value.to_owned()),
                    "--profile" if value != "dev" => folder = value.to_owned(),
                    "-p" | "--package" => package = Some(value.to_owned()),
                    _ => {}
                }
            }
            "--locked" | "--offline" | "--frozen" | "--all-features" | "--no-default-features" => {}
            // Whatever else there is may change where the program lies.
            _ => return None,
        }
    }
    let name = match bin {
        Some(bin) => bin,
        None => {
            let context = site.context?;
            let manifest = Landing::of(site).existing(
                context,
                &format!("{}/Cargo.toml", site.workdir()?.trim_end_matches('/')),
            )?;
            let project = manifest.rsplit_once('/').map_or("", |(f, _)| f);
            let default = context.cargo_toml(project)?.default_run.clone();
            match default.filter(|_| package.is_none()) {
                Some(default) => default,
                None => match cargo_programs(context, project, package.as_deref()).as_slice() {
                    [only] => only.clone(),
                    _ => return None,
                },
            }
        }
    };
    let mut start = vec![format!("./target/{folder}/{name}")];
    start.extend(arguments.iter().skip(1).cloned());
    Some((build.join(" "), start))
}

/// The build, and what it makes.
fn go(site: &Site<'_>, words: &[String]) -> Option<(String, Vec<String>)> {
    let mut words = words.iter().map(String::as_str).peekable();
    (words.next()? == "run").then_some(())?;
    let mut flags = Vec::new();
    while let Some(flag) = words.next_if(|w| w.starts_with('-')) {
        flags.push(flag.to_owned());
        if !flag.contains('=') && matches!(flag, "-tags" | "-ldflags" | "-mod" | "-gcflags") {
            flags.push(words.next()?.to_owned());
        }
    }
    let mut packages = vec![words.next()?.to_owned()];
    if packages.first().is_some_and(|p| p.ends_with(".go")) {
        while let Some(more) = words.next_if(|w| w.ends_with(".go")) {
            packages.push(more.to_owned());
        }
    }
    let first = packages.first()?;
    if first.contains('@') {
        return None;
    }
    let folder = match first.strip_suffix(".go") {
        Some(file) => file.rsplit_once('/').map_or(".", |(f, _)| f).to_owned(),
        None => first.clone(),
    };
    let at = crate::plan::artifact::absolute(site.workdir().as_deref(), &folder)?;
    let name = at.rsplit('/').next().filter(|n| !n.is_empty()).unwrap_or("app");
    let path = format!("/usr/local/bin/{name}");
    let mut build = vec!["go".to_owned(), "build".to_owned()];
    build.extend(
        flags
            .into_iter()
            .map(|f| if f.contains(' ') { format!("'{f}'") } else { f }),
    );
    build.extend(["-o".to_owned(), path.clone()]);
    build.extend(packages);
    let mut start = vec![path];
    start.extend(words.map(str::to_owned));
    Some((build.join(" "), start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::artifact::testing::with_site;
    use crate::plan::program::programs;

    fn text(dockerfile: &str, files: &[(&str, &str)]) -> Option<String> {
        let mut out = None;
        with_site(dockerfile, files, |site| {
            out = precompiled(site, &programs(site)).map(|p| p.text)
        });
        out
    }

    #[test]
    fn the_compiling_moves_into_the_build() {
        let files = [("Cargo.toml", "[package]\nname = \"dice\"\n"), ("src/main.rs", "")];
        let cargo =
            "FROM rust:1\nWORKDIR /d\nCOPY . .\nCMD [\"cargo\", \"run\", \"--release\", \"-q\", \"--\", \"6\"]\n";
        assert_eq!(
            text(cargo, &files).as_deref(),
            Some(
                "FROM rust:1\nWORKDIR /d\nCOPY . .\nRUN cargo build --release\nCMD [\"./target/release/dice\", \"6\"]\n"
            )
        );
        let built = "FROM rust:1\nWORKDIR /d\nCOPY . .\nRUN cargo build\ncmd cargo run\n";
        assert_eq!(
            text(built, &files).as_deref(),
            Some("FROM rust:1\nWORKDIR /d\nCOPY . .\nRUN cargo build\ncmd [\"./target/debug/dice\"]\n")
        );
        let built = "FROM rust:1\nWORKDIR /d\nCOPY . .\nRUN cargo build -v -r\nCMD cargo run --release\n";
        assert_eq!(
            text(built, &files).as_deref(),
            Some("FROM rust:1\nWORKDIR /d\nCOPY . .\nRUN cargo build -v -r\nCMD [\"./target/release/dice\"]\n")
        );
        let dependencies = "FROM rust:1\nWORKDIR /d\nCOPY Cargo.toml .\nRUN cargo build\nCOPY . .\nCMD cargo run\n";
        assert_eq!(
            text(dependencies, &files).map(|text| text.matches("RUN cargo build\n").count()),
            Some(2),
            "the first builds no sources"
        );
        let go = "FROM golang:1.22\nWORKDIR /srv\nCOPY . .\nCMD go run ./cmd/web -p 80\n";
        assert_eq!(
            text(go, &[("go.mod", "")]).as_deref(),
            Some(
                "FROM golang:1.22\nWORKDIR /srv\nCOPY . .\nRUN go build -o /usr/local/bin/web ./cmd/web\nCMD [\"/usr/local/bin/web\", \"-p\", \"80\"]\n"
            )
        );
        for other in [
            "CMD go run . && echo",
            "CMD cargo run --example x",
            "CMD [\"/x\"]",
            "ENTRYPOINT [\"go\", \"run\"]\nCMD [\".\"]",
        ] {
            assert_eq!(
                text(&format!("FROM golang:1.22\nWORKDIR /srv\nCOPY . .\n{other}\n"), &files),
                None,
                "{other}"
            );
        }
    }
}
