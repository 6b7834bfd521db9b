//! One value is one label, what is missing is missing, and what train lacks is named.

use std::fmt::Write as _;

use crate::small::Small;

const PARTS: [&str; 4] = ["train", "train", "validation", "test"];

/// A table `name` of a number that tells which of two labels a row has, spelled by `label`.
fn write(small: &Small, name: &str, label: impl Fn(usize, &str) -> String) {
    let mut table = String::from("x,label,split\n");
    for row in 0..64 {
        let part = PARTS[row / 2 % 4];
        let x = 3.0 * (row % 2) as f64 + (row % 7) as f64 / 10.0;
        writeln!(table, "{x},{},{part}", label(row, part)).unwrap();
    }
    small.write(name, table);
}

fn write_config(small: &Small, output: &str, more: &str) {
    let config = format!(
        "input_features: [{{name: x, type: number}}]\noutput_features: [{{name: label, {output}}}]\n\
         preprocessing: {{split: {{type: fixed, column: split}}{more}}}\n\
         trainer: {{epochs: 8, batch_size: 8}}\n"
    );
    small.write("labels.yaml", config);
}

const TRAIN: [&str; 4] = ["train", "--config", "labels.yaml", "--dataset"];
const MODEL: [&str; 2] = ["--model_path", "results/experiment_run"];

/// What training says on standard error.
fn trained(small: &Small, table: &str) -> String {
    let output = small.run(&[&TRAIN[..], &[table]].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

fn evaluated(small: &Small, table: &str, more: &[&str]) -> (String, serde_json::Value) {
    let evaluate = ["evaluate", "--dataset", table, "--output_directory", "judged"];
    let printed = small.succeed(&[&evaluate[..], &MODEL, more].concat());
    (printed, serde_json::from_str(&small.read("judged/test_statistics.json")).unwrap())
}

#[test]
fn a_model_knows_a_label_in_another_files_spelling() {
    let small = Small::empty();
    for (ours, theirs) in [(["false", "true"], ["False", "TRUE "]), (["1", "2"], ["1.0", "2.00"])] {
        write(&small, "ours.csv", |row, _| ours[row % 2].to_owned());
        write(&small, "theirs.csv", |row, _| theirs[row % 2].to_owned());
        for kind in ["category", "binary"] {
            write_config(&small, &format!("type: {kind}"), "");
            std::fs::remove_dir_all(small.path("results")).ok();
            trained(&small, "ours.csv");
            let [own, other] =
                ["ours.csv", "theirs.csv"].map(|table| evaluated(&small, table, &[]).1);
            assert_eq!(own["label"], other["label"], "{ours:?} as {kind}");
            assert!(own["label"]["accuracy"].as_f64().unwrap() > 0.9, "{own}");
        }
    }
}

#[test]
fn a_class_that_train_lacks_is_named_and_counts_in_no_metric() {
    let small = Small::empty();
    write(&small, "table.csv", |row, part| match (part, row % 2) {
        ("test", 1) => "maybe".to_owned(),
        (_, odd) => ["no", "yes"][odd].to_owned(),
    });
    write_config(&small, "type: category", "");
    let said = trained(&small, "table.csv");
    let line = "label: 8 of 16 test rows hold labels that train lacks (`maybe` 8); no metric \
                counts them";
    assert!(said.contains(line), "{said}");
    let label = &small.statistics("experiment_run")["label"];
    assert_eq!(label["rows"], 8);
    assert_eq!(label["unseen_labels"], serde_json::json!({"label": {"maybe": 8}}));
    assert_eq!((&label["accuracy"], &label["balanced_accuracy"]), (&1.0.into(), &1.0.into()));
}

#[test]
fn words_for_a_missing_value_are_no_class_unless_the_config_says_so() {
    let small = Small::empty();
    let label = |row: usize, _: &str| ["None", "a", "b"][row % 3].to_owned();
    write(&small, "table.csv", label);
    write_config(&small, "type: category", "");
    let said = trained(&small, "table.csv");
    assert!(said.contains("label: 22 cells are taken for missing (`None` 22)"), "{said}");
    let classes = |run: &str| {
        let statistics = small.statistics(run);
        let classes = statistics["label"]["per_class_stats"].as_object().unwrap();
        classes.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(classes("experiment_run"), ["b", "a"]);

    write_config(&small, "type: category", ", missing_values: []");
    let said = trained(&small, "table.csv");
    assert!(!said.contains("taken for missing"), "{said}");
    assert_eq!(classes("experiment_run_0").len(), 3);
    // The rule is the bundle's, whatever the program's default.
    let other = ["--model_path", "results/experiment_run_0"];
    let predicted = small.succeed(&[&["predict", "--input", "x=0.0"][..], &other].concat());
    assert!(predicted.contains("label_probabilities_None"), "{predicted}");
}

#[test]
fn a_metric_without_a_value_is_replaced_by_the_loss_and_rows_without_truth_are_refused() {
    let small = Small::empty();
    write(&small, "table.csv", |row, part| {
        if part == "validation" { "yes".to_owned() } else { ["no", "yes"][row % 2].to_owned() }
    });
    write_config(&small, "type: binary", "");
    let watch = ["--set", "trainer.validation_field=label"];
    let metric = ["--set", "trainer.validation_metric=roc_auc"];
    let output = small.run(&[&TRAIN[..], &["table.csv"], &watch, &metric].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("label: `roc_auc` has no value for the truths of the"), "{said}");
    assert!(said.lines().any(|line| line.contains("label calibrated_loss 0.")), "{said}");

    write(&small, "table.csv", |row, part| {
        if part == "validation" { String::new() } else { ["no", "yes"][row % 2].to_owned() }
    });
    let said = small.refused(&[&TRAIN[..], &["table.csv"]].concat());
    assert!(said.contains("none of the 16 validation rows holds a truth"), "{said}");
}

#[test]
fn which_of_two_labels_is_true_is_said_and_three_numbers_are_refused() {
    let small = Small::empty();
    write(&small, "table.csv", |row, _| (1 + row % 2).to_string());
    write_config(&small, "type: binary", "");
    let said = trained(&small, "table.csv");
    assert!(said.contains("label: `1` is true, `2` is false"), "{said}");
    assert_eq!(small.statistics("experiment_run")["label"]["true_label"], "1");

    write(&small, "table.csv", |row, _| (row % 3).to_string().replace('2', "-1"));
    let said = small.refused(&[&TRAIN[..], &["table.csv"]].concat());
    assert!(said.contains("more than two values, such as `-1`, `0` and `1`"), "{said}");
}

#[test]
fn class_weights_go_by_label_and_are_shown() {
    let small = Small::empty();
    write(&small, "table.csv", |row, _| ["a", "b", "b"][row % 3].to_owned());
    let weights = "type: category, loss: {type: softmax_cross_entropy, class_weights: {a: 50.0}}";
    write_config(&small, weights, "");
    let said = trained(&small, "table.csv");
    assert!(said.contains("label: classes weigh `b` 1.000, `a` 50.000"), "{said}");
    write_config(&small, &weights.replace("{a: ", "{c: "), "");
    let said = small.refused(&[&TRAIN[..], &["table.csv"]].concat());
    assert!(said.contains("`output_features[0].loss.class_weights` is `c`"), "{said}");
}

#[test]
fn evaluating_judges_every_row_of_a_table_and_says_how_many() {
    let small = Small::empty();
    write(&small, "table.csv", |row, _| ["no", "yes"][row % 2].to_owned());
    write_config(&small, "type: category", "");
    trained(&small, "table.csv");
    let last = |printed: String| printed.lines().last().unwrap().to_owned();
    let (printed, statistics) = evaluated(&small, "table.csv", &[]);
    assert_eq!(last(printed), "64 of 64 rows judged: the whole table");
    assert_eq!(statistics["label"]["rows"], 64);
    let test = ["--split", "test"];
    let (printed, _) = evaluated(&small, "table.csv", &test);
    let by_column = "16 of 64 rows judged: the test rows, split fixed (by column `split`)";
    assert_eq!(last(printed), by_column);

    small.write("unsplit.csv", "x,label\n0,no\n3,yes\n");
    let (printed, _) = evaluated(&small, "unsplit.csv", &test);
    let whole = "2 of 2 rows judged: the whole table, which has no column `split` to split by";
    assert_eq!(last(printed), whole);
    small.write("test.csv", "x,label,split\n0,no,test\n3,yes,test\n");
    let (printed, _) = evaluated(&small, "test.csv", &test);
    assert_eq!(last(printed), by_column.replace("16 of 64", "2 of 2"));
    let validation = [&["evaluate", "--dataset", "test.csv", "--split", "validation"][..], &MODEL];
    let said = small.refused(&validation.concat());
    assert!(said.contains("the table has no validation row"), "{said}");
}

#[test]
fn a_row_without_any_input_gets_the_shares_of_train() {
    let small = Small::empty();
    // Of the train rows a quarter says yes.
    write(&small, "table.csv", |row, _| ["no", "no", "yes", "no"][row / 2 % 4].to_owned());
    let parts = small.read("table.csv").replace("validation", "train").replace("test", "train");
    let lines = parts.lines().skip(1).enumerate();
    let lines = lines.map(|(row, line)| match row {
        0..=3 => line.replace("train", "validation"),
        4..=7 => line.replace("train", "test"),
        _ => line.to_owned(),
    });
    let lines: Vec<String> = lines.collect();
    small.write(
        "table.csv",
        format!(
            "x,label,size,split\n{}\n",
            lines.join("\n").replace(",no", ",no,1").replace(",yes", ",yes,5")
        ),
    );
    small.write("nothing.csv", "x,other\n,1\n");
    let outputs = ["{name: label, type: category}", "{name: label, type: binary}"];
    for (output, combiner) in [(0, "bilinear"), (1, "transformer"), (0, "gated_fusion")] {
        small.write(
            "labels.yaml",
            format!(
                "input_features: [{{name: x, type: number}}]\n\
                 output_features: [{}, {{name: size, type: number}}]\ncombiner: {combiner}\n\
                 preprocessing: {{split: {{type: fixed, column: split}}}}\n\
                 trainer: {{epochs: 3, batch_size: 8}}\n",
                outputs[output]
            ),
        );
        std::fs::remove_dir_all(small.path("results")).ok();
        trained(&small, "table.csv");
        let predict = ["predict", "--dataset", "nothing.csv"];
        let predicted = small.succeed(&[&predict[..], &MODEL].concat());
        let predicted: serde_json::Value = serde_json::from_str(&predicted).unwrap();
        let is_close = |key: &str, expected: f64| {
            let got = predicted[key].as_f64().unwrap();
            assert!((got - expected).abs() < 1e-5, "{combiner}: {key} is {got}, not {expected}");
        };
        // Rows 8 to 63: in each eight, rows 4 and 5 say yes.
        is_close("label_probabilities_yes", 0.25);
        is_close("size_predictions", 2.0);
    }
}
