use super::*;
use crate::context::{Context, Memory};
use crate::facts::Facts;
use crate::model::{Dockerfile, Kind as Instruction};
use crate::plan::program::What;
use crate::plan::site::base_of;
use crate::plan::{Options, role, system};
use crate::source::SourceFile;
use std::sync::Arc;

struct Case<'c> {
    text: &'c str,
    linkage: Option<Linkage>,
    libraries: &'c [&'c str],
    choice: RuntimeChoice,
    needs: Needs,
    files: &'c [(&'c str, &'c str)],
}

impl Default for Case<'_> {
    fn default() -> Self {
        Case {
            text: "",
            linkage: None,
            libraries: &[],
            choice: RuntimeChoice::Slim,
            needs: Needs::default(),
            files: &[("x", "")],
        }
    }
}

fn bases(case: &Case<'_>) -> Vec<RuntimeBase> {
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", case.text));
    let context = Context::new("app", Arc::new(Memory::new(case.files.iter().copied())), None);
    let facts = Facts::new(&file, Some(&context));
    let stage = file.target().expect("a stage");
    let roles = role::roles(&facts, stage);
    let options = Options {
        runtime: case.choice,
        ..Options::default()
    };
    let site = Site {
        facts: &facts,
        stage,
        context: Some(&context),
        base: base_of(&file, stage),
        roles: &roles,
        options: &options,
    };
    let artifacts = Artifacts {
        found: case
            .linkage
            .map(|linkage| Artifact {
                path: "/app/x".to_owned(),
                kind: ArtifactKind::Binary {
                    linkage,
                    needs: case.libraries.iter().map(|&l| l.to_owned()).collect(),
                },
                made_by: None,
                sources: Vec::new(),
                ecosystem: "go",
                alter: None,
            })
            .into_iter()
            .collect(),
        ..Artifacts::default()
    };
    let programs: Vec<Program> = file
        .instructions
        .iter()
        .filter_map(|i| match &i.kind {
            Instruction::Cmd(crate::model::Form::Exec(words)) => Some(Program {
                by: i.index,
                words: words.iter().map(|w| w.value.clone()).collect(),
                via: Vec::new(),
                what: match words.first()?.value.as_str() {
                    path if path.starts_with('/') => What::File { path: path.to_owned() },
                    name => What::FromPath { name: name.to_owned() },
                },
                sources: Vec::new(),
                evidence: Vec::new(),
            }),
            _ => None,
        })
        .collect();
    let system = system::system_packages(&site, &programs, &case.needs);
    runtime_bases(&site, &programs, &artifacts, &case.needs, &system, None)
}

fn names(case: &Case<'_>) -> Vec<String> {
    bases(case).into_iter().map(|base| base.reference).collect()
}

const GO: &str = "FROM golang:1.22\nRUN go build -o /app/x\nCMD [\"/app/x\"]\n";

#[test]
fn linking_decides() {
    let case = |linkage, choice| Case {
        text: GO,
        linkage: Some(linkage),
        choice,
        ..Case::default()
    };
    let alpine = format!("alpine:{}", knowledge::newest("alpine").expect("a release"));
    assert_eq!(
        names(&case(Linkage::Static, RuntimeChoice::Slim)),
        [
            &alpine,
            "gcr.io/distroless/static-debian12",
            "scratch",
            "debian:bookworm-slim",
            "golang:1.22"
        ]
    );
    assert_eq!(
        names(&case(Linkage::Static, RuntimeChoice::Smallest)),
        [
            "scratch",
            "gcr.io/distroless/static-debian12",
            &alpine,
            "debian:bookworm-slim",
            "golang:1.22"
        ]
    );
    assert_eq!(
        names(&case(Linkage::DynamicGlibc, RuntimeChoice::Slim)),
        ["debian:bookworm-slim", "golang:1.22"]
    );
    assert_eq!(names(&case(Linkage::Static, RuntimeChoice::Same)), ["golang:1.22"]);
    let musl = Case {
        text: "FROM golang:1.22-alpine3.20\nRUN go build -o /app/x\nCMD [\"/app/x\"]\n",
        linkage: Some(Linkage::DynamicMusl),
        ..Case::default()
    };
    assert_eq!(names(&musl), ["alpine:3.20", "golang:1.22-alpine3.20"]);
    let unknown = bases(&case(Linkage::Unknown, RuntimeChoice::Slim));
    assert_eq!(unknown[0].reference, "debian:bookworm-slim");
}

#[test]
fn a_shell_must_be_there_where_one_is_needed() {
    let case = Case {
        text: "FROM golang:1.22\nRUN go build -o /app/x\nCMD /app/x --port $PORT\n",
        linkage: Some(Linkage::Static),
        ..Case::default()
    };
    let found = names(&case);
    assert!(
        found[0].starts_with("alpine:") && !found.contains(&"scratch".to_owned()),
        "{found:?}"
    );
}

#[test]
fn certificates_and_zones_are_seen_to() {
    let needs = Needs {
        certificates: Some(Evidence::tool("it speaks TLS")),
        ..Needs::default()
    };
    let case = Case {
        text: GO,
        linkage: Some(Linkage::Static),
        needs: needs.clone(),
        choice: RuntimeChoice::Smallest,
        ..Case::default()
    };
    let found = bases(&case);
    assert_eq!(found[0].reference, "scratch");
    assert_eq!(found[0].files[0].to, "/etc/ssl/certs/ca-certificates.crt");
    let debian = found
        .iter()
        .find(|b| b.reference.starts_with("debian"))
        .expect("debian");
    assert_eq!(debian.packages[0].names, ["ca-certificates"]);
    let zones = Case {
        text: GO,
        linkage: Some(Linkage::Static),
        needs: Needs {
            zones: Some(Evidence::tool("it knows time zones")),
            ..Needs::default()
        },
        ..Case::default()
    };
    assert_eq!(names(&zones)[0], "gcr.io/distroless/static-debian12");
}

#[test]
fn packages_keep_their_release() {
    let text = "FROM rust:1.75\nRUN apt-get update && apt-get install -y libssl-dev cmake tini\nRUN cargo build\nENTRYPOINT [\"tini\", \"--\"]\nCMD [\"/app/x\"]\n";
    let found = bases(&Case {
        text,
        linkage: Some(Linkage::DynamicGlibc),
        libraries: &["libpq-dev", "libstdc++"],
        ..Case::default()
    });
    assert_eq!(found[0].reference, "debian:bookworm-slim");
    assert_eq!(found[0].packages[0].names, ["libpq5", "libssl3", "tini"]);
    assert!(
        found[0].conditions.iter().all(|c| c.met == Met::Yes),
        "{:?}",
        found[0].conditions
    );
}

#[test]
fn what_the_old_base_had_is_installed_or_missed() {
    let text = "FROM node:20\nRUN npm ci\nHEALTHCHECK CMD [\"curl\", \"x\"]\nCMD [\"node\", \"x.js\"]\n";
    let needs = Needs {
        programs: vec![
            ("git".to_owned(), Evidence::tool("it is started")),
            ("nothing".to_owned(), Evidence::tool("x")),
        ],
        ..Needs::default()
    };
    let found = bases(&Case {
        text,
        needs,
        ..Case::default()
    });
    assert_eq!(found[0].reference, "node:20-slim");
    assert_eq!(found[0].packages[0].names, ["git"]);
    assert_eq!(found[1].reference, "node:20");
    assert!(found[1].packages.is_empty());
}

#[test]
fn references_keep_variables_and_mirrors() {
    for (text, wanted) in [
        (
            "ARG V=3.11\nFROM python:${V}-bookworm\nCMD [\"python\"]\n",
            "python:${V}-slim-bookworm",
        ),
        ("ARG V=3.11\nFROM python:$V\nCMD [\"python\"]\n", "python:$V-slim"),
        (
            "FROM public.ecr.aws/docker/library/node:20\nCMD [\"node\"]\n",
            "public.ecr.aws/docker/library/node:20-slim",
        ),
        ("FROM node:20@sha256:aa\nCMD [\"node\"]\n", "node:20-slim"),
    ] {
        assert_eq!(
            names(&Case {
                text,
                ..Case::default()
            })[0],
            wanted,
            "{text}"
        );
    }
    let found = bases(&Case {
        text: "ARG IMG=python:3.11\nFROM $IMG\nCMD [\"python\"]\n",
        ..Case::default()
    });
    assert!(found[0].conditions.iter().any(|c| c.met == Met::Unproven));
}

#[test]
fn java_and_dotnet_get_their_run_times() {
    let java = "FROM maven:3.9-eclipse-temurin-21\nRUN mvn package\nCMD [\"java\", \"-jar\", \"/a.jar\"]\n";
    assert_eq!(
        names(&Case {
            text: java,
            ..Case::default()
        })[0],
        "eclipse-temurin:21-jre"
    );
    let javac = "FROM eclipse-temurin:21\nCMD [\"javac\", \"X.java\"]\n";
    assert_eq!(
        names(&Case {
            text: javac,
            ..Case::default()
        }),
        ["eclipse-temurin:21"]
    );
    let net = "FROM mcr.microsoft.com/dotnet/sdk:8.0\nRUN dotnet publish -o /out\nCMD [\"dotnet\", \"/out/x.dll\"]\n";
    let web = [("a/x.csproj", "<Project Sdk=\"Microsoft.NET.Sdk.Web\">")];
    let plain = [("a/x.csproj", "<Project Sdk=\"Microsoft.NET.Sdk\">")];
    let first = |files| {
        names(&Case {
            text: net,
            files,
            ..Case::default()
        })[0]
            .clone()
    };
    assert_eq!(first(&web), "mcr.microsoft.com/dotnet/aspnet:8.0");
    assert_eq!(first(&plain), "mcr.microsoft.com/dotnet/runtime:8.0");
}
