//! `sensorium evaluate`.

use std::process::ExitCode;

use sensorium_bundle::Predictor;
use sensorium_core::ColumnName;
use sensorium_modality::pipeline::DEFAULT_CACHE_BYTES;
use sensorium_table::atomic::write_atomically;
use sensorium_table::{Table, TableError, parts};
use sensorium_train::{Readable, report};

use super::{bundle_path, left_out, note, note_lost_output, note_subsets, print, read_table};
use crate::arguments::{EvaluateArguments, Part};
use crate::failure::{self, Failure};
use crate::{remarks, signals, statistics};

pub(super) fn run(arguments: &EvaluateArguments) -> Result<ExitCode, Failure> {
    signals::end_cleanly();
    if arguments.output_directory.is_none() {
        note_lost_output();
    }
    let predictor = Predictor::open(&bundle_path(&arguments.model.model_path))?;
    let table = read_table(&arguments.table, arguments.on_error.on_error)?;
    let chosen = Chosen::of(&predictor, &table, arguments.split)?;
    let source = predictor.features(&table)?.with_cache(table.num_rows(), DEFAULT_CACHE_BYTES);
    let on_error = arguments.on_error.on_error.into();
    let (config, fitted) = (predictor.config(), predictor.fitted());
    let readable = Readable::read(config, fitted, (&table, &source), &chosen.rows, on_error)?;
    let list = arguments.output_directory.as_ref().map(|folder| folder.join(left_out::FILE));
    left_out::tell(&readable.left_out, list.as_deref());
    let is_judged = |row: &usize| !readable.left_out.contains_key(row);
    let rows: Vec<usize> = chosen.rows.into_iter().filter(is_judged).collect();
    for remark in remarks::of_unseen(&readable.unseen, config, &rows, "judged") {
        note(&remark);
    }
    note_subsets(config.input_features.len());
    let statistics = report(&predictor, &source, &readable, &rows)?;
    if let Some(folder) = &arguments.output_directory {
        std::fs::create_dir_all(folder).map_err(|error| failure::output(&error))?;
        let json = serde_json::to_vec_pretty(&statistics).expect("statistics are JSON");
        write_atomically(&folder.join("test_statistics.json"), &json)?;
        let file = folder.join(left_out::FILE);
        left_out::write(&file, &readable.left_out, arguments.on_error.on_error)?;
    }
    let (judged, all, which) = (rows.len(), table.num_rows(), chosen.which);
    let shown = statistics::shown(&statistics, predictor.config());
    print(&format!("{shown}\n\n{judged} of {all} rows judged: {which}"))?;
    Ok(ExitCode::SUCCESS)
}

/// The rows to be judged, and which those are, in words.
struct Chosen {
    rows: Vec<usize>,
    which: String,
}

impl Chosen {
    fn of(predictor: &Predictor, table: &Table, part: Part) -> Result<Self, Failure> {
        let config = predictor.config();
        let wanted = match part {
            Part::Full => return Ok(Self::all(table, "the whole table".to_owned())),
            Part::Training => sensorium_table::Part::Train,
            Part::Validation => sensorium_table::Part::Validation,
            Part::Test => sensorium_table::Part::Test,
        };
        if let Some(column) = config.split.column()
            && let Err(TableError::UnknownColumn { .. }) = table.column(&ColumnName::from(column))
        {
            let which = format!("the whole table, which has no column `{column}` to split by");
            return Ok(Self::all(table, which));
        }
        let parts = parts(table, &config.split, config.random_seed.derive("split"))?;
        let rows = parts.iter().enumerate().filter(|(_, its)| **its == wanted);
        let rows: Vec<usize> = rows.map(|(row, _)| row).collect();
        if rows.is_empty() {
            let message = format!("the table has no {wanted} row, split {}", config.split);
            return Err(Failure::new(message, Some("`--split full` judges all rows")));
        }
        let which = format!("the {wanted} rows, split {}", config.split);
        Ok(Self { rows, which })
    }

    fn all(table: &Table, which: String) -> Self {
        Self { rows: (0..table.num_rows()).collect(), which }
    }
}
