//! Two images that exist, compared as an original and its rewrite.

use super::projects::Own;
use super::{Failure, Session};
use crate::cli::build::how;
use crate::cli::engine::Engine as Lint;
use crate::cli::interrupt;
use crate::executor::{BuildRequest, Sink};
use crate::verify::{Input, Options, Report, Rewrite, prove};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Compares them. The engine fetches each by building what stands on it alone.
pub fn verify<L: Lint>(
    session: &Session<'_, L>,
    before: &str,
    after: &str,
    events: &dyn Sink,
) -> Result<Report, Failure> {
    for image in [before, after] {
        if image.is_empty() || image.contains(char::is_whitespace) {
            return Err(Failure::Usage(format!("`{image}` is no name of an image")));
        }
    }
    let empty = tempfile::Builder::new()
        .prefix("mbopt-")
        .tempdir()
        .map_err(|error| Failure::Usage(format!("a folder for temporary files: {error}")))?;
    let input = Input {
        dockerfile: before.to_owned(),
        request: BuildRequest {
            dockerfile: format!("FROM {before}\n"),
            dockerfile_name: PathBuf::new(),
            context: empty.path().to_owned(),
            target: None,
            ..how(&session.args.how)
        },
        base_only: BTreeSet::new(),
        whole: true,
    };
    let options = Options {
        manner: session.manner(&session.settings()?, &Own::default())?,
        skip_tests: true,
        alone: true,
        rebuild: None,
    };
    let rewrite = Rewrite {
        name: after.to_owned(),
        text: format!("FROM {after}\n"),
        announced: Vec::new(),
        tester: None,
        planned: None,
    };
    let mut next = |_: &[crate::plan::Observed]| vec![rewrite.clone()];
    Ok(prove(
        &*session.engine,
        &input,
        &mut next,
        &options,
        events,
        interrupt::cancel(),
    )?)
}
