//! Squared near the target, absolute far from it, so that an outlier pulls no harder than `delta`.
//!
//! Source: Huber 1964, "Robust Estimation of a Location Parameter"
//! (<https://doi.org/10.1214/aoms/1177703732>). Parity: `torch.nn.HuberLoss(delta=…)`.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::targets::{Known, zero};
use super::{Loss, LossInput, TargetBatch, check_weight};
use crate::Build;

/// `huber`.
///
/// | field | default | range |
/// |---|---|---|
/// | `delta` | 1 | above 0 to 1 000 000, in the scale of the targets |
/// | `weight` | 1 | 0 to 1 000 000 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HuberConfig {
    /// The difference at which the loss turns from squared to absolute.
    pub delta: f64,
    /// The part that this loss has in the sum over all outputs.
    pub weight: f64,
}

impl Default for HuberConfig {
    fn default() -> Self {
        Self { delta: 1.0, weight: 1.0 }
    }
}

/// The mean of d² / 2 for |d| up to delta, and of delta (|d| − delta / 2) beyond.
#[derive(Module, Debug)]
pub struct Huber {
    delta: f64,
    weight: f64,
}

impl Build for Huber {
    type Config = HuberConfig;
    type Input = LossInput;

    fn build(config: &HuberConfig, _: &LossInput, _: &Device) -> Result<Self, ConfigError> {
        in_range("delta", config.delta, f64::MIN_POSITIVE..=1e6)?;
        check_weight(config.weight)?;
        Ok(Self { delta: config.delta, weight: config.weight })
    }
}

impl Loss for Huber {
    fn forward(&self, logits: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        let Some(known) = Known::of(&logits, targets.numbers()) else { return zero(logits) };
        let size = known.differences().abs();
        let near = size.clone().clamp_max(self.delta);
        // With n = min(|d|, delta) both branches are n (|d| − n / 2).
        (near.clone() * (size - near / 2.0)).mean()
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
    fn it_is_squared_near_and_absolute_far() {
        let config = HuberConfig { delta: 2.0, weight: 1.0 };
        let loss = Huber::build(&config, &LossInput { num_outputs: 1 }, &Device::flex()).unwrap();
        let logits = Tensor::from_floats([[1.0], [0.0], [-2.0]], &Device::flex());
        let targets = TargetBatch::Number(vec![Some(2.0), Some(0.0), Some(3.0)]);
        // (1/2 + 0 + 2·(5 − 1)) / 3
        assert_close("loss", &loss.forward(logits, &targets), &[2.833_333_3], 1e-6);
    }
}
