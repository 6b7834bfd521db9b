//! How a failure is told: what, why, and what to do about it.

use std::error::Error;
use std::process::ExitCode;

use sensorium_core::text::printable;
use sensorium_core::{Hint, with_causes};

/// What the command could not do.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
}

/// The exit code of input that was refused.
const REFUSED: u8 = 2;

impl Failure {
    pub(crate) fn new(message: impl Into<String>, hint: Option<&str>) -> Self {
        Self { message: message.into(), hint: hint.map(str::to_owned) }
    }

    /// The failure with the file that it is about before it.
    #[must_use]
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        Self { message: format!("{}: {}", path.display(), self.message), ..self }
    }

    #[expect(clippy::print_stderr, reason = "this is the command's own output")]
    pub(crate) fn print(self) -> ExitCode {
        eprintln!("error: {}", printable(&self.message));
        if let Some(hint) = self.hint {
            eprintln!("hint: {}", printable(&hint));
        }
        ExitCode::from(REFUSED)
    }
}

impl<E: Hint> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { message: with_causes(&error), hint: error.hint() }
    }
}

/// A failure of the terminal or pipe that output goes to.
pub(crate) fn output(error: &dyn Error) -> Failure {
    Failure::new(format!("could not write the output: {error}"), None)
}
