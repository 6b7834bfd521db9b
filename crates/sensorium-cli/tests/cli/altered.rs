//! Bundles whose digest fits and whose content was altered: judged, or refused in a line.

use rand::RngExt;
use sensorium_bundle::sealed::{self, Kind};
use sensorium_core::Seed;
use serde_json::{Value, json};

use crate::small::Small;

const KIND: Kind =
    Kind { name: "sensorium model bundle", version: sensorium_bundle::FORMAT_VERSION };
const ROUNDS: usize = 60;

/// The places of all numbers.
fn numbers(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(at.to_owned()),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, item)| numbers(item, &format!("{at}/{index}"), found)),
        Value::Object(section) => {
            section.iter().for_each(|(key, value)| numbers(value, &format!("{at}/{key}"), found));
        }
        _ => {}
    }
}

#[test]
fn a_bundle_altered_anywhere_is_judged_or_refused() {
    let small = Small::of_rows(48);
    small.train(&["--set", "trainer.epochs=1"]);
    let path = small.path("results/experiment_run/model.safetensors");
    let (content, tensors): (Value, _) = sealed::read(&path, KIND).unwrap();
    let mut places = Vec::new();
    for part in ["config", "fitted", "calibration"] {
        numbers(&content[part], &format!("/{part}"), &mut places);
    }
    let mut rng = Seed::new(13).rng();
    let mut refused = 0;
    for _ in 0..ROUNDS {
        let place = &places[rng.random_range(0..places.len())];
        let others = [json!(0), json!(-1), json!(1e300), json!(u64::MAX), json!(0.5), json!("x")];
        let other = &others[rng.random_range(0..others.len())];
        let mut altered = content.clone();
        *altered.pointer_mut(place).unwrap() = other.clone();
        sealed::write(&path, KIND, &altered, &tensors).unwrap();
        let model = ["--model_path", "results/experiment_run", "--dataset", "table.csv"];
        let output = small.run(&[&["evaluate"], &model[..]].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(0) => {}
            Some(2) => refused += 1,
            code => panic!("{place} = {other} ends with {code:?}: {errors}"),
        }
        assert!(!errors.contains("panicked"), "{place} = {other}: {errors}");
    }
    assert!(refused > ROUNDS / 3, "{refused} of {ROUNDS} refused");
}
