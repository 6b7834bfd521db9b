//! A table with one vector for each id.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Int, Tensor};

/// The spread that BERT and most after it start from.
const STD: f64 = 0.02;

/// One learned vector for each id.
#[derive(Module, Debug)]
pub(crate) struct Embedding {
    /// `[number of ids, D]`.
    weight: Param<Tensor<2>>,
}

impl Embedding {
    pub(crate) fn new(num_ids: usize, width: usize, device: &Device) -> Self {
        let normal = Initializer::Normal { mean: 0.0, std: STD };
        Self { weight: normal.init([num_ids, width], device) }
    }

    /// # Shapes
    ///
    /// - `ids`: `[P, T]`, each below the number of ids
    /// - returns: `[P, T, D]`
    pub(crate) fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        sensorium_kernels::embedding(self.weight.val(), ids)
    }

    /// The vectors of the ids from `first` on: `[1, count, D]`.
    pub(crate) fn following(&self, first: usize, count: usize) -> Tensor<3> {
        self.weight.val().narrow(0, first, count).unsqueeze()
    }
}
