use super::super::lines::scan;
use super::*;

fn read(text: &str) -> Suppressions {
    let source = SourceFile::new("Dockerfile", text);
    let found = suppressions(&source, &scan(&source));
    for suppression in &found.list {
        for (id, span) in &suppression.ids {
            assert_eq!(source.slice(*span), id, "{text}");
        }
        assert!(suppression.span.contains(suppression.comment));
    }
    found
}

/// `(scope, ids, reason, malformed?)` of the only suppression.
fn one(text: &str) -> (Scope, Vec<String>, Option<String>, bool) {
    let found = read(text);
    assert_eq!(found.list.len(), 1, "{text}: {found:?}");
    let one = found.list.into_iter().next().unwrap();
    (
        one.scope,
        one.ids.into_iter().map(|(id, _)| id).collect(),
        one.reason,
        one.malformed.is_some(),
    )
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn reads_its_own_dialect() {
    for (text, scope, list, reason) in [
        (
            "FROM a\n# mbopt: ignore[x]\nRUN b",
            Scope::Instruction(1),
            &["x"][..],
            None,
        ),
        (
            "#mbopt:ignore[x,DL3008 , y-z]why not\n\n# c\nFROM a",
            Scope::Instruction(0),
            &["x", "DL3008", "y-z"],
            Some("why not"),
        ),
        (
            "RUN a \\\n # mbopt: ignore [x]  -- so\n b\nRUN c",
            Scope::Instruction(0),
            &["x"],
            Some("-- so"),
        ),
        (
            "FROM a\nRUN b\n# MBOPT : ignore-stage[x]\nRUN c",
            Scope::Stage(2),
            &["x"],
            None,
        ),
        ("FROM a\n# mbopt: ignore-stage[x]", Scope::Stage(0), &["x"], None),
        ("FROM a\n# mbopt: ignore-file[x]", Scope::File, &["x"], None),
    ] {
        assert_eq!(
            one(text),
            (scope, ids(list), reason.map(str::to_owned), false),
            "{text}"
        );
    }
}

#[test]
fn tells_what_is_malformed() {
    for text in [
        "# mbopt: ignore\nFROM a",
        "# mbopt: ignore[]\nFROM a",
        "# mbopt: ignore[x\nFROM a",
        "# mbopt: ignore[x y]\nFROM a",
        "# mbopt: ignore x\nFROM a",
        "# mbopt: skip[x]\nFROM a",
        "# mbopt:\nFROM a",
        "FROM a\n# mbopt: ignore[x]",
        "# hadolint ignore\nFROM a",
        "# hadolint ignore DL3008\nFROM a",
        "# hadolint ignore=\nFROM a",
        "# hadolint ignore=DL3008\n\nFROM a",
        "FROM a\n# hadolint ignore=DL3008",
    ] {
        assert!(one(text).3, "{text}");
    }
}

#[test]
fn reads_hadolint() {
    for (text, scope, list, reason) in [
        (
            "FROM a\n# hadolint ignore=DL1, DL2 \nRUN b",
            Scope::Instruction(1),
            &["DL1", "DL2"][..],
            None,
        ),
        (
            "# hadolint ignore = DL1 # why\n# c\n#\nFROM a",
            Scope::Instruction(0),
            &["DL1"],
            Some("# why"),
        ),
        ("# hadolint global ignore=SC2\n\nFROM a", Scope::File, &["SC2"], None),
        (
            "FROM a\n# hadolint stage ignore=DL1\n\nFROM b",
            Scope::Stage(1),
            &["DL1"],
            None,
        ),
    ] {
        assert_eq!(
            one(text),
            (scope, ids(list), reason.map(str::to_owned), false),
            "{text}"
        );
    }
}

#[test]
fn other_comments_silence_nothing() {
    for text in [
        "# hadolint is a linter\nFROM a",
        "# hadolintignore=DL1\nFROM a",
        "# mbopt is one too\nFROM a",
        "# see mbopt: ignore[x]\nFROM a",
        "RUN a \\\n# hadolint ignore=DL1\n b",
        "RUN <<E\n# mbopt: ignore[x]\nE",
        "#",
    ] {
        assert_eq!(read(text).list, [], "{text}");
    }
}

#[test]
fn reads_shell_hints() {
    let found = read("FROM a\n# hadolint shell = powershell.exe # so\nRUN b\n# hadolint shell=/bin/bash");
    let shells: Vec<_> = found.shells.iter().map(|s| (s.shell.as_str(), s.instruction)).collect();
    assert_eq!(shells, [("powershell.exe", 1), ("/bin/bash", 2)]);
    assert_eq!(found.list, []);
}

#[test]
fn reads_the_check_directive() {
    assert_eq!(
        one("# check=skip=A,B;error=true\nFROM a"),
        (Scope::File, ids(&["A", "B"]), None, false)
    );
    assert_eq!(one("# check=skip=all\nFROM a").1, ["all"]);
    assert_eq!(one("# check=skip=A, B\nFROM a").1, ["A"], "BuildKit stops at a space");
    assert_eq!(one("#!/x\n# check = skip=A\nFROM a").1, ["A"]);
    assert!(one("# check=skip=\nFROM a").3);
    let check = |text: &str| read(text).check.unwrap();
    assert_eq!(
        check("# check=error=true;experimental=X\nFROM a"),
        CheckOptions {
            error: true,
            experimental: ids(&["X"]),
            problem: None
        }
    );
    assert_eq!(
        check("# check=error=yes\nFROM a").problem.unwrap(),
        "failed to parse check option \"error=yes\""
    );
    assert_eq!(
        check("# check=skip=A;\nFROM a").problem.unwrap(),
        "invalid check option \"\""
    );
    assert_eq!(
        check("# check=skpi=A\nFROM a").problem.unwrap(),
        "invalid check option \"skpi\""
    );
    assert_eq!(read(" # check=skip=A\nFROM a").check, None);
    assert_eq!(read("FROM a\n# check=skip=A\n").check, None);
}

#[test]
fn a_check_above_an_instruction_holds_for_it_alone() {
    let source = SourceFile::new(
        "Dockerfile",
        "FROM a\n# check=skip=JSONArgsRecommended\nCMD x\n# check=nonsense\nCMD y\n",
    );
    let lines = super::super::lines::scan(&source);
    let found = suppressions(&source, &lines);
    let scopes: Vec<_> = found.list.iter().map(|s| (s.scope, s.ids.len())).collect();
    assert_eq!(scopes, [(Scope::Instruction(1), 1)]);
    assert!(found.check.is_none());
}
