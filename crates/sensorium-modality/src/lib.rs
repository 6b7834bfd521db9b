//! From a cell to [`Features`]: decoders, tokenizers and signal processing, fitted on train alone.
//!
//! No tensors, and no row knows another. A modality is one file and one line in `list.rs`.

pub mod audio;
pub mod binary;
mod boolean;
pub mod category;
mod error;
mod features;
pub mod image;
mod list;
mod missing;
mod modality;
pub mod number;
pub mod pipeline;
mod scaling;
#[cfg(test)]
mod small_table;
pub mod target;
pub mod text;
mod vocabulary;

pub use error::ModalityError;
pub use features::Features;
pub use list::{FittedModality, ModalityConfig};
pub use missing::MissingValueStrategy;
pub use modality::Modality;
pub use scaling::{Normalization, Scaling};
pub use vocabulary::{MAX_VOCABULARY, Vocabulary};
