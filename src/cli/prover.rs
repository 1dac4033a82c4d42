//! `lint --fix --verify`: a file is written only when builds proved that its image is smaller and
//! does the same.

use super::build::show::Show;
use crate::config;
use crate::edit::Effect;
use crate::executor::{BuildRequest, Chosen, Engine, Error, Places, choose};
use crate::model::Dockerfile;
use crate::plan::{Observed, is_worth_it};
use crate::report::verification::change;
use crate::source::SourceFile;
use crate::verify::{Input, Options, Planned, Report, Rewrite, Verdict, prove};
use std::path::Path;
use std::sync::Mutex;

/// What builds and compares.
pub struct Prover {
    engine: Box<dyn Engine>,
    request: BuildRequest,
    accept_weak: bool,
    show: Show,
    /// One file at a time: builds share the machine, and their progress the terminal.
    turn: Mutex<()>,
}

/// A text that could be written.
pub struct Proposal {
    /// What it is, for people.
    pub name: String,
    /// What the planner says of it, where it is one of its own; none where findings were fixed.
    pub planned: Option<Planned>,
    /// The whole Dockerfile.
    pub text: String,
    /// What it announces to change.
    pub effects: Vec<Effect>,
}

impl Prover {
    /// With the engine that is there.
    ///
    /// # Errors
    /// There is none.
    pub fn new(
        request: BuildRequest,
        places: &Places,
        wanted: Option<crate::executor::EngineName>,
        accept_weak: bool,
        show: Show,
    ) -> Result<Prover, Error> {
        let Chosen { engine, .. } = choose(wanted, places)?;
        Ok(Prover {
            engine,
            request,
            accept_weak,
            show,
            turn: Mutex::new(()),
        })
    }

    /// The first of the proposals that is proved, with a sentence on it. They are asked for again, with
    /// what builds taught, after each that fell.
    ///
    /// # Errors
    /// Why none is to be written.
    pub fn choose(
        &self,
        file: &Dockerfile,
        path: &Path,
        context: &Path,
        settings: &config::Verify,
        propose: &mut dyn FnMut(&[Observed]) -> Vec<Proposal>,
    ) -> Result<(String, String), String> {
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let input = Input {
            dockerfile: path.display().to_string(),
            request: BuildRequest {
                dockerfile: file.source.text().to_owned(),
                dockerfile_name: path.to_owned(),
                context: context.to_owned(),
                ..self.request.clone()
            },
            base_only: super::verify::base_only(file),
            whole: false,
        };
        let mut next = |observed: &[Observed]| {
            let rewrites = propose(observed).into_iter().map(|proposal| Rewrite {
                tester: super::verify::tester(&Dockerfile::parse(SourceFile::new(
                    "",
                    proposal.text.as_bytes().to_vec(),
                ))),
                name: proposal.name,
                text: proposal.text,
                announced: proposal.effects,
                planned: proposal.planned,
            });
            rewrites.collect()
        };
        let cancel = super::interrupt::cancel();
        let options = Options {
            manner: super::verify::manner_of(settings)?,
            alone: true,
            ..Options::default()
        };
        let report = prove(&*self.engine, &input, &mut next, &options, &self.show, cancel);
        self.show.end();
        let report = report.map_err(|error| format!("not written: {error}"))?;
        self.judge(&report)
    }

    fn judge(&self, report: &Report) -> Result<(String, String), String> {
        let refused = |why: &str| Err(format!("not written: {why}"));
        match report.verdict {
            Verdict::Smaller if report.weak && !self.accept_weak => refused(
                "the image is smaller, but the original ends at once with an error, so its behaviour says little; --accept-weak writes it all the same",
            ),
            Verdict::Smaller => match report.candidates.last() {
                // What is planned goes by estimates; now it is known.
                Some(taken) if taken.planned.is_some() && !is_worth(report) => refused(&format!(
                    "{}, which is not worth another Dockerfile; `mbopt verify --write FILE` writes it all the same",
                    report.reduction.map(change).unwrap_or_default()
                )),
                Some(taken) => {
                    let change = report.reduction.map(change).unwrap_or_default();
                    let note = format!(
                        "verified: {change} ({}, {} checks hold)",
                        taken.name,
                        report.checks.len()
                    );
                    Ok((taken.text.clone(), note))
                }
                None => refused("nothing was compared"),
            },
            verdict => refused(&format!("{}: {}", verdict.as_str(), report.reason)),
        }
    }
}

/// Whether what was saved is what the planner asks for.
fn is_worth(report: &Report) -> bool {
    let sizes = report.before.as_ref().zip(report.after.as_ref());
    sizes.is_none_or(|(before, after)| is_worth_it(before.unpacked_bytes, after.unpacked_bytes))
}
