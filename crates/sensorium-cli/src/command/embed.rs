//! `sensorium embed`: what encoders make of every row of a table.

use std::ops::ControlFlow;
use std::process::ExitCode;

use sensorium_bundle::{Config, Embedder, Fitted, Predictor};
use sensorium_core::Seed;
use sensorium_modality::LeftOutRow;
use sensorium_modality::pipeline::{PipelineLimits, RowFeatures, RowResult};
use sensorium_model::Embedding;
use sensorium_table::{OutputCell, OutputType, Table, TableWriter, unsplit};
use serde_json::{Value, json};

use super::left_out::{self, LeftOut};
use super::read_config::{assigned, inputs_of, read_written};
use super::{bundle_path, note, read_table};
use crate::arguments::{EmbedArguments, OnError};
use crate::failure::Failure;
use crate::signals;

/// Rows that are encoded together.
const BATCH_ROWS: usize = 16;

pub(super) fn run(arguments: &EmbedArguments) -> Result<ExitCode, Failure> {
    signals::end_cleanly();
    let on_error = arguments.on_error.on_error;
    let table = read_table(&arguments.table, on_error)?;
    let encoders = Encoders::open(arguments, &table)?;
    let mut output = Output { path: &arguments.output, encoders: &encoders, writer: None };
    let left_out = embed(&encoders, &table, on_error, &mut output)?;
    output.finish()?;
    let list = left_out::beside(&arguments.output);
    left_out::write(&list, &left_out, on_error)?;
    left_out::tell(&left_out, Some(&list));
    let inputs = encoders.config().input_features.len();
    let rows = table.num_rows();
    note(&format!("{rows} rows of {inputs} inputs, written to {}", arguments.output.display()));
    Ok(ExitCode::SUCCESS)
}

/// A trained model's encoders, or published ones.
enum Encoders {
    Trained(Box<Predictor>),
    Published { config: Box<Config>, fitted: Box<Fitted>, embedder: Box<Embedder> },
}

impl Encoders {
    fn open(arguments: &EmbedArguments, table: &Table) -> Result<Self, Failure> {
        if let Some(path) = &arguments.model_path {
            return Ok(Self::Trained(Box::new(Predictor::open(&bundle_path(path))?)));
        }
        let written = match &arguments.config {
            Some(path) => read_written(path)?,
            None => config_of(&arguments.encoder)?,
        };
        let written = assigned(written, &arguments.set)?;
        let seed = Seed::new(arguments.random_seed);
        let config = inputs_of(written, arguments.config.as_deref(), seed, table)?;
        let fitted = Fitted::fit(&config, table, &unsplit(table))?;
        let embedder = Box::new(Embedder::new(&config, fitted.clone())?);
        Ok(Self::Published { config: Box::new(config), fitted: Box::new(fitted), embedder })
    }

    fn config(&self) -> &Config {
        match self {
            Self::Trained(predictor) => predictor.config(),
            Self::Published { config, .. } => config,
        }
    }

    fn fitted(&self) -> &Fitted {
        match self {
            Self::Trained(predictor) => predictor.fitted(),
            Self::Published { fitted, .. } => fitted,
        }
    }

    fn embed(&self, rows: &[&RowFeatures]) -> Vec<Embedding> {
        match self {
            Self::Trained(predictor) => predictor.embed(rows),
            Self::Published { embedder, .. } => embedder.embed(rows),
        }
    }
}

/// A config of inputs alone, from `COLUMN=PATH`.
fn config_of(encoders: &[String]) -> Result<Value, Failure> {
    let inputs = encoders.iter().map(|given| {
        let (column, path) = given.split_once('=').ok_or_else(|| {
            Failure::new(
                format!("`--encoder {given}` is not COLUMN=PATH"),
                Some("such as `--encoder caption=weights/minilm`"),
            )
        })?;
        Ok(json!({"name": column, "encoder": {"pretrained_model_name_or_path": path}}))
    });
    Ok(json!({"input_features": inputs.collect::<Result<Vec<_>, Failure>>()?}))
}

/// Encodes every row; a row left out keeps its place, with every cell missing.
fn embed(
    encoders: &Encoders,
    table: &Table,
    on_error: OnError,
    output: &mut Output<'_>,
) -> Result<LeftOut, Failure> {
    let source = encoders.fitted().features(encoders.config(), table)?;
    let rows: Vec<usize> = (0..table.num_rows()).collect();
    let batches: Vec<Vec<usize>> = rows.chunks(BATCH_ROWS).map(<[usize]>::to_vec).collect();
    let (mut left_out, mut next) = (LeftOut::new(), 0..);
    let flow = source.for_each_batch(&batches, PipelineLimits::default(), |results, _| {
        for (row, result) in next.by_ref().zip(&results) {
            match (result, on_error) {
                (Ok(_), _) => {}
                (Err(error), OnError::Skip) => {
                    left_out.insert(row, LeftOutRow::new(row, error));
                }
                // What went wrong is told by the batch itself.
                (Err(_), OnError::Stop) => break,
            }
        }
        match output.add(results, on_error) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => ControlFlow::Break(failure),
        }
    });
    flow.break_value().map_or(Ok(left_out), Err)
}

/// One column for each input, as wide as its embedding.
struct Output<'a> {
    path: &'a std::path::Path,
    encoders: &'a Encoders,
    writer: Option<TableWriter>,
}

impl Output<'_> {
    fn add(&mut self, results: Vec<RowResult>, on_error: OnError) -> Result<(), Failure> {
        let mut readable = Vec::with_capacity(results.len());
        for result in results {
            match (result, on_error) {
                (Ok(row), _) => readable.push(Some(row)),
                (Err(_), OnError::Skip) => readable.push(None),
                (Err(error), OnError::Stop) => return Err(error.into()),
            }
        }
        let rows: Vec<&RowFeatures> = readable.iter().flatten().map(|row| &**row).collect();
        if rows.is_empty() && self.writer.is_none() {
            return Err(Failure::new("no row of the first batch can be read", None));
        }
        let embeddings = if rows.is_empty() { Vec::new() } else { self.encoders.embed(&rows) };
        let mut encoded = cells(&embeddings, &rows).into_iter();
        let num_inputs = self.encoders.config().input_features.len();
        let missing = || vec![OutputCell::Missing; num_inputs];
        let all = readable.iter().map(|row| match row {
            Some(_) => encoded.next().expect("one for each readable row"),
            None => missing(),
        });
        let all: Vec<Vec<OutputCell>> = all.collect();
        Ok(self.writer(&embeddings)?.write(&all)?)
    }

    /// The file, whose columns are as wide as the first batch says.
    fn writer(&mut self, embeddings: &[Embedding]) -> Result<&mut TableWriter, Failure> {
        if self.writer.is_none() {
            let features = self.encoders.config().input_features.iter();
            let columns = features.zip(embeddings).map(|(feature, embedding)| {
                (feature.name.to_string(), OutputType::Vector(embedding.pooled.dims()[1]))
            });
            self.writer = Some(TableWriter::create(self.path, columns.collect())?);
        }
        Ok(self.writer.as_mut().expect("just made"))
    }

    fn finish(self) -> Result<(), Failure> {
        match self.writer {
            Some(writer) => Ok(writer.finish()?),
            None => Err(Failure::new("the table has no row to encode", None)),
        }
    }
}

/// The cells of each row, one for each input.
fn cells(embeddings: &[Embedding], rows: &[&RowFeatures]) -> Vec<Vec<OutputCell>> {
    let columns: Vec<(usize, Vec<f32>)> = embeddings
        .iter()
        .map(|embedding| {
            let width = embedding.pooled.dims()[1];
            let values = embedding.pooled.to_data().try_into_vec().expect("embeddings are f32");
            (width, values)
        })
        .collect();
    let cell = |row: usize, (input, (width, values)): (usize, &(usize, Vec<f32>))| match rows[row]
        .features[input]
    {
        None => OutputCell::Missing,
        Some(_) => OutputCell::Vector(values[row * width..][..*width].to_vec()),
    };
    let row = |row| columns.iter().enumerate().map(|column| cell(row, column)).collect();
    (0..rows.len()).map(row).collect()
}
