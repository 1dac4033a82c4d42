//! `mbopt lint`.

use super::args::{FormatName, Global, Lint, Switch};
use super::baseline::{Baseline, Recorder};
use super::build::arguments::How;
use super::build::{self, show::Show};
use super::colour;
use super::console::{Sink, say};
use super::discover::{self, Excludes, Found, Input, Target};
use super::engine::{Engine, Selection};
use super::exit::Outcome;
use super::job::{Done, Mode, Run};
use super::pool;
use super::prover::Prover;
use super::surroundings::{ConfigSource, Surroundings};
use super::tree::FolderTree;
use super::write;
use crate::config::{Registries, nearest};
use crate::edit::Applicability;
use crate::report::{Format, Reporter, Summary, reporter, visible};
use crate::rule::shellcheck;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files done before what they gave is written out and forgotten.
const BATCH: usize = 512;
/// What is gathered, in bytes, before it is written.
const CHUNK: usize = 64 * 1024;

/// Lints, and says how it ended.
pub fn run<E: Engine>(engine: &E, args: &Lint, global: Global) -> Outcome {
    match prepare(engine, args, global) {
        Ok((run, found)) => Report::new(&run, args, global).all(&run, &found),
        Err(message) => {
            say(&format!("error: {message}"));
            Outcome::Failure
        }
    }
}

/// Everything that can be wrong before the first file is read.
fn prepare<'e, E: Engine>(engine: &'e E, args: &Lint, global: Global) -> Result<(Run<'e, E>, Found), String> {
    if args.unsafe_fixes && !(args.fix || args.diff) {
        return Err("--unsafe-fixes needs --fix or --diff".to_owned());
    }
    let level = if args.unsafe_fixes {
        Applicability::Unsafe
    } else {
        Applicability::Safe
    };
    if args.statistics && !matches!(args.format, FormatName::Text | FormatName::Json) {
        return Err("--statistics goes with --format text or json".to_owned());
    }
    let mode = match (args.diff, args.fix) {
        (true, _) => Mode::Diff(level),
        (false, true) => Mode::Fix(level),
        (false, false) => Mode::Report,
    };
    let here = std::env::current_dir().map_err(|error| format!("the current folder: {error}"))?;
    let context = match &args.context {
        Some(path) => {
            let tree = FolderTree::open(path).ok_or_else(|| format!("--context {}: no such folder", path.display()))?;
            Some(Arc::from([Arc::new(tree)]))
        }
        None => None,
    };
    let source = match (&args.config, args.no_config) {
        (Some(path), _) => ConfigSource::File(here.join(path)),
        (None, true) => ConfigSource::None,
        (None, false) => ConfigSource::Nearest,
    };
    let excludes = Excludes::new(&args.exclude, &here)?;
    let mut paths = args.paths.clone();
    if let Some(list) = &args.file_list {
        if list.as_os_str() == "-" && paths.iter().any(|p| p.as_os_str() == "-") {
            return Err("standard input can be the list of files or a Dockerfile, not both".to_owned());
        }
        paths.extend(discover::listed(list)?);
    } else if paths.is_empty() {
        paths.push(PathBuf::from(if args.stdin_filename.is_some() { "-" } else { "." }));
    }
    let selection = Selection {
        select: args.select.clone(),
        ignore: args.ignore.clone(),
        shellcheck: args.shellcheck.map(Into::into),
        level: args.level.map(Into::into),
        rewrite: args.stages.map(|when| when == Switch::On),
    };
    let colour_err = colour::wanted_here(global.color, std::io::stderr().is_terminal());
    let mut found = discover::find(&paths, &excludes, args.force_exclude);
    let around = Surroundings::new(engine, source, selection.clone(), here.clone(), colour_err);
    check_names(engine, &around, &selection, &found)?;
    if let Some(output) = &args.output {
        check_output("--output", output, &found)?;
    }
    if let Some(output) = &args.write_baseline {
        check_output("--write-baseline", output, &found)?;
    }
    found.targets.retain(|target| match &target.input {
        Input::File(path) if !target.named || args.force_exclude => match around.config(path) {
            Ok(config) => !engine.excludes(&config, &around.framed(path)),
            // Kept, so that the file is reported as not linted.
            Err(_) => true,
        },
        _ => true,
    });
    let baseline = match &args.baseline {
        Some(file) => Some(Baseline::read(file, &here)?),
        None => None,
    };
    let prover = match args.verify {
        true => {
            // One engine for all files: what the config of the first says of registries holds.
            let first = found.targets.iter().find_map(|target| match &target.input {
                Input::File(path) => Some(path.as_path()),
                Input::Stdin => None,
            });
            let registries = build::registries(engine, &around, first.unwrap_or(Path::new("Dockerfile")))?;
            Some(prover(args, global, registries)?)
        }
        false => None,
    };
    let run = Run {
        engine,
        prover,
        around,
        baseline,
        fail_on: args.fail_on,
        context,
        stdin_name: args.stdin_filename.clone(),
        mode,
        relative: args.format.is_for_services().then_some(here),
        colour: args.output.is_none() && colour::wanted_here(global.color, std::io::stdout().is_terminal()),
    };
    Ok((run, found))
}

/// What proves files before they are written.
fn prover(args: &Lint, global: Global, registries: Registries) -> Result<Prover, String> {
    let terminal = colour::wanted_here(global.color, std::io::stderr().is_terminal());
    let show = Show::new(global.quiet, global.verbose, terminal);
    let how = How::of_environment()?;
    Prover::new(
        build::how(&how),
        &build::places(&how, registries),
        how.engine.name(),
        args.accept_weak,
        show,
    )
    .map_err(|error| error.to_string())
}

/// Groups that are no category of rules.
const GROUPS: [&str; 2] = ["all", "default"];

/// A report must not take the place of a file that it is about.
fn check_output(flag: &str, output: &Path, found: &Found) -> Result<(), String> {
    let Ok(place) = output.canonicalize() else {
        return Ok(());
    };
    let clash = found.targets.iter().any(|target| match &target.input {
        Input::File(path) => path.canonicalize().is_ok_and(|p| p == place),
        Input::Stdin => false,
    });
    match clash {
        true => Err(format!(
            "{flag} {}: is one of the files to lint, which it would replace",
            output.display()
        )),
        false => Ok(()),
    }
}

/// A mistyped rule must not silently select nothing.
fn check_names<E: Engine>(
    engine: &E,
    around: &Surroundings<'_, E>,
    selection: &Selection,
    found: &Found,
) -> Result<(), String> {
    let flagged = [("--select", &selection.select), ("--ignore", &selection.ignore)];
    if flagged.iter().all(|(_, names)| names.is_empty()) {
        return Ok(());
    }
    let mut rules = engine.rules();
    // A rule may be the config's own; the first file's config stands for all.
    let first = found.targets.iter().find_map(|t| match &t.input {
        Input::File(path) => Some(path.clone()),
        Input::Stdin => None,
    });
    if let Ok(config) = around.config(first.as_deref().unwrap_or(Path::new("-"))) {
        rules.extend(engine.config_rules(&config));
    }
    let names = || {
        rules
            .iter()
            .flat_map(|r| r.aliases.iter().copied().chain([r.id]))
            .chain(rules.iter().map(|r| r.category))
            .chain(GROUPS)
    };
    for (flag, given) in flagged {
        for name in given {
            if !names().any(|known| known.eq_ignore_ascii_case(name)) && shellcheck::code(name).is_none() {
                let hint = match nearest(name, names()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "`mbopt rules` lists them".to_owned(),
                };
                return Err(format!("{flag}: no rule or group is called `{name}`; {hint}"));
            }
        }
    }
    Ok(())
}

/// Puts together what the files gave.
struct Report<'a> {
    args: &'a Lint,
    global: Global,
    reporter: Box<dyn Reporter>,
    sink: Sink,
    /// What is not written yet.
    pending: Vec<u8>,
    summary: Summary,
    /// Whether findings are drawn; else it is the diff that is written.
    drawn: bool,
    /// Whether something was written, so that the next part needs a separator.
    begun: bool,
    /// Notes, with the first file that has it and how many others have it.
    notes: BTreeMap<String, (String, usize)>,
    outcome: Outcome,
    /// Whether a file has findings that fail the run.
    failing: bool,
    /// Files that `--diff` would change.
    would_change: usize,
    /// What `--write-baseline` is to write.
    recorder: Option<Recorder>,
}

impl<'a> Report<'a> {
    fn new<E: Engine>(run: &Run<'_, E>, args: &'a Lint, global: Global) -> Self {
        let fixes_stdin = matches!(run.mode, Mode::Fix(_))
            && (args.paths.iter().any(|p| p.as_os_str() == "-")
                || (args.paths.is_empty() && args.stdin_filename.is_some()));
        let (sink, terminal) = match &args.output {
            Some(_) => (Sink::Memory(Vec::new()), false),
            None if fixes_stdin => (Sink::Stderr, std::io::stderr().is_terminal()),
            None => (Sink::Stdout, std::io::stdout().is_terminal()),
        };
        let colour = args.output.is_none() && colour::wanted_here(global.color, terminal);
        let rules = if args.format == FormatName::Sarif {
            run.engine.rules()
        } else {
            Vec::new()
        };
        let format = match args.statistics {
            true => Format::Statistics {
                json: args.format == FormatName::Json,
            },
            false => args.format.into(),
        };
        Report {
            args,
            global,
            reporter: reporter(format, colour, global.quiet, &rules),
            sink,
            pending: Vec::new(),
            summary: Summary::default(),
            drawn: !matches!(run.mode, Mode::Diff(_)) && args.write_baseline.is_none(),
            begun: false,
            notes: BTreeMap::new(),
            outcome: Outcome::Clean,
            failing: false,
            would_change: 0,
            recorder: (args.write_baseline.as_ref()).map(|file| Recorder::new(file, run.around.here())),
        }
    }

    fn all<E: Engine>(mut self, run: &Run<'_, E>, found: &Found) -> Outcome {
        for (path, error) in &found.errors {
            self.failure(&path.to_string_lossy(), error);
        }
        for folder in &found.barren {
            say(&format!(
                "error: no Dockerfile found in {}; one with an unusual name has to be named",
                folder.display()
            ));
            self.ended(Outcome::NothingFound);
        }
        if found.targets.is_empty()
            && found.barren.is_empty()
            && self.args.file_list.is_some()
            && !self.args.force_exclude
        {
            say("error: no Dockerfile found: the list of files is empty");
            self.ended(Outcome::NothingFound);
        }
        let mut start = Vec::new();
        if self.drawn {
            self.reporter.start(&mut start);
        }
        self.write(&start);
        match found.targets.as_slice() {
            [one] => {
                let done = self.draw(run.job(one));
                self.take(done);
            }
            many => self.many(run, many),
        }
        if let Some(gone) = run
            .baseline
            .as_ref()
            .map(|baseline| baseline.gone())
            .filter(|gone| *gone > 0)
            && !self.global.quiet
        {
            self.flush();
            say(&format!(
                "note: {gone} known finding{} no longer there; --write-baseline writes the baseline without",
                if gone == 1 { " is" } else { "s are" }
            ));
        }
        if !self.global.quiet {
            let configs = run.around.configs();
            let notices: BTreeSet<_> = configs
                .iter()
                .flat_map(|config| run.engine.wishes(config).notices)
                .collect();
            for notice in notices {
                self.flush();
                say(&format!("note: {}", visible(&notice)));
            }
        }
        for error in run.around.config_errors() {
            self.flush();
            say(&error);
            self.ended(Outcome::Failure);
        }
        self.close()
    }

    fn many<E: Engine>(&mut self, run: &Run<'_, E>, targets: &[Target]) {
        pool::start();
        for batch in targets.chunks(BATCH) {
            run.prepare(batch);
            let this = &*self;
            let done: Vec<(Done, Vec<u8>)> = batch
                .par_iter()
                .with_max_len(8)
                .map(|target| this.draw(run.job(target)))
                .collect();
            for one in done {
                self.take(one);
            }
        }
    }

    /// Draws a file's part; on the thread that did the file.
    fn draw(&self, done: Done) -> (Done, Vec<u8>) {
        let mut out = Vec::new();
        if self.drawn {
            self.reporter.file(&done.report, &mut out);
        } else {
            out.extend_from_slice(done.diff.as_bytes());
        }
        (done, out)
    }

    /// Counts a file and writes its part.
    fn take(&mut self, (done, part): (Done, Vec<u8>)) {
        let Done {
            report,
            text,
            diff,
            failing,
            details,
            said,
        } = done;
        if text.is_some() {
            self.flush();
        }
        if let Some(text) = text
            && let Err(error) = Sink::Stdout.write(&text)
        {
            self.failure("standard output", &error.to_string());
        }
        self.summary.add(&report);
        if let Some(recorder) = &mut self.recorder {
            recorder.take(&report);
        }
        self.failing |= failing;
        self.would_change += usize::from(!diff.is_empty());
        if let Some(error) = report.error.as_ref().filter(|_| !said) {
            self.failure(&report.path, error);
        }
        if report.refused() {
            self.ended(Outcome::Refused);
        }
        if self.global.verbose && !details.is_empty() {
            self.flush();
            for detail in details {
                say(&format!("{}: {}", visible(&report.path), visible(&detail)));
            }
        }
        for note in report.notes {
            self.notes.entry(note).or_insert((report.path.clone(), 0)).1 += 1;
        }
        if part.is_empty() {
            return;
        }
        if self.begun {
            let separator = if self.drawn { self.reporter.separator() } else { "" };
            self.write(separator.as_bytes());
        }
        self.begun = true;
        self.write(&part);
    }

    /// The end of the report, the notes, the outcome.
    fn close(mut self) -> Outcome {
        let mut end = Vec::new();
        if self.drawn {
            self.reporter.finish(&self.summary, &mut end);
        }
        self.write(&end);
        self.flush();
        if let (Some(recorder), Some(path)) = (self.recorder.take(), &self.args.write_baseline) {
            return self.record(recorder, path);
        }
        if !self.drawn && !self.global.quiet {
            say(&match self.would_change {
                0 => "nothing would change".to_owned(),
                1 => "1 file would change".to_owned(),
                n => format!("{n} files would change"),
            });
        }
        if !self.global.quiet {
            for (note, (path, count)) in &self.notes {
                let more = if *count > 1 {
                    format!(" (and {} more)", count - 1)
                } else {
                    String::new()
                };
                say(&format!("note: {}: {}{more}", visible(path), visible(note)));
            }
        }
        if let (Sink::Memory(bytes), Some(path)) = (&self.sink, &self.args.output)
            && let Err(error) = write::report(path, bytes)
        {
            self.failure(&path.to_string_lossy(), &error.to_string());
        }
        let failing = if self.drawn {
            self.failing
        } else {
            self.would_change > 0
        };
        if failing {
            self.ended(Outcome::Findings);
        }
        self.outcome
    }

    /// The end of `--write-baseline`.
    fn record(mut self, recorder: Recorder, path: &Path) -> Outcome {
        let count = recorder.count();
        match write::report(path, recorder.text().as_bytes()) {
            Ok(()) if !self.global.quiet => say(&format!(
                "{count} finding{} of {} file{} written to {}",
                if count == 1 { "" } else { "s" },
                self.summary.files_with_findings,
                if self.summary.files_with_findings == 1 { "" } else { "s" },
                path.display()
            )),
            Ok(()) => {}
            Err(error) => self.failure(&path.to_string_lossy(), &error.to_string()),
        }
        self.outcome
    }

    fn failure(&mut self, path: &str, error: &str) {
        // In a terminal the two streams are read as one, so their order is kept.
        self.flush();
        say(&format!("error: {}: {}", visible(path), visible(error)));
        self.ended(Outcome::Failure);
    }

    fn ended(&mut self, outcome: Outcome) {
        let forgiven = self.args.exit_zero && matches!(outcome, Outcome::Findings | Outcome::Refused);
        if !forgiven {
            self.outcome = self.outcome.worst(outcome);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= CHUNK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if let Err(error) = self.sink.write(&pending) {
            // Said once; nothing more is tried.
            self.sink = Sink::Closed;
            self.failure("the report", &error.to_string());
        }
    }
}
