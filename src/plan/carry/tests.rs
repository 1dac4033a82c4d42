use super::*;
use crate::context::Context;
use crate::facts::Facts;
use crate::model::Dockerfile;
use crate::plan::deal::{Deal, Lot};
use crate::plan::role::Role;
use crate::plan::site::base_of;
use crate::plan::{Met, Options, What, role};
use crate::source::SourceFile;

/// The new stage's settings, one a line: `base:` for those of the old base, the file's text else.
fn carried(text: &str, reference: &str) -> (Vec<String>, Carried) {
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    let facts = Facts::new(&file, None::<&Context>);
    let stage = file.target().expect("a stage");
    let options = Options::default();
    let roles = role::roles(&facts, stage);
    let site = Site {
        facts: &facts,
        stage,
        context: None,
        base: base_of(&file, stage),
        roles: &roles,
        options: &options,
    };
    let new = RuntimeBase::on(reference);
    let cmd = facts.stage(stage.id).and_then(|s| s.cmd);
    let program = cmd.and_then(|by| match &file.instructions.get(by)?.kind {
        Kind::Cmd(Form::Exec(words)) => Some(Program {
            by,
            words: words.iter().map(|w| w.value.clone()).collect(),
            via: Vec::new(),
            what: match words.first()?.value.clone() {
                path if path.contains('/') => What::File { path },
                name => What::FromPath { name },
            },
            sources: Vec::new(),
            evidence: Vec::new(),
        }),
        _ => None,
    });
    let programs: Vec<Program> = program.into_iter().collect();
    let lots = roles
        .iter()
        .map(|r| Lot {
            runtime: matches!(r.role, Role::RuntimeSetup | Role::StageCopy),
            ..Lot::default()
        })
        .collect();
    let deal = Deal {
        lots,
        ..Deal::default()
    };
    let out = carry(&site, &programs, &new, &deal);
    let lines = out
        .instructions
        .iter()
        .map(|c| match c.from {
            Origin::Base => format!("base: {}", c.text),
            Origin::Instruction(at) if c.text.is_empty() => file.source.slice(file.instructions[at].span).to_owned(),
            Origin::Instruction(_) => c.text.clone(),
        })
        .collect();
    (lines, out)
}

#[test]
fn settings_of_the_file_come_along_in_their_order() {
    let text = "FROM golang:1.22\nARG V=1\nARG UNUSED\nENV A=$V\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\nLABEL x=y\nEXPOSE 80\nSTOPSIGNAL SIGINT\nSTOPSIGNAL SIGQUIT\nWORKDIR /data\nCMD [\"/old\"]\nCMD [\"/app\"]\n";
    let (lines, out) = carried(text, "debian:bookworm-slim");
    assert_eq!(
        lines,
        [
            "ARG V=1",
            "ENV A=$V",
            "LABEL x=y",
            "EXPOSE 80",
            "STOPSIGNAL SIGQUIT",
            "WORKDIR /data",
            "CMD [\"/app\"]"
        ]
    );
    assert!(
        out.effects.contains(&Effect::Env) && out.conditions.is_empty(),
        "{out:?}"
    );
}

#[test]
fn what_the_old_base_gave_is_said_again() {
    let (lines, _) = carried(
        "FROM golang:1.22\nRUN go install ./...\nCMD [\"app\"]\n",
        "debian:bookworm-slim",
    );
    assert_eq!(
        lines,
        ["base: WORKDIR /go", "base: ENV PATH=/go/bin:$PATH", "CMD [\"app\"]"]
    );
    let (lines, _) = carried(
        "FROM elixir:1.16\nWORKDIR /app\nCMD [\"/app/bin/x\", \"start\"]\n",
        "debian:bookworm-slim",
    );
    assert_eq!(
        lines,
        [
            "base: ENV LANG=C.UTF-8",
            "WORKDIR /app",
            "CMD [\"/app/bin/x\", \"start\"]"
        ]
    );
    // Within a family nothing needs to be said.
    let (lines, out) = carried("FROM node:22\nUSER node\nCMD [\"node\", \"x.js\"]\n", "node:22-slim");
    assert_eq!(lines, ["USER node", "CMD [\"node\", \"x.js\"]"]);
    assert!(out.conditions.iter().all(|c| c.met == Met::Yes), "{out:?}");
}

#[test]
fn entrypoints_of_bases_are_not_taken_for_each_other() {
    let (lines, out) = carried(
        "FROM maven:3.9-eclipse-temurin-21\nCMD [\"java\", \"-jar\", \"/a.jar\"]\n",
        "eclipse-temurin:21-jre",
    );
    assert_eq!(lines, ["CMD [\"java\", \"-jar\", \"/a.jar\"]"]);
    assert!(out.effects.contains(&Effect::Entrypoint) && !out.lost.is_empty());
    let (lines, _) = carried(
        "FROM openjdk:11\nCMD [\"java\", \"-jar\", \"/a.jar\"]\n",
        "eclipse-temurin:11-jre",
    );
    assert_eq!(lines, ["base: ENTRYPOINT []", "CMD [\"java\", \"-jar\", \"/a.jar\"]"]);
    let (_, out) = carried("FROM node:22\nCMD [\"server.js\"]\n", "debian:bookworm-slim");
    assert!(out.conditions.iter().any(|c| c.met == Met::No), "{out:?}");
    let (_, out) = carried(
        "FROM denoland/deno:2.0.0\nCMD [\"run\", \"a.ts\"]\n",
        "debian:bookworm-slim",
    );
    assert!(out.conditions.iter().any(|c| c.met == Met::No), "{out:?}");
}

#[test]
fn a_cmd_above_entrypoint_stays() {
    let (lines, _) = carried(
        "FROM golang:1.22\nWORKDIR /x\nCMD [\"a\"]\nENTRYPOINT [\"/b\"]\n",
        "debian:bookworm-slim",
    );
    assert!(lines.contains(&"CMD [\"a\"]".to_owned()), "{lines:?}");
}

#[test]
fn accounts_exist() {
    let (lines, out) = carried(
        "FROM node:22\nWORKDIR /x\nUSER node\nCMD [\"/x/app\"]\n",
        "debian:bookworm-slim",
    );
    assert!(lines[0].starts_with("base: RUN groupadd --gid 1000 node"), "{lines:?}");
    assert!(out.conditions.iter().all(|c| c.met == Met::Yes));
    let (_, out) = carried("FROM node:22\nUSER node\nCMD [\"/x/app\"]\n", "scratch");
    assert!(out.conditions.iter().any(|c| c.met == Met::No));
    let (_, out) = carried(
        "FROM golang:1.22\nRUN useradd app\nUSER app\nCMD [\"/x\"]\n",
        "gcr.io/distroless/static-debian12",
    );
    assert!(out.conditions.iter().any(|c| c.met == Met::No));
    let (lines, _) = carried(
        "FROM golang:1.22\nWORKDIR /x\nUSER 1000:1000\nCMD [\"/x/app\"]\n",
        "scratch",
    );
    assert_eq!(lines, ["WORKDIR /x", "USER 1000:1000", "CMD [\"/x/app\"]"]);
}

#[test]
fn relative_folders_become_absolute() {
    let (lines, _) = carried(
        "FROM golang:1.22\nWORKDIR /src\nWORKDIR app\nRUN go build\nCMD [\"./app\"]\n",
        "debian:bookworm-slim",
    );
    assert_eq!(lines[0], "WORKDIR /src/app");
}

#[test]
fn a_shell_is_kept_where_it_exists() {
    let text = "FROM golang:1.22\nWORKDIR /x\nSHELL [\"/bin/bash\", \"-c\"]\nRUN go build\nCMD [\"/x/app\"]\n";
    let (lines, _) = carried(text, "debian:bookworm-slim");
    assert!(lines.iter().any(|l| l.starts_with("SHELL")));
    let (lines, out) = carried(text, "alpine:3.20");
    assert!(!lines.iter().any(|l| l.starts_with("SHELL")) && out.effects.contains(&Effect::Shell));
}
