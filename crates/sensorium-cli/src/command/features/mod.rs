//! `sensorium features`: what a model sees of a table or of one row.

mod arrays;
mod plot;
mod summary;

use std::ops::ControlFlow;
use std::process::ExitCode;

use sensorium_bundle::{Config, Fitted, Predictor};
use sensorium_core::Seed;
use sensorium_modality::LeftOutRow;
use sensorium_modality::pipeline::{PipelineLimits, RowFeatures};
use sensorium_table::{Table, split};

use super::left_out::{self, LeftOut};
use super::one_row::one_row;
use super::read_config::read_config;
use super::{bundle_path, note_lost_output, print, read_table_at};
use crate::arguments::{FeaturesArguments, OnError};
use crate::failure::Failure;
use crate::signals;
use arrays::Arrays;
use plot::Plots;
use summary::Summary;

/// Rows that are read together.
const BATCH: usize = 32;

pub(super) fn run(arguments: &FeaturesArguments) -> Result<ExitCode, Failure> {
    signals::end_cleanly();
    let on_error = arguments.on_error.on_error;
    if arguments.output.is_none() && arguments.plot.is_none() {
        note_lost_output();
    }
    let table = match &arguments.dataset {
        Some(path) => {
            let media_root = arguments.media_root.as_deref();
            Some(read_table_at(path, media_root, &arguments.dialect, on_error)?)
        }
        None => None,
    };
    let (config, fitted) = preprocessing(arguments, table.as_ref())?;
    let given = (!arguments.input.is_empty())
        .then(|| one_row(&config.input_features, &arguments.input))
        .transpose()?;
    let rows = given.or(table).expect("the arguments ask for a table or for a row");
    let limit = arguments.limit.unwrap_or(usize::MAX);
    let shown = Inputs { config: &config, fitted: &fitted };
    let mut arrays = match &arguments.output {
        Some(path) => Some(Arrays::create(path, shown)?),
        None => None,
    };
    let plots = arguments.plot.as_deref().map(|folder| Plots::create(folder, shown)).transpose()?;
    let mut summary = Summary::new(shown);
    let left_out = for_each_row(shown, &rows, (limit, on_error), |row| {
        summary.add(row);
        arrays.as_mut().map_or(Ok(()), |arrays| arrays.add(row))?;
        plots.as_ref().map_or(Ok(()), |plots| plots.add(row))
    })?;
    arrays.map_or(Ok(()), Arrays::finish)?;
    let list = arguments.output.as_deref().map(left_out::beside);
    if let Some(list) = &list {
        left_out::write(list, &left_out, on_error)?;
    }
    left_out::tell(&left_out, list.as_deref());
    print(&summary.shown())?;
    Ok(ExitCode::SUCCESS)
}

/// The inputs and what was fitted to each.
#[derive(Clone, Copy)]
struct Inputs<'a> {
    config: &'a Config,
    fitted: &'a Fitted,
}

/// A bundle's preprocessing, or a config's, fitted on the table's train rows.
fn preprocessing(
    arguments: &FeaturesArguments,
    table: Option<&Table>,
) -> Result<(Config, Fitted), Failure> {
    if let Some(path) = &arguments.model_path {
        let predictor = Predictor::open(&bundle_path(path))?;
        return Ok((predictor.config().clone(), predictor.fitted().clone()));
    }
    let (path, table) = arguments.config.as_ref().zip(table).expect("a config requires a table");
    let config = read_config(path, &arguments.set, Seed::new(arguments.random_seed), table)?;
    let splits = split(table, &config.split, config.random_seed.derive("split"))?;
    let fitted = Fitted::fit(&config, table, &splits.train)?;
    Ok((config, fitted))
}

/// Hands the features of the first `limit` rows to `each`, in the table's order; a row left out keeps
/// its place, with every input absent.
fn for_each_row(
    inputs: Inputs<'_>,
    table: &Table,
    (limit, on_error): (usize, OnError),
    mut each: impl FnMut(&RowFeatures) -> Result<(), Failure>,
) -> Result<LeftOut, Failure> {
    let source = inputs.fitted.features(inputs.config, table)?;
    let rows: Vec<usize> = (0..table.num_rows().min(limit)).collect();
    let batches: Vec<Vec<usize>> = rows.chunks(BATCH).map(<[usize]>::to_vec).collect();
    let (mut left_out, mut next) = (LeftOut::new(), 0);
    let flow = source.for_each_batch(&batches, PipelineLimits::default(), |results, _| {
        for result in results {
            let row = next;
            next += 1;
            let done = match (result, on_error) {
                (Ok(features), _) => each(&features),
                (Err(error), OnError::Stop) => Err(error.into()),
                (Err(error), OnError::Skip) => {
                    left_out.insert(row, LeftOutRow::new(row, &error));
                    each(&RowFeatures { row, features: vec![None; inputs.fitted.inputs.len()] })
                }
            };
            if let Err(failure) = done {
                return ControlFlow::Break(failure);
            }
        }
        ControlFlow::Continue(())
    });
    flow.break_value().map_or(Ok(left_out), Err)
}
