use super::*;
use crate::plan::artifact::testing::with_site;

fn found(text: &str, files: &[(&str, &str)]) -> Vec<What> {
    let mut out = Vec::new();
    with_site(text, files, |site| {
        out = programs(site).into_iter().map(|p| p.what).collect()
    });
    out
}

fn file(path: &str) -> What {
    What::File { path: path.to_owned() }
}

fn name(name: &str) -> What {
    What::FromPath { name: name.to_owned() }
}

#[test]
fn plain_commands() {
    assert_eq!(
        found("FROM a\nWORKDIR /app\nCMD [\"./srv\", \"-x\"]\n", &[]),
        [file("/app/srv")]
    );
    assert_eq!(
        found("FROM a\nENV P=/o\nCMD exec tini -- $P/srv\n", &[]),
        [file("/o/srv"), name("sh"), name("tini")]
    );
    assert_eq!(found("FROM a\nENTRYPOINT [\"/e\"]\nCMD [\"-v\"]\n", &[]), [file("/e")]);
    assert_eq!(found("FROM a\nCMD bash\n", &[])[0], What::Shell);
    assert_eq!(
        found("FROM a\nCMD [\"$X\"]\n", &[]),
        [What::Unknown("`$X` is known only when it runs".into())]
    );
    assert_eq!(found("FROM a\nRUN x\n", &[]), []);
}

#[test]
fn scripts_are_looked_through() {
    let files = [
        (
            "package.json",
            r#"{"scripts": {"start": "npm run serve", "serve": "NODE_ENV=production node ./dist/main.js", "dev": "nodemon x"}}"#,
        ),
        (
            "run.sh",
            "#!/bin/bash\nset -e\nif [ -n \"$X\" ]; then migrate up; fi\nexec \"$@\"\n",
        ),
        ("tool.py", "#!/usr/bin/env python3\n"),
    ];
    let node = |script: &str| What::Interpreter {
        program: "node".into(),
        script: Some(script.into()),
    };
    let start = "FROM node:20\nWORKDIR /app\nCOPY . .\n";
    assert_eq!(
        found(&format!("{start}CMD npm start\n"), &files),
        [node("/app/dist/main.js"), name("sh"), name("npm")]
    );
    assert_eq!(
        found(&format!("{start}CMD [\"npm\", \"run\", \"dev\"]\n"), &files)[0],
        What::DevServer {
            tool: "nodemon x".into()
        }
    );
    assert_eq!(
        found(
            &format!("{start}ENTRYPOINT [\"./run.sh\"]\nCMD [\"node\", \"a.js\"]\n"),
            &files
        ),
        [name("migrate"), node("/app/a.js"), name("sh")]
    );
    assert_eq!(
        found(&format!("{start}CMD [\"/app/tool.py\"]\n"), &files),
        [What::Interpreter {
            program: "python3".into(),
            script: Some("/app/tool.py".into())
        }]
    );
    assert!(matches!(
        found("FROM node:20\nCMD npm start\n", &[])[0],
        What::Unknown(_)
    ));
}

#[test]
fn tools_that_compile_at_start_and_virtual_machines() {
    assert_eq!(
        found("FROM rust:1\nCMD [\"cargo\", \"run\", \"--release\"]\n", &[]),
        [What::CompilesAtStart {
            tool: "cargo run --release".into()
        }]
    );
    let java = |script: &str| {
        [What::Interpreter {
            program: "java".into(),
            script: Some(script.into()),
        }]
    };
    assert_eq!(
        found(
            "FROM a\nWORKDIR /x\nCMD [\"java\", \"-Xmx1g\", \"-jar\", \"t/a.jar\"]\n",
            &[]
        ),
        java("/x/t/a.jar")
    );
    assert_eq!(
        found(
            "FROM a\nCMD [\"java\", \"-cp\", \"/out:/lib/*\", \"a.Main\", \"b\"]\n",
            &[]
        ),
        java("/out/a/Main.class")
    );
    assert_eq!(
        found(
            "FROM a\nHEALTHCHECK CMD curl -f http://x || exit 1\nCMD [\"/a\"]\n",
            &[]
        ),
        [file("/a"), name("curl"), name("sh")]
    );
}
