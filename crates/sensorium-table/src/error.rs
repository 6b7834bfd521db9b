//! What can be wrong with a table.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sensorium_core::text::{shown, shown_up_to};
use sensorium_core::{CellRef, ColumnName, Hint, nearest};

use crate::read::{NoText, PACKED, UnpacksToTooMuch};
use crate::{BadRow, Part};

/// Why a table, a cell or a split was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The file cannot be opened or read.
    #[error("could not read the table `{}`", .path.display())]
    Read {
        /// The table's file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file's name has no extension of a known format.
    #[error(
        "the table `{}` has {}, but a table is one of {}",
        .path.display(), extension_of(.path), .valid.join(", ")
    )]
    UnknownFormat {
        /// The table's file.
        path: PathBuf,
        /// Every extension that is read.
        valid: Vec<&'static str>,
    },
    /// The names of the columns are not usable.
    #[error("the columns of `{}`: {problem}", .path.display())]
    Header {
        /// The table's file.
        path: PathBuf,
        /// What is wrong with them.
        problem: String,
    },
    /// One row of the file is not a row.
    #[error(transparent)]
    Row(Arc<BadRow>),
    /// A quotation mark of a CSV file is never closed, so that the rest of the file is one cell.
    #[error(
        "the quotation mark that opens in line {line} of `{}` is never closed", .path.display()
    )]
    UnclosedQuote {
        /// The table's file.
        path: PathBuf,
        /// The line of the mark, from 1.
        line: u64,
    },
    /// The table is a folder, a device or a pipe.
    #[error("the table `{}` is {kind}, but a file was expected", .path.display())]
    NotFile {
        /// What was given.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// The file as a whole is not of the format that its extension says.
    #[error("the table `{}` is damaged or not {format}: {problem}", .path.display())]
    Damaged {
        /// The table's file.
        path: PathBuf,
        /// The format, such as `Parquet`.
        format: &'static str,
        /// What does not fit.
        problem: String,
    },
    /// A Parquet file whose compression is not read.
    #[error("the table `{}` is compressed with {codec}, which is not read", .path.display())]
    UnreadCodec {
        /// The table's file.
        path: PathBuf,
        /// The codec.
        codec: &'static str,
    },
    /// A file packed in a way that is not unpacked.
    #[error("the table `{}` is packed with {packing}, which is not read", .path.display())]
    Packed {
        /// The table's file.
        path: PathBuf,
        /// What it is packed with.
        packing: &'static str,
    },
    /// A file that is plainly of another kind than its name says.
    #[error("the table `{}` is {kind}, by its first bytes", .path.display())]
    OtherKind {
        /// The table's file.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
        /// What to do about it.
        advice: &'static str,
    },
    /// A file whose text is in an encoding that is not read, or must be named.
    #[error("the table `{}` {problem}", .path.display())]
    Encoding {
        /// The table's file.
        path: PathBuf,
        /// What is wrong, such as `is UTF-32, which is not read`.
        problem: String,
        /// What to do about it.
        advice: String,
    },
    /// Something is said of how the file is written that does not apply to its format.
    #[error(
        "`{flag}` is given for the table `{}`, but applies to {} alone",
        .path.display(), .extensions.join(", ")
    )]
    NotForFormat {
        /// The table's file.
        path: PathBuf,
        /// The flag.
        flag: &'static str,
        /// The extensions of the files that it applies to.
        extensions: &'static [&'static str],
    },
    /// There is no file to read.
    #[error("could not read the table `{}`: {what}", .path.display())]
    NoFiles {
        /// The folder or the pattern.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
    /// Files of several formats in one folder.
    #[error(
        "the folder `{}` holds files of several kinds, such as `{}` and `{}`",
        .folder.display(), .files[0], .files[1]
    )]
    SeveralFormats {
        /// The folder.
        folder: PathBuf,
        /// Two files of different kinds.
        files: [String; 2],
    },
    /// A file in a folder of class folders that does not lie as the others do.
    #[error("`{}` in `{}` is not {expected}", .odd.display(), .folder.display())]
    OddFolder {
        /// The folder of class folders.
        folder: PathBuf,
        /// The file, relative to it.
        odd: PathBuf,
        /// Where it was expected.
        expected: &'static str,
    },
    /// Two files of one table have different columns.
    #[error(
        "`{}` has a column `{column}`, which `{}` has not", .with.display(), .without.display()
    )]
    ColumnsDiffer {
        /// The column.
        column: ColumnName,
        /// A file that has it.
        with: PathBuf,
        /// A file that has it not.
        without: PathBuf,
    },
    /// No sheet of that name in a workbook.
    #[error("the workbook `{}` has no sheet `{sheet}`", .path.display())]
    NoSheet {
        /// The workbook.
        path: PathBuf,
        /// The name that was asked for.
        sheet: String,
        /// The names that there are.
        valid: Vec<String>,
    },
    /// A number that stands for a class which the file does not name.
    #[error("{place} is {code}, but the file names {classes} classes, from 0")]
    UnknownClass {
        /// The cell and the file.
        place: String,
        /// The number.
        code: i64,
        /// How many classes have a name.
        classes: usize,
    },
    /// Several columns of the file have the name that was asked for.
    #[error("the table has several columns `{column}`")]
    SeveralColumns {
        /// The name.
        column: ColumnName,
    },
    /// More than a stated limit.
    #[error("{what} is {got}, but at most {limit} is allowed")]
    TooMuch {
        /// Which cell, row or file.
        what: String,
        /// Its size with the unit.
        got: String,
        /// The limit with the unit.
        limit: String,
    },
    /// The temporary file for embedded media cannot be written or read.
    #[error("could not keep embedded media in a temporary file")]
    Spill {
        /// What the operating system said.
        source: io::Error,
    },
    /// The media root is not a folder that can be read.
    #[error("the media root `{}` cannot be used", .path.display())]
    MediaRoot {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A row in memory has not one value for each column.
    #[error("row {} has {got} values, but there are {expected} columns", .row + 1)]
    RowLength {
        /// Index of the row, from 0; shown counting from 1.
        row: usize,
        /// Its number of values.
        got: usize,
        /// The number of columns.
        expected: usize,
    },
    /// Two columns in memory share a name.
    #[error("the column `{}` is given twice", .column.shown())]
    DuplicateColumn {
        /// The name.
        column: ColumnName,
    },
    /// No column of that name.
    #[error("the table has no column `{}`", .column.shown())]
    UnknownColumn {
        /// The name that was asked for.
        column: ColumnName,
        /// The names that there are.
        valid: Vec<ColumnName>,
    },
    /// A column whose type cannot be read.
    #[error("column `{}` is of the type {kind}, which is not read", .column.shown())]
    UnsupportedColumn {
        /// The column.
        column: ColumnName,
        /// Its type in the file.
        kind: String,
    },
    /// A cell that should be text holds bytes.
    #[error("{at} holds {got}, but text was expected")]
    NotText {
        /// The cell.
        at: CellRef,
        /// What it holds.
        got: String,
    },
    /// A cell that should be a number is none.
    #[error("{at} is {got}, but a number was expected")]
    NotNumber {
        /// The cell.
        at: CellRef,
        /// What it holds.
        got: String,
    },
    /// A cell is NaN or infinite.
    #[error("{at} is {got}, but a finite number was expected")]
    NotFinite {
        /// The cell.
        at: CellRef,
        /// What it holds.
        got: String,
    },
    /// A cell that should be a path or bytes is something else.
    #[error("{at} is {got}, but the path of a file, or its bytes, was expected")]
    NotMedia {
        /// The cell.
        at: CellRef,
        /// What it holds.
        got: String,
    },
    /// A path leads out of the media root.
    #[error(
        "{at} names `{got}`, which is `{}`, but a path inside the media root `{}` was expected",
        shown_path(.resolved), shown_path(.root)
    )]
    OutsideMediaRoot {
        /// The cell.
        at: CellRef,
        /// The path as written.
        got: String,
        /// Where it leads.
        resolved: Box<Path>,
        /// The folder it may not leave.
        root: Box<Path>,
    },
    /// A path at which there is nothing.
    #[error("{at} names `{got}`, but there is no file `{}`", shown_path(.sought))]
    MediaNotFound {
        /// The cell.
        at: CellRef,
        /// The path as written.
        got: String,
        /// Where it was looked for.
        sought: PathBuf,
    },
    /// A path at which there is something else than a file.
    #[error("{at} names `{got}`, which is {kind}, but a file was expected")]
    MediaNotFile {
        /// The cell.
        at: CellRef,
        /// The path as written.
        got: String,
        /// What is there.
        kind: &'static str,
    },
    /// A file that cannot be read.
    #[error("{at} names `{got}`, which could not be read")]
    MediaRead {
        /// The cell.
        at: CellRef,
        /// The path as written.
        got: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file of no bytes.
    #[error("{at} {got}, but a file with content was expected")]
    MediaEmpty {
        /// The cell.
        at: CellRef,
        /// Which file, such as ``names `a.png`, which is empty``.
        got: String,
    },
    /// A file larger than allowed.
    #[error("{at} {got} of {bytes} bytes, but at most {max_bytes} bytes are allowed")]
    MediaTooLarge {
        /// The cell.
        at: CellRef,
        /// Which file, such as ``names `a.png`, a file``.
        got: String,
        /// Its size in bytes.
        bytes: u64,
        /// The limit in bytes.
        max_bytes: u64,
    },
    /// A cell does not name a part of the split.
    #[error("{at} is {got}, but the split was expected: 0, 1 or 2, or train, validation or test")]
    UnknownPart {
        /// The cell.
        at: CellRef,
        /// What it holds.
        got: String,
    },
    /// A cell that says which rows belong together is missing.
    #[error("{at} is missing, but the group of the row was expected")]
    MissingGroup {
        /// The cell.
        at: CellRef,
    },
    /// A part of the split has no rows.
    #[error(
        "the split {kind} leaves no row for {part}: train {train}, validation {validation}, \
         test {test}"
    )]
    EmptyPart {
        /// The split, such as ``fixed (by column `split`)``.
        kind: String,
        /// The first part without rows.
        part: Part,
        /// Rows in train.
        train: usize,
        /// Rows in validation.
        validation: usize,
        /// Rows in test.
        test: usize,
    },
}

/// A path that a cell had a part in, which can be long and hold anything.
fn shown_path(path: &Path) -> String {
    shown_up_to(&path.display().to_string(), 400).into_owned()
}

fn extension_of(path: &Path) -> String {
    match path.extension() {
        Some(extension) => format!("the extension `{}`", extension.display()),
        None => "no extension".to_owned(),
    }
}

/// What to do about quotation marks that do not stand where cells begin and end.
pub(crate) const QUOTE_ADVICE: &str = "close the mark where its cell ends, or double it (`\"\"`) \
                                       inside a cell in quotes where it belongs to the text";

const MEDIA_ROOT_ADVICE: &str = "paths start at the table's folder, or else at the media root, which \
                                 `--media-root` sets and no path may leave";

impl TableError {
    /// The column that the error is about, where it is one cell's.
    pub fn column(&self) -> Option<&ColumnName> {
        match self {
            Self::Row(row) => row.column.as_ref(),
            Self::NotText { at, .. }
            | Self::NotNumber { at, .. }
            | Self::NotFinite { at, .. }
            | Self::NotMedia { at, .. }
            | Self::OutsideMediaRoot { at, .. }
            | Self::MediaNotFound { at, .. }
            | Self::MediaNotFile { at, .. }
            | Self::MediaRead { at, .. }
            | Self::MediaEmpty { at, .. }
            | Self::MediaTooLarge { at, .. }
            | Self::UnknownPart { at, .. }
            | Self::MissingGroup { at } => Some(&at.column),
            _ => None,
        }
    }

    /// The line of the file that the error is about, from 1, where it is known.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::Row(row) => row.line,
            Self::UnclosedQuote { line, .. } => Some(*line),
            _ => None,
        }
    }
}

impl Hint for TableError {
    fn hint(&self) -> Option<String> {
        let advice = match self {
            Self::Row(row) => return Some(row.advice.clone()),
            Self::Encoding { advice, .. } => return Some(advice.clone()),
            Self::UnknownColumn { column, valid } => return Some(columns_hint(column, valid)),
            Self::UnclosedQuote { .. } => QUOTE_ADVICE,
            Self::NotFile { .. } => "write the rows to a file first, and name that",
            Self::OtherKind { advice, .. } => advice,
            Self::Packed { .. } => "unpack it, or pack it with gzip or Zstandard",
            Self::NoFiles { .. } => {
                "name a table, a folder of tables, a folder of class folders of pictures or sounds, \
                 or a pattern such as 'data/*.parquet'"
            }
            Self::SeveralFormats { .. } => "name files of one kind, such as 'folder/*.csv'",
            Self::OddFolder { .. } => {
                "files lie in class folders (`cat/1.png`), or in those of each part \
                 (`train/cat/1.png`)"
            }
            Self::ColumnsDiffer { .. } => "files that make one table have the same columns",
            Self::NoSheet { valid, .. } => {
                return Some(format!("the sheets are: {}", valid.join(", ")));
            }
            Self::UnknownClass { .. } => "correct the cell, or the names in the file's metadata",
            Self::NotForFormat { .. } => "leave the flag away",
            Self::SeveralColumns { .. } => "give each column a name of its own",
            Self::Read { source, .. } => return read_hint(source),
            Self::UnknownFormat { path, .. } => return Some(format_hint(path)),
            Self::Header { .. } => "give every column a name of its own",
            Self::Damaged { .. } => "write the file again with the program that made it",
            Self::UnreadCodec { .. } => {
                "write it with Snappy, Zstandard, LZ4 or gzip, or uncompressed"
            }
            Self::Spill { .. } => {
                "embedded media are kept on disk while the table is in use: free some space in \
                 the system's temporary folder, or set `TMPDIR` to another folder"
            }
            Self::MediaRoot { .. } => "`--media-root` must name a folder that exists",
            Self::UnsupportedColumn { .. } => {
                "read are text, numbers, booleans, dates, bytes, lists of these, and structs of \
                 `bytes` and `path`"
            }
            Self::NotText { .. } => "declare the column as an image or audio feature",
            Self::NotNumber { got, .. } if is_number_with_marks(got) => {
                "numbers are read as in `1234.5`: leave out the marks between thousands, and where \
                 the decimal mark is a comma say `--decimal ,`"
            }
            Self::NotNumber { .. } => "correct the cell, or declare the column as category or text",
            Self::NotFinite { .. } => "leave the cell empty where its number is not known",
            Self::NotMedia { .. } => "declare the column as a number, category or binary feature",
            Self::MediaNotFound { got, .. } if got.contains("://") => {
                "files are not fetched from the network: download them and name their paths; \
                 paths may not leave the media root, which `--media-root` sets"
            }
            Self::OutsideMediaRoot { .. }
            | Self::MediaNotFound { .. }
            | Self::MediaNotFile { .. }
            | Self::MediaRead { .. } => MEDIA_ROOT_ADVICE,
            Self::MediaEmpty { .. } => {
                "leave the cell empty where there is no file, or restore the file; \
                 its folder is under the media root, which `--media-root` sets"
            }
            Self::MediaTooLarge { .. } => "make the file smaller, or raise the limit",
            Self::UnknownPart { .. } => {
                "every row of a `fixed` split names its part; `random`, `stratify` and `group` \
                 draw the parts themselves"
            }
            Self::MissingGroup { .. } => "fill the column, or split by another one",
            Self::EmptyPart { .. } => "give each of the three parts some rows",
            Self::TooMuch { .. } | Self::RowLength { .. } | Self::DuplicateColumn { .. } => {
                return None;
            }
        };
        Some(advice.to_owned())
    }
}

/// Whether a cell, as it is shown, is digits with marks between them, as in `1,000` or `1 234,5`.
fn is_number_with_marks(got: &str) -> bool {
    let is_mark = |c| matches!(c, ',' | '.' | '\'' | '’' | '_' | ' ' | '\u{a0}' | '\u{202f}');
    let text = got.trim_matches('`').trim().trim_start_matches(['-', '+']);
    text.starts_with(|c: char| c.is_ascii_digit() || is_mark(c))
        && text.contains(is_mark)
        && text.contains(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || is_mark(c))
}

/// What to do where the bytes of a table could not be read.
fn read_hint(source: &io::Error) -> Option<String> {
    let cause = source.get_ref()?;
    if cause.is::<UnpacksToTooMuch>() {
        return Some("where the file is what you expect, unpack it and name what comes out".into());
    }
    cause.is::<NoText>().then(|| "name the encoding that it was saved in: `--encoding`".into())
}

fn format_hint(path: &Path) -> String {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if PACKED.iter().any(|packed| extension.eq_ignore_ascii_case(packed)) {
        return format!("name the format before it, such as `table.csv.{extension}`");
    }
    "save the table in one of these formats, named so".to_owned()
}

fn columns_hint(column: &ColumnName, valid: &[ColumnName]) -> String {
    // A table may have thousands of columns, and a hint is read by a person.
    const SHOWN: usize = 30;
    let meant = nearest(column.as_str(), valid.iter().map(ColumnName::as_str));
    let mut all: Vec<_> = valid.iter().take(SHOWN).map(ColumnName::shown).collect();
    if valid.len() > SHOWN {
        all.push("…".into());
    }
    let all = format!("the columns are: {}", all.join(", "));
    match meant {
        Some(meant) => format!("did you mean `{}`? {all}", shown(meant)),
        None => all,
    }
}
