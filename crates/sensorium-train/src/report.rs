//! What training says at its end.

use sensorium_bundle::{Config, Predictor};
use sensorium_core::ColumnName;
use sensorium_metrics::judge as metrics_of;
use sensorium_metrics::{
    Bootstrap, ClassReport, Ordered, OutputStatistics, Scores, Statistics, metrics_for,
};
use sensorium_modality::pipeline::FeatureSource;

use crate::judge::{Judged, Subset, baseline, judge, subsets};
use crate::{Readable, TrainError};

/// Judges a model on `rows` with every subset of its inputs, beside a baseline that looks at none.
///
/// # Errors
///
/// [`TrainError`] where a cell can no longer be read.
pub fn report(
    predictor: &Predictor,
    source: &FeatureSource<'_>,
    readable: &Readable,
    rows: &[usize],
) -> Result<Statistics, TrainError> {
    let config = predictor.config();
    let subsets = subsets(config.input_features.len());
    let judged = judge(predictor, source, readable, rows, &subsets)?;
    let unseen = readable.unseen.among(rows);
    let mut statistics = Statistics::default();
    for (output, feature) in config.output_features.iter().enumerate() {
        let mut of_output = of_output(predictor, &judged, &subsets, output);
        of_output.unseen_labels = unseen_labels(config, &unseen, &feature.name);
        statistics.insert(feature.name.as_str(), of_output)?;
    }
    let combined = judged.losses.last().copied().filter(|loss| loss.is_finite());
    statistics.combined.insert("loss".to_owned(), combined);
    Ok(statistics)
}

/// The labels that train lacks, of the inputs and of one output.
fn unseen_labels(
    config: &Config,
    unseen: &[(&ColumnName, Vec<(&str, usize)>)],
    output: &ColumnName,
) -> Ordered<Ordered<usize>> {
    const MOST_LABELS: usize = 100;
    let is_other = |name: &ColumnName| {
        name != output && config.output_features.iter().any(|feature| feature.name == *name)
    };
    let features = unseen.iter().filter(|(name, _)| !is_other(name));
    let features = features.map(|(name, labels)| {
        let labels = labels.iter().take(MOST_LABELS);
        (name.to_string(), labels.map(|&(label, count)| (label.to_owned(), count)).collect())
    });
    features.collect()
}

fn of_output(
    predictor: &Predictor,
    judged: &Judged,
    subsets: &[Subset],
    output: usize,
) -> OutputStatistics {
    let target = &predictor.fitted().targets[output];
    let scores = &judged.scores[output];
    let mut statistics = OutputStatistics::of(scores);
    if let Scores::Category(scores) = scores {
        statistics = statistics.with_classes(ClassReport::of(scores, target.classes()));
    }
    if matches!(scores, Scores::Binary(_)) {
        statistics.true_label = target.classes().last().cloned();
    }
    let loss = Some(judged.losses[output]).filter(|loss| loss.is_finite());
    statistics.metrics.insert("loss".to_owned(), loss);
    if let Some(baseline) = baseline(target, scores) {
        statistics.baseline = metrics_of(&baseline);
    }
    let seed = predictor.config().random_seed;
    statistics.interval = Bootstrap::default().intervals(metrics_for(scores.kind()), scores, seed);
    let is_whole = judged.subset_rows.iter().all(|&rows| rows == judged.num_rows);
    let judged_subsets = judged.subsets.iter().zip(&judged.subset_rows);
    for (subset, (scores, &rows)) in subsets.iter().zip(judged_subsets) {
        let name = name(predictor.config(), subset);
        if !is_whole {
            statistics.subset_rows.insert(name.clone(), rows);
        }
        statistics.subsets.insert(name, metrics_of(&scores[output]));
    }
    statistics
}

/// The shown inputs' names in the config's order, joined with `+`.
fn name(config: &Config, subset: &Subset) -> String {
    let shown = config.input_features.iter().zip(subset).filter(|(_, shown)| **shown);
    shown.map(|(input, _)| input.name.as_str()).collect::<Vec<_>>().join("+")
}
