//! mbopt: a Dockerfile linter and multi-stage optimizer.
//!
//! The crate is laid out as layers through which data walks one way:
//!
//! ```text
//! source -> edit -> syntax -> shell -> model -> knowledge -> config -> context -> facts -> rule -> apply -> report -> cli
//! ```
//!
//! A layer uses only layers to its left; `tests/layers.rs` checks that on the sources.
//! Everything from [`source`] to [`apply`] is pure: values in, values out. Files are read and
//! written in `cli` only.

pub mod source;
pub mod edit;
pub mod syntax;
pub mod shell;
pub mod model;
pub mod knowledge;
pub mod config;
pub mod context;
pub mod facts;
pub mod rule;
pub mod apply;
pub mod executor;
pub mod report;
pub mod cli;
