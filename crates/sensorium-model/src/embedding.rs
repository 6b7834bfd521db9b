//! What encoders hand to the combiner.

use burn::tensor::{Bool, Tensor};
use sensorium_kernels::fill_absent;

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

impl Embedding {
    /// The same embedding with the rows where `keep` is false made absent: zeros, and masked.
    ///
    /// A subset of the inputs is judged this way without encoding again. A row that was absent
    /// stays absent.
    ///
    /// # Panics
    ///
    /// If `keep` does not hold one flag for each row.
    #[must_use]
    pub fn keep(&self, keep: &[bool]) -> Self {
        let [rows] = self.present.dims();
        assert_eq!(keep.len(), rows, "one flag for each row");
        let keep = Tensor::<1, Bool>::from_bool(keep, &self.present.device());
        let present = self.present.clone().bool_and(keep.clone());
        let [_, num_tokens] = self.mask.dims();
        let mask = self.mask.clone();
        let mask = mask.bool_and(keep.unsqueeze_dim::<2>(1).expand([rows, num_tokens]));
        let kept = Self { mask, present, pooled: self.pooled.clone(), tokens: self.tokens.clone() };
        Self { pooled: kept.clean_pooled(), tokens: kept.clean_tokens(), ..kept }
    }

    /// The embedding of a batch of as many rows that all lack the column: one masked token of zeros
    /// each, which no combiner takes long to pass over.
    #[must_use]
    pub(crate) fn absent(&self) -> Self {
        let ([rows, width], device) = (self.pooled.dims(), self.pooled.device());
        Self {
            pooled: Tensor::zeros([rows, width], &device),
            tokens: Tensor::zeros([rows, 1, width], &device),
            mask: Tensor::full([rows, 1], false, &device),
            present: Tensor::full([rows], false, &device),
        }
    }

    /// The same numbers as a part of a graph that holds nothing of how they were made.
    pub(crate) fn tracked(self) -> Self {
        Self {
            pooled: Tensor::from_inner(self.pooled),
            tokens: Tensor::from_inner(self.tokens),
            mask: Tensor::from_inner(self.mask),
            present: Tensor::from_inner(self.present),
        }
    }

    /// `pooled` with zeros where the row is absent, whatever it held there: `[B, D]`.
    pub(crate) fn clean_pooled(&self) -> Tensor<2> {
        let absent = self.present.clone().bool_not().unsqueeze_dim::<2>(1);
        self.pooled.clone().mask_fill(absent.expand(self.pooled.dims()), 0.0)
    }

    /// `tokens` with zeros where masked, whatever they held there: `[B, T, D]`.
    pub(crate) fn clean_tokens(&self) -> Tensor<3> {
        fill_absent(self.tokens.clone(), self.mask.clone().float(), 0.0)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor};

    use super::*;
    use crate::testkit::values;

    #[test]
    fn a_row_that_is_not_kept_becomes_zeros_and_masked_and_the_others_stay() {
        let device = Device::flex();
        let embedding = Embedding {
            pooled: Tensor::from_floats([[1.0, 2.0], [f32::NAN, 4.0], [5.0, 6.0]], &device),
            tokens: Tensor::from_floats([[[1.0, 2.0]], [[f32::NAN, 4.0]], [[5.0, 6.0]]], &device),
            mask: Tensor::from_bool([[true], [true], [false]], &device),
            present: Tensor::from_bool([true, true, false], &device),
        };
        let kept = embedding.keep(&[true, false, true]);
        assert_eq!(values(&kept.pooled), [1.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(values(&kept.tokens), [1.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
        let present: Vec<bool> = kept.present.into_data().iter().collect();
        let mask: Vec<bool> = kept.mask.into_data().iter().collect();
        assert_eq!((present, mask), (vec![true, false, false], vec![true, false, false]));
    }
}
