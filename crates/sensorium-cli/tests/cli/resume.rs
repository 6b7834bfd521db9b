//! Going on with a run: from its checkpoint, from the beginning, or not at all.

use std::process::{Command, Stdio};

use sensorium_bundle::sealed::{self, Kind};
use serde_json::{Value, json};

use crate::repeat::{AUGMENTED, interrupt};
use crate::small::{Small, TRAIN};

const SHORT: &[&str] = &["--set", "trainer.epochs=2"];
const STOPPED: &[&str] = &["--model_name", "stopped"];
const FOLDER: &str = "results/experiment_stopped";

/// What was said by a command that succeeded.
fn said(small: &Small, arguments: &[&str]) -> String {
    let output = small.run(arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?} failed:\n{errors}");
    errors
}

fn resume(more: &[&'static str]) -> Vec<&'static str> {
    [TRAIN, AUGMENTED, STOPPED, &["--resume"], more].concat()
}

#[test]
fn a_finished_run_says_so_and_a_loop_that_resumes_it_ends() {
    let small = Small::of_rows(48);
    small.train(SHORT);
    let bundle = std::fs::read(small.path("results/experiment_run/model.safetensors")).unwrap();
    for how in [&["--resume"][..], &["--model_resume_path", "results/experiment_run"]] {
        let errors = said(&small, &[TRAIN, SHORT, how].concat());
        assert!(errors.contains("results/experiment_run is finished"), "{errors}");
    }
    let again = std::fs::read(small.path("results/experiment_run/model.safetensors")).unwrap();
    assert!(again == bundle);
    assert!(!small.path("results/experiment_run_0").exists());
    let other = [TRAIN, SHORT, &["--resume", "--random_seed", "7"]].concat();
    assert!(small.refused(&other).contains("belongs to another config or seed"));
}

#[test]
fn a_run_that_was_never_begun_starts_in_its_own_folder() {
    let small = Small::of_rows(48);
    // Killed between making the folder and the first checkpoint, with a file half written.
    std::fs::create_dir_all(small.path("results/experiment_run")).unwrap();
    small.write("results/experiment_run/.sensorium-Ab3.part", "half");
    let arguments = [TRAIN, SHORT, &["--resume"]].concat();
    assert!(said(&small, &arguments).contains("starts from the beginning"));
    assert!(small.path("results/experiment_run/model.safetensors").is_file());
    assert!(!small.path("results/experiment_run/.sensorium-Ab3.part").exists());
    assert!(!small.path("results/experiment_run_0").exists());

    // Killed while rows were read: there is no folder at all.
    let arguments = [TRAIN, SHORT, &["--resume", "--model_name", "new"]].concat();
    assert!(said(&small, &arguments).contains("starts from the beginning"));
    assert!(small.path("results/experiment_new/model.safetensors").is_file());
}

#[test]
fn a_folder_that_is_none_of_a_run_is_not_written_into() {
    let small = Small::of_rows(48);
    std::fs::create_dir(small.path("thesis")).unwrap();
    small.write("thesis/chapter.tex", "text");
    for folder in ["thesis", "nowhere"] {
        let arguments = [TRAIN, SHORT, &["--model_resume_path", folder]].concat();
        let errors = small.refused(&arguments);
        assert!(errors.contains("holds no checkpoint to resume from"), "{errors}");
    }
    assert_eq!(std::fs::read_dir(small.path("thesis")).unwrap().count(), 1);
}

#[test]
fn media_that_were_exchanged_under_their_names_are_noticed() {
    let small = Small::of_rows(48);
    interrupt(&small, "-KILL", 1);
    for (name, other) in [("2.png", "3.png"), ("2.wav", "3.wav")] {
        let before = std::fs::read(small.path(name)).unwrap();
        std::fs::copy(small.path(other), small.path(name)).unwrap();
        let errors = small.refused(&resume(&[]));
        let words = "belongs to another content of the files that the dataset names";
        assert!(errors.contains(words), "{name}: {errors}");
        small.write(name, before);
    }
    // The same bytes at another time are the same files.
    small.write("2.png", std::fs::read(small.path("2.png")).unwrap());
    said(&small, &resume(&[]));
}

#[test]
fn a_run_that_lives_is_not_resumed_beside_itself() {
    let small = Small::of_rows(48);
    let arguments = [TRAIN, STOPPED, &["--set", "trainer.epochs=1000000"]].concat();
    let mut child =
        small.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !small.path(FOLDER).join("checkpoint.safetensors").is_file() {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let again = [&arguments[..], &["--resume"]].concat();
    let errors = small.refused(&again);
    assert!(errors.contains("is being trained by another process"), "{errors}");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
    child.wait().unwrap();
    // A lock does not outlive its process.
    let other = [TRAIN, STOPPED, SHORT, &["--resume"]].concat();
    assert!(small.refused(&other).contains("belongs to another config or seed"));
}

#[test]
fn what_a_killed_run_left_half_written_is_cleared() {
    let small = Small::of_rows(48);
    interrupt(&small, "-KILL", 1);
    small.write(&format!("{FOLDER}/.sensorium-Zz9.part"), "half");
    said(&small, &resume(&[]));
    let entries = std::fs::read_dir(small.path(FOLDER)).unwrap();
    let names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| !name.starts_with('.')), "{names:?}");
}

#[test]
fn a_run_that_is_refused_leaves_no_empty_folder() {
    let small = Small::of_rows(48);
    let table = small.read("table.csv");
    let mut spoiled = String::new();
    for line in table.lines() {
        let line = if line.ends_with("validation") {
            line.split_once(',').map(|(_, rest)| format!("gone.png,{rest}")).unwrap()
        } else {
            line.to_owned()
        };
        spoiled += &(line + "\n");
    }
    small.write("table.csv", spoiled);
    let errors = small.refused(&[TRAIN, SHORT, &["--on_error", "skip"]].concat());
    assert!(errors.contains("no row of the validation split can be read"), "{errors}");
    assert!(!small.path("results/experiment_run").exists());
}

const KIND: Kind = Kind { name: "sensorium training checkpoint", version: 2 };

/// Every number that says where a run stands, and each list.
#[test]
fn a_checkpoint_that_no_run_can_have_written_is_refused_though_its_digest_fits() {
    let small = Small::of_rows(48);
    interrupt(&small, "-KILL", 2);
    let path = small.path(FOLDER).join("checkpoint.safetensors");
    let (content, tensors): (Value, _) = sealed::read(&path, KIND).unwrap();
    let mut cases = Vec::new();
    for key in ["epoch", "batch", "step", "rows"] {
        let now = content["progress"][key].as_u64().unwrap();
        for other in [now + 1, now + 5, 1 << 40, u64::MAX] {
            cases.push((key, json!(other)));
        }
    }
    for other in [json!([]), json!([0.0]), json!([0.0, 0.0, 0.0, 0.0]), json!("x")] {
        cases.push(("loss_sums", other));
    }
    cases.push((
        "history",
        json!({"epochs": vec![content["progress"]["history"]["epochs"][0].clone(); 40]}),
    ));
    cases.push(("epoch", json!(-1)));
    for (key, other) in cases {
        let mut altered = content.clone();
        altered["progress"][key] = other.clone();
        sealed::write(&path, KIND, &altered, &tensors).unwrap();
        let errors = small.refused(&resume(&[]));
        assert!(errors.contains("holds what no training writes"), "{key} = {other}: {errors}");
    }
    for (part, value) in
        [("second_moment", -1.0), ("num_steps", 0.5), ("num_steps", 1e9), ("", f32::NAN)]
    {
        let mut altered = tensors.clone();
        let name = altered.keys().find(|name| name.ends_with(part)).unwrap().clone();
        altered.get_mut(&name).unwrap().as_mut_slice::<f32>().unwrap()[0] = value;
        sealed::write(&path, KIND, &content, &altered).unwrap();
        let errors = small.refused(&resume(&[]));
        assert!(errors.contains("holds what no training writes"), "{name} = {value}: {errors}");
    }
    sealed::write(&path, KIND, &content, &tensors).unwrap();
    said(&small, &resume(&[]));
}
