//! `sensorium evaluate`.

use std::process::ExitCode;

use sensorium_bundle::Predictor;
use sensorium_modality::pipeline::DEFAULT_CACHE_BYTES;
use sensorium_table::atomic::write_atomically;
use sensorium_table::{Table, split};
use sensorium_train::{Readable, report};

use super::{bundle_path, left_out, print, read_table};
use crate::arguments::{EvaluateArguments, Part};
use crate::failure::{self, Failure};
use crate::statistics;

pub(super) fn run(arguments: &EvaluateArguments) -> Result<ExitCode, Failure> {
    let predictor = Predictor::open(&bundle_path(&arguments.model.model_path))?;
    let table = read_table(&arguments.table, arguments.on_error.on_error)?;
    let rows = rows(&predictor, &table, arguments.split)?;
    let source = predictor.features(&table)?.with_cache(table.num_rows(), DEFAULT_CACHE_BYTES);
    let on_error = arguments.on_error.on_error.into();
    let (config, fitted) = (predictor.config(), predictor.fitted());
    let readable = Readable::read(config, fitted, (&table, &source), &rows, on_error)?;
    let list = arguments.output_directory.as_ref().map(|folder| folder.join(left_out::FILE));
    left_out::tell(&readable.left_out, list.as_deref());
    let rows: Vec<usize> =
        rows.into_iter().filter(|row| !readable.left_out.contains_key(row)).collect();
    let statistics = report(&predictor, &source, &readable, &rows)?;
    if let Some(folder) = &arguments.output_directory {
        std::fs::create_dir_all(folder).map_err(|error| failure::output(&error))?;
        let json = serde_json::to_vec_pretty(&statistics).map_err(|e| failure::output(&e))?;
        write_atomically(&folder.join("test_statistics.json"), &json)?;
        let file = folder.join(left_out::FILE);
        left_out::write(&file, &readable.left_out, arguments.on_error.on_error)?;
    }
    print(&statistics::shown(&statistics, predictor.config()))?;
    Ok(ExitCode::SUCCESS)
}

fn rows(predictor: &Predictor, table: &Table, part: Part) -> Result<Vec<usize>, Failure> {
    if matches!(part, Part::Full) {
        return Ok((0..table.num_rows()).collect());
    }
    let config = predictor.config();
    let splits = split(table, &config.split, config.random_seed.derive("split"))?;
    Ok(match part {
        Part::Training => splits.train.indices().to_vec(),
        Part::Validation => splits.validation,
        Part::Test | Part::Full => splits.test,
    })
}
