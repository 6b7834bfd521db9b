//! Combiners: from one embedding a column to one vector a row.

pub mod concat;

use burn::tensor::Tensor;

use crate::Embedding;

/// Joins the embeddings of one row's columns into one vector.
///
/// What an absent column holds must not reach the result; a row may have every column absent.
pub trait Combiner {
    /// # Shapes
    ///
    /// - `embeddings`: one for each column in the config's order, each `[B, ...]` with its own `D`
    /// - returns: see [`Fused`]
    fn forward(&self, embeddings: &[Embedding]) -> Fused;

    /// `F` of what [`Combiner::forward`] returns.
    fn output_width(&self) -> usize;
}

/// What a combiner makes.
#[derive(Clone, Debug)]
pub struct Fused {
    /// One vector a row: `[B, F]`.
    pub fused: Tensor<2>,
    /// The weight of each column, where the combiner has any: `[B, M]`, each row summing to 1 over
    /// the present columns.
    pub weights: Option<Tensor<2>>,
}

/// The sizes of the embeddings that a combiner will read: for each column, `D`.
#[derive(Clone, Debug)]
pub struct CombinerInput {
    /// `D` of each column, in the config's order.
    pub widths: Vec<usize>,
}

components! {
    /// Every combiner that a config can name in `combiner.type`.
    CombinerConfig => AnyCombiner: dyn Combiner from CombinerInput {
        "concat" => concat::Concat, "joins the pooled vectors end to end";
    }
}
