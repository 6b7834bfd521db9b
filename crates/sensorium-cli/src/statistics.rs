//! What a model is worth, as tables of at most 80 columns.

use comfy_table::{CellAlignment, Table, presets};
use sensorium_bundle::Config;
use sensorium_metrics::{OutputStatistics, Statistics, default_metric};

/// The width of a terminal that is asked of nobody.
const COLUMNS: u16 = 80;

/// Each output's metric with its interval and baseline, then the same metric for every subset of
/// the inputs, beside the rows that have them where some lack any. An output that the config watches
/// by another metric than the usual one has a line of each.
pub(crate) fn shown(statistics: &Statistics, config: &Config) -> String {
    let outputs: Vec<Output> = config
        .output_features
        .iter()
        .filter_map(|feature| {
            let name = feature.name.as_str();
            let statistics = statistics.outputs().get(name)?;
            let usual = default_metric(sensorium_train::kind_of(&feature.target)).name;
            let trainer = &config.trainer;
            let watched = (trainer.validation_field == name)
                .then_some(trainer.validation_metric.as_str())
                .filter(|metric| *metric != usual && statistics.metrics.contains_key(*metric));
            Some(Output { name, metric: watched.unwrap_or(usual), usual, statistics })
        })
        .collect();
    format!("{}\n\n{}", scores(&outputs), subsets(&outputs))
}

struct Output<'a> {
    name: &'a str,
    /// What is watched, or else the usual one.
    metric: &'a str,
    usual: &'static str,
    statistics: &'a OutputStatistics,
}

fn scores(outputs: &[Output<'_>]) -> Table {
    let mut table = table(["output", "metric", "score", "95 % interval", "majority"]);
    for output in outputs {
        table.add_row(score(output, output.metric));
        if output.usual != output.metric {
            table.add_row(score(output, output.usual));
        }
    }
    align_right(&mut table, 2);
    table
}

fn score(output: &Output<'_>, metric: &str) -> [String; 5] {
    let statistics = output.statistics;
    let interval = statistics.interval.get(metric).copied().flatten();
    [
        output.name.to_owned(),
        metric.to_owned(),
        value(statistics.metrics.get(metric)),
        interval.map_or_else(
            || "undefined".to_owned(),
            |interval| format!("{:.3} to {:.3}", interval.low, interval.high),
        ),
        value(statistics.baseline.get(metric)),
    ]
}

fn subsets(outputs: &[Output<'_>]) -> Table {
    let headers = outputs.iter().map(|output| format!("{} {}", output.name, output.metric));
    let rows = outputs.first().map(|output| &output.statistics.subset_rows);
    let rows = rows.filter(|rows| !rows.is_empty());
    let counted = rows.map(|_| "rows".to_owned());
    let mut table = table(std::iter::once("inputs".to_owned()).chain(counted).chain(headers));
    let names = outputs.first().map(|output| &output.statistics.subsets);
    for (subset, _) in names.into_iter().flat_map(sensorium_metrics::Ordered::iter) {
        let values = outputs.iter().map(|output| {
            let metrics = output.statistics.subsets.get(subset);
            value(metrics.and_then(|metrics| metrics.get(output.metric)))
        });
        let counted = rows.and_then(|rows| rows.get(subset)).map(usize::to_string);
        table.add_row(std::iter::once(subset.to_owned()).chain(counted).chain(values));
    }
    align_right(&mut table, 1);
    table
}

fn table<T: Into<comfy_table::Cell>>(header: impl IntoIterator<Item = T>) -> Table {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_width(COLUMNS)
        .set_header(header.into_iter().map(Into::into));
    table
}

fn align_right(table: &mut Table, from: usize) {
    for column in table.column_iter_mut().skip(from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn value(value: Option<&Option<f64>>) -> String {
    value.copied().flatten().map_or_else(|| "undefined".to_owned(), |value| format!("{value:.3}"))
}
