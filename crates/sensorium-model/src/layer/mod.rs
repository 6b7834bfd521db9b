//! Layers that combiners and heads are made of.

mod activation;
mod attention;
mod fully_connected;
mod linear;
mod transformer_block;

pub use activation::Activation;
pub(crate) use attention::{MultiHeadAttention, masked_softmax};
pub(crate) use fully_connected::{
    FullyConnectedConfig, FullyConnectedKeys, FullyConnectedStack, MAX_WIDTH,
};
pub use fully_connected::{FullyConnectedLayerConfig, Norm};
pub(crate) use linear::{Bias, Linear};
pub(crate) use transformer_block::{TransformerBlock, TransformerBlockConfig};
