//! One file for a browser: sizes, layers side by side, a treemap of what left and what remains, the
//! checks, the difference of the two files. It loads nothing from elsewhere.

use super::super::xml::escaped;
use super::{by_stage, change, setting, size};
use crate::report::difference::{Change, Difference};
use crate::verify::check::Outcome;
use crate::verify::sizes::Group;
use crate::verify::{ImageSize, Report, Verdict};
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1c2330}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:left;vertical-align:top}\
.n{text-align:right;white-space:nowrap}.smaller{color:#12703a}.broken,.original-fails{color:#b3261e}.not-smaller,.not-verified{color:#8a5a00}\
.ok{color:#12703a}.failed{color:#b3261e;font-weight:600}.skipped{color:#8a5a00}\
.cols{display:grid;grid-template-columns:1fr 1fr;gap:1.5rem}.layer{border-left:4px solid #9db2d6;padding:.1rem .6rem;margin:.2rem 0;overflow:hidden;background:linear-gradient(to right,#dfe8f7 var(--w),#f6f8fc var(--w))}\
.layer.base{border-color:#c9c9c9}.layer code{white-space:nowrap}.map{position:relative;height:22rem;border:1px solid #ccc}\
.map div{position:absolute;box-sizing:border-box;border:1px solid #fff;padding:2px 4px;font-size:12px;overflow:hidden}\
.gone div{background:#f3c6c2}.kept div{background:#c7e5cf}pre{background:#f6f8fc;padding:1rem;overflow:auto}ins{background:#d8f3df;text-decoration:none}del{background:#fbdcd9;text-decoration:none}\
@media(prefers-color-scheme:dark){body{background:#14171c;color:#dfe4ec}pre,.layer{background:#1d222b}.layer{background:linear-gradient(to right,#2b3a55 var(--w),#1d222b var(--w))}.gone div{background:#5c2b28}.kept div{background:#234a30}ins{background:#1f4a2c}del{background:#5c2b28}.map div{border-color:#14171c}}";

/// The report as a page; `original` is the Dockerfile's text.
pub fn html(report: &Report, original: &str) -> String {
    let mut out = String::new();
    let class = serde_json::to_value(report.verdict)
        .ok()
        .and_then(|v| v.as_str().map(str::to_owned));
    // Writing to a string cannot fail, here and below.
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}: {1}</title><meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style></head><body><h1>{0}: <span class=\"{2}\">{1}</span>{3}</h1><p>{4}</p>",
        escaped(&report.dockerfile),
        report.verdict.as_str(),
        class.unwrap_or_default(),
        match (report.verdict, report.reduction) {
            (Verdict::Smaller | Verdict::NotSmaller, Some(reduction)) => format!(" ({})", change(reduction)),
            _ => String::new(),
        },
        escaped(&report.reason)
    );
    sizes(&mut out, report);
    layers(&mut out, report);
    if let Some(removed) = &report.removed {
        let _ = write!(
            out,
            "<h2>What left: {} in {} files</h2>",
            size(removed.bytes),
            removed.files
        );
        let groups = match removed.packages.is_empty() {
            true => &removed.directories,
            false => &removed.packages,
        };
        treemap(&mut out, "gone", groups);
    }
    if let Some(after) = &report.after {
        let _ = write!(out, "<h2>What remains</h2>");
        treemap(&mut out, "kept", &after.largest);
    }
    checks(&mut out, report);
    rest(&mut out, report);
    if let Some(taken) = report.candidates.last() {
        let _ = write!(out, "<h2>{}</h2><pre>", escaped(&taken.name));
        Difference::of(original, &taken.text).each(|change, line| {
            let text = escaped(line);
            let _ = match change {
                Change::Kept => write!(out, "  {text}"),
                Change::Added => write!(out, "<ins>+ {text}</ins>"),
                Change::Removed => write!(out, "<del>- {text}</del>"),
            };
        });
        out.push_str("</pre>");
    }
    let _ = writeln!(
        out,
        "<p>Built with {} for {}.</p></body></html>",
        escaped(&report.engine),
        escaped(&report.platform)
    );
    out
}

fn sizes(out: &mut String, report: &Report) {
    let (Some(before), Some(after)) = (&report.before, &report.after) else {
        return;
    };
    out.push_str("<table><tr><th></th><th class=\"n\">before</th><th class=\"n\">after</th></tr>");
    let rows = [
        ("unpacked", Some(before.unpacked_bytes), Some(after.unpacked_bytes)),
        ("compressed", before.compressed_bytes, after.compressed_bytes),
    ];
    for (name, old, new) in rows {
        if let (Some(old), Some(new)) = (old, new) {
            let _ = write!(
                out,
                "<tr><td>{name}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                size(old),
                size(new)
            );
        }
    }
    let _ = write!(
        out,
        "<tr><td>by stage</td><td>{}</td><td>{}</td></tr></table>",
        escaped(&by_stage(before)),
        escaped(&by_stage(after))
    );
}

/// Every rewrite that was tried, and the rest that the other reports tell.
fn rest(out: &mut String, report: &Report) {
    if report.candidates.len() > 1 || report.verdict != Verdict::Smaller {
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
            "<p>Rebuild after a change to {}: {:.1} s before, {:.1} s after.</p>",
            escaped(&rebuild.changed),
            rebuild.before_millis as f64 / 1000.0,
            rebuild.after_millis as f64 / 1000.0
        );
    }
    if !report.offers.is_empty() {
        out.push_str("<h2>Settings that the project names</h2><table>");
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
    out.push_str("<h2>Layers</h2><div class=\"cols\">");
    let mut column = |title: &str, image: &ImageSize| {
        let _ = write!(out, "<div><b>{title}</b>");
        for layer in &image.layers {
            let _ = write!(
                out,
                "<div class=\"layer{}\" style=\"--w:{:.1}%\" title=\"{2}\">{3} <code>{2}</code></div>",
                if layer.base { " base" } else { "" },
                layer.unpacked_bytes as f64 / largest * 100.0,
                escaped(&layer.created_by),
                size(layer.unpacked_bytes),
            );
        }
        out.push_str("</div>");
    };
    column("before", before);
    column("after", after);
    out.push_str("</div>");
}

/// Boxes as large as their groups: the longer side of what is left is cut, by halves of the bytes.
fn treemap(out: &mut String, class: &str, groups: &[Group]) {
    let _ = write!(out, "<div class=\"map {class}\">");
    let groups: Vec<&Group> = groups.iter().filter(|group| group.bytes > 0).collect();
    place(out, &groups, (0.0, 0.0, 100.0, 100.0));
    out.push_str("</div>");
}

fn place(out: &mut String, groups: &[&Group], (x, y, width, height): (f64, f64, f64, f64)) {
    match groups {
        [] => {}
        [group] => {
            let _ = write!(
                out,
                "<div style=\"left:{x:.2}%;top:{y:.2}%;width:{width:.2}%;height:{height:.2}%\" title=\"{0} ({1})\">{0}<br>{1}</div>",
                escaped(&group.name),
                size(group.bytes)
            );
        }
        groups => {
            let total: u64 = groups.iter().map(|group| group.bytes).sum();
            let (mut at, mut first) = (0, 0);
            for group in groups.iter().take(groups.len() - 1) {
                if at > 0 && first + group.bytes > total / 2 {
                    break;
                }
                first += group.bytes;
                at += 1;
            }
            let (one, two) = groups.split_at(at);
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
    out.push_str("<h2>Checks</h2><table>");
    for check in &report.checks {
        let (class, mark) = match check.outcome {
            Outcome::Ok => ("ok", "ok"),
            Outcome::Failed => ("failed", "failed"),
            Outcome::Skipped => ("skipped", "not looked at"),
        };
        let _ = write!(
            out,
            "<tr><td class=\"{class}\">{mark}</td><td>{}</td><td>{}</td></tr>",
            escaped(&check.name),
            escaped(&check.detail)
        );
    }
    out.push_str("</table>");
}
