//! Labels that the train rows do not hold.

use std::collections::BTreeMap;

use sensorium_core::ColumnName;
use sensorium_table::{Cell, Column, Table};

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
        let mut labels = Self::default();
        for (feature, modality) in config.input_features.iter().zip(&fitted.inputs) {
            if let Ok(column) = config.column(table, &feature.column) {
                labels.add(&feature.name, column, rows, |cell| modality.unseen(cell));
            }
        }
        labels
    }

    /// Those of inputs and outputs.
    pub fn of(config: &Config, fitted: &Fitted, table: &Table, rows: &[usize]) -> Self {
        let mut labels = Self::of_inputs(config, fitted, table, rows);
        for (feature, target) in config.output_features.iter().zip(&fitted.targets) {
            if let Ok(column) = config.column(table, &feature.column) {
                labels.add(&feature.name, column, rows, |cell| target.unseen(cell));
            }
        }
        labels
    }

    fn add(
        &mut self,
        name: &ColumnName,
        column: Column<'_>,
        rows: &[usize],
        unseen: impl Fn(&Cell<'_>) -> Option<String>,
    ) {
        let labels = rows.iter().filter_map(|&row| Some((row, unseen(&column.cell(row))?)));
        let labels: BTreeMap<_, _> = labels.collect();
        if !labels.is_empty() {
            self.0.push((name.clone(), labels));
        }
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
