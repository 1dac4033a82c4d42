//! The cases: text files with several each.
//!
//! ```text
//! === name
//! args: A=1 B=2          (also `target:`, `secret: ID=TEXT`, `fails: why`, `stubs: /a /b`)
//! --- Dockerfile
//! FROM @base@
//! --- folder/file
//! its content
//! --- setup
//! a shell script that is run in the context: modes, links, archives
//! --- expect
//! f 0644 0:0 /path content     (also d, l PATH -> TARGET, and - PATH for what is not there)
//! ```

use std::fs;
use std::path::Path;
use std::process::Command;

/// Differences that stay, each with its reason.
pub const KNOWN: &[(&str, &str)] = &[("run-capabilities", NET_RAW), ("run-as-user-capabilities", NET_RAW)];

const NET_RAW: &str = "a RUN on the host's network gets no CAP_NET_RAW: it could listen to the host's traffic";

#[derive(Debug, Default)]
pub struct Case {
    pub name: String,
    pub dockerfile: String,
    pub args: Vec<(String, String)>,
    pub target: Option<String>,
    pub secrets: Vec<(String, String)>,
    pub fails: bool,
    /// Places that an old Engine leaves behind where it mounted something; newer ones take them away.
    pub stubs: Vec<String>,
    pub expect: Option<Vec<String>>,
    files: Vec<(String, String)>,
    setup: Option<String>,
}

pub fn all(folder: &Path) -> Vec<Case> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut cases = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|e| e == "txt")) {
        let topic = path.file_stem().unwrap().to_string_lossy();
        let text = fs::read_to_string(path).unwrap();
        for chunk in text.split("\n=== ").map(|chunk| chunk.trim_start_matches("=== ")) {
            let (name, rest) = chunk.split_once('\n').unwrap_or((chunk, ""));
            if !name.trim().is_empty() && !name.starts_with('#') {
                cases.push(read(&format!("{topic}-{}", name.trim()), rest));
            }
        }
    }
    cases
}

fn read(name: &str, text: &str) -> Case {
    let mut case = Case {
        name: name.to_owned(),
        ..Case::default()
    };
    let text = format!("\n{text}");
    let mut sections = text.split("\n--- ");
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or_else(|| panic!("{name}: {text}"));
        (key.to_owned(), value.to_owned())
    };
    for line in sections
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim().is_empty())
    {
        let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("{name}: {line}"));
        let value = value.trim();
        match key {
            "args" => case.args = value.split(' ').map(pair).collect(),
            "target" => case.target = Some(value.to_owned()),
            "secret" => case.secrets.push(pair(value)),
            "stubs" => case.stubs = value.split(' ').map(str::to_owned).collect(),
            "fails" => case.fails = true,
            other => panic!("{name}: {other}"),
        }
    }
    for section in sections {
        let (path, content) = section.split_once('\n').unwrap_or((section, ""));
        let content = match content {
            "" => String::new(),
            content => format!("{}\n", content.trim_end_matches('\n')),
        };
        match path.trim() {
            "Dockerfile" => case.dockerfile = content,
            "setup" => case.setup = Some(content),
            "expect" => case.expect = Some(content.lines().map(str::to_owned).collect()),
            path => case.files.push((path.to_owned(), content)),
        }
    }
    assert!(!case.dockerfile.is_empty(), "{name} has no Dockerfile");
    case
}

impl Case {
    /// Makes the context.
    pub fn write(&self, folder: &Path) {
        for (path, content) in &self.files {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        fs::write(folder.join("Dockerfile"), self.dockerfile.replace("@base@", "base")).unwrap();
        for (id, text) in &self.secrets {
            fs::write(folder.with_extension(format!("secret-{id}")), text).unwrap();
        }
        if let Some(setup) = &self.setup {
            let done = Command::new("sh")
                .args(["-euc", setup])
                .current_dir(folder)
                .status()
                .unwrap();
            assert!(done.success(), "{}: its setup fails", self.name);
        }
    }
}
