//! The whole way on a small table: train, judge, predict.

use sensorium_model::combiner::CombinerConfig;
use serde_json::Value;

use crate::small::{CONFIG, Small};

fn prediction_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_table_is_learned_and_every_subset_of_its_inputs_is_judged() {
    let small = Small::new();
    // With eight epochs one seed in eight has not learned the sound yet.
    let shown = small.train(&["--set", "trainer.epochs=16"]);
    let statistics = small.statistics("experiment_run");
    let colour = &statistics["colour"];
    let accuracy = |subset: &str| colour["subsets"][subset]["accuracy"].as_f64().unwrap();

    let subsets = colour["subsets"].as_object().unwrap();
    assert_eq!(subsets.len(), 15);
    assert_eq!(subsets.keys().next().unwrap(), "photo");
    assert_eq!(subsets.keys().next_back().unwrap(), "photo+caption+sound+noise");
    assert!(colour["accuracy"].as_f64().unwrap() > 0.9, "{colour:#}");
    assert_eq!(colour["accuracy"], colour["subsets"]["photo+caption+sound+noise"]["accuracy"]);
    // The wrong column stays at chance, which is a third.
    assert!(accuracy("noise") < 0.6, "{}", accuracy("noise"));
    assert!(accuracy("photo") > 0.7, "{}", accuracy("photo"));
    assert!(accuracy("sound") > 0.7, "{}", accuracy("sound"));
    assert!(colour["baseline"]["accuracy"].as_f64().unwrap() < 0.5);
    assert!(colour["interval"]["accuracy"]["low"].is_number());
    assert!(statistics["size"]["r2"].as_f64().unwrap() > 0.8, "{}", statistics["size"]);
    assert!(statistics["combined"]["loss"].is_number());
    assert!(shown.contains("photo+caption+sound+noise"), "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
}

#[test]
fn a_run_leaves_ludwigs_files_and_no_checkpoint() {
    let small = Small::new();
    small.succeed(&[
        "experiment",
        "--config",
        "config.yaml",
        "--dataset",
        "table.csv",
        "--set",
        "trainer.epochs=1",
    ]);
    let mut files: Vec<String> = std::fs::read_dir(small.path("results/experiment_run"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "description.json",
            "model.safetensors",
            "predictions.parquet",
            "test_statistics.json",
            "training_statistics.json"
        ]
    );
}

#[test]
fn evaluating_the_bundle_gives_what_training_said() {
    let small = Small::new();
    small.train(&["--set", "trainer.epochs=2"]);
    small.succeed(&[
        "evaluate",
        "--model_path",
        "results/experiment_run",
        "--dataset",
        "table.csv",
        "--split",
        "test",
        "--output-directory",
        "again",
    ]);
    let again: Value = serde_json::from_str(&small.read("again/test_statistics.json")).unwrap();
    assert_eq!(again, small.statistics("experiment_run"));
}

#[test]
fn predictions_keep_the_rows_order_and_any_input_may_be_absent() {
    let small = Small::new();
    small.train(&["--set", "trainer.epochs=2"]);
    let model = ["predict", "--model_path", "results/experiment_run/model.safetensors"];
    let predict = |more: &[&str]| prediction_lines(&small.succeed(&[&model[..], more].concat()));

    let all = predict(&["--dataset", "table.csv"]);
    assert_eq!(all.len(), 120);
    let row = predict(&[
        "--input",
        "photo=0.png",
        "--input",
        "caption=fire",
        "--input",
        "sound=0.wav",
        "--input",
        "noise=0",
    ]);
    assert_close(&row[0], &all[0]);

    // Only one column, and none of its cells but one.
    small.write("photos.csv", "photo\n2.png\n\"\"\n0.png\n");
    let photos = predict(&["--dataset", "photos.csv"]);
    assert_eq!(photos.len(), 3);
    assert_close(&photos[2], &predict(&["--input", "photo=0.png"])[0]);
    assert_close(&photos[1], &predict(&["--input", "photo="])[0]);
}

#[test]
fn predictions_do_not_change_with_batch_size_or_row_order() {
    let small = Small::new();
    small.train(&["--set", "trainer.epochs=2", "--set", "trainer.eval_batch_size=7"]);
    small.train(&[
        "--set",
        "trainer.epochs=2",
        "--set",
        "trainer.eval_batch_size=64",
        "--set",
        "trainer.validation_metric=loss",
    ]);
    let predict = |run: &str, table: &str| {
        let model = format!("results/{run}");
        prediction_lines(&small.succeed(&["predict", "--model_path", &model, "--dataset", table]))
    };
    let sevens = predict("experiment_run", "table.csv");
    let sixty_fours = predict("experiment_run_0", "table.csv");
    for (a, b) in sevens.iter().zip(&sixty_fours) {
        assert_close(a, b);
    }

    let table = small.read("table.csv");
    let mut lines: Vec<&str> = table.lines().collect();
    lines[1..].reverse();
    small.write("reversed.csv", lines.join("\n"));
    let mut reversed = predict("experiment_run", "reversed.csv");
    reversed.reverse();
    for (a, b) in sevens.iter().zip(&reversed) {
        assert_close(a, b);
    }
}

#[test]
fn every_file_format_holds_the_same_predictions() {
    let small = Small::new();
    small.train(&["--set", "trainer.epochs=1"]);
    let predict = |dataset: &str, output: &str| {
        small.succeed(&[
            "predict",
            "-m",
            "results/experiment_run",
            "--dataset",
            dataset,
            "--output",
            output,
        ]);
    };
    predict("table.csv", "p.parquet");
    predict("table.csv", "p.csv");
    predict("table.csv", "p.jsonl");
    let described = |file: &str| small.succeed(&["describe", "--dataset", file]);
    for file in ["p.parquet", "p.csv", "p.jsonl"] {
        let text = described(file);
        assert!(text.starts_with("120 rows"), "{file}: {text}");
        assert!(text.contains("colour_probabilities_green"), "{file}: {text}");
    }
    let lines = prediction_lines(&small.read("p.jsonl"));
    let header = small.read("p.csv");
    let keys: Vec<&String> = lines[0].as_object().unwrap().keys().collect();
    assert_eq!(header.lines().next().unwrap().split(',').collect::<Vec<_>>(), keys);
}

#[test]
fn every_combiner_trains_and_predicts() {
    let small = Small::new();
    for (combiner, _) in CombinerConfig::COMPONENTS {
        let config = CONFIG.replace(
            "combiner: {type: transformer, hidden_size: 16, num_heads: 2, transformer_output_size: 32}",
            &format!("combiner: {combiner}"),
        );
        small.write("config.yaml", config);
        small.train(&["--model_name", combiner, "--set", "trainer.epochs=16"]);
        let statistics = small.statistics(&format!("experiment_{combiner}"));
        let accuracy = statistics["colour"]["accuracy"].as_f64().unwrap();
        assert!(accuracy > 0.8, "{combiner}: {accuracy}");
        let model = format!("results/experiment_{combiner}");
        let lines = small.succeed(&["predict", "--model_path", &model, "--dataset", "table.csv"]);
        assert_eq!(lines.lines().count(), 120, "{combiner}");
    }
}

/// The same labels, and numbers that differ by no more than a batch's order of summing can.
fn assert_close(a: &Value, b: &Value) {
    let (a, b) = (a.as_object().unwrap(), b.as_object().unwrap());
    assert_eq!(a.len(), b.len());
    for (key, value) in a {
        match value.as_f64() {
            Some(value) => {
                let other = b[key].as_f64().unwrap();
                assert!((value - other).abs() < 1e-4, "{key}: {value} and {other}");
            }
            None => assert_eq!(value, &b[key], "{key}"),
        }
    }
}
