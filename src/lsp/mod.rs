//! `mbopt lsp`: the Language Server Protocol over standard input and output.
//!
//! One thread does everything, in the order in which messages come. Changes that come faster than
//! they are linted are linted together. ShellCheck is not asked: it would start a process for each
//! letter that is typed.

mod actions;
mod analysis;
mod completion;
mod convert;
mod document;
mod hover;
mod names;
mod position;
mod session;

use crate::cli::builtin::Builtin;
use crate::cli::engine::Selection;
use crate::cli::surroundings::{ConfigSource, Surroundings};
use crate::config::ShellCheck;
use analysis::Analyst;
use lsp_server::Connection;
use lsp_types::InitializeParams;
use session::{Next, Session};
use std::path::PathBuf;
use url::Url;

/// Serves one client until it says goodbye.
///
/// # Errors
/// What went wrong with the connection.
pub fn serve() -> Result<(), String> {
    let (connection, threads) = Connection::stdio();
    let served = converse(&connection);
    // The threads end when nobody can write to them.
    drop(connection);
    threads
        .join()
        .map_err(|error| format!("standard input or output: {error}"))?;
    served
}

fn converse(connection: &Connection) -> Result<(), String> {
    let fault = |error: lsp_server::ProtocolError| error.to_string();
    let (id, params) = connection.initialize_start().map_err(fault)?;
    let params: InitializeParams = serde_json::from_value(params).map_err(|error| format!("initialize: {error}"))?;
    let here = root(&params)
        .or_else(|| std::env::current_dir().ok())
        .unwrap_or_default();
    let mut session = Session::new(&params);
    connection.initialize_finish(id, session.answer()).map_err(fault)?;
    session.greet(connection)?;
    let selection = Selection {
        shellcheck: Some(ShellCheck::Off),
        ..Selection::default()
    };
    loop {
        // Made anew when files on disk change, so that nothing old is remembered.
        let engine = Builtin::default();
        let around = Surroundings::new(&engine, ConfigSource::Nearest, selection.clone(), here.clone(), false);
        match session.run(connection, &Analyst::new(&engine, around))? {
            Next::Renew => {}
            Next::End => return Ok(()),
        }
    }
}

/// The folder that the editor works in.
#[allow(deprecated)] // Clients that know no workspace folders say it with `rootUri`.
fn root(params: &InitializeParams) -> Option<PathBuf> {
    let folders = params.workspace_folders.as_deref().unwrap_or_default();
    let uri = folders.first().map(|folder| &folder.uri).or(params.root_uri.as_ref())?;
    Url::parse(uri.as_str()).ok()?.to_file_path().ok()
}
