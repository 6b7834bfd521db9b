//! `sensorium describe`.

use std::process::ExitCode;

use comfy_table::{Table, presets};
use sensorium_core::text::shown_up_to;
use sensorium_modality::infer;
use sensorium_table::ColumnSummary;

use super::{note_lost_output, print, read_table};
use crate::arguments::{DescribeArguments, OnError};
use crate::failure::Failure;

pub(super) fn run(arguments: &DescribeArguments) -> Result<ExitCode, Failure> {
    note_lost_output();
    let table = read_table(&arguments.table, OnError::Stop)?;
    let mut shown = Table::new();
    shown
        .load_preset(presets::NOTHING)
        .set_width(80)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    shown.set_header(["column", "type", "missing", "because"]);
    for summary in table.summaries() {
        shown.add_row(row(&summary));
    }
    print(&format!("{} rows\n\n{shown}", table.num_rows()))?;
    Ok(ExitCode::SUCCESS)
}

fn row(summary: &ColumnSummary) -> [String; 4] {
    let name = summary.name.shown().into_owned();
    if let Some(kind) = &summary.unread_type {
        let because = format!("cells are of the type {kind}");
        return [name, "not read".to_owned(), "-".to_owned(), because];
    }
    let guess = infer(summary);
    let words = summary.missing_words.iter().map(|(word, count)| format!("`{word}` {count}"));
    let words: Vec<String> = words.collect();
    let missing = match words.as_slice() {
        [] => summary.missing.to_string(),
        words => format!("{} ({})", summary.missing, words.join(", ")),
    };
    [name, guess.modality.to_owned(), missing, shown_up_to(&guess.because, 300).into_owned()]
}
