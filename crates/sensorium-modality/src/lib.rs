//! From a cell to [`Features`]: decoders, tokenizers and signal processing, fitted on train alone.
//!
//! No tensors, and no row knows another. A modality is one file and one line in `list.rs`.

pub mod audio;
mod error;
mod features;
pub mod image;
mod missing;
mod modality;

pub use error::ModalityError;
pub use features::Features;
pub use missing::MissingValueStrategy;
pub use modality::Modality;
