//! Vectors in time, with each row's own length.

use burn::tensor::{Bool, Int, Tensor};

/// Padded sequences of vectors. The real steps of a row come first, and padded steps hold zeros.
#[derive(Clone, Debug)]
pub(crate) struct TimeSteps {
    values: Tensor<3>,
    lengths: Tensor<1, Int>,
    padding: Tensor<3, Bool>,
}

impl TimeSteps {
    /// Zeroes what `values` (`[P, T, D]`) hold from each row's length (`[P]`, 1 or more) on.
    pub(crate) fn new(values: Tensor<3>, lengths: Tensor<1, Int>) -> Self {
        let [_, steps, _] = values.dims();
        let padding = Self::padding(lengths.clone(), steps);
        Self { values: values.mask_fill(padding.clone(), 0.0), lengths, padding }
    }

    fn padding(lengths: Tensor<1, Int>, steps: usize) -> Tensor<3, Bool> {
        let device = lengths.device();
        let [rows] = lengths.dims();
        let steps_in_time = i64::try_from(steps).expect("a length in memory fits");
        let index = Tensor::<1, Int>::arange(0..steps_in_time, &device);
        let index = index.unsqueeze_dim::<2>(0).expand([rows, steps]);
        let lengths = lengths.unsqueeze_dim::<2>(1).expand([rows, steps]);
        index.greater_equal(lengths).unsqueeze_dim(2)
    }

    /// Other vectors of the same steps: `values` is `[P, T, E]`.
    pub(crate) fn with(&self, values: Tensor<3>) -> Self {
        Self { values: values.mask_fill(self.padding.clone(), 0.0), ..self.clone() }
    }

    /// `[P, T, D]`, zeros where padded.
    pub(crate) fn values(&self) -> Tensor<3> {
        self.values.clone()
    }

    /// The values with `fill` instead of zeros where padded: `[P, T, D]`.
    pub(crate) fn padded_with(&self, fill: f32) -> Tensor<3> {
        self.values.clone().mask_fill(self.padding.clone(), fill)
    }

    /// Each row's number of steps: `[P]`.
    pub(crate) fn lengths(&self) -> Tensor<1, Int> {
        self.lengths.clone()
    }

    /// True where a step is padding: `[P, T]`.
    pub(crate) fn absent(&self) -> Tensor<2, Bool> {
        self.padding.clone().squeeze_dim(2)
    }

    /// True where a step is real: `[P, T]`.
    pub(crate) fn mask(&self) -> Tensor<2, Bool> {
        self.absent().bool_not()
    }

    /// 1 where a step is real and 0 where it is padding: `[P, T]`.
    pub(crate) fn weights(&self) -> Tensor<2> {
        self.mask().float()
    }
}
