//! The part of TOML that manifests are asked about: tables, and keys with strings, lists of strings
//! or inline tables of them. Other values are noted as present.

/// A value, as far as it is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A string on one line.
    Text(String),
    /// A list; only its strings.
    List(Vec<String>),
    /// An inline table; only its top level.
    Table(Vec<(String, Value)>),
    /// Anything else, as written on its first line.
    Other(String),
}

impl Value {
    /// The string.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The strings of a list; empty for anything else.
    pub fn as_list(&self) -> &[String] {
        match self {
            Value::List(items) => items,
            _ => &[],
        }
    }
}

/// A table: its header and the keys below it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The header's names joined by `.`; empty for what stands before the first header.
    pub name: String,
    /// `[[name]]`: one of several.
    pub repeated: bool,
    /// Keys (dotted keys joined by `.`) and values, in order.
    pub entries: Vec<(String, Value)>,
}

impl Table {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// The string under a key.
    pub fn text(&self, key: &str) -> Option<String> {
        self.get(key)?.as_text().map(str::to_owned)
    }
}

/// Reads the tables of a text. What is not understood is passed over, line by line.
pub fn tables(text: &str) -> Vec<Table> {
    let mut tables = vec![Table::default()];
    let mut reader = Reader { rest: text };
    loop {
        reader.skip_blank();
        if reader.rest.is_empty() {
            return tables;
        }
        if reader.take('[') {
            let repeated = reader.take('[');
            if let Some(name) = reader.key() {
                tables.push(Table {
                    name,
                    repeated,
                    entries: Vec::new(),
                });
            }
        } else if let Some(key) = reader.key()
            && reader.take('=')
        {
            let value = reader.value(0);
            if let Some(table) = tables.last_mut() {
                table.entries.push((key, value));
            }
        }
        reader.skip_line();
    }
}

/// Inline tables and lists nest no deeper than this; what lies deeper is passed over.
const DEPTH: usize = 16;

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    /// Leaves out blanks, line ends and comments.
    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            if !self.rest.starts_with('#') {
                return;
            }
            self.skip_line();
        }
    }

    fn skip_line(&mut self) {
        self.rest = self.rest.split_once('\n').map_or("", |(_, rest)| rest);
    }

    fn take(&mut self, c: char) -> bool {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A bare, quoted or dotted key.
    fn key(&mut self) -> Option<String> {
        let mut names = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t']);
            let name = match self.quoted() {
                Some(name) => name,
                None => {
                    let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
                    let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                    self.rest = rest;
                    name.to_owned()
                }
            };
            if name.is_empty() {
                return None;
            }
            names.push(name);
            if !self.take('.') {
                return Some(names.join("."));
            }
        }
    }

    /// A string in single or double quotes, on one line.
    fn quoted(&mut self) -> Option<String> {
        let quote = self.rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let mut text = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.rest = self.rest.get(at + 1..).unwrap_or_default();
                    return Some(text);
                }
                '\n' => return None,
                '\\' if quote == '"' => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    other => text.push(other),
                },
                c => text.push(c),
            }
        }
        None
    }

    fn value(&mut self, depth: usize) -> Value {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        for fence in ["\"\"\"", "'''"] {
            if let Some(body) = self.rest.strip_prefix(fence) {
                let (text, rest) = body.split_once(fence).unwrap_or((body, ""));
                self.rest = rest;
                return Value::Other(text.to_owned());
            }
        }
        if let Some(text) = self.quoted() {
            return Value::Text(text);
        }
        if depth < DEPTH && self.take('[') {
            return self.list(depth);
        }
        if depth < DEPTH && self.take('{') {
            return self.inline_table(depth);
        }
        let end = self.rest.find(['\n', ',', ']', '}', '#']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        Value::Other(word.trim().to_owned())
    }

    fn list(&mut self, depth: usize) -> Value {
        let mut items = Vec::new();
        loop {
            self.skip_blank();
            if self.take(']') || self.rest.is_empty() {
                return Value::List(items);
            }
            let before = self.rest.len();
            if let Value::Text(text) = self.value(depth + 1) {
                items.push(text);
            }
            self.skip_blank();
            if !self.take(',') && self.rest.len() == before {
                // Neither a value nor a separator: give up on this list.
                return Value::List(items);
            }
        }
    }

    fn inline_table(&mut self, depth: usize) -> Value {
        let mut entries = Vec::new();
        loop {
            self.skip_blank();
            if self.take('}') || self.rest.is_empty() {
                return Value::Table(entries);
            }
            let Some(key) = self.key() else {
                return Value::Table(entries);
            };
            if !self.take('=') {
                return Value::Table(entries);
            }
            entries.push((key, self.value(depth + 1)));
            self.take(',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tables_keys_and_values_are_read() {
        let text = r#"
top = 1 # one
[package] # here
name = "a\"b"
"quoted key".x = 'lit\n'
list = [
  "one", # first
  'two', 3,
]
[[bin]]
name="x"
[a . "b.c"]
dep = { version = "1", features = ["f"], optional = true }
text = """
[not a table]
"""
after = true
"#;
        let tables = tables(text);
        let names: Vec<_> = tables.iter().map(|t| (t.name.as_str(), t.repeated)).collect();
        assert_eq!(
            names,
            [("", false), ("package", false), ("bin", true), ("a.b.c", false)]
        );
        let package = &tables[1];
        assert_eq!(package.text("name").as_deref(), Some("a\"b"));
        assert_eq!(package.text("quoted key.x").as_deref(), Some("lit\\n"));
        assert_eq!(
            package.get("list").map(Value::as_list),
            Some(&["one".to_owned(), "two".to_owned()][..])
        );
        let Some(Value::Table(dep)) = tables[3].get("dep") else {
            panic!("{tables:?}")
        };
        assert_eq!(dep.len(), 3);
        assert_eq!(tables[3].get("after"), Some(&Value::Other("true".to_owned())));
    }

    proptest! {
        #[test]
        fn any_text_is_taken(text in "[\\[\\]{}='\"#,.a\\n \\\\é]{0,60}") {
            prop_assert!(!tables(&text).is_empty());
        }
    }
}
