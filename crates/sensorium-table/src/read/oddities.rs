//! Quotation marks of a CSV file that are allowed, and that a person should look at.

use std::path::Path;

use super::quotes::QuotedCell;
use crate::TableError;

/// A cell in quotation marks that runs over more lines than this deserves a look.
const MANY_LINES: u64 = 100;

/// Cells in quotation marks that were read, and that a person should look at.
#[derive(Debug, Default)]
pub(super) struct Oddities {
    long: Vec<QuotedCell>,
    with_text_after: Vec<QuotedCell>,
}

impl Oddities {
    pub(super) fn add(&mut self, cell: QuotedCell) {
        if cell.has_text_after {
            self.with_text_after.push(cell);
        } else if cell.looks_like_rows || cell.closed - cell.opened > MANY_LINES {
            self.long.push(cell);
        }
    }

    /// A name may run over lines, but not into text after its mark.
    pub(super) fn add_name(&mut self, path: &Path, cell: QuotedCell) -> Result<(), TableError> {
        if cell.has_text_after && cell.closed > cell.opened {
            let QuotedCell { opened, closed, .. } = cell;
            let problem = format!(
                "a quotation mark opens in line {opened} and closes in line {closed}, before more \
                 text"
            );
            return Err(TableError::Header { path: path.to_owned(), problem });
        }
        if cell.closed > cell.opened {
            self.long.push(cell);
        } else {
            self.add(cell);
        }
        Ok(())
    }

    pub(super) fn remarks(&self) -> Vec<String> {
        let of = |cells: &[QuotedCell], shown: &dyn Fn(QuotedCell) -> String| {
            let more = match cells.len() {
                0 | 1 => String::new(),
                count => format!(" ({count} cells like it)"),
            };
            cells.first().map(|&first| format!("{}{more}", shown(first)))
        };
        let long = of(&self.long, &|QuotedCell { opened, closed, .. }| {
            format!(
                "one cell runs from line {opened} to line {closed}; is its quotation mark closed \
                 where it should be?"
            )
        });
        let with_text_after = of(&self.with_text_after, &|QuotedCell { opened, .. }| {
            format!(
                "a cell in line {opened} has text after its closing quotation mark; the marks are \
                 not read as part of it"
            )
        });
        long.into_iter().chain(with_text_after).collect()
    }
}
