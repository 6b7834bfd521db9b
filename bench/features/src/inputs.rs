//! One column of a real table, fitted as a run would fit it.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use sensorium_core::Seed;
use sensorium_modality::{FittedModality, ModalityConfig};
use sensorium_table::{Column, SplitConfig, Table, TrainRows, split};

/// A table and the column of it that a case reads.
pub(crate) struct Input {
    table: Table,
    column: String,
}

impl Input {
    /// The column of `FOLDER/NAME/NAME.csv`.
    pub(crate) fn read(data: &Path, name: &str, column: &str) -> Result<Self, Box<dyn Error>> {
        let table = Table::read(&data.join(name).join(format!("{name}.csv")), None)?;
        Ok(Self { table, column: column.to_owned() })
    }

    pub(crate) fn column(&self) -> Result<Column<'_>, Box<dyn Error>> {
        Ok(self.table.column(&self.column.as_str().into())?)
    }

    pub(crate) fn num_rows(&self) -> usize {
        self.table.num_rows()
    }

    /// The rows whose cell holds what no row before them holds, in the table's order.
    pub(crate) fn distinct_rows(&self) -> Result<Vec<usize>, Box<dyn Error>> {
        let column = self.column()?;
        let mut seen = BTreeSet::new();
        let mut rows = Vec::new();
        for row in 0..self.table.num_rows() {
            if column.cell(row).text()?.is_some_and(|text| seen.insert(text)) {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// The modality that the section describes, fitted to the train rows of a random split.
    pub(crate) fn fitted(
        &self,
        modality: &str,
        section: serde_json::Value,
    ) -> Result<FittedModality, Box<dyn Error>> {
        let config = ModalityConfig::read(modality, section)?;
        Ok(config.fit(self.column()?, &self.train()?)?)
    }

    fn train(&self) -> Result<TrainRows, Box<dyn Error>> {
        let random =
            SplitConfig::Random { probabilities: sensorium_table::Probabilities::default() };
        Ok(split(&self.table, &random, Seed::new(42))?.train)
    }
}
