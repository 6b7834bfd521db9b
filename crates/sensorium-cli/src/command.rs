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

use crate::arguments::{Arguments, Command, DialectArguments, OnError, TableArguments};
use crate::failure::Failure;

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

fn read_table(arguments: &TableArguments) -> Result<Table, Failure> {
    read_dataset(&arguments.dataset, arguments.media_root.as_deref(), &arguments.dialect)
}

/// Reads a table, and says what a person should know of how it was read.
fn read_dataset(
    path: &Path,
    media_root: Option<&Path>,
    dialect: &DialectArguments,
) -> Result<Table, Failure> {
    let table = Table::read_as(path, media_root, &dialect.dialect())?;
    table.remarks().iter().for_each(|remark| note(&format!("{}: {remark}", path.display())));
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

/// Writes to standard output; a reader that has gone away is no failure.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(crate::failure::output(&error))
        }
        _ => Ok(()),
    }
}

#[expect(clippy::print_stderr, reason = "this is the command's own output")]
fn note(text: &str) {
    eprintln!("{text}");
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
