//! Tables of one column, for tests.

use std::path::Path;

use sensorium_core::{ColumnName, Seed};
use sensorium_table::{Column, ColumnSummary, SplitConfig, Table, TrainRows, Value, split};

use crate::{Modality, ModalityError};

/// A table with the column `it` and a split that puts the given cells into train; two more rows,
/// with nothing in the column, are validation and test unless [`SmallTable::with_held_out`] fills
/// them.
pub(crate) struct SmallTable {
    table: Table,
    train: TrainRows,
}

impl SmallTable {
    pub(crate) fn of(train: impl IntoIterator<Item = Value>) -> Self {
        Self::with_held_out(train, [Value::Missing, Value::Missing])
    }

    pub(crate) fn with_held_out(
        train: impl IntoIterator<Item = Value>,
        [validation, test]: [Value; 2],
    ) -> Self {
        let row = |value, part: &str| vec![value, Value::Text(part.to_owned())];
        let mut rows: Vec<_> = train.into_iter().map(|value| row(value, "train")).collect();
        rows.push(row(validation, "validation"));
        rows.push(row(test, "test"));
        let columns = vec![ColumnName::from("it"), ColumnName::from("split")];
        let table = Table::from_rows(columns, rows, Path::new(".")).unwrap();
        let config: SplitConfig =
            serde_json::from_value(serde_json::json!({"type": "fixed", "column": "split"}))
                .unwrap();
        let train = split(&table, &config, Seed::new(0)).unwrap().train;
        Self { table, train }
    }

    pub(crate) fn column(&self) -> Column<'_> {
        self.table.column(&ColumnName::from("it")).unwrap()
    }

    pub(crate) fn train(&self) -> &TrainRows {
        &self.train
    }

    pub(crate) fn summary(&self) -> ColumnSummary {
        self.table.summaries().remove(0)
    }

    pub(crate) fn num_rows(&self) -> usize {
        self.table.num_rows()
    }

    pub(crate) fn fit<M: Modality>(&self, config: &M::Config) -> Result<M, ModalityError> {
        M::fit(config, self.column(), &self.train)
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
