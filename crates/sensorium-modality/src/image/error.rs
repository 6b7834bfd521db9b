//! Why bytes did not become a picture.

use sensorium_core::{CellRef, Hint};

use crate::ModalityError;

/// Why bytes did not become a picture, before it is known which cell they are from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The bytes are not a picture that can be read.
    #[error("not {expected}: {got}")]
    Unreadable {
        /// What was expected, such as `a picture in a supported format`.
        expected: &'static str,
        /// What was got.
        got: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// The picture is larger than a stated limit.
    #[error("{got}, but at most {limit} is allowed")]
    TooLarge {
        /// Its size with the unit.
        got: String,
        /// The limit with the unit.
        limit: String,
        /// What to do about it.
        advice: &'static str,
    },
}

impl PictureError {
    /// The same mistake with its place in the table.
    #[must_use]
    pub fn at(self, cell: &CellRef) -> ModalityError {
        let at = cell.clone();
        match self {
            Self::Unreadable { expected, got, advice } => ModalityError::Decode {
                at,
                expected: expected.to_owned(),
                got,
                advice: advice.to_owned(),
            },
            Self::TooLarge { got, limit, advice } => {
                ModalityError::TooLarge { at, got, limit, advice: advice.to_owned() }
            }
        }
    }
}

impl Hint for PictureError {
    fn hint(&self) -> Option<String> {
        let (Self::Unreadable { advice, .. } | Self::TooLarge { advice, .. }) = self;
        Some((*advice).to_owned())
    }
}
