//! `go.mod`.

/// What a `go.mod` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoMod {
    /// The module's path.
    pub module: Option<String>,
    /// The language version behind `go`.
    pub go: Option<String>,
    /// The toolchain behind `toolchain`.
    pub toolchain: Option<String>,
    /// Required modules: path and version.
    pub requires: Vec<(String, String)>,
    /// Replacements.
    pub replaces: Vec<GoReplace>,
}

/// A `replace` line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoReplace {
    /// The module that is replaced.
    pub module: String,
    /// A module path, or a folder (begins with `./`, `../` or `/`).
    pub with: String,
}

impl GoReplace {
    /// Whether a folder stands in for the module, which must then be on disk to download the others.
    pub fn is_local(&self) -> bool {
        self.with.starts_with(['.', '/'])
    }
}

impl GoMod {
    /// Reads the text; lines that are not understood are passed over.
    pub fn parse(text: &str) -> GoMod {
        let mut out = GoMod::default();
        let mut block: Option<String> = None;
        for line in text.lines() {
            let line = line.split("//").next().unwrap_or_default();
            let mut words = line.split_whitespace().map(unquote);
            match (&block, words.next()) {
                (_, None) => {}
                (Some(_), Some(")")) => block = None,
                (Some(verb), Some(first)) => {
                    let verb = verb.clone();
                    out.directive(&verb, std::iter::once(first).chain(words));
                }
                (None, Some(verb)) => {
                    let mut words = words.peekable();
                    if words.next_if_eq(&"(").is_some() {
                        block = Some(verb.to_owned());
                    } else {
                        out.directive(verb, words);
                    }
                }
            }
        }
        out
    }

    fn directive<'a>(&mut self, verb: &str, mut words: impl Iterator<Item = &'a str>) {
        let Some(first) = words.next() else { return };
        match verb {
            "module" => self.module = Some(first.to_owned()),
            "go" => self.go = Some(first.to_owned()),
            "toolchain" => self.toolchain = Some(first.to_owned()),
            "require" => {
                let version = words.next().unwrap_or_default();
                self.requires.push((first.to_owned(), version.to_owned()));
            }
            "replace" => {
                if let Some(with) = words.skip_while(|word| *word != "=>").nth(1) {
                    self.replaces.push(GoReplace {
                        module: first.to_owned(),
                        with: with.to_owned(),
                    });
                }
            }
            _ => {}
        }
    }

    /// Whether a module is required, in whichever version.
    pub fn requires(&self, module: &str) -> bool {
        self.requires.iter().any(|(path, _)| path == module)
    }
}

fn unquote(word: &str) -> &str {
    let quoted = |q| word.strip_prefix(q).and_then(|rest| rest.strip_suffix(q));
    quoted('"').or_else(|| quoted('`')).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_blocks_are_read() {
        let text = "module \"example.org/a/v2\" // main\n\ngo 1.24\ntoolchain go1.24.3\nrequire github.com/x/y v1.0.0\n\
            require (\n\tgithub.com/mattn/go-sqlite3 v1.14.0 // indirect\n\n)\n\
            replace (\n\ta v1 => ../a\n\tb => c v2\n)\nreplace z => ./z\nexclude q v1\n";
        let go = GoMod::parse(text);
        assert_eq!(go.module.as_deref(), Some("example.org/a/v2"));
        assert_eq!(
            (go.go.as_deref(), go.toolchain.as_deref()),
            (Some("1.24"), Some("go1.24.3"))
        );
        assert!(go.requires("github.com/x/y") && go.requires("github.com/mattn/go-sqlite3") && !go.requires("q"));
        let local: Vec<_> = go.replaces.iter().map(|r| (r.module.as_str(), r.is_local())).collect();
        assert_eq!(local, [("a", true), ("b", false), ("z", true)]);
        assert_eq!(
            GoMod::parse("require (\nreplace x\n)\n)"),
            GoMod {
                requires: vec![("replace".into(), "x".into())],
                ..GoMod::default()
            }
        );
    }
}
