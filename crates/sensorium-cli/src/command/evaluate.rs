//! `sensorium evaluate`.

use std::process::ExitCode;

use sensorium_bundle::Predictor;
use sensorium_modality::pipeline::DEFAULT_CACHE_BYTES;
use sensorium_table::atomic::write_atomically;
use sensorium_table::{Table, split};
use sensorium_train::{Readable, report};

use super::{bundle_path, note_left_out, note_subsets, print, read_table};
use crate::arguments::{EvaluateArguments, Part};
use crate::failure::{self, Failure};
use crate::{signals, statistics, terminal};

pub(super) fn run(arguments: &EvaluateArguments) -> Result<ExitCode, Failure> {
    signals::end_cleanly();
    if arguments.output_directory.is_none() {
        terminal::check_stdout("name a folder with `--output_directory`")?;
    }
    let predictor = Predictor::open(&bundle_path(&arguments.model.model_path))?;
    let table = read_table(&arguments.table)?;
    let rows = rows(&predictor, &table, arguments.split)?;
    let source = predictor.features(&table)?.with_cache(table.num_rows(), DEFAULT_CACHE_BYTES);
    let on_error = arguments.on_error.on_error.into();
    let (config, fitted) = (predictor.config(), predictor.fitted());
    let readable = Readable::read(config, fitted, (&table, &source), &rows, on_error)?;
    note_left_out(&readable.left_out);
    let rows: Vec<usize> =
        rows.into_iter().filter(|row| !readable.left_out.contains_key(row)).collect();
    note_subsets(config.input_features.len());
    let statistics = report(&predictor, &source, &readable, &rows)?;
    if let Some(folder) = &arguments.output_directory {
        std::fs::create_dir_all(folder).map_err(|error| failure::output(&error))?;
        let json = serde_json::to_vec_pretty(&statistics).expect("statistics are JSON");
        write_atomically(&folder.join("test_statistics.json"), &json)?;
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
