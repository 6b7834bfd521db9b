//! Features of many rows as tensors: only the rows that are present take part.

use burn::tensor::{Int, Tensor};

/// One column's features of a batch.
#[derive(Clone, Debug)]
pub struct FeatureBatch {
    /// For each of the `B` rows, whether its cell is present.
    pub present: Vec<bool>,
    /// The features of the `P` present rows, in order; `None` where no row is present.
    pub values: Option<FeatureValues>,
}

/// The features of the present rows, stacked.
#[derive(Clone, Debug)]
pub enum FeatureValues {
    /// `[P, D]`.
    Vector(Tensor<2>),
    /// `[P, C, H, W]`.
    Grid(Tensor<4>),
    /// Vectors in time, padded with zeros to the longest row.
    Sequence {
        /// `[P, T, D]`.
        values: Tensor<3>,
        /// Each row's own `T`, 1 or more.
        lengths: Vec<usize>,
    },
    /// Token ids, padded with 0 to the longest row.
    Tokens {
        /// `[P, T]`.
        ids: Tensor<2, Int>,
        /// Each row's own `T`, 1 or more.
        lengths: Vec<usize>,
    },
}
