//! Load a bundle and predict: what a Rust program depends on.
//!
//! `sensorium train` writes the bundle; it is one file and enough to predict. Every input of the
//! model may be absent, in the table's columns or in single cells.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use sensorium::{Predictor, Table};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let predictor = Predictor::open(Path::new("results/experiment_run/model.safetensors"))?;
//! let table = Table::read(Path::new("new.csv"), None)?;
//! for row in predictor.predict(&table)? {
//!     println!("{row:?}");
//! }
//! # Ok(())
//! # }
//! ```

pub use sensorium_bundle::{
    Bundle, BundleError, Config, Fitted, Prediction, Predictor, RowPrediction,
};
pub use sensorium_core::{ColumnName, Hint, Seed};
pub use sensorium_table::{Table, TableError, Value};
