//! From row numbers to features: decoded when needed, in parallel, in order, within bounds.

mod cache;
mod ordered;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use sensorium_core::Seed;
use sensorium_table::Column;

pub use cache::TRIAL_ROWS;
pub use ordered::{PipelineLimits, Waiting};

use crate::list::DecodedCell;
use crate::{AugmentationConfig, Features, FittedModality, ModalityError};
use cache::RowCache;
use ordered::{NumBytes, Stop, for_each_in_order};

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

/// What is kept of a row.
#[derive(Debug)]
struct KeptRow {
    features: Arc<RowFeatures>,
    /// What each augmented column is made of, for each column; empty where none is augmented.
    decoded: Vec<Option<DecodedCell>>,
}

impl KeptRow {
    fn num_bytes(&self) -> usize {
        let cells: usize = self.decoded.iter().flatten().map(DecodedCell::num_bytes).sum();
        let decoded = self.decoded.len() * size_of::<Option<DecodedCell>>();
        self.features.num_bytes() + cells + decoded + size_of::<Self>()
    }
}

/// One input column, its fitted modality, and what changes it in training.
#[derive(Debug)]
struct SourceColumn<'a> {
    /// `None` where the table lacks it.
    column: Option<Column<'a>>,
    modality: &'a FittedModality,
    /// `None` where nothing changes it.
    augmentation: Option<&'a AugmentationConfig>,
    /// What a frozen encoder made of the column, in place of its cells.
    embeddings: Option<&'a Embeddings>,
}

/// What a frozen encoder made of a column's cells, by row; a row whose cell is absent has none.
pub type Embeddings = BTreeMap<usize, Features>;

/// The input columns of one table, each with its fitted modality.
#[derive(Debug)]
pub struct FeatureSource<'a> {
    columns: Vec<SourceColumn<'a>>,
    cache: Option<RowCache>,
}

impl<'a> FeatureSource<'a> {
    /// Reads these columns; one that the table lacks, `None`, is absent in every row.
    pub fn new(columns: Vec<(Option<Column<'a>>, &'a FittedModality)>) -> Self {
        let columns = columns.into_iter();
        let columns = columns.map(|(column, modality)| SourceColumn {
            column,
            modality,
            augmentation: None,
            embeddings: None,
        });
        Self { columns: columns.collect(), cache: None }
    }

    /// Changes what [`FeatureSource::for_each_augmented_batch`] gives, by one list for each column.
    ///
    /// # Panics
    ///
    /// If there is not one list for each column.
    #[must_use]
    pub fn with_augmentation(mut self, lists: Vec<&'a AugmentationConfig>) -> Self {
        assert_eq!(lists.len(), self.columns.len(), "one list for each column");
        for (column, list) in self.columns.iter_mut().zip(lists) {
            column.augmentation = Some(list).filter(|list| !list.is_empty());
        }
        self
    }

    /// Reads embeddings in place of a column's cells, where there are some.
    ///
    /// # Panics
    ///
    /// If there is not one entry for each column.
    #[must_use]
    pub fn with_embeddings(mut self, embeddings: &[Option<&'a Embeddings>]) -> Self {
        assert_eq!(embeddings.len(), self.columns.len(), "one entry for each column");
        for (column, embeddings) in self.columns.iter_mut().zip(embeddings) {
            column.embeddings = *embeddings;
        }
        self
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
        if let Some(kept) = self.kept(row) {
            return Ok(Arc::clone(&kept.features));
        }
        let read = match &self.cache {
            Some(cache) => {
                let read = Arc::new(self.read(row)?);
                cache.keep(&read);
                Arc::clone(&read.features)
            }
            None => self.read(row)?.features,
        };
        Ok(read)
    }

    /// One row's features, changed at random where a column is augmented.
    ///
    /// What is drawn depends on the epoch's seed, the row and the column alone.
    fn augmented_row(&self, row: usize, epoch: Seed) -> RowResult {
        let seed = epoch.derive("augmentation").at(row as u64);
        let kept = self.kept(row);
        let features = self.columns.iter().enumerate().map(|(index, column)| {
            let seed = seed.at(index as u64);
            match (kept, column.augmentation) {
                (Some(kept), None) => Ok(kept.features.features[index].clone()),
                (Some(kept), Some(list)) => {
                    let decoded = kept.decoded[index].as_ref();
                    Ok(decoded.map(|cell| column.modality.augmented(cell, list, &mut seed.rng())))
                }
                (None, _) => column.augmented_features(row, seed),
            }
        });
        Ok(Arc::new(RowFeatures { row, features: features.collect::<Result<_, _>>()? }))
    }

    fn kept(&self, row: usize) -> Option<&KeptRow> {
        self.cache.as_ref().and_then(|cache| cache.get(row)).map(|kept| &**kept)
    }

    fn read(&self, row: usize) -> Result<KeptRow, ModalityError> {
        let is_augmented = self.is_augmented();
        let mut features = Vec::with_capacity(self.columns.len());
        let mut decoded = Vec::new();
        for column in &self.columns {
            let cell = if column.augmentation.is_some() { column.decoded(row)? } else { None };
            features.push(match &cell {
                Some(cell) => Some(column.modality.features(cell)),
                None => column.features(row)?,
            });
            if is_augmented {
                decoded.push(cell);
            }
        }
        Ok(KeptRow { features: Arc::new(RowFeatures { row, features }), decoded })
    }

    fn is_augmented(&self) -> bool {
        self.columns.iter().any(|column| column.augmentation.is_some())
    }

    /// Hands the features of each batch of rows to `consume`, in the order given, until it breaks;
    /// with each, how long the consumer had to wait for it.
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
        consume: impl FnMut(Vec<RowResult>, Waiting) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let workers = if self.holds_all(batches) { 0 } else { limits.workers };
        let limits = PipelineLimits { workers, ..limits };
        let read = |row| self.row(row);
        for_each_read(batches, limits, read, consume)
    }

    /// As [`FeatureSource::for_each_batch`], with the changes that the columns' augmentation draws
    /// from the epoch's seed.
    ///
    /// # Panics
    ///
    /// If the table lacks one of the rows.
    pub fn for_each_augmented_batch<B>(
        &self,
        batches: &[Vec<usize>],
        epoch: Seed,
        limits: PipelineLimits,
        consume: impl FnMut(Vec<RowResult>, Waiting) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        if !self.is_augmented() {
            return self.for_each_batch(batches, limits, consume);
        }
        let read = |row| self.augmented_row(row, epoch);
        for_each_read(batches, limits, read, consume)
    }

    fn holds_all(&self, batches: &[Vec<usize>]) -> bool {
        batches.iter().flatten().all(|&row| self.kept(row).is_some())
    }
}

impl SourceColumn<'_> {
    fn features(&self, row: usize) -> Result<Option<Features>, ModalityError> {
        if let Some(embeddings) = self.embeddings {
            return Ok(embeddings.get(&row).cloned());
        }
        self.column.map_or(Ok(None), |column| self.modality.features_of(&column.cell(row)))
    }

    fn decoded(&self, row: usize) -> Result<Option<DecodedCell>, ModalityError> {
        self.column.map_or(Ok(None), |column| self.modality.decoded(&column.cell(row)))
    }

    fn augmented_features(
        &self,
        row: usize,
        seed: Seed,
    ) -> Result<Option<Features>, ModalityError> {
        let Some(list) = self.augmentation else { return self.features(row) };
        let decoded = self.decoded(row)?;
        Ok(decoded.map(|cell| self.modality.augmented(&cell, list, &mut seed.rng())))
    }
}

/// Batches are cut short where nobody waits for them any more.
fn for_each_read<B>(
    batches: &[Vec<usize>],
    limits: PipelineLimits,
    read: impl Fn(usize) -> RowResult + Sync,
    mut consume: impl FnMut(Vec<RowResult>, Waiting) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let make = |index: usize, stop: &Stop| {
        let rows = batches[index].iter().take_while(|_| !stop.is_set());
        Batch(rows.map(|&row| read(row)).collect())
    };
    for_each_in_order(batches.len(), limits, make, |Batch(rows), wait| consume(rows, wait))
}

/// Rows that are handed over together.
struct Batch(Vec<RowResult>);

impl NumBytes for Batch {
    fn num_bytes(&self) -> usize {
        self.0.iter().flatten().map(|row| row.num_bytes()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use sensorium_table::Value;
    use serde_json::json;

    use super::*;
    use crate::ModalityConfig;
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
        let flow = source.for_each_batch(batches, PipelineLimits::new(3), |results, _| {
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
        let flow = source.for_each_batch(&[vec![0], vec![1]], PipelineLimits::new(2), |_, _| {
            ControlFlow::Break(thread::current().id())
        });
        assert_eq!(flow, ControlFlow::Break(here));
    }

    fn jitter() -> AugmentationConfig {
        let number = ModalityConfig::read("number", json!({})).unwrap();
        AugmentationConfig::read(&number, vec![("jitter".to_owned(), json!({"std": 1.0}))]).unwrap()
    }

    fn augmented(source: &FeatureSource<'_>, epoch: Seed, workers: usize) -> Vec<String> {
        let mut seen = Vec::new();
        let limits = PipelineLimits::new(workers);
        let flow = source.for_each_augmented_batch(&batches(), epoch, limits, |results, _| {
            seen.extend(shown(&results));
            ControlFlow::<()>::Continue(())
        });
        assert!(flow.is_continue());
        seen
    }

    #[test]
    fn what_augmentation_draws_depends_on_seed_epoch_and_row_alone() {
        let (table, number) = numbers();
        let list = jitter();
        let source = || {
            let columns = vec![(Some(table.column()), &number), (Some(table.column()), &number)];
            FeatureSource::new(columns).with_augmentation(vec![&list, &list])
        };
        let fresh = augmented(&source(), Seed::new(1), 3);
        assert_eq!(augmented(&source(), Seed::new(1), 0), fresh);
        let kept = source().with_cache(table.num_rows(), DEFAULT_CACHE_BYTES);
        let plain = collected(&kept, &batches());
        assert_eq!(augmented(&kept, Seed::new(1), 2), fresh);
        assert_eq!(collected(&kept, &batches()), plain, "evaluation sees nothing of it");
        let other = augmented(&source(), Seed::new(2), 3);
        assert_eq!(fresh.iter().zip(&other).filter(|(one, other)| one == other).count(), 2);
        let row = |seed| source().augmented_row(5, Seed::new(seed)).unwrap();
        assert_ne!(row(1).features[0], row(1).features[1], "columns draw by themselves");
    }

    #[test]
    fn embeddings_take_the_place_of_cells() {
        let (table, number) = numbers();
        let embedding = Features::Embedding { pooled: vec![1.0], tokens: vec![1.0] };
        let embeddings = Embeddings::from([(13, embedding.clone())]);
        let columns = vec![(Some(table.column()), &number), (Some(table.column()), &number)];
        let source = FeatureSource::new(columns).with_embeddings(&[Some(&embeddings), None]);
        assert_eq!(source.row(3).unwrap().features, [None, Some(Features::Vector(vec![3.0]))]);
        assert!(source.row(13).is_err(), "the other column is read as before");
        let columns = vec![(Some(table.column()), &number)];
        let source = FeatureSource::new(columns).with_embeddings(&[Some(&embeddings)]);
        assert_eq!(source.row(13).unwrap().features, [Some(embedding)]);
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
        let flow = source.for_each_batch(&batches(), PipelineLimits::new(2), |_, _| {
            seen += 1;
            if seen == 3 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
        });
        assert_eq!((flow, seen), (ControlFlow::Break("enough"), 3));
    }
}
