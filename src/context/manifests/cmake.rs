//! `CMakeLists.txt`: its commands with their arguments, variables of the file replaced.

use std::collections::HashMap;

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CMakeCommand {
    /// Its name in lower case.
    pub name: String,
    /// Its arguments; variables that the file sets to one value are replaced.
    pub arguments: Vec<String>,
    /// Its line, from 1.
    pub line: usize,
}

/// What a `CMakeLists.txt` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CMakeLists {
    /// In order; conditions are read as if all their branches held.
    pub commands: Vec<CMakeCommand>,
}

impl CMakeLists {
    /// Reads the text; `known` are variables that come from above.
    pub fn parse(text: &str, known: &HashMap<String, String>) -> CMakeLists {
        let mut variables = known.clone();
        let mut commands = Vec::new();
        let mut rest = text;
        let mut line = 1;
        while let Some(open) = rest.find(['(', '#', '\n']) {
            let at = rest.as_bytes().get(open).copied().unwrap_or(b'\n');
            let before = rest.get(..open).unwrap_or_default().trim();
            let behind = rest.get(open + 1..).unwrap_or_default();
            match at {
                b'#' => {
                    let end = behind.find('\n').unwrap_or(behind.len());
                    rest = behind.get(end..).unwrap_or_default();
                }
                b'\n' => {
                    line += 1;
                    rest = behind;
                }
                _ => {
                    let first = line;
                    let (arguments, length, lines) = arguments(behind);
                    line += lines;
                    rest = behind.get(length..).unwrap_or_default();
                    let name = before
                        .rsplit(char::is_whitespace)
                        .next()
                        .unwrap_or(before)
                        .to_ascii_lowercase();
                    let arguments: Vec<String> = arguments.iter().map(|a| replace(a, &variables)).collect();
                    if name == "set" && arguments.len() >= 2 {
                        let value = arguments.get(1..).unwrap_or_default();
                        let end = value
                            .iter()
                            .position(|v| v == "CACHE" || v == "PARENT_SCOPE")
                            .unwrap_or(value.len());
                        let value = value.get(..end).unwrap_or_default().join(" ");
                        if let Some(key) = arguments.first() {
                            variables.insert(key.clone(), value);
                        }
                    } else if name == "project"
                        && let Some(project) = arguments.first()
                    {
                        variables.insert("PROJECT_NAME".to_owned(), project.clone());
                        variables
                            .entry("CMAKE_PROJECT_NAME".to_owned())
                            .or_insert_with(|| project.clone());
                    }
                    commands.push(CMakeCommand {
                        name,
                        arguments,
                        line: first,
                    });
                }
            }
        }
        CMakeLists { commands }
    }

    /// The variables that it hands on to the folders below.
    pub fn variables(&self, known: &HashMap<String, String>) -> HashMap<String, String> {
        let mut out = known.clone();
        for command in &self.commands {
            match (command.name.as_str(), command.arguments.as_slice()) {
                ("set", [key, value @ ..]) if !value.is_empty() => {
                    out.insert(key.clone(), value.join(" "));
                }
                ("project", [name, ..]) => {
                    out.insert("PROJECT_NAME".to_owned(), name.clone());
                    out.entry("CMAKE_PROJECT_NAME".to_owned())
                        .or_insert_with(|| name.clone());
                }
                _ => {}
            }
        }
        out
    }
}

/// Arguments up to the closing bracket, the bytes and the line ends that they took.
fn arguments(text: &str) -> (Vec<String>, usize, usize) {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    let mut comment = false;
    let mut depth = 0usize;
    let mut lines = 0;
    for (at, c) in text.char_indices() {
        if c == '\n' {
            lines += 1;
            comment = false;
        }
        match c {
            _ if comment => {}
            '"' => quoted = !quoted,
            _ if quoted => word.push(c),
            '#' => comment = true,
            ')' if depth == 0 => {
                if !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
                return (found, at + 1, lines);
            }
            '(' | ')' => {
                depth = if c == '(' { depth + 1 } else { depth - 1 };
                word.push(c);
            }
            c if c.is_whitespace() || c == ';' => {
                if !word.is_empty() {
                    found.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    (found, text.len(), lines)
}

fn replace(text: &str, variables: &HashMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(rest.get(..at).unwrap_or_default());
        let behind = rest.get(at + 2..).unwrap_or_default();
        let Some(end) = behind.find('}') else { break };
        let name = behind.get(..end).unwrap_or_default();
        match variables.get(name) {
            Some(value) if out.len() + value.len() < 4096 => out.push_str(value),
            _ => {
                out.push_str("${");
                out.push_str(name);
                out.push('}');
            }
        }
        rest = behind.get(end + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_variables_are_read() {
        let text = "cmake_minimum_required(VERSION 3.16) # x (\nproject(Srv LANGUAGES CXX)\nset(NAME ${PROJECT_NAME}d)\nadd_executable(${NAME}\n  a.cpp # first\n  \"b c.cpp\")\ninstall(TARGETS ${NAME} DESTINATION ${X})\n";
        let lists = CMakeLists::parse(text, &HashMap::new());
        let executable = &lists.commands[3];
        assert_eq!((executable.name.as_str(), executable.line), ("add_executable", 4));
        assert_eq!(executable.arguments, ["Srvd", "a.cpp", "b c.cpp"]);
        assert_eq!(lists.commands[4].arguments, ["TARGETS", "Srvd", "DESTINATION", "${X}"]);
        assert!(
            CMakeLists::parse("a(", &HashMap::new()).commands[0]
                .arguments
                .is_empty()
        );
    }
}
