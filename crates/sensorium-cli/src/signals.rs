//! Ctrl-C and the signals that ask a program to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sensorium_table::atomic::abandon;

use crate::command::INTERRUPTED;

/// A flag that the first signal sets; the second ends the program at once.
pub(crate) fn stop_flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&stop);
    on_signal(move || {
        if heard.swap(true, Ordering::Relaxed) {
            end();
        }
    });
    stop
}

/// Ends the program at the first signal, and leaves no file half-written.
pub(crate) fn end_cleanly() {
    on_signal(end);
}

/// Where no handler can be set, a signal ends the program as it ends any other.
fn on_signal(handler: impl FnMut() + Send + 'static) {
    drop(ctrlc::set_handler(handler));
}

#[expect(clippy::exit, reason = "asked for; what was written before stands")]
fn end() {
    abandon();
    std::process::exit(i32::from(INTERRUPTED));
}
