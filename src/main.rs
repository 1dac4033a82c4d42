//! The `mbopt` program: everything it does is in [`mbopt::cli`].

use std::process::ExitCode;

/// Planning makes many small texts on all processors, for which systems' own allocators are slow;
/// musl's, of the static program, by design.
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
