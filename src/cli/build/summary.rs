//! What was built: by layer, in text or JSON.

use crate::executor::{BuiltImage, EngineName, ImageContents, Output};
use crate::report::size;
use serde_json::json;
use std::fmt::Write;
use std::time::Duration;

/// The version of the JSON layout: counts incompatible changes.
const VERSION: u32 = 1;

/// Columns that an instruction may take.
const WIDTH: usize = 70;

/// What there is to say.
pub(super) struct Summary<'a> {
    pub engine: EngineName,
    pub built: &'a BuiltImage,
    pub contents: &'a ImageContents,
    pub outputs: &'a [Output],
    pub took: Duration,
}

impl Summary<'_> {
    fn unpacked(&self) -> u64 {
        self.contents.layers.iter().map(|layer| layer.unpacked_bytes).sum()
    }

    /// None where one is not known.
    fn compressed(&self) -> Option<u64> {
        self.contents.layers.iter().map(|layer| layer.compressed_bytes).sum()
    }

    /// A table of layers.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let compressed = self.compressed().is_some();
        // Writing to a string cannot fail, here and below.
        let mut row = |unpacked: &str, packed: &str, what: &str| {
            let _ = match compressed {
                true => writeln!(out, "{unpacked:>10}  {packed:>10}  {what}"),
                false => writeln!(out, "{unpacked:>10}  {what}"),
            };
        };
        row("UNPACKED", "COMPRESSED", "LAYER");
        for layer in &self.contents.layers {
            let what = layer.created_by.as_deref().unwrap_or("(not said)");
            row(
                &size(layer.unpacked_bytes),
                &layer.compressed_bytes.map(size).unwrap_or_default(),
                &short(what),
            );
        }
        let cached = self.built.steps.iter().filter(|step| step.cached).count();
        let total = format!(
            "{} layers, {} of {} steps cached, {}",
            self.contents.layers.len(),
            cached,
            self.built.steps.len(),
            seconds(self.took)
        );
        row(
            &size(self.unpacked()),
            &self.compressed().map(size).unwrap_or_default(),
            &total,
        );
        let _ = writeln!(out, "{}", self.built.id);
        for output in self.outputs {
            let _ = writeln!(out, "written to {}", place(output));
        }
        out
    }

    /// One object.
    pub fn json(&self) -> String {
        let steps = self.built.steps.iter().map(|step| {
            json!({
                "stage": step.stage,
                "instruction": step.instruction,
                "line": (step.line > 0).then_some(step.line),
                "cached": step.cached,
                "millis": step.millis,
                "layer": step.layer,
            })
        });
        let layers = self.contents.layers.iter().map(|layer| {
            json!({
                "diff_id": layer.diff_id,
                "created_by": layer.created_by,
                "unpacked_bytes": layer.unpacked_bytes,
                "compressed_bytes": layer.compressed_bytes,
            })
        });
        let value = json!({
            "version": VERSION,
            "engine": self.engine.as_str(),
            "image": self.built.id.0,
            "platform": self.built.config.platform.to_string(),
            "millis": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "steps": steps.collect::<Vec<_>>(),
            "layers": layers.collect::<Vec<_>>(),
            "unpacked_bytes": self.unpacked(),
            "compressed_bytes": self.compressed(),
            "outputs": self.outputs.iter().map(place).collect::<Vec<_>>(),
        });
        // A value made here has only string keys, so it can be written.
        serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
    }
}

fn place(output: &Output) -> String {
    match output {
        Output::Oci(path, _) => format!("oci:{}", path.display()),
        Output::DockerArchive(path, _) => format!("docker-archive:{}", path.display()),
        Output::Docker(name) => format!("docker:{name}"),
    }
}

/// An instruction on one line, cut where it is too long.
fn short(text: &str) -> String {
    let text = text.strip_prefix("/bin/sh -c #(nop) ").unwrap_or(text);
    let text = text.strip_suffix(" # buildkit").unwrap_or(text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= WIDTH {
        return line;
    }
    let mut cut: String = line.chars().take(WIDTH - 3).collect();
    cut.push_str("...");
    cut
}

/// `1.2 s`.
pub fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_fit_a_line() {
        assert_eq!(short("RUN /bin/sh -c a \t b # buildkit"), "RUN /bin/sh -c a b");
        assert_eq!(short(&"x".repeat(200)).chars().count(), WIDTH);
    }
}
