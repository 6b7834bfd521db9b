//! One seed gives one bundle, whatever happens on the way.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::small::{Small, TRAIN};

const EPOCHS: &[&str] = &["--set", "trainer.epochs=12"];
/// Everything that draws at random.
pub(crate) const AUGMENTED: &[&str] = &[
    "--set",
    "trainer.epochs=12",
    "--set",
    "input_features.0.augmentation=[random_resized_crop, color_jitter, random_erasing]",
    "--set",
    "input_features.2.augmentation=[noise, speed, spec_augment]",
    "--set",
    "input_features.3.augmentation=true",
    "--set",
    "trainer.mixup=0.2",
    "--set",
    "trainer.cutmix=1",
];

fn bundle(small: &Small, run: &str) -> Vec<u8> {
    std::fs::read(small.path(&format!("results/{run}/model.safetensors"))).unwrap()
}

#[test]
fn two_runs_with_one_seed_write_the_same_bytes_and_another_seed_does_not() {
    let small = Small::new();
    small.train(&[]);
    small.train(&[]);
    small.train(&["--random_seed", "7"]);
    assert!(bundle(&small, "experiment_run") == bundle(&small, "experiment_run_0"));
    assert!(bundle(&small, "experiment_run") != bundle(&small, "experiment_run_1"));
}

/// Starts a run, and gives the signal once its checkpoint has been replaced `times` times.
pub(crate) fn interrupt(small: &Small, signal: &str, times: usize) -> Option<i32> {
    let arguments = [TRAIN, AUGMENTED, &["--model_name", "stopped"]].concat();
    let mut command = small.command(&arguments);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let checkpoint = small.path("results/experiment_stopped/checkpoint.safetensors");
    let (mut seen, mut last) = (0, None);
    let started = Instant::now();
    while seen < times {
        assert!(started.elapsed() < Duration::from_mins(2), "no checkpoint was written");
        assert!(child.try_wait().unwrap().is_none(), "the run ended before it was stopped");
        let modified = std::fs::metadata(&checkpoint).and_then(|file| file.modified()).ok();
        if modified.is_some() && modified != last {
            (seen, last) = (seen + 1, modified);
        }
        thread::yield_now();
    }
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args([signal, &id]).status().unwrap().success());
    child.wait().unwrap().code()
}

#[test]
fn a_run_killed_at_any_moment_resumes_to_the_same_bytes() {
    let small = Small::new();
    small.train(AUGMENTED);
    for (round, times) in [1, 3, 6].into_iter().enumerate() {
        assert_eq!(interrupt(&small, "-KILL", times), None);
        small.train(&[AUGMENTED, &["--model_name", "stopped", "--resume"]].concat());
        assert!(
            bundle(&small, "experiment_run") == bundle(&small, "experiment_stopped"),
            "round {round}"
        );
        std::fs::remove_dir_all(small.path("results/experiment_stopped")).unwrap();
    }
}

#[test]
fn ctrl_c_leaves_a_checkpoint_that_resumes_to_the_same_bytes() {
    let small = Small::new();
    small.train(AUGMENTED);
    assert_eq!(interrupt(&small, "-INT", 2), Some(130));
    small.train(&[AUGMENTED, &["--model_name", "stopped", "--resume"]].concat());
    assert!(bundle(&small, "experiment_run") == bundle(&small, "experiment_stopped"));
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let small = Small::new();
    interrupt(&small, "-KILL", 1);
    let resume = [TRAIN, AUGMENTED, &["--model_name", "stopped", "--resume", "--random_seed", "7"]];
    let errors = small.refused(&resume.concat());
    assert!(errors.contains("belongs to another config or seed"), "{errors}");

    small.edit("table.csv", "rose", "tulip");
    let resume = [TRAIN, AUGMENTED, &["--model_name", "stopped", "--resume"]];
    let errors = small.refused(&resume.concat());
    assert!(errors.contains("belongs to another dataset"), "{errors}");
}

/// Clones of a model share the running statistics of batch norm, so weights that are merely cloned
/// at the best epoch would be judged with the statistics of the last one.
#[test]
fn the_bundle_is_the_model_of_the_best_epoch_and_not_of_a_later_one() {
    let small = Small::new();
    // The first epoch that gets every colour right is the best; the loss goes on falling.
    let watched =
        ["--set", "trainer.validation_field=colour", "--set", "trainer.validation_metric=accuracy"];
    // What calibration makes of the logits is not the epoch's own.
    let as_they_are = ["--set", "trainer.calibrate=false"];
    small.train(&[EPOCHS, &watched, &as_they_are].concat());
    let curves = small.read("results/experiment_run/training_statistics.json");
    let curves: serde_json::Value = serde_json::from_str(&curves).unwrap();
    let curve = |output: &str, metric: &str| -> Vec<f64> {
        let values = curves["validation"][output][metric].as_array().unwrap();
        values.iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let (losses, accuracies) = (curve("combined", "loss"), curve("colour", "accuracy"));
    let highest = accuracies.iter().copied().fold(0.0, f64::max);
    let best = accuracies.iter().position(|&accuracy| accuracy >= highest).unwrap();
    assert!(best + 1 < losses.len(), "the last epoch is the best: {accuracies:?}");

    let evaluate = ["evaluate", "--model_path", "results/experiment_run", "--dataset", "table.csv"];
    let validation = ["--split", "validation", "--output_directory", "again"];
    small.succeed(&[&evaluate[..], &validation].concat());
    let again: serde_json::Value =
        serde_json::from_str(&small.read("again/test_statistics.json")).unwrap();
    assert_eq!(again["combined"]["loss"], losses[best], "epoch {best} of {losses:?}");
}
