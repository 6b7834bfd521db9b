//! Encoders of pictures.

pub mod clip_vision;
pub mod efficientnet;
pub(crate) mod inverted_residual;
pub mod mobilenetv3;
mod published;
pub mod resnet;
pub mod stacked_cnn;
pub mod vgg;
pub mod vit;

use burn::tensor::Tensor;

pub use inverted_residual::Zeros;

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
        "clip_vision" => clip_vision::ClipVision, "CLIP's tower for pictures: patches that read each other";
        "efficientnet" => efficientnet::EfficientNet, "EfficientNet and its Lite variants: convolutions channel by channel";
        "mobilenetv3" => mobilenetv3::MobileNetV3, "MobileNetV3: convolutions channel by channel, for small machines";
        "resnet" => resnet::ResNet, "ResNet: convolutions whose blocks add to what came in";
        "stacked_cnn" => stacked_cnn::StackedCnn, "convolutions one after another, halving the picture";
        "vgg" => vgg::Vgg, "VGG: 3x3 convolutions, halving the picture five times";
        "vit" => vit::Vit, "ViT: patches that read each other";
    }
}
