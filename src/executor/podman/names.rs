//! Short names of images. Podman knows no default registry: what neither an alias nor a registry of
//! its settings stands for is refused, where Docker takes Docker Hub's.

use crate::executor::reference::Reference;
use crate::model::{Dockerfile, ImageRef, Kind, StageRef};
use std::collections::BTreeSet;

/// The short name that Podman could not resolve, from what it wrote.
pub(super) fn refused(written: &str) -> Option<&str> {
    let rest = written.split_once("short-name ")?.1;
    let (name, why) = match rest.strip_prefix('"') {
        Some(rest) => rest.split_once('"')?,
        // `short-name resolution enforced but cannot prompt without a TTY` names nothing here.
        None => return None,
    };
    let unknown = why.contains("did not resolve to an alias") || why.contains("no unqualified-search registries");
    unknown.then_some(name)
}

/// The text with Docker Hub's full name wherever this short one stands; none where it stands nowhere.
/// Lines keep their numbers.
pub(super) fn in_full(file: &Dockerfile, name: &str, build_args: &[(String, String)]) -> Option<String> {
    let wanted = Reference::parse(name).ok()?;
    let mut places = BTreeSet::new();
    let mut look = |written: &ImageRef, expanded: &ImageRef| {
        // A variable from outside may hold a registry.
        let open = written.text.starts_with('$') && !build_args.is_empty();
        let is_it = || Reference::parse(&expanded.text).is_ok_and(|found| found == wanted);
        let stands = file.source.slice(written.span) == written.text;
        if expanded.registry.is_none() && !open && stands && is_it() {
            places.insert((written.span.start, expanded.repository.contains('/')));
        }
    };
    for stage in &file.stages {
        if let (StageRef::Image(written), Some(expanded)) = (&stage.base, &stage.image) {
            look(written, expanded);
        }
    }
    for instruction in &file.instructions {
        let mut from = Vec::new();
        match &instruction.kind {
            Kind::Copy(transfer) | Kind::Add(transfer) => from.extend(&transfer.from),
            Kind::Run { mounts, .. } => from.extend(mounts.iter().filter_map(|mount| mount.from.as_ref())),
            _ => {}
        }
        for (_, named) in from {
            if let StageRef::Image(written) = named {
                look(written, written);
            }
        }
    }
    if places.is_empty() {
        return None;
    }
    let text = file.source.text();
    let mut full = String::with_capacity(text.len() + places.len() * 20);
    let mut done = 0;
    for (at, has_owner) in places {
        full.push_str(text.get(done..at)?);
        full.push_str(if has_owner { "docker.io/" } else { "docker.io/library/" });
        done = at;
    }
    full.push_str(text.get(done..)?);
    Some(full)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;

    #[test]
    fn the_name_is_read_from_the_refusal() {
        let said = "Error: creating build container: short-name \"a/b:1\" did not resolve to an alias and no \
                    unqualified-search registries are defined in \"/etc/containers/registries.conf\"\n";
        assert_eq!(refused(said), Some("a/b:1"));
        assert_eq!(
            refused("Error: short-name resolution enforced but cannot prompt without a TTY"),
            None
        );
        assert_eq!(refused("Error: no such image"), None);
    }

    #[test]
    fn names_are_written_in_full() {
        let full = |text: &str, name: &str, args: &[(String, String)]| {
            in_full(&Dockerfile::parse(SourceFile::new("Dockerfile", text)), name, args)
        };
        let text = "ARG V=20\nFROM node:$V AS node\nFROM acme/app\nFROM localhost:5000/node:20\n\
                    COPY --from=node:20 /a /a\nCOPY --from=busybox /a /a\n\
                    RUN --mount=type=bind,from=busybox,target=/x true\n";
        // The stage of that name goes first, as it does in a build.
        assert_eq!(
            full(text, "node:20", &[]).as_deref(),
            Some(
                text.replace("FROM node:$V", "FROM docker.io/library/node:$V")
                    .replace("--from=node:20", "--from=docker.io/library/node:20")
                    .as_str()
            )
        );
        assert_eq!(
            full(text, "acme/app:latest", &[]).as_deref(),
            Some(text.replace("acme/app", "docker.io/acme/app").as_str())
        );
        assert_eq!(
            full(text, "busybox", &[]).as_deref(),
            Some(text.replace("from=busybox", "from=docker.io/library/busybox").as_str())
        );
        assert_eq!(full(text, "debian", &[]), None);
        let open = "ARG BASE=node\nFROM $BASE\n";
        assert_eq!(
            full(open, "node", &[]).as_deref(),
            Some("ARG BASE=node\nFROM docker.io/library/$BASE\n")
        );
        assert_eq!(full(open, "node", &[("BASE".into(), "x.io/node".into())]), None);
    }
}
