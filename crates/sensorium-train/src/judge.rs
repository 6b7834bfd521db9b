//! Judges a model on rows: every output's metrics, with all inputs or only some.

use std::ops::ControlFlow;

use sensorium_bundle::{Answers, OutputScores, Predictor};
use sensorium_metrics::{BinaryScores, CategoryScores, NumberScores, OutputKind, Scores, baseline};
use sensorium_modality::pipeline::{FeatureSource, PipelineLimits, RowFeatures};
use sensorium_modality::target::{FittedTarget, TargetConfig, Truth};
use sensorium_model::Embedding;

use crate::targets::target_batch;
use crate::{Readable, TrainError};

/// What a model answered on rows, with all inputs and with each subset asked for.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The scores of each output with every input.
    pub scores: Vec<Scores>,
    /// The logits of each output with every input: `[N, K]`.
    pub logits: Vec<Vec<f32>>,
    /// The true class of every row, for each output that has classes; `None` for all rows of a
    /// number.
    pub classes: Vec<Vec<Option<usize>>>,
    /// The mean loss of each output, and of all together last.
    pub losses: Vec<f64>,
    /// For each subset, the scores of each output.
    pub subsets: Vec<Vec<Scores>>,
    /// For each subset, the rows that have all of its inputs.
    pub subset_rows: Vec<usize>,
    /// All rows.
    pub num_rows: usize,
}

/// Which inputs a subset shows: one flag an input, in the config's order.
pub type Subset = Vec<bool>;

/// Up to this many inputs, every non-empty subset is judged: 255 of them.
pub const MAX_INPUTS_FOR_ALL_SUBSETS: usize = 8;

/// Up to this many inputs, all but each are judged too: 129 subsets.
pub const MAX_INPUTS_FOR_ALL_BUT_EACH: usize = 64;

/// The most inputs that are judged alone.
pub const MAX_INPUTS_ALONE: usize = 256;

/// The subsets of `num_inputs` inputs that are judged, the smaller first, those of one size in the
/// config's order: every non-empty one, or, of more than [`MAX_INPUTS_FOR_ALL_SUBSETS`] inputs,
/// each alone, all but each, and all. Of more than [`MAX_INPUTS_FOR_ALL_BUT_EACH`] each alone and
/// all, and of more than [`MAX_INPUTS_ALONE`] the first of them alone and all: every subset costs a
/// pass over the rows.
#[must_use]
pub fn subsets(num_inputs: usize) -> Vec<Subset> {
    let mut subsets: Vec<Subset> = if num_inputs <= MAX_INPUTS_FOR_ALL_SUBSETS {
        let shows = |bits: usize| (0..num_inputs).map(|input| bits >> input & 1 == 1).collect();
        (1..1_usize << num_inputs).map(shows).collect()
    } else {
        let only = |one| (0..num_inputs).map(|input| input == one).collect();
        let all_but = |one| (0..num_inputs).map(|input| input != one).collect();
        let without = if num_inputs <= MAX_INPUTS_FOR_ALL_BUT_EACH { num_inputs } else { 0 };
        (0..num_inputs.min(MAX_INPUTS_ALONE))
            .map(only)
            .chain((0..without).map(all_but))
            .chain([vec![true; num_inputs]])
            .collect()
    };
    let size = |subset: &Subset| subset.iter().filter(|&&shown| shown).count();
    subsets.sort_by_key(|subset| {
        (size(subset), subset.iter().map(|shown| !shown).collect::<Vec<_>>())
    });
    subsets
}

/// Judges a model on `rows`, encoding each row once however many subsets are asked for.
///
/// # Errors
///
/// [`TrainError`] where a cell can no longer be read.
pub fn judge(
    predictor: &Predictor,
    source: &FeatureSource<'_>,
    readable: &Readable,
    rows: &[usize],
    subsets: &[Subset],
) -> Result<Judged, TrainError> {
    let targets = &predictor.fitted().targets;
    let truths: Vec<_> = (0..targets.len()).map(|output| readable.truths(output, rows)).collect();
    let mut answers = Collected::new(targets, &truths, subsets);
    let batch_size = predictor.config().trainer.rows_per_evaluation();
    let batches: Vec<Vec<usize>> = rows.chunks(batch_size).map(<[usize]>::to_vec).collect();
    let flow = source.for_each_batch(&batches, PipelineLimits::default(), |results, _| {
        let features: Result<Vec<_>, _> = results.into_iter().collect();
        match features {
            Err(error) => ControlFlow::Break(error),
            Ok(features) => {
                let rows: Vec<&RowFeatures> = features.iter().map(|row| &**row).collect();
                answers.count(&rows);
                answers.add(predictor, &predictor.embed(&rows), rows.len());
                ControlFlow::Continue(())
            }
        }
    });
    flow.break_value().map_or_else(|| Ok(answers.judged()), |error| Err(error.into()))
}

/// Answers as they come, batch after batch.
struct Collected<'a> {
    targets: &'a [FittedTarget],
    truths: &'a [Vec<Truth>],
    subsets: &'a [Subset],
    seen: usize,
    /// Values with every input, then with each subset: for each, one list an output.
    values: Vec<Vec<Vec<f32>>>,
    /// One list an output, with every input.
    logits: Vec<Vec<f32>>,
    loss_sums: Vec<f64>,
    subset_rows: Vec<usize>,
}

impl<'a> Collected<'a> {
    fn new(targets: &'a [FittedTarget], truths: &'a [Vec<Truth>], subsets: &'a [Subset]) -> Self {
        let values = vec![vec![Vec::new(); targets.len()]; subsets.len() + 1];
        let (logits, loss_sums) = (vec![Vec::new(); targets.len()], vec![0.0; targets.len() + 1]);
        let subset_rows = vec![0; subsets.len()];
        Self { targets, truths, subsets, seen: 0, values, logits, loss_sums, subset_rows }
    }

    /// Counts the rows that have all inputs of a subset.
    fn count(&mut self, rows: &[&RowFeatures]) {
        for (subset, count) in self.subsets.iter().zip(&mut self.subset_rows) {
            let has_all = |row: &&&RowFeatures| {
                row.features.iter().zip(subset).all(|(cell, &shown)| !shown || cell.is_some())
            };
            *count += rows.iter().filter(has_all).count();
        }
    }

    fn add(&mut self, predictor: &Predictor, embeddings: &[Embedding], num_rows: usize) {
        let rows = self.seen..self.seen + num_rows;
        let targets = self.targets.iter().zip(self.truths);
        let targets: Vec<_> =
            targets.map(|(target, truths)| target_batch(target, &truths[rows.clone()])).collect();
        let Answers { scores, logits, losses } = predictor.answers(embeddings, &targets);
        push(&mut self.logits, logits);
        for (sum, loss) in self.loss_sums.iter_mut().zip(losses) {
            *sum += loss * num_rows as f64;
        }
        push(&mut self.values[0], scores);
        for (subset, values) in self.subsets.iter().zip(&mut self.values[1..]) {
            let shown = embeddings.iter().zip(subset);
            let shown: Vec<_> =
                shown.map(|(embedding, &shown)| embedding.keep(&vec![shown; num_rows])).collect();
            push(values, predictor.scores(&shown));
        }
        self.seen += num_rows;
    }

    fn judged(self) -> Judged {
        let of_all = |values: Vec<Vec<f32>>| -> Vec<Scores> {
            let outputs = self.targets.iter().zip(self.truths).zip(values);
            outputs.map(|((target, truths), values)| scores(target, truths, &values)).collect()
        };
        let mut each = self.values.into_iter().map(of_all);
        let scores = each.next().expect("the first has every input");
        let (subset_rows, num_rows) = (self.subset_rows, self.seen);
        let losses = self.loss_sums.into_iter().map(|sum| sum / num_rows as f64).collect();
        let classes = self.truths.iter().map(|truths| truths.iter().map(Truth::class).collect());
        let (logits, classes) = (self.logits, classes.collect());
        let subsets = each.collect();
        Judged { scores, logits, classes, losses, subsets, subset_rows, num_rows }
    }
}

fn push(values: &mut [Vec<f32>], scores: Vec<OutputScores>) {
    for (values, scores) in values.iter_mut().zip(scores) {
        values.extend(scores.values);
    }
}

/// A row's answers beside its truth; rows without a target are left out, and so are those of a class
/// that train lacks, so that every metric is of the same rows.
fn scores(target: &FittedTarget, truths: &[Truth], values: &[f32]) -> Scores {
    let num_outputs = target.num_outputs();
    let judged = truths.iter().zip(values.chunks_exact(num_outputs));
    let judged: Vec<(&Truth, &[f32])> = judged.filter(|(truth, _)| truth.is_known()).collect();
    match target {
        FittedTarget::Category(_) => {
            let probabilities = judged.iter().flat_map(|(_, scores)| scores.iter().copied());
            let truths = judged.iter().map(|(truth, _)| truth.class());
            CategoryScores::new(num_outputs, probabilities.collect(), truths.collect()).into()
        }
        FittedTarget::Binary(_) => {
            let known = judged.iter().filter_map(|(truth, s)| Some((truth.class()?, s[0])));
            let (truths, probability) = known.map(|(class, p)| (class == 1, p)).unzip();
            BinaryScores::new(probability, truths).into()
        }
        FittedTarget::Number(number) => {
            let known = judged.iter().filter_map(|(truth, scores)| match truth {
                Truth::Number(value) => Some((number.unscaled(scores[0]), *value)),
                _ => None,
            });
            let (predicted, truths) = known.unzip();
            NumberScores::new(predicted, truths).into()
        }
    }
}

/// The scores of a model that is always right.
pub(crate) fn perfect(target: &FittedTarget, truths: &[Truth]) -> Scores {
    let num_outputs = target.num_outputs();
    let mut values = vec![0.0; truths.len() * num_outputs];
    for (truth, values) in truths.iter().zip(values.chunks_exact_mut(num_outputs)) {
        match (target, truth) {
            (FittedTarget::Category(_), Truth::Class(class)) => values[*class] = 1.0,
            (FittedTarget::Binary(_), Truth::Class(1)) => values[0] = 1.0,
            (FittedTarget::Number(number), Truth::Number(value)) => {
                values[0] = number.scaled(*value);
            }
            _ => {}
        }
    }
    scores(target, truths, &values)
}

/// What a model that looks at no input would answer on the same rows.
#[must_use]
pub(crate) fn baseline(target: &FittedTarget, scores: &Scores) -> Option<Scores> {
    let counts = target.class_counts();
    match scores {
        Scores::Category(scores) => {
            baseline::majority_class(counts, scores.truth().to_vec()).map(Into::into)
        }
        Scores::Binary(scores) => {
            let counts = counts.try_into().ok()?;
            baseline::majority_answer(counts, scores.truth().to_vec()).map(Into::into)
        }
        Scores::Number(scores) => {
            let mean = target.mean()?;
            Some(baseline::train_mean(mean, scores.truth().to_vec()).into())
        }
    }
}

/// The kind of output that a target is, which decides its metrics.
pub const fn kind_of(target: &TargetConfig) -> OutputKind {
    match target {
        TargetConfig::Category(_) => OutputKind::Category,
        TargetConfig::Binary(_) => OutputKind::Binary,
        TargetConfig::Number(_) => OutputKind::Number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_of_three_are_all_seven_the_smaller_first() {
        let shown: Vec<String> = subsets(3)
            .iter()
            .map(|subset| subset.iter().map(|&shown| if shown { '1' } else { '0' }).collect())
            .collect();
        assert_eq!(shown, ["100", "010", "001", "110", "101", "011", "111"]);
    }

    #[test]
    fn many_inputs_are_judged_alone_without_each_and_together() {
        assert_eq!(subsets(8).len(), 255);
        assert_eq!(subsets(9).len(), 19);
        assert_eq!(subsets(64).len(), 129);
    }

    #[test]
    fn of_very_many_inputs_no_more_are_judged_than_cost_is_bounded_by() {
        for (inputs, expected) in [(65, 66), (174, 175), (256, 257), (5_000, 257)] {
            let subsets = subsets(inputs);
            assert_eq!(subsets.len(), expected, "{inputs}");
            let sizes = subsets.iter().map(|subset| subset.iter().filter(|&&shown| shown).count());
            assert_eq!(sizes.filter(|&size| size == inputs).count(), 1, "{inputs}: all together");
        }
    }
}
