use super::*;
use crate::context::Memory;
use crate::model::Dockerfile;
use crate::source::SourceFile;
use std::sync::Arc;

fn patterns(text: &str, files: &[(&str, &str)]) -> Vec<String> {
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    let context = Context::new("c", Arc::new(Memory::new(files.iter().copied())), None);
    let facts = Facts::new(&file, Some(&context));
    list(&facts, &context).into_iter().map(|u| u.pattern).collect()
}

#[test]
fn what_is_there_and_what_manifests_show() {
    let found = patterns(
        "FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm run build\nCMD [\"node\", \"dist/main.js\"]\n",
        &[
            ("package.json", "{}"),
            (".git/HEAD", ""),
            (".gitignore", "/dist/\n"),
            ("dist/main.js", ""),
            ("pkg/__pycache__/a.pyc", ""),
            (".env", "A=b"),
            ("Dockerfile", "FROM x"),
            ("src/dist.js", ""),
        ],
    );
    assert_eq!(
        found,
        [".git", "dist", "node_modules", "**/__pycache__", ".env", "Dockerfile"]
    );
}

#[test]
fn what_the_build_does_not_make_stays() {
    let files = [
        ("package.json", "{}"),
        ("node_modules/a/i.js", ""),
        ("dist/x.js", ""),
        (".gitignore", "dist\n"),
    ];
    assert!(patterns("FROM node:22\nCOPY . /app\nCMD [\"node\", \"/app\"]\n", &files).is_empty());
    // The second build needs what the first one makes.
    let both = [&files[..], &[("Dockerfile.dev", "FROM node:22\nCOPY . /app\n")]].concat();
    assert_eq!(
        patterns("FROM node:22\nCOPY . /app\nRUN npm ci\n", &both),
        ["Dockerfile.dev"]
    );
    assert_eq!(
        patterns("FROM node:22\nCOPY . /app\nRUN npm ci\n", &files),
        ["node_modules"]
    );
}

#[test]
fn what_is_named_stays() {
    let files = [
        ("pom.xml", ""),
        ("target/app.jar", ""),
        (".env", ""),
        (".venv/pyvenv.cfg", ""),
    ];
    for copy in [
        "COPY target/app.jar /",
        "COPY target/*.jar /",
        "ARG JAR=target/app.jar\nCOPY ${JAR} /",
        "ARG JAR\nCOPY ${JAR} /",
        "RUN --mount=type=bind,source=target/app.jar,target=/x true",
    ] {
        let text = format!("FROM maven:3\nCOPY . /src\nRUN mvn package && . ./.env\n{copy}\n");
        assert!(patterns(&text, &files).is_empty(), "{copy}");
    }
    let plain = "FROM maven:3\nCOPY . /src\nRUN mvn package\n";
    assert_eq!(patterns(plain, &files), ["target", ".env"]);
}

#[test]
fn the_history_stays_where_a_build_reads_it() {
    let git = (".git/HEAD", "");
    for (text, more, stays) in [
        ("FROM alpine\nCOPY . /x\n", ("a", ""), false),
        ("FROM alpine\nCOPY . /x\nRUN git describe > /v\n", ("a", ""), true),
        (
            "FROM alpine\nCOPY . /x\nRUN git clone https://x/y && cd y && git checkout v1\n",
            ("a", ""),
            false,
        ),
        (
            "FROM golang:1.24\nCOPY . /x\nRUN go build ./...\n",
            ("go.mod", ""),
            true,
        ),
        (
            "FROM golang:1.24\nCOPY . /x\nRUN go build -buildvcs=false ./...\n",
            ("go.mod", ""),
            false,
        ),
        (
            "FROM golang:1.24-alpine\nCOPY . /x\nRUN go build ./...\n",
            ("go.mod", ""),
            false,
        ),
        (
            "FROM golang:1.24-alpine\nRUN apk add git\nCOPY . /x\nRUN go build ./...\n",
            ("go.mod", ""),
            true,
        ),
        (
            "FROM alpine\nCOPY . /x\nRUN make\n",
            ("Makefile", "V := $(shell git describe --tags)"),
            true,
        ),
        (
            "FROM python:3\nCOPY . /x\nRUN pip install /x\n",
            ("pyproject.toml", "requires = [\"setuptools-scm\"]"),
            true,
        ),
        (
            "FROM node:22\nCOPY . /x\nRUN npm ci\n",
            (
                "package.json",
                "{\"repository\": {\"type\": \"git\", \"url\": \"git+https://github.com/a/b.git\"}}",
            ),
            false,
        ),
        (
            "FROM node:22\nCOPY . /x\nRUN npm ci\n",
            ("package.json", "{\"scripts\": {\"v\": \"git rev-parse HEAD\"}}"),
            true,
        ),
    ] {
        let found = patterns(text, &[git, more]);
        assert_eq!(!found.contains(&".git".to_owned()), stays, "{text} {more:?}: {found:?}");
    }
}

#[test]
fn of_too_many_builds_nothing_is_known() {
    let text = "FROM node:22\nCOPY . /app\nRUN npm ci\n";
    let names: Vec<String> = (0..40).map(|n| format!("Dockerfile.{n}")).collect();
    let files = |count: usize| -> Vec<(&str, &str)> {
        let names = names.iter().take(count);
        names
            .map(|name| (name.as_str(), text))
            .chain([(".git/HEAD", "")])
            .collect()
    };
    assert!(patterns(text, &files(32)).contains(&".git".to_owned()));
    assert!(patterns(text, &files(40)).is_empty());
}
