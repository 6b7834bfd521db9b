//! How a column lies in memory: compact, and in the type it was read in.

mod builder;
mod paged;
mod present;
mod spill;
mod text;

use std::borrow::Cow;
use std::fmt;

pub(crate) use builder::{BuildError, Scalar, TableBuilder};
pub(crate) use present::Sparse;
pub(crate) use spill::{Span, Spill};
pub(crate) use text::Texts;

use sensorium_core::text::shown;

use crate::Value;

/// The type in which a column is stored, which says little of what it means: every column of a
/// CSV file is [`PhysicalType::Text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PhysicalType {
    /// Text as written; all of CSV, and columns with no value at all.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers.
    Number,
    /// True and false.
    Boolean,
    /// Embedded bytes, possibly with paths beside them.
    Media,
    /// Values in memory, each of its own type.
    Mixed,
    /// A type that is not read; [`crate::Table::column`] refuses the column.
    Unsupported,
}

impl fmt::Display for PhysicalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Media => "media",
            Self::Mixed => "mixed",
            Self::Unsupported => "unsupported",
        })
    }
}

/// One column's cells.
#[derive(Clone, Debug)]
pub(crate) enum Storage {
    /// Empty means missing.
    Text(Texts),
    Integer(Sparse<i64>),
    Number(Sparse<f64>),
    Boolean(Sparse<bool>),
    /// Bytes where there are some, else the path, which is empty where the cell is missing.
    Media {
        spans: Sparse<Span>,
        paths: Texts,
    },
    Mixed(Vec<Value>),
    /// The type's name in the file.
    Unsupported(String),
}

/// What one cell holds, borrowed from its column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Held<'a> {
    Missing,
    Text(&'a str),
    Integer(i64),
    Number(f64),
    Boolean(bool),
    Bytes(&'a [u8]),
    Spilled(Span),
}

impl Storage {
    pub(crate) fn get(&self, row: usize) -> Held<'_> {
        match self {
            Self::Text(texts) => Held::text(texts.get(row)),
            Self::Integer(values) => values.get(row).map_or(Held::Missing, Held::Integer),
            Self::Number(values) => values.get(row).map_or(Held::Missing, Held::Number),
            Self::Boolean(values) => values.get(row).map_or(Held::Missing, Held::Boolean),
            Self::Media { spans, paths } => match spans.get(row) {
                Some(span) => Held::Spilled(span),
                None => Held::text(paths.get(row)),
            },
            Self::Mixed(values) => Held::value(&values[row]),
            Self::Unsupported(_) => Held::Missing,
        }
    }

    pub(crate) const fn physical_type(&self) -> PhysicalType {
        match self {
            Self::Text(_) => PhysicalType::Text,
            Self::Integer(_) => PhysicalType::Integer,
            Self::Number(_) => PhysicalType::Number,
            Self::Boolean(_) => PhysicalType::Boolean,
            Self::Media { .. } => PhysicalType::Media,
            Self::Mixed(_) => PhysicalType::Mixed,
            Self::Unsupported(_) => PhysicalType::Unsupported,
        }
    }
}

impl<'a> Held<'a> {
    fn text(text: &'a str) -> Self {
        if text.is_empty() { Self::Missing } else { Self::Text(text) }
    }

    fn value(value: &'a Value) -> Self {
        match value {
            Value::Missing => Self::Missing,
            Value::Text(text) => Self::text(text),
            Value::Integer(whole) => Self::Integer(*whole),
            Value::Number(number) => Self::Number(*number),
            Value::Boolean(flag) => Self::Boolean(*flag),
            Value::Bytes(bytes) => Self::Bytes(bytes),
        }
    }

    /// The value as text, or `None` where it is missing or bytes.
    pub(crate) fn as_text(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Integer(whole) => Some(Cow::Owned(whole.to_string())),
            Self::Number(number) => Some(Cow::Owned(text_from_number(*number))),
            Self::Boolean(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
            Self::Missing | Self::Bytes(_) | Self::Spilled(_) => None,
        }
    }

    /// The value as a number, NaN and infinities included; text is parsed, and `true` is 1.
    pub(crate) fn as_number(&self) -> Option<f64> {
        match self {
            Self::Integer(whole) => Some(*whole as f64),
            Self::Number(number) => Some(*number),
            Self::Boolean(flag) => Some(f64::from(u8::from(*flag))),
            Self::Text(text) => number_from_text(text),
            Self::Missing | Self::Bytes(_) | Self::Spilled(_) => None,
        }
    }
}

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Spilled(span) => write!(f, "{} bytes", span.length),
            other => {
                // A cell may be a whole document, and an error is read by a person.
                write!(f, "`{}`", shown(&other.as_text().unwrap_or_default()))
            }
        }
    }
}

/// The shortest text that reads as the same number: `3`, `0.1`, `1e300`.
pub(crate) fn text_from_number(number: f64) -> String {
    // Beyond these, zeros would outnumber digits.
    let is_plain = number == 0.0 || (1e-5..1e17).contains(&number.abs()) || !number.is_finite();
    if is_plain { number.to_string() } else { format!("{number:e}") }
}

fn number_from_text(text: &str) -> Option<f64> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        // So that a column of booleans means the same in CSV as in Parquet.
        let is = |word| text.eq_ignore_ascii_case(word);
        if is("true") { Some(1.0) } else { is("false").then_some(0.0) }
    })
}
