//! Checkstyle's XML, which Jenkins, reviewdog and many editors read.
//!
//! The form is the one that Checkstyle's own `XMLLogger` writes: a `file` for each file, in it an
//! `error` for each finding, with `line`, `column`, `severity` (error, warning, info), `message`
//! and `source`.

use super::github::slashes;
use super::place::Locator;
use super::xml::escaped;
use super::{FileReport, Reporter, Summary};
use crate::rule::Severity;
use std::io::Write;

/// The checkstyle format.
pub(super) struct Checkstyle;

impl Reporter for Checkstyle {
    fn start(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">\n");
    }

    fn file(&self, report: &FileReport, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail, here and below.
        let _ = writeln!(out, "<file name=\"{}\">", escaped(&slashes(&report.path)));
        if let Some(source) = &report.source {
            let locator = Locator::new(source);
            for diagnostic in &report.diagnostics {
                let (line, column) = locator.line_column(diagnostic.primary.span.start);
                let severity = match diagnostic.severity {
                    Severity::Error => "error",
                    Severity::Warning => "warning",
                    Severity::Info | Severity::Style => "info",
                };
                let _ = writeln!(
                    out,
                    "  <error line=\"{line}\" column=\"{column}\" severity=\"{severity}\" message=\"{}\" source=\"mbopt.{}\"/>",
                    escaped(&super::sentence(diagnostic)),
                    escaped(diagnostic.rule.id)
                );
            }
        }
        if let Some(error) = &report.error {
            let _ = writeln!(
                out,
                "  <error line=\"1\" severity=\"error\" message=\"{}\" source=\"mbopt\"/>",
                escaped(error)
            );
        }
        out.extend_from_slice(b"</file>\n");
    }

    fn finish(&self, _summary: &Summary, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</checkstyle>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, at};
    use crate::source::SourceFile;

    #[test]
    fn has_checkstyles_elements_and_attributes() {
        let text = "FROM a\nRUN größe needle\n";
        let mut finding = sample::warning(at(text, "needle"), "say \"it\" & go");
        finding.help = Some("do <that>".into());
        let reports = [
            FileReport::new("a&b/Dockerfile", SourceFile::new("x", text), vec![finding], Vec::new()),
            FileReport::failed("gone", "no such file"),
        ];
        assert_eq!(
            sample::drawn(&Checkstyle, &reports),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<checkstyle version=\"4.3\">\n\
             <file name=\"a&amp;b/Dockerfile\">\n  \
             <error line=\"2\" column=\"11\" severity=\"warning\" message=\"say &quot;it&quot; &amp; go. do &lt;that&gt;\" source=\"mbopt.sample-rule\"/>\n\
             </file>\n<file name=\"gone\">\n  \
             <error line=\"1\" severity=\"error\" message=\"no such file\" source=\"mbopt\"/>\n</file>\n</checkstyle>\n"
        );
    }
}
