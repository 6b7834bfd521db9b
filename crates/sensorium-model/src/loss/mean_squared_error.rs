//! The mean of the squared differences.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use serde::{Deserialize, Serialize};

use super::targets::{Known, zero};
use super::{Loss, LossInput, TargetBatch, check_weight};
use crate::Build;

/// `mean_squared_error`.
///
/// | field | default | range |
/// |---|---|---|
/// | `weight` | 1 | 0 to 1 000 000 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MeanSquaredErrorConfig {
    /// The part that this loss has in the sum over all outputs.
    pub weight: f64,
}

impl Default for MeanSquaredErrorConfig {
    fn default() -> Self {
        Self { weight: 1.0 }
    }
}

/// The mean of (x − y)².
#[derive(Module, Debug)]
pub struct MeanSquaredError {
    weight: f64,
}

impl Build for MeanSquaredError {
    type Config = MeanSquaredErrorConfig;
    type Input = LossInput;

    fn build(
        config: &MeanSquaredErrorConfig,
        _: &LossInput,
        _: &Device,
    ) -> Result<Self, ConfigError> {
        check_weight(config.weight)?;
        Ok(Self { weight: config.weight })
    }
}

impl Loss for MeanSquaredError {
    fn forward(&self, logits: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        let Some(known) = Known::of(&logits, targets.numbers()) else { return zero(logits) };
        known.differences().square().mean()
    }

    fn weight(&self) -> f64 {
        self.weight
    }

    fn heads(&self) -> &'static [&'static str] {
        &["number"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::assert_close;

    #[test]
    fn it_is_the_mean_square_over_the_rows_with_a_target() {
        let (config, input) = (MeanSquaredErrorConfig::default(), LossInput { num_outputs: 1 });
        let loss = MeanSquaredError::build(&config, &input, &Device::flex()).unwrap();
        let logits = Tensor::from_floats([[1.0], [7.0], [-2.0]], &Device::flex());
        let targets = TargetBatch::Number(vec![Some(3.0), None, Some(2.0)]);
        assert_close("loss", &loss.forward(logits, &targets), &[10.0], 1e-6);
    }
}
