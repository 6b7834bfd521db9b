//! How sure a model may be, and what its inputs count, by the validation rows.

use std::ops::ControlFlow;

use sensorium_bundle::{Calibration, LogitWeights, Predictor};
use sensorium_metrics::{LogitRows, Weighed};
use sensorium_modality::pipeline::{FeatureSource, PipelineLimits, RowFeatures};
use sensorium_modality::target::{FittedTarget, Truth};

use crate::judge::{Judged, MAX_INPUTS_FOR_ALL_SUBSETS};
use crate::{Readable, TrainError};

/// More rows than these move no weight that a person would see; of more, as many are taken, evenly
/// spread over the table.
const MOST_ROWS: usize = 20_000;

/// The loss of each output once its logits are scaled to be as sure as they are right, and the
/// weighted sum of all last; that of a number is its loss.
///
/// Rows of all classes count alike, whatever `class_weights` says: the weight of a class of which the
/// validation rows hold one would let that row alone choose the epoch.
pub(crate) fn calibrated_losses(predictor: &Predictor, judged: &Judged) -> Vec<f64> {
    let mut losses = judged.losses.clone();
    let mut sum = 0.0;
    let outputs = predictor.config().output_features.iter().zip(&predictor.fitted().targets);
    for (output, (feature, target)) in outputs.enumerate() {
        let rows = rows_of(target, &judged.classes[output]);
        let parts: [&[f32]; 1] = [&judged.logits[output]];
        if let Some(Weighed { loss, .. }) = rows.and_then(|rows| rows.weighed(&parts, &[1.0])) {
            losses[output] = loss;
        }
        sum += losses[output] * feature.loss.weight();
    }
    losses.pop();
    losses.push(sum);
    losses
}

/// The rows of an output that has classes.
fn rows_of<'a>(target: &FittedTarget, truths: &'a [Option<usize>]) -> Option<LogitRows<'a>> {
    let num_outputs = target.num_outputs();
    let rows = LogitRows { num_outputs, truths };
    (!matches!(target, FittedTarget::Number(_))).then_some(rows)
}

/// What the logits of all inputs together and those of each input alone count, so that the
/// validation rows are most probable. Inputs count alone where that makes them more probable than
/// as many weights would by chance.
///
/// # Errors
///
/// [`TrainError`] where a cell can no longer be read.
pub(crate) fn calibrate(
    predictor: &Predictor,
    source: &FeatureSource<'_>,
    readable: &Readable,
    rows: &[usize],
) -> Result<Calibration, TrainError> {
    let stride = rows.len().div_ceil(MOST_ROWS).max(1);
    let rows: Vec<usize> = rows.iter().copied().step_by(stride).collect();
    let parts = logits(predictor, source, &rows)?;
    let weights = predictor.fitted().targets.iter().enumerate().map(|(output, target)| {
        let truths: Vec<_> = readable.truths(output, &rows).iter().map(Truth::class).collect();
        let parts: Vec<&[f32]> = parts.iter().map(|part| part[output].as_slice()).collect();
        let rows = rows_of(target, &truths);
        rows.and_then(|rows| weights_of(&rows, &parts)).unwrap_or_default()
    });
    Ok(Calibration::new(weights.collect()))
}

/// The weights of the logits together, first, and alone.
fn weights_of(rows: &LogitRows<'_>, parts: &[&[f32]]) -> Option<LogitWeights> {
    let scaled = rows.weighed(&parts[..1], &[1.0])?;
    let together = LogitWeights { together: scaled.weights[0], alone: Vec::new() };
    if parts.len() == 1 {
        return Some(together);
    }
    let mut start = vec![0.0; parts.len()];
    start[0] = scaled.weights[0];
    let stacked = rows.weighed(parts, &start)?;
    let num_rows = stacked.num_rows as f64;
    // Schwarz' criterion: a weight is worth half the logarithm of the rows.
    let price = 0.5 * (parts.len() - 1) as f64 * num_rows.ln();
    if (scaled.loss - stacked.loss) * num_rows <= price {
        return Some(together);
    }
    Some(LogitWeights { together: stacked.weights[0], alone: stacked.weights[1..].to_vec() })
}

/// The logits of all inputs together, then those of each alone where there are several and not too
/// many: for each part and output `[N, K]`, zeros where a row lacks the input.
fn logits(
    predictor: &Predictor,
    source: &FeatureSource<'_>,
    rows: &[usize],
) -> Result<Vec<Vec<Vec<f32>>>, TrainError> {
    let num_inputs = predictor.config().input_features.len();
    let is_stacked = (2..=MAX_INPUTS_FOR_ALL_SUBSETS).contains(&num_inputs);
    let parts = || std::iter::once(None).chain((0..num_inputs).filter(|_| is_stacked).map(Some));
    let outputs = predictor.fitted().targets.len();
    let mut logits = vec![vec![Vec::new(); outputs]; parts().count()];
    let batch_size = predictor.config().trainer.rows_per_evaluation();
    let batches: Vec<Vec<usize>> = rows.chunks(batch_size).map(<[usize]>::to_vec).collect();
    let flow = source.for_each_batch(&batches, PipelineLimits::default(), |results, _| {
        let features = match results.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(features) => features,
            Err(error) => return ControlFlow::Break(error),
        };
        let rows: Vec<&RowFeatures> = features.iter().map(|row| &**row).collect();
        let embeddings = predictor.embed(&rows);
        for (alone, logits) in parts().zip(&mut logits) {
            let answered = predictor.raw_logits(&embeddings, alone);
            for (all, mut batch) in logits.iter_mut().zip(answered) {
                if let Some(input) = alone {
                    let own = batch.values.chunks_exact_mut(batch.num_outputs).zip(&rows);
                    own.filter(|(_, row)| row.features[input].is_none())
                        .for_each(|(logits, _)| logits.fill(0.0));
                }
                all.append(&mut batch.values);
            }
        }
        ControlFlow::Continue(())
    });
    flow.break_value().map_or(Ok(logits), |error| Err(error.into()))
}
