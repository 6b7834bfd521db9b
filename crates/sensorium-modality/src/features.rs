//! What every modality makes: one of few layouts.

use sensorium_core::Layout;

/// The features of one present cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Features {
    /// `[D]`.
    Vector(Vec<f32>),
    /// `[T, D]`, row-major, `T` being `values.len() / width`, at least 1.
    Sequence {
        /// The values, last axis fastest.
        values: Vec<f32>,
        /// `D`.
        width: usize,
    },
    /// `[C, H, W]`, row-major, of the sizes that the modality's shape says.
    Grid(Vec<f32>),
    /// `[T]`: token ids, at least one.
    Tokens(Vec<u32>),
    /// What a frozen encoder made of the cell before; no modality makes these, and every encoder
    /// hands them on as they are.
    Embedding {
        /// `[D]`.
        pooled: Vec<f32>,
        /// `[T, D]`, `T` at least 1.
        tokens: Vec<f32>,
    },
}

impl Features {
    /// The layout that these features have.
    pub const fn layout(&self) -> Layout {
        match self {
            Self::Vector(_) | Self::Embedding { .. } => Layout::Vector,
            Self::Sequence { .. } => Layout::Sequence,
            Self::Grid(_) => Layout::Grid,
            Self::Tokens(_) => Layout::Tokens,
        }
    }

    /// The memory that the values take, in bytes.
    pub fn num_bytes(&self) -> usize {
        4 * match self {
            Self::Vector(values) | Self::Sequence { values, .. } | Self::Grid(values) => {
                values.len()
            }
            Self::Tokens(ids) => ids.len(),
            Self::Embedding { pooled, tokens } => pooled.len() + tokens.len(),
        }
    }
}
