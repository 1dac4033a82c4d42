//! One file for a browser: sizes, layers side by side, a treemap of what left and what remains, the
//! stages, the checks, the difference of the two files. It loads nothing from elsewhere, and follows the
//! browser's light or dark scheme and its width.

use super::super::plan::stages;
use super::super::xml::escaped;
use super::{both_sizes, change, setting, size};
use crate::model::Dockerfile;
use crate::report::difference::{Change, Difference};
use crate::source::SourceFile;
use crate::verify::check::Outcome;
use crate::verify::sizes::Group;
use crate::verify::{ImageSize, Report, Verdict};
use std::fmt::Write;

const STYLE: &str = include_str!("page.css");

/// The report as a page; `original` is the Dockerfile's text.
// Writing to a string cannot fail, here and below.
pub fn html(report: &Report, original: &str) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}: {}</title><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><style>{STYLE}</style></head><body>",
        escaped(&report.dockerfile),
        report.verdict.as_str(),
    );
    head(&mut out, report);
    layers(&mut out, report);
    if let Some(removed) = report.removed.as_ref().filter(|removed| removed.bytes > 0) {
        let _ = write!(
            out,
            "<h2>What left <small>{} in {} files</small></h2>",
            size(removed.bytes),
            removed.files
        );
        treemap(&mut out, "gone", &removed.largest, removed.bytes);
    }
    if let Some(after) = &report.after {
        let _ = write!(
            out,
            "<h2>What remains <small>{}</small></h2>",
            size(after.unpacked_bytes)
        );
        treemap(&mut out, "kept", &after.largest, after.unpacked_bytes);
    }
    checks(&mut out, report);
    rest(&mut out, report);
    if let Some(taken) = report.candidates.last() {
        let file = Dockerfile::parse(SourceFile::new("", taken.text.as_bytes().to_vec()));
        let _ = write!(
            out,
            "<h2>Stages <small>{}</small></h2><div class=\"scroll\">{}</div>",
            escaped(&taken.name),
            stages(&file)
        );
        out.push_str("<h2>The change</h2><pre>");
        Difference::of(original, &taken.text).each(|change, line| {
            let text = escaped(line.trim_end_matches(['\r', '\n']));
            let _ = match change {
                Change::Kept => writeln!(out, "  {text}"),
                Change::Added => writeln!(out, "<ins>+ {text}</ins>"),
                Change::Removed => writeln!(out, "<del>- {text}</del>"),
            };
        });
        out.push_str("</pre>");
    }
    let _ = writeln!(
        out,
        "<footer>Built and run with {} for {}, by mbopt {}.</footer></body></html>",
        escaped(&report.engine),
        escaped(&report.platform),
        env!("CARGO_PKG_VERSION"),
    );
    out
}

/// The verdict, and both sizes as numbers and bars.
fn head(out: &mut String, report: &Report) {
    let class = serde_json::to_value(report.verdict).ok();
    let class = class.as_ref().and_then(|class| class.as_str()).unwrap_or_default();
    let _ = write!(
        out,
        "<div class=\"head\"><h1>{}</h1><div class=\"sum\"><span class=\"badge {class}\">{}</span>",
        escaped(&report.dockerfile),
        report.verdict.as_str()
    );
    if let (Some(before), Some(after)) = (&report.before, &report.after) {
        let _ = write!(
            out,
            "<b>{} → {}</b>",
            size(before.unpacked_bytes),
            size(after.unpacked_bytes)
        );
    }
    if let (Verdict::Smaller | Verdict::NotSmaller, Some(reduction)) = (report.verdict, report.reduction) {
        let _ = write!(out, "<b class=\"soft\">{}</b>", change(reduction));
    }
    let _ = write!(out, "</div><p>{}</p>", escaped(&report.reason));
    if report.weak {
        out.push_str("<p class=\"skipped\">Weak: the original ends at once with an error; give --env or --probe to see more.</p>");
    }
    if let (Some(before), Some(after)) = (&report.before, &report.after) {
        out.push_str("<div class=\"bars\">");
        for (name, old, new) in both_sizes(before, after) {
            let longest = old.max(new).max(1) as f64;
            for (name, bytes, class) in [(name, old, "was"), ("", new, "is")] {
                let _ = write!(
                    out,
                    "<span class=\"soft\">{name}</span><span class=\"n\">{}</span><i class=\"{class}\" style=\"width:{:.1}%\"></i>",
                    size(bytes),
                    bytes as f64 / longest * 100.0
                );
            }
        }
        out.push_str("</div>");
    }
    out.push_str("</div>");
}

/// Every rewrite that was tried, and the rest that the other reports tell.
fn rest(out: &mut String, report: &Report) {
    if report.candidates.len() > 1 || report.verdict != Verdict::Smaller && !report.candidates.is_empty() {
        out.push_str("<h2>Tried</h2><table>");
        for candidate in &report.candidates {
            let _ = write!(
                out,
                "<tr><td>{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td></tr>",
                escaped(&candidate.name),
                candidate
                    .unpacked_bytes
                    .map(size)
                    .unwrap_or_else(|| "not built".to_owned()),
                candidate.verdict.as_str(),
                escaped(&candidate.why)
            );
        }
        out.push_str("</table>");
    }
    if let Some(rebuild) = &report.rebuild {
        let _ = write!(
            out,
            "<h2>Rebuild</h2><p>After a change to <code>{}</code>: {:.1} s and {} steps before, {:.1} s and {} steps after.</p>",
            escaped(&rebuild.changed),
            rebuild.before_millis as f64 / 1000.0,
            rebuild.before_steps,
            rebuild.after_millis as f64 / 1000.0,
            rebuild.after_steps
        );
    }
    if !report.offers.is_empty() {
        out.push_str("<h2>Settings that the project names <small>to see more of it</small></h2><table>");
        for offer in &report.offers {
            let _ = write!(
                out,
                "<tr><td><code>{}</code></td><td>{}</td></tr>",
                escaped(&setting(offer)),
                escaped(&offer.from)
            );
        }
        out.push_str("</table>");
    }
}

/// Both images' layers, each as wide as it is large.
fn layers(out: &mut String, report: &Report) {
    let (Some(before), Some(after)) = (&report.before, &report.after) else {
        return;
    };
    let sizes = before
        .layers
        .iter()
        .chain(&after.layers)
        .map(|layer| layer.unpacked_bytes);
    let largest = sizes.max().unwrap_or(1).max(1) as f64;
    out.push_str("<h2>Layers <small>grey: the base image's</small></h2><div class=\"cols\">");
    let mut column = |title: &str, image: &ImageSize| {
        let _ = write!(out, "<div><b>{title}</b>");
        for layer in &image.layers {
            let made = escaped(&layer.created_by);
            let _ = write!(
                out,
                "<div class=\"layer{}\" style=\"--w:{:.1}%\" title=\"{made}\"><span>{}</span><code>{made}</code></div>",
                if layer.base { " base" } else { "" },
                layer.unpacked_bytes as f64 / largest * 100.0,
                size(layer.unpacked_bytes),
            );
        }
        out.push_str("</div>");
    };
    column("before", before);
    column("after", after);
    out.push_str("</div>");
}

/// A part of a map.
struct Part<'g> {
    name: &'g str,
    bytes: u64,
    /// What no group of its own stands for.
    other: bool,
}

/// Boxes as large as their groups: the longer side of what is left is cut, by halves of the bytes.
fn treemap(out: &mut String, class: &str, groups: &[Group], total: u64) {
    let mut parts: Vec<Part<'_>> = groups
        .iter()
        .filter(|group| group.bytes > 0)
        .map(|group| Part {
            name: &group.name,
            bytes: group.bytes,
            other: false,
        })
        .collect();
    let named: u64 = parts.iter().map(|part| part.bytes).sum();
    let other = total.saturating_sub(named);
    if other > 0 {
        let at = parts.iter().position(|part| part.bytes < other).unwrap_or(parts.len());
        parts.insert(
            at,
            Part {
                name: "everything else",
                bytes: other,
                other: true,
            },
        );
    }
    let _ = write!(out, "<div class=\"map {class}\">");
    place(out, &parts, (0.0, 0.0, 100.0, 100.0));
    out.push_str("</div>");
}

fn place(out: &mut String, parts: &[Part<'_>], (x, y, width, height): (f64, f64, f64, f64)) {
    match parts {
        [] => {}
        [part] => {
            let _ = write!(
                out,
                "<div{0} style=\"left:{x:.2}%;top:{y:.2}%;width:{width:.2}%;height:{height:.2}%\" title=\"{1} ({2})\"><span>{1}<br>{2}</span></div>",
                if part.other { " class=\"other\"" } else { "" },
                escaped(part.name),
                size(part.bytes)
            );
        }
        parts => {
            let total: u64 = parts.iter().map(|part| part.bytes).sum();
            let (mut at, mut first) = (0, 0);
            for part in parts.iter().take(parts.len() - 1) {
                if at > 0 && first + part.bytes > total / 2 {
                    break;
                }
                first += part.bytes;
                at += 1;
            }
            let (one, two) = parts.split_at(at);
            let share = first as f64 / total.max(1) as f64;
            // The page is about three times as wide as a map is high.
            if width * 3.0 >= height {
                place(out, one, (x, y, width * share, height));
                place(out, two, (x + width * share, y, width * (1.0 - share), height));
            } else {
                place(out, one, (x, y, width, height * share));
                place(out, two, (x, y + height * share, width, height * (1.0 - share)));
            }
        }
    }
}

fn checks(out: &mut String, report: &Report) {
    if report.checks.is_empty() {
        return;
    }
    let count = |outcome| report.checks.iter().filter(|check| check.outcome == outcome).count();
    let _ = write!(
        out,
        "<h2>Checks <small>{} hold, {} failed, {} not looked at</small></h2><table>",
        count(Outcome::Ok),
        count(Outcome::Failed),
        count(Outcome::Skipped)
    );
    // What failed is what is looked for.
    let mut sorted: Vec<_> = report.checks.iter().collect();
    sorted.sort_by_key(|check| check.outcome != Outcome::Failed);
    for check in sorted {
        let (class, mark) = match check.outcome {
            Outcome::Ok => ("ok", "ok"),
            Outcome::Failed => ("failed", "failed"),
            Outcome::Skipped => ("skipped", "not looked at"),
        };
        let _ = write!(
            out,
            "<tr><td class=\"{class}\">{mark}</td><td class=\"name\">{}</td><td>{}</td></tr>",
            escaped(&check.name),
            escaped(&check.detail)
        );
    }
    out.push_str("</table>");
}
