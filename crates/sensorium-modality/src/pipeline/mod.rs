//! From row numbers to features: decoded when needed, in parallel, in order, within bounds.

mod cache;
mod ordered;

use std::ops::ControlFlow;
use std::sync::Arc;

use sensorium_table::Column;

pub use cache::TRIAL_ROWS;
pub use ordered::PipelineLimits;

use crate::{Features, FittedModality, ModalityError};
use cache::RowCache;
use ordered::{Stop, for_each_in_order};

/// The memory that decoded rows may take where the user sets no other limit: 512 MiB.
pub const DEFAULT_CACHE_BYTES: usize = 512 << 20;

/// The features of one row's cells.
#[derive(Clone, Debug, PartialEq)]
pub struct RowFeatures {
    /// Index of the row in its table, from 0.
    pub row: usize,
    /// One for each column of the source, in its order; `None` where the cell is absent.
    pub features: Vec<Option<Features>>,
}

impl RowFeatures {
    /// The memory that the row takes, in bytes.
    pub fn num_bytes(&self) -> usize {
        let values: usize = self.features.iter().flatten().map(Features::num_bytes).sum();
        values + size_of::<Self>() + self.features.len() * size_of::<Option<Features>>()
    }
}

/// A row's features, or the first of its cells that has none, and why.
pub type RowResult = Result<Arc<RowFeatures>, ModalityError>;

/// The input columns of one table, each with its fitted modality.
#[derive(Debug)]
pub struct FeatureSource<'a> {
    columns: Vec<(Option<Column<'a>>, &'a FittedModality)>,
    cache: Option<RowCache>,
}

impl<'a> FeatureSource<'a> {
    /// Reads these columns; one that the table lacks, `None`, is absent in every row.
    pub fn new(columns: Vec<(Option<Column<'a>>, &'a FittedModality)>) -> Self {
        Self { columns, cache: None }
    }

    /// Keeps decoded rows for the next time, where all `num_rows` rows of the table are likely to
    /// fit into `limit_bytes`; see [`DEFAULT_CACHE_BYTES`].
    ///
    /// That is decided once, after the first [`TRIAL_ROWS`] rows, by their mean size. Where not all
    /// fit nothing is kept, so memory does not grow with the number of rows.
    #[must_use]
    pub fn with_cache(mut self, num_rows: usize, limit_bytes: usize) -> Self {
        self.cache = Some(RowCache::new(num_rows, limit_bytes));
        self
    }

    /// One row's features.
    ///
    /// # Errors
    ///
    /// [`ModalityError`] of the first cell, in the order of the columns, that cannot be decoded.
    ///
    /// # Panics
    ///
    /// If the table has no such row.
    pub fn row(&self, row: usize) -> RowResult {
        if let Some(kept) = self.cache.as_ref().and_then(|cache| cache.get(row)) {
            return Ok(Arc::clone(kept));
        }
        let features = self.columns.iter().map(|(column, modality)| match column {
            Some(column) => modality.features_of(&column.cell(row)),
            None => Ok(None),
        });
        let decoded = Arc::new(RowFeatures { row, features: features.collect::<Result<_, _>>()? });
        if let Some(cache) = &self.cache {
            cache.keep(&decoded);
        }
        Ok(decoded)
    }

    /// Hands the features of each batch of rows to `consume`, in the order given, until it breaks.
    ///
    /// Batches are decoded ahead of the consumer within `limits`, on threads of their own where
    /// there is more than one batch and not every row is kept already. A row that cannot be decoded
    /// is an error in its place and does not stop the others.
    ///
    /// # Panics
    ///
    /// If the table lacks one of the rows.
    pub fn for_each_batch<B>(
        &self,
        batches: &[Vec<usize>],
        limits: PipelineLimits,
        consume: impl FnMut(Vec<RowResult>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let workers = if self.holds_all(batches) { 0 } else { limits.workers };
        let limits = PipelineLimits { workers, ..limits };
        for_each_in_order(
            batches.len(),
            limits,
            |index, stop| self.batch(&batches[index], stop),
            consume,
        )
    }

    /// The batch's rows; cut short where nobody waits for them any more.
    fn batch(&self, rows: &[usize], stop: &Stop) -> Vec<RowResult> {
        rows.iter().take_while(|_| !stop.is_set()).map(|&row| self.row(row)).collect()
    }

    fn holds_all(&self, batches: &[Vec<usize>]) -> bool {
        let holds =
            |cache: &RowCache| batches.iter().flatten().all(|&row| cache.get(row).is_some());
        self.cache.as_ref().is_some_and(holds)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use sensorium_table::Value;

    use super::*;
    use crate::number::{Number, NumberConfig};
    use crate::small_table::{SmallTable, text};

    /// A hundred numbers, the one in row 13 written as a word.
    fn numbers() -> (SmallTable, FittedModality) {
        let cell = |row| if row == 13 { text("thirteen") } else { Value::Integer(row) };
        let table = SmallTable::of((0..100).map(cell));
        let config = NumberConfig { normalization: None, ..NumberConfig::default() };
        let number = table.fit::<Number>(&config).unwrap();
        (table, FittedModality::Number(number))
    }

    /// What the rows of a batch hold, by row; the error's text where there is one.
    fn shown(results: &[RowResult]) -> Vec<String> {
        let show = |result: &RowResult| match result {
            Ok(row) => format!("{}: {:?}", row.row, row.features),
            Err(error) => error.to_string(),
        };
        results.iter().map(show).collect()
    }

    fn collected(source: &FeatureSource<'_>, batches: &[Vec<usize>]) -> Vec<Vec<String>> {
        let mut seen = Vec::new();
        let flow = source.for_each_batch(batches, PipelineLimits::new(3), |results| {
            seen.push(shown(&results));
            ControlFlow::<()>::Continue(())
        });
        assert!(flow.is_continue());
        seen
    }

    fn batches() -> Vec<Vec<usize>> {
        let rows: Vec<usize> = (0..100).rev().collect();
        let mut batches: Vec<_> = rows.chunks(7).map(<[usize]>::to_vec).collect();
        batches.push(vec![]);
        batches.push(vec![5, 5, 13]);
        batches
    }

    #[test]
    fn batches_and_rows_come_in_the_order_given_and_errors_stay_in_place() {
        let (table, number) = numbers();
        let source = FeatureSource::new(vec![(Some(table.column()), &number)]);
        let one_by_one = |batch: &Vec<usize>| {
            shown(&batch.iter().map(|&row| source.row(row)).collect::<Vec<_>>())
        };
        let seen = collected(&source, &batches());
        assert_eq!(seen, batches().iter().map(one_by_one).collect::<Vec<_>>());
        let last = seen.last().unwrap();
        assert_eq!(last[..2], ["5: [Some(Vector([5.0]))]", "5: [Some(Vector([5.0]))]"]);
        assert!(last[2].contains("row 14 of column `it`"), "{}", last[2]);
    }

    #[test]
    fn kept_rows_are_the_same_rows_and_are_not_decoded_again() {
        let (table, number) = numbers();
        let source = FeatureSource::new(vec![(Some(table.column()), &number)]);
        let fresh = collected(&source, &batches());
        let source = source.with_cache(table.num_rows(), DEFAULT_CACHE_BYTES);
        assert_eq!(collected(&source, &batches()), fresh);
        assert_eq!(collected(&source, &batches()), fresh);
        assert!(Arc::ptr_eq(&source.row(40).unwrap(), &source.row(40).unwrap()));
    }

    #[test]
    fn under_a_small_limit_nothing_is_kept() {
        let (table, number) = numbers();
        let source = FeatureSource::new(vec![(Some(table.column()), &number)]);
        let source = source.with_cache(table.num_rows(), 1000);
        collected(&source, &batches());
        assert!(!Arc::ptr_eq(&source.row(40).unwrap(), &source.row(40).unwrap()));
    }

    #[test]
    fn one_batch_and_kept_rows_need_no_thread() {
        let (table, number) = numbers();
        let source = FeatureSource::new(vec![(Some(table.column()), &number)]);
        let source = source.with_cache(table.num_rows(), DEFAULT_CACHE_BYTES);
        collected(&source, &[(0..13).collect(), (14..100).collect()]);
        assert!(source.holds_all(&[vec![0, 1], vec![99]]));
        assert!(!source.holds_all(&[vec![0, 13]]), "an error is not kept");
        let here = thread::current().id();
        let flow = source.for_each_batch(&[vec![0], vec![1]], PipelineLimits::new(2), |_| {
            ControlFlow::Break(thread::current().id())
        });
        assert_eq!(flow, ControlFlow::Break(here));
    }

    #[test]
    fn a_column_that_the_table_lacks_is_absent_in_every_row() {
        let (table, number) = numbers();
        let source = FeatureSource::new(vec![(None, &number), (Some(table.column()), &number)]);
        let row = source.row(3).unwrap();
        assert_eq!(row.features, [None, Some(Features::Vector(vec![3.0]))]);
    }

    #[test]
    fn breaking_off_ends_with_what_the_consumer_said() {
        let (table, number) = numbers();
        let source = FeatureSource::new(vec![(Some(table.column()), &number)]);
        let mut seen = 0;
        let flow = source.for_each_batch(&batches(), PipelineLimits::new(2), |_| {
            seen += 1;
            if seen == 3 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
        });
        assert_eq!((flow, seen), (ControlFlow::Break("enough"), 3));
    }
}
