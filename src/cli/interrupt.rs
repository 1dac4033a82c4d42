//! Ctrl-C: the first asks what runs to take down what it has begun, the second ends at once.

use crate::executor::Cancel;
use std::sync::OnceLock;

/// Cancelled by Ctrl-C, SIGTERM or SIGHUP, from the first call on.
pub fn cancel() -> &'static Cancel {
    static CANCEL: OnceLock<Cancel> = OnceLock::new();
    CANCEL.get_or_init(|| {
        let cancel = Cancel::new();
        let asked = cancel.clone();
        // Where no handler can be set, a signal ends the process as it always does.
        let _ = ctrlc::set_handler(move || {
            if asked.is_cancelled() {
                std::process::exit(130);
            }
            asked.cancel();
        });
        cancel
    })
}
