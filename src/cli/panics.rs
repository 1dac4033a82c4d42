//! A fault of ours in one file must not cost the others their findings, nor fill the screen.

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

thread_local! {
    /// Where this thread panicked last.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Lets panics pass without a word; [`contain`] has the words.
pub fn keep_quiet() {
    set_hook(Box::new(|info| {
        let place = info.location().map(|l| format!("{}:{}", l.file(), l.line()));
        PLACE.with(|p| p.replace(place));
    }));
}

/// Does `work`.
///
/// # Errors
/// What to say where it panicked.
pub fn contain<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let place = PLACE.with(RefCell::take).map_or(String::new(), |p| format!(" at {p}"));
        format!(
            "internal error{place}: {}; this is a fault of mbopt, please report it with the file",
            words(&*payload)
        )
    })
}

/// What a panic said.
fn words(payload: &(dyn Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_message() {
        assert_eq!(contain(|| 1), Ok(1));
        let message = contain(|| panic!("number {}", 7)).unwrap_err();
        assert!(
            message.contains("number 7") && message.contains("please report"),
            "{message}"
        );
    }
}
