//! What may stand where the cursor is: instructions, flags, their values, stages, variables, and
//! rules in comments that silence.

use super::document::Document;
use crate::model::{Dockerfile, Keyword};
use crate::rule::Registry;
use lsp_types::{CompletionItem, CompletionItemKind};

/// Values of flags that are a few words; `--mount`'s are keys of its own.
const VALUES: [(Keyword, &str, &[&str]); 5] = [
    (Keyword::Run, "network", &["default", "none", "host"]),
    (Keyword::Run, "security", &["sandbox", "insecure"]),
    (
        Keyword::Run,
        "mount",
        &["type=bind", "type=cache", "type=secret", "type=ssh", "type=tmpfs"],
    ),
    (
        Keyword::From,
        "platform",
        &["$BUILDPLATFORM", "$TARGETPLATFORM", "linux/amd64", "linux/arm64"],
    ),
    (Keyword::Healthcheck, "interval", &["30s"]),
];

/// Keys of `--mount`.
const MOUNT_KEYS: [&str; 11] = [
    "from=", "gid=", "id=", "mode=", "readonly", "required", "rw", "sharing=", "source=", "target=", "uid=",
];

fn item(label: impl Into<String>, kind: CompletionItemKind) -> CompletionItem {
    CompletionItem {
        label: label.into(),
        kind: Some(kind),
        ..CompletionItem::default()
    }
}

/// The text of the instruction that the cursor is in, up to the cursor; that of the line where it
/// is in none.
fn before<'a>(document: &'a Document, file: &Dockerfile, offset: usize) -> &'a str {
    let text = document.text.get(..offset).unwrap_or_default();
    let line = text.rfind('\n').map_or(0, |at| at + 1);
    // Lines that are continued belong together, even where nothing makes an instruction of them yet.
    let mut start = line;
    while let Some(above) = text.get(..start.saturating_sub(1)).filter(|_| start > 0) {
        let begin = above.rfind('\n').map_or(0, |at| at + 1);
        if !above
            .get(begin..)
            .unwrap_or_default()
            .trim_end()
            .ends_with(file.lines.escape)
        {
            break;
        }
        start = begin;
    }
    // Comments between continued lines, and heredocs, do not show that they go on.
    let covering = file
        .instructions
        .iter()
        .rev()
        .find(|i| i.span.start < line && offset < i.span.end);
    let start = covering.map_or(start, |i| i.span.start.min(start));
    text.get(start..).unwrap_or_default()
}

/// What may stand at a place.
pub fn at(document: &Document, offset: usize) -> Vec<CompletionItem> {
    let file = document.file();
    let text = before(document, file, offset).trim_start();
    if text.starts_with('#') {
        return rules(text);
    }
    let word = text.rsplit(char::is_whitespace).next().unwrap_or_default();
    if let Some(at) = word.rfind('$')
        && word.get(at + 1..).is_some_and(|name| {
            name.trim_start_matches('{')
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
    {
        return variables(file, document, offset);
    }
    let mut words = text.split_whitespace().peekable();
    let mut first = words.next().unwrap_or_default();
    if Keyword::of(first) == Keyword::Onbuild && words.peek().is_some() {
        first = words.next().unwrap_or_default();
    }
    // Still within the first word, or none is there.
    if std::ptr::eq(first.as_ptr(), word.as_ptr()) || text.is_empty() || text.eq_ignore_ascii_case("onbuild ") {
        let lower = word.starts_with(|c: char| c.is_ascii_lowercase());
        let case = |name: &str| {
            if lower {
                name.to_ascii_lowercase()
            } else {
                name.to_owned()
            }
        };
        return Keyword::names()
            .map(|name| item(case(name), CompletionItemKind::KEYWORD))
            .collect();
    }
    let keyword = Keyword::of(first);
    if let Some(flag) = word.strip_prefix("--") {
        return match flag.split_once('=') {
            None => flags(keyword),
            Some((name, value)) => values(file, keyword, name, value, offset),
        };
    }
    if keyword == Keyword::From
        && words.clone().filter(|word| !word.starts_with("--")).count() <= usize::from(!word.is_empty())
    {
        return stages(file, offset);
    }
    Vec::new()
}

fn flags(keyword: Keyword) -> Vec<CompletionItem> {
    let all = keyword.flags().map(|(name, switch)| {
        let equals = if switch { "" } else { "=" };
        item(format!("--{name}{equals}"), CompletionItemKind::PROPERTY)
    });
    all.collect()
}

fn values(file: &Dockerfile, keyword: Keyword, name: &str, value: &str, offset: usize) -> Vec<CompletionItem> {
    let part = value.rsplit(',').next().unwrap_or_default();
    match (keyword, name) {
        (Keyword::Copy, "from") => stages(file, offset),
        (Keyword::Run, "mount") if part.starts_with("from=") => stages(file, offset),
        (Keyword::Run, "mount") if value.contains(',') => MOUNT_KEYS
            .iter()
            .map(|key| item(*key, CompletionItemKind::PROPERTY))
            .collect(),
        _ => VALUES
            .iter()
            .filter(|(of, flag, _)| *of == keyword && *flag == name)
            .flat_map(|(_, _, values)| values.iter())
            .map(|value| item(*value, CompletionItemKind::VALUE))
            .collect(),
    }
}

/// The named stages above a place.
fn stages(file: &Dockerfile, offset: usize) -> Vec<CompletionItem> {
    let above = file.stages.iter().filter(|stage| {
        // The stage that the cursor is in cannot be taken from.
        let next = file.stages.get(stage.id.0 + 1).and_then(|next| file.from_of(next));
        next.is_some_and(|from| from.span.start <= offset)
    });
    let named = above.filter_map(|stage| {
        let mut item = item(stage.name.clone()?, CompletionItemKind::MODULE);
        item.detail = stage.base.image().map(|image| image.text.clone());
        Some(item)
    });
    named.collect()
}

/// The variables that are known at a place.
fn variables(file: &Dockerfile, document: &Document, offset: usize) -> Vec<CompletionItem> {
    let covering = file.instructions.iter().rev().find(|i| i.span.start <= offset);
    let Some(instruction) = covering else { return Vec::new() };
    let line = document
        .text
        .get(..offset)
        .map_or(0, |text| text.rfind('\n').map_or(0, |at| at + 1));
    // On a line below the instruction nothing is there yet that sees what it declares.
    let index = instruction.index + usize::from(instruction.span.end < line);
    let mut all: Vec<CompletionItem> = file
        .view_at(index)
        .variables()
        .into_iter()
        .map(|variable| {
            let mut item = item(variable.name.clone(), CompletionItemKind::VARIABLE);
            item.detail = variable.value.as_ref().map(|value| value.chars().take(80).collect());
            item
        })
        .collect();
    all.sort_by(|a, b| a.label.cmp(&b.label));
    all
}

/// Rules, within the brackets of a comment that silences.
fn rules(text: &str) -> Vec<CompletionItem> {
    let open = text
        .rfind('[')
        .filter(|at| !text.get(*at..).unwrap_or_default().contains(']'));
    if !(text.contains("mbopt:") && text.contains("ignore") && open.is_some()) {
        return Vec::new();
    }
    let all = Registry::builtin().rules().map(|rule| {
        let mut item = item(rule.id, CompletionItemKind::CONSTANT);
        item.detail = Some(rule.summary.to_owned());
        item
    });
    all.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lsp::position::Encoding;

    /// What is offered at the `|`.
    fn offered(text: &str) -> Vec<String> {
        let offset = text.find('|').unwrap();
        let document = Document::new(
            "file:///Dockerfile".parse().unwrap(),
            1,
            text.replace('|', ""),
            Encoding::Utf16,
        );
        at(&document, offset).into_iter().map(|item| item.label).collect()
    }

    #[test]
    fn instructions_stand_at_the_beginning_of_lines() {
        assert!(offered("|").contains(&"FROM".to_owned()));
        assert!(offered("FROM a\nRU|").contains(&"RUN".to_owned()));
        assert!(offered("FROM a\n  ru|\nCMD x").contains(&"run".to_owned()));
        assert!(offered("FROM a\nONBUILD |").contains(&"RUN".to_owned()));
        assert!(offered("FROM a\n|\nRUN x").contains(&"COPY".to_owned()));
        assert!(!offered("FROM a\nRUN x \\\n  |").contains(&"COPY".to_owned()));
        assert!(offered("FROM a\nRUN apt|").is_empty());
    }

    #[test]
    fn flags_and_their_values() {
        assert_eq!(offered("FROM --|"), ["--platform="]);
        assert!(offered("FROM a\nCOPY --l|").contains(&"--link".to_owned()));
        assert!(offered("FROM a\nRUN --mount=|").contains(&"type=cache".to_owned()));
        assert!(offered("FROM a\nRUN --mount=type=cache,|").contains(&"target=".to_owned()));
        assert_eq!(offered("FROM a\nRUN --network=|"), ["default", "none", "host"]);
        assert!(offered("FROM a\nUSER --|").is_empty());
    }

    #[test]
    fn stages_are_those_above() {
        let text = "FROM a AS one\nFROM b AS two\nCOPY --from=|\nFROM c AS three\n";
        assert_eq!(offered(text), ["one"]);
        assert_eq!(
            offered("FROM a AS one\nFROM b AS two\nRUN --mount=type=bind,from=|"),
            ["one"]
        );
        assert_eq!(offered("FROM a AS one\nFROM |"), ["one"]);
        assert_eq!(offered("FROM a AS one\nFROM --platform=x o|"), ["one"]);
        assert!(offered("FROM a AS one\nFROM one |").is_empty());
    }

    #[test]
    fn variables_are_those_in_force() {
        let all = offered("ARG V=1\nFROM a\nENV W=2\nARG X\nRUN echo $|\n");
        assert!(
            all.contains(&"W".to_owned()) && all.contains(&"X".to_owned()) && !all.contains(&"V".to_owned()),
            "{all:?}"
        );
        assert!(offered("ARG V=1\nFROM a:${V|").contains(&"V".to_owned()));
    }

    #[test]
    fn rules_are_offered_in_comments_that_silence() {
        assert!(offered("FROM a\n# mbopt: ignore[|").contains(&"apt-assume-yes".to_owned()));
        assert!(offered("FROM a\n# mbopt: ignore[x] |").is_empty());
        assert!(offered("FROM a\n# |").is_empty());
    }
}
