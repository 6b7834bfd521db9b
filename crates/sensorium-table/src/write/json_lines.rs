//! JSON Lines (<https://jsonlines.org>): every line has every column; a missing cell is `null`.

use std::io;

use serde_json::{Map, Value};

use super::{OutputCell, OutputType, Sink, write_line};
use crate::atomic::AtomicFile;

#[derive(Debug)]
struct JsonLinesSink {
    file: AtomicFile,
    names: Vec<String>,
}

#[expect(clippy::unnecessary_wraps, reason = "the list of formats has one signature")]
pub(super) fn open(
    file: AtomicFile,
    columns: &[(String, OutputType)],
) -> io::Result<Box<dyn Sink>> {
    let names = columns.iter().map(|(name, _)| name.clone()).collect();
    Ok(Box::new(JsonLinesSink { file, names }))
}

impl Sink for JsonLinesSink {
    fn write(&mut self, rows: &[Vec<OutputCell>]) -> io::Result<()> {
        for row in rows {
            let cells = self.names.iter().cloned().zip(row.iter().map(OutputCell::to_json));
            let object = Value::Object(cells.collect::<Map<_, _>>());
            write_line(&mut self.file, &serde_json::to_vec(&object)?)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<AtomicFile> {
        Ok(self.file)
    }
}
