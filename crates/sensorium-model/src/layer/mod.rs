//! Layers that combiners and heads are made of.

mod activation;
mod attention;
mod batch_norm;
mod convolution;
mod dropout;
mod embedding;
mod encoder_block;
mod fully_connected;
mod group_norm;
mod layer_norm;
mod linear;
mod step_convolution;
mod transformer_block;

pub use activation::Activation;
pub(crate) use attention::{MultiHeadAttention, masked_softmax};
pub(crate) use batch_norm::BatchNorm;
pub(crate) use convolution::{Convolution, ConvolutionSizes, NormedConvolution, Scaling};
pub(crate) use dropout::Dropout;
pub(crate) use embedding::Embedding;
pub(crate) use encoder_block::{EncoderBlock, EncoderBlockConfig, NormPlace};
pub(crate) use fully_connected::{
    FullyConnectedConfig, FullyConnectedKeys, FullyConnectedStack, MAX_WIDTH,
};
pub use fully_connected::{FullyConnectedLayerConfig, Norm};
pub(crate) use group_norm::GroupNorm;
pub(crate) use layer_norm::LayerNorm;
pub(crate) use linear::{Bias, Linear};
pub(crate) use step_convolution::{StepConvolution, StepConvolutionSizes};
pub(crate) use transformer_block::{TransformerBlock, TransformerBlockConfig};
