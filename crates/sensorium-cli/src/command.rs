//! The subcommands, one file each.

mod components;
mod describe;
mod embed;
mod evaluate;
mod features;
mod one_row;
mod predict;
mod read_config;
mod train;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sensorium_table::Table;

use crate::arguments::{Arguments, Command, OnError, TableArguments};
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
        Command::Describe(arguments) => only_printed().and_then(|()| describe::run(&arguments)),
        Command::Components => only_printed().and_then(|()| components::run()),
    }
}

/// Checks that what a command prints goes somewhere, where it goes nowhere else.
fn only_printed() -> Result<(), Failure> {
    terminal::check_stdout("let standard output lead to a terminal or a file")
}

fn read_table(arguments: &TableArguments) -> Result<Table, Failure> {
    Ok(Table::read(&arguments.dataset, arguments.media_root.as_deref())?)
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

/// Lists rows that were left out, the first few in full.
fn note_left_out(left_out: &std::collections::BTreeMap<usize, String>) {
    const SHOWN: usize = 10;
    if left_out.is_empty() {
        return;
    }
    note(&format!("{} rows left out:", left_out.len()));
    for reason in left_out.values().take(SHOWN) {
        note(&format!("  {reason}"));
    }
    if left_out.len() > SHOWN {
        note(&format!("  and {} more", left_out.len() - SHOWN));
    }
}
