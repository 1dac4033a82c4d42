//! Programs outside, started, watched and ended: nothing left of this layer starts a process.

pub mod shellcheck;

pub use shellcheck::ShellCheck;
