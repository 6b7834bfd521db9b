//! One layer of a published transformer: self-attention, then two linear steps.
//!
//! Source: Vaswani et al. 2017, "Attention Is All You Need", section 3
//! (<https://arxiv.org/abs/1706.03762>), with the norms where the model that is to be rebuilt has
//! them. Unlike [`super::TransformerBlock`] the step after the heads has a bias.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_kernels::{AttentionOptions, multi_head_attention};

use super::{Activation, Bias, Dropout, LayerNorm, Linear};

/// Where the norms of a layer stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormPlace {
    /// Before each step: GPT-2, ViT, CLIP, Whisper.
    Before,
    /// After each sum: BERT.
    After,
}

/// The sizes of an [`EncoderBlock`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct EncoderBlockConfig {
    /// `D`; `num_heads` divides it.
    pub(crate) width: usize,
    pub(crate) num_heads: usize,
    /// Width between the two linear steps.
    pub(crate) inner_width: usize,
    pub(crate) activation: Activation,
    pub(crate) norm_place: NormPlace,
    /// Of the norms.
    pub(crate) epsilon: f64,
    /// Whether queries and values have a bias, and whether keys have one.
    pub(crate) biases: [Bias; 2],
    /// Whether a token reads no later one.
    pub(crate) causal: bool,
    /// Share of values set to zero in training, 0 or more and below 1.
    pub(crate) dropout: f64,
}

/// Attention from each token to the others.
#[derive(Module, Debug)]
struct SelfAttention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    dropout: Dropout,
    num_heads: usize,
    causal: bool,
}

impl SelfAttention {
    fn new(config: &EncoderBlockConfig, device: &Device) -> Self {
        let linear = |bias| Linear::new(config.width, config.width, bias, device);
        let [bias, key_bias] = config.biases;
        Self {
            query: linear(bias),
            key: linear(key_bias),
            value: linear(bias),
            output: linear(Bias::Learned),
            dropout: Dropout::new(config.dropout),
            num_heads: config.num_heads,
            causal: config.causal,
        }
    }

    /// What the heads read, side by side: `[P, T, D]`.
    fn read(&self, tokens: &Tensor<3>, present: Option<Tensor<2>>) -> Tensor<3> {
        let head_width = tokens.dims()[2] / self.num_heads;
        let options = AttentionOptions {
            scale: 1.0 / (head_width as f64).sqrt(),
            causal: self.causal,
            dropout: self.dropout.draw(&tokens.device()),
            groups: Vec::new(),
        };
        let [query, key, value] =
            [&self.query, &self.key, &self.value].map(|layer| layer.forward(tokens.clone()));
        multi_head_attention(query, key, value, self.num_heads, &options, present)
    }
}

/// Self-attention and two linear steps, each added to what came in.
#[derive(Module, Debug)]
pub(crate) struct EncoderBlock {
    attention: SelfAttention,
    attention_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    linear_norm: LayerNorm,
    dropout: Dropout,
    #[module(skip)]
    activation: Activation,
    #[module(skip)]
    norm_place: NormPlace,
}

impl EncoderBlock {
    pub(crate) fn new(config: &EncoderBlockConfig, device: &Device) -> Self {
        let EncoderBlockConfig { width, inner_width, epsilon, .. } = *config;
        Self {
            attention: SelfAttention::new(config, device),
            attention_norm: LayerNorm::with_epsilon(width, epsilon, device),
            inner: Linear::new(width, inner_width, Bias::Learned, device),
            outer: Linear::new(inner_width, width, Bias::Learned, device),
            linear_norm: LayerNorm::with_epsilon(width, epsilon, device),
            dropout: Dropout::new(config.dropout),
            activation: config.activation,
            norm_place: config.norm_place,
        }
    }

    /// # Shapes
    ///
    /// - `tokens`: `[P, T, D]`
    /// - `present`: `[P, T]`, 0 where a token may not be read and 1 elsewhere; `None` for all
    /// - returns: `[P, T, D]`, of no meaning for tokens that are not present
    pub(crate) fn forward(&self, tokens: Tensor<3>, present: Option<Tensor<2>>) -> Tensor<3> {
        match self.norm_place {
            NormPlace::After => {
                let read = self.attention.read(&tokens, present);
                let read = self.dropout.forward(self.attention.output.forward(read));
                let tokens = self.attention_norm.added(read, tokens);
                let thought = self.dropout.forward(self.outer.forward(self.think(tokens.clone())));
                self.linear_norm.added(thought, tokens)
            }
            NormPlace::Before => {
                let normed = self.attention_norm.forward(tokens.clone());
                let read = self.attention.read(&normed, present);
                let tokens = self.added(&self.attention.output, read, tokens);
                let inner = self.think(self.linear_norm.forward(tokens.clone()));
                self.added(&self.outer, inner, tokens)
            }
        }
    }

    /// [`EncoderBlock::forward`] of one block after the other.
    pub(crate) fn through(
        blocks: &[Self],
        tokens: Tensor<3>,
        present: Option<&Tensor<2>>,
    ) -> Tensor<3> {
        blocks.iter().fold(tokens, |tokens, block| block.forward(tokens, present.cloned()))
    }

    fn think(&self, tokens: Tensor<3>) -> Tensor<3> {
        self.inner.activated(tokens, self.activation.into())
    }

    /// `tokens` and what the layer makes of `x`, after dropout.
    fn added(&self, layer: &Linear, x: Tensor<3>, tokens: Tensor<3>) -> Tensor<3> {
        if self.dropout.is_idle(&x.device()) {
            return layer.added(x, tokens);
        }
        self.dropout.forward(layer.forward(x)) + tokens
    }
}
