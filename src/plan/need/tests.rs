use super::*;
use crate::plan::artifact::{artifacts, testing::with_site};
use crate::plan::program::programs;

fn found(text: &str, files: &[(&str, &str)]) -> Needs {
    let mut out = Needs::default();
    with_site(text, files, |site| {
        let programs = programs(site);
        let artifacts = artifacts(site, &programs);
        out = needs(site, &programs, &artifacts);
    });
    out
}

fn paths(needs: &Needs) -> Vec<(&str, Option<&str>)> {
    needs
        .files
        .iter()
        .map(|n| (n.path.as_str(), n.context.as_deref()))
        .collect()
}

const GO: &str = "FROM golang:1.22\nWORKDIR /app\nCOPY . .\nRUN go build -o server .\nCMD [\"./server\"]\n";

#[test]
fn data_files_come_along() {
    let files = [
        ("go.mod", "module x\n"),
        (
            "main.go",
            "package main\nimport \"os\"\nfunc main() { os.Open(\"templates/a.html\"); os.Getenv(\"PORT\"); os.ReadFile(\"config.yaml\") }\n",
        ),
        ("templates/a.html", ""),
        ("templates/b.html", ""),
        ("pkg/x/x.go", "package x"),
        ("pkg/x/data.json", ""),
        ("README.md", ""),
        ("main_test.go", "package main"),
        ("Dockerfile", ""),
    ];
    let needs = found(GO, &files);
    assert_eq!(
        paths(&needs),
        [
            ("/app/pkg/x/data.json", Some("pkg/x/data.json")),
            ("/app/templates/", Some("templates"))
        ]
    );
    assert_eq!(needs.env, ["PORT"]);
    assert_eq!(
        needs.absent.iter().map(|(p, _)| p.as_str()).collect::<Vec<_>>(),
        ["/app/config.yaml"]
    );
    assert!(
        matches!(&needs.files[1].evidence[0].from, crate::plan::EvidenceSource::SourceFile { path, line: Some(3) } if path == "main.go")
    );
}

#[test]
fn what_is_embedded_or_changed_is_told_apart() {
    let files = [
        ("go.mod", "module x\n"),
        (
            "main.go",
            "package main\nimport _ \"embed\"\n//go:embed web/*\nvar f string\n",
        ),
        ("web/a.html", ""),
        ("conf/x.ini", ""),
    ];
    let text = GO.replace("CMD", "RUN sed -i s/a/b/ conf/x.ini\nCMD");
    assert_eq!(paths(&found(&text, &files)), [("/app/conf/", None)]);
}

#[test]
fn scripts_that_are_started_come_along() {
    let files = [
        ("go.mod", "module x\n"),
        ("main.go", "package main\n"),
        ("run.sh", "#!/bin/sh\nexec ./server\n"),
    ];
    let text = GO.replace("CMD [\"./server\"]", "ENTRYPOINT [\"./run.sh\"]");
    assert_eq!(paths(&found(&text, &files)), [("/app/run.sh", Some("run.sh"))]);
}

#[test]
fn paths_that_only_the_base_image_tells_prove_nothing() {
    let files = [
        ("go.mod", "module x\n"),
        ("main.go", "package main\n"),
        ("gen.sh", "#!/bin/sh\n"),
    ];
    let text =
        "FROM golang:1.22\nWORKDIR ${PROJECT_ROOT}/src/x\nCOPY . .\nRUN ./gen.sh && go build -o x\nCMD [\"./x\"]\n";
    let needs = found(text, &files);
    assert!(needs.files.is_empty(), "{:?}", needs.files);
    assert!(
        needs
            .conditions
            .iter()
            .any(|c| c.what == "it is known where COPY puts files")
    );
    let known = found(&text.replace("WORKDIR", "ENV PROJECT_ROOT=/g\nWORKDIR"), &files);
    assert!(
        known.files.is_empty() && known.conditions.iter().all(|c| c.met == crate::plan::Met::Yes),
        "{known:?}"
    );
}
