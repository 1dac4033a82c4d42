//! Contexts and Dockerfiles.

use crate::{Place, is_possible};

/// A name, a script that makes the context (`$OUT` is what lies beside it), lines behind
/// `FROM scratch` and `COPY --from=base / /`, and what has to come of it.
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "a link to a file outside",
        "ln -s $OUT/victim x",
        "COPY x /x",
        "`/x` is not there",
    ),
    (
        "a climbing link",
        "ln -s ../outside/victim x",
        "COPY x /x",
        "`/x` is not there",
    ),
    (
        "through a link to a folder",
        "ln -s $OUT d",
        "COPY d/victim /x",
        "`/d/victim` is not there",
    ),
    (
        "through a climbing link",
        "ln -s ../outside d",
        "COPY d/victim /x",
        "`/d/victim` is not there",
    ),
    (
        "by a pattern through a link",
        "ln -s ../outside d",
        "COPY d/* /x/",
        "builds",
    ),
    (
        "a source that climbs",
        "echo a > a",
        "COPY ../outside/victim /x",
        "`/outside/victim` is not there",
    ),
    (
        "an absolute source",
        "echo a > a",
        "COPY /etc/hostname /x",
        "is not there",
    ),
    (
        "links inside of a folder stay links",
        "mkdir d; ln -s $OUT/victim d/x; ln -s /etc/shadow d/y",
        "COPY d /d",
        "builds",
    ),
    (
        "the whole context with links",
        "ln -s ../outside x; ln -s / y",
        "COPY . /c/",
        "builds",
    ),
    (
        "a destination that climbs",
        "echo a > a",
        "COPY a /../../../../../../../../../../tmp/../outside/evil",
        "builds",
    ),
    (
        "a destination through a link of the image",
        "echo a > a",
        "RUN ln -s $OUTSIDE /out\nCOPY a /out/evil",
        "builds",
    ),
    (
        "a destination through a climbing link",
        "echo a > a",
        "RUN ln -s ../../../../../../../..$OUTSIDE /out\nCOPY a /out/evil",
        "builds",
    ),
    (
        "a destination that is a link",
        "echo a > a",
        "RUN mkdir -p $OUTSIDE && ln -s $OUTSIDE/victim /a\nCOPY a /a",
        "builds",
    ),
    (
        "a folder over a link",
        "mkdir d; echo a > d/evil",
        "RUN ln -s $OUTSIDE /d\nCOPY d /d",
        "builds",
    ),
    (
        "a working directory through a link",
        "echo a > a",
        "RUN ln -s $OUTSIDE /w\nWORKDIR /w/evil\nCOPY a evil",
        "builds",
    ),
    ("a pipe in the context", "mkfifo p", "COPY . /c", "builds"),
    (
        "a pipe as the ignore file",
        "mkfifo .dockerignore; echo a > a",
        "COPY a /a",
        "cannot read",
    ),
    (
        "a link as the ignore file",
        "ln -s $OUT/victim .dockerignore; echo a > a",
        "COPY a /a",
        "builds",
    ),
    (
        "a heredoc named by a path",
        "true",
        "COPY <<$OUTSIDE/evil /x/\ntext\n$OUTSIDE/evil",
        "there is a folder in it",
    ),
    (
        "a heredoc whose name climbs",
        "true",
        "COPY <<../../../../../../evil /x/\ntext\n../../../../../../evil",
        "builds",
    ),
    (
        "a script named by a path",
        "true",
        "RUN <<$OUTSIDE/evil\n#!/bin/sh\ntrue\n$OUTSIDE/evil",
        "there is a folder in it",
    ),
    (
        "a script whose name climbs",
        "true",
        "RUN <<../../../outside/evil\n#!/bin/sh\ntrue\n../../../outside/evil",
        "there is a folder in it",
    ),
    (
        "an archive with names that climb",
        "echo a > a; tar -cPf x.tar --transform 's,^a,../outside/evil,' a",
        "ADD x.tar /",
        "`..`",
    ),
    (
        "an archive with absolute names",
        "echo a > a; tar -cPf x.tar --transform \"s,^a,$OUT/evil,\" a",
        "ADD x.tar /",
        "builds",
    ),
    (
        "an archive with a link and a file behind it",
        "mkdir -p t u/l; ln -s $OUT t/l; echo a > u/l/evil; tar -cf x.tar -C t l; tar -rf x.tar -C u l/evil",
        "ADD x.tar /z/",
        "link",
    ),
    (
        "an archive cut off",
        "head -c 100000 /dev/zero > a; tar -cf x.tar a; truncate -s 50000 x.tar",
        "ADD x.tar /z/",
        "cut off",
    ),
    (
        "a compressed archive damaged",
        "head -c 100000 /dev/urandom > a; tar -czf x.tgz a; truncate -s 60000 x.tgz",
        "ADD x.tgz /z/",
        "x.tgz",
    ),
    (
        "a mount from outside",
        "true",
        "RUN --mount=type=bind,source=../outside,target=/m cat /m/victim",
        "is not there",
    ),
    (
        "a mount through a link",
        "ln -s $OUT d",
        "RUN --mount=type=bind,source=d,target=/m cat /m/victim",
        "is not there",
    ),
    (
        "a mount on the root",
        "true",
        "RUN --mount=type=tmpfs,target=/ true",
        "",
    ),
    (
        "a mount on a link of the image",
        "mkdir d; echo a > d/a",
        "RUN ln -s $OUTSIDE /m\nRUN --mount=type=bind,source=d,target=/m,rw touch /m/evil",
        "builds",
    ),
    (
        "a cache that climbs",
        "true",
        "RUN --mount=type=cache,id=../../../../outside,target=/m touch /m/evil",
        "builds",
    ),
    (
        "a secret that was not given",
        "true",
        "RUN --mount=type=secret,id=../../../outside/victim,required=true true",
        "was not given",
    ),
    ("the environment of the builder", "true", "RUN env > /env", "builds"),
    (
        "the files of the builder",
        "true",
        "RUN cat /proc/1/root$OUTSIDE/victim $OUTSIDE/victim",
        "exit code 1",
    ),
    (
        "the processes of the builder",
        "true",
        "RUN for p in /proc/[0-9]*; do cat $p/environ; done | tr '\\0' '\\n' | grep MBOPT_OUTER",
        "exit code 1",
    ),
    ("a process that stays", "true", "RUN sleep 1000 & true", "builds"),
    (
        "an unknown user",
        "true",
        "USER ../../etc/passwd\nRUN true",
        "there is no user",
    ),
    ("an image that is a path", "true", "COPY --from=../outside / /", ""),
    (
        "another's program for git",
        "true",
        "ADD git@-oProxyCommand=touch$IFS$OUTSIDE/evil:x/y.git /g",
        "",
    ),
    (
        "git's own helper",
        "true",
        "ADD ext::sh%20-c%20touch%20$OUTSIDE/evil /g",
        "is not there",
    ),
];

#[test]
fn contexts_and_dockerfiles_do_no_harm() {
    if !is_possible() {
        return;
    }
    let place = Place::new();
    let outside = place.at("outside").display().to_string();
    let mut wrong = Vec::new();
    for (name, script, lines, expected) in CASES {
        place.prepare(script);
        let lines = lines.replace("$OUTSIDE", &outside);
        let said = place.build(&format!("FROM scratch\nCOPY --from=base / /\n{lines}\n"), &[]);
        wrong.extend(place.judge(name, &said, expected));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
