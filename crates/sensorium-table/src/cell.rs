//! One cell, and the typed questions that may be asked of it.

use std::borrow::Cow;

use sensorium_core::CellRef;

use crate::{Table, TableError};

/// What a cell holds. An empty cell is a missing cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing: a null, or an empty text.
    Missing,
    /// Text, a path or a label, as written.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Boolean(bool),
    /// The bytes of a picture, a sound or another file.
    Bytes(Vec<u8>),
}

/// A cell with its place, which every error it gives names.
#[derive(Clone, Debug)]
pub struct Cell<'a> {
    at: CellRef,
    table: &'a Table,
}

impl Cell<'_> {
    /// The cell's place.
    pub fn at(&self) -> &CellRef {
        &self.at
    }

    /// Whether the cell holds nothing.
    pub fn is_missing(&self) -> bool {
        todo!()
    }

    /// The cell as text, or `None` where it is missing. A whole number reads `3`, not `3.0`.
    ///
    /// # Errors
    ///
    /// [`TableError`] where the cell holds bytes.
    pub fn text(&self) -> Result<Option<Cow<'_, str>>, TableError> {
        todo!()
    }

    /// The cell as a finite number, or `None` where it is missing. `true` is 1 and `false` 0.
    ///
    /// # Errors
    ///
    /// [`TableError`] where the cell is not a number, or is NaN or infinite.
    pub fn number(&self) -> Result<Option<f64>, TableError> {
        todo!()
    }

    /// The bytes of the file that the cell holds or names, or `None` where it is missing.
    ///
    /// # Errors
    ///
    /// [`TableError`] where a path leaves the media root or cannot be read, where the file is empty
    /// or larger than `max_bytes`.
    pub fn media(&self, max_bytes: u64) -> Result<Option<Vec<u8>>, TableError> {
        let _ = max_bytes;
        todo!()
    }
}
