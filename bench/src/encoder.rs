//! A published encoder at prediction, as a column's rows reach it.
//!
//! The cases are those of `bench/encoders/cases.json`, which `bench/encoders/peers.py` reads too.

use std::hint::black_box;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Int, Tensor};
use sensorium_core::{FeatureShape, Layout};
use sensorium_model::encoder::EncoderConfig;
use sensorium_model::{FeatureBatch, FeatureValues};
use serde::Deserialize;

use crate::Repetition;
use crate::random::normal;

const CASES: &str = include_str!("../encoders/cases.json");

#[derive(Deserialize)]
struct Case {
    name: String,
    reads: Layout,
    r#type: String,
    section: serde_json::Value,
    shape: Vec<usize>,
    vocabulary_size: Option<usize>,
}

impl Case {
    fn shape(&self) -> FeatureShape {
        match (self.reads, self.shape.as_slice()) {
            (Layout::Grid, &[channels, height, width]) => {
                FeatureShape::Grid { channels, height, width }
            }
            (Layout::Sequence, &[max_length, width]) => {
                FeatureShape::Sequence { max_length, width }
            }
            (Layout::Tokens, &[max_length]) => FeatureShape::Tokens {
                max_length,
                vocabulary_size: self.vocabulary_size.expect("a case of ids says how many"),
            },
            other => panic!("no case reads {other:?}"),
        }
    }

    fn batch(&self, rows: usize, device: &Device) -> FeatureBatch {
        let values = match self.shape() {
            FeatureShape::Grid { channels, height, width } => {
                FeatureValues::Grid(normal([rows, channels, height, width], device))
            }
            FeatureShape::Sequence { max_length, width } => FeatureValues::Sequence {
                values: normal([rows, max_length, width], device),
                lengths: vec![max_length; rows],
            },
            FeatureShape::Tokens { max_length, vocabulary_size } => {
                let any = Distribution::Uniform(0.0, vocabulary_size as f64);
                let ids = Tensor::<2, Int>::random([rows, max_length], any, device);
                FeatureValues::Tokens { ids, lengths: vec![max_length; rows] }
            }
            FeatureShape::Vector { width } => FeatureValues::Vector(normal([rows, width], device)),
        };
        FeatureBatch { present: vec![true; rows], values: Some(values) }
    }
}

/// `encoder-NAME-bROWS`; `None` for a case of another name.
pub(crate) fn forward(case: &str, device: &Device) -> Option<Repetition> {
    let (name, rows) = case.strip_prefix("encoder-")?.rsplit_once("-b")?;
    let cases: Vec<Case> = serde_json::from_str(CASES).expect("the list of cases is JSON");
    let case = cases.into_iter().find(|case| case.name == name)?;
    let config = EncoderConfig::read(case.reads, &case.r#type, case.section.clone());
    let encoder = config.and_then(|config| config.build(&case.shape(), device));
    let encoder = encoder.expect("the cases are of listed encoders").valid();
    let batch = case.batch(rows.parse().ok()?, device);
    let device = device.clone();
    Some(Box::new(move || {
        black_box(encoder.encode(&batch, &device));
    }))
}
