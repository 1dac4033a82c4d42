//! mbopt: a Dockerfile linter and multi-stage optimizer.
//!
//! The crate is laid out as layers through which data walks one way:
//!
//! ```text
//! source -> edit -> syntax -> shell -> model -> knowledge -> config -> context -> facts -> rule -> apply -> report -> cli -> lsp
//! source -> edit -> syntax -> shell -> model -> knowledge -> config -> context -> facts -> plan -> rule -> apply -> executor -> verify -> report -> cli
//! ```
//!
//! A layer uses only layers to its left; `tests/layers.rs` checks that on the sources.
//! Everything from [`source`] to [`apply`] is pure: values in, values out. Files are read and
//! written in `cli` only.

pub mod apply;
pub mod cli;
pub mod config;
pub mod context;
pub mod edit;
pub mod executor;
pub mod facts;
pub mod knowledge;
pub mod lsp;
pub mod model;
pub mod plan;
pub mod report;
pub mod rule;
pub mod shell;
pub mod source;
pub mod syntax;
pub mod verify;
