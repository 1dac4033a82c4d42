//! The conversation with one client.

use super::actions::{self, Abilities};
use super::analysis::Analyst;
use super::document::Document;
use super::names::{self, Symbol};
use super::position::Encoding;
use super::{completion, convert, hover};
use crate::cli::panics;
use crate::edit::Edit;
use crate::source::Span;
use lsp_server::{Connection, ErrorCode, Message, Notification, Request, RequestId, Response};
use lsp_types::{CodeActionKind, DocumentSymbol};
use lsp_types::{
    CodeActionOptions, CodeActionParams, CodeActionProviderCapability, CompletionOptions, CompletionParams,
    DidChangeTextDocumentParams, DidChangeWatchedFilesRegistrationOptions, DidCloseTextDocumentParams,
    DidOpenTextDocumentParams, DocumentHighlight, DocumentHighlightParams, DocumentSymbolParams, FileSystemWatcher,
    GlobPattern, GotoDefinitionParams, HoverParams, HoverProviderCapability, InitializeParams, Location, MessageType,
    OneOf, PublishDiagnosticsParams, ReferenceParams, Registration, RegistrationParams, RenameOptions, RenameParams,
    ServerCapabilities, ShowMessageParams, SymbolKind, TextDocumentPositionParams, TextDocumentSyncCapability,
    TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Uri,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Files that findings depend on, besides the Dockerfile itself.
const WATCHED: [&str; 3] = [
    "**/{mbopt,.mbopt}.yaml",
    "**/.hadolint.{yaml,yml}",
    "**/{*.dockerignore,.dockerignore}",
];

/// What comes after a run.
pub enum Next {
    /// Settings and contexts are to be read again.
    Renew,
    /// The client is gone.
    End,
}

/// An error that is answered.
struct Refusal(ErrorCode, String);

/// What is answered to a request.
type Answer = Result<Value, Refusal>;

/// What is known of the client and its files.
pub struct Session {
    encoding: Encoding,
    abilities: Abilities,
    /// It lets itself be asked to watch files.
    watches: bool,
    documents: HashMap<String, Document>,
    /// What was last said of settings, so that it is not said with every letter.
    complaint: Option<String>,
}

impl Session {
    /// A session with a client that says this of itself.
    pub fn new(params: &InitializeParams) -> Self {
        let capabilities = &params.capabilities;
        let offered = capabilities
            .general
            .as_ref()
            .and_then(|general| general.position_encodings.as_deref());
        let workspace = capabilities.workspace.as_ref();
        let edits = workspace.and_then(|workspace| workspace.workspace_edit.as_ref());
        let watches = workspace.and_then(|workspace| workspace.did_change_watched_files);
        Session {
            encoding: Encoding::choose(offered),
            abilities: Abilities {
                versions: edits.is_some_and(|edits| edits.document_changes == Some(true)),
                annotations: edits.is_some_and(|edits| edits.change_annotation_support.is_some()),
            },
            watches: watches.is_some_and(|watches| watches.dynamic_registration == Some(true)),
            documents: HashMap::new(),
            complaint: None,
        }
    }

    /// The answer to `initialize`.
    pub fn answer(&self) -> Value {
        let capabilities = ServerCapabilities {
            position_encoding: Some(self.encoding.kind()),
            text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::INCREMENTAL),
                save: Some(TextDocumentSyncSaveOptions::Supported(true)),
                ..TextDocumentSyncOptions::default()
            })),
            hover_provider: Some(HoverProviderCapability::Simple(true)),
            definition_provider: Some(OneOf::Left(true)),
            references_provider: Some(OneOf::Left(true)),
            document_highlight_provider: Some(OneOf::Left(true)),
            document_symbol_provider: Some(OneOf::Left(true)),
            rename_provider: Some(OneOf::Right(RenameOptions {
                prepare_provider: Some(true),
                work_done_progress_options: Default::default(),
            })),
            code_action_provider: Some(CodeActionProviderCapability::Options(CodeActionOptions {
                code_action_kinds: Some(vec![
                    CodeActionKind::QUICKFIX,
                    CodeActionKind::REFACTOR_REWRITE,
                    actions::FIX_ALL,
                ]),
                ..CodeActionOptions::default()
            })),
            completion_provider: Some(CompletionOptions {
                trigger_characters: Some(["$", "{", "-", "=", "[", ","].map(str::to_owned).to_vec()),
                ..CompletionOptions::default()
            }),
            ..ServerCapabilities::default()
        };
        json!({
            "capabilities": capabilities,
            "serverInfo": { "name": "mbopt", "version": env!("CARGO_PKG_VERSION") },
        })
    }

    /// What is asked of the client at the beginning.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn greet(&self, connection: &Connection) -> Result<(), String> {
        if !self.watches {
            return Ok(());
        }
        let watchers = WATCHED.map(|pattern| FileSystemWatcher {
            glob_pattern: GlobPattern::String(pattern.to_owned()),
            kind: None,
        });
        let options = DidChangeWatchedFilesRegistrationOptions {
            watchers: watchers.to_vec(),
        };
        let params = RegistrationParams {
            registrations: vec![Registration {
                id: "mbopt-files".to_owned(),
                method: "workspace/didChangeWatchedFiles".to_owned(),
                register_options: serde_json::to_value(options).ok(),
            }],
        };
        let id = RequestId::from("mbopt-files".to_owned());
        send(
            connection,
            Request::new(id, "client/registerCapability".to_owned(), params),
        )
    }

    /// Takes messages until something has to be read again, or the client is gone.
    ///
    /// # Errors
    /// The connection broke.
    pub fn run(&mut self, connection: &Connection, analyst: &Analyst<'_>) -> Result<Next, String> {
        self.documents
            .values_mut()
            .for_each(|document| document.findings = None);
        self.lint(connection, analyst)?;
        while let Ok(message) = connection.receiver.recv() {
            // All that has come meanwhile is taken before anything is linted.
            let mut message = Some(message);
            let mut renew = false;
            while let Some(next) = message {
                match next {
                    Message::Request(request) => {
                        // An answer speaks of the text as the client has it.
                        self.lint(connection, analyst)?;
                        if connection
                            .handle_shutdown(&request)
                            .map_err(|error| error.to_string())?
                        {
                            return Ok(Next::End);
                        }
                        send(connection, self.respond(request, analyst))?;
                    }
                    Message::Notification(notification) if notification.method == "exit" => return Ok(Next::End),
                    Message::Notification(notification) => renew |= self.note(connection, notification)?,
                    Message::Response(_) => {}
                }
                message = connection.receiver.try_recv().ok();
            }
            if renew {
                return Ok(Next::Renew);
            }
            self.lint(connection, analyst)?;
        }
        Ok(Next::End)
    }

    /// Lints what changed, and tells the findings.
    fn lint(&mut self, connection: &Connection, analyst: &Analyst<'_>) -> Result<(), String> {
        for document in self
            .documents
            .values_mut()
            .filter(|document| document.findings.is_none())
        {
            let linted = panics::contain(|| analyst.lint(document));
            let (findings, complaint) = match linted {
                Ok(Ok(findings)) => (findings, None),
                Ok(Err(error)) => (Vec::new(), Some(error.to_string())),
                Err(panic) => (Vec::new(), Some(panic)),
            };
            if let Some(complaint) = complaint.filter(|complaint| self.complaint.as_ref() != Some(complaint)) {
                let params = ShowMessageParams {
                    typ: MessageType::ERROR,
                    message: format!("mbopt: {complaint}"),
                };
                send(connection, Notification::new("window/showMessage".to_owned(), params))?;
                self.complaint = Some(complaint);
            }
            let params = PublishDiagnosticsParams {
                uri: document.uri.clone(),
                diagnostics: findings
                    .iter()
                    .map(|finding| convert::diagnostic(finding, document))
                    .collect(),
                version: Some(document.version),
            };
            document.findings = Some(findings);
            send(
                connection,
                Notification::new("textDocument/publishDiagnostics".to_owned(), params),
            )?;
        }
        Ok(())
    }

    /// Takes a notification; true where files on disk may have changed. One that cannot be
    /// understood is passed over: there is nobody to answer.
    fn note(&mut self, connection: &Connection, notification: Notification) -> Result<bool, String> {
        let Notification { method, params } = notification;
        match method.as_str() {
            "textDocument/didOpen" => {
                if let Some(DidOpenTextDocumentParams { text_document: opened }) = read(params) {
                    let document = Document::new(opened.uri, opened.version, opened.text, self.encoding);
                    self.documents.insert(document.uri.as_str().to_owned(), document);
                }
            }
            "textDocument/didChange" => {
                if let Some(DidChangeTextDocumentParams {
                    text_document,
                    content_changes,
                }) = read(params)
                    && let Some(document) = self.documents.get_mut(text_document.uri.as_str())
                {
                    document.change(text_document.version, content_changes);
                }
            }
            "textDocument/didClose" => {
                if let Some(DidCloseTextDocumentParams { text_document }) = read(params)
                    && self.documents.remove(text_document.uri.as_str()).is_some()
                {
                    let params = PublishDiagnosticsParams::new(text_document.uri, Vec::new(), None);
                    send(
                        connection,
                        Notification::new("textDocument/publishDiagnostics".to_owned(), params),
                    )?;
                }
            }
            // What lies around may be another one; settings are said to be wrong again.
            "textDocument/didSave" | "workspace/didChangeWatchedFiles" | "workspace/didChangeConfiguration" => {
                self.complaint = None;
                return Ok(true);
            }
            _ => {}
        }
        Ok(false)
    }

    fn respond(&self, request: Request, analyst: &Analyst<'_>) -> Response {
        let id = request.id.clone();
        let answer = panics::contain(|| self.answer_to(request, analyst))
            .unwrap_or_else(|panic| Err(Refusal(ErrorCode::InternalError, panic)));
        match answer {
            Ok(value) => Response::new_ok(id, value),
            Err(Refusal(code, message)) => Response::new_err(id, code as i32, message),
        }
    }

    fn answer_to(&self, request: Request, analyst: &Analyst<'_>) -> Answer {
        let params = request.params;
        match request.method.as_str() {
            "textDocument/hover" => {
                let HoverParams {
                    text_document_position_params: place,
                    ..
                } = expect(params)?;
                let (document, offset) = self.place(&place)?;
                value(hover::at(document, offset))
            }
            "textDocument/definition" => {
                let GotoDefinitionParams {
                    text_document_position_params: place,
                    ..
                } = expect(params)?;
                let (document, offset) = self.place(&place)?;
                let location = |span| Location::new(document.uri.clone(), document.index.range(&document.text, span));
                value(names::definition(document.file(), offset).map(location))
            }
            "textDocument/references" => {
                let ReferenceParams {
                    text_document_position: place,
                    context,
                    ..
                } = expect(params)?;
                let (document, offset) = self.place(&place)?;
                let all = occurrences(document, offset).into_iter();
                let wanted = all.filter(|place| context.include_declaration || !place.declares);
                let location = |span| Location::new(document.uri.clone(), document.index.range(&document.text, span));
                value(wanted.map(|place| location(place.span)).collect::<Vec<_>>())
            }
            "textDocument/documentHighlight" => {
                let DocumentHighlightParams {
                    text_document_position_params: place,
                    ..
                } = expect(params)?;
                let (document, offset) = self.place(&place)?;
                let all = occurrences(document, offset).into_iter();
                let highlight = |span| DocumentHighlight {
                    range: document.index.range(&document.text, span),
                    kind: None,
                };
                value(all.map(|place| highlight(place.span)).collect::<Vec<_>>())
            }
            "textDocument/prepareRename" => {
                let place: TextDocumentPositionParams = expect(params)?;
                let (document, offset) = self.place(&place)?;
                let file = document.file();
                let Some((symbol, span)) = names::at(file, offset) else {
                    return Ok(Value::Null);
                };
                // A name that is a right one as it is shows what would be refused whatever the new one is.
                let own = match &symbol {
                    Symbol::Stage(id) => file.stage(*id).and_then(|stage| stage.name.clone()),
                    Symbol::Arg(name) | Symbol::Env(name) => Some(name.clone()),
                };
                names::rename(file, offset, &own.unwrap_or_default()).map_err(refused)?;
                value(document.index.range(&document.text, span))
            }
            "textDocument/rename" => {
                let RenameParams {
                    text_document_position: place,
                    new_name,
                    ..
                } = expect(params)?;
                let (document, offset) = self.place(&place)?;
                let spans = names::rename(document.file(), offset, &new_name).map_err(refused)?;
                let edits: Vec<Edit> = spans
                    .into_iter()
                    .map(|span| Edit::replace(span, new_name.as_str()))
                    .collect();
                value(actions::edit(document, &edits, self.abilities, None))
            }
            "textDocument/completion" => {
                let CompletionParams {
                    text_document_position: place,
                    ..
                } = expect(params)?;
                let (document, offset) = self.place(&place)?;
                value(completion::at(document, offset))
            }
            "textDocument/codeAction" => {
                let CodeActionParams {
                    text_document,
                    range,
                    context,
                    ..
                } = expect(params)?;
                let document = self.document(&text_document.uri)?;
                let place = document.index.span(&document.text, range);
                value(actions::all(
                    analyst,
                    document,
                    place,
                    &context.diagnostics,
                    context.only.as_deref(),
                    self.abilities,
                ))
            }
            "textDocument/documentSymbol" => {
                let DocumentSymbolParams { text_document, .. } = expect(params)?;
                value(symbols(self.document(&text_document.uri)?))
            }
            method => Err(Refusal(
                ErrorCode::MethodNotFound,
                format!("mbopt does not know {method}"),
            )),
        }
    }

    fn document(&self, uri: &Uri) -> Result<&Document, Refusal> {
        let unknown = || Refusal(ErrorCode::InvalidParams, format!("{} is not open", uri.as_str()));
        self.documents.get(uri.as_str()).ok_or_else(unknown)
    }

    fn place(&self, place: &TextDocumentPositionParams) -> Result<(&Document, usize), Refusal> {
        let document = self.document(&place.text_document.uri)?;
        Ok((document, document.index.offset(&document.text, place.position)))
    }
}

fn occurrences(document: &Document, offset: usize) -> Vec<names::Occurrence> {
    let file = document.file();
    names::at(file, offset).map_or(Vec::new(), |(symbol, _)| names::occurrences(file, &symbol))
}

/// The stages, each from its FROM to the next.
#[allow(deprecated)] // The field `deprecated` has no default.
fn symbols(document: &Document) -> Vec<DocumentSymbol> {
    let file = document.file();
    let range = |span| document.index.range(&document.text, span);
    let stages = file.stages.iter().filter_map(|stage| {
        let from = file.from_of(stage)?;
        let end = file
            .instructions_of(stage)
            .last()
            .map_or(from.span.end, |last| last.span.end);
        Some(DocumentSymbol {
            name: stage.name.clone().unwrap_or_else(|| format!("stage {}", stage.id.0)),
            detail: stage.base.image().map(|image| image.text.clone()),
            kind: SymbolKind::MODULE,
            tags: None,
            deprecated: None,
            range: range(Span::new(from.span.start, end)),
            selection_range: range(stage.name_span.unwrap_or(from.keyword_span)),
            children: None,
        })
    });
    stages.collect()
}

fn refused(message: String) -> Refusal {
    Refusal(ErrorCode::RequestFailed, message)
}

fn read<T: DeserializeOwned>(params: Value) -> Option<T> {
    serde_json::from_value(params).ok()
}

fn expect<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params).map_err(|error| Refusal(ErrorCode::InvalidParams, error.to_string()))
}

fn value(value: impl Serialize) -> Answer {
    serde_json::to_value(value).map_err(|error| Refusal(ErrorCode::InternalError, error.to_string()))
}

fn send(connection: &Connection, message: impl Into<Message>) -> Result<(), String> {
    let gone = |_| "the client closed the connection".to_owned();
    connection.sender.send(message.into()).map_err(gone)
}
