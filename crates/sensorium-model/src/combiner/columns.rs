//! What every combiner reads first: the pooled vectors, clean of what absent columns hold.

use burn::tensor::{Bool, Tensor};

use crate::Embedding;

/// The pooled vectors of a batch.
pub(super) struct Columns {
    /// For each column `[B, D]`, zeros where absent.
    pub(super) pooled: Vec<Tensor<2>>,
    /// True where a row has no cell in the column: `[B, M]`.
    pub(super) absent: Tensor<2, Bool>,
}

impl Columns {
    pub(super) fn of(embeddings: &[Embedding]) -> Self {
        let present = embeddings.iter().map(|embedding| embedding.present.clone()).collect();
        Self {
            pooled: embeddings.iter().map(Embedding::clean_pooled).collect(),
            absent: Tensor::stack::<2>(present, 1).bool_not(),
        }
    }

    /// The pooled vectors end to end: `[B, ΣD]`.
    pub(super) fn joined(&self) -> Tensor<2> {
        Tensor::cat(self.pooled.clone(), 1)
    }

    /// The pooled vectors end to end, then 1 for each column that is present and 0 for each that
    /// is not: `[B, ΣD + M]`.
    ///
    /// Without the flags a layer could not tell an absent column from one that embeds to zeros.
    pub(super) fn joined_with_flags(&self) -> Tensor<2> {
        let flags = self.absent.clone().bool_not().float();
        Tensor::cat(vec![self.joined(), flags], 1)
    }

    /// `absent` repeated along a new last axis: `[B, M, width]`.
    pub(super) fn absent_along(&self, width: usize) -> Tensor<3, Bool> {
        let [rows, columns] = self.absent.dims();
        self.absent.clone().unsqueeze_dim::<3>(2).expand([rows, columns, width])
    }
}
