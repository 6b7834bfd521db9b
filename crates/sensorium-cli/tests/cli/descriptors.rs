//! Standard output and standard error that are closed, full, or that nobody reads any more.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use crate::small::{Small, TRAIN};

const SHORT: &[&str] = &["--set", "trainer.epochs=2"];
const PREDICT: &[&str] =
    &["predict", "--model_path", "results/experiment_run", "--dataset", "table.csv"];

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// Runs the command by a shell, with what it says about its descriptors behind it.
fn by_shell(small: &Small, arguments: &[&str], descriptors: &str) -> Output {
    let line =
        format!("exec {} {} {descriptors}", env!("CARGO_BIN_EXE_sensorium"), arguments.join(" "));
    Command::new("sh").current_dir(small.path("")).args(["-c", &line]).output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_training_whose_progress_cannot_be_written_goes_on_to_the_same_bytes() {
    let small = Small::of_rows(48);
    small.train(SHORT);
    let train = [TRAIN, SHORT].concat();
    let output = small.command(&train).stderr(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("best epoch"));
    assert_eq!(by_shell(&small, &train, "2>&-").status.code(), Some(0));
    let bundle = |run: &str| {
        std::fs::read(small.path(&format!("results/experiment_{run}/model.safetensors"))).unwrap()
    };
    assert!(bundle("run") == bundle("run_0") && bundle("run") == bundle("run_1"));
}

#[test]
fn a_training_whose_progress_nobody_reads_any_more_goes_on() {
    let small = Small::of_rows(48);
    let mut command = small.command(&[TRAIN, SHORT].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(!line.is_empty());
    // Its reader is dropped here, as `head -1` ends.
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(small.path("results/experiment_run/model.safetensors").is_file());
}

#[cfg(target_os = "linux")]
#[test]
fn a_training_whose_results_cannot_be_printed_has_written_them_and_says_where() {
    let small = Small::of_rows(48);
    let output = small.command(&[TRAIN, SHORT].concat()).stdout(full()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(
        errors.contains("could not print the results; they are in results/experiment_run"),
        "{errors}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_refusal_that_cannot_be_said_is_still_a_refusal() {
    let small = Small::of_rows(12);
    let arguments = ["predict", "--model_path", "nosuch", "--dataset", "table.csv"];
    assert_eq!(small.command(&arguments).stderr(full()).output().unwrap().status.code(), Some(2));
    assert_eq!(by_shell(&small, &arguments, "2>&-").status.code(), Some(2));
}

#[cfg(target_os = "linux")]
#[test]
fn predictions_that_go_nowhere_are_refused_and_thrown_away_ones_are_not() {
    let small = Small::of_rows(48);
    small.train(SHORT);
    let output = by_shell(&small, PREDICT, ">&-");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("standard output is closed"), "{errors}");
    assert!(errors.contains("--output"), "{errors}");
    let evaluate = [&["evaluate"], &PREDICT[1..]].concat();
    // Python's `DEVNULL` looks the same: what costs nothing to print again is no reason to refuse.
    let describe = ["describe", "--dataset", "table.csv"];
    for arguments in [&["components"][..], &describe, &evaluate] {
        for (redirection, is_lost) in [(">&-", true), (">/dev/null", false)] {
            let output = by_shell(&small, arguments, redirection);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{arguments:?} {redirection}: {errors}");
            assert_eq!(errors.contains("standard output is closed"), is_lost, "{errors}");
        }
    }

    let to_file = [PREDICT, &["--output", "p.csv"]].concat();
    assert_eq!(by_shell(&small, &to_file, ">&-").status.code(), Some(0));
    assert!(small.read("p.csv").lines().count() == 49);
    assert_eq!(by_shell(&small, PREDICT, ">/dev/null").status.code(), Some(0));
}

#[test]
fn a_reader_that_has_what_it_wanted_is_no_failure() {
    let small = Small::of_rows(48);
    small.train(SHORT);
    // More than a pipe holds, so that writing goes on after its reader has gone.
    let table = small.read("table.csv");
    let (header, rows) = table.split_once('\n').unwrap();
    small.write("long.csv", format!("{header}\n{}", rows.repeat(20)));
    let mut arguments = PREDICT.to_vec();
    arguments[4] = "long.csv";
    let mut command = small.command(&arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with('{'), "{line}");
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), errors.as_ref()), (Some(0), ""));
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_no_half_of_a_predictions_file() {
    let small = Small::of_rows(48);
    small.train(SHORT);
    let table = small.read("table.csv");
    let (header, rows) = table.split_once('\n').unwrap();
    small.write("long.csv", format!("{header}\n{}", rows.repeat(2_000)));
    for signal in ["-TERM", "-INT"] {
        let mut arguments = PREDICT.to_vec();
        arguments[4] = "long.csv";
        arguments.extend(["--output", "p.csv"]);
        let mut child = small.command(&arguments).stderr(Stdio::null()).spawn().unwrap();
        let parts = || -> Vec<String> {
            let entries = std::fs::read_dir(small.path("")).unwrap();
            let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name.starts_with(".sensorium-")).collect()
        };
        while parts().is_empty() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it was stopped");
            std::thread::yield_now();
        }
        let id = child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal}");
        assert_eq!(parts(), Vec::<String>::new(), "{signal}");
        assert!(!small.path("p.csv").exists());
    }
}
