//! Which ENV and ARG count as secrets: by default without places and switches, and with
//! `as-buildkit` all that BuildKit's own check finds.

#![allow(clippy::unwrap_used)]

use mbopt::config::{Names, Settings};
use mbopt::model::Dockerfile;
use mbopt::rule::{Registry, lint};
use mbopt::source::SourceFile;

const ID: &str = "secret-in-environment";

/// How many findings an instruction gives.
fn count(instruction: &str, as_buildkit: bool) -> usize {
    let registry = Registry::builtin();
    let resolve = |name: &str| registry.matching(name).iter().map(|rule| rule.meta.id).collect();
    let names = Names {
        resolve: &resolve,
        known: &[],
        categories: &[],
        options: &|_| Vec::new(),
    };
    let mut settings = Settings::default();
    settings.select_only([ID], &names).unwrap();
    settings.set_option(ID, "as-buildkit", as_buildkit.into());
    let text = format!("FROM scratch\n{instruction}\n");
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    lint(registry, &file, None, &settings.for_file("Dockerfile")).len()
}

#[test]
fn names_and_values() {
    // Instruction, findings by default, findings as BuildKit's.
    let cases = [
        ("ENV DB_PASSWORD=hunter2 TOKEN=x", 2, 2),
        ("ENV PASSWORD \"\"", 1, 1),
        ("ARG NPM_TOKEN", 1, 1),
        ("ARG ssh_key=", 1, 1),
        ("ENV SSH_AUTH_SOCK=/run/agent.sock", 0, 1),
        ("ENV HOST_KEY_DIR=/etc/ssh", 0, 1),
        ("ENV AUTH_MODE=none", 0, 1),
        ("ENV AUTH=none", 0, 1),
        ("ENV APT_KEY_DONT_WARN_ON_DANGEROUS_USAGE=1", 0, 1),
        ("ENV tls_file_key=x PUBLIC_KEY=y TOKEN_VERSION=2", 0, 0),
        ("ENV AUTHOR=me MONKEY=1 USERNAME=x PGPASSWORD=x", 0, 0),
        ("ONBUILD ARG TOKEN", 0, 0),
    ];
    for (instruction, by_default, exact) in cases {
        assert_eq!(count(instruction, false), by_default, "{instruction}");
        assert_eq!(count(instruction, true), exact, "{instruction}, as BuildKit's");
    }
}
