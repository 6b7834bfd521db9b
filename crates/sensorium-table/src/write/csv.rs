//! CSV (RFC 4180) with a header, in UTF-8; a missing cell is empty and a list is a JSON array.

use std::io;

use super::{OutputCell, OutputType, Sink};
use crate::atomic::AtomicFile;
use crate::storage::text_from_number;

#[derive(Debug)]
struct CsvSink {
    writer: csv::Writer<AtomicFile>,
}

pub(super) fn open(
    file: AtomicFile,
    columns: &[(String, OutputType)],
) -> io::Result<Box<dyn Sink>> {
    let mut writer = csv::Writer::from_writer(file);
    writer.write_record(columns.iter().map(|(name, _)| name)).map_err(csv_error)?;
    Ok(Box::new(CsvSink { writer }))
}

impl Sink for CsvSink {
    fn write(&mut self, rows: &[Vec<OutputCell>]) -> io::Result<()> {
        for row in rows {
            self.writer.write_record(row.iter().map(text)).map_err(csv_error)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<AtomicFile> {
        self.writer.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

/// The disk's own error, which says whether it is full.
fn csv_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(disk) => disk,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn text(cell: &OutputCell) -> String {
    match cell {
        OutputCell::Missing => String::new(),
        OutputCell::Text(text) => text.clone(),
        OutputCell::Number(number) => text_from_number(*number),
        OutputCell::Integer(_) | OutputCell::NumberList(_) | OutputCell::Vector(_) => {
            cell.to_json().to_string()
        }
    }
}
