//! What an image does when it is started: learnt from two runs of the original, and asked of the
//! rewrite.
//!
//! What differs between the two runs of the original is not stable and is not compared. The first
//! run also says how long to wait: until the process ended, or until it listens, or until it has been
//! quiet for a while.

use super::check::Check;
use super::http::{self, Response};
use super::normalise::{normalise, sorted};
use super::probe::{DEFAULT_TIMEOUT, Probe};
use crate::executor::{Cancel, Container, ContainerSpec, Engine, Error, ImageId, Limits, Trace};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// How long a process is waited for after the stop signal, once another run ignored it.
const DEAF: Duration = Duration::from_secs(2);

/// How to look.
#[derive(Debug, Clone)]
pub struct Manner {
    /// The longest wait for the process to end or to listen.
    pub patience: Duration,
    /// A process that neither listens nor writes for so long is taken to be up.
    pub quiet: Duration,
    /// Between the stop signal and the kill; Docker's own is 10 s.
    pub grace: Duration,
    /// Set in every container.
    pub env: Vec<(String, String)>,
    /// What the user asked for.
    pub probes: Vec<Probe>,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner {
            patience: Duration::from_secs(15),
            quiet: Duration::from_secs(3),
            grace: Duration::from_secs(10),
            env: Vec::new(),
            probes: Vec::new(),
        }
    }
}

/// What a plain request brought, as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Without parameters.
    pub content_type: Option<String>,
    /// Where it redirects to.
    pub location: Option<String>,
    /// Normalised.
    pub body: String,
}

impl From<Response> for Answer {
    fn from(response: Response) -> Answer {
        Answer {
            status: response.status,
            content_type: response.content_type,
            location: response.location.map(|location| normalise(location.as_bytes())),
            body: normalise(&response.body),
        }
    }
}

/// What came of a user's probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer over HTTP.
    Http(Answer),
    /// A connection was taken.
    Connected,
    /// A program ran: exit code, output and errors, normalised.
    Ran(i32, String, String),
    /// Nothing came of it, and why.
    Failed(String),
}

/// How the process took the stop signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The exit code.
    pub code: i32,
    /// It had to be killed.
    pub killed: bool,
    /// Milliseconds until it had ended.
    pub millis: u64,
}

/// What one run showed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Where the process ended by itself: its exit code.
    pub exit: Option<i32>,
    /// Standard output, normalised.
    pub stdout: String,
    /// Standard error, normalised.
    pub stderr: String,
    /// Ports that it listens on for others.
    pub ports: BTreeSet<u16>,
    /// What `GET /` brought, by port; none where the port speaks no HTTP.
    pub answers: BTreeMap<u16, Option<Answer>>,
    /// The user's probes, in their order.
    pub probes: Vec<Outcome>,
    /// How it took the stop signal, where it was still up.
    pub stop: Option<Stop>,
    /// What was opened and executed, where that was looked at, or why it could not be.
    pub trace: Option<Result<Trace, String>>,
}

/// Starts the image and looks at it. `like` is an earlier run of the original: then its ports are
/// waited for. Without one, `exposes` says that the image names ports: then some port is.
///
/// # Errors
/// The engine fails, or `cancel` asks for the end. That a process cannot be started is what a run
/// shows ([`Run::exit`] 127, the reason in [`Run::stderr`]), not an error.
pub fn observe(
    engine: &dyn Engine,
    image: &ImageId,
    manner: &Manner,
    (like, exposes): (Option<&Run>, bool),
    cancel: &Cancel,
) -> Result<Run, Error> {
    let mut run = Run::default();
    let mut spec = ContainerSpec::new(image.clone());
    spec.env = manner.env.clone();
    // What the original uses is learnt from its first run.
    spec.trace = like.is_none();
    spec.limits = Limits {
        step: Some(manner.patience * 8 + manner.grace + DEFAULT_TIMEOUT * 4),
        ..Limits::default()
    };
    let mut container = engine.create(&spec)?;
    match container.start() {
        Ok(()) => {
            settle(&mut *container, manner, (like, exposes), &mut run, cancel)?;
            if run.exit.is_none() {
                ask(&*container, manner, like, &mut run);
            }
        }
        Err(error @ (Error::Cancelled | Error::Unavailable { .. })) => return Err(error),
        Err(error) => {
            run.exit = Some(127);
            run.stderr = error.to_string();
            return Ok(run);
        }
    }
    let mut traces = Vec::new();
    for probe in &manner.probes {
        cancel.check()?;
        let outcome = match probe {
            Probe::Command { args, env } => {
                let (outcome, seen) = command(engine, image, manner, (args, env), spec.trace)?;
                traces.push(seen);
                outcome
            }
            _ if run.exit.is_some() => Outcome::Failed("the image had ended already".to_owned()),
            Probe::Http { port, path } => fetch(&*container, *port, path, DEFAULT_TIMEOUT),
            Probe::Tcp { port } => match container.dial(*port, DEFAULT_TIMEOUT) {
                Ok(_) => Outcome::Connected,
                Err(error) => Outcome::Failed(error.to_string()),
            },
            Probe::Exec { args } => match container.exec(args, DEFAULT_TIMEOUT) {
                Ok(ran) => Outcome::Ran(ran.code, normalise(&ran.stdout), normalise(&ran.stderr)),
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) => Outcome::Failed(error.to_string()),
            },
        };
        run.probes.push(outcome);
    }
    if run.exit.is_none() {
        // What ignores the signal is not waited for as long a second time.
        let deaf = like.and_then(|like| like.stop).is_some_and(|stop| stop.killed);
        let grace = if deaf { manner.grace.min(DEAF) } else { manner.grace };
        let stopped = container.stop(grace)?;
        run.stop = Some(Stop {
            code: stopped.code,
            killed: stopped.killed,
            millis: stopped.millis,
        });
    }
    let logs = container.logs()?;
    run.stdout = normalise(&logs.stdout);
    run.stderr = normalise(&logs.stderr);
    if spec.trace {
        let mut seen = container.trace();
        if let Ok(seen) = &mut seen {
            traces.into_iter().flatten().for_each(|more| seen.add(more));
        }
        run.trace = Some(seen);
    }
    Ok(run)
}

/// Waits until the process has ended, listens, or is quiet.
fn settle(
    container: &mut dyn Container,
    manner: &Manner,
    (like, exposes): (Option<&Run>, bool),
    run: &mut Run,
    cancel: &Cancel,
) -> Result<(), Error> {
    let begun = Instant::now();
    // A slower start is no other behaviour: the rewrite may take longer than the original did.
    let patience = if like.is_some() {
        manner.patience * 2
    } else {
        manner.patience
    };
    let expected = like.map(|like| &like.ports);
    let (mut written, mut changed) = (0, Instant::now());
    loop {
        cancel.check()?;
        // Engines with a client of their own start it anew for each look.
        let pause = if begun.elapsed() < Duration::from_secs(1) {
            100
        } else {
            250
        };
        if let Some(exit) = container.wait(Duration::from_millis(pause))? {
            run.exit = Some(exit.code);
            return Ok(());
        }
        let ports = container.listening().unwrap_or_default();
        let logs = container.logs()?;
        let now_written = logs.stdout.len() + logs.stderr.len();
        if ports != run.ports || now_written != written {
            (run.ports, written, changed) = (ports, now_written, Instant::now());
        }
        let (still, waited) = (changed.elapsed(), begun.elapsed());
        let enough = match expected {
            // The original ended by itself: so must this.
            Some(_) if like.is_some_and(|like| like.exit.is_some()) => waited > patience,
            Some(ports) if !ports.is_empty() => {
                run.ports.is_superset(ports) && still > Duration::from_millis(300) || waited > patience
            }
            _ if !run.ports.is_empty() => still > Duration::from_millis(700) || waited > patience,
            // A slow start writes nothing for a while.
            None if exposes => waited > patience,
            _ => still > manner.quiet && waited > manner.quiet || waited > patience,
        };
        if enough {
            return Ok(());
        }
    }
}

/// One plain request to every port, each tried until it answers as it did before.
fn ask(container: &dyn Container, manner: &Manner, like: Option<&Run>, run: &mut Run) {
    for port in run.ports.clone() {
        let expected = like.and_then(|like| like.answers.get(&port));
        let end = Instant::now() + manner.patience;
        let answer = loop {
            let answer = match fetch(container, port, "/", Duration::from_secs(5)) {
                Outcome::Http(answer) => Some(answer),
                _ => None,
            };
            // A server may take connections before it is ready (502, 503), or answer nothing yet.
            let ready = match (&answer, expected) {
                (found, Some(expected)) => found == expected,
                (Some(answer), None) => !matches!(answer.status, 502..=504),
                (None, None) => true,
            };
            if ready || Instant::now() > end {
                break answer;
            }
            std::thread::sleep(Duration::from_millis(250));
        };
        run.answers.insert(port, answer);
    }
}

fn fetch(container: &dyn Container, port: u16, path: &str, at_most: Duration) -> Outcome {
    let answer = container
        .dial(port, at_most)
        .and_then(|stream| http::get(stream, "localhost", path, at_most));
    match answer {
        Ok(response) => Outcome::Http(response.into()),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// Runs the image once with other arguments.
fn command(
    engine: &dyn Engine,
    image: &ImageId,
    manner: &Manner,
    (args, env): (&[String], &[(String, String)]),
    traced: bool,
) -> Result<(Outcome, Option<Trace>), Error> {
    let mut spec = ContainerSpec::new(image.clone());
    spec.args = Some(args.to_vec());
    spec.env = manner.env.iter().chain(env).cloned().collect();
    spec.trace = traced;
    let mut container = engine.create(&spec)?;
    if let Err(error) = container.start() {
        return match error {
            Error::Cancelled => Err(error),
            error => Ok((Outcome::Failed(error.to_string()), None)),
        };
    }
    let outcome = match container.wait(manner.patience * 2)? {
        None => Outcome::Failed(format!(
            "it was still running after {} s",
            (manner.patience * 2).as_secs()
        )),
        Some(exit) => {
            let logs = container.logs()?;
            Outcome::Ran(exit.code, normalise(&logs.stdout), normalise(&logs.stderr))
        }
    };
    let trace = if traced { container.trace().ok() } else { None };
    Ok((outcome, trace))
}

/// What two runs of the original have in common.
#[derive(Debug, Clone)]
pub struct Learnt {
    first: Run,
    second: Run,
}

impl Learnt {
    /// From two runs of the original.
    pub fn new(first: Run, second: Run) -> Learnt {
        Learnt { first, second }
    }

    /// The first run, for others to be measured by.
    pub fn first(&self) -> &Run {
        &self.first
    }

    /// Whether it says little about the rewrite: the original ended with an error both times, and no
    /// probe of the user's worked.
    pub fn is_weak(&self) -> bool {
        let failed = |run: &Run| run.exit.is_some_and(|code| code != 0);
        let worked = |outcome: &Outcome| !matches!(outcome, Outcome::Failed(_));
        failed(&self.first) && failed(&self.second) && !self.first.probes.iter().any(worked)
    }

    /// Why the original could not be started at all, where that is so.
    pub fn cannot_start(&self) -> Option<&str> {
        let never = |run: &Run| matches!(run.exit, Some(126 | 127)) && run.stdout.is_empty();
        (never(&self.first) && never(&self.second)).then_some(self.first.stderr.as_str())
    }

    /// Asks the same of a run of the rewrite.
    pub fn compare(&self, probes: &[Probe], run: &Run) -> Vec<Check> {
        let (one, two) = (&self.first, &self.second);
        let mut checks = Vec::new();
        checks.push(match (one.exit, two.exit, run.exit) {
            (a, b, _) if a != b => Check::skipped("behaviour.exit-code", "the original does not always end alike"),
            (None, _, None) => Check::ok("behaviour.exit-code", "both stay up"),
            (Some(code), _, Some(is)) if code == is => {
                Check::ok("behaviour.exit-code", format!("both end with exit code {code}"))
            }
            (None, _, Some(is)) => Check::failed(
                "behaviour.exit-code",
                format!(
                    "the original stays up, the rewrite ends with exit code {is}{}",
                    last_words(run)
                ),
            ),
            (Some(code), _, None) => Check::failed(
                "behaviour.exit-code",
                format!("the original ends with exit code {code}, the rewrite stays up"),
            ),
            (Some(code), _, Some(is)) => Check::failed(
                "behaviour.exit-code",
                format!(
                    "the original ends with exit code {code}, the rewrite with {is}{}",
                    last_words(run)
                ),
            ),
        });
        for (name, field) in [
            ("behaviour.stdout", (|run| &run.stdout) as fn(&Run) -> &String),
            ("behaviour.stderr", |run| &run.stderr),
        ] {
            checks.push(text(name, field(one), field(two), field(run)));
        }
        if one.ports != two.ports {
            checks.push(Check::skipped(
                "behaviour.ports",
                "the original does not always listen alike",
            ));
        } else if one.ports == run.ports {
            checks.push(Check::ok(
                "behaviour.ports",
                format!("both listen on {}", ports(&one.ports)),
            ));
        } else {
            let says = format!(
                "the original listens on {}, the rewrite on {}",
                ports(&one.ports),
                ports(&run.ports)
            );
            checks.push(Check::failed("behaviour.ports", says));
        }
        for (port, answer) in &one.answers {
            let name = format!("behaviour.http.{port}");
            let is = run.answers.get(port);
            checks.push(match (answer, two.answers.get(port)) {
                (_, None) => continue,
                (None, _) => Check::skipped(name, "it speaks no HTTP"),
                (Some(was), Some(again)) => match is {
                    Some(Some(is)) => answers(name, was, again.as_ref(), is),
                    _ => Check::failed(
                        name,
                        format!("the original answers GET / with {}, the rewrite not at all", was.status),
                    ),
                },
            });
        }
        for (at, probe) in probes.iter().enumerate() {
            let name = format!("probe.{probe}");
            let outcomes = (one.probes.get(at), two.probes.get(at), run.probes.get(at));
            if let (Some(was), Some(again), Some(is)) = outcomes {
                checks.push(probed(name, was, again, is));
            }
        }
        checks.push(stop(one.stop, two.stop, run.stop));
        checks
    }
}

/// The end of what it wrote, for a message.
fn last_words(run: &Run) -> String {
    let written = if run.stderr.is_empty() {
        &run.stdout
    } else {
        &run.stderr
    };
    match written.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(line) => format!(": {}", line.chars().take(200).collect::<String>()),
        None => String::new(),
    }
}

fn ports(ports: &BTreeSet<u16>) -> String {
    match ports.is_empty() {
        true => "no port".to_owned(),
        false => ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// Compares texts as exactly as two runs of the original allow: as they are, else by sorted lines,
/// else by the lines that both have.
fn text(name: &str, one: &str, two: &str, is: &str) -> Check {
    if one == two {
        return match one == is {
            true => Check::ok(
                name,
                match one.lines().count() {
                    0 => "both write nothing".to_owned(),
                    1 => "the same line".to_owned(),
                    lines => format!("the same {lines} lines"),
                },
            ),
            false => Check::failed(name, difference(one, is)),
        };
    }
    let (first, second, other) = (sorted(one), sorted(two), sorted(is));
    if first == second {
        return match first == other {
            true => Check::ok(name, format!("the same {} lines, in another order", first.len())),
            false => Check::failed(name, difference(&first.join("\n"), &other.join("\n"))),
        };
    }
    let again: BTreeSet<&str> = second.into_iter().collect();
    let known: BTreeSet<&str> = other.into_iter().collect();
    let stable: BTreeSet<&str> = first.into_iter().filter(|line| again.contains(line)).collect();
    match stable.iter().find(|line| !known.contains(*line)) {
        Some(line) => Check::failed(
            name,
            format!(
                "the rewrite does not write `{}`",
                line.chars().take(200).collect::<String>()
            ),
        ),
        None => Check::ok(
            name,
            format!("the {} lines that the original always writes", stable.len()),
        ),
    }
}

/// The first line that differs, both ways.
fn difference(was: &str, is: &str) -> String {
    let short = |line: Option<&str>| match line {
        Some(line) => format!("`{}`", line.chars().take(200).collect::<String>()),
        None => "nothing more".to_owned(),
    };
    let (mut was, mut is) = (was.lines(), is.lines());
    loop {
        match (was.next(), is.next()) {
            (None, None) => return "they differ in blanks".to_owned(),
            (one, other) if one != other => {
                return format!("the original writes {}, the rewrite {}", short(one), short(other));
            }
            _ => {}
        }
    }
}

fn answers(name: String, was: &Answer, again: Option<&Answer>, is: &Answer) -> Check {
    let Some(again) = again else {
        return Check::skipped(name, "the original does not always answer");
    };
    if was.status != again.status {
        return Check::skipped(name, "the original does not always answer alike");
    }
    if was.status != is.status {
        let says = format!(
            "GET / brings status {} from the original, {} from the rewrite",
            was.status, is.status
        );
        return Check::failed(name, says);
    }
    if was.content_type == again.content_type && was.content_type != is.content_type {
        let shown = |t: &Option<String>| t.clone().unwrap_or_else(|| "none".to_owned());
        let says = format!(
            "the content type was {} and is {}",
            shown(&was.content_type),
            shown(&is.content_type)
        );
        return Check::failed(name, says);
    }
    if was.location == again.location && was.location != is.location {
        return Check::failed(
            name,
            format!("it redirected to {:?}, and now to {:?}", was.location, is.location),
        );
    }
    let body = text(&name, &was.body, &again.body, &is.body);
    match body.is_failure() {
        true => Check::failed(name, format!("another body: {}", body.detail)),
        false => Check::ok(
            name,
            format!(
                "GET / brings the same (status {}, {} bytes)",
                was.status,
                was.body.len()
            ),
        ),
    }
}

fn probed(name: String, was: &Outcome, again: &Outcome, is: &Outcome) -> Check {
    match (was, again, is) {
        (Outcome::Failed(why), Outcome::Failed(_), Outcome::Failed(_)) => {
            Check::skipped(name, format!("it fails with the original, too: {why}"))
        }
        (Outcome::Failed(why), ..) => Check::skipped(name, format!("it fails with the original: {why}")),
        (_, Outcome::Failed(why), _) => Check::skipped(name, format!("it sometimes fails with the original: {why}")),
        (_, _, Outcome::Failed(why)) => Check::failed(name, format!("it works with the original only: {why}")),
        (Outcome::Http(was), Outcome::Http(again), Outcome::Http(is)) => answers(name, was, Some(again), is),
        (Outcome::Connected, _, Outcome::Connected) => Check::ok(name, "both take the connection"),
        (Outcome::Ran(code, out, err), Outcome::Ran(again, out2, err2), Outcome::Ran(is, out3, err3)) => {
            if code != again {
                return Check::skipped(name, "the original does not always end alike");
            }
            if code != is {
                return Check::failed(
                    name,
                    format!(
                        "exit code {code} became {is}: {}",
                        err3.lines().last().unwrap_or_default()
                    ),
                );
            }
            for (one, two, three) in [(out, out2, out3), (err, err2, err3)] {
                let compared = text(&name, one, two, three);
                if compared.is_failure() {
                    return compared;
                }
            }
            Check::ok(name, format!("the same output, exit code {code}"))
        }
        _ => Check::failed(name, "it went another way than with the original"),
    }
}

fn stop(one: Option<Stop>, two: Option<Stop>, is: Option<Stop>) -> Check {
    const NAME: &str = "behaviour.stop";
    let (Some(one), Some(two), Some(is)) = (one, two, is) else {
        return Check::skipped(NAME, "there was nothing to stop");
    };
    let took = |stop: Stop| format!("{:.1} s", stop.millis as f64 / 1000.0);
    if one.killed != two.killed || one.code != two.code {
        return Check::skipped(NAME, "the original does not always stop alike");
    }
    if is.killed && !one.killed {
        let says = format!(
            "the original ends {} after the stop signal, the rewrite ignores it",
            took(one)
        );
        return Check::failed(NAME, says);
    }
    if is.code != one.code && (is.killed || !one.killed) {
        let says = format!(
            "the original stops with exit code {}, the rewrite with {}",
            one.code, is.code
        );
        return Check::failed(NAME, says);
    }
    let slowest = one.millis.max(two.millis);
    if is.millis > slowest.saturating_mul(3) && is.millis > slowest + 2000 {
        let says = format!(
            "the original stops within {}, the rewrite within {}",
            took(one),
            took(is)
        );
        return Check::failed(NAME, says);
    }
    if one.killed && is.killed {
        return Check::ok(NAME, "both ignore the stop signal and are killed");
    }
    Check::ok(
        NAME,
        format!("exit code {} after {}, before {}", is.code, took(is), took(one)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up() -> Run {
        let answer = Answer {
            status: 200,
            content_type: Some("text/plain".into()),
            location: None,
            body: "hello".into(),
        };
        Run {
            stdout: "listening".into(),
            ports: [8080].into(),
            answers: [(8080, Some(answer))].into(),
            stop: Some(Stop {
                code: 0,
                killed: false,
                millis: 40,
            }),
            ..Run::default()
        }
    }

    fn failures(learnt: &Learnt, run: &Run) -> Vec<String> {
        let checks = learnt.compare(&[], run);
        checks.into_iter().filter(Check::is_failure).map(|c| c.name).collect()
    }

    #[test]
    fn the_same_is_the_same_and_what_differs_is_named() {
        let learnt = Learnt::new(up(), up());
        assert_eq!(failures(&learnt, &up()), Vec::<String>::new());
        let other = |change: fn(&mut Run)| {
            let mut run = up();
            change(&mut run);
            failures(&Learnt::new(up(), up()), &run)
        };
        assert_eq!(other(|run| run.exit = Some(1)), ["behaviour.exit-code"]);
        assert_eq!(other(|run| run.ports = [80].into()), ["behaviour.ports"]);
        assert_eq!(other(|run| run.stdout = "ready".into()), ["behaviour.stdout"]);
        let broken = other(|run| {
            if let Some(Some(answer)) = run.answers.get_mut(&8080) {
                answer.status = 500;
            }
        });
        assert_eq!(broken, ["behaviour.http.8080"]);
        let stuck = other(|run| {
            run.stop = Some(Stop {
                code: 137,
                killed: true,
                millis: 10_000,
            })
        });
        assert_eq!(stuck, ["behaviour.stop"]);
    }

    #[test]
    fn what_is_not_stable_is_not_asked_for() {
        let mut second = up();
        second.stdout = "listening, seed 4711".into();
        second.exit = Some(3);
        let learnt = Learnt::new(up(), second);
        let mut run = up();
        run.stdout = "listening, seed 42".into();
        assert_eq!(failures(&learnt, &run), Vec::<String>::new());
    }

    #[test]
    fn lines_in_another_order_are_the_same_where_the_original_does_that_too() {
        assert!(!text("x", "a\nb", "b\na", "a\nb").is_failure());
        assert!(text("x", "a\nb", "b\na", "a\nc").is_failure());
        assert!(text("x", "a\nb", "a\nb", "b\na").is_failure());
        assert!(!text("x", "a\n1", "a\n2", "a\n3").is_failure());
        assert!(text("x", "a\n1", "a\n2", "b\n3").is_failure());
    }

    #[test]
    fn an_original_that_only_fails_says_little() {
        let mut failed = up();
        failed.exit = Some(1);
        assert!(Learnt::new(failed.clone(), failed.clone()).is_weak());
        assert!(!Learnt::new(up(), up()).is_weak());
        failed.probes = vec![Outcome::Connected];
        assert!(!Learnt::new(failed.clone(), failed).is_weak());
    }
}
