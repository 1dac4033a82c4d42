//! `registries`: how the bundled engine reaches registries.

use super::document::Fields;
use super::yaml::Node;
use std::collections::BTreeMap;

/// Docker Hub, whichever of its names was written.
const HUB: &str = "docker.io";
const HUB_HOSTS: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];
const KEYS: [&str; 2] = ["mirrors", "http"];

/// How one registry is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registry {
    /// Hosts, with a port and a path if need be, that are asked before it, in this order.
    pub mirrors: Vec<String>,
    /// It speaks plain HTTP.
    pub plain_http: bool,
}

/// Registries by their host and port; Docker Hub is `docker.io`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Registries(pub BTreeMap<String, Registry>);

impl Registries {
    /// Lays later settings over these: a registry's replace what was said of it.
    pub(super) fn add(&mut self, later: Registries) {
        self.0.extend(later.0);
    }
}

/// Whether this is a host, with a port or without.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, "")) => (name, None),
        Some((name, rest)) => match rest.strip_prefix(':') {
            Some(port) => (name, Some(port)),
            None => return false,
        },
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    let bracketed = text.starts_with('[');
    let fits = |c: char| match bracketed {
        true => c.is_ascii_hexdigit() || c == ':' || c == '.',
        false => c.is_ascii_alphanumeric() || matches!(c, '.' | '-'),
    };
    !name.is_empty() && name.chars().all(fits) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Whether this is a path as images' names have it.
fn is_path(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    text.split('/').all(|part| !part.is_empty() && part.chars().all(fits))
}

impl Fields<'_> {
    pub(super) fn registries(&mut self, node: &Node) -> Registries {
        let mut out = Registries::default();
        for (name, key, value) in self.entries(node, "registries") {
            let help = "a registry is a host, with a port if need be: `docker.io`, `registry.example.org:5000`";
            if !is_host(&name) {
                let message = format!("`{name}` is no registry");
                self.problem(key, message, "not a host", Some(help.to_owned()));
                continue;
            }
            let name = match HUB_HOSTS.contains(&name.as_str()) {
                true => HUB.to_owned(),
                false => name,
            };
            let mut registry = Registry::default();
            for (field, key, value) in self.entries(value, &format!("registries.{name}")) {
                match field.as_str() {
                    "mirrors" => registry.mirrors = self.mirrors(value, &format!("registries.{name}.mirrors")),
                    "http" => {
                        let what = format!("registries.{name}.http");
                        let choices = [("true", true), ("on", true), ("false", false), ("off", false)];
                        registry.plain_http = self.one_of(value, &what, &choices).unwrap_or_default();
                    }
                    _ => self.unknown_key(key, &field, &KEYS, " of a registry"),
                }
            }
            out.0.insert(name, registry);
        }
        out
    }

    fn mirrors(&mut self, node: &Node, what: &str) -> Vec<String> {
        let mut out = Vec::new();
        let items = match &node.kind {
            super::yaml::Kind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        for item in items {
            let Some(word) = self.word(item, what) else { continue };
            let text = word.text.trim_end_matches('/');
            let bare = text.strip_prefix("https://").unwrap_or(text);
            let (host, path) = match bare.split_once('/') {
                Some((host, path)) => (host, Some(path)),
                None => (bare, None),
            };
            if is_host(host) && path.is_none_or(is_path) {
                out.push(bare.to_owned());
                continue;
            }
            let help = match text.strip_prefix("http://") {
                Some(rest) => format!(
                    "write `{rest}` here, and `{}: {{http: true}}` beside",
                    rest.split('/').next().unwrap_or_default()
                ),
                None => "write a host, with a port and a path if need be: `mirror.example.org:5000/hub`".to_owned(),
            };
            self.problem(item, format!("`{}` is no mirror", word.text), "not a host", Some(help));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_what_is_none() {
        for good in [
            "docker.io",
            "localhost",
            "127.0.0.1:5000",
            "[::1]:5000",
            "[fe80::1]",
            "a-b.c:1",
        ] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "", ":5000", "a:", "a:x", "a:0", "a:99999", "http://a", "a/b", "[::1]x", "me@a", "[]", "a b",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
        assert!(is_path("hub/x_y") && !is_path("a//b") && !is_path("a?b") && !is_path(""));
    }
}
