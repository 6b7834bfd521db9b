//! The narrow waist: the few layouts that features have.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How the features of one cell are laid out; what a modality makes and an encoder reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `[D]`: one vector.
    Vector,
    /// `[T, D]`: vectors in time, `T` differing from row to row.
    Sequence,
    /// `[C, H, W]`: a picture.
    Grid,
    /// `[T]`: token ids, `T` differing from row to row.
    Tokens,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vector => "vector [D]",
            Self::Sequence => "sequence [T, D]",
            Self::Grid => "grid [C, H, W]",
            Self::Tokens => "tokens [T]",
        })
    }
}

/// The sizes of one column's features, known once the modality is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "layout", rename_all = "lowercase")]
pub enum FeatureShape {
    /// `[width]`.
    Vector {
        /// `D`.
        width: usize,
    },
    /// `[T, width]` with `T` from 1 to `max_length`.
    Sequence {
        /// The longest `T`.
        max_length: usize,
        /// `D`.
        width: usize,
    },
    /// `[channels, height, width]`.
    Grid {
        /// `C`.
        channels: usize,
        /// `H`, in pixels.
        height: usize,
        /// `W`, in pixels.
        width: usize,
    },
    /// `[T]` with `T` from 1 to `max_length` and every id below `vocabulary_size`.
    Tokens {
        /// The longest `T`.
        max_length: usize,
        /// The number of ids, special ones included.
        vocabulary_size: usize,
    },
}

impl FeatureShape {
    /// The layout, without its sizes.
    pub const fn layout(&self) -> Layout {
        match self {
            Self::Vector { .. } => Layout::Vector,
            Self::Sequence { .. } => Layout::Sequence,
            Self::Grid { .. } => Layout::Grid,
            Self::Tokens { .. } => Layout::Tokens,
        }
    }
}
