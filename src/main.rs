//! The `mbopt` program: everything it does is in [`mbopt::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    mbopt::cli::main(mbopt::lsp::serve)
}
