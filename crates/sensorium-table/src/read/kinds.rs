//! Values of several kinds in one column, which makes all of them text.

use sensorium_core::ColumnName;

use crate::Annotation;
use crate::storage::Scalar;

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Boolean,
    List,
    Date,
}

/// The row, from 0, of the first value of each kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds([Option<usize>; 5]);

impl Kinds {
    const NAMES: [&'static str; 5] = ["texts", "numbers", "booleans", "lists", "dates"];

    pub(super) fn see(&mut self, kind: Kind, row: usize) {
        self.0[kind as usize].get_or_insert(row);
    }

    /// Sees a value that is no list.
    pub(super) fn see_value(&mut self, value: Scalar<'_>, row: usize) {
        match value {
            Scalar::Text(text) if !text.is_empty() => self.see(Kind::Text, row),
            Scalar::Integer(_) | Scalar::Number(_) => self.see(Kind::Number, row),
            Scalar::Boolean(_) => self.see(Kind::Boolean, row),
            Scalar::Text(_) | Scalar::Missing | Scalar::Bytes(_) => {}
        }
    }

    /// What is to be said of the column: a list anywhere, or dates alone.
    pub(super) fn annotation(&self) -> Option<Annotation> {
        let has = |kind| self.0[kind as usize].is_some();
        if has(Kind::List) {
            return Some(Annotation::List);
        }
        let is_alone = self.0.iter().flatten().count() == 1;
        (has(Kind::Date) && is_alone).then_some(Annotation::Date)
    }

    /// What a person should know of a column with values of several kinds.
    pub(super) fn remark(&self, name: &ColumnName) -> Option<String> {
        let seen = Self::NAMES.iter().zip(&self.0);
        let seen: Vec<String> = seen
            .filter_map(|(kind, row)| row.map(|row| format!("{kind} (row {})", row + 1)))
            .collect();
        (seen.len() > 1).then(|| {
            format!("`{}` holds {}; all are read as text", name.shown(), seen.join(" and "))
        })
    }
}
