//! How the files of a repository say that a Dockerfile is built: with which context, to which stage,
//! under which names.

use super::yaml::{self, Line, unquoted};
use super::{Speaker, Speaks, parent};
use crate::config::glob::clean;
use crate::context::sources::join;
use crate::context::{Context, EntryKind};
use std::sync::Arc;

/// One place that builds an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The file that says so, relative to the repository's root.
    pub by: String,
    /// Its line, from 1.
    pub line: usize,
    /// The build context, relative to the root.
    pub context: String,
    /// The Dockerfile, relative to the root; empty where a variable names it, and so is the context.
    pub dockerfile: String,
    /// The stage, and the line that names it.
    pub target: Option<(String, usize)>,
    /// Names that the image gets, without tags.
    pub names: Vec<String>,
}

/// What the files on the way to a Dockerfile, and beside it, say of how it is built; those that lie
/// nearest first.
pub fn of<'f>(files: &'f Context, speakers: &'f [Speaker], dockerfile: &'f str) -> impl Iterator<Item = Build> + 'f {
    speakers.iter().flat_map(move |speaker| {
        let said = said(files, speaker);
        let own = said.iter().filter(|build| build.dockerfile == dockerfile);
        own.cloned().collect::<Vec<_>>()
    })
}

/// What one file says of any Dockerfile.
pub fn said(files: &Context, speaker: &Speaker) -> Arc<Vec<Build>> {
    files.derived(speaker.path.clone(), || {
        if speaker.speaks == Speaks::Dockerfile || speaker.speaks == Speaks::Kubernetes {
            return Vec::new();
        }
        let Some(text) = files.text(&speaker.path) else {
            return Vec::new();
        };
        let mut reader = Reader {
            files,
            by: &speaker.path,
            folder: parent(&speaker.path).unwrap_or_default(),
            out: Vec::new(),
        };
        match speaker.speaks {
            Speaks::Compose => reader.compose(&text),
            Speaks::Devcontainer => reader.devcontainer(&text),
            _ => {
                reader.commands(&text);
                reader.actions(&text);
            }
        }
        reader.out
    })
}

struct Reader<'r> {
    files: &'r Context,
    by: &'r str,
    folder: &'r str,
    out: Vec<Build>,
}

/// A path below a folder, without what stands for the repository's root; none where it has a variable
/// or leads out.
fn below(folder: &str, path: &str) -> Option<String> {
    let path = unquoted(path);
    let rooted = [
        "${{ github.workspace }}",
        "${{github.workspace}}",
        "$GITHUB_WORKSPACE",
        "${GITHUB_WORKSPACE}",
        "$CI_PROJECT_DIR",
        "${CI_PROJECT_DIR}",
    ];
    let (folder, path) = match rooted.iter().find_map(|word| path.strip_prefix(word)) {
        Some(rest) => ("", rest),
        None => {
            let here = ["${PWD}", "$PWD", "$(pwd)", "`pwd`", "$(PWD)", "$(CURDIR)"];
            let rest = here.iter().find_map(|word| path.strip_prefix(word));
            (folder, rest.unwrap_or(path))
        }
    };
    if path.contains(['$', '{', '%', '`']) || path.contains("://") || path.starts_with("git@") {
        return None;
    }
    let path = path.trim_start_matches('/');
    let full = clean(&join(folder, path));
    if full == ".." || full.starts_with("../") {
        return None;
    }
    Some(if full == "." { String::new() } else { full })
}

impl Reader<'_> {
    /// Notes a build of `context`, whose path is taken relative to the first of `bases` where the
    /// Dockerfile is; `dockerfile` is relative to what `beside` says.
    fn note(&mut self, said: Said<'_>, bases: &[&str]) {
        for base in bases {
            let Some(context) = below(base, said.context) else {
                continue;
            };
            let dockerfile = match (said.dockerfile, said.beside) {
                (Some(path), Beside::Context) => below(&context, path),
                (Some(path), Beside::Folder) => below(base, path),
                (None, _) => Some(self.default_in(&context)),
            };
            let Some(dockerfile) = dockerfile else { continue };
            if self.files.kind(&dockerfile) == Some(EntryKind::File) {
                self.out.push(Build {
                    by: self.by.to_owned(),
                    line: said.line,
                    context,
                    dockerfile,
                    target: said.target,
                    names: said.names,
                });
                return;
            }
        }
        let open = |path: &str| path.contains(['$', '{']);
        if open(said.context) || said.dockerfile.is_some_and(open) {
            self.out.push(Build {
                by: self.by.to_owned(),
                line: said.line,
                context: String::new(),
                dockerfile: String::new(),
                target: said.target,
                names: said.names,
            });
        }
    }

    /// The Dockerfile of a folder that none is named for.
    fn default_in(&self, context: &str) -> String {
        let names = ["Dockerfile", "dockerfile", "Containerfile"];
        let paths = names.map(|name| join(context, name));
        let found = paths.iter().find(|path| self.files.exists(path));
        found.unwrap_or(&paths[0]).clone()
    }

    /// `build:` of compose's services.
    fn compose(&mut self, text: &str) {
        let lines = yaml::lines(text);
        for (at, line) in lines.iter().enumerate() {
            if line.key != "build" {
                continue;
            }
            let body = yaml::below(&lines, at);
            let get = |key: &str| body.iter().find(|l| l.key == key && !l.value.is_empty());
            let value = |key: &str| get(key).map(|l| l.value);
            let beside = lines.iter().enumerate().filter(|(other, l)| {
                let between = lines.get((*other).min(at)..=(*other).max(at)).unwrap_or_default();
                l.indent == line.indent && l.key == "image" && between.iter().all(|l| l.indent >= line.indent)
            });
            let said = Said {
                line: line.number,
                context: value("context").unwrap_or(if line.value.is_empty() { "." } else { line.value }),
                dockerfile: value("dockerfile"),
                beside: Beside::Context,
                target: get("target").map(|l| (unquoted(l.value).to_owned(), l.number)),
                names: beside.map(|(_, l)| bare(unquoted(l.value)).to_owned()).collect(),
            };
            self.note(said, &[self.folder]);
        }
    }

    /// `"dockerfile"` and `"context"` of a container to develop in.
    fn devcontainer(&mut self, text: &str) {
        let get = |key: &str| {
            text.lines().enumerate().find_map(|(at, line)| {
                let (_, rest) = line.split_once(&format!("\"{key}\""))?;
                let value = rest.trim_start().strip_prefix(':')?.trim_start().strip_prefix('"')?;
                Some((value.split('"').next()?, at + 1))
            })
        };
        let Some((dockerfile, line)) = get("dockerfile").or_else(|| get("dockerFile")) else {
            return;
        };
        let said = Said {
            line,
            context: get("context").map_or(".", |(path, _)| path),
            dockerfile: Some(dockerfile),
            beside: Beside::Folder,
            target: get("target").map(|(name, line)| (name.to_owned(), line)),
            names: Vec::new(),
        };
        self.note(said, &[self.folder]);
    }

    /// Commands that build, in any text.
    fn commands(&mut self, text: &str) {
        // Only few of these files hold one.
        if !text.contains("build") {
            return;
        }
        let mut lines = text.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            if !line.contains("build") || line.trim_start().starts_with('#') {
                continue;
            }
            let mut whole = line.trim_end().to_owned();
            while whole.ends_with('\\') {
                whole.pop();
                let Some((_, more)) = lines.next() else { break };
                whole.push_str(more.trim_end());
            }
            for command in whole.split("&&").flat_map(|part| part.split(';')) {
                if let Some(words) = build_words(command) {
                    self.command(&words, at + 1);
                }
            }
        }
    }

    fn command(&mut self, words: &[&str], line: usize) {
        let mut context = None;
        let mut said = Said {
            line,
            context: ".",
            dockerfile: None,
            beside: Beside::Folder,
            target: None,
            names: Vec::new(),
        };
        let mut words = words.iter().copied();
        while let Some(word) = words.next() {
            let word = unquoted(word);
            if matches!(word, "|" | "||" | ">" | ">>" | "2>&1" | "&") {
                break;
            }
            let Some(flag) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
                context = context.or(Some(word));
                continue;
            };
            let flag = flag.trim_start_matches('-');
            let alone = [
                "no-cache", "pull", "rm", "q", "quiet", "push", "load", "squash", "force-rm", "compress", "debug", "D",
            ];
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None if alone.contains(&flag) => (flag, None),
                None => (flag, words.next()),
            };
            let Some(value) = value.map(unquoted) else { continue };
            match name {
                "f" | "file" => said.dockerfile = Some(value),
                "t" | "tag" => said.names.push(bare(value).to_owned()),
                "target" => said.target = Some((value.to_owned(), line)),
                _ => {}
            }
        }
        let Some(context) = context else { return };
        said.context = context;
        // Where a pipeline or a script starts is not said: at the root, or where it lies.
        let pipeline = self.folder.starts_with('.') || self.by.ends_with(".yml") || self.by.ends_with(".yaml");
        let bases = if pipeline { ["", self.folder] } else { [self.folder, ""] };
        self.note(said, &bases);
    }

    /// Steps of workflows that build with an action.
    fn actions(&mut self, text: &str) {
        if !text.contains("build-push-action") {
            return;
        }
        let lines = yaml::lines(text);
        for (at, line) in lines.iter().enumerate() {
            if line.key != "uses" || !line.value.contains("build-push-action") {
                continue;
            }
            // The step's own keys: further in than its item, or as far in as this line.
            let start = (0..=at).rev().find(|i| lines.get(*i).is_some_and(|l| l.item));
            let Some(start) = start else { continue };
            let outer = lines.get(start).map_or(0, |l| l.indent);
            let rest = lines.get(start + 1..).unwrap_or_default();
            let end = rest.iter().take_while(|l| l.indent > outer).count();
            let step: Vec<&Line<'_>> = rest.iter().take(end).collect();
            let get = |key: &str| step.iter().find(|l| l.key == key).copied();
            let value = |key: &str| get(key).map(|l| l.value).filter(|v| !v.is_empty());
            let tags = step.iter().position(|l| l.key == "tags");
            let names = tags.map_or(Vec::new(), |at| {
                let owned: Vec<Line<'_>> = step.iter().map(|l| **l).collect();
                let items = yaml::items(&owned, at);
                let below = yaml::below(&owned, at).iter().map(|l| l.key);
                let words = items.iter().map(|(item, _)| *item).chain(below);
                let words = words.flat_map(|w| w.split(',')).map(str::trim);
                words.filter(|w| !w.is_empty()).map(|w| bare(w).to_owned()).collect()
            });
            let said = Said {
                line: line.number,
                context: value("context").unwrap_or("."),
                dockerfile: value("file"),
                beside: Beside::Folder,
                target: get("target").map(|l| (unquoted(l.value).to_owned(), l.number)),
                names,
            };
            self.note(said, &[""]);
        }
    }
}

/// What a file says of a build.
struct Said<'s> {
    line: usize,
    context: &'s str,
    dockerfile: Option<&'s str>,
    beside: Beside,
    target: Option<(String, usize)>,
    names: Vec<String>,
}

/// What the Dockerfile's path is relative to.
#[derive(Clone, Copy)]
enum Beside {
    /// The build context.
    Context,
    /// The folder that the context's path is relative to.
    Folder,
}

/// An image's name without tag and digest.
pub fn bare(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or(name);
    match name.rsplit_once(':') {
        // A colon before a slash is a port's, one inside braces a variable's.
        Some((bare, tag)) if !tag.contains(['/', '}']) => bare,
        _ => name,
    }
}

/// The words behind `docker build` and its like; none where nothing is built.
fn build_words(command: &str) -> Option<Vec<&str>> {
    let ends = |c: char| matches!(c, '`' | ',' | '[' | ']');
    let mut words = command
        .split_whitespace()
        .flat_map(|word| word.split(ends))
        .filter(|word| !word.is_empty())
        .peekable();
    while let Some(word) = words.next() {
        let tool = unquoted(word)
            .trim_start_matches('@')
            .rsplit('/')
            .next()
            .unwrap_or_default();
        match tool {
            "docker" | "podman" | "nerdctl" | "buildah" | "$(DOCKER)" | "${DOCKER}" => {}
            // The words of a pipeline's own builder.
            "args:" if words.peek().is_some_and(|w| unquoted(w) == "build") => {}
            _ => continue,
        }
        while words
            .peek()
            .is_some_and(|w| matches!(unquoted(w), "buildx" | "image" | "builder"))
        {
            words.next();
        }
        if !words.next().is_some_and(|w| matches!(unquoted(w), "build" | "bud")) {
            continue;
        }
        return Some(words.map(unquoted).collect());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Memory;
    use crate::context::repository::speakers;

    /// Who builds the Dockerfile at `dockerfile`, and with which context.
    fn built(dockerfile: &str, files: &[(&str, &str)]) -> Vec<String> {
        let all = files.iter().copied().chain([(dockerfile, "FROM x\n")]);
        let files = Context::new("", Arc::new(Memory::new(all)), None);
        let speakers = speakers(&files, parent(dockerfile).unwrap());
        of(&files, &speakers, dockerfile)
            .map(|b| {
                let target = b.target.map(|(name, _)| format!(" -> {name}")).unwrap_or_default();
                format!("{}:{} {:?}{target} {}", b.by, b.line, b.context, b.names.join(" "))
            })
            .collect()
    }

    #[test]
    fn compose_names_contexts() {
        let yaml = "services:\n  a:\n    image: me/a:1\n    build:\n      context: .\n      dockerfile: docker/Dockerfile\n      target: run\n  b:\n    build: ./docker\n";
        assert_eq!(
            built("docker/Dockerfile", &[("compose.yml", yaml)]),
            ["compose.yml:4 \"\" -> run me/a", "compose.yml:9 \"docker\" "]
        );
        let yaml = "services:\n  a:\n    build: ../api\n";
        assert_eq!(
            built("api/Dockerfile", &[("deploy/docker-compose.yml", yaml)]),
            ["deploy/docker-compose.yml:3 \"api\" "]
        );
    }

    #[test]
    fn commands_name_contexts() {
        let ci = "jobs:\n  a:\n    steps:\n      - run: docker build -t me/app:$SHA -f docker/Dockerfile . && docker push me/app\n";
        assert_eq!(
            built("docker/Dockerfile", &[(".github/workflows/ci.yml", ci)]),
            [".github/workflows/ci.yml:4 \"\" me/app"]
        );
        let make = "image:\n\tdocker buildx build --pull \\\n\t  --file=Dockerfile ..\nother:\n\tdocker build $(X)\n";
        assert_eq!(
            built("docker/Dockerfile", &[("docker/Makefile", make)]),
            ["docker/Makefile:2 \"\" "]
        );
        let readme = "Build it: `docker build -t app docker`.\n";
        assert_eq!(
            built("docker/Dockerfile", &[("README.md", readme)]),
            ["README.md:1 \"docker\" app"]
        );
        let steps = "steps:\n- name: x\n  args: ['build', '-t', 'gcr.io/p/app', '-f', 'docker/Dockerfile', '.']\n";
        assert_eq!(
            built("docker/Dockerfile", &[("cloudbuild.yaml", steps)]),
            ["cloudbuild.yaml:3 \"\" gcr.io/p/app"]
        );
    }

    #[test]
    fn actions_and_development_containers_name_contexts() {
        let ci = "jobs:\n  a:\n    steps:\n      - name: b\n        uses: docker/build-push-action@v6\n        with:\n          context: .\n          file: ./docker/Dockerfile\n          tags: |\n            ghcr.io/me/app:latest\n      - uses: x\n";
        assert_eq!(
            built("docker/Dockerfile", &[(".github/workflows/ci.yml", ci)]),
            [".github/workflows/ci.yml:5 \"\" ghcr.io/me/app"]
        );
        let json = "{\n  \"build\": { \"dockerfile\": \"../docker/Dockerfile\", \"context\": \"..\" }\n}\n";
        assert_eq!(
            built("docker/Dockerfile", &[(".devcontainer/devcontainer.json", json)]),
            [".devcontainer/devcontainer.json:2 \"\" "]
        );
    }
}
