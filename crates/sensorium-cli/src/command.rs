//! The subcommands, one file each.

mod components;
mod describe;
mod embed;
mod evaluate;
mod features;
mod left_out;
mod one_row;
mod predict;
mod read_config;
mod train;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sensorium_table::{OnBadRow, ReadOptions, Table};

use crate::arguments::{Arguments, Command, DialectArguments, OnError, TableArguments};
use crate::failure::Failure;
use crate::terminal;

/// The exit code after Ctrl-C, as shells have it: 128 and the signal's number.
pub(crate) const INTERRUPTED: u8 = 130;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    match arguments.command {
        Command::Train(arguments) => train::run(&arguments, train::Predictions::Leave),
        Command::Experiment(arguments) => train::run(&arguments, train::Predictions::Write),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Embed(arguments) => embed::run(&arguments),
        Command::Features(arguments) => features::run(&arguments),
        Command::Describe(arguments) => describe::run(&arguments),
        Command::Components => components::run(),
    }
}

/// Says so where what a command prints, and writes nowhere else, is lost.
fn note_lost_output() {
    if terminal::is_closed() {
        note("standard output is closed: what is printed is lost");
    }
}

fn read_table(arguments: &TableArguments, on_error: OnError) -> Result<Table, Failure> {
    let media_root = arguments.media_root.as_deref();
    read_table_at(&arguments.dataset, media_root, &arguments.dialect, on_error)
}

/// Reads a table, and passes on what its reader remarks.
fn read_table_at(
    path: &Path,
    media_root: Option<&Path>,
    dialect: &DialectArguments,
    on_error: OnError,
) -> Result<Table, Failure> {
    let (media_root, dialect) = (media_root.map(Path::to_owned), dialect.dialect());
    let options = ReadOptions { media_root, on_bad_row: on_error.into(), dialect };
    let table = Table::read_with(path, &options)?;
    for remark in table.remarks() {
        note(&format!("{}: {remark}", path.display()));
    }
    Ok(table)
}

/// The bundle's own path, where its run's folder was given.
fn bundle_path(given: &Path) -> PathBuf {
    if given.is_dir() { given.join("model.safetensors") } else { given.to_owned() }
}

impl From<OnError> for sensorium_train::OnError {
    fn from(on_error: OnError) -> Self {
        match on_error {
            OnError::Stop => Self::Stop,
            OnError::Skip => Self::Skip,
        }
    }
}

impl From<OnError> for OnBadRow {
    fn from(on_error: OnError) -> Self {
        match on_error {
            OnError::Stop => Self::Refuse,
            OnError::Skip => Self::LeaveOut,
        }
    }
}

/// Writes to standard output; a reader that has gone away is no failure.
fn print(text: &str) -> Result<(), Failure> {
    terminal::print(text).map_err(|error| crate::failure::output(&error))
}

fn note(text: &str) {
    terminal::say(text);
}

/// Says so where judging a model means many passes, and which subsets are left out.
fn note_subsets(num_inputs: usize) {
    const MANY: usize = 64;
    let judged = sensorium_train::subsets(num_inputs).len();
    if judged > MANY && num_inputs > sensorium_train::MAX_INPUTS_FOR_ALL_SUBSETS {
        note(&format!(
            "judging {judged} subsets of {num_inputs} inputs, not every one that there is"
        ));
    }
}
