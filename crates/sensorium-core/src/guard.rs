//! What stands between a decoder and the run.
//!
//! Decoders are other people's code, and what they are given comes from outside: an `assert!` on the
//! data of one file must cost its row, not the run. So decoders of pictures,
//! sounds, tokenizers and tables are called through [`guarded`], which turns a panic into a value.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `decode`, and gives what its panic said where it panics, with nothing printed.
///
/// What `decode` borrows mutably may be left half changed: it is to be dropped then.
///
/// # Errors
///
/// What the panic said, in one line.
pub fn guarded<T>(decode: impl FnOnce() -> T) -> Result<T, String> {
    keep_guarded_panics_quiet();
    let was_guarded = IS_GUARDED.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    IS_GUARDED.set(was_guarded);
    result.map_err(|panic| said(panic.as_ref()))
}

/// Once in a process: panics outside the guard go on to the hook that was there before.
fn keep_guarded_panics_quiet() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                before(panic);
            }
        }));
    });
}

/// The words of a panic, in one line.
fn said(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied();
    let words = words.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let line = words.and_then(|words| words.lines().next()).unwrap_or("no reason given");
    format!("its decoder gave up: {line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_words_and_the_thread_goes_on() {
        assert_eq!(guarded(|| 7), Ok(7));
        let index = [1, 2, 3].len();
        let said = guarded(|| [1, 2, 3][index]).unwrap_err();
        assert!(said.starts_with("its decoder gave up: index out of bounds"), "{said}");
        let said = guarded(|| -> u8 { panic!("bad {}\nand more", 5) }).unwrap_err();
        assert_eq!(said, "its decoder gave up: bad 5");
    }

    #[test]
    fn a_guard_within_a_guard_leaves_the_outer_one_standing() {
        let outer = guarded(|| {
            let inner: Result<(), _> = guarded(|| panic!("inner"));
            assert!(inner.is_err() && IS_GUARDED.get());
            panic!("outer")
        });
        let outer: Result<(), _> = outer;
        assert_eq!(outer, Err("its decoder gave up: outer".to_owned()));
        assert!(!IS_GUARDED.get());
    }
}
