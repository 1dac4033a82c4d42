//! `mbopt init`: the files that a repository needs to use mbopt. Nothing that exists is written to.

mod migrate;

use super::console::say;
use super::engine::{ConfigText, Engine, Selection};
use super::exit::Outcome;
use super::surroundings::config_text;
use crate::config::discovery;
use clap::Args;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

/// `mbopt init`.
#[derive(Debug, Args, Default)]
#[command(
    after_help = "Writes mbopt.yaml, with what .hadolint.yaml says where there is one. Files that exist are\nleft as they are. In a terminal it asks whether to add the hook.\n\nExample: mbopt init --pre-commit --github someone/mbopt@v0.1.0"
)]
pub struct Init {
    /// The repository's folder
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub folder: PathBuf,
    /// Add a hook for pre-commit, which runs the mbopt on the PATH
    #[arg(long)]
    pub pre_commit: bool,
    /// Add a GitHub workflow that uses this action
    #[arg(long, value_name = "OWNER/REPO@REF")]
    pub github: Option<String>,
}

/// The head of every settings file that is written.
const HEAD: &str = "\
# Settings of mbopt, for the Dockerfiles of this folder and below.
# `mbopt schema config` prints a JSON schema, with which editors complete and check this file;
# `mbopt rules` lists the rules, `mbopt explain RULE` says what one finds and why.
";

/// The keys, explained, each with its default or an example behind `#`.
const KEYS: &str = "
# Rules or groups that are not wanted: ids, the codes of other linters (DL3008), or one of size,
# cache, security, correctness, reproducibility, style.
#ignore: [style]

# Another severity for a rule: error, warning, info, style or off.
#severity: {single-stage-bloat: error}

# From which severity on findings make the exit code 1: error, warning, info, style or never.
#fail-on: info

# Files and folders that are not linted.
#exclude: [\"third_party/**\"]

# Other settings for some files.
#overrides:
#  - files: [\"tests/**\"]
#    ignore: [size, reproducibility]

# Whether ShellCheck looks at RUN scripts: off, auto (where it is installed), require.
#shellcheck: off

# Whether files are split into stages, and how.
#stages: {rewrite: on}
";

const HOOKS_FILE: &str = ".pre-commit-config.yaml";
const HOOK: &str = "\
repos:
  - repo: local
    hooks:
      - id: mbopt
        name: mbopt
        entry: mbopt lint --force-exclude
        language: system
        files: (?i)(^|/)(dockerfile|containerfile)(\\.[^/]+)?$|[^/]\\.(dockerfile|containerfile)$
        exclude: (?i)\\.(dockerignore|orig|bak|swp|rej|md|lock|mbopt|sha256)$
        require_serial: true
";

const WORKFLOW_FILE: &str = ".github/workflows/mbopt.yml";
const WORKFLOW: &str = "\
name: mbopt
on:
  push:
    branches: [main]
  pull_request:
permissions: {}
jobs:
  lint:
    runs-on: ubuntu-latest
    permissions:
      contents: read
    steps:
      - uses: actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1
        with:
          persist-credentials: false
      - uses: ACTION
";

/// Writes the files, and says what it did.
pub fn run<E: Engine>(engine: &E, args: &Init) -> Outcome {
    match prepare(engine, args) {
        Ok(said) => {
            said.iter().for_each(|line| say(line));
            Outcome::Clean
        }
        Err(message) => {
            say(&format!("error: {message}"));
            Outcome::Failure
        }
    }
}

fn prepare<E: Engine>(engine: &E, args: &Init) -> Result<Vec<String>, String> {
    let folder = &args.folder;
    if !folder.is_dir() {
        return Err(format!("{}: no such folder", folder.display()));
    }
    let workflow = args.github.as_deref().map(workflow).transpose()?;
    let mut said = Vec::new();
    match discovery::names().into_iter().find(|name| folder.join(name).exists()) {
        Some(name) => said.push(format!("{name} is there already, and is left as it is")),
        None => settings(engine, folder, &mut said)?,
    }
    let ask = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if args.pre_commit || (ask && !folder.join(HOOKS_FILE).exists() && asked("Add a pre-commit hook?")) {
        add(folder, HOOKS_FILE, HOOK, &mut said)?;
        said.push("  the hook runs once `pre-commit install` was called here".to_owned());
    }
    if let Some(workflow) = workflow {
        add(folder, WORKFLOW_FILE, &workflow, &mut said)?;
    }
    said.push("next: `mbopt lint` shows the findings, `mbopt lint --fix` makes the safe fixes, and".to_owned());
    said.push("`mbopt lint --write-baseline mbopt-baseline.json` notes what is there now, for --baseline".to_owned());
    Ok(said)
}

/// A question with yes or no; no where the answer is neither.
fn asked(question: &str) -> bool {
    let _ = write!(std::io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// The settings file, from hadolint's where there is one.
fn settings<E: Engine>(engine: &E, folder: &Path, said: &mut Vec<String>) -> Result<(), String> {
    let [name, _] = discovery::names();
    let old = discovery::hadolint_names()
        .into_iter()
        .find(|name| folder.join(name).exists());
    let mut text = HEAD.to_owned();
    let mut report = Vec::new();
    if let Some(old) = old {
        let path = folder.join(old);
        let source = config_text(&path, "config").map_err(|why| format!("{}: {why}", path.display()))?;
        // Read as `lint` reads it, so that what is wrong with it is said in the same words.
        let config = ConfigText {
            path: path.clone(),
            text: source.clone(),
            hadolint: true,
        };
        engine
            .config(Some(config), &Selection::default())
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let migrated =
            migrate::migrate(&source, &engine.rules()).map_err(|why| format!("{}: {why}", path.display()))?;
        text.push_str(&format!("\n# Taken over from {old}:\n{}", migrated.text));
        report = migrated.report;
    }
    text.push_str(KEYS);
    // What is written must be read again without a fault, whatever was in the other file.
    let config = ConfigText {
        path: PathBuf::from(name),
        text: text.clone(),
        hadolint: false,
    };
    engine
        .config(Some(config), &Selection::default())
        .map_err(|error| format!("the settings that would be written are not right: {error}"))?;
    add(folder, name, &text, said)?;
    if let Some(old) = old {
        said.extend(report.into_iter().map(|line| format!("  {line}")));
        said.push(format!("{name} takes the place of {old}, which can be removed"));
    }
    Ok(())
}

/// Writes a new file; one that exists is left, and what would have been written is shown.
fn add(folder: &Path, name: &str, text: &str, said: &mut Vec<String>) -> Result<(), String> {
    let path = folder.join(name);
    let shown = path.strip_prefix(".").unwrap_or(&path).display().to_string();
    let fault = |error: std::io::Error| format!("{shown}: {error}");
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(fault)?;
    }
    match std::fs::OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).map_err(fault)?;
            said.push(format!("{shown} written"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            said.push(format!("{shown} is there already; this could be added to it:"));
            said.extend(text.lines().map(|line| format!("    {line}")));
        }
        Err(error) => return Err(fault(error)),
    }
    Ok(())
}

/// The workflow that uses an action.
fn workflow(action: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@');
    let right = action
        .split_once('@')
        .is_some_and(|(repository, version)| repository.contains('/') && !version.is_empty());
    if !right || !action.chars().all(allowed) {
        return Err(format!(
            "--github {action}: must be the action as a workflow names it, such as someone/mbopt@v0.1.0"
        ));
    }
    Ok(WORKFLOW.replace("ACTION", action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::builtin::Builtin;
    use std::fs;

    fn made(files: &[(&str, &str)], args: Init) -> (tempfile::TempDir, Result<Vec<String>, String>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let args = Init {
            folder: folder.path().to_owned(),
            ..args
        };
        let said = prepare(&Builtin::default(), &args);
        (folder, said)
    }

    #[test]
    fn what_is_commented_out_is_right_too() {
        let bare: String = KEYS
            .lines()
            .map(|line| {
                line.strip_prefix('#')
                    .filter(|rest| !rest.starts_with(' ') || rest.starts_with("  "))
                    .unwrap_or(line)
            })
            .map(|line| format!("{line}\n"))
            .collect();
        assert!(bare.contains("\noverrides:\n  - files:"), "{bare}");
        let config = ConfigText {
            path: PathBuf::from("mbopt.yaml"),
            text: bare,
            hadolint: false,
        };
        let config = Builtin::default().config(Some(config), &Selection::default());
        config.map(|_| ()).map_err(|error| format!("{error:?}")).unwrap();
    }

    #[test]
    fn the_hook_and_the_workflow_are_those_of_this_repository() {
        let hooks = include_str!("../../../.pre-commit-hooks.yaml");
        for line in HOOK
            .lines()
            .filter(|line| line.contains("(?i)") || line.contains("entry:"))
        {
            assert!(hooks.contains(line.trim()), "{line}");
        }
        let ci = include_str!("../../../.github/workflows/ci.yml");
        let checkout = WORKFLOW
            .lines()
            .find(|line| line.contains("actions/checkout@"))
            .unwrap();
        assert!(ci.contains(checkout.trim()), "{checkout}");
    }

    #[test]
    fn existing_files_are_left_and_the_rest_is_written() {
        let args = Init {
            pre_commit: true,
            github: Some("someone/mbopt@v1".into()),
            ..Init::default()
        };
        let (folder, said) = made(
            &[("mbopt.yaml", "ignore: [style]\n"), (HOOKS_FILE, "repos: []\n")],
            args,
        );
        let said = said.unwrap().join("\n");
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("mbopt.yaml"), "ignore: [style]\n");
        assert_eq!(read(HOOKS_FILE), "repos: []\n");
        assert!(read(WORKFLOW_FILE).contains("- uses: someone/mbopt@v1\n"));
        assert!(said.contains("mbopt.yaml is there already, and is left"), "{said}");
        assert!(said.contains("could be added to it:\n    repos:"), "{said}");
    }

    #[test]
    fn an_action_that_is_none_is_refused_before_anything_is_written() {
        for wrong in ["x", "a/b", "a/b@", "a/b@c\n- run: x", "a/b@${{ x }}"] {
            let args = Init {
                github: Some(wrong.into()),
                ..Init::default()
            };
            let (folder, said) = made(&[], args);
            assert!(said.unwrap_err().contains("someone/mbopt@v0.1.0"));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn a_broken_file_of_hadolints_is_an_error() {
        let (folder, said) = made(&[(".hadolint.yaml", "ignored: {\n")], Init::default());
        assert!(said.unwrap_err().contains("not valid YAML"));
        assert!(!folder.path().join("mbopt.yaml").exists());
    }
}
