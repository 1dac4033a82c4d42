//! A site for tests.

use crate::context::{Context, Memory};
use crate::facts::Facts;
use crate::model::Dockerfile;
use crate::plan::Options;
use crate::plan::site::{Site, base_of};
use crate::source::SourceFile;
use std::sync::Arc;

/// Runs a test on the last stage of a Dockerfile; without files there is no context.
pub fn with_site(text: &str, files: &[(&str, &str)], test: impl FnOnce(&Site<'_>)) {
    let file = Dockerfile::parse(SourceFile::new("Dockerfile", text));
    let context = Context::new("app", Arc::new(Memory::new(files.iter().copied())), Some("Dockerfile"));
    let context = (!files.is_empty()).then_some(&context);
    let facts = Facts::new(&file, context);
    let stage = file.target().expect("a stage");
    let options = Options::default();
    test(&Site {
        facts: &facts,
        stage,
        context,
        base: base_of(&file, stage),
        roles: &[],
        options: &options,
    });
}
