//! What a run needs to go on as if it had never stopped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::TensorData;
use sensorium_bundle::sealed::{self, Kind};
use sensorium_bundle::{BundleError, check_numbers, check_weight};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_model::{AdamW, AdamWConfig, Model, weights};
use sensorium_table::{Dialect, Table};
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::{Plan, TrainError};

const KIND: Kind = Kind { name: "sensorium training checkpoint", version: 2 };

/// Tells a run from every other: its config with the seed, its table, and the files that the table
/// names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    config: String,
    dataset: String,
    media: String,
}

impl RunIdentity {
    /// The identity of a run of `plan` on `table`: the content of its files, how they were read, and
    /// the cells of a table that was made of file names.
    ///
    /// # Errors
    ///
    /// [`BundleError`] where a file of the table cannot be read.
    ///
    /// # Panics
    ///
    /// If the config cannot be JSON.
    pub fn new(plan: &Plan, table: &Table) -> Result<Self, BundleError> {
        let mut hasher = blake3::Hasher::new();
        for path in table.files() {
            let read = |source| BundleError::Read { path: path.clone(), source };
            let mut file = std::fs::File::open(path).map_err(read)?;
            std::io::copy(&mut file, &mut hasher).map_err(read)?;
        }
        if table.files().is_empty() {
            hash_cells(table, &mut hasher);
        }
        if *table.dialect() != Dialect::default() {
            hasher.update(format!("{:?}", table.dialect()).as_bytes());
        }
        let config = serde_json::to_vec(&plan.config).expect("a config is JSON");
        Ok(Self {
            config: blake3::hash(&config).to_hex().to_string(),
            dataset: hasher.finalize().to_hex().to_string(),
            media: media(plan, table)?,
        })
    }
}

/// The digest of every file that the rows of a run name, as far as it can be read.
fn media(plan: &Plan, table: &Table) -> Result<String, BundleError> {
    let mut hasher = blake3::Hasher::new();
    for (feature, fitted) in plan.config.input_features.iter().zip(&plan.fitted.inputs) {
        let column = plan.config.column(table, &feature.column)?;
        let cells = plan.rows().into_iter().map(|row| column.cell(row));
        // Embedded media are the table's own bytes.
        for cell in cells.filter(sensorium_table::Cell::holds_text) {
            let content = fitted.content(&cell).ok().flatten().unwrap_or_default();
            hasher.update(blake3::hash(&content).as_bytes());
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// How far a run can have come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) epochs: usize,
    pub(crate) train_rows: usize,
    pub(crate) batch_size: usize,
    pub(crate) num_outputs: usize,
}

impl Extent {
    pub(crate) fn steps_per_epoch(self) -> usize {
        self.train_rows.div_ceil(self.batch_size)
    }
}

/// Every cell that is text, each with its end.
fn hash_cells(table: &Table, hasher: &mut blake3::Hasher) {
    for column in table.column_names().iter().filter_map(|name| table.column(name).ok()) {
        for row in 0..table.num_rows() {
            let text = column.cell(row).text().ok().flatten().unwrap_or_default();
            hasher.update(text.as_bytes()).update(&[0]);
        }
    }
}

/// Where a run stands, apart from its tensors.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// The epoch that is under way, from 0.
    pub(crate) epoch: usize,
    /// The epoch's next batch, from 0.
    pub(crate) batch: usize,
    /// Optimizer steps taken in all.
    pub(crate) step: usize,
    /// The sum over the epoch's rows so far of each output's loss, and of all together last.
    pub(crate) loss_sums: Vec<f64>,
    /// The rows that those sums are over.
    pub(crate) rows: usize,
    /// Every finished epoch.
    pub(crate) history: History,
}

impl Progress {
    /// Checks that a run of this extent can stand here.
    fn check(&self, extent: Extent) -> Result<(), ConfigError> {
        let at = |key: &str| format!("progress.{key}");
        let exactly =
            |key: &str, got: usize, expected: usize| in_range(&at(key), got, expected..=expected);
        let steps = extent.steps_per_epoch();
        in_range(&at("epoch"), self.epoch, 0..=extent.epochs)?;
        in_range(&at("batch"), self.batch, 0..=if self.epoch < extent.epochs { steps } else { 0 })?;
        exactly("step", self.step, self.epoch * steps + self.batch)?;
        exactly("rows", self.rows, (self.batch * extent.batch_size).min(extent.train_rows))?;
        exactly("history", self.history.epochs.len(), self.epoch)?;
        exactly("loss_sums", self.loss_sums.len(), extent.num_outputs + 1)
    }
}

/// Checks the numbers of a state's tensors: weights, and what is remembered of them.
fn check_tensor(name: &str, tensor: &TensorData, steps: usize) -> Result<(), ConfigError> {
    if name.ends_with(".second_moment") {
        return check_numbers(name, tensor, "finite numbers of 0 or more", |value| value >= 0.0);
    }
    if name.ends_with(".num_steps") {
        let expected = format!("a whole number of at most the run's {steps} steps");
        let most = steps as f32;
        let fit = |value: f32| value.fract() == 0.0 && (0.0..=most).contains(&value);
        return check_numbers(name, tensor, &expected, fit);
    }
    check_weight(name, tensor)
}

/// A run's whole state.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) progress: Progress,
    pub(crate) model: Model,
    pub(crate) best: Model,
    pub(crate) optimizer: AdamW,
}

#[derive(Serialize)]
struct Written<'a> {
    run: &'a RunIdentity,
    progress: &'a Progress,
}

#[derive(Deserialize)]
struct Read {
    run: RunIdentity,
    progress: Progress,
}

/// A run's checkpoint file, replaced as a whole each time.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    path: PathBuf,
    run: RunIdentity,
}

impl Checkpoint {
    /// The checkpoint of the run `run` at `path`.
    pub const fn new(path: PathBuf, run: RunIdentity) -> Self {
        Self { path, run }
    }

    /// Writes the state atomically; weights of frozen encoders, which their publisher has, are left
    /// out.
    pub(crate) fn write(&self, state: &State) -> Result<(), TrainError> {
        let mut tensors = BTreeMap::new();
        let mut add = |part: &str, named: BTreeMap<String, TensorData>| {
            tensors.extend(named.into_iter().map(|(name, data)| (format!("{part}/{name}"), data)));
        };
        add("model", weights::trained(&state.model));
        add("best", weights::trained(&state.best));
        add("optimizer", state.optimizer.named());
        let content = Written { run: &self.run, progress: &state.progress };
        Ok(sealed::write(&self.path, KIND, &content, &tensors)?)
    }

    /// Reads a state that a run of this extent can have; `fresh` is the run's model, with any weights
    /// but those of frozen encoders.
    pub(crate) fn read(
        &self,
        fresh: Model,
        optimizer: AdamWConfig,
        extent: Extent,
    ) -> Result<State, TrainError> {
        let (content, mut tensors): (Read, _) = sealed::read(&self.path, KIND)?;
        self.check_identity(&content.run)?;
        let steps = content.progress.step;
        content
            .progress
            .check(extent)
            .and_then(|()| tensors.iter().try_for_each(|(name, it)| check_tensor(name, it, steps)))
            .map_err(|error| BundleError::content(&self.path, error))?;
        let mut take = |part: &str| -> BTreeMap<String, TensorData> {
            let prefix = format!("{part}/");
            let own = tensors.extract_if(.., |name, _| name.starts_with(&prefix));
            own.map(|(name, data)| (name[prefix.len()..].to_owned(), data)).collect()
        };
        let (model, best) = (take("model"), take("best"));
        Ok(State {
            progress: content.progress,
            optimizer: AdamW::load(optimizer, &fresh, take("optimizer"))?,
            // `valid` before the next line: `fresh` and its clone share their running statistics.
            best: weights::load_trained(fresh.clone(), best)?.valid(),
            model: weights::load_trained(fresh, model)?,
        })
    }

    fn check_identity(&self, run: &RunIdentity) -> Result<(), TrainError> {
        let what = if run.config != self.run.config {
            "config or seed"
        } else if run.dataset != self.run.dataset {
            "dataset"
        } else if run.media != self.run.media {
            "content of the files that the dataset names"
        } else {
            return Ok(());
        };
        Err(TrainError::OtherRun { path: self.path.clone(), what })
    }
}
