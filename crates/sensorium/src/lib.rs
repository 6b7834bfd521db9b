//! Load a bundle and predict: what a Rust program depends on.
//!
//! `sensorium train` writes the bundle; it is one file and enough to predict. Every input of the
//! model may be absent, in the table's columns or in single cells.
//!
//! ```
//! use sensorium::{Predictor, Table};
//! # use sensorium_train::{
//! #     Begin, Checkpoint, OnError, Outcome, Plan, Readable, RunIdentity, Silent, Training,
//! # };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let [model, new] = ["model.safetensors", "new.csv"].map(|name| folder.path().join(name));
//! # let rows = (0..60).map(|row| format!("{row},{}\n", ["low", "high"][row % 2]));
//! # std::fs::write(&new, format!("size,level\n{}", rows.collect::<String>()))?;
//! # let yaml = "{input_features: [{name: size, type: number}], trainer: {epochs: 1}, \
//! #     output_features: [{name: level, type: category}]}";
//! # let table = Table::read(&new, None)?;
//! # let written = sensorium_bundle::config::parse_yaml(yaml)?;
//! # let config = sensorium::Config::resolve(written, &table, sensorium::Seed::new(1))?;
//! # let plan = Plan::new(config, &table)?;
//! # let run = RunIdentity::new(&plan, &table)?;
//! # let source = plan.fitted.features(&plan.config, &table)?;
//! # let cells = (&table, &source);
//! # let readable =
//! #     Readable::read(&plan.config, &plan.fitted, cells, &plan.rows(), OnError::Stop)?;
//! # let checkpoint = Checkpoint::new(folder.path().join("checkpoint"), run);
//! # let training = Training::new(&plan, &source, &readable, &checkpoint)?;
//! # let Outcome::Finished { predictor, .. } = training.run(Begin::Anew, &mut Silent)? else {
//! #     unreachable!("nobody asks it to stop")
//! # };
//! # predictor.into_bundle(serde_json::Value::Null).write(&model)?;
//! let predictor = Predictor::open(&model)?;
//! let table = Table::read(&new, None)?;
//! for row in predictor.predict(&table)? {
//!     println!("{row:?}");
//! }
//! # assert_eq!(predictor.predict(&table)?.len(), 60);
//! # Ok(())
//! # }
//! ```

pub use sensorium_bundle::{
    Bundle, BundleError, Config, Fitted, Prediction, Predictor, RowPrediction,
};
pub use sensorium_core::{ColumnName, Hint, Seed};
pub use sensorium_table::{Table, TableError, Value};
