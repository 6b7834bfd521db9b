//! From features to outputs: encoders, combiners, heads and losses on Burn tensors.
//!
//! Letters for shapes: `B` rows in the batch, `P` rows of it that are present, `T` tokens, frames
//! or steps in time, `D` width of an embedding, `F` width after the combiner, `M` input columns,
//! `C, H, W` channels, height and width, `K` classes. A component is one file and one line in the
//! list of its role.

#[macro_use]
mod components;
mod batch;
pub mod combiner;
mod embedding;
pub mod encoder;
pub mod head;
pub mod layer;
pub mod loss;
#[cfg(test)]
mod testkit;

pub use batch::{FeatureBatch, FeatureValues};
pub use components::Build;
pub use embedding::{Embedding, Encoded};
