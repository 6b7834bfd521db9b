//! `sensorium describe`.

use std::process::ExitCode;

use comfy_table::{Table, presets};
use sensorium_core::text::shown_up_to;
use sensorium_modality::infer;

use super::{print, read_table};
use crate::arguments::{DescribeArguments, OnError};
use crate::failure::Failure;

pub(super) fn run(arguments: &DescribeArguments) -> Result<ExitCode, Failure> {
    let table = read_table(&arguments.table, OnError::Stop)?;
    let mut shown = Table::new();
    shown
        .load_preset(presets::NOTHING)
        .set_width(80)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    shown.set_header(["column", "type", "missing", "because"]);
    for summary in table.summaries() {
        let guess = infer(&summary);
        shown.add_row([
            summary.name.shown().into_owned(),
            guess.modality.to_owned(),
            summary.missing.to_string(),
            shown_up_to(&guess.because, 300).into_owned(),
        ]);
    }
    print(&format!("{} rows\n\n{shown}", table.num_rows()))?;
    Ok(ExitCode::SUCCESS)
}
