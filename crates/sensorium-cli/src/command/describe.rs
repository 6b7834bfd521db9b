//! `sensorium describe`.

use std::process::ExitCode;

use comfy_table::{Table, presets};
use sensorium_modality::infer;

use super::{print, read_table};
use crate::arguments::DescribeArguments;
use crate::failure::Failure;

pub(super) fn run(arguments: &DescribeArguments) -> Result<ExitCode, Failure> {
    let table = read_table(&arguments.table)?;
    let mut shown = Table::new();
    shown
        .load_preset(presets::NOTHING)
        .set_width(80)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    shown.set_header(["column", "type", "missing", "because"]);
    for summary in table.summaries() {
        let guess = infer(&summary);
        shown.add_row([
            summary.name.to_string(),
            guess.modality.to_owned(),
            summary.missing.to_string(),
            guess.because,
        ]);
    }
    print(&format!("{} rows\n\n{shown}", table.num_rows()))?;
    Ok(ExitCode::SUCCESS)
}
