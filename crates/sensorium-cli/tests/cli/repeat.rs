//! One seed gives one bundle, whatever happens on the way.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::small::{Small, TRAIN};

const EPOCHS: &[&str] = &["--set", "trainer.epochs=12"];

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
fn interrupt(small: &Small, signal: &str, times: usize) -> Option<i32> {
    let arguments = [TRAIN, EPOCHS, &["--model_name", "stopped"]].concat();
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
    small.train(EPOCHS);
    for (round, times) in [1, 3, 6].into_iter().enumerate() {
        assert_eq!(interrupt(&small, "-KILL", times), None);
        small.train(&[EPOCHS, &["--model_name", "stopped", "--resume"]].concat());
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
    small.train(EPOCHS);
    assert_eq!(interrupt(&small, "-INT", 2), Some(130));
    small.train(&[EPOCHS, &["--model_name", "stopped", "--resume"]].concat());
    assert!(bundle(&small, "experiment_run") == bundle(&small, "experiment_stopped"));
}

#[test]
fn a_checkpoint_of_another_run_is_refused() {
    let small = Small::new();
    interrupt(&small, "-KILL", 1);
    let resume = [TRAIN, EPOCHS, &["--model_name", "stopped", "--resume", "--random_seed", "7"]];
    let errors = small.refused(&resume.concat());
    assert!(errors.contains("belongs to another config or seed"), "{errors}");

    small.edit("table.csv", "rose", "tulip");
    let resume = [TRAIN, EPOCHS, &["--model_name", "stopped", "--resume"]];
    let errors = small.refused(&resume.concat());
    assert!(errors.contains("belongs to another dataset"), "{errors}");
}
