//! Everything that training needs of a config and a table, checked before the first step.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use sensorium_bundle::{Config, Fitted, UnseenLabels};
use sensorium_modality::pipeline::{FeatureSource, PipelineLimits};
use sensorium_modality::target::Truth;
use sensorium_modality::{LeftOutRow, ModalityError};
use sensorium_model::{MAX_MODEL_BYTES, ModelSize};
use sensorium_table::{Splits, Table, split};

use crate::{FrozenInputs, TrainError, Watched, batch_memory};

/// What to do with a row that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Stop, naming it.
    #[default]
    Stop,
    /// Leave it out, and list it.
    Skip,
}

/// A config whose table is split and whose features are fitted on the train rows.
#[derive(Debug)]
pub struct Plan {
    /// The config.
    pub config: Config,
    /// What was fitted on the train rows.
    pub fitted: Fitted,
    /// The rows of each part.
    pub splits: Splits,
    /// How large the model is.
    pub size: ModelSize,
}

/// Rows whose every cell could be read, with what they truly are.
#[derive(Clone, Debug)]
pub struct Readable {
    /// The labels that train does not hold.
    pub unseen: UnseenLabels,
    /// The rows that cannot be read, and why; empty with [`OnError::Stop`], unless the table's reader
    /// was told to leave rows out.
    pub left_out: BTreeMap<usize, LeftOutRow>,
    /// For each output, the truth of every row of the table.
    truths: Vec<Vec<Truth>>,
}

impl Plan {
    /// Splits the table and fits every input and output on its train rows.
    ///
    /// # Errors
    ///
    /// [`TrainError`] naming the part that is empty, the column that cannot be fitted, or the key that
    /// makes the model larger than [`MAX_MODEL_BYTES`].
    pub fn new(mut config: Config, table: &Table) -> Result<Self, TrainError> {
        let splits = split(table, &config.split, config.random_seed.derive("split"))?;
        config.trainer = config.trainer.settled(splits.train.indices().len());
        let fitted = Fitted::fit(&config, table, &splits.train)?;
        // Whatever the model would refuse is refused before anything is read or written.
        let size = fitted.model_size(&config)?;
        Watched::new(&config)?;
        let plan = Self { config, fitted, splits, size };
        plan.check_memory(MAX_MODEL_BYTES, "the limit is")?;
        Ok(plan)
    }

    /// Checks that the model in training, and the pictures of one batch, take no more than `limit`
    /// bytes; `of` says whose limit it is, such as `this machine has`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`](sensorium_core::ConfigError) at the key that makes them large.
    pub fn check_memory(&self, limit: u64, of: &str) -> Result<(), TrainError> {
        self.size.check(limit, of)?;
        let train_rows = self.splits.train.indices().len();
        Ok(batch_memory::check(&self.config, &self.fitted, train_rows, (limit, of))?)
    }

    /// Every row that takes part, ascending.
    pub fn rows(&self) -> Vec<usize> {
        let Splits { train, validation, test } = &self.splits;
        let mut rows = [train.indices(), validation, test].concat();
        rows.sort_unstable();
        rows
    }

    /// The parts without the rows left out.
    ///
    /// # Errors
    ///
    /// [`TrainError::NothingReadable`] where a part has no row left.
    pub fn splits_without(
        &self,
        left_out: &BTreeMap<usize, LeftOutRow>,
    ) -> Result<Splits, TrainError> {
        let rows: BTreeSet<usize> = left_out.keys().copied().collect();
        let keep =
            |part: &[usize]| part.iter().copied().filter(|row| !rows.contains(row)).collect();
        let Splits { train, validation, test } = &self.splits;
        let splits =
            Splits { train: train.without(&rows), validation: keep(validation), test: keep(test) };
        let parts = [
            ("train", splits.train.indices()),
            ("validation", &splits.validation),
            ("test", &splits.test),
        ];
        match parts.iter().find(|(_, rows)| rows.is_empty()) {
            None => Ok(splits),
            Some((part, _)) => Err(TrainError::NothingReadable {
                part,
                problem: left_out.values().next().map(ToString::to_string).unwrap_or_default(),
            }),
        }
    }
}

impl Readable {
    /// Reads every cell of `rows` once, so that a bad one is named before any work starts. All rows
    /// that the table's reader refused are left out too, whether `rows` has them or not: which part
    /// they are in cannot be told.
    ///
    /// A source with a cache keeps the features of small data, so they are not decoded again.
    ///
    /// # Errors
    ///
    /// [`TrainError`] for the first cell that cannot be read, unless rows are to be left out.
    pub fn read(
        config: &Config,
        fitted: &Fitted,
        (table, source): (&Table, &FeatureSource<'_>),
        rows: &[usize],
        on_error: OnError,
    ) -> Result<Self, TrainError> {
        let mut left_out = LeftOut::new(on_error);
        left_out.rows.extend(table.bad_rows().map(|bad| (bad.row, LeftOutRow::bad(bad))));
        let mut truths = Vec::with_capacity(fitted.targets.len());
        for (feature, target) in config.output_features.iter().zip(&fitted.targets) {
            let column = config.column(table, &feature.column)?;
            let mut of_output = vec![Truth::Absent; table.num_rows()];
            for &row in rows {
                match target.truth_of(&column.cell(row)) {
                    Ok(truth) => of_output[row] = truth,
                    Err(error) => left_out.add(row, error)?,
                }
            }
            truths.push(of_output);
        }
        left_out.add_unreadable(source, rows)?;
        let unseen = UnseenLabels::of(config, fitted, table, rows);
        Ok(Self { left_out: left_out.rows, unseen, truths })
    }

    /// The same without the rows that could not be encoded.
    #[must_use]
    pub fn without(mut self, frozen: &FrozenInputs) -> Self {
        self.left_out.extend(frozen.left_out.clone());
        self
    }

    /// How many of `rows` hold a truth of the output of that index that train holds.
    pub fn num_truths(&self, output: usize, rows: &[usize]) -> usize {
        rows.iter().filter(|&&row| self.truths[output][row].is_known()).count()
    }

    /// What each of `rows` truly is, for the output of that index.
    pub fn truths(&self, output: usize, rows: &[usize]) -> Vec<Truth> {
        rows.iter().map(|&row| self.truths[output][row]).collect()
    }
}

/// Rows that cannot be read.
pub(crate) struct LeftOut {
    pub(crate) rows: BTreeMap<usize, LeftOutRow>,
    on_error: OnError,
}

impl LeftOut {
    pub(crate) fn new(on_error: OnError) -> Self {
        Self { rows: BTreeMap::new(), on_error }
    }

    /// Notes why a row is left out, or stops.
    pub(crate) fn add(&mut self, row: usize, error: ModalityError) -> Result<(), ModalityError> {
        match self.on_error {
            OnError::Stop => Err(error),
            OnError::Skip => {
                self.rows.entry(row).or_insert_with(|| LeftOutRow::new(row, &error));
                Ok(())
            }
        }
    }

    fn add_unreadable(
        &mut self,
        source: &FeatureSource<'_>,
        rows: &[usize],
    ) -> Result<(), ModalityError> {
        let batches: Vec<Vec<usize>> = rows.chunks(32).map(<[usize]>::to_vec).collect();
        let mut batch = batches.iter();
        let flow = source.for_each_batch(&batches, PipelineLimits::default(), |results, _| {
            let rows = batch.next().expect("one result for each batch");
            for (&row, result) in rows.iter().zip(results) {
                if let Err(error) = result.map_or_else(|error| self.add(row, error), |_| Ok(())) {
                    return ControlFlow::Break(error);
                }
            }
            ControlFlow::Continue(())
        });
        flow.break_value().map_or(Ok(()), Err)
    }
}
