//! Work that nobody waits for yet, done with what others leave of the processors; and how much that is.

/// Does it on threads of its own, which the kernel lets run when others do not want to. Where that
/// cannot be had, it is done all the same.
pub fn in_background<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new()
        .start_handler(|_| yield_to_others())
        .build();
    match pool {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}

/// How many times as long as on an idle machine something may take here: from 1 to 4, by how many
/// processes wanted to run at a time during the last minute, for each processor.
pub fn crowding() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (load / processors as f64).clamp(1.0, 4.0)
}

/// Bytes of memory that could be used; none where nobody says.
pub fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// From here on this thread, with the threads that it starts, goes behind others.
#[cfg(target_os = "linux")]
fn yield_to_others() {
    // Linux keeps a niceness for each thread. It is a wish: nothing depends on it.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
}

#[cfg(not(target_os = "linux"))]
fn yield_to_others() {}

/// As `nice` takes it: a third of what others get where they want it, so that it comes to its end
/// on a machine that is never idle, too.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_is_known() {
        assert!(available_memory().is_some_and(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn crowding_is_bounded() {
        assert!((1.0..=4.0).contains(&crowding()));
    }

    #[test]
    fn only_its_own_threads_are_nice() {
        #[cfg(target_os = "linux")]
        let here = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        #[cfg(not(target_os = "linux"))]
        let here = || 0;
        let before = here();
        let (there, sum) = in_background(|| {
            use rayon::prelude::*;
            (here(), (0..1000).into_par_iter().sum::<i32>())
        });
        assert_eq!((here(), sum), (before, 499_500));
        assert!(!cfg!(target_os = "linux") || there >= NICENESS.min(19));
    }
}
