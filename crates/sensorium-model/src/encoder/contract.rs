//! What every encoder promises, walked over every list of encoders.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use sensorium_core::{FeatureShape, Layout, Seed};
use serde_json::{Value, json};

use super::{AnyEncoder, EncoderConfig};
use crate::testkit::values;
use crate::{Embedding, FeatureBatch, FeatureValues};

/// Sums of a few hundred products in f32, in another order where the batch is larger.
const TOLERANCE: f32 = 1e-5;
/// A row of one step, rows shorter than any kernel, and rows longer than all of them.
const LENGTHS: [usize; 6] = [1, 9, 2, 23, 4, 13];
const VOCABULARY_SIZE: usize = 30;

/// An encoder to be judged.
struct Case {
    what: String,
    config: EncoderConfig,
    shape: FeatureShape,
}

impl Case {
    /// With `section` over what keeps a published encoder small.
    fn new(layout: Layout, name: &str, section: &Value) -> Self {
        let section = with(small(name), section);
        let config = EncoderConfig::read(layout, name, section.clone()).unwrap();
        let shape = fitting(layout, name);
        Self { what: format!("{name} of {layout} with {section}"), config, shape }
    }

    fn build(&self, device: &Device) -> AnyEncoder {
        device.seed(7);
        let encoder = self.config.build(&self.shape, device).unwrap();
        // Parameters are drawn when they are first read: all of them now, in one order.
        encoder.visit(&mut Draw);
        encoder
    }

    /// An encoder outside training whose running statistics have moved.
    fn trained(&self) -> AnyEncoder {
        let device = Device::flex().autodiff();
        let encoder = self.build(&device);
        for seed in 0..3 {
            let _ = encoder.encode(&Rows::drawn(self, seed).batch(&device), &device);
        }
        encoder.valid()
    }
}

/// The keys of one section, and over them those of another.
fn with(section: Value, other: &Value) -> Value {
    let (Value::Object(mut section), Value::Object(other)) = (section, other.clone()) else {
        panic!("a section is an object")
    };
    section.extend(other);
    Value::Object(section)
}

/// What makes a published encoder small: as they are published, most are too large to be walked.
fn small(name: &str) -> Value {
    let transformer = json!({"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 24});
    match name {
        "ast" => with(
            transformer,
            &json!({"num_mel_bins": 5, "max_length": 40, "patch_size": 4,
            "frequency_stride": 1, "time_stride": 3, "num_classes": 6}),
        ),
        "bert" | "clip_text" => transformer,
        "clip_vision" => with(transformer, &json!({"image_size": 16, "patch_size": 8})),
        "vit" => with(transformer, &json!({"image_size": 16, "patch_size": 8, "num_classes": 6})),
        "gpt2" => json!({"n_embd": 16, "n_layer": 2, "n_head": 2, "n_inner": 24}),
        "resnet" => json!({"depths": [1, 1, 1, 1], "hidden_sizes": [8, 8, 16, 16],
            "embedding_size": 8}),
        "vgg" => json!({"model_variant": 11}),
        "wav2vec2" => with(
            transformer,
            &json!({"conv_dim": [8, 8], "conv_kernel": [4, 3],
            "conv_stride": [2, 2], "num_conv_pos_embeddings": 4,
            "num_conv_pos_embedding_groups": 2}),
        ),
        "whisper" => json!({"num_mel_bins": 5, "d_model": 16, "encoder_layers": 2,
            "encoder_attention_heads": 2, "encoder_ffn_dim": 24}),
        _ => json!({}),
    }
}

/// Features that an encoder reads.
fn fitting(layout: Layout, name: &str) -> FeatureShape {
    let grid = |height, width| FeatureShape::Grid { channels: 3, height, width };
    let sequence = |width| FeatureShape::Sequence { max_length: 40, width };
    match (layout, name) {
        (Layout::Grid, "vit" | "clip_vision") => grid(16, 16),
        (Layout::Grid, "vgg") => grid(40, 32),
        (Layout::Grid, _) => grid(24, 20),
        (Layout::Sequence, "wav2vec2") => sequence(1),
        (Layout::Sequence, "yamnet") => sequence(64),
        (Layout::Sequence, _) => sequence(5),
        (Layout::Tokens, _) => {
            FeatureShape::Tokens { max_length: 40, vocabulary_size: VOCABULARY_SIZE }
        }
        (Layout::Vector, _) => FeatureShape::Vector { width: 7 },
    }
}

/// Whether an encoder reads features of a layout: published encoders of sequences read words or
/// sounds, and refuse the other.
fn reads(layout: Layout, name: &str) -> bool {
    match layout {
        Layout::Tokens => !["ast", "wav2vec2", "whisper", "yamnet"].contains(&name),
        Layout::Sequence => !["bert", "clip_text", "gpt2"].contains(&name),
        Layout::Grid | Layout::Vector => true,
    }
}

struct Draw;

impl ModuleVisitor for Draw {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let _ = param.val();
    }
}

/// Every encoder with its defaults for every layout that it reads, and the ways that matter.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for component in EncoderConfig::components() {
        let layouts = component.layouts.iter().filter(|&&layout| reads(layout, component.name));
        cases.extend(layouts.map(|&layout| Case::new(layout, component.name, &json!({}))));
    }
    for (layout, name, section) in published_sections() {
        cases.push(Case::new(layout, name, &section));
    }
    for (name, section) in sequence_sections() {
        cases.push(Case::new(Layout::Sequence, name, &section));
        cases.push(Case::new(Layout::Tokens, name, &section));
    }
    for section in [
        json!({"conv_norm": null, "pooling": "flatten", "conv_dropout": 0.2}),
        json!({"conv_norm": "layer", "pool_function": "avg", "num_conv_layers": 2, "stride": 2}),
        json!({"kernel_size": [4, 3], "padding": "valid", "num_conv_layers": 2, "fc_norm": "layer"}),
        json!({"kernel_size": 2, "padding": 1, "num_conv_layers": 1, "num_fc_layers": 0}),
    ] {
        cases.push(Case::new(Layout::Grid, "stacked_cnn", &section));
    }
    let dense = json!({"num_layers": 2, "norm": "layer", "dropout": 0.2, "activation": "gelu"});
    cases.push(Case::new(Layout::Vector, "dense", &dense));
    cases
}

fn published_sections() -> Vec<(Layout, &'static str, Value)> {
    let logits = json!({"output_layer": "logits", "num_classes": 6});
    vec![
        (Layout::Grid, "resnet", with(json!({"layer_type": "basic"}), &logits)),
        (Layout::Grid, "efficientnet", with(json!({"model_variant": "lite0"}), &logits)),
        (Layout::Grid, "mobilenetv3", with(json!({"model_variant": "small"}), &logits)),
        (Layout::Grid, "vit", with(json!({"reduce_output": "mean", "qkv_bias": false}), &logits)),
        (Layout::Sequence, "ast", with(json!({"reduce_output": "mean"}), &logits)),
        (Layout::Sequence, "yamnet", with(json!({"batch_norm": false}), &logits)),
        (
            Layout::Sequence,
            "wav2vec2",
            json!({"feat_extract_norm": "layer", "do_stable_layer_norm": true, "conv_bias": true,
                "num_conv_pos_embeddings": 3}),
        ),
        (Layout::Tokens, "clip_text", json!({"eos_token_id": 7})),
        (Layout::Tokens, "bert", json!({"reduce_output": "attention", "type_vocab_size": 0})),
    ]
}

fn sequence_sections() -> Vec<(&'static str, Value)> {
    let mut sections = vec![
        ("embed", json!({"reduce_output": "attention", "dropout": 0.3, "num_fc_layers": 0})),
        ("embed", json!({"fc_layers": [{"output_size": 9, "norm": "layer"}]})),
        ("parallel_cnn", json!({"norm": "batch", "num_conv_layers": 6, "num_filters": 8})),
        ("parallel_cnn", json!({"norm": "layer", "pool_size": 3, "reduce_output": "sum"})),
        ("parallel_cnn", json!({"conv_layers": [{"filter_size": 40, "num_filters": 3}, {}]})),
        ("stacked_cnn", json!({"padding": "valid", "num_conv_layers": 2, "filter_size": 4})),
        ("stacked_cnn", json!({"padding": 3, "filter_size": 4, "strides": 2, "pool_size": null})),
        ("stacked_cnn", json!({"pool_function": "avg", "pool_size": 3, "pool_strides": 2})),
        ("stacked_cnn", json!({"norm": "layer", "reduce_output": "max", "activation": "tanh"})),
        ("stacked_cnn", json!({"conv_layers": [{"pool_size": 5, "pool_strides": 1}, {}]})),
        ("transformer", json!({"num_layers": 1, "reduce_output": "attention"})),
    ];
    for cell_type in ["rnn", "lstm", "gru"] {
        let one = json!({"cell_type": cell_type, "reduce_output": "mean"});
        let both = json!({"cell_type": cell_type, "bidirectional": true, "num_layers": 2,
            "recurrent_dropout": 0.2});
        sections.extend([("rnn", one), ("rnn", both)]);
    }
    sections
}

/// The features of a few rows, each of its own length, kept apart from any tensor.
struct Rows {
    shape: FeatureShape,
    rows: Vec<Vec<f32>>,
}

impl Rows {
    fn drawn(case: &Case, seed: u64) -> Self {
        let seed = Seed::new(seed);
        let rows = LENGTHS.iter().enumerate().map(|(row, &length)| {
            let seed = seed.at(row as u64);
            let size = Self::step(&case.shape) * Self::steps(&case.shape, length);
            (0..size).map(|index| Self::number(&case.shape, seed.at(index as u64))).collect()
        });
        Self { shape: case.shape, rows: rows.collect() }
    }

    fn number(shape: &FeatureShape, seed: Seed) -> f32 {
        let draw = (seed.value() >> 40) as f32 / (1 << 24) as f32;
        match shape {
            FeatureShape::Tokens { vocabulary_size, .. } => {
                1.0 + (draw * (vocabulary_size - 1) as f32).floor()
            }
            _ => 4.0 * draw - 2.0,
        }
    }

    /// Numbers in one step.
    fn step(shape: &FeatureShape) -> usize {
        match *shape {
            FeatureShape::Vector { width } | FeatureShape::Sequence { width, .. } => width,
            FeatureShape::Grid { channels, height, width } => channels * height * width,
            FeatureShape::Tokens { .. } => 1,
        }
    }

    fn steps(shape: &FeatureShape, length: usize) -> usize {
        match shape {
            FeatureShape::Vector { .. } | FeatureShape::Grid { .. } => 1,
            FeatureShape::Sequence { .. } | FeatureShape::Tokens { .. } => length,
        }
    }

    fn only(&self, row: usize) -> Self {
        Self { shape: self.shape, rows: vec![self.rows[row].clone()] }
    }

    fn batch(&self, device: &Device) -> FeatureBatch {
        self.padded_batch(0, 0.0, device)
    }

    /// All rows present, with `more` steps of padding than needed, all of it `filler`.
    fn padded_batch(&self, more: usize, filler: f32, device: &Device) -> FeatureBatch {
        let present = vec![true; self.rows.len()];
        FeatureBatch { present, values: Some(self.values(more, filler, device)) }
    }

    fn values(&self, more: usize, filler: f32, device: &Device) -> FeatureValues {
        let step = Self::step(&self.shape);
        let lengths: Vec<usize> = self.rows.iter().map(|row| row.len() / step).collect();
        let longest = lengths.iter().max().unwrap();
        let steps = if *longest == 1 && !self.in_time() { 1 } else { longest + more };
        let mut flat = Vec::new();
        for row in &self.rows {
            flat.extend(row);
            flat.resize(flat.len() + steps * step - row.len(), filler);
        }
        let rows = self.rows.len();
        match self.shape {
            FeatureShape::Vector { width } => FeatureValues::Vector(Tensor::from_data(
                TensorData::new(flat, [rows, width]),
                device,
            )),
            FeatureShape::Grid { channels, height, width } => {
                let data = TensorData::new(flat, [rows, channels, height, width]);
                FeatureValues::Grid(Tensor::from_data(data, device))
            }
            FeatureShape::Sequence { width, .. } => {
                let values = Tensor::from_data(TensorData::new(flat, [rows, steps, width]), device);
                FeatureValues::Sequence { values, lengths }
            }
            FeatureShape::Tokens { .. } => {
                let ids = TensorData::new(flat, [rows, steps]).convert::<i64>();
                FeatureValues::Tokens { ids: Tensor::<2, Int>::from_data(ids, device), lengths }
            }
        }
    }

    fn in_time(&self) -> bool {
        matches!(self.shape, FeatureShape::Sequence { .. } | FeatureShape::Tokens { .. })
    }
}

/// One row of an embedding, with its masked tokens left out.
#[derive(Debug)]
struct Row {
    pooled: Vec<f32>,
    tokens: Vec<f32>,
}

fn row(embedding: &Embedding, row: usize) -> Row {
    let mask: Vec<bool> = embedding.mask.clone().narrow(0, row, 1).into_data().iter().collect();
    let tokens = values(&embedding.tokens.clone().narrow(0, row, 1));
    let width = tokens.len() / mask.len();
    let real = tokens.chunks(width).zip(&mask).filter(|&(_, &real)| real);
    Row {
        pooled: values(&embedding.pooled.clone().narrow(0, row, 1)),
        tokens: real.flat_map(|(token, _)| token.to_vec()).collect(),
    }
}

#[track_caller]
fn assert_same(what: &str, actual: &Row, expected: &Row) {
    for (part, actual, expected) in
        [("pooled", &actual.pooled, &expected.pooled), ("tokens", &actual.tokens, &expected.tokens)]
    {
        assert_eq!(actual.len(), expected.len(), "{what}: {part}");
        for (index, (&got, &want)) in actual.iter().zip(expected).enumerate() {
            let near = (got - want).abs() <= TOLERANCE * want.abs().max(1.0);
            assert!(near, "{what}: {part}[{index}] is {got}, but {want} was expected");
        }
    }
}

#[test]
fn a_row_alone_equals_the_row_in_a_batch() {
    let device = Device::flex();
    for case in cases() {
        let encoder = case.trained();
        let rows = Rows::drawn(&case, 11);
        let together = encoder.encode(&rows.batch(&device), &device);
        assert_eq!(together.pooled.dims(), [LENGTHS.len(), encoder.output_width()]);
        for index in 0..LENGTHS.len() {
            let alone = encoder.encode(&rows.only(index).batch(&device), &device);
            let what = format!("{}, row {index}", case.what);
            assert_same(&what, &row(&together, index), &row(&alone, 0));
        }
    }
}

#[test]
fn what_padding_holds_reaches_nothing() {
    let device = Device::flex();
    for case in cases() {
        let encoder = case.trained();
        let rows = Rows::drawn(&case, 12);
        let filler = if matches!(case.shape, FeatureShape::Tokens { .. }) { 3.0 } else { f32::NAN };
        let plain = encoder.encode(&rows.batch(&device), &device);
        let padded = encoder.encode(&rows.padded_batch(9, filler, &device), &device);
        let hidden = padded.mask.clone().bool_not().unsqueeze_dim::<3>(2).float();
        let hidden = values(&(padded.tokens.clone() * hidden));
        assert!(hidden.iter().all(|&value| value == 0.0), "{}: masked tokens are zero", case.what);
        for index in 0..LENGTHS.len() {
            assert_same(&case.what, &row(&padded, index), &row(&plain, index));
        }
    }
}

#[test]
fn absent_rows_are_zeros_and_change_no_other() {
    let device = Device::flex();
    for case in cases() {
        let encoder = case.trained();
        let batch = Rows::drawn(&case, 13).batch(&device);
        let plain = encoder.encode(&batch, &device);
        let mut present = Vec::new();
        for _ in 0..LENGTHS.len() {
            present.extend([false, true, false]);
        }
        let sparse = encoder.encode(&FeatureBatch { present, ..batch }, &device);
        for index in 0..3 * LENGTHS.len() {
            let actual = row(&sparse, index);
            if index % 3 == 1 {
                assert_same(&case.what, &actual, &row(&plain, index / 3));
            } else {
                assert!(actual.pooled.iter().all(|&value| value == 0.0), "{}", case.what);
                assert!(actual.tokens.is_empty(), "{}: an absent row has no token", case.what);
            }
        }
    }
}

#[test]
fn a_batch_without_a_present_row_is_all_zeros() {
    for device in [Device::flex(), Device::flex().autodiff()] {
        for case in cases() {
            let encoder = case.build(&device);
            let batch = FeatureBatch { present: vec![false; 2], values: None };
            let Embedding { pooled, tokens, mask, present } = encoder.encode(&batch, &device);
            let width = encoder.output_width();
            assert_eq!((pooled.dims(), tokens.dims()), ([2, width], [2, 1, width]));
            assert!(values(&pooled).iter().chain(&values(&tokens)).all(|&value| value == 0.0));
            assert!(!mask.any().into_scalar::<bool>() && !present.any().into_scalar::<bool>());
        }
    }
}

/// The same batch with its values as leaves that gradients reach, where they are numbers.
fn leaf(batch: &FeatureBatch) -> (FeatureBatch, Option<Tensor<2>>) {
    let present = batch.present.clone();
    let (values, leaf) = match batch.values.clone().unwrap() {
        FeatureValues::Vector(values) => {
            let leaf = values.require_grad();
            (FeatureValues::Vector(leaf.clone()), leaf)
        }
        FeatureValues::Grid(values) => {
            let dims = values.dims();
            let leaf = values.flatten::<2>(1, 3).require_grad();
            (FeatureValues::Grid(leaf.clone().reshape(dims)), leaf)
        }
        FeatureValues::Sequence { values, lengths } => {
            let dims = values.dims();
            let leaf = values.flatten::<2>(1, 2).require_grad();
            (FeatureValues::Sequence { values: leaf.clone().reshape(dims), lengths }, leaf)
        }
        tokens @ (FeatureValues::Tokens { .. } | FeatureValues::Encoded(_)) => {
            return (FeatureBatch { present, values: Some(tokens) }, None);
        }
    };
    (FeatureBatch { present, values: Some(values) }, Some(leaf))
}

/// A sum in which every number of the embedding has its own weight.
fn weighed(embedding: &Embedding) -> Tensor<1> {
    fn weigh<const D: usize>(tensor: &Tensor<D>) -> Tensor<1> {
        let numbers = values(tensor).len();
        let weights: Vec<f32> = (0..numbers).map(|index| (index as f32 * 0.7).sin()).collect();
        let weights = TensorData::new(weights, tensor.dims());
        (tensor.clone() * Tensor::from_data(weights, &tensor.device())).sum()
    }
    weigh(&embedding.pooled) + weigh(&embedding.tokens)
}

/// Names parameters as they are entered, and checks the gradient of each.
struct GradientCheck<'a> {
    what: &'a str,
    gradients: &'a Gradients,
    path: Vec<String>,
    found: usize,
}

impl ModuleVisitor for GradientCheck<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.join(".");
        if name.contains("running_") {
            return;
        }
        let gradient = param.val().grad(self.gradients);
        let gradient = gradient.unwrap_or_else(|| panic!("{}: {name} got none", self.what));
        let gradient = values(&gradient);
        assert!(gradient.iter().all(|value| value.is_finite()), "{}: {name}", self.what);
        assert!(gradient.iter().any(|&value| value != 0.0), "{}: {name}", self.what);
        self.found += 1;
    }
}

#[test]
fn every_present_row_and_every_parameter_gets_a_gradient() {
    let device = Device::flex().autodiff();
    for case in cases() {
        let encoder = case.build(&device);
        let rows = Rows::drawn(&case, 14);
        let (batch, leaf) = leaf(&rows.padded_batch(3, 0.0, &device));
        let embedding = encoder.encode(&batch, &device);
        let gradients = weighed(&embedding).backward();
        let mut check =
            GradientCheck { what: &case.what, gradients: &gradients, path: vec![], found: 0 };
        encoder.visit(&mut check);
        assert!(check.found > 0 || case.config.name() == "passthrough", "{}", case.what);
        let Some(leaf) = leaf else { continue };
        let gradient = leaf.grad(&gradients).unwrap();
        for (index, features) in rows.rows.iter().enumerate() {
            let gradient = values(&gradient.clone().narrow(0, index, 1));
            let (real, padding) = gradient.split_at(features.len());
            assert!(real.iter().all(|value| value.is_finite()), "{}: row {index}", case.what);
            assert!(real.iter().any(|&value| value != 0.0), "{}: row {index}", case.what);
            assert!(padding.iter().all(|&value| value == 0.0), "{}: row {index}", case.what);
        }
    }
}

#[test]
fn one_short_row_alone_can_be_learned_from() {
    let device = Device::flex().autodiff();
    for case in cases() {
        let encoder = case.build(&device);
        let (batch, leaf) = leaf(&Rows::drawn(&case, 15).only(0).batch(&device));
        let embedding = encoder.encode(&batch, &device);
        let loss = weighed(&embedding);
        assert!(values(&loss)[0].is_finite(), "{}", case.what);
        let gradients = loss.backward();
        let Some(leaf) = leaf else { continue };
        let gradient = values(&leaf.grad(&gradients).unwrap());
        assert!(gradient.iter().all(|value| value.is_finite()), "{}", case.what);
        assert!(gradient.iter().any(|&value| value != 0.0), "{}", case.what);
    }
}

#[test]
fn save_and_load_change_nothing() {
    let device = Device::flex();
    for case in cases() {
        let trained = case.trained();
        let batch = Rows::drawn(&case, 16).batch(&device);
        let expected = trained.encode(&batch, &device);
        device.seed(8);
        let fresh = case.config.build(&case.shape, &device).unwrap();
        let loaded = fresh.load_record(trained.into_record());
        let actual = loaded.encode(&batch, &device);
        assert_eq!(values(&actual.pooled), values(&expected.pooled), "{}", case.what);
        assert_eq!(values(&actual.tokens), values(&expected.tokens), "{}", case.what);
    }
}

#[test]
fn a_config_is_read_back_as_it_was_written() {
    for case in cases() {
        let written = serde_json::to_value(&case.config).unwrap();
        let read: EncoderConfig = sensorium_core::config::read(written).unwrap();
        assert_eq!(read, case.config, "{}", case.what);
    }
}

/// A case's section as it is written out, without its tags.
fn section(case: &Case) -> serde_json::Map<String, Value> {
    let Value::Object(mut section) = serde_json::to_value(&case.config).unwrap() else {
        panic!("a section is an object")
    };
    section.retain(|key, _| key != "type" && key != "reads");
    section
}

#[test]
fn values_out_of_range_and_unknown_keys_are_refused() {
    let device = Device::flex();
    for component in EncoderConfig::components() {
        let layout = component.layouts.iter().find(|&&layout| reads(layout, component.name));
        let layout = *layout.unwrap();
        let case = Case::new(layout, component.name, &json!({}));
        let read = |section: Value| {
            EncoderConfig::read(layout, component.name, with(small(component.name), &section))
        };
        let error = read(json!({"colour": 1})).unwrap_err().to_string();
        assert_eq!(error, "the config has no key `colour`");
        for (key, value) in section(&case) {
            let wrong = match value {
                // A norm may be divided by much.
                Value::Number(_) if key.contains("eps") => json!(2.0),
                Value::Number(number) if number.is_f64() => json!(1.0),
                Value::Bool(_) => json!("maybe"),
                Value::String(_) => json!("sideways"),
                Value::Number(_) | Value::Null | Value::Array(_) => json!(1_000_000_000),
                Value::Object(_) => continue,
            };
            let built = read(json!({key.as_str(): wrong}))
                .and_then(|config| config.build(&case.shape, &device));
            let Err(error) = built else { panic!("{}: `{key}` of {wrong}", case.what) };
            assert!(error.to_string().contains('`'), "{error}");
        }
    }
}
