//! What is answered of a row without any input: what the train rows say before anything is looked at.

use burn::tensor::{Bool, Tensor, TensorData};
use sensorium_modality::target::FittedTarget;
use sensorium_model::Embedding;

/// The logits with those of rows that have no input at all replaced by the prior: the share of each
/// class among the train rows, or their mean.
pub(crate) fn answered(
    logits: Vec<Tensor<2>>,
    embeddings: &[Embedding],
    targets: &[FittedTarget],
) -> Vec<Tensor<2>> {
    let present = embeddings.iter().map(|embedding| embedding.present.clone());
    let Some(present) = present.reduce(Tensor::bool_or) else { return logits };
    let absent = present.bool_not();
    if !absent.clone().any().into_scalar::<bool>() {
        return logits;
    }
    let outputs = logits.into_iter().zip(targets);
    outputs.map(|(logits, target)| with_prior(logits, &absent, target)).collect()
}

fn with_prior(logits: Tensor<2>, absent: &Tensor<1, Bool>, target: &FittedTarget) -> Tensor<2> {
    let dims = logits.dims();
    let prior = TensorData::new(prior(target), [1, dims[1]]);
    let prior = Tensor::<2>::from_data(prior, &logits.device()).expand(dims);
    logits.mask_where(absent.clone().unsqueeze_dim::<2>(1).expand(dims), prior)
}

/// The logits that give each class its share of the train rows; the mean of a number, on the scale
/// that is learned.
fn prior(target: &FittedTarget) -> Vec<f32> {
    let counts = target.class_counts();
    let log = |count: u64| (count as f64).ln();
    let logits = match (target, counts) {
        (FittedTarget::Number(number), _) => {
            return vec![number.scaled(target.mean().unwrap_or_default())];
        }
        (FittedTarget::Binary(_), [no, yes]) => vec![log(*yes) - log(*no)],
        _ => counts.iter().map(|&count| log(count)).collect(),
    };
    #[expect(clippy::cast_possible_truncation, reason = "logits are f32")]
    logits.into_iter().map(|logit| logit as f32).collect()
}
