//! Rows that `--on_error skip` left out: the first few on the terminal, all of them in a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sensorium_modality::LeftOutRow;
use sensorium_table::atomic::write_atomically;

use super::note;
use crate::arguments::OnError;
use crate::failure::{self, Failure};

/// The rows of a table that were left out, by index.
pub(super) type LeftOut = BTreeMap<usize, LeftOutRow>;

/// The name of the file in a run's folder.
pub(super) const FILE: &str = "left_out.jsonl";

/// The file beside an output: `predictions.left_out.jsonl` for `predictions.parquet`.
pub(super) fn beside(output: &Path) -> PathBuf {
    output.with_extension(FILE)
}

/// Writes one object a row: its number from 1, its line and column where they are known, and the
/// reason. The file is written though nothing was left out, so that none of an earlier run stays;
/// without `skip` there is none.
pub(super) fn write(path: &Path, left_out: &LeftOut, on_error: OnError) -> Result<(), Failure> {
    if matches!(on_error, OnError::Stop) {
        return Ok(());
    }
    let mut lines = Vec::new();
    for row in left_out.values() {
        serde_json::to_writer(&mut lines, row).map_err(|error| failure::output(&error))?;
        lines.push(b'\n');
    }
    Ok(write_atomically(path, &lines)?)
}

/// Lists the first few rows, and says where all of them are.
pub(super) fn tell(left_out: &LeftOut, file: Option<&Path>) {
    const SHOWN: usize = 10;
    if left_out.is_empty() {
        return;
    }
    let listed = file.map_or_else(String::new, |file| format!(", listed in {}", file.display()));
    note(&format!("{} rows left out{listed}:", left_out.len()));
    for reason in left_out.values().take(SHOWN) {
        note(&format!("  {reason}"));
    }
    if left_out.len() > SHOWN {
        note(&format!("  and {} more", left_out.len() - SHOWN));
    }
}
