use super::super::lines::scan;
use super::*;

fn disagreements(text: &str) -> Vec<Option<Disagreement>> {
    let source = SourceFile::new("Dockerfile", text);
    let grammar = Grammar::parse(&source);
    scan(&source)
        .instructions
        .iter()
        .map(|line| grammar.disagreement(line))
        .collect()
}

#[test]
fn aligns_nodes_with_instructions() {
    let text = "\u{feff}# c\r\nFROM a AS b\r\n  run x \\\r\n y\r\nONBUILD COPY --from=b c d\r\nENV A=b";
    let source = SourceFile::new("Dockerfile", text);
    let grammar = Grammar::parse(&source);
    let lines = scan(&source);
    let kinds: Vec<_> = lines
        .instructions
        .iter()
        .map(|l| grammar.node(l).unwrap().kind())
        .collect();
    assert_eq!(
        kinds,
        [
            "from_instruction",
            "run_instruction",
            "onbuild_instruction",
            "env_instruction"
        ]
    );
    assert!(lines.instructions.iter().all(|l| grammar.agrees(l)));
}

#[test]
fn agrees_where_the_words_are_the_same() {
    for text in [
        "FROM --platform=$P a:b@sha256:c as d",
        "ENV A=b C=\"d e\"",
        "ENV a b c",
        "LABEL a.b=\"c\" d=e",
        "ARG A B=c",
        "COPY --from=a --chown=b:c d e f/",
        "COPY [\"a b\", \"c\"]",
        "ADD <<E /x\na\nE",
        "RUN --mount=type=cache,target=/x make",
        "RUN x; \\\n [ a ]; \\\n z",
        "RUN echo \"`a`\"",
        "CMD [\"a\", \"b\"]",
        "CMD [ -e /x ]",
        "HEALTHCHECK --interval=3s CMD [\"a\"]",
        "HEALTHCHECK NONE",
        "SHELL [\"a\", \"-c\"]",
        "EXPOSE 80 443/tcp",
        "VOLUME /a /b",
        "USER a:b",
        "WORKDIR /a/$b",
        "STOPSIGNAL SIGTERM",
        "MAINTAINER a b <c> ",
        "ONBUILD ENV A=b",
    ] {
        assert_eq!(disagreements(text)[0], None, "{text}");
    }
}

#[test]
fn disagrees_where_they_are_not() {
    for (text, expected) in [
        ("RU\\\nN echo", Disagreement::NoNode),
        ("FOO bar", Disagreement::NoNode),
        ("ENV a.b=c", Disagreement::Error),
        ("ENV A=${V#v}", Disagreement::Error),
        ("ARG B=${T#linux/amd64}", Disagreement::Error),
        ("EXPOSE 80:80", Disagreement::Words),
        ("RUN --mount=\"type=cache,target=/a b\" echo", Disagreement::Flags),
        ("SHELL /bin/bash", Disagreement::NoNode),
    ] {
        assert_eq!(disagreements(text)[0], Some(expected), "{text}");
    }
}

#[test]
fn an_error_stays_in_its_instruction() {
    assert_eq!(disagreements("FROM a\nENV a.b=c\nRUN x\nENV C=d\n")[2..], [None, None]);
}

#[test]
fn any_text_is_compared() {
    for text in [
        "",
        "\n",
        "\\\n",
        "RUN",
        "ENV\n",
        "FROM\\",
        "COPY --",
        "ONBUILD ONBUILD",
        "HEALTHCHECK\nHEALTHCHECK CMD",
        "\u{feff}",
    ] {
        let _ = disagreements(text);
    }
}
