//! Settings.

pub mod glob;
