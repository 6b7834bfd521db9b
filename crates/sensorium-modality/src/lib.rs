//! From a cell to [`Features`]: decoders, tokenizers and signal processing, fitted on train alone.
//!
//! In: [`Column`](sensorium_table::Column)s and [`TrainRows`](sensorium_table::TrainRows). Out: the
//! features of each row, made by one path ([`FittedModality::features_of`]), and the truth that
//! each output learns ([`target`]). No tensors, and no row knows another.
//!
//! | station | what does it |
//! |---|---|
//! | guess what a column is | [`infer()`] |
//! | read and check what the user wrote | [`ModalityConfig::read`], [`target::TargetConfig::read`] |
//! | fit on train rows | [`ModalityConfig::fit`], [`target::TargetConfig::fit`] |
//! | one cell | [`FittedModality::features_of`], [`target::FittedTarget::truth_of`] |
//! | many rows, decoded in parallel, in order, within bounds | [`pipeline::FeatureSource`] |
//!
//! A modality is one file and one line in `list.rs`; an output one file and one line in
//! `target/mod.rs`.
//!
//! # Examples
//!
//! ```
//! use sensorium_core::Seed;
//! use sensorium_modality::{Features, ModalityConfig};
//! use sensorium_table::{SplitConfig, Table, Value, split};
//!
//! let rows = [("red apple", "train"), ("red", "validation"), ("blue", "test")];
//! let rows = rows.map(|(name, part)| vec![Value::Text(name.into()), Value::Text(part.into())]);
//! let table = Table::from_rows(
//!     vec!["name".into(), "split".into()],
//!     rows.into(),
//!     std::path::Path::new("."),
//! )?;
//! let by_column = SplitConfig::Fixed { column: "split".into() };
//! let train = split(&table, &by_column, Seed::new(42))?.train;
//!
//! let column = table.column(&"name".into())?;
//! let text = ModalityConfig::read("text", serde_json::json!({"lowercase": true}))?;
//! let text = text.fit(column, &train)?;
//! // `apple` and `red` have the ids 2 and 3; `blue` is not in train and unknown: 1.
//! assert_eq!(text.features_of(&column.cell(0))?, Some(Features::Tokens(vec![3, 2])));
//! assert_eq!(text.features_of(&column.cell(2))?, Some(Features::Tokens(vec![1])));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod audio;
mod augmentation;
pub mod binary;
mod boolean;
pub mod category;
#[cfg(test)]
mod contract;
mod error;
mod features;
#[cfg(test)]
mod golden;
pub mod image;
mod infer;
mod labels;
mod left_out;
mod list;
mod missing;
mod modality;
pub mod number;
pub mod pipeline;
mod scaling;
#[cfg(test)]
mod small_table;
mod spelling;
pub mod target;
pub mod text;
mod vocabulary;

pub use augmentation::{Augmentation, NoAugmentation};
pub use error::ModalityError;
pub use features::Features;
pub use infer::{Inference, infer};
pub use labels::Labels;
pub use left_out::LeftOutRow;
pub use list::{AugmentationConfig, FittedModality, ModalityConfig};
pub use missing::MissingValueStrategy;
pub use modality::Modality;
pub use scaling::{Normalization, Scaling};
pub use vocabulary::{MAX_VOCABULARY, Vocabulary};
