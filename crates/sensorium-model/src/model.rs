//! The whole model: an encoder a column, one combiner, a head and a loss an output.

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use sensorium_core::{ColumnName, ConfigError, FeatureShape};
use serde::{Deserialize, Serialize};

use crate::combiner::{AnyCombiner, CombinerConfig, CombinerInput, Fused};
use crate::encoder::training::{self, EncoderTraining};
use crate::encoder::{AnyEncoder, EncoderConfig};
use crate::head::{AnyHead, HeadConfig, HeadInput};
use crate::loss::{AnyLoss, LossConfig, LossInput, TargetBatch};
use crate::pretrained::{PretrainedError, Published};
use crate::{Embedding, FeatureBatch, weights};

/// One input column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputSpec {
    /// The column.
    pub name: ColumnName,
    /// The sizes of its features.
    pub shape: FeatureShape,
    /// What reads them.
    pub encoder: EncoderConfig,
    /// What of it is trained.
    pub training: EncoderTraining,
}

/// One output column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputSpec {
    /// The column.
    pub name: ColumnName,
    /// `K`: the number of classes, or 1 for yes or no and for a number.
    pub num_outputs: usize,
    /// What makes the `K` numbers.
    pub head: HeadConfig,
    /// What says how far they are from the target.
    pub loss: LossConfig,
}

/// Everything that a [`Model`] is built from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSpec {
    /// The input columns, in the config's order; at least one.
    pub inputs: Vec<InputSpec>,
    /// What joins them.
    pub combiner: CombinerConfig,
    /// The output columns, in the config's order; at least one.
    pub outputs: Vec<OutputSpec>,
}

impl ModelSpec {
    fn check(&self) -> Result<(), ConfigError> {
        let inputs: Vec<_> = self.inputs.iter().map(|input| &input.name).collect();
        let outputs: Vec<_> = self.outputs.iter().map(|output| &output.name).collect();
        check_names("input_features", &inputs)?;
        check_names("output_features", &outputs)
    }
}

/// Refuses an empty list and a column that is named twice.
fn check_names(section: &str, names: &[&ColumnName]) -> Result<(), ConfigError> {
    if names.is_empty() {
        return Err(ConfigError::invalid(section, "empty", "at least one column"));
    }
    let mut seen = BTreeSet::new();
    match names.iter().enumerate().find(|(_, name)| !seen.insert(**name)) {
        None => Ok(()),
        Some((index, name)) => {
            let at = format!("{section}[{index}].name");
            Err(ConfigError::invalid(&at, format!("`{name}` again"), "each column once"))
        }
    }
}

/// A model of any number of input and output columns.
///
/// On a device with gradients ([`Device::autodiff`]) it trains; [`Module::valid`] gives the one
/// that predicts: no dropout, running statistics in place of the batch's.
#[derive(Module, Debug)]
pub struct Model {
    input_features: Vec<AnyEncoder>,
    combiner: AnyCombiner,
    output_features: Vec<AnyHead>,
    losses: Vec<AnyLoss>,
    #[module(skip)]
    input_names: Vec<ColumnName>,
    #[module(skip)]
    output_names: Vec<ColumnName>,
    #[module(skip)]
    input_specs: Vec<InputSpec>,
}

/// How far a batch is from its targets.
#[derive(Clone, Debug)]
pub struct Losses {
    /// The sum of `each`, each times its output's `weight`: `[1]`.
    pub combined: Tensor<1>,
    /// One mean for each output, in the config's order: `[1]`.
    pub each: Vec<Tensor<1>>,
    /// What training makes small: `combined`, and what [`Model::losses`] adds to it; `[1]`.
    pub objective: Tensor<1>,
}

impl Model {
    /// Builds the model and draws every weight, in the order of the config, from the device's
    /// generator: seed it ([`Device::seed`]) for the same weights again.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for the first field out of its range, placed as in the whole config
    /// (`input_features[1].encoder.…`, `combiner.…`, `output_features[0].decoder.…`, `….loss.…`).
    pub fn build(spec: &ModelSpec, device: &Device) -> Result<Self, ConfigError> {
        let model = Self::unloaded(spec, device)?;
        model.visit(&mut DrawWeights);
        Ok(model)
    }

    /// Builds the model without drawing its weights, for [`crate::weights::load`] to give them.
    ///
    /// A weight that is read before it is given is drawn then.
    ///
    /// # Errors
    ///
    /// As [`Model::build`].
    pub fn unloaded(spec: &ModelSpec, device: &Device) -> Result<Self, ConfigError> {
        spec.check()?;
        let input_features = each("input_features", &spec.inputs, |input| {
            input.encoder.build(&input.shape, device).map_err(|error| error.under("encoder"))
        })?;
        let widths = input_features.iter().map(AnyEncoder::output_width).collect();
        let combiner = spec.combiner.build(&CombinerInput { widths }, device);
        let combiner = combiner.map_err(|error| error.under("combiner"))?;
        let fused_width = combiner.as_dyn().output_width();
        let output_features = each("output_features", &spec.outputs, |output| {
            let input = HeadInput { fused_width, num_outputs: output.num_outputs };
            output.head.build(&input, device).map_err(|error| error.under("decoder"))
        })?;
        let losses = each("output_features", &spec.outputs, |output| {
            build_loss(output, device).map_err(|error| error.under("loss"))
        })?;
        Ok(Self {
            input_features,
            combiner,
            output_features,
            losses,
            input_names: spec.inputs.iter().map(|input| input.name.clone()).collect(),
            output_names: spec.outputs.iter().map(|output| output.name.clone()).collect(),
            input_specs: spec.inputs.clone(),
        })
    }

    /// The model with published weights in the encoder of one input.
    ///
    /// # Errors
    ///
    /// [`PretrainedError`] for the first tensor that is missing, of another shape or type, or that
    /// the encoder has no place for.
    ///
    /// # Panics
    ///
    /// If there is no such input.
    pub fn with_published(
        mut self,
        input: usize,
        published: &Published,
    ) -> Result<Self, PretrainedError> {
        let encoder = self.input_features[input].clone();
        let encoder = encoder.with_published(&self.input_specs[input].encoder, published)?;
        self.input_features[input] = encoder;
        Ok(self)
    }

    /// The model with what is not to be trained frozen, and adapters, drawn from the device's
    /// generator, where they are asked for.
    #[must_use]
    pub fn prepared(mut self) -> Self {
        let encoders = self.input_features.into_iter().zip(&self.input_specs);
        let encoders = encoders.map(|(encoder, spec)| {
            training::prepared(encoder, &spec.training, &spec.encoder.namings())
        });
        self.input_features = encoders.collect();
        self
    }

    /// What the learning rate of each weight is multiplied with, by its name; those of 1 are left
    /// out.
    pub(crate) fn rate_factors(&self) -> BTreeMap<String, f64> {
        let inputs = self.input_features.iter().zip(&self.input_specs);
        let factors = inputs.filter(|(_, spec)| spec.training.layer_decay < 1.0);
        let factors = factors.flat_map(|(encoder, spec)| {
            let column = weights::escaped(&spec.name);
            let factors = training::rate_factors(encoder, &spec.training);
            factors.into_iter().map(move |(path, factor)| {
                (format!("input_features.{column}.encoder.{path}"), factor)
            })
        });
        factors.collect()
    }

    /// The inputs whose encoder never moves, so that it need not be trained, saved with a
    /// checkpoint, or run twice on a row.
    pub fn frozen_inputs(&self) -> Vec<usize> {
        (0..self.input_features.len()).filter(|&input| self.is_frozen(input)).collect()
    }

    fn is_frozen(&self, input: usize) -> bool {
        let (encoder, spec) = (&self.input_features[input], &self.input_specs[input]);
        spec.training.is_frozen() && !training::has_own_modules(encoder, &spec.encoder.namings())
    }

    /// The width of what an input's encoder gives.
    ///
    /// # Panics
    ///
    /// If there is no such input.
    pub fn input_width(&self, input: usize) -> usize {
        self.input_features[input].output_width()
    }

    /// Whether the combiner reads the token sequences and not the pooled vectors alone.
    pub fn reads_tokens(&self) -> bool {
        self.combiner.as_dyn().reads_tokens()
    }

    /// Encodes the present rows of one column. A frozen encoder runs apart from the graph, as at
    /// prediction.
    ///
    /// # Panics
    ///
    /// If there is no such input, or the batch is not of its layout.
    #[must_use]
    pub fn encode_input(&self, input: usize, batch: &FeatureBatch, device: &Device) -> Embedding {
        let encoder = &self.input_features[input];
        if !device.is_autodiff() || !self.is_frozen(input) {
            return encoder.encode(batch, device);
        }
        encoder.valid().encode(&batch.inner(), &device.clone().inner()).tracked()
    }

    /// Encodes the present rows of every column.
    ///
    /// # Shapes
    ///
    /// - `batches`: one for each input column, in the config's order, of the same `B` rows
    /// - returns: one for each input column
    ///
    /// # Panics
    ///
    /// If there is not one batch for each input column.
    #[must_use]
    pub fn encode(&self, batches: &[FeatureBatch], device: &Device) -> Vec<Embedding> {
        assert_eq!(batches.len(), self.input_features.len(), "one batch for each input column");
        let batches = batches.iter().enumerate();
        batches.map(|(input, batch)| self.encode_input(input, batch, device)).collect()
    }

    /// Joins the embeddings of all columns into one vector a row.
    ///
    /// # Panics
    ///
    /// If there is not one embedding for each input column.
    #[must_use]
    pub fn fuse(&self, embeddings: &[Embedding]) -> Fused {
        assert_eq!(embeddings.len(), self.input_features.len(), "one embedding for each column");
        self.combiner.as_dyn().forward(embeddings)
    }

    /// What each output's loss reads: one `[B, K]` for each output, in the config's order.
    #[must_use]
    pub fn logits(&self, fused: &Fused) -> Vec<Tensor<2>> {
        self.output_features.iter().map(|head| head.as_dyn().forward(fused.fused.clone())).collect()
    }

    /// What a person reads: one `[B, K]` for each output, of probabilities or of numbers.
    ///
    /// # Panics
    ///
    /// If there is not one `[B, K]` for each output.
    #[must_use]
    pub fn probabilities(&self, logits: &[Tensor<2>]) -> Vec<Tensor<2>> {
        assert_eq!(logits.len(), self.output_features.len(), "one for each output");
        let heads = self.output_features.iter().zip(logits);
        heads.map(|(head, logits)| head.as_dyn().probabilities(logits.clone())).collect()
    }

    /// How far the outputs are from their targets; rows without a target are left out.
    ///
    /// # Panics
    ///
    /// If there is not one `[B, K]` and one target a row for each output, in the config's order.
    #[must_use]
    pub fn loss(&self, logits: &[Tensor<2>], targets: &[TargetBatch]) -> Losses {
        assert_eq!(logits.len(), self.losses.len(), "logits for each output");
        assert_eq!(targets.len(), self.losses.len(), "targets for each output");
        let losses = self.losses.iter().map(AnyLoss::as_dyn);
        let each: Vec<Tensor<1>> = losses
            .clone()
            .zip(logits.iter().zip(targets))
            .map(|(loss, (logits, targets))| loss.forward(logits.clone(), targets))
            .collect();
        let weighted = losses.zip(&each).map(|(loss, mean)| mean.clone() * loss.weight()).collect();
        let combined = Tensor::cat(weighted, 0).sum();
        Losses { objective: combined.clone(), combined, each }
    }

    /// The number of trained numbers, running statistics included.
    pub fn num_parameters(&self) -> usize {
        self.num_params()
    }

    /// The input columns, in the config's order.
    pub fn input_names(&self) -> &[ColumnName] {
        &self.input_names
    }

    /// The output columns, in the config's order.
    pub fn output_names(&self) -> &[ColumnName] {
        &self.output_names
    }
}

/// Builds one part for each entry of a section, its mistakes placed.
fn each<S, T>(
    section: &str,
    specs: &[S],
    build: impl Fn(&S) -> Result<T, ConfigError>,
) -> Result<Vec<T>, ConfigError> {
    let specs = specs.iter().enumerate();
    specs
        .map(|(index, spec)| {
            build(spec).map_err(|error| error.under(&format!("{section}[{index}]")))
        })
        .collect()
}

fn build_loss(output: &OutputSpec, device: &Device) -> Result<AnyLoss, ConfigError> {
    let loss = output.loss.build(&LossInput { num_outputs: output.num_outputs }, device)?;
    let (name, head) = (output.loss.name(), output.head.name());
    if loss.as_dyn().heads().contains(&head) {
        return Ok(loss);
    }
    let usual = LossConfig::from(&output.head);
    Err(ConfigError::Conflict {
        at: "type".to_owned(),
        problem: format!("the loss `{name}` does not read a {head} output"),
        advice: format!("the usual loss of a {head} output is `{}`", usual.name()),
    })
}

/// Burn draws a weight when it is first read; reading all of them here fixes the order.
struct DrawWeights;

impl ModuleVisitor for DrawWeights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        drop(param.val());
    }
}

#[cfg(test)]
mod tests {
    use sensorium_modality::Features;
    use serde_json::json;

    use super::*;
    use crate::testkit::{assert_close, model_spec as spec, values};
    use crate::weights;

    /// Rows of three columns; the second column is absent in row 1, all are in row 3.
    fn batches(device: &Device) -> Vec<FeatureBatch> {
        let present =
            [[true, true, true, false], [true, false, true, false], [true, true, true, false]];
        let columns = present.into_iter().zip([2, 3, 1]).enumerate();
        columns.map(|(column, (present, width))| batch(column, &present, width, device)).collect()
    }

    fn batch(column: usize, present: &[bool], width: usize, device: &Device) -> FeatureBatch {
        let number = |row: usize, index: usize| ((column * 17 + row * 5 + index) as f32).sin();
        let features = |row| Features::Vector((0..width).map(|index| number(row, index)).collect());
        let rows: Vec<Features> = (0..present.len()).map(features).collect();
        let rows: Vec<Option<&Features>> =
            rows.iter().zip(present).map(|(row, &present)| present.then_some(row)).collect();
        FeatureBatch::collate(&rows, &FeatureShape::Vector { width }, device)
    }

    fn logits(model: &Model, batches: &[FeatureBatch], device: &Device) -> Vec<Tensor<2>> {
        model.logits(&model.fuse(&model.encode(batches, device)))
    }

    fn targets() -> Vec<TargetBatch> {
        vec![
            TargetBatch::Class(vec![Some(0), Some(2), None, Some(1)]),
            TargetBatch::Class(vec![Some(1), Some(0), Some(1), None]),
            TargetBatch::Number(vec![Some(0.5), Some(-1.0), Some(2.0), Some(0.0)]),
        ]
    }

    #[test]
    fn every_combiner_makes_a_model_whose_rows_do_not_depend_on_their_batch() {
        let device = Device::flex();
        for (name, _) in CombinerConfig::COMPONENTS {
            let model = Model::build(&spec(name), &device).unwrap();
            let batch = logits(&model, &batches(&device), &device);
            for row in 0..4 {
                let alone: Vec<FeatureBatch> =
                    batches(&device).iter().map(|batch| only(batch, row)).collect();
                let alone = logits(&model, &alone, &device);
                for (output, (alone, batch)) in alone.iter().zip(&batch).enumerate() {
                    let expected = values(&batch.clone().narrow(0, row, 1));
                    assert_close(
                        &format!("{name}, row {row}, output {output}"),
                        alone,
                        &expected,
                        1e-5,
                    );
                }
            }
        }
    }

    fn only(batch: &FeatureBatch, row: usize) -> FeatureBatch {
        let before = batch.present[..row].iter().filter(|&&present| present).count();
        let values = batch.values.clone().filter(|_| batch.present[row]);
        let values = values.map(|values| match values {
            crate::FeatureValues::Vector(all) => {
                crate::FeatureValues::Vector(all.narrow(0, before, 1))
            }
            other => other,
        });
        FeatureBatch { present: vec![batch.present[row]], values }
    }

    #[test]
    fn every_model_is_the_same_after_save_and_load() {
        let device = Device::flex();
        for (name, _) in CombinerConfig::COMPONENTS {
            let model = Model::build(&spec(name), &device).unwrap();
            let other = Model::build(&spec(name), &device).unwrap();
            let expected = logits(&model, &batches(&device), &device);
            let before = logits(&other, &batches(&device), &device);
            assert_ne!(values(&before[0]), values(&expected[0]), "{name}: weights are drawn anew");

            let unloaded = Model::unloaded(&spec(name), &device).unwrap();
            for empty in [unloaded, other] {
                let loaded = weights::load(empty, weights::named(&model)).unwrap();
                let actual = logits(&loaded, &batches(&device), &device);
                for (actual, expected) in actual.iter().zip(&expected) {
                    assert_eq!(
                        actual.to_data().as_bytes(),
                        expected.to_data().as_bytes(),
                        "{name}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_parameter_of_every_model_receives_a_gradient() {
        let device = Device::flex().autodiff();
        for (name, _) in CombinerConfig::COMPONENTS {
            let model = Model::build(&spec(name), &device).unwrap();
            let logits = logits(&model, &batches(&device), &device);
            let grads = model.loss(&logits, &targets()).combined.backward();
            let mut visitor = Unreached { grads: &grads, shapes: Vec::new() };
            model.visit(&mut visitor);
            assert_eq!(
                visitor.shapes,
                Vec::<Vec<usize>>::new(),
                "{name}: shapes without a gradient"
            );
        }
    }

    struct Unreached<'a> {
        grads: &'a burn::tensor::Gradients,
        shapes: Vec<Vec<usize>>,
    }

    impl ModuleVisitor for Unreached<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if param.is_require_grad() && param.val().grad(self.grads).is_none() {
                self.shapes.push(param.val().dims().to_vec());
            }
        }
    }

    #[test]
    fn a_subset_of_embeddings_is_the_batch_without_those_cells() {
        let device = Device::flex();
        let model = Model::build(&spec("transformer"), &device).unwrap();
        let batches = batches(&device);
        let mut embeddings = model.encode(&batches, &device);
        embeddings[0] = embeddings[0].keep(&[false; 4]);
        let kept = model.logits(&model.fuse(&embeddings));

        let mut without = batches;
        without[0] = FeatureBatch { present: vec![false; 4], values: None };
        for (kept, without) in kept.iter().zip(logits(&model, &without, &device)) {
            assert_close("logits", kept, &values(&without), 1e-6);
        }
    }

    #[test]
    fn the_combined_loss_is_the_weighted_sum() {
        let device = Device::flex();
        let mut spec = spec("concat");
        spec.outputs[1].loss =
            LossConfig::read("binary_weighted_cross_entropy", json!({"weight": 3})).unwrap();
        let model = Model::build(&spec, &device).unwrap();
        let losses = model.loss(&logits(&model, &batches(&device), &device), &targets());
        let each: Vec<f32> = losses.each.iter().flat_map(values).collect();
        assert_close("combined", &losses.combined, &[each[0] + 3.0 * each[1] + each[2]], 1e-5);
    }

    #[test]
    fn probabilities_have_the_shape_of_the_logits() {
        let device = Device::flex();
        let model = Model::build(&spec("concat"), &device).unwrap();
        let logits = logits(&model, &batches(&device), &device);
        let probabilities = model.probabilities(&logits);
        assert_eq!(
            probabilities.iter().map(Tensor::dims).collect::<Vec<_>>(),
            [[4, 3], [4, 1], [4, 1]]
        );
        assert_close("sums", &probabilities[0].clone().sum_dim(1), &[1.0; 4], 1e-6);
        assert_eq!(values(&probabilities[2]), values(&logits[2]), "a number is handed on");
    }

    #[test]
    fn mistakes_are_placed_in_the_whole_config() {
        let message =
            |spec: &ModelSpec| Model::unloaded(spec, &Device::flex()).unwrap_err().to_string();
        let mut wrong = spec("concat");
        wrong.combiner = CombinerConfig::read("concat", json!({"dropout": 2})).unwrap();
        assert!(message(&wrong).starts_with("`combiner.dropout` is 2, but"), "{}", message(&wrong));

        let mut wrong = spec("concat");
        wrong.outputs[2].head = HeadConfig::read("number", json!({"fc_dropout": 2})).unwrap();
        let placed = "`output_features[2].decoder.fc_dropout` is 2, but";
        assert!(message(&wrong).starts_with(placed), "{}", message(&wrong));

        let mut wrong = spec("concat");
        wrong.outputs[0].loss = LossConfig::read("huber", json!({})).unwrap();
        assert_eq!(
            message(&wrong),
            "`output_features[0].loss.type`: the loss `huber` does not read a category output"
        );

        let mut wrong = spec("concat");
        wrong.inputs[2].name = ColumnName::from("a");
        assert_eq!(
            message(&wrong),
            "`input_features[2].name` is `a` again, but each column once was expected"
        );

        let mut wrong = spec("concat");
        wrong.outputs.clear();
        assert_eq!(
            message(&wrong),
            "`output_features` is empty, but at least one column was expected"
        );
    }

    #[test]
    fn a_spec_is_the_same_after_json() {
        for (name, _) in CombinerConfig::COMPONENTS {
            let spec = spec(name);
            let text = serde_json::to_string(&spec).unwrap();
            assert_eq!(serde_json::from_str::<ModelSpec>(&text).unwrap(), spec, "{text}");
        }
    }
}
