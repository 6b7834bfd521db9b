//! A bundle of a small model, and what reads one.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use sensorium_bundle::config::parse_yaml;
use sensorium_bundle::{BundleError, Config, Fitted, Predictor};
use sensorium_core::Seed;
use sensorium_table::{Table, Value, split};

const CONFIG: &str = "input_features:
  - {name: name, type: text}
  - {name: price, type: number}
output_features:
  - {name: on, type: binary}
preprocessing: {split: {type: fixed, column: split}}
";

fn table() -> Table {
    let row = |name: &str, price: f64, on: &str, part: &str| {
        let text = |value: &str| Value::Text(value.into());
        vec![text(name), Value::Number(price), text(on), text(part)]
    };
    let rows = vec![
        row("red apple", 1.0, "yes", "train"),
        row("blue", 2.0, "no", "train"),
        row("red", 3.0, "yes", "validation"),
        row("blue apple", 4.0, "no", "test"),
    ];
    let names = ["name", "price", "on", "split"].map(Into::into).to_vec();
    Table::from_rows(names, rows, Path::new(".")).expect("a table without fault")
}

/// A bundle of a small model that was never trained.
pub(crate) fn written() -> Vec<u8> {
    let table = table();
    let written = parse_yaml(CONFIG).expect("a config without fault");
    let config = Config::resolve(written, &table, Seed::new(1)).expect("a config that fits");
    let rows = split(&table, &config.split, Seed::new(1)).expect("every part has rows");
    let fitted = Fitted::fit(&config, &table, &rows.train).expect("columns that can be fitted");
    let model = fitted.build_model(&config, &Device::flex()).expect("a small model");
    let folder = tempfile::tempdir().expect("room for a folder");
    let path = folder.path().join("model.safetensors");
    let bundle = Predictor::of(config, fitted, &model).into_bundle(serde_json::Value::Null);
    bundle.write(&path).expect("room for a file");
    fs::read(&path).expect("the bundle that was written")
}

/// The number of rows that a bundle answers.
pub(crate) fn predicted(path: &Path) -> Result<usize, BundleError> {
    Predictor::open(path)?.predict(&table()).map(|answers| answers.len())
}
