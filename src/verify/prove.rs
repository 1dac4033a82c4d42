//! Builds the original and its rewrites, and finds the first that does the same in less.

use super::behaviour::{Manner, Run};
use super::check::Check;
use super::config::{self, Terms};
use super::drawn;
use super::guess::{Before, Guess, may_be_chance};
use super::learn::learn;
use super::learnt::Learnt;
use super::lessons::{self, Lessons};
use super::original::Original;
use super::rebuild::rebuild;
use super::site::{Beside, Made, Opened, Site, joined, layers_of, millis};
use super::sizes::{ImageSize, is_smaller, removed};
use super::start;
use super::traced::{self, Missed, Used};
use super::tree;
use super::{Candidate, Planned, REPORT_VERSION, RebuildFrom, Report, Timing, Verdict};
use crate::edit::Effect;
use crate::executor::{BuildRequest, Cancel, Engine, Error, Platform, Sink, available_memory, in_background};
use crate::plan::Observed;
use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::Scope;
use std::time::Instant;

/// How many rewrites are tried at most.
const MOST_TRIES: usize = 6;

/// Bytes of memory that must be free for two builds at once.
const TWO_BUILDS: u64 = 4 << 30;

/// The original, and how it is built.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name, as the user knows it.
    pub dockerfile: String,
    /// How to build it; the rewrites are built the same way, with another text.
    pub request: BuildRequest,
    /// Variables by which its base image only describes itself or its build tools.
    pub base_only: BTreeSet<String>,
    /// It stands for an image that exists: all of it counts as its own, nothing as a base image's.
    pub whole: bool,
}

/// A rewrite to try.
#[derive(Debug, Clone)]
pub struct Rewrite {
    /// What it is, for people: its level and its runtime base, or a file's name.
    pub name: String,
    /// The Dockerfile.
    pub text: String,
    /// What it announces to change.
    pub announced: Vec<Effect>,
    /// The stage that runs the tests, where it has one.
    pub tester: Option<String>,
    /// How far it goes, where the planner made it.
    pub planned: Option<Planned>,
}

impl Rewrite {
    /// Whether it announces that another program starts.
    fn starts_otherwise(&self) -> bool {
        let starts = [Effect::Cmd, Effect::Entrypoint];
        starts.iter().any(|effect| self.announced.contains(effect))
    }
}

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How behaviour is looked at.
    pub manner: Manner,
    /// Builds no tester stage.
    pub skip_tests: bool,
    /// The machine is this verification's own, so that the rewrite may be built beside the original where
    /// the engine and the memory allow it.
    pub alone: bool,
    /// Times a rebuild after this file, relative to the context, was changed (in a copy of the
    /// context).
    pub rebuild: Option<Touch>,
}

/// A change to the context, to time what it costs.
#[derive(Debug, Clone)]
pub struct Touch {
    /// A copy of the context that may be changed.
    pub context: PathBuf,
    /// The file in it that is changed, relative to it.
    pub file: PathBuf,
}

/// What gives rewrites: asked before the first and after each that fell, with what builds taught so
/// far. The boldest comes first; those that were tried are passed over.
pub type Next<'n> = dyn FnMut(&[Observed]) -> Vec<Rewrite> + 'n;

/// Builds, compares, and reports.
///
/// # Errors
/// Only [`Error::Cancelled`] and what makes all further work pointless ([`Error::Unavailable`]);
/// everything else is a verdict.
pub fn prove(
    engine: &dyn Engine,
    input: &Input,
    next: &mut Next<'_>,
    options: &Options,
    events: &dyn Sink,
    cancel: &Cancel,
) -> Result<Report, Error> {
    let beside = Beside(events);
    let site = Site {
        engine,
        input,
        options,
        events,
        cancel,
    };
    let mut work = Work {
        site,
        beside: Site {
            events: &beside,
            ..site
        },
        report: empty_report(engine, input),
        original: Original::of(input),
        lessons: Lessons::default(),
        unreachable: Vec::new(),
        taken: None,
    };
    work.prove(next)?;
    Ok(work.report)
}

/// A report that has nothing in it yet.
fn empty_report(engine: &dyn Engine, input: &Input) -> Report {
    Report {
        version: REPORT_VERSION,
        dockerfile: input.dockerfile.clone(),
        ecosystems: Vec::new(),
        verdict: Verdict::NotVerified,
        reason: String::new(),
        engine: engine.describe(),
        platform: input
            .request
            .platform
            .clone()
            .unwrap_or_else(Platform::host)
            .to_string(),
        before: None,
        after: None,
        reduction: None,
        checks: Vec::new(),
        weak: false,
        removed: None,
        candidates: Vec::new(),
        rebuild: None,
        timing: Timing::default(),
        notes: Vec::new(),
        offers: Vec::new(),
    }
}

struct Work<'a> {
    site: Site<'a>,
    /// The same, for what is built next to something else.
    beside: Site<'a>,
    report: Report,
    original: Original,
    /// What the last rewrite lacked.
    lessons: Lessons,
    /// Rewrites by name whose base image cannot be had: nothing that is learnt changes that.
    unreachable: Vec<String>,
    /// The image of the rewrite that is taken, until all images are removed.
    taken: Option<Made<'a>>,
}

impl<'a> Work<'a> {
    fn prove(&mut self, next: &mut Next<'_>) -> Result<(), Error> {
        // Of all builds but the original's: what is in vain after all is given up.
        let build = self.site.cancel.child();
        std::thread::scope(|scope| {
            let mut guess = match self.builds_at_once() {
                true => self.guess(next, &build, true, scope),
                false => None,
            };
            let begun = Instant::now();
            let made = self.build_original(&mut guess).inspect_err(|_| build.cancel())?;
            self.report.timing.build_before = millis(begun);
            let made = match made {
                Ok(made) => made,
                Err(error) => {
                    build.cancel();
                    self.report.verdict = Verdict::OriginalFails;
                    self.report.reason = describe(&error);
                    self.report.notes.extend(error.help().map(|help| help.to_string()));
                    return Ok(());
                }
            };
            let guess = guess.or_else(|| self.guess(next, &build, false, scope));
            let compared = self.compare(next, &made, guess, &build);
            let taken = self.taken.take();
            std::thread::scope(|scope| {
                scope.spawn(move || drop(taken));
                drop(made);
            });
            compared
        })
    }

    /// Whether the rewrite is built while the original is. The steps of a build that is timed run alone.
    fn builds_at_once(&self) -> bool {
        let Site { engine, options, .. } = self.site;
        let roomy = || available_memory().is_none_or(|bytes| bytes >= TWO_BUILDS);
        options.alone && options.rebuild.is_none() && engine.shares_steps() && roomy()
    }

    /// Builds the original; what fails next to another build, once more alone.
    fn build_original(&self, beside: &mut Option<Guess<'_, 'a>>) -> Result<Result<Made<'a>, Error>, Error> {
        let site = self.site;
        let request = &site.input.request;
        match (site.build(request, site.cancel)?, beside.take()) {
            (Err(error), Some(guess)) if may_be_chance(&error) => {
                guess.end();
                site.build(request, site.cancel)
            }
            (made, guess) => {
                *beside = guess;
                Ok(made)
            }
        }
    }

    /// Runs the original and tries the rewrites.
    fn compare<'s>(
        &mut self,
        next: &mut Next<'_>,
        made: &Made<'a>,
        guess: Option<Guess<'s, 'a>>,
        build: &Cancel,
    ) -> Result<(), Error>
    where
        'a: 's,
    {
        let site = self.site;
        let begun = Instant::now();
        let measure = site.cancel.child();
        // Running is mostly waiting, and compressing wants all that nobody else wants: both are done
        // while the rewrite is built.
        std::thread::scope(|scope| {
            let (tell, first) = mpsc::channel();
            let running = scope.spawn(move || {
                let learnt = site.learn_behaviour(made, &tell);
                if !learnt.as_ref().is_ok_and(|learnt| learnt.cannot_start().is_none()) {
                    build.cancel();
                }
                learnt
            });
            let opened = site
                .open(made, &site.input.request.dockerfile)
                .inspect_err(|_| build.cancel())?;
            self.report.before = Some(opened.size.clone());
            let layers = layers_of(&opened.contents);
            let measuring = scope.spawn(|| in_background(|| site.measure(layers, &measure)));
            let mut before = Before {
                made,
                opened: &opened,
                first,
                running: Some(running),
                learnt: None,
                guess,
            };
            let tried = self.try_all(next, &mut before, build, begun);
            if tried.is_err() {
                measure.cancel();
            }
            if let Some(guess) = before.guess.take() {
                guess.cancel.cancel();
            }
            // An error of a run goes before that of a build that was given up for it.
            let learnt = before.learnt().map(|learnt| {
                let why = learnt.cannot_start().map(str::to_owned);
                (learnt.is_weak(), why)
            });
            let (weak, cannot_start) = match (learnt, tried) {
                (Ok((weak, None)), tried) => tried.map(|()| (weak, None))?,
                (Ok(known), _) => known,
                (Err(Error::Cancelled), Err(error)) => return Err(error),
                (Err(error), _) => return Err(error),
            };
            self.report.weak = weak;
            if let Some(why) = cannot_start {
                measure.cancel();
                self.fails(&format!("the original's image cannot be started: {why}"));
                return Ok(());
            }
            let begun = Instant::now();
            let sizes = joined(measuring)?;
            self.report.timing.compress += millis(begun);
            if let Some(size) = &mut self.report.before {
                size.set_compressed(&sizes);
            }
            Ok(())
        })
    }

    /// Begins to build what is most likely tried first.
    fn guess<'s>(
        &self,
        next: &mut Next<'_>,
        build: &Cancel,
        at_once: bool,
        scope: &'s Scope<'s, '_>,
    ) -> Option<Guess<'s, 'a>>
    where
        'a: 's,
    {
        let text = next(&[]).into_iter().next()?.text;
        Some(Guess::begin(self.beside, text, build.child(), at_once, scope))
    }

    /// Nothing can be said of the rewrite.
    fn fails(&mut self, why: &str) {
        let report = &mut self.report;
        report.verdict = Verdict::OriginalFails;
        report.reason = why.to_owned();
        report.candidates.clear();
        report.checks.clear();
        (report.after, report.reduction, report.removed) = (None, None, None);
    }

    /// Tries one rewrite after another.
    fn try_all(
        &mut self,
        next: &mut Next<'_>,
        before: &mut Before<'_, '_, 'a>,
        build: &Cancel,
        begun: Instant,
    ) -> Result<(), Error> {
        let mut observed = learn(before.opened.image(), &before.opened.owners);
        self.report.timing.compare += millis(begun);
        let mut tried: Vec<Rewrite> = Vec::new();
        while tried.len() < MOST_TRIES {
            let mut lessons = std::mem::take(&mut self.lessons);
            lessons::add(&mut observed, lessons.lacked);
            let untried = |rewrite: &Rewrite| {
                !tried.iter().any(|known| known.text == rewrite.text) && !self.unreachable.contains(&rewrite.name)
            };
            let mut found = next(&observed).into_iter().find(untried);
            // It is not the one that fell with what it lacked: that one is given the files themselves.
            let as_bold = |found: &Rewrite| tried.last().is_some_and(|fell| fell.name == found.name);
            if !lessons.instead.is_empty() && !found.as_ref().is_some_and(as_bold) {
                lessons::add(&mut observed, std::mem::take(&mut lessons.instead));
                found = next(&observed).into_iter().find(untried);
            }
            let Some(rewrite) = found else { break };
            tried.push(rewrite.clone());
            let verdict = self.attempt(&rewrite, before, build)?;
            self.report.verdict = verdict;
            if verdict != Verdict::Broken {
                if let (Verdict::Smaller, Some(touch)) = (verdict, self.site.options.rebuild.clone()) {
                    self.rebuild(before.made, &rewrite, &touch)?;
                }
                return Ok(());
            }
        }
        if tried.is_empty() {
            self.report.verdict = Verdict::NotVerified;
            self.report.reason = "there is no rewrite to compare with".to_owned();
        }
        Ok(())
    }

    /// Builds one rewrite and compares it; what was found goes into the report.
    fn attempt(
        &mut self,
        rewrite: &Rewrite,
        before: &mut Before<'_, '_, 'a>,
        build: &Cancel,
    ) -> Result<Verdict, Error> {
        let (site, was) = (self.site, before.opened);
        let request = site.request(&rewrite.text);
        let (made, took) = match before.guessed(&rewrite.text) {
            Some(built) => built?,
            None => {
                let begun = Instant::now();
                (site.build(&request, build)?, millis(begun))
            }
        };
        self.report.timing.build_after += took;
        let made = match made {
            Ok(made) => made,
            Err(error) => {
                if matches!(error, Error::Image { .. }) {
                    self.unreachable.push(rewrite.name.clone());
                }
                let check = Check::failed("build", describe(&error));
                return Ok(self.fall(rewrite, None, vec![check]));
            }
        };
        let begun = Instant::now();
        // The original may still be running for the second time.
        let first = before.first()?;
        let (mut is, mut run, sizes) = std::thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let is = site.open(&made, &rewrite.text)?;
                let sizes = site.measure(layers_of(&is.contents), site.cancel)?;
                Ok::<_, Error>((is, sizes))
            });
            let ran = site.glance(&made, &first);
            let (is, sizes) = joined(reading)?;
            Ok::<_, Error>((is, ran?, sizes))
        })?;
        let learnt = before.learnt()?.clone();
        if learnt.cannot_start().is_some() {
            return Ok(Verdict::OriginalFails);
        }
        is.size.set_compressed(&sizes);
        let (old, new) = (&was.contents.config, &is.contents.config);
        let mut base_only = site.input.base_only.clone();
        base_only.retain(|name| !self.original.variables.contains(name));
        let terms = Terms {
            announced: &rewrite.announced,
            own_variables: (!site.input.whole).then(|| self.original.variables.clone()),
            own_labels: (!site.input.whole).then(|| self.original.labels.clone()),
            base_only,
        };
        let mut checks = config::compare(old, new, &is.files, &terms);
        checks.extend(start::compare(was.image(), is.image(), rewrite.starts_otherwise()));
        checks.extend(tree::compare(&was.files, &is.files, &is.owners));
        // Of what cannot start the reason is known better than a run tells it.
        if !checks
            .iter()
            .any(|check| check.is_failure() && check.name == "closure.entrypoint")
        {
            let probes = &site.options.manner.probes;
            let ids = LazyCell::new(|| drawn::ids(&was.files, &is.files));
            let differs = |learnt: &Learnt, run: &Run| {
                let compare = |run: &Run| learnt.compare(probes, run, rewrite.starts_otherwise());
                let compared = compare(run);
                match compared.iter().any(Check::is_failure) && !ids.is_empty() {
                    true => compare(&drawn::renamed(run, &ids)),
                    false => compared,
                }
            };
            let mut compared = differs(&learnt, &run);
            if compared.iter().any(Check::is_failure) {
                // Once is chance: a busy machine makes slow starts and lost connections, and who is asked at
                // once may not be ready.
                run = site.observe(&made, Some(learnt.first()))?;
                compared = differs(&learnt, &run);
            }
            if compared.iter().any(Check::is_failure) {
                // What is around may have changed meanwhile (a registry that tells of updates): then the
                // original does otherwise, too.
                let third = site.observe(before.made, Some(learnt.first()))?;
                compared = differs(&Learnt::new(learnt.first().clone(), third), &run);
            }
            checks.extend(compared);
        }
        let missed = self.compare_traces(&mut checks, rewrite, was, &is, &learnt);
        self.report.timing.compare += millis(begun);
        if let (Some(stage), false) = (&rewrite.tester, site.options.skip_tests) {
            let begun = Instant::now();
            let request = BuildRequest {
                target: Some(stage.clone()),
                ..request.clone()
            };
            checks.push(match site.build(&request, site.cancel)? {
                Ok(_) => Check::ok("tests", format!("the stage {stage} builds, so its tests pass")),
                Err(error) => Check::failed("tests", describe(&error)),
            });
            self.report.timing.tests += millis(begun);
        }
        if checks.iter().any(Check::is_failure) {
            let changed = |check: &Check| check.is_failure() && check.name.starts_with("behaviour.");
            let changed = checks.iter().any(changed);
            // No file mends a config.
            let mendable = !checks
                .iter()
                .any(|check| check.is_failure() && check.name.starts_with("config."));
            if mendable {
                self.lessons = lessons::of_trace(&missed, &was.owners, changed);
                if !rewrite.starts_otherwise() {
                    let lacked = lessons::of_closure(was.image(), &was.owners, is.image());
                    lessons::add(&mut self.lessons.lacked, lacked);
                }
                let (before, after) = (&learnt.first().stderr, &run.stderr);
                lessons::add(&mut self.lessons.lacked, lessons::of_words(after, before));
            }
            return Ok(self.fall(rewrite, Some(is.size), checks));
        }
        let (old, new) = (was.size.unpacked_bytes, is.size.unpacked_bytes);
        let verdict = match is_smaller(old, new) {
            true => Verdict::Smaller,
            false => Verdict::NotSmaller,
        };
        self.report.removed = Some(removed(&was.files, &was.owners, &is.files));
        self.report.candidates.push(Candidate {
            name: rewrite.name.clone(),
            verdict,
            unpacked_bytes: Some(new),
            compressed_bytes: is.size.compressed_bytes,
            planned: rewrite.planned,
            why: String::new(),
            text: rewrite.text.clone(),
        });
        self.report.reduction = Some(reduction(old, new));
        self.report.after = Some(is.size);
        self.report.checks = checks;
        self.taken = Some(made);
        self.report.reason = match verdict {
            Verdict::Smaller => "it is smaller, and every check holds",
            _ if new < old => "every check holds, but it is smaller by no more than two builds may differ",
            _ => "every check holds, but it is not smaller",
        }
        .to_owned();
        Ok(verdict)
    }

    /// Whether the rewrite has what the original opened and executed; what it has not.
    fn compare_traces(
        &self,
        checks: &mut Vec<Check>,
        rewrite: &Rewrite,
        was: &Opened,
        is: &Opened,
        learnt: &Learnt,
    ) -> Vec<Missed> {
        let trace = match &learnt.first().trace {
            Some(Ok(trace)) => trace,
            Some(Err(why)) => {
                checks.push(traced::untraced(why));
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let used = Used {
            trace,
            before: &was.files,
            owners: &was.owners,
            base_layers: was.base_layers,
            other_start: rewrite.starts_otherwise(),
        };
        checks.extend(used.compare(&is.files));
        used.missed(&is.files)
    }

    /// Notes a rewrite that fell.
    fn fall(&mut self, rewrite: &Rewrite, size: Option<ImageSize>, checks: Vec<Check>) -> Verdict {
        let why = checks.iter().find(|check| check.is_failure());
        let why = why.map_or_else(String::new, |check| format!("{}: {}", check.name, check.detail));
        self.report.candidates.push(Candidate {
            name: rewrite.name.clone(),
            verdict: Verdict::Broken,
            unpacked_bytes: size.as_ref().map(|size| size.unpacked_bytes),
            compressed_bytes: size.as_ref().and_then(|size| size.compressed_bytes),
            planned: rewrite.planned,
            why: why.clone(),
            text: rewrite.text.clone(),
        });
        let before = self.report.before.as_ref().map(|size| size.unpacked_bytes);
        let after = size.as_ref().map(|size| size.unpacked_bytes);
        self.report.reduction = before.zip(after).map(|(old, new)| reduction(old, new));
        self.report.after = size;
        self.report.checks = checks;
        self.report.reason = why;
        Verdict::Broken
    }

    /// Times both after a change to a source file.
    fn rebuild(&mut self, original: &Made<'_>, rewrite: &Rewrite, touch: &Touch) -> Result<(), Error> {
        let begun = Instant::now();
        match rebuild(self.site, original, &rewrite.text, touch)? {
            Ok(timed) => {
                if timed.before_from == RebuildFrom::FirstBuild {
                    self.report.notes.push(
                        "how long the original's rebuild takes is what these steps took when it was built from nothing"
                            .to_owned(),
                    );
                }
                self.report.rebuild = Some(timed);
            }
            Err(error) => {
                let note = format!("the rebuild could not be timed: {}", describe(&error));
                self.report.notes.push(note);
            }
        }
        self.report.timing.rebuild = millis(begun);
        Ok(())
    }
}

fn reduction(before: u64, after: u64) -> f64 {
    match before {
        0 => 0.0,
        _ => (before as f64 - after as f64) / before as f64,
    }
}

/// An error with the end of what a failed step wrote.
fn describe(error: &Error) -> String {
    match error {
        Error::Step(failed) => {
            let output = &failed.output;
            let tail: Vec<&str> = output
                .lines()
                .rev()
                .filter(|line| !line.trim().is_empty())
                .take(3)
                .collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            match tail.is_empty() {
                true => error.to_string(),
                false => format!("{error}: {}", tail.join(" | ")),
            }
        }
        _ => error.to_string(),
    }
}
