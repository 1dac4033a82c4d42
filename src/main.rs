//! The `mbopt` program: everything it does is in [`mbopt::cli`].

use std::process::ExitCode;

/// For the static program: musl's allocator is slow by design.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The bundled engine runs this program again as the sandbox of a RUN.
    #[cfg(target_os = "linux")]
    if let Some(code) = mbopt::executor::native::sandbox::entered() {
        return code;
    }
    mbopt::cli::main(mbopt::lsp::serve)
}
