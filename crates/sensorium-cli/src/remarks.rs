//! What a person should know of a model beyond its scores, before and after it is trained.

use sensorium_bundle::config::OutputFeature;
use sensorium_bundle::{Config, UnseenLabels};
use sensorium_core::ColumnName;
use sensorium_metrics::{OutputStatistics, Statistics, find};
use sensorium_modality::target::FittedTarget;
use sensorium_model::encoder::EncoderConfig;
use sensorium_table::Table;
use sensorium_train::{Plan, Readable, Watched};

/// What of the config is easily mistaken: encoders with a published name and weights that are drawn,
/// and combiners that cannot learn what inputs say together.
pub(crate) fn of_config(config: &Config) -> Vec<String> {
    let published = EncoderConfig::published();
    let drawn = config.input_features.iter().filter_map(|input| {
        let encoder = input.encoder.name();
        let is_drawn = input.pretrained.is_none() && published.contains(&encoder);
        is_drawn.then(|| {
            format!(
                "{}: the weights of `{encoder}` are drawn, not published; \
                 `pretrained_model_name_or_path` loads published ones",
                input.name
            )
        })
    });
    let is_linear = config.input_features.len() > 1
        && config.combiner.is_additive()
        && config.output_features.iter().all(|output| output.decoder.has_no_layers());
    let linear = is_linear.then(|| {
        format!(
            "`{}` without a hidden layer adds up what each input says and cannot learn what they \
             say together; `combiner.num_fc_layers: 1` gives it one",
            config.combiner.name()
        )
    });
    drawn.chain(linear).collect()
}

/// What of the table is easily mistaken: words that were taken for an absent value in a column whose
/// values are words, which of two labels is true, what classes weigh, and outputs that no validation
/// row holds.
pub(crate) fn of_rows(plan: &Plan, table: &Table, readable: &Readable) -> Vec<String> {
    const WORDS: [&str; 3] = ["category", "text", "binary"];
    let config = &plan.config;
    let of_words = features(config).filter(|(_, _, kind)| WORDS.contains(kind));
    let words = of_words.filter_map(|(name, column, _)| {
        let words = config.column(table, column).ok()?.missing_words();
        let words: Vec<_> = words.iter().map(|(word, count)| (word.as_str(), *count)).collect();
        let cells: usize = words.iter().map(|(_, count)| count).sum();
        (cells > 0).then(|| {
            format!(
                "{name}: {cells} cells are taken for missing ({}); `preprocessing.missing_values` \
                 lists the words that are",
                counted(&words)
            )
        })
    });
    let outputs = config.output_features.iter().zip(&plan.fitted.targets).enumerate();
    let outputs = outputs.flat_map(|(output, (feature, target))| {
        let unwatched = (readable.num_truths(output, &plan.splits.validation) == 0).then(|| {
            format!(
                "{}: no validation row holds its truth; it has no say in the best epoch",
                feature.name
            )
        });
        [true_label(feature, target), class_weights(feature, target), unwatched]
    });
    words.chain(outputs.flatten()).collect()
}

/// The name, column and type of every feature, inputs first.
pub(crate) fn features(
    config: &Config,
) -> impl Iterator<Item = (&ColumnName, &ColumnName, &'static str)> {
    let inputs = config.input_features.iter();
    let inputs = inputs.map(|input| (&input.name, &input.column, input.modality.name()));
    let outputs = config.output_features.iter();
    inputs.chain(outputs.map(|output| (&output.name, &output.column, output.target.name())))
}

fn true_label(feature: &OutputFeature, target: &FittedTarget) -> Option<String> {
    match (target, target.classes()) {
        (FittedTarget::Binary(_), [no, yes]) => {
            Some(format!("{}: `{yes}` is true, `{no}` is false", feature.name))
        }
        _ => None,
    }
}

fn class_weights(feature: &OutputFeature, target: &FittedTarget) -> Option<String> {
    let loss = feature.resolved_loss(target).ok()?;
    let weights = loss.class_weights()?.iter().zip(target.classes());
    let weights = weights.map(|(weight, class)| format!("`{class}` {weight:.3}"));
    Some(format!("{}: classes weigh {}", feature.name, first_few(weights)))
}

/// A metric that has no value for the validation rows, and what is watched in its place.
pub(crate) fn of_watched(config: &Config, watched: &Watched) -> Option<String> {
    let (wanted, metric) = (&config.trainer.validation_metric, watched.metric());
    (metric != wanted).then(|| {
        let field = watched.field();
        format!(
            "{field}: `{wanted}` has no value for the truths of the validation rows; the best epoch \
             is that of the least `{metric}`"
        )
    })
}

/// Labels of some rows that train lacks; `rows` are called `which`.
pub(crate) fn of_unseen(
    unseen: &UnseenLabels,
    config: &Config,
    rows: &[usize],
    which: &str,
) -> Vec<String> {
    let features = unseen.among(rows).into_iter().map(|(name, labels)| {
        let is_output = config.output_features.iter().any(|feature| feature.name == *name);
        let cells: usize = labels.iter().map(|(_, count)| count).sum();
        let consequence =
            if is_output { "no metric counts them" } else { "the model does not know them" };
        format!(
            "{name}: {cells} of {} {which} rows hold labels that train lacks ({}); {consequence}",
            rows.len(),
            counted(&labels)
        )
    });
    features.collect()
}

/// The most labels that a line shows.
const SHOWN: usize = 5;

/// ``` `maybe` 8, `no` 1 and 3 more```
fn counted(labels: &[(&str, usize)]) -> String {
    first_few(labels.iter().map(|(label, count)| format!("`{label}` {count}")))
}

/// The first entries, and how many more there are.
fn first_few(entries: impl ExactSizeIterator<Item = String>) -> String {
    let more = entries.len().saturating_sub(SHOWN);
    let shown = entries.take(SHOWN).collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// What the test rows say against the model: no better than the majority, or than one input.
pub(crate) fn of_scores(statistics: &Statistics, config: &Config) -> Vec<String> {
    let outputs = config.output_features.iter().filter_map(|feature| {
        let name = feature.name.as_str();
        let output = statistics.outputs().get(name)?;
        let kind = sensorium_train::kind_of(&feature.target);
        let metric = sensorium_metrics::default_metric(kind).name;
        learned_nothing(name, output, metric).or_else(|| {
            let goal = find(kind, metric).ok()?.goal;
            worse_than_one_input(name, output, metric, &|a, b| goal.is_better(a, b), config)
        })
    });
    outputs.collect()
}

/// Whether the baseline lies within the interval or above it.
fn learned_nothing(name: &str, output: &OutputStatistics, metric: &str) -> Option<String> {
    let interval = (*output.interval.get(metric)?)?;
    let baseline = (*output.baseline.get(metric)?)?;
    let score = (*output.metrics.get(metric)?)?;
    let (worst, best) = (interval.low.min(interval.high), interval.low.max(interval.high));
    (worst..=best).contains(&baseline).then(|| {
        format!(
            "{name}: {metric} {score:.3} is no better than an answer that looks at no input \
             ({baseline:.3}), within the interval; the inputs may say nothing of it"
        )
    })
}

fn worse_than_one_input(
    name: &str,
    output: &OutputStatistics,
    metric: &str,
    is_better: &dyn Fn(f64, f64) -> bool,
    config: &Config,
) -> Option<String> {
    let all = (*output.metrics.get(metric)?)?;
    let interval = (*output.interval.get(metric)?)?;
    let half_width = (interval.high - interval.low) / 2.0;
    let alone = config.input_features.iter().filter_map(|input| {
        let score = (*output.subsets.get(input.name.as_str())?.get(metric)?)?;
        Some((input.name.as_str(), score))
    });
    let (input, score) =
        alone.reduce(|best, other| if is_better(other.1, best.1) { other } else { best })?;
    let is_worse = is_better(score, all) && (score - all).abs() > half_width;
    is_worse.then(|| {
        format!(
            "{name}: {input} alone has {metric} {score:.3}, all inputs together {all:.3}; the other \
             inputs mislead on these rows, which may be unlike the validation rows"
        )
    })
}
