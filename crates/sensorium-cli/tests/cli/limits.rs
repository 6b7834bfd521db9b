//! Sizes and files beyond a stated limit: refused before memory is taken for them.

use std::fmt::Write as _;

use crate::small::{Small, TRAIN};

fn refused(small: &Small, set: &[&str]) -> String {
    let set = set.iter().flat_map(|key| ["--set", key]);
    let errors = small.refused(&TRAIN.iter().copied().chain(set).collect::<Vec<_>>());
    assert!(!small.path("results").exists(), "something was written: {errors}");
    errors
}

#[test]
fn a_model_that_no_machine_holds_is_refused_by_the_key_that_makes_it_large() {
    let small = Small::of_rows(48);
    let check = |set: &[&str], key: &str| {
        let errors = refused(&small, set);
        assert!(errors.contains(&format!("`{key}`: the model would have")), "{errors}");
        assert!(errors.contains("GiB in training, but the limit is 64.0 GiB"), "{errors}");
        assert!(errors.contains(&format!("hint: lower `{key}`")), "{errors}");
    };
    check(&["combiner.hidden_size=65536"], "combiner.hidden_size");
    let channels = "input_features.0.encoder.out_channels=65536";
    check(&[channels], "input_features[0].encoder.out_channels");
    let text = "input_features.1.encoder={type: transformer, hidden_size: 65536}";
    check(&[text], "input_features[1].encoder.hidden_size");
    let layers = vec!["{output_size: 65536}"; 64].join(", ");
    let layers = format!("combiner={{type: concat, fc_layers: [{layers}]}}");
    check(&[&layers], "combiner.fc_layers[63].output_size");
}

/// 18 pictures of 50 MB, twice.
#[cfg(target_os = "linux")]
#[test]
fn pictures_that_no_batch_holds_are_refused_before_training() {
    let small = Small::of_rows(24);
    let line = format!(
        "ulimit -v 1572864; exec {} {} --set 'trainer.batch_size=64' \
         --set 'input_features.0.preprocessing={{height: 2048, width: 2048}}'",
        env!("CARGO_BIN_EXE_sensorium"),
        TRAIN.join(" ")
    );
    let mut shell = std::process::Command::new("sh");
    let output = shell.current_dir(small.path("")).args(["-c", &line]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    let words = "`input_features[0].preprocessing`: the pictures of a batch of 18 rows take 1.7 GiB, \
                 but this process may use 1.5 GiB";
    assert!(errors.contains(words), "{errors}");
    assert!(!small.path("results").exists());
}

#[cfg(unix)]
#[test]
fn endless_files_and_pipes_are_refused_by_their_kind() {
    let small = Small::of_rows(48);
    let pipe = small.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in ["/dev/zero", "pipe"] {
        let config = ["train", "--config", path, "--dataset", "table.csv"];
        let errors = small.refused(&config);
        assert!(errors.contains("it is a device or a pipe, not a regular file"), "{errors}");
        let bundle = ["predict", "--model_path", path, "--dataset", "table.csv"];
        let errors = small.refused(&bundle);
        assert!(errors.contains("it is a device or a pipe, not a regular file"), "{errors}");
        let keys = format!(
            "input_features.1.preprocessing={{tokenizer: hf_tokenizer, \
             pretrained_model_name_or_path: {path}}}"
        );
        let errors = refused(&small, &[&keys]);
        assert!(errors.contains("it is a device or a pipe, not a regular file"), "{errors}");
    }
}

#[test]
fn an_enormous_config_and_bundle_are_refused_unread() {
    let small = Small::of_rows(48);
    for name in ["config.yaml", "model.safetensors"] {
        let file = std::fs::File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(small.path(name));
        file.unwrap().set_len(100 << 30).unwrap();
    }
    let errors = small.refused(TRAIN);
    assert!(errors.contains("107374182400 bytes, but at most 4194304 are read"), "{errors}");
    let errors =
        small.refused(&["predict", "--model_path", "model.safetensors", "--dataset", "table.csv"]);
    assert!(errors.contains("107374182400 bytes, but at most 68719476736 are read"), "{errors}");
}

/// 70 numbers that say nothing, and one that says which half a row is of.
#[test]
fn a_report_of_very_many_inputs_is_one_that_a_person_reads() {
    let small = Small::empty();
    let names: Vec<String> = (0..70).map(|input| format!("n{input}")).collect();
    let mut table = format!("{},half,split\n", names.join(","));
    for row in 0..60 {
        let cells: Vec<String> =
            (0..70).map(|input| ((row * (input + 3) * 7919) % 101).to_string()).collect();
        let split = ["train", "train", "train", "validation", "test", "test"][row % 6];
        let half = if row * 7 % 60 < 30 { "low" } else { "high" };
        writeln!(table, "{},{half},{split}", cells.join(",")).unwrap();
    }
    small.write("table.csv", table);
    let inputs: Vec<String> =
        names.iter().map(|name| format!("{{name: {name}, type: number}}")).collect();
    small.write(
        "config.yaml",
        format!(
            "input_features: [{}]\noutput_features: [{{name: half}}]\n\
             combiner: {{type: concat}}\ntrainer: {{epochs: 1}}\n\
             preprocessing: {{split: {{type: fixed, column: split}}}}\n",
            inputs.join(", ")
        ),
    );
    let output = small.run(TRAIN);
    let (shown, said) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("judging 71 subsets of 70 inputs, not every one that there is"),
        "{said}"
    );
    assert!(shown.contains("and 40 more in the statistics file"), "{shown}");
    assert!(shown.lines().count() < 60, "{shown}");
    let statistics = small.statistics("experiment_run");
    let subsets = statistics["half"]["subsets"].as_object().unwrap();
    assert_eq!(subsets.len(), 71);
    assert_eq!(statistics["half"]["accuracy"], subsets[&names.join("+")]["accuracy"]);
}
