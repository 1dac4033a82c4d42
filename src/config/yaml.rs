//! YAML as a tree whose every node can be found again in the text.
//!
//! The parser tells places only of errors. So nodes are numbered as they are read, and where a place
//! is wanted, the text is read once more and made to fail at that node. Settings are small, and
//! places are wanted only for messages.

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};
use std::cell::Cell;
use std::fmt;

/// A value and its number.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Counts nodes in the order of the text, keys included.
    pub id: usize,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// `~`, `null` or nothing.
    Null,
    /// `true`, `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Any other scalar.
    Text(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping, in order, with doubled keys.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// What it is, in words.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a truth value",
            Kind::Number(_) => "a number",
            Kind::Text(_) => "a string",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// The scalar as text; none for lists, mappings and nothing.
    pub fn scalar(&self) -> Option<String> {
        match &self.kind {
            Kind::Bool(value) => Some(value.to_string()),
            Kind::Number(value) => Some(value.to_string()),
            Kind::Text(value) => Some(value.clone()),
            _ => None,
        }
    }

    /// The same as JSON; of doubled keys the last counts.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Number(value) => Value::Number(value.clone()),
            Kind::Text(value) => Value::String(value.clone()),
            Kind::List(items) => items.iter().map(Node::to_json).collect(),
            Kind::Map(entries) => {
                let pairs = entries
                    .iter()
                    .map(|(key, value)| (key.scalar().unwrap_or_default(), value.to_json()));
                Value::Object(pairs.collect())
            }
        }
    }
}

/// A text that is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What the parser says.
    pub message: String,
    /// Byte offset, as far as the parser names a place.
    pub offset: Option<usize>,
}

/// Reads one document. An empty text is nothing.
///
/// # Errors
/// The text is no YAML, holds several documents, or uses tags.
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
    let (bom, text) = split_bom(text);
    if text.lines().all(blank) {
        return Ok(Node {
            id: 0,
            kind: Kind::Null,
        });
    }
    let counter = Cell::new(0);
    let seed = Seed {
        counter: &counter,
        target: None,
    };
    seed.deserialize(serde_yaml::Deserializer::from_str(text))
        .map_err(|error| SyntaxError {
            // What is missing at the end is shown there: behind the last line nothing can be underlined.
            offset: error
                .location()
                .map(|place| bom + offset(text, place.line(), place.column()).min(last(text))),
            message: bare_message(&error.to_string()),
        })
}

/// The byte offset of a node's first character.
pub fn locate(text: &str, id: usize) -> Option<usize> {
    let (bom, text) = split_bom(text);
    let counter = Cell::new(0);
    let seed = Seed {
        counter: &counter,
        target: Some(id),
    };
    let error = seed.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
    let place = error.location()?;
    Some(bom + offset(text, place.line(), place.column()))
}

/// The length of a byte order mark, which the parser takes for content, and the text behind it.
fn split_bom(text: &str) -> (usize, &str) {
    text.strip_prefix('\u{feff}')
        .map_or((0, text), |rest| ('\u{feff}'.len_utf8(), rest))
}

/// The parser ends its messages with the place, which is shown otherwise here.
fn bare_message(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}

/// Where the last character stands that is not blank.
fn last(text: &str) -> usize {
    let text = text.trim_end();
    text.char_indices().next_back().map_or(0, |(index, _)| index)
}

/// Line and column, from 1, as the parser counts them: columns in characters, lines by any of
/// YAML's line ends.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let mut at = 0;
    let mut seen = 1;
    let mut chars = text.char_indices().peekable();
    while seen < line {
        let Some((index, c)) = chars.next() else {
            return text.len();
        };
        at = index + c.len_utf8();
        let pair = c == '\r' && chars.peek().is_some_and(|(_, next)| *next == '\n');
        if matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}') && !pair {
            seen += 1;
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(rest.len(), |(index, _)| index)
}

/// Reads a node, or fails at the one with the number looked for.
#[derive(Clone, Copy)]
struct Seed<'a> {
    counter: &'a Cell<usize>,
    target: Option<usize>,
}

struct NodeVisitor<'a> {
    seed: Seed<'a>,
    id: usize,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let id = self.counter.get();
        self.counter.set(id + 1);
        deserializer.deserialize_any(NodeVisitor { seed: self, id })
    }
}

impl NodeVisitor<'_> {
    fn node<E: serde::de::Error>(&self, kind: Kind) -> Result<Node, E> {
        if self.seed.target == Some(self.id) {
            return Err(E::custom("here"));
        }
        Ok(Node { id: self.id, kind })
    }
}

impl<'de> Visitor<'de> for NodeVisitor<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value without a tag")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Node, E> {
        self.node(Kind::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Node, E> {
        self.node(Kind::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Node, E> {
        self.node(Kind::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Node, E> {
        self.node(Kind::Number(value.into()))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Node, E> {
        self.node(Kind::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        // JSON has no infinities.
        let kind = Number::from_f64(value).map_or_else(|| Kind::Text(value.to_string()), Kind::Number);
        self.node(kind)
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Node, E> {
        self.node(Kind::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut node = self.node(Kind::Null)?;
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.seed)? {
            items.push(item);
        }
        node.kind = Kind::List(items);
        Ok(node)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut node = self.node(Kind::Null)?;
        let mut entries = Vec::new();
        while let Some(key) = access.next_key_seed(self.seed)? {
            entries.push((key, access.next_value_seed(self.seed)?));
        }
        node.kind = Kind::Map(entries);
        Ok(node)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<Node, A::Error> {
        Err(A::Error::custom("tags (`!name`) have no meaning here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn find<'n>(node: &'n Node, text: &str) -> Option<&'n Node> {
        match &node.kind {
            Kind::Text(value) if value == text => Some(node),
            Kind::List(items) => items.iter().find_map(|item| find(item, text)),
            Kind::Map(entries) => entries
                .iter()
                .find_map(|(k, v)| find(k, text).or_else(|| find(v, text))),
            _ => None,
        }
    }

    #[test]
    fn every_node_is_found_again() {
        for text in [
            "a: 1\nb:\n  - x\n  - {c: d, 'quoted': [e, f]}\ng: |\n  text\nend: z\n",
            "\u{feff}a: 1\r\nb:\r\n- x\r\n- {c: d, 'quoted': [e, f]}\r\nend: z",
            "# é\na: 1 # ü\nb: [x, \"ä\", {c: d, quoted: [e, f]}]\nend: z",
        ] {
            let tree = parse(text).expect(text);
            for word in ["a", "b", "x", "c", "d", "e", "f", "quoted", "end", "z"] {
                let node = find(&tree, word).expect(word);
                let at = locate(text, node.id).expect(word);
                let rest = text[at..].trim_start_matches(['\'', '"']);
                assert!(rest.starts_with(word), "{word} at {at}: {:?}", &text[at..]);
            }
        }
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_place() {
        let error = parse("a: 1\nb: [1\nc: 2\n").expect_err("unclosed");
        assert!(error.offset.is_some_and(|at| at >= 5), "{error:?}");
        assert!(!error.message.contains("at line"), "{error:?}");
        assert!(parse("a: 1\n---\nb: 2\n").is_err());
        let tagged = parse("a: !Thing x\n").expect_err("a tag");
        assert_eq!(tagged.offset, Some(3), "{tagged:?}");
        assert_eq!(parse("# only a comment\n\n").map(|n| n.kind), Ok(Kind::Null));
        assert_eq!(parse("\u{feff}").map(|n| n.kind), Ok(Kind::Null));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "[a-c:\\[\\]{}\\-&*!|>\"'#, \\r\\né~]{0,40}") {
            if let Ok(node) = parse(&text)
                && let Some(at) = locate(&text, node.id)
            {
                prop_assert!(text.is_char_boundary(at));
            }
        }
    }
}
