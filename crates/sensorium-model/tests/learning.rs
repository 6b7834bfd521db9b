//! A model learns what no column knows alone, and nothing where there is nothing to learn.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use rand::RngExt;
use sensorium_core::{ColumnName, FeatureShape, Layout, Seed};
use sensorium_modality::Features;
use sensorium_model::combiner::CombinerConfig;
use sensorium_model::encoder::EncoderConfig;
use sensorium_model::encoder::training::EncoderTraining;
use sensorium_model::head::HeadConfig;
use sensorium_model::loss::LossConfig;
use sensorium_model::{
    AdamW, AdamWConfig, FeatureBatch, InputSpec, Model, ModelSpec, OutputSpec, TargetBatch,
};
use serde_json::json;

const BATCH: usize = 64;

fn spec() -> ModelSpec {
    let input = |name: &str| InputSpec {
        name: ColumnName::from(name),
        shape: FeatureShape::Vector { width: 1 },
        encoder: EncoderConfig::read(
            Layout::Vector,
            "dense",
            json!({"output_size": 8, "activation": "tanh"}),
        )
        .expect("a listed encoder"),
        training: EncoderTraining::default(),
    };
    let head = HeadConfig::read("category", json!({})).expect("a listed head");
    ModelSpec {
        inputs: vec![input("first"), input("second"), input("third")],
        combiner: CombinerConfig::read(
            "transformer",
            json!({"hidden_size": 16, "num_heads": 2, "transformer_output_size": 32}),
        )
        .expect("a listed combiner"),
        outputs: vec![OutputSpec {
            name: ColumnName::from("differ"),
            num_outputs: 2,
            loss: LossConfig::from(&head),
            head,
        }],
    }
}

/// Whether the label is in the columns that the model sees.
#[derive(Clone, Copy)]
enum Task {
    /// 1 where the signs of the first and the second column differ.
    Differ,
    /// The same, but the second column is another row's.
    WrongColumn,
}

fn rows(task: Task, seed: Seed, device: &Device) -> (Vec<FeatureBatch>, Vec<usize>) {
    let mut rng = seed.rng();
    let mut columns = [const { Vec::new() }; 3];
    let mut labels = Vec::new();
    for _ in 0..BATCH {
        let numbers: [f32; 4] = std::array::from_fn(|_| rng.random_range(-1.0_f32..1.0));
        labels.push(usize::from((numbers[0] > 0.0) != (numbers[1] > 0.0)));
        let second = match task {
            Task::Differ => numbers[1],
            Task::WrongColumn => numbers[3],
        };
        for (column, number) in columns.iter_mut().zip([numbers[0], second, numbers[2]]) {
            column.push(Features::Vector(vec![number]));
        }
    }
    let collate = |rows: &Vec<Features>| {
        let rows: Vec<Option<&Features>> = rows.iter().map(Some).collect();
        FeatureBatch::collate(&rows, &FeatureShape::Vector { width: 1 }, device)
    };
    (columns.iter().map(collate).collect(), labels)
}

fn logits(model: &Model, batches: &[FeatureBatch], device: &Device) -> Vec<Tensor<2>> {
    model.logits(&model.fuse(&model.encode(batches, device)))
}

fn accuracy_after_training(task: Task) -> f64 {
    let device = Device::flex().autodiff();
    device.seed(1);
    let mut model = Model::build(&spec(), &device).expect("a valid spec");
    let mut optimizer = AdamW::new(AdamWConfig::default());
    for step in 0..400 {
        let (batches, labels) = rows(task, Seed::new(1).at(step), &device);
        let targets = [TargetBatch::Class(labels.into_iter().map(Some).collect())];
        let losses = model.loss(&logits(&model, &batches, &device), &targets);
        let gradients = GradientsParams::from_grads(losses.combined.backward(), &model);
        (model, _) = optimizer.step(model, gradients, 5e-3);
    }
    let (model, device) = (model.valid(), Device::flex());
    let mut num_right = 0;
    for batch in 0..8 {
        let (batches, labels) = rows(task, Seed::new(2).at(batch), &device);
        let predicted = logits(&model, &batches, &device)[0].clone().argmax(1).into_data();
        let predicted = predicted.iter::<i64>();
        num_right +=
            predicted.zip(labels).filter(|&(got, label)| usize::try_from(got) == Ok(label)).count();
    }
    num_right as f64 / (8 * BATCH) as f64
}

#[test]
fn what_two_columns_say_together_is_learned_and_a_wrong_column_says_nothing() {
    let differ = accuracy_after_training(Task::Differ);
    assert!(differ > 0.93, "accuracy {differ}");
    // 512 rows at chance: 0.5 ± 0.022 (one standard deviation).
    let wrong = accuracy_after_training(Task::WrongColumn);
    assert!((0.4..0.6).contains(&wrong), "accuracy {wrong} where there is nothing to learn");
}
