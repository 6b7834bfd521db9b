//! `sensorium predict`.

use std::io::{BufWriter, IsTerminal, Write, stdout};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use sensorium_bundle::{Prediction, Predictor, RowPrediction, UnseenLabels};
use sensorium_core::text;
use sensorium_modality::LeftOutRow;
use sensorium_table::{OutputCell, OutputType, Table, TableWriter};

use super::left_out::{self, LeftOut};
use super::one_row::one_row;
use super::{bundle_path, read_table_at};
use crate::arguments::{OnError, PredictArguments};
use crate::failure::{self, Failure};
use crate::{remarks, signals, terminal};

pub(super) fn run(arguments: &PredictArguments) -> Result<ExitCode, Failure> {
    signals::end_cleanly();
    if arguments.output.is_none() {
        terminal::check_stdout("name a file with `--output`")?;
    }
    let predictor = Predictor::open(&bundle_path(&arguments.model.model_path))?;
    let on_error = arguments.on_error.on_error;
    let table = match &arguments.dataset {
        Some(path) => {
            let media_root = arguments.media_root.as_deref();
            read_table_at(path, media_root, &arguments.dialect, on_error)?
        }
        None => one_row(&predictor.config().input_features, &arguments.input)?,
    };
    if let Some(path) = &arguments.dataset {
        note_absent_columns(&predictor, &table, &path.display().to_string());
    }
    let (config, fitted) = (predictor.config(), predictor.fitted());
    let rows: Vec<usize> = (0..table.num_rows()).collect();
    let unseen = UnseenLabels::of_inputs(config, fitted, &table, &rows);
    for remark in remarks::of_unseen(&unseen, config, &rows, "given") {
        super::note(&remark);
    }
    if arguments.output.is_none() && arguments.dataset.is_none() && stdout().is_terminal() {
        return print_row(&predictor, &table);
    }
    let mut sink = match &arguments.output {
        Some(path) => Sink::File(TableWriter::create(path, columns(&predictor, on_error))?),
        None => Sink::Lines(BufWriter::new(stdout())),
    };
    let left_out = predict(&predictor, &table, &rows, on_error, &mut sink)?;
    sink.finish()?;
    let list = arguments.output.as_deref().map(left_out::beside);
    if let Some(list) = &list {
        left_out::write(list, &left_out, on_error)?;
    }
    left_out::tell(&left_out, list.as_deref());
    Ok(ExitCode::SUCCESS)
}

/// Shows a person one row's predictions, the most probable classes first.
fn print_row(predictor: &Predictor, table: &Table) -> Result<ExitCode, Failure> {
    let outputs = predictor.config().output_features.iter().zip(&predictor.fitted().targets);
    for prediction in predictor.predict(table)? {
        for ((feature, target), prediction) in outputs.clone().zip(&prediction) {
            let name = feature.name.shown();
            super::print(&format!("{name}\n{}", shown(prediction, target.classes())))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(prediction: &Prediction, classes: &[String]) -> String {
    const SHOWN: usize = 5;
    let mut classes: Vec<(&String, f32)> = match prediction {
        Prediction::Number(value) => return format!("  {value}"),
        Prediction::Category { probabilities, .. } => {
            classes.iter().zip(probabilities.iter().copied()).collect()
        }
        Prediction::Binary { probability, .. } => {
            classes.iter().zip([1.0 - probability, *probability]).collect()
        }
    };
    classes.sort_by(|a, b| b.1.total_cmp(&a.1));
    let lines =
        classes.iter().take(SHOWN).map(|(class, p)| format!("  {p:.3}  {}", text::shown(class)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes the predictions of `rows` as a table.
pub(super) fn write_rows(
    predictor: &Predictor,
    table: &Table,
    rows: &[usize],
    path: &Path,
) -> Result<(), Failure> {
    let columns = columns(predictor, OnError::Stop);
    let mut sink = Sink::File(TableWriter::create(path, columns)?);
    predict(predictor, table, rows, OnError::Stop, &mut sink)?;
    sink.finish()
}

/// Where predictions go.
enum Sink {
    File(TableWriter),
    Lines(BufWriter<std::io::Stdout>),
}

impl Sink {
    fn write(
        &mut self,
        names: &[(String, OutputType)],
        cells: Vec<OutputCell>,
    ) -> Result<(), Failure> {
        match self {
            Self::File(writer) => Ok(writer.write(&[cells])?),
            Self::Lines(lines) => {
                let row =
                    names.iter().zip(cells).map(|((name, _), cell)| (name.clone(), json(cell)));
                let row: serde_json::Map<String, serde_json::Value> = row.collect();
                let line = serde_json::Value::Object(row);
                writeln!(lines, "{line}").map_err(|error| failure::output(&error))
            }
        }
    }

    fn finish(self) -> Result<(), Failure> {
        match self {
            Self::File(writer) => Ok(writer.finish()?),
            Self::Lines(mut lines) => lines.flush().map_err(|error| failure::output(&error)),
        }
    }
}

fn json(cell: OutputCell) -> serde_json::Value {
    match cell {
        OutputCell::Missing => serde_json::Value::Null,
        OutputCell::Text(text) => text.into(),
        OutputCell::Integer(number) => number.into(),
        OutputCell::Number(number) => number.into(),
        OutputCell::NumberList(numbers) => numbers.into(),
        OutputCell::Vector(numbers) => numbers.into(),
    }
}

/// Predicts `rows`; a row left out keeps its place, with every cell missing but the last, which says
/// why.
fn predict(
    predictor: &Predictor,
    table: &Table,
    rows: &[usize],
    on_error: OnError,
    sink: &mut Sink,
) -> Result<LeftOut, Failure> {
    let columns = columns(predictor, on_error);
    let mut left_out = LeftOut::new();
    let mut row = rows.iter();
    let failed = predictor.predict_each(table, rows, &mut |prediction| {
        let row = *row.next().expect("one prediction for each row");
        let cells = match prediction {
            Ok(prediction) => {
                let mut cells = cells(&prediction);
                cells.resize(columns.len(), OutputCell::Missing);
                cells
            }
            Err(error) => match on_error {
                OnError::Stop => return ControlFlow::Break(Failure::from(error)),
                OnError::Skip => {
                    let why = LeftOutRow::new(row, &error);
                    let mut cells = vec![OutputCell::Missing; columns.len() - 1];
                    cells.push(OutputCell::Text(why.reason.clone()));
                    left_out.insert(row, why);
                    cells
                }
            },
        };
        sink.write(&columns, cells).map_or_else(ControlFlow::Break, ControlFlow::Continue)
    })?;
    failed.map_or(Ok(left_out), Err)
}

/// The columns of a predictions file, named as Ludwig names them; where rows may be left out, last
/// the reason.
fn columns(predictor: &Predictor, on_error: OnError) -> Vec<(String, OutputType)> {
    let outputs = predictor.config().output_features.iter().zip(&predictor.fitted().targets);
    let columns = outputs.flat_map(|(feature, target)| {
        let name = &feature.name;
        let classes = target.classes();
        let mut columns = vec![(
            format!("{name}_predictions"),
            if classes.is_empty() { OutputType::Number } else { OutputType::Text },
        )];
        if !classes.is_empty() {
            columns.push((format!("{name}_probability"), OutputType::Number));
        }
        let each = classes.iter().map(|class| format!("{name}_probabilities_{class}"));
        columns.extend(each.map(|column| (column, OutputType::Number)));
        columns
    });
    let reason = match on_error {
        OnError::Stop => None,
        OnError::Skip => Some(("error".to_owned(), OutputType::Text)),
    };
    columns.chain(reason).collect()
}

fn cells(prediction: &RowPrediction) -> Vec<OutputCell> {
    prediction.iter().flat_map(of_output).collect()
}

fn of_output(prediction: &Prediction) -> Vec<OutputCell> {
    let number = |value: f32| OutputCell::Number(f64::from(value));
    match prediction {
        Prediction::Category { label, probabilities } => {
            let most = probabilities.iter().copied().fold(0.0, f32::max);
            let mut cells = vec![OutputCell::Text(label.clone()), number(most)];
            cells.extend(probabilities.iter().map(|&probability| number(probability)));
            cells
        }
        Prediction::Binary { label, probability } => {
            let (no, yes) = (1.0 - probability, *probability);
            vec![OutputCell::Text(label.clone()), number(no.max(yes)), number(no), number(yes)]
        }
        Prediction::Number(value) => vec![OutputCell::Number(*value)],
    }
}

fn note_absent_columns(predictor: &Predictor, table: &Table, given: &str) {
    let features = predictor.config().input_features.iter();
    let absent: Vec<&str> = features
        .filter(|feature| !table.column_names().contains(&feature.column))
        .map(|feature| feature.name.as_str())
        .collect();
    if !absent.is_empty() {
        super::note(&format!("predicting without {}: not in {given}", absent.join(", ")));
    }
}
