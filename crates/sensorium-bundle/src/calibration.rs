//! What the logits of all inputs together, and those of each input alone, count in an answer.
//!
//! Fitted on the validation rows once training is done, so that probabilities are as sure as they
//! are right, and so that an input that misleads in rows that train is unlike is discounted.

use burn::tensor::Tensor;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_model::{Embedding, Model};
use serde::{Deserialize, Serialize};

/// More than any calibration gives a part.
const MAX_WEIGHT: f64 = 1e6;

/// What the parts of one output's logits count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogitWeights {
    /// Those of all inputs together.
    pub together: f64,
    /// Those of each input alone, in the config's order; empty where none counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alone: Vec<f64>,
}

/// What the parts of every output's logits count, in the config's order; empty where the logits of
/// all inputs together are the answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calibration {
    outputs: Vec<LogitWeights>,
}

impl Default for LogitWeights {
    fn default() -> Self {
        Self { together: 1.0, alone: Vec::new() }
    }
}

impl LogitWeights {
    fn of_input(&self, input: usize) -> f64 {
        self.alone.get(input).copied().unwrap_or(0.0)
    }
}

/// A list may be empty, or have an entry for each.
fn one_each(at: &str, got: usize, expected: usize) -> Result<(), ConfigError> {
    if got == 0 || got == expected {
        return Ok(());
    }
    Err(ConfigError::invalid(at, format!("a list of {got}"), format!("one of {expected}")))
}

impl Calibration {
    /// One weighting for each output, in the config's order.
    #[must_use]
    pub const fn new(outputs: Vec<LogitWeights>) -> Self {
        Self { outputs }
    }

    /// The weighting of each output.
    pub fn outputs(&self) -> &[LogitWeights] {
        &self.outputs
    }

    /// Checks a calibration that was read: one weighting for each output or none, with a weight for
    /// each input or none, each weight within its range.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first that is not so.
    pub(crate) fn check(&self, num_outputs: usize, num_inputs: usize) -> Result<(), ConfigError> {
        one_each("", self.outputs.len(), num_outputs)?;
        for (output, LogitWeights { together, alone }) in self.outputs.iter().enumerate() {
            let at = format!("[{output}]");
            let check = || {
                in_range("together", *together, 0.0..=MAX_WEIGHT)?;
                one_each("alone", alone.len(), num_inputs)?;
                alone.iter().try_for_each(|&weight| in_range("alone", weight, 0.0..=MAX_WEIGHT))
            };
            check().map_err(|error: ConfigError| error.under(&at))?;
        }
        Ok(())
    }

    /// The weighted logits: one `[B, K]` for each output.
    pub(crate) fn logits(&self, model: &Model, embeddings: &[Embedding]) -> Vec<Tensor<2>> {
        let together = model.logits(&model.fuse(embeddings)).into_iter().enumerate();
        let scaled = together.map(|(output, logits)| match self.outputs.get(output) {
            Some(weights) => logits * weights.together,
            None => logits,
        });
        let inputs = (0..embeddings.len())
            .filter(|&input| self.outputs.iter().any(|weights| weights.of_input(input) > 0.0));
        inputs.fold(scaled.collect(), |sums, input| self.added(model, embeddings, input, sums))
    }

    /// The sums with an input's own logits; a row that lacks the input adds nothing.
    fn added(
        &self,
        model: &Model,
        embeddings: &[Embedding],
        input: usize,
        sums: Vec<Tensor<2>>,
    ) -> Vec<Tensor<2>> {
        let absent = embeddings[input].present.clone().bool_not().unsqueeze_dim::<2>(1);
        let alone = model.logits_alone(input, embeddings);
        let parts = sums.into_iter().zip(alone).zip(&self.outputs);
        let parts = parts.map(|((sum, alone), weights)| {
            let absent = absent.clone().expand(alone.dims());
            sum + (alone * weights.of_input(input)).mask_fill(absent, 0.0)
        });
        parts.collect()
    }
}
