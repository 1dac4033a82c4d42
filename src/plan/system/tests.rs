use super::*;
use crate::context::{Context, Memory};
use crate::facts::Facts;
use crate::model::Dockerfile;
use crate::plan::site::base_of;
use crate::plan::{Options, role};
use crate::source::SourceFile;
use std::sync::Arc;

/// Each package with what becomes of it: `-` build, `?` unclear, else the names at run time.
fn packages(text: &str, started: &[&str]) -> Vec<String> {
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    let context = Context::new("app", Arc::new(Memory::new([("x", "")])), None);
    let facts = Facts::new(&file, Some(&context));
    let stage = file.target().expect("a stage");
    let roles = role::roles(&facts, stage);
    let options = Options::default();
    let site = Site {
        facts: &facts,
        stage,
        context: Some(&context),
        base: base_of(&file, stage),
        roles: &roles,
        options: &options,
    };
    let programs: Vec<Program> = started
        .iter()
        .map(|name| Program {
            by: file.instructions.len() - 1,
            words: vec![(*name).to_owned()],
            via: Vec::new(),
            what: What::FromPath {
                name: (*name).to_owned(),
            },
            sources: Vec::new(),
            evidence: Vec::new(),
        })
        .collect();
    system_packages(&site, &programs, &Needs::default())
        .found
        .iter()
        .map(|p| match &p.use_ {
            Use::Build => format!("{} -", p.name),
            Use::Unclear(_) => format!("{} ?", p.name),
            Use::Runtime(names) => format!("{} {}", p.name, names.join(",")),
        })
        .collect()
}

#[test]
fn packages_are_told_apart() {
    let text = "FROM python:3.11-slim-bookworm\nRUN apt-get update && apt-get install -y gcc libpq-dev curl tini libboost-dev vim strange libssl3 git\nCOPY . .\nCMD [\"x\"]\n";
    assert_eq!(
        packages(text, &["curl"]),
        [
            "gcc -",
            "libpq-dev libpq5",
            "curl curl",
            "tini tini",
            "libboost-dev -",
            "vim ?",
            "strange ?",
            "libssl3 libssl3",
            "git -"
        ]
    );
}

#[test]
fn libraries_are_named_by_the_release() {
    for (base, wanted) in [
        ("golang:1.22-bullseye", "libssl-dev libssl1.1"),
        ("golang:1.22", "libssl-dev libssl3"),
        ("golang:1.25", "libssl-dev libssl3t64"),
        ("ubuntu:23.04", "libssl-dev ?"),
    ] {
        let text = format!("FROM {base}\nRUN apt-get install -y libssl-dev\nCMD [\"x\"]\n");
        assert_eq!(packages(&text, &[]), [wanted], "{base}");
    }
    let text = "FROM node:20-alpine\nRUN apk add --no-cache openssl-dev py3-x\nCMD [\"x\"]\n";
    assert_eq!(packages(text, &[]), ["openssl-dev libssl3,libcrypto3", "py3-x py3-x"]);
}

#[test]
fn what_is_removed_again_is_not_listed() {
    let text = "FROM python:3.11-slim-bookworm\nRUN apt-get install -y gcc make && pip install x && apt-get purge -y gcc\nCMD [\"x\"]\n";
    assert_eq!(packages(text, &[]), ["make -"]);
    let text = "FROM python:3.11-alpine\nRUN apk add --virtual .build-deps gcc musl-dev && pip install x && apk del .build-deps\nCMD [\"x\"]\n";
    assert!(packages(text, &[]).is_empty());
}

#[test]
fn a_comment_is_evidence() {
    let text =
        "FROM golang:1.22\n# wget for the healthcheck\nRUN apt-get install -y wget curl\nCOPY . .\nCMD [\"x\"]\n";
    assert_eq!(packages(text, &[]), ["wget wget", "curl -"]);
}

#[test]
fn what_packages_start_is_not_known_without_sources() {
    let text = "FROM debian:bookworm\nRUN apt-get install -y rubygems git gcc && gem install capistrano\nENTRYPOINT [\"cap\"]\n";
    assert_eq!(packages(text, &["cap"]), ["rubygems rubygems", "git ?", "gcc -"]);
}
