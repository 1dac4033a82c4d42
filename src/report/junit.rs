//! JUnit's XML, which nearly every CI system shows as test results: a suite for each file, a failed
//! case for each finding, and one case that passes for a file without findings.

use super::github::slashes;
use super::place::Locator;
use super::xml::escaped;
use super::{FileReport, Reporter, Summary, severity_word};
use std::io::Write;

/// The junit format.
pub(super) struct Junit;

impl Reporter for Junit {
    fn start(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"mbopt\">\n");
    }

    fn file(&self, report: &FileReport, out: &mut Vec<u8>) {
        let path = escaped(&slashes(&report.path));
        let failures = report.diagnostics.len();
        let errors = usize::from(report.error.is_some());
        let tests = (failures + errors).max(1);
        // Writing to a vector cannot fail, here and below.
        let _ = writeln!(
            out,
            "<testsuite name=\"{path}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\">"
        );
        if failures + errors == 0 {
            let _ = writeln!(out, "  <testcase classname=\"{path}\" name=\"no findings\"/>");
        }
        if let Some(source) = &report.source {
            let locator = Locator::new(source);
            for diagnostic in &report.diagnostics {
                let (line, column) = locator.line_column(diagnostic.primary.span.start);
                let rule = escaped(diagnostic.rule.id);
                let message = escaped(&super::sentence(diagnostic));
                let _ = writeln!(
                    out,
                    "  <testcase classname=\"{path}\" name=\"{rule} at {line}:{column}\" file=\"{path}\" line=\"{line}\">\n    \
                     <failure type=\"{}\" message=\"{message}\">{path}:{line}:{column}: {message}</failure>\n  </testcase>",
                    severity_word(diagnostic.severity)
                );
            }
        }
        if let Some(error) = &report.error {
            let error = escaped(error);
            let _ = writeln!(
                out,
                "  <testcase classname=\"{path}\" name=\"lint\">\n    <error type=\"error\" message=\"{error}\"/>\n  </testcase>"
            );
        }
        out.extend_from_slice(b"</testsuite>\n");
    }

    fn finish(&self, _summary: &Summary, out: &mut Vec<u8>) {
        out.extend_from_slice(b"</testsuites>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample::{self, at};
    use crate::source::SourceFile;

    #[test]
    fn findings_fail_clean_files_pass_and_lost_files_are_errors() {
        let text = "FROM a\nRUN needle\n";
        let report = |path: &str, findings| FileReport::new(path, SourceFile::new("x", text), findings, Vec::new());
        let reports = [
            report("d/Dockerfile", vec![sample::warning(at(text, "needle"), "a < b")]),
            report("clean", Vec::new()),
            FileReport::failed("gone", "no such file"),
        ];
        assert_eq!(
            sample::drawn(&Junit, &reports),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"mbopt\">\n\
             <testsuite name=\"d/Dockerfile\" tests=\"1\" failures=\"1\" errors=\"0\">\n  \
             <testcase classname=\"d/Dockerfile\" name=\"sample-rule at 2:5\" file=\"d/Dockerfile\" line=\"2\">\n    \
             <failure type=\"warning\" message=\"a &lt; b\">d/Dockerfile:2:5: a &lt; b</failure>\n  </testcase>\n</testsuite>\n\
             <testsuite name=\"clean\" tests=\"1\" failures=\"0\" errors=\"0\">\n  <testcase classname=\"clean\" name=\"no findings\"/>\n</testsuite>\n\
             <testsuite name=\"gone\" tests=\"1\" failures=\"0\" errors=\"1\">\n  <testcase classname=\"gone\" name=\"lint\">\n    \
             <error type=\"error\" message=\"no such file\"/>\n  </testcase>\n</testsuite>\n</testsuites>\n"
        );
    }
}
