//! What a person should know of a model beyond its scores, before and after it is trained.

use sensorium_bundle::Config;
use sensorium_metrics::{OutputStatistics, Statistics, find};
use sensorium_model::encoder::EncoderConfig;

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
