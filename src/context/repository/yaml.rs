//! YAML by lines: what compose files, pipelines and manifests of clusters say at a key. No grammar,
//! since many of these files are templates of YAML.

/// A line that is a key, or an item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'t> {
    /// From 1.
    pub number: usize,
    /// Blanks before it, those before the `- ` of an item.
    pub indent: usize,
    /// The key; empty for an item that is a word.
    pub key: &'t str,
    /// What stands behind the key, or the item; comments left out.
    pub value: &'t str,
    /// Whether a `- ` stands before it.
    pub item: bool,
}

/// The lines of a file, without comments and blank ones.
pub fn lines(text: &str) -> Vec<Line<'_>> {
    let line = |(at, line): (usize, &'_ str)| -> Option<(usize, usize, bool, usize)> {
        let trimmed = line.trim_start();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            return None;
        }
        let indent = line.len() - trimmed.len();
        let behind = trimmed.strip_prefix("- ").map(str::trim_start);
        let start = line.len() - behind.unwrap_or(trimmed).len();
        Some((at + 1, indent, behind.is_some(), start))
    };
    text.lines()
        .enumerate()
        .filter_map(|(at, whole)| {
            let (number, indent, item, start) = line((at, whole))?;
            let body = whole.get(start..)?.trim_end();
            let (key, value) = match body.split_once(':') {
                Some((key, value)) if value.is_empty() || value.starts_with(' ') => {
                    (key.trim().trim_matches(['"', '\'']), value.trim())
                }
                _ => ("", body),
            };
            Some(Line {
                number,
                indent,
                key,
                value: value.split(" #").next().unwrap_or_default().trim(),
                item,
            })
        })
        .collect()
}

/// Text without the quotes around it.
pub fn unquoted(text: &str) -> &str {
    text.trim_matches(['"', '\''])
}

/// The lines below the one at `at`: those that are further in, and the items of its list.
pub fn below<'l, 't>(lines: &'l [Line<'t>], at: usize) -> &'l [Line<'t>] {
    let Some(line) = lines.get(at) else { return &[] };
    let rest = lines.get(at + 1..).unwrap_or_default();
    // Items may stand as far out as the key of their list.
    let inside = |l: &&Line<'_>| l.indent > line.indent || l.item && !line.item && l.indent == line.indent;
    let end = rest.iter().take_while(inside).count();
    rest.get(..end).unwrap_or_default()
}

/// What a key holds, and in which lines: the word behind it, or the items of its list in either form.
pub fn items<'t>(lines: &[Line<'t>], at: usize) -> Vec<(&'t str, usize)> {
    let Some(line) = lines.get(at) else { return Vec::new() };
    if let Some(inner) = line.value.strip_prefix('[') {
        let inner = inner.strip_suffix(']').unwrap_or(inner);
        return pieces(inner).map(|item| (item, line.number)).collect();
    }
    if !line.value.is_empty() && !matches!(line.value, "|" | ">" | ">-" | "|-") {
        return vec![(unquoted(line.value), line.number)];
    }
    let below = below(lines, at).iter().filter(|l| l.key.is_empty());
    below.map(|l| (unquoted(l.value), l.number)).collect()
}

/// The items of a list in brackets; commas inside quotes do not part them.
fn pieces(inner: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    inner
        .split(move |c: char| {
            match (quote, c) {
                (None, '"' | '\'') => quote = Some(c),
                (Some(open), _) if open == c => quote = None,
                _ => {}
            }
            c == ',' && quote.is_none()
        })
        .map(|item| unquoted(item.trim()))
        .filter(|item| !item.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_lists_are_read_by_lines() {
        let text = "a:\n  # no\n  b: [x, \"y, z\"]\n  c:\n  - one\n  - k: v # said\n    l: w\nd: e\n";
        let lines = lines(text);
        assert_eq!(items(&lines, 1), [("x", 3), ("y, z", 3)]);
        assert_eq!(items(&lines, 2), [("one", 5)]);
        assert_eq!(below(&lines, 0).len(), 5);
        let item = below(&lines, 2)[1];
        assert_eq!((item.key, item.value, item.item, item.number), ("k", "v", true, 6));
        assert_eq!(items(&lines, 6), [("e", 8)]);
    }
}
