//! How a failure is told: what, why, and what to do about it.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use sensorium_core::{Hint, with_causes};

use crate::terminal;

/// What the command could not do.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    /// The reader of standard output has gone away: it has what it wanted, and nothing is said.
    nobody_reads: bool,
}

/// The exit code of input that was refused.
const REFUSED: u8 = 2;

impl Failure {
    pub(crate) fn new(message: impl Into<String>, hint: Option<&str>) -> Self {
        Self { message: message.into(), hint: hint.map(str::to_owned), nobody_reads: false }
    }

    /// The failure with the file that it is about before it.
    #[must_use]
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        Self { message: format!("{}: {}", path.display(), self.message), ..self }
    }

    pub(crate) fn print(self) -> ExitCode {
        if self.nobody_reads {
            return ExitCode::SUCCESS;
        }
        terminal::say(&format!("error: {}", self.message));
        if let Some(hint) = self.hint {
            terminal::say(&format!("hint: {hint}"));
        }
        ExitCode::from(REFUSED)
    }
}

impl<E: Hint> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { message: with_causes(&error), hint: error.hint(), nobody_reads: false }
    }
}

/// A failure of the terminal, pipe or file that output goes to; none at all where its reader has gone
/// away, as of `| head`.
pub(crate) fn output(error: &(dyn Error + 'static)) -> Failure {
    let kind = error.downcast_ref().map(io::Error::kind);
    let message = format!("could not write the output: {error}");
    let nobody_reads = kind == Some(io::ErrorKind::BrokenPipe);
    Failure { nobody_reads, ..Failure::new(message, None) }
}
