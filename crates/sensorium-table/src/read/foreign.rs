//! Files that are something else than their name says, told by their first bytes.

use std::path::Path;

use crate::TableError;

/// How many first bytes [`check`] looks at.
pub(super) const FIRST_BYTES: usize = 64;

/// What else a file may be, its first bytes, the extensions that may begin so, and what to do.
const KINDS: &[(&str, &[u8], &[&str], &str)] = &[
    ("a Parquet file", b"PAR1", &["parquet"], "name it `.parquet`"),
    ("an Arrow file", b"ARROW1\0\0", &["arrow", "feather"], "name it `.arrow`"),
    ("a zip archive or a workbook", b"PK\x03\x04", &["xlsx"], "unpack it, or name it `.xlsx`"),
    ("a workbook in Excel's old format", b"\xd0\xcf\x11\xe0", &[], "save it as `.xlsx`"),
    ("a Feather file of version 1", b"FEA1", &[], "write it as version 2 or as Parquet"),
    ("an SQLite database", b"SQLite format 3\0", &[], "export the table as CSV"),
    ("an HDF5 file", b"\x89HDF", &[], "write the table as Parquet"),
    ("a PDF document", b"%PDF-", &[], "export the table as CSV"),
    (
        "a pointer of Git LFS and not the file itself",
        b"version https://git-lfs",
        &[],
        "fetch the file with `git lfs pull`",
    ),
    ("a web page", b"<!doctype html", &[], "download the file itself"),
    ("a web page", b"<html", &[], "download the file itself"),
];

/// Refuses a file that is plainly of another kind.
pub(super) fn check(path: &Path, first: &[u8]) -> Result<(), TableError> {
    let extension = super::format::table_extension(path).unwrap_or_default();
    let is_so = |(_, start, ..): &&(&str, &[u8], &[&str], &str)| {
        first.get(..start.len()).is_some_and(|first| first.eq_ignore_ascii_case(start))
    };
    match KINDS.iter().find(is_so) {
        Some((kind, _, own, advice)) if !own.contains(&extension.as_str()) => {
            Err(TableError::OtherKind { path: path.to_owned(), kind, advice })
        }
        _ => Ok(()),
    }
}
