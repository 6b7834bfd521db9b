//! Encoders of one vector a row.

pub mod dense;
pub mod passthrough;

use burn::tensor::Tensor;

use crate::Encoded;

/// Reads a vector into an embedding.
pub trait VectorEncoder {
    /// # Shapes
    ///
    /// - `values`: `[P, D]`, `P` at least 1
    /// - returns: one token, equal to the pooled vector
    fn forward(&self, values: Tensor<2>) -> Encoded;

    /// `D` of what [`VectorEncoder::forward`] returns.
    fn output_width(&self) -> usize;
}

/// The size of the vectors that an encoder will read.
#[derive(Clone, Copy, Debug)]
pub struct VectorInput {
    /// `D`.
    pub width: usize,
}

components! {
    /// Every encoder that reads vectors.
    VectorEncoderConfig => AnyVectorEncoder: dyn VectorEncoder from VectorInput {
        "dense" => dense::Dense, "fully connected layers";
        "passthrough" => passthrough::Passthrough, "hands the vector on as it is";
    }
}
