//! From features to outputs: encoders, combiners, heads and losses on Burn tensors.
//!
//! Letters for shapes: `B` rows in the batch, `P` rows of it that are present, `T` tokens, frames
//! or steps in time, `D` width of an embedding, `F` width after the combiner, `M` input columns,
//! `C, H, W` channels, height and width, `K` classes. A component is one file and one line in the
//! list of its role.
//!
//! The way of a batch: [`FeatureBatch::collate`] → [`Model::encode`] → [`Model::fuse`] →
//! [`Model::logits`] → [`Model::probabilities`], or [`Model::losses`] and [`AdamW::step`]. A model is
//! built from a [`ModelSpec`] and saved as the tensors that [`weights::named`] gives.

#[macro_use]
mod components;
mod batch;
pub mod combiner;
mod embedding;
pub mod encoder;
pub mod head;
pub mod layer;
pub mod loss;
mod mix;
mod model;
mod optimizer;
pub mod pretrained;
mod size;
#[cfg(test)]
mod testkit;
mod unimodal;
pub mod weights;

pub use batch::{FeatureBatch, FeatureValues};
pub use components::Build;
pub use embedding::{Embedding, Encoded};
pub use loss::TargetBatch;
pub use mix::{Mix, Pasted};
pub use model::{InputSpec, Losses, Model, ModelSpec, OutputSpec};
pub use optimizer::{AdamW, AdamWConfig};
pub use size::{MAX_MODEL_BYTES, ModelSize};
pub use unimodal::StepLogits;
pub use weights::WeightsError;
