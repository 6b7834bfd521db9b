//! What encoders hand to the combiner.

use burn::tensor::{Bool, Tensor};

/// What an encoder makes of the present rows.
#[derive(Clone, Debug)]
pub struct Encoded {
    /// One vector a row: `[P, D]`.
    pub pooled: Tensor<2>,
    /// The vectors that `pooled` was read from: `[P, T, D]`.
    pub tokens: Tensor<3>,
    /// True where a token is real, false where it is padding: `[P, T]`.
    pub mask: Tensor<2, Bool>,
}

/// One column's embedding of a whole batch; all zeros, and masked, where a row's cell is absent.
#[derive(Clone, Debug)]
pub struct Embedding {
    /// One vector a row: `[B, D]`.
    pub pooled: Tensor<2>,
    /// The token sequence: `[B, T, D]`.
    pub tokens: Tensor<3>,
    /// True where a token is real; false for padding and for absent rows: `[B, T]`.
    pub mask: Tensor<2, Bool>,
    /// True where the row's cell is present: `[B]`.
    pub present: Tensor<1, Bool>,
}
