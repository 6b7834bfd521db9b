//! A small net over a picture, a text and a sound, in training.

use burn::module::Module;
use burn::tensor::{Device, Distribution, Int, Tensor};
use sensorium_kernels::{Activation, global_mean, max_pool2d};

use crate::Repetition;
use crate::convolution::{ConvolutionSizes, NormedConvolution, pooling};
use crate::layer::{Embedding, Linear};
use crate::random::normal;
use crate::training;
use crate::transformer::{Encoder, Sizes};

const ROWS: usize = 32;
const NUM_CLASSES: usize = 10;
const NUM_TOKENS: usize = 32;
const VOCABULARY: usize = 10_000;
/// The width of each modality's embedding.
const WIDTH: usize = 128;

/// Convolution blocks that halve the grid, its mean, and a linear layer.
#[derive(Module, Debug)]
struct GridEncoder {
    blocks: Vec<NormedConvolution>,
    linear: Linear,
}

impl GridEncoder {
    /// `widths` are the channels of the input and of each block.
    fn new(widths: [usize; 4], device: &Device) -> Self {
        let block = |pair: &[usize]| {
            let sizes =
                ConvolutionSizes { inputs: pair[0], outputs: pair[1], kernel: 3, stride: 1 };
            NormedConvolution::new(sizes, device)
        };
        Self {
            blocks: widths.windows(2).map(block).collect(),
            linear: Linear::new(widths[3], WIDTH, device),
        }
    }

    /// `[B, C, H, W]` to `[B, D]`.
    fn forward(&self, grid: Tensor<4>) -> Tensor<2> {
        let grid = self.blocks.iter().fold(grid, |x, block| {
            max_pool2d(block.forward(x, Activation::Relu), &pooling(2, 2, 0))
        });
        self.linear.forward(global_mean(grid))
    }
}

/// A transformer over embedded tokens, and the mean of those present.
#[derive(Module, Debug)]
struct TextEncoder {
    embedding: Embedding,
    encoder: Encoder,
}

impl TextEncoder {
    fn new(device: &Device) -> Self {
        let sizes = Sizes { width: WIDTH, num_heads: 4, hidden_width: 512, num_layers: 2 };
        Self {
            embedding: Embedding::new(VOCABULARY, WIDTH, device),
            encoder: Encoder::new(sizes, device),
        }
    }

    /// `[B, T]` to `[B, D]`; `present` is 1 where a token is real.
    fn forward(&self, tokens: Tensor<2, Int>, present: &Tensor<2>) -> Tensor<2> {
        let read = self.encoder.forward(self.embedding.forward(tokens), Some(present)); // [B, T, D]
        let sum = (read * present.clone().unsqueeze_dim(2)).sum_dim(1).squeeze_dim::<2>(1);
        sum / present.clone().sum_dim(1)
    }
}

#[derive(Module, Debug)]
struct Trimodal {
    image: GridEncoder,
    text: TextEncoder,
    sound: GridEncoder,
    hidden: Linear,
    classes: Linear,
}

/// One batch.
struct Inputs {
    /// `[B, 3, 64, 64]`
    image: Tensor<4>,
    /// `[B, T]`
    tokens: Tensor<2, Int>,
    /// `[B, T]`, 1 where a token is real.
    present: Tensor<2>,
    /// `[B, 1, 64, 100]`: log-mel bands over time.
    sound: Tensor<4>,
}

impl Inputs {
    fn random(device: &Device) -> Self {
        let any_word = Distribution::Uniform(0.0, VOCABULARY as f64);
        Self {
            image: normal([ROWS, 3, 64, 64], device),
            tokens: Tensor::random([ROWS, NUM_TOKENS], any_word, device),
            present: present(device),
            sound: normal([ROWS, 1, 64, 100], device),
        }
    }
}

/// Texts of 8 to 32 tokens, the same lengths as in `models.py`.
fn present(device: &Device) -> Tensor<2> {
    let of_row = |row| (0..NUM_TOKENS).map(move |at| f32::from(u8::from(at < 8 + row * 7 % 25)));
    let values: Vec<f32> = (0..ROWS).flat_map(of_row).collect();
    Tensor::<1>::from_floats(values.as_slice(), device).reshape([ROWS, NUM_TOKENS])
}

impl Trimodal {
    fn new(device: &Device) -> Self {
        Self {
            image: GridEncoder::new([3, 32, 64, 128], device),
            text: TextEncoder::new(device),
            sound: GridEncoder::new([1, 16, 32, 64], device),
            hidden: Linear::new(3 * WIDTH, 256, device),
            classes: Linear::new(256, NUM_CLASSES, device),
        }
    }

    fn forward(&self, inputs: &Inputs) -> Tensor<2> {
        let image = self.image.forward(inputs.image.clone());
        let text = self.text.forward(inputs.tokens.clone(), &inputs.present);
        let sound = self.sound.forward(inputs.sound.clone());
        let fused = Tensor::cat(vec![image, text, sound], 1);
        self.classes.forward(self.hidden.activated(fused, Activation::Relu))
    }
}

/// 32 rows of all three.
pub(crate) fn train(device: &Device) -> Repetition {
    let inputs = Inputs::random(device);
    let targets = training::targets(ROWS, NUM_CLASSES, device);
    training::step(Trimodal::new(device), targets, move |net| net.forward(&inputs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_net_has_as_many_weights_as_that_of_pytorch() {
        // 336 channels are normed, each with a running mean and variance.
        assert_eq!(Trimodal::new(&Device::flex()).num_params(), 1_919_642 + 2 * 336);
    }
}
