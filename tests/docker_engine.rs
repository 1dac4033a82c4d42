//! The docker engine against a real Engine: the one that `MBOPT_TEST_DOCKER` names, as DOCKER_HOST
//! does. Without the variable there is none to be had, and nothing is tested.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::executor::{
    BuildRequest, Cancel, ContainerNetwork, ContainerSpec, Docker, Engine, Error, Event, Limits, Network,
};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The Engine's address, and the client.
fn engine() -> Option<(String, Docker)> {
    let host = std::env::var("MBOPT_TEST_DOCKER").ok().filter(|host| !host.is_empty());
    let Some(host) = host else {
        eprintln!("skipped: MBOPT_TEST_DOCKER names no Docker Engine");
        return None;
    };
    let path = std::env::var_os("PATH");
    let named = std::env::var_os("MBOPT_DOCKER");
    let docker = Docker::find(named.as_deref(), path.as_deref()).expect("an Engine answers");
    Some((host, docker))
}

/// A root file system with a shell and a few tools, all in one static program.
fn context() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let busybox = ["/bin/busybox", "/usr/bin/busybox"]
        .iter()
        .find(|path| Path::new(path).exists())
        .expect("busybox is installed (packages busybox-static, busybox)");
    fs::copy(busybox, folder.path().join("busybox")).expect("a copy");
    folder
}

const BASE: &str = "FROM scratch AS base\nCOPY busybox /bin/busybox\nSHELL [\"/bin/busybox\", \"sh\", \"-c\"]\n\
    RUN /bin/busybox --install -s /bin\nSHELL [\"/bin/sh\", \"-c\"]\nENV PATH=/bin\n";

fn request(context: &Path, text: &str) -> BuildRequest {
    BuildRequest {
        dockerfile: format!("{BASE}{text}"),
        context: context.to_owned(),
        network: Network::Host,
        // What an earlier run of this test has left in the cache says nothing.
        no_cache: true,
        ..BuildRequest::default()
    }
}

fn ids(what: &[&str]) -> String {
    let docker = std::env::var_os("MBOPT_DOCKER").unwrap_or_else(|| "docker".into());
    let output = Command::new(docker).args(what).output().expect("docker");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn an_image_is_built_run_and_removed() {
    let Some((_, docker)) = engine() else { return };
    let folder = context();
    let cancel = Cancel::new();
    let text = "RUN echo data > /file && mkdir /d\nFROM base\nRUN rm -r /d && echo said\nUSER 7:8\nENV A=b\n\
        CMD [\"sh\", \"-c\", \"trap 'exit 3' TERM; echo out; echo err >&2; while :; do sleep 0.1; done\"]\n";
    let said = Mutex::new(Vec::new());
    let sink = |event: Event<'_>| {
        if let Event::StepOutput { bytes, .. } = event {
            said.lock().unwrap().extend_from_slice(bytes);
        }
    };
    let built = docker
        .build(&request(folder.path(), text), &sink, &cancel)
        .expect("it builds");
    assert!(String::from_utf8_lossy(&said.into_inner().unwrap()).contains("said"));
    assert_eq!((built.config.user.as_str(), built.config.env("A")), ("7:8", Some("b")));
    assert!(built.config.labels.is_empty(), "{:?}", built.config.labels);
    let mut lines: Vec<_> = built.steps.iter().map(|step| step.line).collect();
    lines.sort_unstable();
    assert_eq!(lines, [2, 4, 7, 9]);

    let contents = docker.contents(&built.id, &cancel).expect("its layers");
    assert_eq!(contents.layers.len(), 4);
    assert_eq!(contents.config.history.iter().filter(|h| !h.empty_layer).count(), 4);
    assert!(contents.layers[0].unpacked_bytes > 100_000 && contents.layers[2].unpacked_bytes == 5);

    let spec = ContainerSpec {
        env: vec![("MORE".into(), "1".into())],
        network: ContainerNetwork::None,
        ..ContainerSpec::new(built.id.clone())
    };
    let mut container = docker.create(&spec).expect("a container");
    container.start().expect("it starts");
    assert_eq!(container.wait(Duration::from_millis(300)).expect("an answer"), None);
    let args = ["sh", "-c", "id -u; echo $A $MORE; exit 4"].map(str::to_owned);
    let done = container.exec(&args, Duration::from_secs(20)).expect("it runs");
    assert_eq!(
        (done.code, String::from_utf8_lossy(&done.stdout).as_ref()),
        (4, "7\nb 1\n")
    );
    let logs = container.logs().expect("logs");
    assert_eq!(
        (logs.stdout.as_slice(), logs.stderr.as_slice()),
        (&b"out\n"[..], &b"err\n"[..])
    );
    let stopped = container.stop(Duration::from_secs(10)).expect("it stops");
    assert_eq!((stopped.code, stopped.killed), (3, false));
    drop(container);

    let limits = Limits {
        step: Some(Duration::from_millis(500)),
        ..Limits::default()
    };
    let spec = ContainerSpec {
        args: Some(vec!["sleep".into(), "60".into()]),
        limits,
        ..ContainerSpec::new(built.id.clone())
    };
    let mut container = docker.create(&spec).expect("a container");
    container.start().expect("it starts");
    let exit = container.wait(Duration::from_secs(30)).expect("an answer");
    assert_eq!(exit.map(|exit| exit.code), Some(137));
    drop(container);

    docker.remove(&built.id).expect("it goes");
    docker.remove(&built.id).expect("it is gone");
    let mine = format!("ancestor={}", built.id.0);
    assert_eq!(ids(&["ps", "-aq", "--filter", &mine]), "");
    assert_eq!(ids(&["images", "-q", "--no-trunc", &built.id.0]), "");
}

#[test]
fn failures_name_the_place() {
    let Some((_, docker)) = engine() else { return };
    let folder = context();
    let build = |text: &str| docker.build(&request(folder.path(), text), &(), &Cancel::new());
    match build("RUN echo why; exit 9\n") {
        Err(Error::Step(step)) => assert_eq!((step.line, step.code, step.output.as_str()), (7, Some(9), "why")),
        other => panic!("{other:?}"),
    }
    match build("COPY absent /\n") {
        Err(Error::Step(step)) => assert_eq!((step.line, step.code, step.help.is_some()), (7, None, true)),
        other => panic!("{other:?}"),
    }
    assert!(matches!(build("RUNX a\n"), Err(Error::Dockerfile { line: 7, .. })));
    assert!(matches!(
        build("FROM nosuchimage.invalid/x\n"),
        Err(Error::Image { .. })
    ));
}

#[test]
fn a_build_ends_when_asked() {
    let Some((_, docker)) = engine() else { return };
    let folder = context();
    let cancel = Cancel::new();
    let asked = cancel.clone();
    let sink = move |event: Event<'_>| {
        if let Event::StepStarted { name, .. } = event
            && name.contains("sleep 60")
        {
            asked.cancel();
        }
    };
    let begun = Instant::now();
    let built = docker.build(&request(folder.path(), "RUN sleep 60\n"), &sink, &cancel);
    assert!(matches!(built, Err(Error::Cancelled)), "{built:?}");
    let mut slow = request(folder.path(), "RUN sleep 61\n");
    slow.limits.step = Some(Duration::from_millis(1500));
    let built = docker.build(&slow, &(), &Cancel::new());
    assert!(matches!(built, Err(Error::Limit { .. })), "{built:?}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}
