use super::*;
use crate::context::Memory;
use crate::facts::Facts;
use crate::model::Dockerfile;
use crate::plan::Options;
use crate::plan::site::base_of;
use crate::source::SourceFile;
use std::sync::Arc;

/// What relies on the image: `!` for what breaks, `?` for what may.
fn found(name: &str, dockerfile: &str, files: &[(&str, &str)]) -> Vec<String> {
    let file = Dockerfile::parse(SourceFile::new(name, dockerfile));
    let all = files.iter().copied().chain([(name, dockerfile)]);
    let context = Context::new("app", Arc::new(Memory::new(all)), Some(name));
    let facts = Facts::new(&file, Some(&context));
    let stage = file.target().expect("a stage");
    let options = Options::default();
    let site = Site {
        facts: &facts,
        stage,
        context: Some(&context),
        base: base_of(&file, stage),
        roles: &[],
        options: &options,
    };
    neighbours(&site)
        .into_iter()
        .map(|n| format!("{}{}", if n.breaks { "!" } else { "?" }, n.says))
        .collect()
}

const FILE: &str = "FROM node:20 AS app\nWORKDIR /app\nCOPY . .\nRUN npm ci\nCMD [\"node\", \"server.js\"]\n";

#[test]
fn compose_files_are_read() {
    let yaml = "services:\n  db:\n    image: postgres\n    command: pytest\n  web:\n    build: .\n    command: npm run test\n    volumes:\n      - .:/app\n      - data:/data\n";
    assert_eq!(
        found("Dockerfile", FILE, &[("docker-compose.yml", yaml)]),
        [
            "!docker-compose.yml runs `npm run test` in the image",
            "?docker-compose.yml mounts the project over `/app`"
        ]
    );
    let yaml = "services:\n  web:\n    build:\n      context: .\n      target: app\n    command: [\"node\", \"server.js\"]\n  job:\n    build: .\n    command:\n      - node\n      - job.js\n  other:\n    build:\n      context: .\n      dockerfile: Dockerfile.worker\n    command: make\n";
    assert_eq!(
        found("Dockerfile", FILE, &[("compose.yaml", yaml)]),
        ["!compose.yaml builds the stage `app` by its name"]
    );
    let yaml = "services:\n  web:\n    build: .\n    entrypoint: ./wait.sh\n";
    assert_eq!(
        found("Dockerfile", FILE, &[("compose.yaml", yaml)]),
        ["?compose.yaml runs `./wait.sh` in the image"]
    );
}

#[test]
fn ci_and_scripts_are_read() {
    let make = "IMG=x\nbuild:\n\tdocker build -t me/app:1 .\ntest:\n\tdocker run --rm -e A=b me/app:1 npm test\n\tdocker run other npm test\n";
    assert_eq!(
        found("Dockerfile", FILE, &[("Makefile", make)]),
        ["!Makefile runs `npm test` in the image"]
    );
    let ci = "jobs:\n  b:\n    steps:\n      - run: docker build --target app .\n";
    assert_eq!(
        found("Dockerfile", FILE, &[(".github/workflows/ci.yml", ci)]),
        ["!.github/workflows/ci.yml builds the stage `app` by its name"]
    );
    let fly = "[deploy]\n  release_command = \"npx prisma migrate deploy\"\n";
    assert_eq!(
        found("Dockerfile", FILE, &[("fly.toml", fly)]),
        ["?fly.toml runs `\"npx prisma migrate deploy\"` in the image"]
    );
}

#[test]
fn other_dockerfiles_and_devcontainers_count() {
    assert_eq!(
        found("Dockerfile", FILE, &[("Dockerfile.prod", "FROM x\n")]),
        ["?Dockerfile.prod stands beside it, so this one may be for development"]
    );
    let make = "docker build -t base .\n";
    assert_eq!(
        found(
            "Dockerfile",
            FILE,
            &[("build.sh", make), ("Dockerfile.web", "FROM base:latest\n")]
        ),
        ["!Dockerfile.web is built on the image"]
    );
    let json = "{ \"build\": { \"dockerfile\": \"../Dockerfile\" } }\n";
    assert_eq!(
        found("Dockerfile", FILE, &[(".devcontainer/devcontainer.json", json)]),
        ["!.devcontainer/devcontainer.json develops in the image"]
    );
    assert_eq!(
        found("Dockerfile.dev", FILE, &[]),
        ["!the file's name says that it is for `dev`"]
    );
}

#[test]
fn comments_are_heard() {
    let text = "FROM node:20\n# nodemon for local dev\nRUN npm i -g nodemon\n# CMD [\"nodemon\", \"x\"]\nCMD [\"node\", \"x\"]\n";
    assert_eq!(
        found("Dockerfile", text, &[]),
        ["?a comment speaks of development in the container"]
    );
    assert!(found("Dockerfile", FILE, &[("README.md", "Run `npm test`.\n")]).is_empty());
}
