//! The threads that files are done by.

/// Stack of a thread in bytes: that of the main thread, so that many files are linted as deeply as one.
const STACK: usize = 8 * 1024 * 1024;

/// Starts the threads, where nobody has yet.
pub fn start() {
    // A pool that is there already does as well.
    let _ = rayon::ThreadPoolBuilder::new().stack_size(STACK).build_global();
}

/// Does one piece of work on the threads. What asks them thousands of questions, as planning does of a
/// build context, is quicker as one of them than from outside, where each answer is waited for.
pub fn on<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    start();
    rayon::join(work, || ()).0
}
