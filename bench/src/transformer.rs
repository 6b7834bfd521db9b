//! A transformer encoder with its norms before attention and feed-forward layers, in training.
//!
//! Source: Xiong et al. 2020, "On Layer Normalization in the Transformer Architecture"
//! (<https://arxiv.org/abs/2002.04745>), as `torch.nn.TransformerEncoderLayer` has it with
//! `norm_first`.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_kernels::Activation;

use crate::Repetition;
use crate::layer::{LayerNorm, Linear, SelfAttention};
use crate::random::normal;
use crate::training;

/// PyTorch's default.
const EPSILON: f64 = 1e-5;

/// The sizes of an encoder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) width: usize,
    pub(crate) num_heads: usize,
    pub(crate) hidden_width: usize,
    pub(crate) num_layers: usize,
}

#[derive(Module, Debug)]
struct EncoderLayer {
    attention_norm: LayerNorm,
    attention: SelfAttention,
    hidden_norm: LayerNorm,
    hidden: Linear,
    output: Linear,
}

impl EncoderLayer {
    fn new(sizes: Sizes, device: &Device) -> Self {
        let Sizes { width, num_heads, hidden_width, num_layers: _ } = sizes;
        Self {
            attention_norm: LayerNorm::new(width, EPSILON, device),
            attention: SelfAttention::new(width, num_heads, device),
            hidden_norm: LayerNorm::new(width, EPSILON, device),
            hidden: Linear::new(width, hidden_width, device),
            output: Linear::new(hidden_width, width, device),
        }
    }

    fn forward(&self, x: Tensor<3>, present: Option<Tensor<2>>) -> Tensor<3> {
        let x = self.attention.added(&self.attention_norm.forward(x.clone()), present, x);
        let hidden = self.hidden_norm.forward(x.clone());
        self.output.added(self.hidden.activated(hidden, Activation::Gelu), x)
    }
}

/// Encoder layers and the norm after the last.
#[derive(Module, Debug)]
pub(crate) struct Encoder {
    layers: Vec<EncoderLayer>,
    norm: LayerNorm,
}

impl Encoder {
    pub(crate) fn new(sizes: Sizes, device: &Device) -> Self {
        Self {
            layers: (0..sizes.num_layers).map(|_| EncoderLayer::new(sizes, device)).collect(),
            norm: LayerNorm::new(sizes.width, EPSILON, device),
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[B, T, D]`
    /// - `present`: `[B, T]`, 1 where a token is real; every one is where there is none
    /// - returns: `[B, T, D]`
    pub(crate) fn forward(&self, x: Tensor<3>, present: Option<&Tensor<2>>) -> Tensor<3> {
        let x = self.layers.iter().fold(x, |x, layer| layer.forward(x, present.cloned()));
        self.norm.forward(x)
    }
}

#[derive(Module, Debug)]
struct Classifier {
    encoder: Encoder,
    classes: Linear,
}

impl Classifier {
    fn new(width: usize, device: &Device) -> Self {
        let sizes = Sizes { width, num_heads: 8, hidden_width: 4 * width, num_layers: 4 };
        Self { encoder: Encoder::new(sizes, device), classes: Linear::new(width, 10, device) }
    }

    /// `[B, T, D]` to `[B, K]`.
    fn forward(&self, tokens: Tensor<3>) -> Tensor<2> {
        self.classes.forward(self.encoder.forward(tokens, None).mean_dim(1).squeeze_dim(1))
    }
}

/// Four layers of width 256 over 32 sequences of 64 tokens, whose mean is classified.
pub(crate) fn train(device: &Device) -> Repetition {
    train_scaled([32, 64, 256], device)
}

/// The same with other numbers of rows and tokens, and another width.
pub(crate) fn train_scaled([rows, tokens, width]: [usize; 3], device: &Device) -> Repetition {
    let inputs = normal([rows, tokens, width], device);
    let targets = training::targets(rows, 10, device);
    training::step(Classifier::new(width, device), targets, move |net| net.forward(inputs.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_net_has_as_many_weights_as_that_of_pytorch() {
        assert_eq!(Classifier::new(256, &Device::flex()).num_params(), 3_162_122);
    }
}
