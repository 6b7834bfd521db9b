//! One file that is enough to predict: config, fitted preprocessing, weights and report.
//!
//! [`Config`] is what a model was asked to be, [`Fitted`] what its preprocessing learned from the
//! train rows, [`Predictor`] both with the model's weights. Nothing here knows the training loop.

#[cfg(test)]
mod altered;
mod calibration;
pub mod config;
mod embed;
mod error;
mod file;
mod fitted;
mod numbers;
mod predict;
mod prior;
pub mod sealed;
mod unseen;

pub use calibration::{Calibration, LogitWeights};
pub use config::Config;
pub use embed::Embedder;
pub use error::BundleError;
pub use file::{Bundle, FORMAT_VERSION};
pub use fitted::Fitted;
pub use numbers::{check_numbers, check_weight};
pub use predict::{Answers, OutputScores, Prediction, Predictor, RowPrediction, loss_values};
pub use unseen::UnseenLabels;
