//! Weights that others trained: where they lie, how they are named, and how they get into an encoder.
//!
//! A [`Published`] is a folder in the Hugging Face layout or a single `.safetensors` file. What its
//! `config.json` says becomes keys of the encoder's section, what its preprocessing files say keys
//! of the column's `preprocessing`, and loading brings its tensors into the encoder that was built
//! from them. Each encoder says in its own file which names its weights have ([`Naming`]).

mod error;
mod load;
mod naming;
mod published;
mod tensors;

pub use error::PretrainedError;
pub(crate) use load::load;
#[cfg(test)]
pub(crate) use load::sources;
#[cfg(test)]
pub(crate) use naming::Part;
pub use naming::{LinearLayout, Naming};
pub use published::{Adopted, Published};
pub(crate) use published::{Shapes, adopt};
pub(crate) use tensors::Tensors;
#[cfg(test)]
pub(crate) use tensors::modern;
