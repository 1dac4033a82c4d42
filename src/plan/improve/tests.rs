use crate::context::{Context, Memory};
use crate::edit::Applicability;
use crate::facts::Facts;
use crate::model::Dockerfile;
use crate::plan::{Options, Plan, Verdict, plan};
use crate::source::SourceFile;
use std::sync::Arc;

fn planned(text: &str, files: &[(&str, &str)]) -> Plan {
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    let context = Context::new("app", Arc::new(Memory::new(files.iter().copied())), Some("Dockerfile"));
    plan(&Facts::new(&file, Some(&context)), &Options::default())
}

const GO: [(&str, &str); 2] = [
    ("go.mod", "module example.org/app\n\ngo 1.22\n"),
    (
        "main.go",
        "package main\n\nimport \"net\"\n\nfunc main() { net.Dial(\"tcp\", \":1\") }\n",
    ),
];

#[test]
fn a_runtime_on_an_sdk_gets_a_smaller_base() {
    let text = "FROM golang:1.22-bookworm AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /out/app .\n\n\
        # It runs here.\nFROM golang:1.22-bookworm\nWORKDIR /srv\nCOPY --from=build /out/app /srv/app\nCMD [\"/srv/app\"]\n";
    let plan = planned(text, &GO);
    let chosen = plan.chosen().unwrap_or_else(|| panic!("{:?}", plan.verdict));
    assert_eq!(
        chosen.text,
        text.replace("here.\nFROM golang:1.22-bookworm", "here.\nFROM debian:bookworm-slim")
    );
    assert_eq!(chosen.applicability, Applicability::Safe, "{:?}", chosen.unsafe_because);
}

#[test]
fn stages_that_are_called_by_number_get_names() {
    let text = "FROM golang:1.22-bookworm\nCOPY . /src\nRUN cd /src && CGO_ENABLED=0 go build -o /app\n\
        FROM alpine:3.20\nCOPY --from=0 /app /app\nCMD [\"/app\"]\n";
    let plan = planned(text, &GO);
    let chosen = plan.chosen().unwrap_or_else(|| panic!("{:?}", plan.verdict));
    let wanted = text
        .replacen("bookworm\n", "bookworm AS builder\n", 1)
        .replace("--from=0", "--from=builder");
    assert_eq!(chosen.text, wanted);
}

#[test]
fn a_last_stage_that_builds_or_needs_its_image_stays() {
    let builds = "FROM golang:1.22 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\n\
        FROM golang:1.22\nCOPY --from=build /app /app\nRUN go install example.org/tool@latest\nCMD [\"/app\"]\n";
    assert!(matches!(planned(builds, &GO).verdict, Verdict::LeftAlone(_)));
    let starts_go = "FROM golang:1.22 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\n\
        FROM golang:1.22\nCOPY --from=build /app /app\nCMD [\"go\", \"version\"]\n";
    assert!(matches!(planned(starts_go, &GO).verdict, Verdict::LeftAlone(_)));
    let slim = "FROM golang:1.22 AS build\nCOPY . /src\nRUN cd /src && go build -o /app .\n\
        FROM debian:bookworm-slim\nCOPY --from=build /app /app\nCMD [\"/app\"]\n";
    assert!(matches!(planned(slim, &GO).verdict, Verdict::LeftAlone(_)));
}

#[test]
fn a_copied_root_is_named() {
    let text = "FROM golang:1.22 AS build\nCOPY . /src\nRUN cd /src && go build -o /app .\n\
        FROM debian:12\nCOPY --from=build / /\nCMD [\"/app\"]\n";
    let Verdict::LeftAlone(reasons) = planned(text, &GO).verdict else {
        panic!("it was rewritten");
    };
    assert!(
        reasons.iter().any(|r| r.says.contains("whole root of `build`")),
        "{reasons:?}"
    );
}

#[test]
fn a_copied_root_on_scratch_becomes_what_it_starts() {
    let text = "FROM golang:1.22-bookworm AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /app .\n\n\
        FROM scratch\nCOPY --from=build / /\nCMD [\"/app\"]\n";
    let plan = planned(text, &GO);
    let chosen = plan.chosen().unwrap_or_else(|| panic!("{:?}", plan.verdict));
    assert_eq!(chosen.applicability, Applicability::Unsafe);
    assert!(chosen.text.contains("COPY --from=build /app /app\n"), "{}", chosen.text);
    assert!(!chosen.text.contains("scratch"), "{}", chosen.text);
}

#[test]
fn tests_of_the_last_stage_get_a_stage_of_their_own() {
    let text = "FROM golang:1.22-bookworm AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /out/app .\n\n\
        # It runs here.\nFROM golang:1.22-bookworm\nCOPY --from=build /src /src\nCOPY --from=build /out/app /out/app\n\
        RUN cd /src && go test ./...\nCMD [\"/out/app\"]\n";
    let plan = planned(text, &GO);
    let chosen = plan.chosen().unwrap_or_else(|| panic!("{:?}", plan.verdict));
    assert!(
        chosen.text.contains(
            "\n\nFROM build AS tester\nRUN cd /src && go test ./...\n\n# It runs here.\nFROM debian:bookworm-slim\n"
        ),
        "{}",
        chosen.text
    );
    assert_eq!(chosen.text.matches("go test").count(), 1, "{}", chosen.text);
    assert_eq!(chosen.applicability, Applicability::Unsafe);
    assert!(chosen.announces.iter().any(|a| a.contains("--target tester")));
    // What they are run on is not the builder's.
    let other = text.replace("COPY --from=build /src /src", "COPY . /src");
    let plan = planned(&other, &GO);
    assert!(plan.chosen().is_none_or(|c| !c.text.contains("AS tester")));
}
