//! The config that a command is given.

use std::path::Path;

use sensorium_bundle::{BundleError, Config, config};
use sensorium_core::Seed;
use sensorium_table::Table;
use sensorium_table::regular::read_text_within;
use serde_json::Value;

use crate::failure::Failure;

/// The largest config that is read, in bytes.
const MAX_CONFIG_BYTES: u64 = 4 << 20;

/// Reads and resolves a config, with what `--set` says laid over it.
pub(super) fn read_config(
    path: &Path,
    assignments: &[String],
    seed: Seed,
    table: &Table,
) -> Result<Config, Failure> {
    let written = localised(assigned(read_written(path)?, assignments)?)?;
    Config::resolve(written, table, seed).map_err(|error| in_file(error, path))
}

/// A config as it is written.
pub(super) fn read_written(path: &Path) -> Result<Value, Failure> {
    let text = read_text_within(path, MAX_CONFIG_BYTES)
        .map_err(|source| BundleError::Read { path: path.to_owned(), source })?;
    config::parse_yaml(&text).map_err(|error| in_file(error, path))
}

/// A config with what `--set` says laid over it.
pub(super) fn assigned(mut written: Value, assignments: &[String]) -> Result<Value, Failure> {
    for assignment in assignments {
        let (key, value) = assignment.split_once('=').ok_or_else(|| {
            Failure::new(
                format!("`--set {assignment}` is not KEY=VALUE"),
                Some("such as `--set combiner.type=concat`"),
            )
        })?;
        config::set(&mut written, key, value)?;
    }
    Ok(written)
}

/// A config whose published weights all lie on this machine.
#[cfg(feature = "hub")]
fn localised(mut written: Value) -> Result<Value, Failure> {
    crate::hub::download_named(&mut written)?;
    Ok(written)
}

#[cfg(not(feature = "hub"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature `hub` it can fail")]
fn localised(written: Value) -> Result<Value, Failure> {
    Ok(written)
}

/// Resolves a config that may have no outputs; `path` is where it lies, if anywhere.
pub(super) fn inputs_of(
    written: Value,
    path: Option<&Path>,
    seed: Seed,
    table: &Table,
) -> Result<Config, Failure> {
    let resolved = Config::resolve_inputs(localised(written)?, table, seed);
    resolved.map_err(|error| match path {
        Some(path) => in_file(error, path),
        None => error.into(),
    })
}

fn in_file(error: BundleError, path: &Path) -> Failure {
    Failure::from(error).in_file(path)
}
