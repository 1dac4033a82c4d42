use super::*;

const NOW: Month = Month { year: 2026, month: 11 };

fn offered(name: &str, tag: &str) -> Vec<String> {
    offers(by_name(name).expect(name), tag, None)
        .into_iter()
        .map(|offer| offer.reference)
        .collect()
}

#[test]
fn images_are_found_under_all_their_names() {
    for (registry, repository, family) in [
        (None, "node", Some("node")),
        (None, "library/node", Some("node")),
        (Some("docker.io"), "library/golang", Some("go")),
        (Some("public.ecr.aws"), "docker/library/python", Some("python")),
        (Some("public.ecr.aws"), "python", None),
        (Some("mcr.microsoft.com"), "dotnet/sdk", Some("dotnet")),
        (Some("ghcr.io"), "node", None),
        (Some("gcr.io"), "distroless/cc-debian12", Some("distroless")),
        (None, "me/node", None),
    ] {
        assert_eq!(
            image(registry, repository).map(|image| image.family),
            family,
            "{registry:?} {repository}"
        );
    }
}

#[test]
fn tags_tell_variants_apart() {
    let variant = |name: &str, tag: &str| by_name(name).and_then(|image| image.variant(tag)).expect(name);
    for (name, tag, kind) in [
        ("node", "", Kind::Full),
        ("node", "22", Kind::Full),
        ("node", "22-bookworm-slim", Kind::Slim),
        ("node", "lts-alpine3.20", Kind::Alpine),
        ("node", "alpine", Kind::Alpine),
        ("eclipse-temurin", "21-jre-alpine", Kind::Alpine),
        ("eclipse-temurin", "21-jre-jammy", Kind::Runtime),
        ("eclipse-temurin", "21", Kind::Full),
        ("gcr.io/distroless/static", "nonroot", Kind::Minimal),
        ("mcr.microsoft.com/dotnet/aspnet", "8.0-jammy-chiseled", Kind::Minimal),
    ] {
        assert_eq!(variant(name, tag).kind, kind, "{name}:{tag}");
    }
    assert_eq!(variant("gcr.io/distroless/static", "nonroot").user, "nonroot");
    assert!(variant("node", "22").brings(Brings::Buildpack) && !variant("node", "22-slim").brings(Brings::Compilers));
    assert_eq!(variant("golang", "1.25-alpine").libc, Libc::Musl);
    assert_eq!(variant("eclipse-temurin", "21-jre").role, Role::Runtime);
}

#[test]
fn offers_keep_version_and_release() {
    for (name, tag, wanted) in [
        ("node", "22", &["node:22-slim", "node:22-alpine"][..]),
        ("node", "", &["node:slim", "node:alpine"]),
        ("node", "latest", &["node:slim", "node:alpine"]),
        (
            "node",
            "20-bookworm",
            &[
                "node:20-bookworm-slim",
                "node:20-alpine",
                "gcr.io/distroless/nodejs20-debian12",
            ],
        ),
        ("node", "22-alpine", &[]),
        ("node", "22-onbuild", &[]),
        ("python", "3.12.1-bookworm", &["python:3.12.1-slim-bookworm"]),
        ("golang", "1.25", &["gcr.io/distroless/static-debian12", "scratch"]),
        (
            "golang",
            "1.25-bookworm",
            &["debian:bookworm-slim", "gcr.io/distroless/static-debian12", "scratch"],
        ),
        (
            "golang",
            "1.25-alpine3.22",
            &["alpine:3.22", "gcr.io/distroless/static-debian12", "scratch"],
        ),
        (
            "rust",
            "1-slim-trixie",
            &["debian:trixie-slim", "gcr.io/distroless/cc-debian13"],
        ),
        ("maven", "3.9-eclipse-temurin-21", &["eclipse-temurin:21-jre"]),
        ("maven", "3.9", &[]),
        ("gradle", "8.5-jdk17-alpine", &["eclipse-temurin:17-jre-alpine"]),
        ("openjdk", "8u212-jdk", &["eclipse-temurin:8-jre"]),
        ("openjdk", "15", &[]),
        ("maven", "3-openjdk-15", &[]),
        ("eclipse-temurin", "21-jdk-jammy", &["eclipse-temurin:21-jre-jammy"]),
        (
            "mcr.microsoft.com/dotnet/sdk",
            "8.0-bookworm-slim",
            &[
                "mcr.microsoft.com/dotnet/aspnet:8.0-bookworm-slim",
                "mcr.microsoft.com/dotnet/runtime:8.0-bookworm-slim",
            ],
        ),
        ("debian", "bookworm-20240110", &["debian:bookworm-20240110-slim"]),
        ("debian", "", &[]),
        ("buildpack-deps", "jammy", &[]),
        ("nginx", "1.27", &["nginx:1.27-alpine"]),
    ] {
        assert_eq!(offered(name, tag), wanted, "{name}:{tag}");
    }
    let golang = by_name("golang").expect("golang");
    let hinted = offers(golang, "1.25", Some("trixie"));
    assert_eq!(
        hinted.first().map(|offer| offer.reference.as_str()),
        Some("debian:trixie-slim")
    );
    assert_eq!(hinted.first().map(|offer| offer.needs), Some(&[Need::GlibcBinary][..]));
}

#[test]
fn releases_end() {
    let over = |product: &str, version: &str| support(product, version).map(|support| support.is_over(NOW));
    for (product, version, want) in [
        ("node", "18.20.4", Some(true)),
        ("node", "22", Some(false)),
        ("node", "6.17", Some(true)),
        ("node", "99", None),
        ("node", "lts", None),
        ("python", "3.9-rc", Some(true)),
        ("python", "3.13.1", Some(false)),
        ("python", "3", None),
        ("python", "3.1", Some(true)),
        ("node", "0.12", Some(true)),
        ("ubuntu", "12.04", Some(true)),
        ("ubuntu", "22.10", Some(true)),
        ("centos", "7.9.2009", Some(true)),
        ("python", "2.7.18", Some(true)),
        ("debian", "11", Some(true)),
        ("debian", "12.5", Some(false)),
        ("dotnet", "8.0.100", Some(false)),
        ("java", "8u392", Some(false)),
        ("alpine", "3.4", Some(true)),
        ("cobol", "1", None),
    ] {
        assert_eq!(over(product, version), want, "{product} {version}");
    }
    let release = |name: &str, tag: &str| {
        by_name(name)
            .and_then(|image| image.release(tag))
            .map(|s| s.is_over(NOW))
    };
    assert_eq!(release("debian", "buster-slim"), Some(true));
    assert_eq!(release("ubuntu", "noble"), Some(false));
    assert_eq!(release("node", "14-bookworm"), Some(true));
    assert_eq!(release("node", "bookworm"), None);
}

#[test]
fn packages_are_known_by_name_and_ending() {
    for (manager, name, kind) in [
        // It stands for the compilers that it depends on.
        ("apt-get", "build-essential", Some(PackageKind::Compiler)),
        ("apt-get", "make", Some(PackageKind::BuildTool)),
        ("apt", "gcc-12", Some(PackageKind::Compiler)),
        ("apt-get", "libpq-dev", Some(PackageKind::Headers)),
        ("apk", "musl-dev", Some(PackageKind::Headers)),
        ("dnf", "openssl-devel", Some(PackageKind::Headers)),
        ("apk", "git", Some(PackageKind::Vcs)),
        ("apt-get", "ca-certificates", None),
        ("apt-get", "gcc-doc", Some(PackageKind::Doc)),
        ("pip", "gcc", None),
    ] {
        assert_eq!(package(manager, name), kind, "{manager} {name}");
    }
    assert_eq!(runtime_libraries("libpq-dev", "bookworm"), Some(&["libpq5"][..]));
    assert_eq!(runtime_libraries("libssl-dev", "trixie"), Some(&["libssl3t64"][..]));
    assert_eq!(
        runtime_libraries("openssl-dev", "alpine"),
        Some(&["libssl3", "libcrypto3"][..])
    );
    assert_eq!(runtime_libraries("libboost-dev", "bookworm"), Some(&[][..]));
    assert_eq!(runtime_libraries("libpq-dev", "buster"), None);
    assert!(is_approximate("noble") && !is_approximate("bookworm"));
    assert!(is_for_run_time("apt-get", "tini") && !is_for_run_time("apt-get", "gcc"));
    assert!(programs_of("procps").contains(&"ps") && programs_of("nothing").is_empty());
    assert!(native("python", "lxml").is_some_and(|n| n.bundled) && native("python", "flask").is_none());
    assert_eq!(runtime_libraries("libnothing-dev", "bookworm"), None);
}

#[test]
fn the_release_below_a_tag_is_known() {
    let suite = |name: &str, tag: &str| by_name(name).and_then(|image| image.suite(tag)).map(|c| c.codename);
    for (name, tag, wanted) in [
        ("golang", "1.22", Some("bookworm")),
        ("golang", "1.22.3-bullseye", Some("bullseye")),
        ("golang", "1", Some("trixie")),
        ("golang", "", Some("trixie")),
        ("golang", "1.25-alpine", None),
        ("python", "3.8-slim", Some("bookworm")),
        ("python", "3.12", Some("trixie")),
        ("python", "2", Some("buster")),
        ("node", "16", Some("buster")),
        ("node", "22.1.0-slim", Some("bookworm")),
        ("node", "iron-slim", Some("bookworm")),
        ("node", "lts", None),
        ("rust", "1.75", Some("bookworm")),
        ("rust", "slim", Some("trixie")),
        ("openjdk", "11-jre-slim", Some("bullseye")),
        ("openjdk", "17", None),
        ("debian", "12.5-slim", Some("bookworm")),
        ("debian", "bookworm", Some("bookworm")),
        ("ubuntu", "22.04", Some("jammy")),
        ("ubuntu", "23.04", None),
        ("ubuntu", "", None),
    ] {
        assert_eq!(suite(name, tag), wanted, "{name}:{tag}");
    }
}

#[test]
fn configs_say_what_an_image_gives() {
    let of = |repository, tag| config(None, repository, tag).expect(repository);
    let go = of("golang", "1.25-alpine");
    assert_eq!(
        (go.env("PATH"), go.working_dir, go.cmd),
        (
            Some("/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            "/go",
            &["/bin/sh"][..]
        )
    );
    assert!(go.build_env.contains(&"GOPATH") && go.sets("GOLANG_VERSION") && go.env("GOLANG_VERSION").is_none());
    let node = of("node", "22");
    assert_eq!(
        (node.entrypoint, node.cmd),
        (&["docker-entrypoint.sh"][..], &["node"][..])
    );
    assert_eq!(
        (node.account("node"), node.account("www-data")),
        (Some("1000:1000"), Some("33:33"))
    );
    assert!(node.has_program("curl") && node.has_program("npm") && node.has_program("gcc"));
    let slim = of("node", "22-slim");
    assert!(!slim.has_program("curl") && slim.has_program("bash") && !of("node", "22-alpine").has_program("bash"));
    let fpm = of("php", "8.3-fpm-alpine");
    assert_eq!(
        (fpm.stop_signal, fpm.exposed, fpm.account("www-data")),
        (Some("SIGQUIT"), &["9000/tcp"][..], Some("82:82"))
    );
    assert!(fpm.env("PHP_INI_DIR").is_some());
    let maven = of("maven", "3.9-eclipse-temurin-21");
    assert!(maven.passes && maven.entrypoint == ["/usr/local/bin/mvn-entrypoint.sh"]);
    assert!(config(None, "mysql", "8").is_none() && config(Some("ghcr.io"), "node", "22").is_none());
    assert_eq!(
        config(None, "scratch", "").map(|c| (c.working_dir, c.zones)),
        Some(("/", false))
    );
}

#[test]
fn an_offer_may_begin_with_a_version() {
    assert_eq!(offered("amazoncorretto", "17"), ["amazoncorretto:17-headless"]);
    assert!(offered("amazoncorretto", "8").is_empty());
}
