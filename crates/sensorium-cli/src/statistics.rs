//! What a model is worth, as tables of at most 80 columns.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, Table, presets};
use sensorium_bundle::Config;
use sensorium_core::text::shown_up_to;
use sensorium_metrics::{Ordered, OutputStatistics, Statistics, default_metric};

/// The width of a terminal that is asked of nobody.
const COLUMNS: u16 = 80;

/// The most subsets that are shown: all of five inputs. Of more, those of one input and that of all
/// are shown first.
const MAX_SUBSETS: usize = 31;

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
    let names = subset_names(&outputs);
    let shown = shown_subsets(&names, config.input_features.len());
    let mut text = format!("{}\n\n{}", scores(&outputs), subsets(&outputs, &shown));
    if shown.len() < names.len() {
        let _ = write!(text, "\nand {} more in the statistics file", names.len() - shown.len());
    }
    text
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

/// The names of the judged subsets, the smaller first.
fn subset_names<'a>(outputs: &[Output<'a>]) -> Vec<&'a str> {
    let subsets = outputs.first().map(|output| &output.statistics.subsets);
    subsets.into_iter().flat_map(Ordered::iter).map(|(name, _)| name).collect()
}

/// Those that a person looks at: the first, which are of one input each, and the last, which is of
/// all.
fn shown_subsets<'a>(names: &[&'a str], num_inputs: usize) -> Vec<&'a str> {
    if names.len() <= MAX_SUBSETS {
        return names.to_vec();
    }
    let alone = names.iter().take(num_inputs.min(MAX_SUBSETS - 1));
    alone.chain(names.last()).copied().collect()
}

fn subsets(outputs: &[Output<'_>], shown: &[&str]) -> Table {
    let headers = outputs.iter().map(|output| format!("{} {}", output.name, output.metric));
    let rows = outputs.first().map(|output| &output.statistics.subset_rows);
    let rows = rows.filter(|rows| !rows.is_empty());
    let counted = rows.map(|_| "rows".to_owned());
    let mut table = table(std::iter::once("inputs".to_owned()).chain(counted).chain(headers));
    for &subset in shown {
        let values = outputs.iter().map(|output| {
            let metrics = output.statistics.subsets.get(subset);
            value(metrics.and_then(|metrics| metrics.get(output.metric)))
        });
        let counted = rows.and_then(|rows| rows.get(subset)).map(usize::to_string);
        table.add_row(std::iter::once(named(subset)).chain(counted).chain(values));
    }
    align_right(&mut table, 1);
    table
}

/// A subset's name, cut where it names more than a line holds.
fn named(subset: &str) -> String {
    shown_up_to(subset, 120).into_owned()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_subsets_are_all_shown_and_of_many_each_input_and_all() {
        let names: Vec<String> = (0..400).map(|n| n.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(shown_subsets(&names[..31], 5), &names[..31]);
        // Eight inputs have 255 subsets.
        assert_eq!(shown_subsets(&names[..255], 8), [&names[..8], &names[254..255]].concat());
        let shown = shown_subsets(&names[..175], 174);
        assert_eq!(shown.len(), 31);
        assert_eq!(shown.last(), Some(&"174"));
    }

    #[test]
    fn a_name_of_very_many_inputs_is_cut() {
        let name = vec!["input"; 174].join("+");
        assert_eq!(named(&name).chars().count(), 121);
        assert!(named(&name).ends_with('…'));
        assert_eq!(named("a+b"), "a+b");
    }
}
