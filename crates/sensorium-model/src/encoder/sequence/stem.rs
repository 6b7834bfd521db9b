//! The one door into every sequence encoder: ids are looked up, vectors are read as they are.

use burn::module::{Module, Param};
use burn::nn::Initializer;
use burn::tensor::{Device, Int, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;

use super::time_steps::TimeSteps;
use super::{SequenceBatch, SequenceInput, SequenceSteps};
use crate::layer::MAX_WIDTH;

/// Word vectors start in this range on both sides of zero; Kim 2014, section 3.1.
const EMBEDDING_RANGE: f64 = 0.25;

/// Turns ids or vectors into vectors.
///
/// Id 0 is padding, so its vector is never read where the mask is right.
#[derive(Module, Debug)]
pub(crate) struct SequenceStem {
    /// `[vocabulary_size, embedding_size]`; none for vectors.
    embedding: Option<Param<Tensor<2>>>,
    width: usize,
}

impl SequenceStem {
    /// # Errors
    ///
    /// [`ConfigError`] where `embedding_size` is out of its range, 1 to 65 536.
    pub(crate) fn build(
        embedding_size: usize,
        input: &SequenceInput,
        device: &Device,
    ) -> Result<Self, ConfigError> {
        in_range("embedding_size", embedding_size, 1..=MAX_WIDTH)?;
        Ok(match *input {
            SequenceInput::Values { width, .. } => Self { embedding: None, width },
            SequenceInput::Tokens { vocabulary_size, .. } => {
                let uniform = Initializer::Uniform { min: -EMBEDDING_RANGE, max: EMBEDDING_RANGE };
                let embedding = uniform.init([vocabulary_size, embedding_size], device);
                Self { embedding: Some(embedding), width: embedding_size }
            }
        })
    }

    /// # Shapes
    ///
    /// - `input`: `P` sequences padded to `T`
    /// - returns: `[P, T, width]`
    ///
    /// # Panics
    ///
    /// If the input is ids where vectors were said, or the other way round.
    pub(crate) fn forward(&self, input: SequenceBatch) -> TimeSteps {
        let lengths: Tensor<1, Int> = input.mask.int().sum_dim(1).squeeze_dim(1);
        let values = match (input.steps, &self.embedding) {
            (SequenceSteps::Tokens(ids), Some(embedding)) => {
                sensorium_kernels::embedding(embedding.val(), ids)
            }
            (SequenceSteps::Values(values), None) => values,
            _ => panic!("an encoder reads the layout that it was built for"),
        };
        TimeSteps::new(values, lengths)
    }

    /// The width of the vectors.
    pub(crate) fn width(&self) -> usize {
        self.width
    }
}
