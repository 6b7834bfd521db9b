//! Losses: how far the numbers of one output are from their targets.

pub mod binary_weighted_cross_entropy;
pub mod huber;
pub mod mean_absolute_error;
pub mod mean_squared_error;
pub mod softmax_cross_entropy;
mod targets;

use burn::tensor::Tensor;
use sensorium_core::ConfigError;

pub use softmax_cross_entropy::ClassWeights;
pub use targets::TargetBatch;

use crate::head::HeadConfig;

/// A loss over the rows of a batch that have a target.
pub trait Loss {
    /// The mean loss over the rows that have a target; zero, with zero gradients, where none has.
    ///
    /// # Shapes
    ///
    /// - `logits`: `[B, K]`
    /// - `targets`: `B` targets
    /// - returns: `[1]`
    ///
    /// # Panics
    ///
    /// If there is not one target for each row, if they are of another kind than the loss reads,
    /// or if a class is `K` or more.
    fn forward(&self, logits: Tensor<2>, targets: &TargetBatch) -> Tensor<1>;

    /// The part that this loss has in the sum over all outputs.
    fn weight(&self) -> f64;

    /// The heads whose numbers this loss reads.
    fn heads(&self) -> &'static [&'static str];
}

/// The size of what a loss will read.
#[derive(Clone, Copy, Debug)]
pub struct LossInput {
    /// `K`.
    pub num_outputs: usize,
}

components! {
    /// Every loss that a config can name in `loss.type`.
    LossConfig => AnyLoss: dyn Loss from LossInput {
        "softmax_cross_entropy" => softmax_cross_entropy::SoftmaxCrossEntropy, "for category outputs";
        "binary_weighted_cross_entropy" => binary_weighted_cross_entropy::BinaryWeightedCrossEntropy, "for binary outputs";
        "mean_squared_error" => mean_squared_error::MeanSquaredError, "for number outputs";
        "mean_absolute_error" => mean_absolute_error::MeanAbsoluteError, "for number outputs with outliers";
        "huber" => huber::Huber, "squared near the target, absolute far from it";
    }
}

/// The loss that an output has where its config names none.
impl From<&HeadConfig> for LossConfig {
    fn from(head: &HeadConfig) -> Self {
        match head {
            HeadConfig::CategoryHead(_) => Self::SoftmaxCrossEntropy(
                softmax_cross_entropy::SoftmaxCrossEntropyConfig::default(),
            ),
            HeadConfig::BinaryHead(_) => Self::BinaryWeightedCrossEntropy(
                binary_weighted_cross_entropy::BinaryWeightedCrossEntropyConfig::default(),
            ),
            HeadConfig::NumberHead(_) => {
                Self::MeanSquaredError(mean_squared_error::MeanSquaredErrorConfig::default())
            }
        }
    }
}

/// What a loss may ask of an output's classes.
#[derive(Clone, Copy)]
pub struct Classes<'a> {
    /// The label of each.
    pub labels: &'a [String],
    /// How many train rows hold each.
    pub counts: &'a [u64],
    /// The index of a label, which may be spelled in another way.
    pub index_of: &'a dyn Fn(&str) -> Option<usize>,
}

impl std::fmt::Debug for Classes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.labels.iter().zip(self.counts)).finish()
    }
}

impl LossConfig {
    /// Puts one number a class in the place of `class_weights: balanced` and of weights by label;
    /// other losses stay as they are.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownValue`] for a label that train lacks, its path relative to `loss`.
    pub fn with_classes(mut self, classes: &Classes<'_>) -> Result<Self, ConfigError> {
        if let Self::SoftmaxCrossEntropy(config) = &mut self {
            config.resolve(classes)?;
        }
        Ok(self)
    }

    /// What each class weighs, once [`LossConfig::with_classes`] has resolved it; `None` where all
    /// weigh alike.
    #[must_use]
    pub const fn class_weights(&self) -> Option<&Vec<f32>> {
        match self {
            Self::SoftmaxCrossEntropy(softmax_cross_entropy::SoftmaxCrossEntropyConfig {
                class_weights: Some(ClassWeights::Each(weights)),
                ..
            }) => Some(weights),
            _ => None,
        }
    }

    /// The part that the loss has in the sum over all outputs.
    pub const fn weight(&self) -> f64 {
        match self {
            Self::SoftmaxCrossEntropy(config) => config.weight,
            Self::BinaryWeightedCrossEntropy(config) => config.weight,
            Self::MeanSquaredError(config) => config.weight,
            Self::MeanAbsoluteError(config) => config.weight,
            Self::Huber(config) => config.weight,
        }
    }
}

/// Checks the key `weight` of every loss.
fn check_weight(weight: f64) -> Result<(), ConfigError> {
    sensorium_core::config::in_range("weight", weight, 0.0..=1e6)
}

/// The nearest number of those that tensors hold.
#[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
fn rounded(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use serde_json::json;

    use super::*;
    use crate::testkit::values;

    /// Every listed loss, with logits and targets for it.
    fn losses() -> impl Iterator<Item = (&'static str, AnyLoss, Tensor<2>, TargetBatch)> {
        let device = Device::flex().autodiff();
        LossConfig::COMPONENTS.iter().map(move |&(name, _)| {
            let num_outputs = if name == "softmax_cross_entropy" { 3 } else { 1 };
            let config = LossConfig::read(name, json!({"weight": 0.5})).unwrap();
            let loss = config.build(&LossInput { num_outputs }, &device).unwrap();
            let logits: Vec<f32> = (0..4 * num_outputs).map(|i| (i as f32).sin() * 3.0).collect();
            let logits = Tensor::<1>::from_floats(logits.as_slice(), &device);
            let logits = logits.reshape([4, num_outputs]).require_grad();
            let targets = match name {
                "softmax_cross_entropy" => {
                    TargetBatch::Class(vec![Some(2), None, Some(0), Some(1)])
                }
                "binary_weighted_cross_entropy" => {
                    TargetBatch::Class(vec![Some(1), None, Some(0), Some(1)])
                }
                _ => TargetBatch::Number(vec![Some(9.5), None, Some(-0.25), Some(0.0)]),
            };
            (name, loss, logits, targets)
        })
    }

    fn without(targets: &TargetBatch, row: usize) -> TargetBatch {
        let mut targets = targets.clone();
        match &mut targets {
            TargetBatch::Class(classes) => drop(classes.remove(row)),
            TargetBatch::Number(numbers) => drop(numbers.remove(row)),
        }
        targets
    }

    #[test]
    fn a_row_without_a_target_is_left_out() {
        for (name, loss, logits, targets) in losses() {
            let loss = loss.as_dyn();
            assert!((loss.weight() - 0.5).abs() < f64::EPSILON, "{name}");
            let device = logits.device();
            let rows = Tensor::from_ints([0, 2, 3], &device);
            let expected =
                values(&loss.forward(logits.clone().select(0, rows), &without(&targets, 1)));
            let all = loss.forward(logits.clone(), &targets);
            assert_eq!(values(&all), expected, "{name}");
            assert!(expected[0] > 0.0, "{name}: {expected:?}");

            let grad = values(&logits.grad(&all.backward()).unwrap());
            for (row, grad) in grad.chunks(grad.len() / 4).enumerate() {
                assert_eq!(grad.iter().all(|&part| part == 0.0), row == 1, "{name}: {grad:?}");
            }
        }
    }

    #[test]
    fn what_a_row_without_a_target_holds_does_not_matter() {
        for (name, loss, logits, targets) in losses() {
            let [_, width] = logits.dims();
            let [logits, spoilt] =
                [0.0, f32::NAN].map(|filler| logits.clone().slice_fill([1..2, 0..width], filler));
            let expected = values(&loss.as_dyn().forward(logits, &targets));
            assert_eq!(values(&loss.as_dyn().forward(spoilt, &targets)), expected, "{name}");
        }
    }

    #[test]
    fn a_batch_without_any_target_gives_zero_and_zero_gradients() {
        for (name, loss, logits, targets) in losses() {
            let none = match targets {
                TargetBatch::Class(_) => TargetBatch::Class(vec![None; 4]),
                TargetBatch::Number(_) => TargetBatch::Number(vec![None; 4]),
            };
            let zero = loss.as_dyn().forward(logits.clone(), &none);
            assert_eq!(values(&zero), [0.0], "{name}");
            let grad = values(&logits.grad(&zero.backward()).unwrap());
            assert!(grad.iter().all(|&part| part == 0.0), "{name}: {grad:?}");
        }
    }

    /// Central differences of step 1/64 on logits of size 3: f32 leaves about 1e-4 of noise.
    #[test]
    fn gradients_are_those_of_finite_differences() {
        for (name, loss, logits, targets) in losses() {
            let loss = loss.as_dyn();
            let grads = loss.forward(logits.clone(), &targets).backward();
            let grad = values(&logits.grad(&grads).unwrap());
            let numbers = values(&logits);
            let at = |index: usize, step: f32| {
                let mut moved = numbers.clone();
                moved[index] += step;
                let moved = Tensor::<1>::from_floats(moved.as_slice(), &Device::flex());
                values(&loss.forward(moved.reshape(logits.dims()), &targets))[0]
            };
            for (index, &grad) in grad.iter().enumerate() {
                let slope = (at(index, 1.0 / 64.0) - at(index, -1.0 / 64.0)) * 32.0;
                assert!((slope - grad).abs() < 2e-3, "{name}[{index}]: {grad} and {slope}");
            }
        }
    }

    #[test]
    fn a_negative_weight_is_refused_by_every_loss() {
        for (name, _) in LossConfig::COMPONENTS {
            let config = LossConfig::read(name, json!({"weight": -1})).unwrap();
            let error = config.build(&LossInput { num_outputs: 1 }, &Device::flex()).unwrap_err();
            let expected = "`weight` is -1, but 0 to 1000000 was expected";
            assert_eq!(error.to_string(), expected, "{name}");
        }
    }
}
