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
        judge(&report, self.accept_weak)
    }
}

/// What is written after a verification, with a sentence on it; or why nothing is.
fn judge(report: &Report, accept_weak: bool) -> Result<(String, String), String> {
    let refused = |why: &str| Err(format!("not written: {why}"));
    match report.verdict {
        Verdict::Smaller if report.weak && !accept_weak => refused(
            "the image is smaller, but the original ends at once with an error, so its behaviour says little; --accept-weak writes it all the same",
        ),
        Verdict::Smaller => match report.candidates.last() {
            // What is planned goes by estimates; now it is known.
            Some(taken) if taken.planned.is_some() && !is_worth(report) => refused(&format!(
                "{}, which is not worth another Dockerfile (10 % and 10 MB are); `mbopt verify --write FILE` writes it all the same",
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

/// Whether what was saved is what the planner asks for.
fn is_worth(report: &Report) -> bool {
    let sizes = report.before.as_ref().zip(report.after.as_ref());
    sizes.is_none_or(|(before, after)| is_worth_it(before.unpacked_bytes, after.unpacked_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Candidate, ImageSize};

    fn size(unpacked_bytes: u64) -> ImageSize {
        ImageSize {
            unpacked_bytes,
            compressed_bytes: None,
            layers: Vec::new(),
            stages: Vec::new(),
            largest: Vec::new(),
        }
    }

    /// A verified rewrite: of the planner's, or of findings that were fixed.
    fn report(before: u64, after: u64, planned: bool) -> Report {
        Report {
            version: 1,
            dockerfile: "Dockerfile".into(),
            ecosystems: Vec::new(),
            verdict: Verdict::Smaller,
            reason: String::new(),
            engine: String::new(),
            platform: String::new(),
            before: Some(size(before)),
            after: Some(size(after)),
            reduction: Some(1.0 - after as f64 / before as f64),
            checks: Vec::new(),
            weak: false,
            removed: None,
            candidates: vec![Candidate {
                name: "slim".into(),
                planned: planned.then_some(Planned {
                    level: "slim",
                    applicability: "safe",
                }),
                verdict: Verdict::Smaller,
                unpacked_bytes: Some(after),
                compressed_bytes: None,
                why: String::new(),
                text: "FROM x\n".into(),
            }],
            rebuild: None,
            timing: crate::verify::Timing::default(),
            notes: Vec::new(),
            offers: Vec::new(),
        }
    }

    #[test]
    fn a_rewrite_is_written_where_it_pays() {
        let judged = |before, after, planned| judge(&report(before, after, planned), false);
        let (text, note) = judged(500_000_000, 200_000_000, true).expect("it pays");
        assert_eq!(
            (text.as_str(), note.as_str()),
            ("FROM x\n", "verified: -60.0 % (slim, 0 checks hold)")
        );
        let why = judged(500_000_000, 470_000_000, true).expect_err("too little");
        assert!(why.starts_with("not written: -6.0 %, which is not worth"), "{why}");
        assert!(judged(50_000_000, 41_000_000, true).is_err());
        assert!(judged(500_000_000, 470_000_000, false).is_ok());
    }

    #[test]
    fn little_evidence_is_accepted_only_where_asked_for() {
        let mut report = report(500_000_000, 200_000_000, true);
        report.weak = true;
        assert!(judge(&report, false).is_err_and(|why| why.contains("--accept-weak")));
        assert!(judge(&report, true).is_ok());
        report.verdict = Verdict::Broken;
        assert!(judge(&report, true).is_err());
    }
}
