//! An image comes from a registry that is not on the list.

use crate::model::{ImageRef, Instruction, Kind};
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/untrusted-registry.yaml`.
pub struct Rule;

impl Inspect for Rule {
    fn instruction(&self, cx: &mut Cx<'_>, instruction: &Instruction) {
        let trusted = cx.list("trusted-registries");
        if trusted.is_empty() {
            return;
        }
        let images: Vec<&ImageRef> = match &instruction.kind {
            Kind::From { base, image, .. } => base.image().map(|_| image).into_iter().collect(),
            Kind::Copy(transfer) => transfer.from.iter().filter_map(|(_, base)| base.image()).collect(),
            Kind::Run { mounts, .. } => mounts.iter().filter_map(|m| m.from.as_ref()?.1.image()).collect(),
            _ => return,
        };
        let mut findings = Vec::new();
        for image in images {
            let registry = image.registry.as_deref().unwrap_or("docker.io");
            if registry.contains('$') || image.text.starts_with('$') || trusted.iter().any(|t| fits(registry, t)) {
                continue;
            }
            findings.push(
                Finding::new(image.span, format!("`{}` comes from `{registry}`, which is not among the trusted registries", image.text))
                    .help(format!("take it from {}", trusted.join(", "))),
            );
        }
        findings.into_iter().for_each(|f| cx.report(f));
    }
}

/// Whether the registry is the one of the list, which may have a `*` at its beginning or end.
fn fits(registry: &str, trusted: &str) -> bool {
    let is_hub = |r: &str| matches!(r, "docker.io" | "hub.docker.com" | "index.docker.io" | "registry-1.docker.io");
    match (trusted.strip_prefix('*'), trusted.strip_suffix('*')) {
        (Some(end), _) => registry.ends_with(end),
        (_, Some(start)) => registry.starts_with(start),
        _ => registry == trusted || is_hub(registry) && is_hub(trusted),
    }
}
