//! A parser directive is misspelt, or stands where it is only a comment.

use crate::model::suggest;
use crate::rule::{Cx, Finding, Inspect};

/// See `rules/directive-typo.yaml`.
pub struct Rule;

const NAMES: [&str; 3] = ["syntax", "escape", "check"];

impl Inspect for Rule {
    fn file(&self, cx: &mut Cx<'_>) {
        let first = cx.file.lines.instructions.first().map_or(usize::MAX, |l| l.start_line);
        for comment in cx.file.lines.comments.iter().filter(|c| !c.inside) {
            let Some((name, value)) = comment.text.split_once('=') else { continue };
            let (name, value) = (name.trim(), value.trim());
            // Prose has blanks around or a word that is far from all of them.
            if name.contains(char::is_whitespace) || value.is_empty() || value.contains(char::is_whitespace) {
                continue;
            }
            let lower = name.to_lowercase();
            let known = NAMES.contains(&lower.as_str());
            let near = suggest::closest(&lower, NAMES).filter(|near| near.len().abs_diff(lower.len()) <= 1);
            let (message, help) = match (known, near) {
                // `# check=` is read above any instruction.
                (true, _) if lower == "check" => continue,
                (true, _) => (
                    format!("`{name}=` is only a comment here"),
                    "directives are read at the top of the file alone, before comments, blank lines and instructions".to_owned(),
                ),
                (false, Some(near)) if comment.line < first => {
                    (format!("`{name}` is no parser directive"), format!("did you mean `# {near}={value}`?"))
                }
                _ => continue,
            };
            cx.report(Finding::new(comment.span, message).help(help));
        }
    }
}
