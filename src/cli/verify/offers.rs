//! Environment variables that the project's own papers name: an image that ends at once without its
//! database may show more with them.

use crate::verify::Offer;
use regex::Regex;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// More than these are not offered.
const MOST: usize = 12;
/// The largest file that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// `-e NAME=value`, `--env NAME=value`, `export NAME=value`, a line `NAME=value` or `- NAME=value` or
/// `NAME: value`.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?x)
        (?: (?:^|\s) (?:-e|--env) [\s=] ["']? | ^\s* (?:export|set) \s+ | ^\s* (?:-\s+ ["']?)? )
        (?P<name> [A-Z][A-Z0-9_]{2,} )
        (?: = | :\s )
        (?: "(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<plain>[^\s"'`\\]*) )
        "#,
    )
    .ok()
});

/// What README, compose files and examples of `.env` name, but for what is set already.
pub fn offers(context: &Path, dockerfile: &str, known: &[&str]) -> Vec<Offer> {
    let mut found: Vec<Offer> = Vec::new();
    let mut seen = BTreeSet::new();
    for path in papers(context) {
        let small = std::fs::metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= LIMIT);
        let Some(text) = small.then(|| std::fs::read_to_string(&path).ok()).flatten() else {
            continue;
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_compose = name.ends_with(".yml") || name.ends_with(".yaml");
        let mut in_environment = None;
        for (at, line) in text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            if is_compose {
                match in_environment {
                    _ if line.trim() == "environment:" => {
                        in_environment = Some(indent);
                        continue;
                    }
                    Some(outer) if indent > outer || line.trim().is_empty() => {}
                    _ => {
                        in_environment = None;
                        continue;
                    }
                }
            }
            for (variable, value) in named(line, is_compose) {
                let is_set = known.contains(&variable.as_str())
                    || dockerfile.contains(&format!("{variable}="))
                    || matches!(variable.as_str(), "NOTE" | "TODO" | "WARNING" | "PATH");
                if !is_set && seen.insert(variable.clone()) && found.len() < MOST {
                    found.push(Offer {
                        name: variable,
                        value,
                        from: format!("{name}:{}", at + 1),
                    });
                }
            }
        }
    }
    found
}

fn named(line: &str, is_compose: bool) -> Vec<(String, String)> {
    let Some(regex) = NAMED.as_ref() else { return Vec::new() };
    let all = regex.captures_iter(line).filter_map(|found| {
        let name = found.name("name")?;
        // In a text a colon ends a word.
        let by_colon = line.get(name.end()..).is_some_and(|rest| rest.starts_with(':'));
        if by_colon && !is_compose {
            return None;
        }
        let value = ["double", "single", "plain"].iter().find_map(|kind| found.name(kind))?;
        Some((name.as_str().to_owned(), value.as_str().to_owned()))
    });
    all.collect()
}

/// Files that may name variables, the likeliest first.
fn papers(context: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(context) else {
        return Vec::new();
    };
    let mut found: Vec<(u8, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().to_lowercase();
            let rank = match name.as_str() {
                ".env.example" | ".env.sample" | ".env.template" | "example.env" | ".env.dist" => 1,
                _ if name.starts_with("readme") => 2,
                _ if (name.starts_with("docker-compose") || name.starts_with("compose"))
                    && (name.ends_with(".yml") || name.ends_with(".yaml")) =>
                {
                    0
                }
                _ => return None,
            };
            Some((rank, entry.path()))
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn papers_name_variables() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "README.md",
            "Run `docker run -e DATABASE_URL=postgres://x -e \"TOKEN=abc\" app`\n\n    export LOG_LEVEL=debug\nNOTE: read this\nPORT=9000\n",
        );
        write(
            "compose.yml",
            "services:\n  app:\n    build: .\n    environment:\n      REDIS_HOST: redis\n      - MODE=test\n    ports: [80]\n    LABELS: x\n",
        );
        let found = offers(folder.path(), "ENV PORT=80\n", &["TOKEN"]);
        let shown: Vec<String> = found
            .iter()
            .map(|o| format!("{}={} {}", o.name, o.value, o.from))
            .collect();
        assert_eq!(
            shown,
            [
                "REDIS_HOST=redis compose.yml:5",
                "MODE=test compose.yml:6",
                "DATABASE_URL=postgres://x README.md:1",
                "LOG_LEVEL=debug README.md:3"
            ]
        );
    }
}
