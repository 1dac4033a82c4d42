//! Properties of linting and fixing, on files made up from pieces of real ones and on any bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use mbopt::apply::{self, Linted};
use mbopt::config::Settings;
use mbopt::edit::Applicability;
use mbopt::model::Dockerfile;
use mbopt::rule::{Registry, lint};
use mbopt::source::SourceFile;
use proptest::prelude::*;

fn check(source: SourceFile) -> Linted {
    let file = Dockerfile::parse(source);
    let diagnostics = lint(
        Registry::builtin(),
        &file,
        None,
        &Settings::default().for_file("Dockerfile"),
    );
    Linted {
        file,
        diagnostics,
        notes: Vec::new(),
    }
}

/// Lines that many rules have something to say about, or that are hard to edit.
const PIECES: &[&str] = &[
    "FROM node:20",
    "from node as build",
    "FROM --platform=$TARGETPLATFORM alpine:3.20 AS Base",
    "FROM scratch",
    "ARG V=1",
    "ENV A b c",
    "ENV A=1 \\\n\n  B=2",
    "LABEL a b",
    "MAINTAINER \"Ada\" <ada@example.org>",
    "WORKDIR app",
    "COPY . .",
    "COPY --from=0 /a /b",
    "COPY a b /c",
    "ADD x.tar.gz /x/",
    "ADD https://example.org/x /x",
    "RUN apt-get update && apt-get install curl",
    "RUN apt-get update \\\n    && apt-get install -y \\\n       gcc \\\n# why\n       make",
    "RUN apk add git",
    "RUN pip install flask",
    "RUN npm install -g yarn",
    "RUN yum install -y httpd; echo done",
    "RUN <<EOF\napt-get update\napt-get install curl\nEOF",
    "RUN cd /tmp && wget http://example.org/a | sh",
    "RUN sudo make install",
    "RUN [\"apt-get\", \"install\", \"curl\"]",
    "ONBUILD RUN apt-get install curl",
    "EXPOSE 80/TCP 22",
    "USER root",
    "SHELL [\"/bin/bash\", \"-c\"]",
    "CMD npm start",
    "CMD [\"node\", \"a.js\"]",
    "ENTRYPOINT exec app $X",
    "HEALTHCHECK CMD curl http://localhost || exit 1",
    "# mbopt: ignore[apt-assume-yes] no reason",
    "# hadolint ignore=DL3008",
    "# comment",
    "",
    "STOPSIGNAL 9",
    "VOLUME [\"/a\"]",
    "RUN echo \"a",
    "NOPE x",
];

fn dockerfile() -> impl Strategy<Value = String> {
    let lines = prop::collection::vec(prop::sample::select(PIECES), 0..14);
    (
        lines,
        prop::sample::select(&["\n", "\r\n"][..]),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(lines, ending, last, directive)| {
            let mut text = lines.join("\n");
            if directive {
                text = format!("# syntax=docker/dockerfile:1\n{text}");
            }
            if last {
                text.push('\n');
            }
            text.replace('\n', ending)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(400), ..ProptestConfig::default() })]

    #[test]
    fn fixes_converge_and_parse_no_worse(text in dockerfile(), level in prop::sample::select(vec![Applicability::Safe, Applicability::Unsafe])) {
        let before = check(SourceFile::new("Dockerfile", text.as_str()));
        let once = apply::fix(SourceFile::new("Dockerfile", text.as_str()), level, &check);
        let fixed = once.linted.file.source.text().to_owned();
        prop_assert!(once.linted.file.hard_refusals().count() <= before.file.hard_refusals().count(), "parses worse:\n{fixed}");
        let twice = apply::fix(SourceFile::new("Dockerfile", fixed.as_str()), level, &check);
        prop_assert_eq!(twice.linted.file.source.text(), fixed.as_str());
        if once.applied.is_empty() {
            prop_assert_eq!(fixed, text);
        } else if text.contains("\r\n") {
            prop_assert!(!fixed.replace("\r\n", "").contains('\n'), "line endings are mixed: {:?}", fixed);
        }
    }

    #[test]
    fn findings_lie_in_the_text(text in dockerfile()) {
        let linted = check(SourceFile::new("Dockerfile", text.as_str()));
        for diagnostic in &linted.diagnostics {
            for label in std::iter::once(&diagnostic.primary).chain(&diagnostic.related) {
                prop_assert!(text.get(label.span.range()).is_some(), "{}: {:?}", diagnostic.rule.id, label.span);
            }
            for edit in diagnostic.fix.iter().flat_map(|f| &f.edits) {
                prop_assert!(text.get(edit.span.range()).is_some(), "{}: {:?}", diagnostic.rule.id, edit);
            }
        }
    }

    #[test]
    fn any_bytes_are_linted(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let linted = check(SourceFile::new("Dockerfile", bytes.clone()));
        prop_assert_eq!(linted.file.source.bytes(), bytes.as_slice());
    }
}

/// Each stage that goes uncovers the next one, and a fix refused at first fits at the end.
#[test]
fn a_chain_of_fixes_comes_to_rest() {
    let text = "FROM --platform=$TARGETPLATFORM alpine:3.20 AS Base\nfrom node as build\nfrom node as build\nFROM node:20\nFROM node:20\nLABEL a b\nFROM --platform=$TARGETPLATFORM alpine:3.20 AS Base\nCOPY --from=0 /a /b\nFROM node:20";
    let once = apply::fix(SourceFile::new("Dockerfile", text), Applicability::Unsafe, &check);
    let fixed = once.linted.file.source.text();
    assert_eq!(fixed, "FROM node:20");
    let twice = apply::fix(SourceFile::new("Dockerfile", fixed), Applicability::Unsafe, &check);
    assert_eq!(twice.linted.file.source.text(), fixed);
}
