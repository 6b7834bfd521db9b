//! From the steps of a row to one vector.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::time_steps::TimeSteps;
use crate::Encoded;
use crate::layer::{Bias, Linear, masked_softmax};

/// How the steps of a row become one vector; padding takes no part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReduceOutput {
    /// The first step, where BERT's `[CLS]` and the class token of others stand.
    #[serde(alias = "first", alias = "cls_pooled")]
    Cls,
    /// The row's own last step.
    Last,
    /// The mean of the steps.
    #[serde(alias = "avg")]
    Mean,
    /// The largest of each number over the steps.
    #[default]
    Max,
    /// The sum of the steps.
    Sum,
    /// A mean whose weights are learned, and read from the steps.
    Attention,
}

/// Reads the steps of each row into one vector.
///
/// Source of `attention`: Yang et al. 2016, "Hierarchical Attention Networks", equations 5 to 7
/// (<https://aclanthology.org/N16-1174>).
#[derive(Module, Debug)]
pub(crate) struct Reduce {
    hidden: Option<Linear>,
    score: Option<Linear>,
    #[module(skip)]
    how: ReduceOutput,
}

impl Reduce {
    pub(crate) fn new(how: ReduceOutput, width: usize, device: &Device) -> Self {
        let learned = how == ReduceOutput::Attention;
        Self {
            hidden: learned.then(|| Linear::new(width, width, Bias::Learned, device)),
            score: learned.then(|| Linear::new(width, 1, Bias::None, device)),
            how,
        }
    }

    /// # Shapes
    ///
    /// - `steps`: `[P, T, D]`
    /// - returns: `[P, D]`
    pub(crate) fn forward(&self, steps: &TimeSteps) -> Tensor<2> {
        match self.how {
            ReduceOutput::Max => steps.clone().padded_with(f32::MIN).max_dim(1).squeeze_dim(1),
            ReduceOutput::Cls => steps.values().narrow(1, 0, 1).squeeze_dim(1),
            ReduceOutput::Last => weighted_sum(steps, last_step(steps)),
            ReduceOutput::Sum => weighted_sum(steps, steps.weights()),
            ReduceOutput::Mean => {
                let weights = steps.weights();
                weighted_sum(steps, weights.clone() / weights.sum_dim(1))
            }
            ReduceOutput::Attention => weighted_sum(steps, self.attention(steps)),
        }
    }

    /// The steps as tokens, with what they are reduced to.
    pub(crate) fn encoded(&self, steps: TimeSteps) -> Encoded {
        Encoded { pooled: self.forward(&steps), mask: steps.mask(), tokens: steps.into_values() }
    }

    /// `[P, T]`, each row summing to 1.
    fn attention(&self, steps: &TimeSteps) -> Tensor<2> {
        let (Some(hidden), Some(score)) = (&self.hidden, &self.score) else {
            return steps.weights();
        };
        let scores = score.forward(hidden.forward(steps.values()).tanh()); // [P, T, 1]
        masked_softmax(scores.squeeze_dim::<2>(2), steps.absent(), 1)
    }
}

/// 1 at each row's last real step and 0 elsewhere: `[P, T]`.
fn last_step(steps: &TimeSteps) -> Tensor<2> {
    let weights = steps.weights();
    let [_, length] = weights.dims();
    let next = weights.clone().pad([(0, 0), (0, 1)], 0.0).narrow(1, 1, length);
    weights - next
}

fn weighted_sum(steps: &TimeSteps, weights: Tensor<2>) -> Tensor<2> {
    (steps.values() * weights.unsqueeze_dim::<3>(2)).sum_dim(1).squeeze_dim(1)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int};

    use super::*;
    use crate::testkit::assert_close;

    #[test]
    fn each_way_reads_the_real_steps_only() {
        let device = Device::flex();
        let values = Tensor::<3>::from_floats([[[1.0, -4.0], [3.0, -8.0], [9.0, 9.0]]], &device);
        let steps = TimeSteps::new(values, Tensor::<1, Int>::from_ints([2], &device));
        for (how, expected) in [
            (ReduceOutput::Cls, [1.0, -4.0]),
            (ReduceOutput::Last, [3.0, -8.0]),
            (ReduceOutput::Mean, [2.0, -6.0]),
            (ReduceOutput::Max, [3.0, -4.0]),
            (ReduceOutput::Sum, [4.0, -12.0]),
        ] {
            let reduced = Reduce::new(how, 2, &device).forward(&steps);
            assert_close(&format!("{how:?}"), &reduced, &expected, 1e-6);
        }
    }

    #[test]
    fn attention_to_one_step_is_that_step() {
        let device = Device::flex();
        let values = Tensor::<3>::from_floats([[[1.0, -4.0], [9.0, 9.0]]], &device);
        let steps = TimeSteps::new(values, Tensor::<1, Int>::from_ints([1], &device));
        let reduced = Reduce::new(ReduceOutput::Attention, 2, &device).forward(&steps);
        assert_close("attention", &reduced, &[1.0, -4.0], 1e-6);
    }
}
