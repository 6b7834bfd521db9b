//! Truths as a loss reads them.

use sensorium_modality::target::{FittedTarget, Truth};
use sensorium_model::TargetBatch;

/// The truths of a batch's rows; one that is absent, or that training never saw, has no loss.
#[must_use]
pub(crate) fn target_batch(target: &FittedTarget, truths: &[Truth]) -> TargetBatch {
    match target {
        FittedTarget::Category(_) | FittedTarget::Binary(_) => {
            TargetBatch::Class(truths.iter().map(Truth::class).collect())
        }
        FittedTarget::Number(number) => {
            let scaled = |truth: &Truth| match truth {
                Truth::Number(value) => Some(number.scaled(*value)),
                _ => None,
            };
            TargetBatch::Number(truths.iter().map(scaled).collect())
        }
    }
}
