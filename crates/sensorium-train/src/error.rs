//! What can go wrong in training.

use std::path::PathBuf;

use sensorium_bundle::BundleError;
use sensorium_core::{ConfigError, Hint};
use sensorium_modality::ModalityError;
use sensorium_model::WeightsError;
use sensorium_table::{TableError, WriteError};

/// Why training or evaluation did not finish.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The config, the bundle or a checkpoint.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// A file of embeddings that an earlier run kept.
    #[error(transparent)]
    Cache(BundleError),
    /// The table or a cell.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The loss is no longer a number.
    #[error("the loss is {loss} in epoch {epoch}, step {step}")]
    Diverged {
        /// The epoch, from 1.
        epoch: usize,
        /// The step in it, from 1.
        step: usize,
        /// The loss.
        loss: f64,
    },
    /// Every row of a part was left out.
    #[error("no row of the {part} split can be read: {problem}")]
    NothingReadable {
        /// `train`, `validation` or `test`.
        part: &'static str,
        /// The first reason.
        problem: String,
    },
    /// The validation rows cannot say which epoch is the best.
    #[error("none of the {rows} validation rows holds a truth of `{field}` that train holds")]
    NothingToWatch {
        /// `trainer.validation_field`.
        field: String,
        /// The validation rows.
        rows: usize,
    },
    /// A results folder could not be made.
    #[error("could not make the folder `{}`", .path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// No checkpoint to go on from.
    #[error("`{}` holds no checkpoint to resume from", .path.display())]
    NothingToResume {
        /// Where one was looked for.
        path: PathBuf,
    },
    /// Another process writes into the folder.
    #[error("`{}` is being trained by another process", .path.display())]
    InUse {
        /// The run's folder.
        path: PathBuf,
    },
    /// The checkpoint is of another run.
    #[error("`{}` belongs to another {what}", .path.display())]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        what: &'static str,
    },
}

impl From<ConfigError> for TrainError {
    fn from(error: ConfigError) -> Self {
        Self::Bundle(error.into())
    }
}

impl From<ModalityError> for TrainError {
    fn from(error: ModalityError) -> Self {
        Self::Bundle(error.into())
    }
}

impl From<WriteError> for TrainError {
    fn from(error: WriteError) -> Self {
        Self::Bundle(error.into())
    }
}

impl From<WeightsError> for TrainError {
    fn from(error: WeightsError) -> Self {
        Self::Bundle(error.into())
    }
}

impl Hint for TrainError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Bundle(error) => error.hint(),
            Self::Cache(_) => Some("delete this file: what it holds is encoded again".to_owned()),
            Self::Table(error) => error.hint(),
            Self::Folder { .. } => None,
            Self::NothingToResume { .. } => {
                Some("name the folder of a run, or start again without `--resume`".to_owned())
            }
            Self::InUse { .. } => Some("wait for it to end, or stop it first".to_owned()),
            Self::Diverged { .. } => Some("lower `trainer.learning_rate`".to_owned()),
            Self::NothingReadable { .. } => Some("see the rows listed as left out".to_owned()),
            Self::NothingToWatch { .. } => Some(
                "the best epoch is chosen by them: split so that validation holds truths, such as \
                 by `split: {type: stratify}`, or watch another `trainer.validation_field`"
                    .to_owned(),
            ),
            Self::OtherRun { .. } => Some(
                "give the config, dataset, files and seed that the run was started with".to_owned(),
            ),
        }
    }
}
