//! Vectors in time, with each row's own length.

use burn::tensor::{Bool, Int, Tensor};
use sensorium_kernels::fill_absent;

/// Padded sequences of vectors. The real steps of a row come first, and padded steps hold zeros.
#[derive(Clone, Debug)]
pub(crate) struct TimeSteps {
    values: Tensor<3>,
    lengths: Tensor<1, Int>,
    /// 1 where a step is real and 0 where it is padding: `[P, T]`.
    weights: Tensor<2>,
}

impl TimeSteps {
    /// Zeroes what `values` (`[P, T, D]`) hold from each row's length (`[P]`, 1 or more) on.
    pub(crate) fn new(values: Tensor<3>, lengths: Tensor<1, Int>) -> Self {
        let [_, steps, _] = values.dims();
        let weights = Self::present(&lengths, steps);
        Self { values: fill_absent(values, weights.clone(), 0.0), lengths, weights }
    }

    /// 1 for each row's first steps, as many as its length says, and 0 after them: `[P, T]`.
    pub(crate) fn present(lengths: &Tensor<1, Int>, steps: usize) -> Tensor<2> {
        Self::real(lengths.clone(), steps).float()
    }

    fn real(lengths: Tensor<1, Int>, steps: usize) -> Tensor<2, Bool> {
        let device = lengths.device();
        let [rows] = lengths.dims();
        let steps_in_time = i64::try_from(steps).expect("a length in memory fits");
        let index = Tensor::<1, Int>::arange(0..steps_in_time, &device);
        let index = index.unsqueeze_dim::<2>(0).expand([rows, steps]);
        let lengths = lengths.unsqueeze_dim::<2>(1).expand([rows, steps]);
        index.lower(lengths)
    }

    /// Other vectors of the same steps: `values` is `[P, T, E]`.
    pub(crate) fn with(&self, values: Tensor<3>) -> Self {
        let (lengths, weights) = (self.lengths.clone(), self.weights.clone());
        Self { values: fill_absent(values, weights.clone(), 0.0), lengths, weights }
    }

    /// `[P, T, D]`, zeros where padded.
    pub(crate) fn values(&self) -> Tensor<3> {
        self.values.clone()
    }

    /// [`TimeSteps::values`], which nobody else holds then.
    pub(crate) fn into_values(self) -> Tensor<3> {
        self.values
    }

    /// The values with `fill` instead of zeros where padded: `[P, T, D]`.
    pub(crate) fn padded_with(self, fill: f32) -> Tensor<3> {
        fill_absent(self.values, self.weights, fill)
    }

    /// Each row's number of steps: `[P]`.
    pub(crate) fn lengths(&self) -> Tensor<1, Int> {
        self.lengths.clone()
    }

    /// True where a step is padding: `[P, T]`.
    pub(crate) fn absent(&self) -> Tensor<2, Bool> {
        self.weights.clone().equal_elem(0.0)
    }

    /// True where a step is real: `[P, T]`.
    pub(crate) fn mask(&self) -> Tensor<2, Bool> {
        self.weights.clone().not_equal_elem(0.0)
    }

    /// 1 where a step is real and 0 where it is padding: `[P, T]`.
    pub(crate) fn weights(&self) -> Tensor<2> {
        self.weights.clone()
    }
}
