//! The config that a command is given.

use std::fs;
use std::path::Path;

use sensorium_bundle::{BundleError, Config, config};
use sensorium_core::Seed;
use sensorium_table::Table;

use crate::failure::Failure;

/// Reads and resolves a config, with what `--set` says laid over it.
pub(super) fn read_config(
    path: &Path,
    assignments: &[String],
    seed: Seed,
    table: &Table,
) -> Result<Config, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|source| BundleError::Read { path: path.to_owned(), source })?;
    let in_file = |error: BundleError| Failure::from(error).in_file(path);
    let mut written = config::parse_yaml(&text).map_err(in_file)?;
    for assignment in assignments {
        let (key, value) = assignment.split_once('=').ok_or_else(|| {
            Failure::new(
                format!("`--set {assignment}` is not KEY=VALUE"),
                Some("such as `--set combiner.type=concat`"),
            )
        })?;
        config::set(&mut written, key, value)?;
    }
    Config::resolve(written, table, seed).map_err(in_file)
}
