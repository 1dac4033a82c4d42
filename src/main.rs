//! The `mbopt` program: everything it does is in [`mbopt::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    // The bundled engine runs this program again as the sandbox of a RUN.
    #[cfg(target_os = "linux")]
    if let Some(code) = mbopt::executor::native::sandbox::entered() {
        return code;
    }
    mbopt::cli::main(mbopt::lsp::serve)
}
