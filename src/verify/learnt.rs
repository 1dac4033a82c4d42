//! What two runs of the original have in common, and whether a run of the rewrite shows the same.

use super::behaviour::{Answer, Outcome, Run, Stop};
use super::check::Check;
use super::normalise::sorted;
use super::probe::Probe;
use std::collections::BTreeSet;

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

    /// Asks the same of a run of the rewrite. Where that announces another start (`cargo run` became the
    /// program), what started the original may be silent now: cargo repeats the compiler's warnings.
    pub fn compare(&self, probes: &[Probe], run: &Run, other_start: bool) -> Vec<Check> {
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
            let check = text(name, field(one), field(two), field(run));
            let silent = other_start && name == "behaviour.stderr" && adds_nothing(field(one), field(run));
            checks.push(match check.is_failure() && silent {
                true => Check::ok(name, "what starts the program says less, the program nothing else"),
                false => check,
            });
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
                    Some(Some(is)) => answers(name, "GET /", was, again.as_ref(), is),
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
    let mut lines = written.lines().rev().filter(|line| !line.trim().is_empty());
    // Node.js ends with its version, below the reason and where it was.
    let reason = lines
        .clone()
        .find(|line| line.contains("Error: ") || line.contains("error: "));
    match reason.or_else(|| lines.next()) {
        Some(line) => format!(": {}", line.trim().chars().take(200).collect::<String>()),
        None => String::new(),
    }
}

fn ports(ports: &BTreeSet<u16>) -> String {
    match ports.is_empty() {
        true => "no port".to_owned(),
        false => ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// Whether each line stood in the original's output.
fn adds_nothing(was: &str, is: &str) -> bool {
    let known: BTreeSet<&str> = was.lines().collect();
    is.lines().all(|line| known.contains(line))
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

/// So much of a line is shown, in characters, and so much of it from before the first difference.
const SHOWN: usize = 200;
const BEFORE: usize = 60;

/// The first line that differs, both ways; of long ones the part around where they do.
fn difference(was: &str, is: &str) -> String {
    let short = |line: Option<&str>, other: Option<&str>| {
        let Some(line) = line else {
            return "nothing more".to_owned();
        };
        let same = line.chars().zip(other.unwrap_or_default().chars());
        let same = same.take_while(|(one, other)| one == other).count();
        let skipped = match line.chars().count() > SHOWN {
            true => same.saturating_sub(BEFORE),
            false => 0,
        };
        let shown: String = line.chars().skip(skipped).take(SHOWN).collect();
        format!("`{}{shown}`", if skipped > 0 { "…" } else { "" })
    };
    let (mut was, mut is) = (was.lines(), is.lines());
    loop {
        match (was.next(), is.next()) {
            (None, None) => return "they differ in blanks".to_owned(),
            (one, other) if one != other => {
                return format!(
                    "the original writes {}, the rewrite {}",
                    short(one, other),
                    short(other, one)
                );
            }
            _ => {}
        }
    }
}

fn answers(name: String, asked: &str, was: &Answer, again: Option<&Answer>, is: &Answer) -> Check {
    let Some(again) = again else {
        return Check::skipped(name, "the original does not always answer");
    };
    if was.status != again.status {
        return Check::skipped(name, "the original does not always answer alike");
    }
    if was.status != is.status {
        let says = format!(
            "{asked} brings status {} from the original, {} from the rewrite",
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
                "{asked} brings the same (status {}, {} bytes)",
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
        (Outcome::Http(was), Outcome::Http(again), Outcome::Http(is)) => answers(name, "it", was, Some(again), is),
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
        let checks = learnt.compare(&[], run, false);
        checks.into_iter().filter(Check::is_failure).map(|c| c.name).collect()
    }

    #[test]
    fn what_starts_a_program_may_fall_silent_where_that_is_announced() {
        let says = |stderr: &str| Run {
            stderr: stderr.to_owned(),
            ..up()
        };
        let was = || says("warning: unused variable\nready");
        let learnt = Learnt::new(was(), was());
        let fails = |run: Run, other_start| learnt.compare(&[], &run, other_start).iter().any(Check::is_failure);
        assert!(fails(says("ready"), false));
        assert!(!fails(says("ready"), true));
        assert!(!fails(was(), true));
        assert!(fails(says("ready\nno such file"), true));
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
