//! The cross entropy of a sigmoid: how surprised a probability is by yes or no.

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::targets::{Known, zero};
use super::{Loss, LossInput, TargetBatch, check_weight, rounded};
use crate::Build;

/// `binary_weighted_cross_entropy`.
///
/// | field | default | range |
/// |---|---|---|
/// | `positive_class_weight` | none (1) | above 0 to 1 000 000 |
/// | `weight` | 1 | 0 to 1 000 000 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BinaryWeightedCrossEntropyConfig {
    /// What a row whose target is yes weighs, where one whose target is no weighs 1.
    pub positive_class_weight: Option<f64>,
    /// The part that this loss has in the sum over all outputs.
    pub weight: f64,
}

impl Default for BinaryWeightedCrossEntropyConfig {
    fn default() -> Self {
        Self { positive_class_weight: None, weight: 1.0 }
    }
}

/// The mean of −w log σ(x) for yes and −log(1 − σ(x)) for no.
///
/// Parity: `torch.nn.BCEWithLogitsLoss(pos_weight=…)`, which divides by the number of rows.
#[derive(Module, Debug)]
pub struct BinaryWeightedCrossEntropy {
    positive_class_weight: f64,
    weight: f64,
}

impl Build for BinaryWeightedCrossEntropy {
    type Config = BinaryWeightedCrossEntropyConfig;
    type Input = LossInput;

    fn build(
        config: &BinaryWeightedCrossEntropyConfig,
        _: &LossInput,
        _: &Device,
    ) -> Result<Self, ConfigError> {
        let positive_class_weight = config.positive_class_weight.unwrap_or(1.0);
        in_range("positive_class_weight", positive_class_weight, f64::MIN_POSITIVE..=1e6)?;
        check_weight(config.weight)?;
        Ok(Self { positive_class_weight, weight: config.weight })
    }
}

impl Loss for BinaryWeightedCrossEntropy {
    fn forward(&self, logits: Tensor<2>, targets: &TargetBatch) -> Tensor<1> {
        let Some(known) = Known::of(&logits, targets.classes()) else { return zero(logits) };
        let out_of_range = known.targets.iter().find(|&&class| class > 1);
        assert_eq!(out_of_range, None, "0 for no or 1 for yes");
        let each = |weights: [f64; 2]| -> Vec<f32> {
            known.targets.iter().map(|&class| rounded(weights[class])).collect()
        };
        let device = known.logits.device();
        let signs = Tensor::<1>::from_floats(each([-1.0, 1.0]).as_slice(), &device);
        let weights = each([1.0, self.positive_class_weight]);
        let weights = Tensor::<1>::from_floats(weights.as_slice(), &device);
        // 1 − σ(x) = σ(−x), and log σ is stable for any x.
        let surprise = activation::log_sigmoid(known.logits.squeeze_dim::<1>(1) * signs).neg();
        (surprise * weights).mean()
    }

    fn weight(&self) -> f64 {
        self.weight
    }

    fn heads(&self) -> &'static [&'static str] {
        &["binary"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::assert_close;

    fn loss(positive_class_weight: Option<f64>, logits: [[f32; 1]; 2]) -> Tensor<1> {
        let config = BinaryWeightedCrossEntropyConfig { positive_class_weight, weight: 1.0 };
        let input = LossInput { num_outputs: 1 };
        let loss = BinaryWeightedCrossEntropy::build(&config, &input, &Device::flex()).unwrap();
        let logits = Tensor::from_floats(logits, &Device::flex());
        loss.forward(logits, &TargetBatch::Class(vec![Some(1), Some(0)]))
    }

    #[test]
    fn it_is_the_mean_surprise_at_the_truth() {
        // σ(ln 3) = ¾ for yes, σ(−ln 4) = ⅕ for no: (−ln ¾ − ln ⅘) / 2.
        let logits = [[1.098_612_3], [-1.386_294_4]];
        assert_close("loss", &loss(None, logits), &[0.255_412_8], 1e-6);
        // (−3·ln ¾ − ln ⅘) / 2
        assert_close("loss", &loss(Some(3.0), logits), &[0.543_094_9], 1e-6);
    }

    #[test]
    fn huge_logits_stay_finite() {
        assert_close("loss", &loss(None, [[-1e4], [-1e4]]), &[5_000.0], 1e-3);
    }
}
