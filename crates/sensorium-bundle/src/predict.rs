//! From rows to predictions: the one path that training, evaluation, the command line and servers
//! share.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use sensorium_modality::ModalityError;
use sensorium_modality::pipeline::{FeatureSource, PipelineLimits, RowFeatures};
use sensorium_modality::target::FittedTarget;
use sensorium_model::{Embedding, Losses, Model, TargetBatch, weights};
use sensorium_table::Table;
use serde_json::Value;

use crate::{Bundle, BundleError, Calibration, Config, Fitted, prior};

/// A model that is ready to predict.
#[derive(Debug)]
pub struct Predictor {
    config: Config,
    fitted: Fitted,
    model: Model,
    device: Device,
    calibration: Calibration,
    report: Value,
}

/// What a model says of one row: one [`Prediction`] for each output, in the config's order.
pub type RowPrediction = Vec<Prediction>;

/// What a model says of one output of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Prediction {
    /// One of several classes.
    Category {
        /// The most probable class.
        label: String,
        /// The probability of each class, in the order of [`FittedTarget::classes`].
        probabilities: Vec<f32>,
    },
    /// Yes or no.
    Binary {
        /// The likelier of the two labels.
        label: String,
        /// The probability of the second (true) label.
        probability: f32,
    },
    /// A number in the column's own unit.
    Number(f64),
}

/// One output's scores of a batch, row by row: probabilities, or one scaled number a row.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputScores {
    /// `K`.
    pub num_outputs: usize,
    /// `[B, K]`, last axis fastest.
    pub values: Vec<f32>,
}

/// What a model answered for rows whose truth is known.
#[derive(Clone, Debug)]
pub struct Answers {
    /// What a person reads, one an output.
    pub scores: Vec<OutputScores>,
    /// What the losses read, one an output.
    pub logits: Vec<OutputScores>,
    /// The mean loss of each output, and the weighted sum of all last.
    pub losses: Vec<f64>,
}

impl OutputScores {
    /// The `K` scores of one row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.num_outputs..][..self.num_outputs]
    }
}

impl Predictor {
    /// Opens a bundle.
    ///
    /// # Errors
    ///
    /// [`BundleError`] where the file is not a bundle that this program reads.
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        Self::of_bundle(Bundle::open(path)?).map_err(|error| BundleError::content(path, error))
    }

    pub(crate) fn of_bundle(bundle: Bundle) -> Result<Self, BundleError> {
        let device = Device::flex();
        let model = bundle.fitted.unloaded_model(&bundle.config, &device)?;
        let model = weights::load(model, bundle.weights)?;
        let Bundle { config, fitted, report, calibration, weights: _ } = bundle;
        Ok(Self { config, fitted, model, device, calibration, report })
    }

    /// A predictor of a model in training.
    #[must_use]
    pub fn of(config: Config, fitted: Fitted, model: &Model) -> Self {
        let model = at_prediction(model);
        let (device, calibration) = (Device::flex(), Calibration::default());
        Self { config, fitted, model, device, calibration, report: Value::Null }
    }

    /// The same with other weights, such as those of the epoch just trained.
    #[must_use]
    pub fn with_model(self, model: &Model) -> Self {
        Self { model: at_prediction(model), ..self }
    }

    /// The same with what the parts of its logits count.
    #[must_use]
    pub fn with_calibration(self, calibration: Calibration) -> Self {
        Self { calibration, ..self }
    }

    /// What the parts of its logits count.
    pub const fn calibration(&self) -> &Calibration {
        &self.calibration
    }

    /// What the model was asked to be.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What its preprocessing learned.
    pub fn fitted(&self) -> &Fitted {
        &self.fitted
    }

    /// What training said at its end, as in `test_statistics.json`.
    pub fn report(&self) -> &Value {
        &self.report
    }

    /// All of it, as it lies in a file.
    pub fn into_bundle(self, report: Value) -> Bundle {
        let weights: BTreeMap<_, _> = weights::named(&self.model);
        let Self { config, fitted, calibration, .. } = self;
        Bundle { config, fitted, report, calibration, weights }
    }

    /// The model's inputs of a table.
    ///
    /// # Errors
    ///
    /// [`BundleError::NoInputs`] where the table has none of the columns.
    pub fn features<'a>(&'a self, table: &'a Table) -> Result<FeatureSource<'a>, BundleError> {
        self.fitted.features(&self.config, table)
    }

    /// Predicts every row of a table, in its order.
    ///
    /// # Errors
    ///
    /// [`BundleError`] for the first cell that cannot be read.
    pub fn predict(&self, table: &Table) -> Result<Vec<RowPrediction>, BundleError> {
        let mut predictions = Vec::with_capacity(table.num_rows());
        let rows: Vec<usize> = (0..table.num_rows()).collect();
        let failed = self.predict_each(table, &rows, &mut |row| match row {
            Ok(row) => {
                predictions.push(row);
                ControlFlow::Continue(())
            }
            Err(error) => ControlFlow::Break(error),
        })?;
        failed.map_or(Ok(predictions), |error| Err(error.into()))
    }

    /// Predicts `rows` one after the other, in the order given and in bounded memory; `each` may
    /// stop it, and what it stops with is returned.
    ///
    /// # Errors
    ///
    /// [`BundleError::NoInputs`] where the table has none of the columns.
    ///
    /// # Panics
    ///
    /// If the table lacks one of the rows.
    pub fn predict_each<B>(
        &self,
        table: &Table,
        rows: &[usize],
        each: &mut dyn FnMut(Result<RowPrediction, ModalityError>) -> ControlFlow<B>,
    ) -> Result<Option<B>, BundleError> {
        let source = self.features(table)?;
        let batches: Vec<Vec<usize>> =
            rows.chunks(self.config.trainer.rows_per_evaluation()).map(<[usize]>::to_vec).collect();
        let flow = source.for_each_batch(&batches, PipelineLimits::default(), |results, _| {
            let readable: Vec<&RowFeatures> =
                results.iter().filter_map(|row| row.as_deref().ok()).collect();
            let mut predictions = self.predict_batch(&readable).into_iter();
            for result in results {
                let row = result.map(|_| predictions.next().expect("one for each readable row"));
                each(row)?;
            }
            ControlFlow::Continue(())
        });
        Ok(flow.break_value())
    }

    /// Predicts a batch of rows.
    pub fn predict_batch(&self, rows: &[&RowFeatures]) -> Vec<RowPrediction> {
        if rows.is_empty() {
            return Vec::new();
        }
        let scores = self.scores(&self.embed(rows));
        let row_of = |row| {
            let outputs = scores.iter().zip(&self.fitted.targets);
            outputs.map(|(scores, target)| prediction(target, scores.row(row))).collect()
        };
        (0..rows.len()).map(row_of).collect()
    }

    /// Encodes a batch of rows: one embedding for each input.
    pub fn embed(&self, rows: &[&RowFeatures]) -> Vec<Embedding> {
        let batches = self.fitted.collate(rows, |_, _| false, &self.device);
        self.model.encode(&batches, &self.device)
    }

    /// The scores of every output from the inputs' embeddings, which may have inputs hidden. A row
    /// with no input at all has the share of each class among the train rows, or their mean.
    ///
    /// # Panics
    ///
    /// If the device cannot hand back `f32` values.
    pub fn scores(&self, embeddings: &[Embedding]) -> Vec<OutputScores> {
        self.scores_of(&self.logits(embeddings))
    }

    /// The logits that are answered with.
    fn logits(&self, embeddings: &[Embedding]) -> Vec<Tensor<2>> {
        let logits = self.calibration.logits(&self.model, embeddings);
        prior::answered(logits, embeddings, &self.fitted.targets)
    }

    /// The logits of all inputs together, or of one alone, before they are weighed: for each output
    /// `[B, K]`.
    ///
    /// # Panics
    ///
    /// If there is not one embedding for each input column, or no such input.
    pub fn raw_logits(&self, embeddings: &[Embedding], alone: Option<usize>) -> Vec<OutputScores> {
        let logits = match alone {
            None => self.model.logits(&self.model.fuse(embeddings)),
            Some(input) => self.model.logits_alone(input, embeddings),
        };
        logits.into_iter().map(output_scores).collect()
    }

    /// The scores as [`Predictor::scores`] gives them, the logits that they are made of, and each
    /// output's mean loss over the rows that have a target, the weighted sum of all last.
    ///
    /// # Panics
    ///
    /// If the device cannot hand back `f32` values.
    pub fn answers(&self, embeddings: &[Embedding], targets: &[TargetBatch]) -> Answers {
        let logits = self.logits(embeddings);
        Answers {
            scores: self.scores_of(&logits),
            losses: loss_values(&self.model.loss(&logits, targets)),
            logits: logits.into_iter().map(output_scores).collect(),
        }
    }

    fn scores_of(&self, logits: &[Tensor<2>]) -> Vec<OutputScores> {
        self.model.probabilities(logits).into_iter().map(output_scores).collect()
    }
}

fn output_scores(scores: Tensor<2>) -> OutputScores {
    let num_outputs = scores.dims()[1];
    let values = scores.into_data().as_slice::<f32>().expect("scores are f32").to_vec();
    OutputScores { num_outputs, values }
}

/// Adapters are merged into their weights: a bundle has none.
fn at_prediction(model: &Model) -> Model {
    model.valid().materialize()
}

/// Each output's loss, and the weighted sum of all last.
///
/// # Panics
///
/// If the device cannot hand back `f32` values.
#[must_use]
pub fn loss_values(losses: &Losses) -> Vec<f64> {
    let all = losses.each.iter().chain([&losses.combined]).map(|loss| loss.clone().detach());
    let values = Tensor::cat(all.collect(), 0).into_data();
    values.as_slice::<f32>().expect("losses are f32").iter().map(|&loss| loss.into()).collect()
}

/// Reads one output's scores as what they mean.
fn prediction(target: &FittedTarget, scores: &[f32]) -> Prediction {
    match target {
        FittedTarget::Category(_) => {
            let label = target.classes()[most_probable(scores)].clone();
            Prediction::Category { label, probabilities: scores.to_vec() }
        }
        FittedTarget::Binary(_) => {
            let label = target.classes()[usize::from(scores[0] >= 0.5)].clone();
            Prediction::Binary { label, probability: scores[0] }
        }
        FittedTarget::Number(number) => Prediction::Number(number.unscaled(scores[0])),
    }
}

/// The first index of the highest score.
fn most_probable(scores: &[f32]) -> usize {
    (1..scores.len()).fold(0, |best, index| if scores[index] > scores[best] { index } else { best })
}
