//! Workbooks of Excel (`.xlsx`): the first sheet that is shown, or the one that is named.
//!
//! The first row with a cell is the header; rows without any cell are passed over, as in CSV. Dates
//! become text such as `2024-01-31`, errors such as `#N/A` missing cells.

mod archive;
mod date;
mod xml;

use std::collections::BTreeMap;
use std::io;

use sensorium_core::ColumnName;

use self::archive::Archive;
use self::xml::{Attributes, Node, SharedTexts, Sheet};
use super::kinds::{Kind, Kinds};
use super::source::{Bytes, Source};
use super::{Content, check_header, refused};
use crate::TableError;
use crate::storage::{BuildError, Scalar, TableBuilder};

pub(super) fn read(source: &Source<'_>) -> Result<Content, TableError> {
    let failed = |error| failed(source, error);
    let archive = Archive::open(source.file()?).map_err(failed)?;
    let (sheets, from_1904) =
        xml::workbook(needed(source, &archive, "xl/workbook.xml")?).map_err(failed)?;
    let worksheets = needed(source, &archive, "xl/_rels/workbook.xml.rels")?;
    let worksheets = xml::worksheets(worksheets).map_err(failed)?;
    let chosen = choose(source, &sheets, &worksheets)?;
    let book = Book {
        texts: optional(&archive, "xl/sharedStrings.xml", xml::shared_strings).map_err(failed)?,
        date_styles: optional(&archive, "xl/styles.xml", xml::date_styles).map_err(failed)?,
        from_1904,
    };
    let sheet = needed(source, &archive, &worksheets[&chosen.relation])?;
    let mut rows = Rows::new(source)?;
    let mut refusal = None;
    let walked = walk_cells(sheet, &book, |at, value| {
        rows.push(at, &value).map_err(|error| {
            refusal = Some(error);
            io::Error::other("a cell was refused")
        })
    });
    match (walked, refusal) {
        (Ok(()), _) => {}
        (Err(_), Some(refused)) => return Err(refused),
        (Err(error), None) => return Err(failed(error)),
    }
    let mut content = rows.finish()?;
    content.remarks.extend(other_sheets(source, &sheets, chosen));
    Ok(content)
}

fn damaged(source: &Source<'_>, problem: &impl ToString) -> TableError {
    let (path, problem) = (source.path.to_owned(), problem.to_string());
    TableError::Damaged { path, format: "a workbook", problem }
}

/// What is wrong with the bytes, or why they could not be read.
fn failed(source: &Source<'_>, error: io::Error) -> TableError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof => {
            damaged(source, &error)
        }
        _ => source.failed(error),
    }
}

fn needed(source: &Source<'_>, archive: &Archive, name: &str) -> Result<Bytes, TableError> {
    let part = archive.part(name).map_err(|error| failed(source, error))?;
    part.ok_or_else(|| damaged(source, &format!("it has no part `{name}`")))
}

fn optional<T: Default>(
    archive: &Archive,
    name: &str,
    read: impl FnOnce(Bytes) -> io::Result<T>,
) -> io::Result<T> {
    archive.part(name)?.map_or_else(|| Ok(T::default()), read)
}

/// The sheet that is asked for, or the first that is shown.
fn choose<'a>(
    source: &Source<'_>,
    sheets: &'a [Sheet],
    worksheets: &BTreeMap<String, String>,
) -> Result<&'a Sheet, TableError> {
    let asked = source.dialect().sheet.as_ref();
    let mut tables = sheets.iter().filter(|sheet| worksheets.contains_key(&sheet.relation));
    let chosen = tables.find(|sheet| match asked {
        Some(asked) => sheet.name == *asked,
        None => sheet.is_shown,
    });
    chosen.ok_or_else(|| TableError::NoSheet {
        path: source.path.to_owned(),
        sheet: asked.cloned().unwrap_or_default(),
        valid: sheets.iter().map(|sheet| sheet.name.clone()).collect(),
    })
}

fn other_sheets(source: &Source<'_>, sheets: &[Sheet], chosen: &Sheet) -> Option<String> {
    let others = sheets.iter().filter(|sheet| sheet.is_shown && sheet.name != chosen.name);
    let others: Vec<&str> = others.map(|sheet| sheet.name.as_str()).collect();
    (source.dialect().sheet.is_none() && !others.is_empty()).then(|| {
        format!(
            "the first of {} sheets, `{}`, is read; `--sheet` names another: {}",
            others.len() + 1,
            chosen.name,
            others.join(", ")
        )
    })
}

/// What the cells of every sheet share.
#[derive(Default)]
struct Book {
    texts: SharedTexts,
    date_styles: Vec<bool>,
    from_1904: bool,
}

/// A cell's row and column, from 0.
type Place = (u32, u32);

/// A cell while it is being read.
#[derive(Default)]
struct Open {
    place: Place,
    kind: String,
    is_date: bool,
    text: String,
}

/// Hands every cell that holds something to `each`, in order.
fn walk_cells(
    sheet: Bytes,
    book: &Book,
    mut each: impl FnMut(Place, Cell<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let (mut open, mut next) = (Open::default(), (0, 0));
    let (mut is_value, mut is_phonetic) = (false, false);
    xml::walk(sheet, |node| {
        match node {
            Node::Start("row", attributes) => {
                let row = attributes.get("r").and_then(|row| row.parse::<u32>().ok());
                next = (row.map_or(next.0, |row| row.saturating_sub(1)), 0);
            }
            Node::End("row") => next = (next.0.saturating_add(1), 0),
            Node::Start("c", attributes) => {
                open = Open::new(&attributes, next, book)?;
                next = (open.place.0, open.place.1 + 1);
            }
            Node::Start("v" | "t", _) => is_value = true,
            Node::End("v" | "t") => is_value = false,
            Node::Start("rPh", _) => is_phonetic = true,
            Node::End("rPh") => is_phonetic = false,
            Node::Text(piece) if is_value && !is_phonetic => open.text.push_str(piece),
            Node::End("c") => {
                if let Some(cell) = open.cell(book)? {
                    each(open.place, cell)?;
                }
            }
            _ => {}
        }
        Ok(())
    })
}

impl Open {
    fn new(attributes: &Attributes<'_>, next: Place, book: &Book) -> io::Result<Self> {
        let style = attributes.get("s").and_then(|style| style.parse::<usize>().ok());
        let is_date = style.and_then(|style| book.date_styles.get(style)).copied();
        let place = match attributes.get("r") {
            Some(name) => place_of(&name).ok_or_else(|| invalid("a cell has an unknown place"))?,
            None => next,
        };
        let kind = attributes.get("t").unwrap_or_default();
        Ok(Self { place, kind, is_date: is_date.unwrap_or(false), text: String::new() })
    }

    fn cell<'a>(&'a self, book: &'a Book) -> io::Result<Option<Cell<'a>>> {
        if self.text.is_empty() {
            return Ok(None);
        }
        let text = self.text.as_str();
        Ok(Some(match self.kind.as_str() {
            "s" => {
                let shared = text.trim().parse().ok().and_then(|number| book.texts.get(number));
                Cell::Text(shared.ok_or_else(|| invalid("a text is missing"))?)
            }
            "str" | "inlineStr" => Cell::Text(text),
            "b" => Cell::Boolean(text.trim() == "1"),
            "e" => Cell::Error,
            "d" => Cell::Date(text.to_owned()),
            _ => {
                let number: f64 = text.trim().parse().map_err(|_| invalid("a number is none"))?;
                let date = self.is_date.then(|| date::text(number, book.from_1904)).flatten();
                date.map_or_else(|| Cell::number(number), Cell::Date)
            }
        }))
    }
}

fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// The place of a cell such as `B7`, within the 1,048,576 rows and 16,384 columns of a sheet.
fn place_of(name: &str) -> Option<Place> {
    let letters = name.bytes().take_while(u8::is_ascii_alphabetic);
    let column = letters.fold(0_u32, |column, letter| {
        column.saturating_mul(26).saturating_add(u32::from(letter.to_ascii_uppercase() - b'A') + 1)
    });
    let row: u32 = name.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse().ok()?;
    let is_there = (1..=16_384).contains(&column) && (1..=1_048_576).contains(&row);
    is_there.then(|| (row - 1, column - 1))
}

/// What has been read so far; places are rows and columns of the sheet, from 0.
struct Rows<'a> {
    source: &'a Source<'a>,
    table: TableBuilder,
    names: Vec<ColumnName>,
    kinds: Vec<Kinds>,
    /// The sheet's column of each column.
    places: Vec<u32>,
    header: Option<u32>,
    last: Option<Place>,
    count: usize,
    /// Cells beneath no header, and cells with an error, each with the first row.
    outside: Counted,
    errors: Counted,
}

#[derive(Default)]
struct Counted {
    count: usize,
    first: usize,
}

impl Counted {
    fn add(&mut self, row: usize) {
        if self.count == 0 {
            self.first = row;
        }
        self.count += 1;
    }
}

impl<'a> Rows<'a> {
    fn new(source: &'a Source<'a>) -> Result<Self, TableError> {
        let file_bytes = source.file_bytes()?;
        Ok(Self {
            source,
            table: TableBuilder::new(file_bytes),
            names: Vec::new(),
            kinds: Vec::new(),
            places: Vec::new(),
            header: None,
            last: None,
            count: 0,
            outside: Counted::default(),
            errors: Counted::default(),
        })
    }

    fn push(&mut self, at: Place, value: &Cell<'_>) -> Result<(), TableError> {
        if self.last.is_some_and(|last| at <= last) {
            return Err(damaged(self.source, &"its cells are out of order"));
        }
        let begins_row = self.last.is_none_or(|(row, _)| row != at.0);
        self.last = Some(at);
        if *self.header.get_or_insert(at.0) == at.0 {
            return self.add_column(at.1, value);
        }
        if begins_row {
            self.count += 1;
            let checked = self.table.check_rows(self.count);
            checked.map_err(|error| self.refused(error, "its rows"))?;
        }
        self.set(at.1, value)
    }

    fn refused(&self, error: BuildError, place: &str) -> TableError {
        refused(error, self.source.path, || place.to_owned())
    }

    fn add_column(&mut self, place: u32, value: &Cell<'_>) -> Result<(), TableError> {
        self.table.add_column().map_err(|error| self.refused(error, "the header"))?;
        self.names.push(ColumnName::new(value.text()));
        self.kinds.push(Kinds::default());
        self.places.push(place);
        Ok(())
    }

    fn set(&mut self, place: u32, value: &Cell<'_>) -> Result<(), TableError> {
        let row = self.count - 1;
        let Ok(column) = self.places.binary_search(&place) else {
            self.outside.add(row);
            return Ok(());
        };
        match value {
            Cell::Date(_) => self.kinds[column].see(Kind::Date, row),
            Cell::Error => self.errors.add(row),
            other => self.kinds[column].see_value(other.scalar(), row),
        }
        self.table.set(column, row, value.scalar()).map_err(|error| {
            let place = format!("column `{}`, row {}", self.names[column].shown(), row + 1);
            refused(error, self.source.path, || place)
        })
    }

    fn finish(self) -> Result<Content, TableError> {
        check_header(self.source.path, &self.names)?;
        let (columns, spill) = self.table.finish();
        let mut content = Content::new(self.names, columns, self.count, spill);
        content.see_kinds(&self.kinds);
        for (what, Counted { count, first }) in [
            ("stand beneath no header and are set aside", self.outside),
            ("hold an error, such as `#N/A`, and are read as missing", self.errors),
        ] {
            if count > 0 {
                let first = first + 1;
                content.remarks.push(format!("{count} cells {what}, the first in row {first}"));
            }
        }
        Ok(content)
    }
}

/// A cell's value, in the type that the column keeps.
enum Cell<'a> {
    Text(&'a str),
    Date(String),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Error,
}

impl Cell<'_> {
    /// Every number of a workbook is a float; those that are whole are read as such.
    fn number(number: f64) -> Self {
        const EXACT: f64 = 9_007_199_254_740_992.0;
        if number.fract() != 0.0 || number.abs() > EXACT {
            return Self::Number(number);
        }
        #[expect(clippy::cast_possible_truncation, reason = "whole, and at most 2^53")]
        Self::Integer(number as i64)
    }

    fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Text(text) => Scalar::Text(text),
            Self::Date(text) => Scalar::Text(text),
            Self::Integer(whole) => Scalar::Integer(*whole),
            Self::Number(number) => Scalar::Number(*number),
            Self::Boolean(flag) => Scalar::Boolean(*flag),
            Self::Error => Scalar::Missing,
        }
    }

    /// The cell as a column's name.
    fn text(&self) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Date(text) => text.clone(),
            Self::Integer(whole) => whole.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Boolean(flag) => flag.to_string(),
            Self::Error => String::new(),
        }
    }
}
