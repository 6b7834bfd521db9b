//! The layers of transformers and classifiers.

use burn::module::{Module, Param};
use burn::tensor::{Device, Distribution, Int, Tensor};
use sensorium_kernels::{
    Activation, AttentionOptions, embedding, layer_norm, linear, linear_add, multi_head_attention,
};

use crate::random::uniform;

/// A product with a weight, a bias, and a function after it.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Linear {
    pub(crate) fn new(input_width: usize, output_width: usize, device: &Device) -> Self {
        Self {
            weight: uniform([input_width, output_width], input_width, device),
            bias: uniform([output_width], input_width, device),
        }
    }

    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.activated(x, Activation::Identity)
    }

    /// The sum with a residual of the same shape.
    pub(crate) fn added<const D: usize>(&self, x: Tensor<D>, residual: Tensor<D>) -> Tensor<D> {
        linear_add(x, self.weight.val(), Some(self.bias.val()), residual)
    }

    pub(crate) fn activated<const D: usize>(
        &self,
        x: Tensor<D>,
        activation: Activation,
    ) -> Tensor<D> {
        linear(x, self.weight.val(), Some(self.bias.val()), activation)
    }
}

/// One vector for each of a vocabulary's tokens.
#[derive(Module, Debug)]
pub(crate) struct Embedding {
    weight: Param<Tensor<2>>,
}

impl Embedding {
    pub(crate) fn new(vocabulary: usize, width: usize, device: &Device) -> Self {
        let values = Tensor::random([vocabulary, width], Distribution::Normal(0.0, 0.02), device);
        Self { weight: Param::from_tensor(values) }
    }

    /// # Shapes
    ///
    /// - `tokens`: `[B, T]`
    /// - returns: `[B, T, D]`
    pub(crate) fn forward(&self, tokens: Tensor<2, Int>) -> Tensor<3> {
        embedding(self.weight.val(), tokens)
    }

    /// The vectors of the first `count` tokens of the vocabulary: `[1, count, D]`.
    pub(crate) fn first(&self, count: usize) -> Tensor<3> {
        self.weight.val().narrow(0, 0, count).unsqueeze()
    }
}

/// Learned scale and shift of a layer norm.
#[derive(Module, Debug)]
pub(crate) struct LayerNorm {
    pub(crate) gamma: Param<Tensor<1>>,
    pub(crate) beta: Param<Tensor<1>>,
    pub(crate) epsilon: f64,
}

impl LayerNorm {
    pub(crate) fn new(width: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            gamma: Param::from_tensor(Tensor::ones([width], device)),
            beta: Param::from_tensor(Tensor::zeros([width], device)),
            epsilon,
        }
    }

    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        layer_norm(x, self.gamma.val(), self.beta.val(), self.epsilon)
    }
}

/// Attention of a sequence to itself.
#[derive(Module, Debug)]
pub(crate) struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    num_heads: usize,
}

impl SelfAttention {
    pub(crate) fn new(width: usize, num_heads: usize, device: &Device) -> Self {
        let square = || Linear::new(width, width, device);
        Self { query: square(), key: square(), value: square(), output: square(), num_heads }
    }

    /// # Shapes
    ///
    /// - `x`: `[B, T, D]`
    /// - `present`: `[B, T]`, 1 where a token is real
    /// - returns: `[B, T, D]`
    pub(crate) fn forward(&self, x: &Tensor<3>, present: Option<Tensor<2>>) -> Tensor<3> {
        self.output.forward(self.read(x, present))
    }

    /// The sum with a residual of the same shape.
    pub(crate) fn added(
        &self,
        x: &Tensor<3>,
        present: Option<Tensor<2>>,
        residual: Tensor<3>,
    ) -> Tensor<3> {
        self.output.added(self.read(x, present), residual)
    }

    /// What the heads read, side by side: `[B, T, D]`.
    fn read(&self, x: &Tensor<3>, present: Option<Tensor<2>>) -> Tensor<3> {
        let head_width = x.dims()[2] / self.num_heads;
        let scale = 1.0 / (head_width as f64).sqrt();
        let options = AttentionOptions { scale, causal: false, dropout: None, groups: vec![] };
        let [query, key, value] =
            [&self.query, &self.key, &self.value].map(|layer| layer.forward(x.clone()));
        multi_head_attention(query, key, value, self.num_heads, &options, present)
    }
}
