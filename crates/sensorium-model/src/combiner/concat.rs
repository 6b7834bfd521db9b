//! The pooled vectors, end to end.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::{Combiner, CombinerInput, Fused};
use crate::{Build, Embedding};

/// `concat`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConcatConfig {}

/// Joins the pooled vectors end to end; an absent column gives zeros.
#[derive(Module, Debug)]
pub struct Concat {
    width: usize,
}

impl Build for Concat {
    type Config = ConcatConfig;
    type Input = CombinerInput;

    fn build(_: &ConcatConfig, input: &CombinerInput, _: &Device) -> Result<Self, ConfigError> {
        Ok(Self { width: input.widths.iter().sum() })
    }
}

impl Combiner for Concat {
    fn forward(&self, embeddings: &[Embedding]) -> Fused {
        let pooled = embeddings.iter().map(|embedding| embedding.pooled.clone()).collect();
        Fused { fused: Tensor::cat(pooled, 1), weights: None }
    }

    fn output_width(&self) -> usize {
        self.width
    }
}
