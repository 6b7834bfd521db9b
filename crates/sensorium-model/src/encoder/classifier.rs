//! The classes that a published encoder was trained on.

use burn::module::Module;
use burn::tensor::{Bool, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::Encoded;
use crate::layer::{Bias, Linear};

/// What an encoder hands on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputLayer {
    /// What the classifier would read.
    #[default]
    Embedding,
    /// The logits of the classes that the weights were trained on.
    Logits,
}

/// The classifier of a published encoder, where its logits are asked for.
#[derive(Module, Debug)]
pub(crate) struct Classifier {
    linear: Option<Linear>,
    width: usize,
}

impl Classifier {
    /// For embeddings of `width`.
    pub(crate) fn new(
        output: OutputLayer,
        width: usize,
        num_classes: usize,
        device: &Device,
    ) -> Self {
        let linear = || Linear::new(width, num_classes, Bias::Learned, device);
        Self { linear: (output == OutputLayer::Logits).then(linear), width }
    }

    /// `D` of what is handed on.
    pub(crate) fn output_width(&self) -> usize {
        self.linear.as_ref().map_or(self.width, Linear::output_width)
    }

    /// # Shapes
    ///
    /// - `x`: `[…, width]`
    /// - returns: `[…, output width]`
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match &self.linear {
            Some(linear) => linear.forward(x),
            None => x,
        }
    }

    /// The embedding of a map, with each of its cells a token.
    ///
    /// # Shapes
    ///
    /// - `pooled`: `[P, width]`
    /// - `map`: `[P, width, H, W]`
    pub(crate) fn encoded(&self, pooled: Tensor<2>, map: Tensor<4>) -> Encoded {
        let [rows, channels, height, width] = map.dims();
        let cells = map.reshape([rows, channels, height * width]).swap_dims(1, 2);
        let mask = Tensor::<2, Bool>::full([rows, height * width], true, &pooled.device());
        Encoded { pooled: self.forward(pooled), tokens: self.forward(cells), mask }
    }
}
