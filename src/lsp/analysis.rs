//! Linting an open file, with the settings and the build context that it has on disk.

use super::document::Document;
use crate::cli::builtin::Builtin;
use crate::cli::engine::{Engine, Request, Wishes};
use crate::cli::surroundings::Surroundings;
use crate::cli::tree::FolderTree;
use crate::edit::Applicability;
use crate::report::FileReport;
use crate::rule::Diagnostic;
use crate::source::SourceFile;
use std::path::Path;
use std::sync::Arc;

/// What an open file is linted with. Settings and contexts are remembered; when files change on
/// disk another one is made.
pub struct Analyst<'e> {
    engine: &'e Builtin,
    around: Surroundings<'e, Builtin>,
}

impl<'e> Analyst<'e> {
    /// Puts both together.
    pub fn new(engine: &'e Builtin, around: Surroundings<'e, Builtin>) -> Self {
        Analyst { engine, around }
    }

    /// The findings in a file; none where its settings exclude it.
    ///
    /// # Errors
    /// What is wrong with its settings, for people.
    pub fn lint(&self, document: &Document) -> Result<Vec<Diagnostic>, Arc<str>> {
        let Some(source) = document.source() else {
            return Ok(Vec::new());
        };
        self.with(document, |request| {
            let linted = self.engine.lint(source, request);
            FileReport::new("", linted.source, linted.diagnostics, linted.refusals).diagnostics
        })
        .map(Option::unwrap_or_default)
    }

    /// The text with all fixes that can be trusted that far; none where it would stay as it is.
    pub fn fixed(&self, document: &Document, level: Applicability) -> Option<SourceFile> {
        let source = document.source()?;
        let fixed = self
            .with(document, |request| self.engine.fix(source, request, level))
            .ok()??;
        (fixed.source.text() != document.text).then_some(fixed.source)
    }

    /// Does something with what holds for a file; nothing where its settings exclude it.
    fn with<T>(
        &self,
        document: &Document,
        work: impl FnOnce(&Request<'_, <Builtin as Engine>::Config>) -> T,
    ) -> Result<Option<T>, Arc<str>> {
        let path = document.path.as_deref().unwrap_or(Path::new("-"));
        let config = self.around.config(path)?;
        let framed = self.around.framed(path);
        if self.engine.excludes(&config, &framed) {
            return Ok(None);
        }
        let Wishes { context, .. } = self.engine.wishes(&config);
        let named = context
            .and_then(|path| FolderTree::open(&path))
            .map(|tree| Arc::from([Arc::new(tree)]));
        let context_is_named = named.is_some();
        let contexts = match named {
            Some(named) => named,
            None if document.path.is_none() => Arc::from([]),
            None => self.around.contexts(path),
        };
        Ok(Some(work(&Request {
            path: document.path.as_deref(),
            framed: &framed,
            config: &*config,
            contexts: &contexts,
            repository: document.path.as_deref().and_then(|path| self.around.repository(path)),
            // Edits go to the open file alone.
            creates: false,
            context_is_named,
            observed: &[],
        })))
    }
}
