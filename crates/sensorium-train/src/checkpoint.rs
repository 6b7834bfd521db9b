//! What a run needs to go on as if it had never stopped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::TensorData;
use sensorium_bundle::sealed::{self, Kind};
use sensorium_bundle::{BundleError, Config};
use sensorium_model::{AdamW, AdamWConfig, Model, weights};
use sensorium_table::{Dialect, Table};
use serde::{Deserialize, Serialize};

use crate::TrainError;
use crate::history::History;

const KIND: Kind = Kind { name: "sensorium training checkpoint", version: 1 };

/// Tells a run from every other: its config with the seed, and its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    config: String,
    dataset: String,
}

impl RunIdentity {
    /// The identity of a run of `config` on `table`: the content of its files, how they were read,
    /// and the cells of a table that was made of file names.
    ///
    /// # Errors
    ///
    /// [`BundleError::Read`] where a file of the table cannot be read.
    ///
    /// # Panics
    ///
    /// If the config cannot be JSON.
    pub fn new(config: &Config, table: &Table) -> Result<Self, BundleError> {
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
        let config = serde_json::to_vec(config).expect("a config is JSON");
        Ok(Self {
            config: blake3::hash(&config).to_hex().to_string(),
            dataset: hasher.finalize().to_hex().to_string(),
        })
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

    /// Reads a state; `fresh` is the run's model, with any weights but those of
    /// frozen encoders.
    pub(crate) fn read(&self, fresh: Model, optimizer: AdamWConfig) -> Result<State, TrainError> {
        let (content, mut tensors): (Read, _) = sealed::read(&self.path, KIND)?;
        self.check_identity(&content.run)?;
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
        } else {
            return Ok(());
        };
        Err(TrainError::OtherRun { path: self.path.clone(), what })
    }
}
