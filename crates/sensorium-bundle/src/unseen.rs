//! Labels that the train rows do not hold.

use std::collections::BTreeMap;

use sensorium_core::ColumnName;
use sensorium_modality::target::Truth;
use sensorium_table::Table;

use crate::{Config, Fitted};

/// The labels of some rows that the train rows do not hold, for each input and output that has any.
///
/// The model reads such a label of an input as one that it does not know; a row with such a label of
/// an output counts in none of that output's metrics.
#[derive(Clone, Debug, Default)]
pub struct UnseenLabels(Vec<(ColumnName, BTreeMap<usize, String>)>);

impl UnseenLabels {
    /// Those of the inputs. Cells that cannot be read are passed over, and so are columns that the
    /// table lacks.
    pub fn of_inputs(config: &Config, fitted: &Fitted, table: &Table, rows: &[usize]) -> Self {
        let inputs = config.input_features.iter().zip(&fitted.inputs);
        let columns = inputs.filter_map(|(feature, modality)| {
            let column = config.column(table, &feature.column).ok()?;
            let labels = rows
                .iter()
                .filter_map(|&row| modality.unseen(&column.cell(row)).map(|label| (row, label)));
            Some((feature.name.clone(), labels.collect()))
        });
        Self(columns.collect::<Vec<_>>()).without_empty()
    }

    /// Those of inputs and outputs.
    pub fn of(config: &Config, fitted: &Fitted, table: &Table, rows: &[usize]) -> Self {
        let mut inputs = Self::of_inputs(config, fitted, table, rows);
        inputs.0.append(&mut Self::of_outputs(config, fitted, table, rows).0);
        inputs
    }

    fn of_outputs(config: &Config, fitted: &Fitted, table: &Table, rows: &[usize]) -> Self {
        let outputs = config.output_features.iter().zip(&fitted.targets);
        let columns = outputs.filter_map(|(feature, target)| {
            let column = config.column(table, &feature.column).ok()?;
            let labels = rows.iter().filter_map(|&row| {
                let cell = column.cell(row);
                let is_unseen = matches!(target.truth_of(&cell), Ok(Truth::Unseen));
                Some((row, cell.label().ok()??.into_owned())).filter(|_| is_unseen)
            });
            Some((feature.name.clone(), labels.collect()))
        });
        Self(columns.collect::<Vec<_>>()).without_empty()
    }

    fn without_empty(mut self) -> Self {
        self.0.retain(|(_, labels)| !labels.is_empty());
        self
    }

    /// Those among `rows`: for each feature that has any, each label and how many rows hold it, the
    /// most frequent first.
    pub fn among(&self, rows: &[usize]) -> Vec<(&ColumnName, Vec<(&str, usize)>)> {
        let features = self.0.iter().map(|(name, labels)| {
            let mut counts = BTreeMap::<&str, usize>::new();
            for label in rows.iter().filter_map(|row| labels.get(row)) {
                *counts.entry(label).or_default() += 1;
            }
            let mut counts: Vec<_> = counts.into_iter().collect();
            counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            (name, counts)
        });
        features.filter(|(_, counts)| !counts.is_empty()).collect()
    }
}
