//! What can be wrong with a config, a bundle or the rows given to it.

use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};

use sensorium_core::{ConfigError, Hint};
use sensorium_modality::ModalityError;
use sensorium_model::WeightsError;
use sensorium_model::pretrained::PretrainedError;
use sensorium_table::{TableError, WriteError};

/// Why a config or a bundle was refused, or a row could not be predicted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The table or a cell.
    #[error(transparent)]
    Table(#[from] TableError),
    /// A cell's content.
    #[error(transparent)]
    Modality(#[from] ModalityError),
    /// The config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The weights do not fit the config.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The published weights of an encoder.
    #[error(transparent)]
    Pretrained(#[from] PretrainedError),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The config is not YAML.
    #[error("the config is not valid YAML: {0}")]
    Yaml(String),
    /// The file could not be read.
    #[error("could not read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not a file of this program.
    #[error("`{}` is not a {expected}: {problem}", .path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// The kind of file that was expected.
        expected: &'static str,
        /// What it is instead.
        problem: String,
    },
    /// Shorter than its own header says.
    #[error("`{}` is truncated: it ends after {bytes} bytes", .path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// Written by another version.
    #[error("`{}` has format version {got}, this program reads version {expected}", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version in the file.
        got: u32,
        /// The version that is read.
        expected: u32,
    },
    /// Its content is not what was written.
    #[error("`{}` was altered after it was written: its digest does not match", .path.display())]
    Altered {
        /// The file.
        path: PathBuf,
    },
    /// Its digest fits, but what it holds does not go together.
    #[error("`{}` holds what no training writes: {problem}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it holds, and what was expected.
        problem: String,
    },
    /// None of the model's inputs is in the table.
    #[error("the table has none of the model's inputs: {}", .inputs.join(", "))]
    NoInputs {
        /// The columns that the model reads.
        inputs: Vec<String>,
    },
}

impl BundleError {
    /// What a file holds is nothing that training writes.
    pub fn content(path: &Path, problem: impl Display) -> Self {
        Self::Content { path: path.to_owned(), problem: problem.to_string() }
    }

    /// The same error seen from the section that `key` is in, where it is about the config.
    #[must_use]
    pub(crate) fn under(self, key: &str) -> Self {
        match self {
            Self::Config(error) => Self::Config(error.under(key)),
            other => other,
        }
    }
}

impl Hint for BundleError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Table(error) => error.hint(),
            Self::Modality(error) => error.hint(),
            Self::Config(error) => error.hint(),
            Self::Weights(error) => error.hint(),
            Self::Pretrained(error) => error.hint(),
            Self::Write(error) => error.hint(),
            Self::NotOurs { .. } => Some("`sensorium train` writes `model.safetensors`".to_owned()),
            Self::Truncated { .. } | Self::Altered { .. } | Self::Content { .. } => {
                Some("copy the file again, or train again".to_owned())
            }
            Self::Version { got, expected, .. } if got > expected => {
                Some("a newer sensorium wrote it: upgrade this one".to_owned())
            }
            Self::Version { .. } => Some("train again with this version".to_owned()),
            Self::NoInputs { .. } => Some("any one of them is enough".to_owned()),
            Self::Yaml(_) | Self::Read { .. } => None,
        }
    }
}
