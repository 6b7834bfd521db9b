//! What the tests of this crate share.

use burn::tensor::Tensor;
use sensorium_core::{ColumnName, FeatureShape, Layout};
use serde_json::json;

use crate::combiner::CombinerConfig;
use crate::encoder::EncoderConfig;
use crate::encoder::training::EncoderTraining;
use crate::head::HeadConfig;
use crate::loss::LossConfig;
use crate::model::{InputSpec, ModelSpec, OutputSpec};

/// The numbers of a tensor, last axis fastest.
pub(crate) fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_into_vec().expect("tensors of this crate hold f32")
}

/// Fails naming `what` and the first number that is farther than `tolerance` from what was
/// expected.
#[track_caller]
pub(crate) fn assert_close<const D: usize>(
    what: &str,
    actual: &Tensor<D>,
    expected: &[f32],
    tolerance: f32,
) {
    let actual = values(actual);
    assert_eq!(actual.len(), expected.len(), "{what}: {actual:?} and {expected:?}");
    for (index, (&got, &want)) in actual.iter().zip(expected).enumerate() {
        let near = (got - want).abs() <= tolerance;
        assert!(near, "{what}[{index}] is {got}, but {want} ± {tolerance} was expected");
    }
}

/// Three vector columns `a`, `b`, `c` of widths 2, 3 and 1, a small combiner without dropout, and
/// one output of each kind.
pub(crate) fn model_spec(combiner: &str) -> ModelSpec {
    let mut keys = json!({"dropout": 0});
    if CombinerConfig::read(combiner, json!({"hidden_size": 8})).is_ok() {
        keys["hidden_size"] = json!(8);
    }
    let input = |name: &str, width| InputSpec {
        name: ColumnName::from(name),
        shape: FeatureShape::Vector { width },
        encoder: vector_encoder(),
        training: EncoderTraining::default(),
    };
    let output = |name: &str, num_outputs| {
        let head = HeadConfig::read(name, json!({})).expect("a listed head");
        let loss = LossConfig::from(&head);
        OutputSpec { name: ColumnName::from(name), num_outputs, head, loss }
    };
    ModelSpec {
        inputs: vec![input("a", 2), input("b", 3), input("c", 1)],
        combiner: CombinerConfig::read(combiner, keys).expect("a listed combiner"),
        outputs: vec![output("category", 3), output("binary", 1), output("number", 1)],
    }
}

/// Two layers, the second with running statistics.
fn vector_encoder() -> EncoderConfig {
    let layers = json!([
        {"output_size": 4, "activation": "tanh"},
        {"output_size": 6, "activation": "tanh", "norm": "batch"}
    ]);
    EncoderConfig::read(Layout::Vector, "dense", json!({"fc_layers": layers})).expect("dense")
}
