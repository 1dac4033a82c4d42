use super::*;
use crate::context::{Memory, Repository};
use crate::facts::Facts;
use crate::model::Dockerfile;
use crate::plan::Options;
use crate::plan::site::base_of;
use crate::source::SourceFile;
use std::sync::Arc;

/// What relies on the image: `!` for what breaks, `?` for what may.
fn found(name: &str, dockerfile: &str, files: &[(&str, &str)]) -> Vec<String> {
    let all = files.iter().copied().chain([(name, dockerfile)]);
    found_in(
        name,
        dockerfile,
        &Context::new("app", Arc::new(Memory::new(all)), Some(name)),
    )
}

fn found_in(name: &str, dockerfile: &str, context: &Context) -> Vec<String> {
    let file = Dockerfile::parse(SourceFile::new(name, dockerfile));
    let facts = Facts::new(&file, Some(context));
    let stage = file.target().expect("a stage");
    let options = Options::default();
    let site = Site {
        facts: &facts,
        stage,
        context: Some(context),
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

/// The same for a context in the folder `folder` of a repository.
fn found_below(folder: &str, dockerfile: &str, files: &[(&str, &str)]) -> Vec<String> {
    let name = format!("{folder}/Dockerfile");
    let all = files.iter().copied().chain([(name.as_str(), dockerfile)]);
    let inside = all
        .clone()
        .filter_map(|(path, text)| Some((path.strip_prefix(folder)?.strip_prefix('/')?, text)));
    let tree = Memory::new(inside);
    let repository = Arc::new(Repository::new(Arc::new(Memory::new(all)), "/repo", "/repo"));
    let context = Context::new(folder, Arc::new(tree), Some("Dockerfile")).within(repository, folder.to_owned());
    found_in(&name, dockerfile, &context)
}

const GO: &str = "FROM golang:1.22\nWORKDIR /app\nCOPY . .\nRUN go build -o srv .\nCMD [\"./srv\"]\n";

#[test]
fn the_repository_above_the_context_is_read() {
    let yaml = "services:\n  api:\n    build:\n      context: ./api\n    volumes: [\"./api:/app\"]\n    command: go run .\n  web:\n    build: ./web\n    command: go test\n";
    assert_eq!(
        found_below("api", GO, &[("docker-compose.yml", yaml)]),
        [
            "!docker-compose.yml runs `go run .` in the image",
            "?docker-compose.yml mounts the project over `/app`"
        ]
    );
    let yaml = "services:\n  api:\n    build: ../services/api\n    healthcheck:\n      test: [\"CMD\", \"curl\", \"-f\", \"localhost\"]\n    volumes:\n      - type: bind\n        source: ../services/api\n        target: /app\n";
    assert_eq!(
        found_below("services/api", GO, &[("deploy/compose.yml", yaml)]),
        [
            "?deploy/compose.yml runs `curl -f localhost` in the image",
            "?deploy/compose.yml mounts the project over `/app`"
        ]
    );
    let other = "services:\n  web:\n    build: .\n    command: go run .\n";
    assert!(found_below("api", GO, &[("compose.yml", other), ("Dockerfile", GO)]).is_empty());
}

#[test]
fn jobs_and_clusters_are_read() {
    let ci = "build:\n  script:\n    - docker build -t $CI_REGISTRY_IMAGE .\ntest:\n  image: $CI_REGISTRY_IMAGE\n  script:\n    - go test ./...\nlint:\n  image: golang:1.22\n  script:\n    - go vet\n";
    assert_eq!(
        found("Dockerfile", GO, &[(".gitlab-ci.yml", ci)]),
        ["!.gitlab-ci.yml runs `go test ./...` in the image"]
    );
    let workflow = "jobs:\n  image:\n    steps:\n      - run: docker build -t ghcr.io/me/app .\n  test:\n    container:\n      image: ghcr.io/me/app:main\n    steps:\n      - run: make check\n";
    assert_eq!(
        found("Dockerfile", GO, &[(".github/workflows/test.yml", workflow)]),
        ["!.github/workflows/test.yml runs `make check` in the image"]
    );
    let pod = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  containers:\n  - name: db\n    image: postgres\n    command: [postgres]\n  - name: a\n    image: app\n    command: [\"/bin/bash\", \"-c\", \"./srv | tee log\"]\n    livenessProbe: {exec: {command: [\"curl\", \"localhost\"]}}\n";
    assert_eq!(
        found("Dockerfile", GO, &[("k8s/deploy.yaml", pod)]),
        [
            "?k8s/deploy.yaml runs `/bin/bash -c ./srv | tee log` in the image",
            "?k8s/deploy.yaml runs `curl localhost` in the image"
        ]
    );
    let readme = "Test it: `docker run --rm -it app go test ./...`, or `docker run golang:1.22 go test`.\n";
    assert_eq!(
        found("Dockerfile", GO, &[("README.md", readme)]),
        ["?README.md runs `go test ./...` in an image that may be this one"]
    );
}

#[test]
fn comments_on_what_run_time_needs_are_heard() {
    let with = |comment: &str| {
        let text = format!("FROM golang:1.22\n# {comment}\nRUN apt-get install -y git libpq5\nCMD [\"./srv\"]\n");
        found("Dockerfile", &text, &[]).len()
    };
    assert_eq!(with("git is needed at runtime by the updater"), 1);
    assert_eq!(with("keep the sources: the debugger needs them"), 1);
    assert_eq!(with("libpq5 is needed at runtime"), 0, "libraries are followed");
    assert_eq!(with("git is needed to fetch modules"), 0);
}
