//! What inputs say together, and what cannot be learned at all.

use std::fmt::Write as _;

use rand::RngExt;
use sensorium_core::Seed;
use sensorium_model::combiner::CombinerConfig;

use crate::small::Small;

const ROWS: usize = 4_000;
const VALUES: usize = 10;

/// Two columns of letters, their label a function of both, half of the rows equal.
fn write_pairs(small: &Small, label: impl Fn(usize, usize) -> bool) {
    let mut rng = Seed::new(5).rng();
    let mut table = String::from("left,right,label,split\n");
    for row in 0..ROWS {
        let left = rng.random_range(0..VALUES);
        let right = if rng.random_bool(0.5) { left } else { rng.random_range(0..VALUES) };
        let split = ["train", "train", "train", "train", "validation", "test"][row % 6];
        let letter = |value: usize| char::from(b'a' + u8::try_from(value).unwrap());
        let (left_letter, right_letter, label) = (letter(left), letter(right), label(left, right));
        writeln!(table, "{left_letter},{right_letter},{label},{split}").unwrap();
    }
    small.write("pairs.csv", table);
    small.write(
        "pairs.yaml",
        "input_features: [{name: left, type: category}, {name: right, type: category}]\n\
         output_features: [{name: label, type: category}]\n\
         preprocessing: {split: {type: fixed, column: split}}\n",
    );
}

fn accuracy(small: &Small, settings: &[&str]) -> (f64, String) {
    let train = ["train", "--config", "pairs.yaml", "--dataset", "pairs.csv"];
    let output = small.run(&[&train[..], settings].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let run = settings.iter().position(|setting| *setting == "--model_name");
    let run = format!("experiment_{}", run.map_or("run", |at| settings[at + 1]));
    (small.statistics(&run)["label"]["accuracy"].as_f64().unwrap(), said)
}

/// Every combiner with its defaults learns both, by the default number of epochs: what the columns
/// say together is more than what each says.
fn every_combiner_learns(task: &str, label: fn(usize, usize) -> bool) {
    let small = Small::empty();
    write_pairs(&small, label);
    for (combiner, _) in CombinerConfig::COMPONENTS {
        let combiner_type = format!("combiner.type={combiner}");
        let settings = ["--model_name", combiner, "--set", &combiner_type];
        let (accuracy, _) = accuracy(&small, &settings);
        assert!(accuracy >= 0.98, "{combiner}, {task}: {accuracy}");
    }
}

#[test]
fn every_combiner_learns_whether_two_columns_are_equal() {
    every_combiner_learns("equal", |left, right| left == right);
}

#[test]
fn every_combiner_learns_the_exclusive_or_of_two_columns() {
    every_combiner_learns("exclusive or", |left, right| (left < 5) != (right < 5));
}

#[test]
fn a_combiner_that_is_additive_says_so_before_it_trains() {
    let small = Small::empty();
    write_pairs(&small, |left, right| (left < 5) != (right < 5));
    for combiner in ["concat", "weighted"] {
        let combiner_type = format!("combiner.type={combiner}");
        let layers = ["--set", "combiner.num_fc_layers=0", "--set", "trainer.epochs=1"];
        let settings = [&["--set", combiner_type.as_str()][..], &layers].concat();
        let (_, said) = accuracy(&small, &settings);
        let first = said.lines().next().unwrap();
        assert!(first.contains("cannot learn what they say together"), "{said}");
        std::fs::remove_dir_all(small.path("results")).unwrap();
    }
}

#[test]
fn labels_drawn_at_random_end_at_the_majority_and_it_is_said() {
    let small = Small::empty();
    let drawn = std::cell::RefCell::new(Seed::new(9).rng());
    write_pairs(&small, |_, _| drawn.borrow_mut().random_bool(0.7));
    let (accuracy, said) = accuracy(&small, &[]);
    let statistics = small.statistics("experiment_run");
    let majority = statistics["label"]["baseline"]["accuracy"].as_f64().unwrap();
    assert!((accuracy - majority).abs() < 0.03, "{accuracy}, majority {majority}");
    let last = said.lines().last().unwrap();
    assert!(last.contains("no better than an answer that looks at no input"), "{said}");
}

#[test]
fn an_encoder_of_a_published_name_says_that_its_weights_are_drawn() {
    let small = Small::new();
    let vit = "input_features.0.encoder={type: vit, image_size: 16, patch_size: 8, hidden_size: 16, \
               num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16}";
    let train = ["train", "--config", "config.yaml", "--dataset", "table.csv", "--set", vit];
    let output = small.run(&[&train[..], &["--set", "trainer.epochs=1"]].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let first = said.lines().next().unwrap();
    assert!(first.contains("photo: the weights of `vit` are drawn, not published"), "{said}");
}
