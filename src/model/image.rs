//! Image references.

use super::reference;
use crate::source::Span;
use crate::syntax::Word;

/// An image name as written in FROM or `COPY --from`, split as far as the text allows; variables
/// are kept as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRef {
    /// As written, unquoted.
    pub text: String,
    /// The whole reference in the file, without quotes around it.
    pub span: Span,
    /// `docker.io`, `ghcr.io`, `localhost:5000`; none where none is written. A first part with a
    /// variable in it counts as one: it may be.
    pub registry: Option<String>,
    /// The repository without registry: `library/node` is kept as written.
    pub repository: String,
    /// Behind `:`.
    pub tag: Option<String>,
    /// Where the tag stands, without the colon.
    pub tag_span: Option<Span>,
    /// Behind `@`.
    pub digest: Option<String>,
}

impl ImageRef {
    /// Splits an image name as it stands in the file. Quotes around the whole are taken off.
    pub fn of(word: &Word) -> ImageRef {
        let (text, lead) = match word.value.as_bytes() {
            [q @ (b'"' | b'\''), inner @ .., last] if q == last && !inner.contains(q) => {
                (word.value.get(1..word.value.len() - 1).unwrap_or_default(), 1)
            }
            _ => (word.value.as_str(), 0),
        };
        if word.span.len() == word.value.len() {
            let start = word.span.start + lead;
            ImageRef::split(text, Span::new(start, start + text.len()), true)
        } else {
            ImageRef::split(text, word.span, false)
        }
    }

    /// Splits a name that stands nowhere in the file as it is, such as one with its variables put
    /// in; `span` is where it comes from, and there is no [`tag_span`](Self::tag_span).
    pub fn expanded(text: &str, span: Span) -> ImageRef {
        ImageRef::split(text, span, false)
    }

    fn split(text: &str, span: Span, placed: bool) -> ImageRef {
        let plain = mask_variables(text);
        let cut = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
        let start = match plain.split_once('/') {
            Some((first, _)) if first.contains('$') || reference::split_domain(&plain).0.is_some() => first.len() + 1,
            _ => 0,
        };
        let rest = plain.get(start..).unwrap_or_default();
        let digest = rest.find('@').map(|i| start + i);
        let named_end = digest.unwrap_or(text.len());
        let named = plain.get(start..named_end).unwrap_or_default();
        let last = named.rfind('/').map_or(0, |i| i + 1);
        let colon = named.get(last..).and_then(|n| n.rfind(':')).map(|i| start + last + i);
        let tag_span = colon
            .filter(|_| placed)
            .map(|c| Span::new(span.start + c + 1, span.start + named_end));
        ImageRef {
            text: text.to_owned(),
            span,
            registry: (start > 0).then(|| cut(0, start - 1)),
            repository: cut(start, colon.unwrap_or(named_end)),
            tag: colon.map(|c| cut(c + 1, named_end)),
            tag_span,
            digest: digest.map(|d| cut(d + 1, text.len())),
        }
    }

    /// Whether a variable stands anywhere in it.
    pub fn has_variables(&self) -> bool {
        self.text.contains('$')
    }

    /// The name people know it by: `library/` and Docker Hub's host names left out, `ghcr.io/x/y`
    /// in full. Without tag and digest.
    pub fn familiar_name(&self) -> String {
        let hub = matches!(
            self.registry.as_deref(),
            None | Some("docker.io" | "index.docker.io" | "registry-1.docker.io")
        );
        match &self.registry {
            Some(registry) if !hub => format!("{registry}/{}", self.repository),
            _ => self
                .repository
                .strip_prefix("library/")
                .unwrap_or(&self.repository)
                .to_owned(),
        }
    }
}

/// The text with the inside of each `${...}` replaced by `$`, byte for byte, so that its `:` and
/// `/` do not count.
fn mask_variables(text: &str) -> String {
    if !text.contains("${") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut depth = 0_usize;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let opens = c == '$' && chars.peek() == Some(&'{');
        if opens {
            depth += 1;
            chars.next();
            out.push_str("$$");
        } else if depth > 0 {
            depth -= usize::from(c == '}');
            out.extend(std::iter::repeat_n('$', c.len_utf8()));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts<'a> = (Option<&'a str>, &'a str, Option<&'a str>, Option<&'a str>);

    fn parts(image: &ImageRef) -> Parts<'_> {
        (
            image.registry.as_deref(),
            &image.repository,
            image.tag.as_deref(),
            image.digest.as_deref(),
        )
    }

    #[test]
    fn splits_names() {
        let cases: [(&str, Parts); 12] = [
            ("node", (None, "node", None, None)),
            ("node:20-slim", (None, "node", Some("20-slim"), None)),
            (
                "library/node@sha256:ab",
                (None, "library/node", None, Some("sha256:ab")),
            ),
            (
                "localhost:5000/a/b:1@sha256:ab",
                (Some("localhost:5000"), "a/b", Some("1"), Some("sha256:ab")),
            ),
            ("ghcr.io/o/x", (Some("ghcr.io"), "o/x", None, None)),
            (
                "${REG:-ghcr.io/x}/app:${V:-1}",
                (Some("${REG:-ghcr.io/x}"), "app", Some("${V:-1}"), None),
            ),
            ("$IMAGE", (None, "$IMAGE", None, None)),
            ("${IMAGE:-node:20}", (None, "${IMAGE:-node:20}", None, None)),
            ("node:$V", (None, "node", Some("$V"), None)),
            ("python:{{", (None, "python", Some("{{"), None)),
            ("${A:-${B:-x:1}}:2", (None, "${A:-${B:-x:1}}", Some("2"), None)),
            ("", (None, "", None, None)),
        ];
        for (text, expected) in cases {
            assert_eq!(parts(&ImageRef::expanded(text, Span::at(0))), expected, "{text}");
        }
    }

    #[test]
    fn knows_where_the_tag_stands() {
        let image = ImageRef::of(&Word::new("\"ghcr.io/a:1.2\"", Span::new(5, 20)));
        assert_eq!((image.text.as_str(), image.span), ("ghcr.io/a:1.2", Span::new(6, 19)));
        assert_eq!(image.tag_span, Some(Span::new(16, 19)));
        assert_eq!(ImageRef::of(&Word::new("a:1", Span::new(5, 20))).tag_span, None);
    }

    #[test]
    fn knows_familiar_names() {
        let name = |text| ImageRef::expanded(text, Span::at(0)).familiar_name();
        assert_eq!(name("docker.io/library/node:1"), "node");
        assert_eq!(name("library/node"), "node");
        assert_eq!(name("ghcr.io/library/node"), "ghcr.io/library/node");
    }
}
