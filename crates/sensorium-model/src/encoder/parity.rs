//! Published encoders beside the libraries that publish them.
//!
//! Cases are made by `reference/encoder/`. Their weights are made from one formula on both sides, so
//! that whole networks are compared and little is stored; they are written to a file here and read
//! by the way that a user's weights take.

use std::collections::BTreeMap;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Int, Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use sensorium_core::FeatureShape;
use serde_json::{Map, Value};

use super::{AnyEncoder, EncoderConfig};
use crate::pretrained::{Naming, Part, Published, Tensors, modern, sources};
use crate::testkit::values;
use crate::{Embedding, FeatureBatch, FeatureValues};

/// The largest difference of hidden states, over sums of thousands of products in f32: their spread
/// is about 1.
const TOLERANCE: f64 = 1e-4;
/// The largest difference of gradients, as a share of the largest gradient of the same tensor.
const GRADIENT_TOLERANCE: f64 = 1e-3;
/// Some gradients are zero but for rounding: no softmax knows the bias of its keys.
const LEAST_GRADIENT: f64 = 0.1;
/// How many numbers of a gradient are compared, at even distances.
const INPUT_SAMPLES: usize = 256;
const WEIGHT_SAMPLES: usize = 16;

/// The formula of `reference/encoder/weights.py`: in [-1, 1), the same bits on both sides.
fn uniform(name: &str, count: usize) -> Vec<f32> {
    let seed = name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let number = |index: usize| {
        let index = u32::try_from(index).unwrap();
        let mut x = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9));
        x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
        x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
        ((x ^ (x >> 16)) >> 8) as f32 / (1_u32 << 23) as f32 - 1.0
    };
    (0..count).map(number).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "scales are rounded once, as in numpy")]
fn weight(case: &Value, name: &str, shape: &[usize]) -> Vec<f32> {
    let count = shape.iter().product();
    let unit = uniform(name, count);
    let each = |of: &dyn Fn(f32) -> f32| unit.iter().map(|&value| of(value)).collect();
    if name.ends_with("running_var") {
        return each(&|u| 1.0 + 0.5 * u);
    }
    let is_matrix = shape.len() >= 2 && !name.ends_with("original0");
    if is_matrix && !name.ends_with("running_mean") {
        let conv1d = case["conv1d_weights"] == true && name.contains(".c_");
        let fan_in: usize = if conv1d { shape[0] } else { shape[1..].iter().product() };
        let scale = case["gain"].as_f64().unwrap() * (3.0 / fan_in as f64).sqrt();
        let scale = scale as f32;
        return each(&|u| u * scale);
    }
    let is_norm = name.ends_with("weight") || name.ends_with("original0");
    if is_norm { each(&|u| 1.0 + 0.1 * u) } else { each(&|u| 0.1 * u) }
}

fn sizes(value: &Value) -> Vec<usize> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Writes the case's weights as a folder of the Hugging Face layout.
fn publish(case: &Value, folder: &Path) {
    let tensors = case["tensors"].as_object().unwrap().iter();
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .map(|(name, shape)| {
            let shape = sizes(shape);
            let values = weight(case, name, &shape);
            (name.clone(), shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let mut views: BTreeMap<String, TensorView<'_>> = tensors
        .iter()
        .map(|(name, shape, bytes)| {
            (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
        })
        .collect();
    let counter = 7_i64.to_le_bytes();
    for name in case["integers"].as_array().into_iter().flatten() {
        let view = TensorView::new(Dtype::I64, vec![1], &counter).unwrap();
        views.insert(name.as_str().unwrap().to_owned(), view);
    }
    safetensors::serialize_to_file(views, None, &folder.join("model.safetensors")).unwrap();
    if !case["config"].is_null() {
        fs::write(folder.join("config.json"), case["config"].to_string()).unwrap();
    }
}

/// What a case expects, by name.
fn expected(folder: &Path) -> BTreeMap<String, Vec<f32>> {
    let bytes = fs::read(folder.join("expected.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let numbers = |data: &[u8]| {
        data.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()
    };
    file.iter().map(|(name, view)| (name.to_owned(), numbers(view.data()))).collect()
}

/// The input's shape as a column would have it, and its batch of two rows, with the leaf that
/// gradients reach where it is made of numbers.
fn input(case: &Value, device: &Device) -> (FeatureShape, FeatureBatch, Option<Tensor<1>>) {
    let dims = sizes(&case["input"]["shape"]);
    let unit = uniform("input", dims.iter().product());
    let lengths: Option<Vec<usize>> =
        serde_json::from_value(case["input"]["lengths"].clone()).unwrap();
    let lengths = lengths.unwrap_or_else(|| vec![dims[1]; dims[0]]);
    let leaf =
        |values: Vec<f32>| Tensor::<1>::from_floats(values.as_slice(), device).require_grad();
    let (shape, values, leaf) = match case["reads"].as_str().unwrap() {
        "grid" => {
            let leaf = leaf(unit);
            let size: [usize; 4] = dims.clone().try_into().unwrap();
            let shape = FeatureShape::Grid { channels: dims[1], height: dims[2], width: dims[3] };
            (shape, FeatureValues::Grid(leaf.clone().reshape(size)), Some(leaf))
        }
        "sequence" => {
            let size @ [_, steps, width]: [usize; 3] = dims.clone().try_into().unwrap();
            let real = |index: usize| index / width % steps < lengths[index / (steps * width)];
            let values =
                unit.iter().enumerate().map(|(index, &u)| if real(index) { u } else { 0.0 });
            let leaf = leaf(values.collect());
            let values = leaf.clone().reshape(size);
            let shape = FeatureShape::Sequence { max_length: steps, width };
            (shape, FeatureValues::Sequence { values, lengths }, Some(leaf))
        }
        "tokens" => {
            let vocabulary_size =
                sizes(&Value::Array(vec![case["input"]["vocabulary_size"].clone()]))[0];
            let ids = ids(case, &unit, vocabulary_size);
            let data = TensorData::new(ids, dims.clone());
            let ids = Tensor::<2, Int>::from_data(data, device);
            let shape = FeatureShape::Tokens { max_length: dims[1], vocabulary_size };
            (shape, FeatureValues::Tokens { ids, lengths }, None)
        }
        other => panic!("a layout called `{other}`"),
    };
    (shape, FeatureBatch { present: vec![true; dims[0]], values: Some(values) }, leaf)
}

/// The case's own ids where it has some: those of CLIP end in a certain one.
#[expect(clippy::cast_possible_truncation, reason = "numbers below the vocabulary's size")]
fn ids(case: &Value, unit: &[f32], vocabulary_size: usize) -> Vec<i64> {
    if let Some(ids) = case["input"]["ids"].as_array() {
        let flat = ids.iter().flat_map(|row| row.as_array().unwrap());
        return flat.map(|id| id.as_i64().unwrap()).collect();
    }
    let last = i64::try_from(vocabulary_size).unwrap() - 1;
    unit.iter().map(|u| (((u + 1.0) / 2.0 * vocabulary_size as f32) as i64).min(last)).collect()
}

/// The encoder's section: what the published config says, and over it what the case says.
fn config(case: &Value, shape: &FeatureShape, published: &Published) -> EncoderConfig {
    let name = case["type"].as_str().unwrap();
    let adopted = EncoderConfig::adopted(shape.layout(), name, published).unwrap();
    let mut section: Map<String, Value> = adopted.encoder;
    section.extend(case["section"].as_object().unwrap().clone());
    EncoderConfig::read(shape.layout(), name, Value::Object(section)).unwrap()
}

/// The loss of `reference/encoder/weights.py`, over the tokens that are real.
fn loss(embedding: &Embedding) -> Tensor<1> {
    fn weighed<const D: usize>(tensor: &Tensor<D>, name: &str) -> Tensor<1> {
        let count = tensor.dims().iter().product();
        let weights = TensorData::new(uniform(name, count), tensor.dims());
        (tensor.clone() * Tensor::from_data(weights, &tensor.device())).sum()
    }
    // Padded tokens are zeros.
    weighed(&embedding.tokens, "loss.tokens") + weighed(&embedding.pooled, "loss.pooled")
}

fn samples(values: &[f32], count: usize) -> Vec<f32> {
    if values.len() < count {
        return values.to_vec();
    }
    (0..count).map(|index| values[index * values.len() / count]).collect()
}

/// The gradient of every parameter, by the encoder's own path.
struct ByPath<'a> {
    gradients: &'a Gradients,
    path: Vec<String>,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for ByPath<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad(self.gradients) {
            let steps: Vec<&str> =
                self.path.iter().map(String::as_str).filter(|step| !step.is_empty()).collect();
            self.found.insert(steps.join("."), values(&gradient));
        }
    }

    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push(if container.starts_with("Enum:") {
            String::new()
        } else {
            name.to_owned()
        });
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
}

/// The gradients of every published tensor, in the publisher's own layout.
fn published_gradients(
    encoder: &AnyEncoder,
    naming: &Naming,
    gradients: &Gradients,
) -> BTreeMap<String, Vec<f32>> {
    let mut visitor = ByPath { gradients, path: Vec::new(), found: BTreeMap::new() };
    encoder.visit(&mut visitor);
    let mut published: BTreeMap<String, Vec<f32>> = BTreeMap::new();
    for wanted in sources(encoder, naming) {
        let (Some(source), Some(values)) = (wanted.source, visitor.found.get(&wanted.path)) else {
            continue;
        };
        let part = source.part.unwrap_or(Part { index: 0, count: 1 });
        let tensor = published.entry(source.name.clone());
        let tensor = tensor.or_insert_with(|| vec![0.0; values.len() * part.count]);
        let width = wanted.shape[wanted.shape.len() - 1];
        for (index, &value) in values.iter().enumerate() {
            let (row, column) = (index / width, index % width);
            let place = if source.transposed {
                part.index * values.len() + reversed(index, &wanted.shape)
            } else {
                (row * part.count + part.index) * width + column
            };
            tensor[place] = value;
        }
    }
    published
}

/// Where a number stands once the axes are in the reverse order.
fn reversed(mut index: usize, shape: &[usize]) -> usize {
    shape.iter().rev().fold(0, |place, size| {
        // The last axis first.
        let step = index % size;
        index /= size;
        place * size + step
    })
}

/// The largest difference of two lists, over `scale`.
#[track_caller]
fn worst(what: &str, actual: &[f32], expected: &[f32], scale: f64) -> f64 {
    assert_eq!(actual.len(), expected.len(), "{what}: another number of values");
    let pairs = actual.iter().zip(expected);
    let differences = pairs.map(|(got, want)| f64::from((got - want).abs()) / scale);
    // A NaN must not pass for no difference.
    differences.fold(0.0, |worst, each| if each > worst || each.is_nan() { each } else { worst })
}

/// What the classifier of a published model says.
fn logits(case: &Value, published: &Published, batch: &FeatureBatch) -> Vec<f32> {
    let mut case = case.clone();
    case["section"]["output_layer"] = "logits".into();
    if case["type"] == "vgg" {
        case["section"]["pooling"] = "classifier".into();
    }
    let device = Device::flex();
    let (shape, ..) = input(&case, &device.clone().autodiff());
    let config = config(&case, &shape, published);
    let encoder = config.build(&shape, &device).unwrap();
    let encoder = encoder.with_published(&config, published).unwrap();
    values(&encoder.encode(&batch.inner(), &device).pooled)
}

/// The worst difference of the outputs and of the gradients of one case.
fn compare(folder: &Path) -> [f64; 2] {
    let case: Value = serde_json::from_slice(&fs::read(folder.join("case.json")).unwrap()).unwrap();
    let expected = expected(folder);
    let published = tempfile::tempdir().unwrap();
    publish(&case, published.path());
    let published = Published::open(published.path()).map(|open| (open, published)).unwrap();

    let device = Device::flex().autodiff();
    let (shape, batch, leaf) = input(&case, &device);
    let config = config(&case, &shape, &published.0);
    // Statistics as they were loaded, and no dropout: the layers of training that is over.
    let build = || config.build(&shape, &device).unwrap();
    let encoder =
        build().with_published(&config, &published.0).unwrap().freeze().set_require_grad(true);
    let embedding = encoder.encode(&batch, &device);
    let outputs = [("tokens", values(&embedding.tokens)), ("pooled", values(&embedding.pooled))];
    let of = |(name, actual): &(&str, Vec<f32>)| worst(name, actual, &expected[*name], 1.0);
    let mut of_outputs = outputs.iter().map(of).fold(0.0, f64::max);

    // The passes of prediction are others than those of training.
    let plain = encoder.valid().encode(&batch.inner(), &Device::flex());
    of_outputs = of_outputs.max(worst("tokens", &values(&plain.tokens), &expected["tokens"], 1.0));
    if let Some(expected) = expected.get("logits") {
        let logits = logits(&case, &published.0, &batch);
        of_outputs = of_outputs.max(worst("logits", &logits, expected, 1.0));
    }

    let gradients = loss(&embedding).backward();
    let tensors = Tensors::read(&published.0).unwrap();
    let naming = config.namings().into_iter().find(|naming| {
        sources(&encoder, naming).iter().all(|wanted| {
            let source = wanted.source.as_ref();
            source.is_none_or(|source| {
                naming
                    .prefixes
                    .iter()
                    .chain([&""])
                    .any(|prefix| tensors.contains(&format!("{prefix}{}", source.name)))
            })
        })
    });
    let naming = naming.expect("it was loaded by one");
    let mut actual = published_gradients(&encoder, &naming, &gradients);
    if let Some(leaf) = leaf {
        actual.insert("input".to_owned(), values(&leaf.grad(&gradients).unwrap()));
    }
    let mut of_gradients = 0.0_f64;
    for (name, wanted) in &expected {
        let Some(name) = name.strip_prefix("gradient/") else { continue };
        let name = modern(name);
        let name = name.as_str();
        let own = naming.prefixes.iter().find_map(|prefix| actual.get(name.strip_prefix(prefix)?));
        let own =
            own.or_else(|| actual.get(name)).unwrap_or_else(|| panic!("no gradient of {name}"));
        let count = if name == "input" { INPUT_SAMPLES } else { WEIGHT_SAMPLES };
        let scale = largest(own).max(LEAST_GRADIENT);
        of_gradients = of_gradients.max(worst(name, &samples(own, count), wanted, scale));
    }
    [of_outputs, of_gradients]
}

fn largest(values: &[f32]) -> f64 {
    values.iter().fold(0.0_f32, |most, value| most.max(value.abs())).into()
}

/// Hidden states and gradients by torchvision, timm and transformers; `reference/encoder/`.
#[test]
fn published_encoders_are_those_of_their_publishers() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/encoder");
    let mut folders: Vec<_> =
        fs::read_dir(golden).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(!folders.is_empty());
    let mut failures = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let Ok([outputs, gradients]) = catch_unwind(|| compare(&folder)) else {
            failures.push(format!("{name}: see above"));
            continue;
        };
        println!("parity\t{name}\t{outputs:.1e}\t{gradients:.1e}");
        let near = outputs <= TOLERANCE && gradients <= GRADIENT_TOLERANCE;
        if !near {
            failures.push(format!("{name}: {outputs:e}, gradients {gradients:e}"));
        }
    }
    assert!(failures.is_empty(), "not as published: {failures:#?}");
}
