//! Features in a file.
//!
//! A `.safetensors` file holds for each input `<input>`: `<input>` with the values of all rows that
//! have it, one after the other; `<input>.rows` with the index of each such row in the table; and,
//! where rows differ in length, `<input>.lengths`. Its metadata say of each input the column, the
//! type, the layout and the unit. A table file (`.parquet`, `.csv`, `.jsonl`) holds a row for each
//! row, with the values of each input as one list, row-major, and `<input>_length` where rows differ.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use sensorium_core::{FeatureShape, Layout};
use sensorium_modality::Features;
use sensorium_modality::pipeline::RowFeatures;
use sensorium_table::atomic::write_atomically;
use sensorium_table::{OutputCell, OutputType, TableWriter};
use serde_json::json;

use super::Inputs;
use crate::failure::{self, Failure};

/// The most that a `.safetensors` file may hold: it is made in memory.
const MAX_BYTES: usize = 4 << 30;

/// A file of features that is being written.
pub(super) enum Arrays<'a> {
    Tensors(Tensors<'a>),
    Table { writer: TableWriter, inputs: Inputs<'a> },
}

impl<'a> Arrays<'a> {
    pub(super) fn create(path: &Path, inputs: Inputs<'a>) -> Result<Self, Failure> {
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            return Ok(Self::Tensors(Tensors::new(path, inputs)));
        }
        Ok(Self::Table { writer: TableWriter::create(path, columns(inputs))?, inputs })
    }

    pub(super) fn add(&mut self, row: &RowFeatures) -> Result<(), Failure> {
        match self {
            Self::Tensors(tensors) => tensors.add(row),
            Self::Table { writer, inputs } => Ok(writer.write(&[cells(row, *inputs)])?),
        }
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Tensors(tensors) => tensors.finish(),
            Self::Table { writer, .. } => Ok(writer.finish()?),
        }
    }
}

fn columns(inputs: Inputs<'_>) -> Vec<(String, OutputType)> {
    let features = inputs.config.input_features.iter().zip(&inputs.fitted.inputs);
    let columns = features.flat_map(|(feature, fitted)| {
        let length = differs(fitted.shape().layout())
            .then(|| (format!("{}_length", feature.name), OutputType::Integer));
        [(feature.name.to_string(), OutputType::NumberList)].into_iter().chain(length)
    });
    columns.collect()
}

/// Whether rows of this layout differ in length.
const fn differs(layout: Layout) -> bool {
    matches!(layout, Layout::Sequence | Layout::Tokens)
}

fn cells(row: &RowFeatures, inputs: Inputs<'_>) -> Vec<OutputCell> {
    let inputs = inputs.fitted.inputs.iter().zip(&row.features);
    let cells = inputs.flat_map(|(fitted, features)| {
        let layout = fitted.shape().layout();
        let length = differs(layout).then(|| match features {
            Some(features) => {
                OutputCell::Integer(i64::try_from(length(features)).unwrap_or(i64::MAX))
            }
            None => OutputCell::Missing,
        });
        [features.as_ref().map_or(OutputCell::Missing, list)].into_iter().chain(length)
    });
    cells.collect()
}

fn list(features: &Features) -> OutputCell {
    OutputCell::NumberList(match features {
        Features::Tokens(ids) => ids.iter().copied().map(f64::from).collect(),
        Features::Embedding { pooled: values, .. }
        | Features::Vector(values)
        | Features::Grid(values)
        | Features::Sequence { values, .. } => values.iter().copied().map(f64::from).collect(),
    })
}

/// The steps of a sequence, the tokens of a text; 1 for what has no length.
fn length(features: &Features) -> usize {
    match features {
        Features::Sequence { values, width } => values.len() / width,
        Features::Tokens(ids) => ids.len(),
        Features::Vector(_) | Features::Grid(_) | Features::Embedding { .. } => 1,
    }
}

/// The arrays of every input, in memory until they are written.
pub(super) struct Tensors<'a> {
    path: PathBuf,
    inputs: Inputs<'a>,
    columns: Vec<Column>,
}

/// What the rows that have an input hold, one after the other.
#[derive(Clone, Default)]
struct Column {
    /// f32, or u32 for token ids.
    values: Vec<u8>,
    rows: Vec<u8>,
    lengths: Vec<u8>,
    steps: usize,
}

impl<'a> Tensors<'a> {
    fn new(path: &Path, inputs: Inputs<'a>) -> Self {
        let columns = vec![Column::default(); inputs.fitted.inputs.len()];
        Self { path: path.to_owned(), inputs, columns }
    }

    fn add(&mut self, row: &RowFeatures) -> Result<(), Failure> {
        for (column, features) in self.columns.iter_mut().zip(&row.features) {
            if let Some(features) = features {
                column.add(row.row, features);
            }
        }
        let bytes: usize = self.columns.iter().map(|column| column.values.len()).sum();
        if bytes > MAX_BYTES {
            let message =
                format!("the features of {} rows take more than {MAX_BYTES} bytes", row.row + 1);
            let hint = "write `.parquet`, which does not grow in memory, or set `--limit`";
            return Err(Failure::new(message, Some(hint)));
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Failure> {
        let tensors = self.tensors()?;
        let file = safetensors::serialize(tensors, Some(self.metadata()));
        let file = file.map_err(|error| failure::output(&error))?;
        Ok(write_atomically(&self.path, &file)?)
    }

    fn tensors(&self) -> Result<Vec<(String, TensorView<'_>)>, Failure> {
        let mut tensors = Vec::new();
        let inputs = self.inputs.config.input_features.iter().zip(&self.inputs.fitted.inputs);
        for ((feature, fitted), column) in inputs.zip(&self.columns) {
            let (name, num_rows) = (&feature.name, column.rows.len() / 8);
            let (dtype, shape) = match fitted.shape() {
                FeatureShape::Vector { width } => (Dtype::F32, vec![num_rows, width]),
                FeatureShape::Sequence { width, .. } => (Dtype::F32, vec![column.steps, width]),
                FeatureShape::Grid { channels, height, width } => {
                    (Dtype::F32, vec![num_rows, channels, height, width])
                }
                FeatureShape::Tokens { .. } => (Dtype::U32, vec![column.steps]),
            };
            tensors.push((name.to_string(), view(dtype, shape, &column.values)?));
            let indices = |bytes| view(Dtype::I64, vec![num_rows], bytes);
            tensors.push((format!("{name}.rows"), indices(&column.rows)?));
            if differs(fitted.shape().layout()) {
                tensors.push((format!("{name}.lengths"), indices(&column.lengths)?));
            }
        }
        Ok(tensors)
    }

    fn metadata(&self) -> HashMap<String, String> {
        let inputs = self.inputs.config.input_features.iter().zip(&self.inputs.fitted.inputs);
        let described = inputs.map(|(feature, fitted)| {
            let described = json!({
                "column": feature.column,
                "type": fitted.name(),
                "shape": fitted.shape(),
                "axes": axes(fitted.shape().layout()),
                "unit": fitted.unit(),
            });
            (feature.name.to_string(), described.to_string())
        });
        described.collect()
    }
}

/// What the axes of an input's array are.
const fn axes(layout: Layout) -> &'static [&'static str] {
    match layout {
        Layout::Vector => &["row", "value"],
        Layout::Sequence => &["step of all rows", "value"],
        Layout::Grid => &["row", "channel", "height", "width"],
        Layout::Tokens => &["token of all rows"],
    }
}

fn view(dtype: Dtype, shape: Vec<usize>, bytes: &[u8]) -> Result<TensorView<'_>, Failure> {
    TensorView::new(dtype, shape, bytes).map_err(|error| failure::output(&error))
}

impl Column {
    fn add(&mut self, row: usize, features: &Features) {
        let length = length(features);
        self.steps += length;
        self.rows.extend((row as u64).to_le_bytes());
        self.lengths.extend((length as u64).to_le_bytes());
        match features {
            Features::Tokens(ids) => self.values.extend(ids.iter().flat_map(|id| id.to_le_bytes())),
            Features::Embedding { pooled: values, .. }
            | Features::Vector(values)
            | Features::Grid(values)
            | Features::Sequence { values, .. } => {
                self.values.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            }
        }
    }
}
