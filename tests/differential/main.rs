//! The same Dockerfiles built by Docker's BuildKit and by the bundled engine: the trees and the
//! configs must be the same.
//!
//! The cases are in `fixtures/differential`. They need root, and a Docker Engine that
//! `MBOPT_TEST_DOCKER` names as DOCKER_HOST does (`.ci/run` starts one). Cases for what an Engine
//! from before heredocs cannot do say what to expect, and need no Engine; without one, only these
//! are built. With `MBOPT_TEST_BUILDCTL` (and BUILDKIT_HOST) all cases are compared with a current
//! BuildKit instead, the expectations included. `MBOPT_CASE` picks cases by a part of their name.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answers;
mod base;
mod case;
mod current;
mod git;
mod tree;

use answers::Answers;
use case::Case;
use current::Current;
use mbopt::executor::image_file::ImageFile;
use mbopt::executor::native::engine::Native;
use mbopt::executor::native::sandbox::Sandbox;
use mbopt::executor::native::store::Options;
use mbopt::executor::{BuildRequest, Cancel, Docker, Engine, Error, ImageConfig, Network, Secret, SecretSource};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tree::Tree;

/// What an engine made of a case.
struct Made {
    config: ImageConfig,
    tree: Tree,
    layers: usize,
}

fn request(case: &Case, folder: &Path, bases: &base::Bases, native: bool) -> BuildRequest {
    BuildRequest {
        dockerfile: case.dockerfile.replace("@base@", &bases.name),
        dockerfile_name: folder.join("Dockerfile"),
        context: folder.to_owned(),
        target: case.target.clone(),
        build_args: case.args.clone(),
        secrets: case
            .secrets
            .iter()
            .map(|(id, _)| Secret {
                id: id.clone(),
                source: SecretSource::File(folder.with_extension(format!("secret-{id}"))),
            })
            .collect(),
        network: Network::Host,
        named_contexts: match native {
            true => vec![(bases.name.clone(), bases.archive.clone())],
            false => Vec::new(),
        },
        ..BuildRequest::default()
    }
}

fn by_docker(docker: &Docker, request: &BuildRequest) -> Result<Made, Error> {
    let cancel = Cancel::new();
    let built = docker.build(request, &(), &cancel)?;
    let contents = docker.contents(&built.id, &cancel)?;
    let made = Made {
        tree: saved(&built.id.0, &cancel)?,
        layers: contents.layers.len(),
        config: contents.config.clone(),
    };
    docker.remove(&built.id)?;
    Ok(made)
}

/// What an image holds, as Docker itself writes it out.
fn saved(image: &str, cancel: &Cancel) -> Result<Tree, Error> {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("image.tar");
    let client = std::env::var_os("MBOPT_DOCKER").unwrap_or("docker".into());
    let done = std::process::Command::new(client)
        .args(["save", "--output"])
        .arg(&archive)
        .arg(image)
        .status()
        .unwrap();
    assert!(done.success(), "docker save {image}");
    let contents = ImageFile::docker_archive(&archive, None, cancel)?.into_contents(cancel)?;
    Ok(Tree::of_contents(&contents))
}

fn by_native(native: &Native, request: &BuildRequest) -> Result<Made, Error> {
    let cancel = Cancel::new();
    let built = native.build(request, &(), &cancel)?;
    // A second time everything comes from the cache, and is the same.
    let again = native.build(request, &(), &cancel)?;
    assert_eq!(again.id, built.id, "the cache gives another image");
    assert!(again.steps.iter().all(|step| step.cached), "not all of it is cached");
    let mut tree = Tree::default();
    for layer in &built.config.diff_ids {
        tree.apply(native.store().tar(layer)?.expect("a layer"));
    }
    native.remove(&built.id)?;
    Ok(Made {
        tree,
        layers: built.config.diff_ids.len(),
        config: built.config,
    })
}

/// What of a config is compared; times, and what versions of BuildKit write differently, are not.
fn shown(config: &ImageConfig) -> Vec<String> {
    let mut lines = vec![
        format!("user {:?}", config.user),
        format!("env {:?}", config.env.iter().collect::<BTreeSet<_>>()),
        format!("entrypoint {:?}", config.entrypoint),
        format!("cmd {:?}", config.cmd),
        format!("workdir {:?}", config.working_dir),
        format!("ports {:?}", config.exposed_ports),
        format!("volumes {:?}", config.volumes),
        format!("labels {:?}", config.labels),
        format!("stopsignal {:?}", config.stop_signal),
        format!("healthcheck {:?}", config.healthcheck),
        format!("shell {:?}", config.shell),
        format!("onbuild {:?}", config.onbuild),
        format!("author {:?}", config.author),
        format!("platform {}", config.platform),
    ];
    for entry in &config.history {
        let text = entry.created_by.clone().unwrap_or_default();
        let written_otherwise = ["EXPOSE", "HEALTHCHECK", "VOLUME"]
            .iter()
            .any(|word| text.starts_with(word));
        let word = text.split(' ').next().unwrap_or_default().to_owned();
        let text = match word.as_str() {
            // Old versions leave the values out.
            "ARG" => text.split('=').next().unwrap_or_default().to_owned(),
            // Old versions leave the flags out.
            "COPY" | "ADD" => text
                .split(' ')
                .filter(|word| !word.starts_with("--"))
                .collect::<Vec<_>>()
                .join(" "),
            // Old versions count ARGs otherwise.
            "RUN" if text.starts_with("RUN |") => match text.find(" /bin/") {
                Some(at) => format!("RUN{}", text.get(at..).unwrap_or_default()),
                None => text,
            },
            _ if written_otherwise => word,
            _ => text,
        };
        lines.push(format!("history {} {text}", entry.empty_layer));
    }
    lines
}

/// The differences between two lists, few of them.
fn differences(one: &[String], other: &[String]) -> Vec<String> {
    let (a, b): (BTreeSet<_>, BTreeSet<_>) = (one.iter().collect(), other.iter().collect());
    let only = |mark: char, set: &BTreeSet<&String>, without: &BTreeSet<&String>| -> Vec<String> {
        set.difference(without)
            .take(12)
            .map(|line| format!("  {mark} {line}"))
            .collect()
    };
    [only('-', &a, &b), only('+', &b, &a)].concat()
}

/// What there is to compare with.
struct Others {
    docker: Option<Docker>,
    current: Option<Current>,
}

impl Others {
    fn find(work: &Path, native: &Native, bases: &base::Bases, docker: Option<Docker>) -> Others {
        Others {
            docker,
            current: Current::find(work, native, bases),
        }
    }
}

fn judge(
    case: &Case,
    others: &Others,
    answers: &Answers,
    native: &Native,
    folder: &Path,
    bases: &base::Bases,
) -> Vec<String> {
    case.write(folder);
    let mine = by_native(native, &request(case, folder, bases, true));
    if let Some(current) = &others.current {
        let theirs = current.build(case, folder);
        answers.keep(&case.name, &theirs);
        return against_current(case, theirs, mine);
    }
    if let (None, Some(answer)) = (&others.docker, answers.of(&case.name)) {
        let mine = mine.map_err(|error| error.to_string());
        let mut found = differences(answer, &answers.lines(&mine));
        if let (Err(error), false) = (&mine, found.is_empty()) {
            found.push(format!("  native: {error}"));
        }
        return found;
    }
    let docker = others.docker.as_ref();
    let Some(docker) = docker.filter(|_| case.expect.is_none()) else {
        let Some(expected) = &case.expect else {
            return Vec::new();
        };
        return match mine {
            Ok(made) => made.tree.unlike(expected),
            Err(error) => vec![format!("  it is not built: {error}")],
        };
    };
    let theirs = by_docker(docker, &request(case, folder, bases, false)).map(|mut made| {
        made.tree.forget(&case.stubs);
        made
    });
    compare(case, theirs.map_err(|error| error.to_string()), mine)
}

/// Against a BuildKit that knows everything: its answer and the expectation.
fn against_current(case: &Case, theirs: Result<Made, String>, mine: Result<Made, Error>) -> Vec<String> {
    let mut found = Vec::new();
    if let (Some(expected), Ok(theirs)) = (&case.expect, &theirs) {
        let wrong = theirs.tree.unlike(expected);
        found.extend(wrong.into_iter().map(|line| format!("  BuildKit itself: {line}")));
    }
    found.extend(compare(case, theirs, mine));
    found
}

fn compare(case: &Case, theirs: Result<Made, String>, mine: Result<Made, Error>) -> Vec<String> {
    match (theirs, mine) {
        (Ok(theirs), Ok(mine)) => {
            let mut found = differences(&theirs.tree.lines(), &mine.tree.lines());
            found.extend(differences(&shown(&theirs.config), &shown(&mine.config)));
            if theirs.layers != mine.layers {
                found.push(format!("  {} layers instead of {}", mine.layers, theirs.layers));
            }
            if case.fails {
                found.push("  it should not be built".to_owned());
            }
            found
        }
        (Err(_), Err(_)) if case.fails => Vec::new(),
        (Err(one), Err(other)) => vec![format!("  docker: {one}"), format!("  native: {other}")],
        (Ok(_), Err(error)) => vec![format!("  only native refuses it: {error}")],
        (Err(error), Ok(_)) => vec![format!("  only docker refuses it: {error}")],
    }
}

/// Whether it can be tried here; says why not.
fn is_possible() -> bool {
    if !mbopt::executor::native::userns::privileged() {
        eprintln!("skipped: it looks into the store, for which it has to be root with all of its rights");
        return false;
    }
    if base::busybox().is_none() {
        eprintln!("skipped: the base image is made of busybox, which is not installed (package busybox-static)");
        return false;
    }
    true
}

#[test]
fn both_engines_build_the_same() {
    if !is_possible() {
        return;
    }
    let docker = std::env::var_os("MBOPT_TEST_DOCKER")
        .filter(|host| !host.is_empty())
        .map(|_| {
            let named = std::env::var_os("MBOPT_DOCKER");
            Docker::find(named.as_deref(), std::env::var_os("PATH").as_deref()).expect("an Engine answers")
        });
    if docker.is_none() {
        eprintln!("no MBOPT_TEST_DOCKER names a Docker Engine");
    }
    let wanted = std::env::var("MBOPT_CASE").unwrap_or_default();
    let all = case::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/differential"));
    assert!(all.len() >= 120, "only {} cases", all.len());
    let cases: Vec<&Case> = all.iter().filter(|case| case.name.contains(&wanted)).collect();
    let work = tempfile::tempdir().unwrap();
    let options = Options::at(work.path().join("store"));
    let native = Native::with(&options, Sandbox::with_program(env!("CARGO_BIN_EXE_mbopt"))).expect("a store");
    let bases = base::make(work.path(), docker.is_some());
    let answers = Answers::read(&bases.layer);
    let others = Others::find(work.path(), &native, &bases, docker);
    if others.docker.is_none() && others.current.is_none() {
        eprintln!("there is no engine to compare with; what a current BuildKit answered is looked at");
    }
    let (next, failures, judged) = (AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let alone = others.docker.is_none() && others.current.is_none();
                    if alone && case.expect.is_none() && answers.of(&case.name).is_none() {
                        continue;
                    }
                    let folder = work.path().join(&case.name);
                    fs::create_dir(&folder).unwrap();
                    let found = judge(case, &others, &answers, &native, &folder, &bases);
                    judged.fetch_add(1, Ordering::Relaxed);
                    if !found.is_empty() {
                        let text = format!("{}\n{}", case.name, found.join("\n"));
                        eprintln!("{text}");
                        failures.lock().unwrap().push(case.name.clone());
                    }
                }
            });
        }
    });
    bases.remove();
    answers.bless();
    let failures = failures.into_inner().unwrap();
    let known: BTreeSet<&str> = case::KNOWN.iter().map(|(name, _)| *name).collect();
    let new: Vec<&String> = failures.iter().filter(|name| !known.contains(name.as_str())).collect();
    let judged = judged.into_inner();
    eprintln!(
        "{} of {judged} cases are the same ({} known differences)",
        judged - failures.len(),
        failures.len() - new.len()
    );
    assert!(new.is_empty(), "{} of {judged} cases differ: {new:?}", new.len());
    assert!(known.len() * 50 <= all.len(), "more than 2 % are exceptions");
}
