//! What stands between the cells of a CSV file: what was asked for, what its first line says
//! (`sep=;`), or what makes several columns of a header that is one column by the usual comma.

use std::io;

use super::source::{Bytes, peeked};
use crate::Delimiter;

/// How much of a file is looked at.
const LOOKED_AT: usize = 1 << 16;
/// What is tried, in this order where two make as many columns.
const TRIED: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A file and its separator.
pub(super) struct Separated {
    pub(super) text: Bytes,
    pub(super) delimiter: u8,
    /// What was found otherwise than usual, for the user to see.
    pub(super) remark: Option<String>,
}

/// Finds the separator of a file that usually has `usual`.
pub(super) fn find(text: Bytes, usual: u8, asked: Option<Delimiter>) -> io::Result<Separated> {
    let (first, mut text) = peeked(text, LOOKED_AT)?;
    let said = said_by_excel(&first);
    if said.is_some() {
        // The line break stays, so that lines are counted as they are.
        io::copy(&mut io::Read::take(&mut text, 5), &mut io::sink())?;
    }
    let found = match (asked, said) {
        (Some(Delimiter(asked)), _) => {
            return Ok(Separated { text, delimiter: asked, remark: None });
        }
        (None, Some(said)) => said,
        (None, None) => found_in(&first, usual),
    };
    let remark = (found != usual).then(|| {
        format!(
            "cells are read as separated by `{}`, as the header is; `--delimiter` says otherwise",
            Delimiter(found)
        )
    });
    Ok(Separated { text, delimiter: found, remark })
}

/// The first line that Excel writes for itself, `sep=;`.
fn said_by_excel(first: &[u8]) -> Option<u8> {
    match first {
        [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', said, b'\r' | b'\n', ..] => Some(*said),
        _ => None,
    }
}

/// What makes the most columns of a header that is one column by `usual`, if the first row has as
/// many.
fn found_in(first: &[u8], usual: u8) -> u8 {
    if columns(first, usual).is_none_or(|columns| columns.header != 1) {
        return usual;
    }
    let is_whole = |columns: &Columns| columns.row.is_none_or(|row| row == columns.header);
    let tried = TRIED.into_iter().filter(|tried| *tried != usual);
    let fitting = tried.filter_map(|tried| Some((tried, columns(first, tried).filter(is_whole)?)));
    let several = fitting.filter(|(_, columns)| columns.header > 1);
    // `max_by_key` would give the last of equals.
    several
        .reduce(|best, next| if next.1.header > best.1.header { next } else { best })
        .map_or(usual, |(found, _)| found)
}

/// How many cells the header and the first row have.
struct Columns {
    header: usize,
    row: Option<usize>,
}

fn columns(first: &[u8], delimiter: u8) -> Option<Columns> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(first);
    let mut record = csv::ByteRecord::new();
    let mut next = || {
        let is_read = reader.read_byte_record(&mut record).unwrap_or(false);
        // A record that reaches the end of what is looked at may go on.
        let end = first.len() as u64;
        let is_whole = reader.position().byte() < end || first.len() < LOOKED_AT;
        (is_read && is_whole).then(|| record.len())
    };
    Some(Columns { header: next()?, row: next() })
}
