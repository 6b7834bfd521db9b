//! BERT-base and MiniLM-L6 at prediction, without the pooling layer, as Hugging Face builds them.
//!
//! Source: Devlin et al. 2019, "BERT" (<https://arxiv.org/abs/1810.04805>), and Wang et al. 2020
//! (<https://arxiv.org/abs/2002.10957>).

use std::hint::black_box;

use burn::tensor::{Device, Distribution, Int, Tensor};
use sensorium_kernels::{Activation, add_layer_norm};

use crate::Repetition;
use crate::layer::{Embedding, LayerNorm, Linear, SelfAttention};

const VOCABULARY: usize = 30_522;
/// The longest text that there are positions for.
const MOST_TOKENS: usize = 512;
const NUM_TOKEN_TYPES: usize = 2;
const NUM_HEADS: usize = 12;
const EPSILON: f64 = 1e-12;

/// What differs between the two.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    width: usize,
    hidden_width: usize,
    num_layers: usize,
}

/// A layer whose norms come after the sums.
#[derive(Debug)]
struct EncoderLayer {
    attention: SelfAttention,
    attention_norm: LayerNorm,
    hidden: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

/// The norm of a sum.
fn added(norm: &LayerNorm, x: Tensor<3>, residual: Tensor<3>) -> Tensor<3> {
    add_layer_norm(x, residual, norm.gamma.val(), norm.beta.val(), norm.epsilon)
}

impl EncoderLayer {
    fn new(sizes: Sizes, device: &Device) -> Self {
        let Sizes { width, hidden_width, num_layers: _ } = sizes;
        Self {
            attention: SelfAttention::new(width, NUM_HEADS, device),
            attention_norm: LayerNorm::new(width, EPSILON, device),
            hidden: Linear::new(width, hidden_width, device),
            output: Linear::new(hidden_width, width, device),
            output_norm: LayerNorm::new(width, EPSILON, device),
        }
    }

    fn forward(&self, x: Tensor<3>, present: &Tensor<2>) -> Tensor<3> {
        let read = self.attention.forward(&x, Some(present.clone()));
        let x = added(&self.attention_norm, read, x);
        let hidden = self.hidden.activated(x.clone(), Activation::Gelu);
        added(&self.output_norm, self.output.forward(hidden), x)
    }
}

#[derive(Debug)]
struct Bert {
    words: Embedding,
    positions: Embedding,
    token_types: Embedding,
    norm: LayerNorm,
    layers: Vec<EncoderLayer>,
}

impl Bert {
    fn new(sizes: Sizes, device: &Device) -> Self {
        let embedding = |count| Embedding::new(count, sizes.width, device);
        Self {
            words: embedding(VOCABULARY),
            positions: embedding(MOST_TOKENS),
            token_types: embedding(NUM_TOKEN_TYPES),
            norm: LayerNorm::new(sizes.width, EPSILON, device),
            layers: (0..sizes.num_layers).map(|_| EncoderLayer::new(sizes, device)).collect(),
        }
    }

    /// # Shapes
    ///
    /// - `tokens`: `[B, T]`
    /// - `present`: `[B, T]`, 1 where a token is real
    /// - returns: `[B, T, D]`
    fn forward(&self, tokens: Tensor<2, Int>, present: &Tensor<2>) -> Tensor<3> {
        let [_, num_tokens] = tokens.dims();
        let place = self.positions.first(num_tokens) + self.token_types.first(1); // [1, T, D]
        let x = self.norm.forward(self.words.forward(tokens) + place);
        self.layers.iter().fold(x, |x, layer| layer.forward(x, present))
    }
}

fn forward(sizes: Sizes, rows: usize, num_tokens: usize, device: &Device) -> Repetition {
    let net = Bert::new(sizes, device);
    let any_word = Distribution::Uniform(0.0, VOCABULARY as f64);
    let tokens = Tensor::<2, Int>::random([rows, num_tokens], any_word, device);
    let present = Tensor::ones([rows, num_tokens], device);
    Box::new(move || {
        black_box(net.forward(tokens.clone(), &present));
    })
}

/// BERT-base, every token present.
pub(crate) fn base(rows: usize, num_tokens: usize, device: &Device) -> Repetition {
    let sizes = Sizes { width: 768, hidden_width: 3072, num_layers: 12 };
    forward(sizes, rows, num_tokens, device)
}

/// MiniLM-L6, every token present.
pub(crate) fn minilm(rows: usize, num_tokens: usize, device: &Device) -> Repetition {
    let sizes = Sizes { width: 384, hidden_width: 1536, num_layers: 6 };
    forward(sizes, rows, num_tokens, device)
}
