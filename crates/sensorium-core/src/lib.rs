//! Names, shapes, seeds, errors and hints: what every other crate speaks in.
//!
//! No tensors and no input or output live here.

pub mod config;
mod error;
pub mod guard;
mod name;
mod plain;
mod seed;
mod shape;
pub mod text;

pub use config::ConfigError;
pub use error::{Hint, nearest, with_causes};
pub use name::{CellRef, ColumnName};
pub use seed::Seed;
pub use shape::{FeatureShape, Layout};
