//! What is written to standard error and standard output.

use std::io::{self, Write};

use sensorium_core::text::printable;

use crate::failure::Failure;

/// Says a line on standard error. That nobody reads it, or that it cannot be written, ends nothing.
pub(crate) fn say(text: &str) {
    drop(writeln!(io::stderr(), "{}", printable(text)));
}

/// Writes a line to standard output; a reader that has gone away is no failure.
///
/// # Errors
///
/// What the system said where it is full.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout();
    match writeln!(output, "{}", printable(text)).and_then(|()| output.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Checks that there is a standard output, for a command whose results go nowhere else.
///
/// # Errors
///
/// Where the program was started with it closed, as `>&-` does; `advice` says what to do then.
pub(crate) fn check_stdout(advice: &str) -> Result<(), Failure> {
    if is_closed() {
        return Err(Failure::new("standard output is closed: results would be lost", Some(advice)));
    }
    Ok(())
}

/// Whether the program was started with standard output closed. Rust's runtime puts `/dev/null`, open
/// for reading and writing, in its place, as Python's `DEVNULL` does: the two cannot be told apart. A shell's `> /dev/null` opens it for writing alone: who throws results away may.
#[cfg(target_os = "linux")]
pub(crate) fn is_closed() -> bool {
    let leads_nowhere =
        || std::fs::read_link("/proc/self/fd/1").is_ok_and(|path| path.as_os_str() == "/dev/null");
    let info = std::fs::read_to_string("/proc/self/fdinfo/1").unwrap_or_default();
    is_for_reading_and_writing(&info) && leads_nowhere()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn is_closed() -> bool {
    false
}

/// By the line `flags: 0100002` of a descriptor, whose last digit is 0 for reading, 1 for writing and
/// 2 for both.
#[cfg(target_os = "linux")]
fn is_for_reading_and_writing(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & 3 == 2)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_access_of_a_descriptor_is_read() {
        assert!(is_for_reading_and_writing("pos:\t0\nflags:\t0100002\nmnt_id:\t25\n"));
        assert!(is_for_reading_and_writing("flags:\t02100002\n"));
        for other in ["flags:\t0100001\n", "flags:\t0\n", "pos:\t2\n", ""] {
            assert!(!is_for_reading_and_writing(other), "{other}");
        }
    }
}
