//! Encoders of pictures.

pub mod efficientnet;
mod inverted_residual;
mod published;
pub mod resnet;
pub mod stacked_cnn;

use burn::tensor::Tensor;

use crate::Encoded;

/// Reads a picture into an embedding.
pub trait GridEncoder {
    /// # Shapes
    ///
    /// - `values`: `[P, C, H, W]`, `P` at least 1
    /// - returns: one token for each cell of the last feature map
    fn forward(&self, values: Tensor<4>) -> Encoded;

    /// `D` of what [`GridEncoder::forward`] returns.
    fn output_width(&self) -> usize;
}

/// The sizes of the pictures that an encoder will read.
#[derive(Clone, Copy, Debug)]
pub struct GridInput {
    /// `C`.
    pub channels: usize,
    /// `H`, in pixels.
    pub height: usize,
    /// `W`, in pixels.
    pub width: usize,
}

components! {
    /// Every encoder that reads pictures.
    GridEncoderConfig => AnyGridEncoder: dyn GridEncoder from GridInput {
        "efficientnet" => efficientnet::EfficientNet, "EfficientNet and its Lite variants: convolutions channel by channel";
        "resnet" => resnet::ResNet, "ResNet: convolutions whose blocks add to what came in";
        "stacked_cnn" => stacked_cnn::StackedCnn, "convolutions one after another, halving the picture";
    }
}
