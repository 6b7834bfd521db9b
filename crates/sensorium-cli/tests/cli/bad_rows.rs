//! Rows that the reader of the table refuses, and tables that would fill the memory or the terminal.

use serde_json::{Value, json};

use crate::small::{Small, TRAIN};

const SKIP: &[&str] = &["--on_error", "skip"];

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rows of a `left_out.jsonl`, with the lines and columns that are known.
fn left_out(small: &Small, file: &str) -> Vec<Value> {
    let rows = lines(&small.read(file));
    assert!(rows.iter().all(|row| row["reason"].as_str().is_some_and(|reason| !reason.is_empty())));
    rows.iter().map(|row| json!([row["row"], row["line"], row["column"]])).collect()
}

/// A table with a row that has a cell too few, one with bytes that are no text, and a picture that
/// is none.
fn with_bad_rows() -> Small {
    let small = Small::of_rows(48);
    let table = small.read("table.csv");
    let mut rows: Vec<Vec<u8>> = table.lines().map(|line| line.as_bytes().to_vec()).collect();
    rows[4] = b"9.png,too few".to_vec();
    let rest = rows[7].iter().position(|&byte| byte == b',').unwrap();
    rows[7] = [b"caf\xe9".as_slice(), &rows[7][rest..]].concat();
    small.write("table.csv", rows.join(&b'\n'));
    small.write("2.png", b"not a picture");
    small
}

#[test]
fn a_row_that_the_reader_refuses_stops_the_command_and_is_left_out_on_request() {
    let small = with_bad_rows();
    let errors = small.refused(TRAIN);
    assert!(errors.contains("row 4 (line 5) of `table.csv` has 2 cells"), "{errors}");

    let output = small.run(&[TRAIN, SKIP, &["--set", "trainer.epochs=1"]].concat());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    let list = "results/experiment_run/left_out.jsonl";
    assert!(errors.contains(&format!("3 rows left out, listed in {list}:")), "{errors}");
    assert!(errors.contains("row 3 of column `photo` (`2.png`) is not"), "{errors}");
    let expected = [json!([3, null, "photo"]), json!([4, 5, null]), json!([7, 8, "photo"])];
    assert_eq!(left_out(&small, list), expected);

    let model = ["--model_path", "results/experiment_run", "--dataset", "table.csv"];
    let run = |command: &[&str], more: &[&str]| {
        small.succeed(&[command, &model, SKIP, more].concat());
    };
    run(&["predict"], &["-o", "p.jsonl"]);
    let predictions = lines(&small.read("p.jsonl"));
    assert_eq!(predictions.len(), 48);
    for (row, prediction) in predictions.iter().enumerate() {
        let is_bad = [2, 3, 6].contains(&row);
        assert_eq!(prediction["error"].is_string(), is_bad, "row {row}: {prediction}");
        assert_eq!(prediction["colour_predictions"].is_null(), is_bad, "row {row}: {prediction}");
    }
    assert!(predictions[3]["error"].as_str().unwrap().contains("has 2 cells"));
    assert_eq!(left_out(&small, "p.left_out.jsonl"), expected);

    run(&["embed"], &["-o", "e.jsonl"]);
    assert_eq!(lines(&small.read("e.jsonl")).len(), 48);
    assert_eq!(left_out(&small, "e.left_out.jsonl"), expected);

    run(&["features"], &["-o", "f.jsonl"]);
    let features = lines(&small.read("f.jsonl"));
    assert_eq!((features.len(), &features[3]["noise"]), (48, &Value::Null));
    assert!(features[5]["noise"].is_array());
    assert_eq!(left_out(&small, "f.left_out.jsonl"), expected);

    run(&["evaluate"], &["--split", "full", "--output_directory", "judged"]);
    assert_eq!(left_out(&small, "judged/left_out.jsonl"), expected);

    let errors = small.refused(&[&["features"], &model[..]].concat());
    assert!(errors.contains("has 2 cells"), "{errors}");
}

#[test]
fn without_skip_predictions_have_no_column_for_errors_and_no_list() {
    let small = Small::of_rows(48);
    small.train(&["--set", "trainer.epochs=1"]);
    let predict = ["predict", "--model_path", "results/experiment_run", "--dataset", "table.csv"];
    small.succeed(&[&predict[..], &["-o", "p.jsonl"]].concat());
    assert!(lines(&small.read("p.jsonl"))[0].get("error").is_none());
    assert!(!small.path("p.left_out.jsonl").exists());
    assert!(!small.path("results/experiment_run/left_out.jsonl").exists());
    small.succeed(&[&predict[..], SKIP, &["-o", "p.jsonl"]].concat());
    assert_eq!(lines(&small.read("p.jsonl"))[0]["error"], Value::Null);
    assert_eq!(small.read("p.left_out.jsonl"), "");
}

#[test]
fn a_quotation_mark_that_is_never_closed_is_told_and_its_row_left_out_on_request() {
    let small = Small::of_rows(48);
    let line = small.read("table.csv").lines().nth(20).unwrap().to_owned();
    small.edit("table.csv", &line, &format!("\"{line}"));
    let errors = small.refused(TRAIN);
    let expected = "the quotation mark that opens in line 21 of `table.csv` is never closed";
    assert!(errors.contains(expected), "{errors}");
    small.train(&[SKIP, &["--set", "trainer.epochs=1"]].concat());
    let rows = left_out(&small, "results/experiment_run/left_out.jsonl");
    assert_eq!(rows, [json!([20, 21, null])]);
}

#[test]
fn what_a_table_says_does_not_reach_the_terminal_as_it_is() {
    let small = Small::empty();
    let bell = "\u{1b}]0;owned\u{7}\u{1b}[2J";
    small.write("t.csv", format!("\"img\n{bell}\",n\na.png,{bell}\n"));
    small.write("twice.csv", format!("{bell},{bell}\n1,2\n"));
    small.write("config.yaml", crate::small::CONFIG);
    let outputs = [
        small.run(&["describe", "--dataset", "t.csv"]),
        small.run(&["describe", "--dataset", "twice.csv"]),
        small.run(&["train", "--config", "config.yaml", "--dataset", "t.csv"]),
        small.run(&["describe", "--dataset", &format!("{bell}.csv")]),
    ];
    for output in outputs {
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(said.contains("u{1b}"), "{said}");
        assert!(said.chars().all(|c| c == '\n' || !c.is_control()), "{said:?}");
    }
}

#[test]
fn a_key_that_is_very_long_is_cut() {
    let small = Small::of_rows(48);
    let key = format!("trainer.{}=3", "k".repeat(100_000));
    let errors = small.refused(&[TRAIN, &["--set", &key]].concat());
    assert!(errors.len() < 4_000 && errors.contains("kkk…`"), "{} bytes", errors.len());
}

/// Describes a table within 2 GiB of address space, and gives what was said.
#[cfg(target_os = "linux")]
fn described(small: &Small, table: &str) -> std::process::Output {
    let command = format!("ulimit -v 2097152; exec \"$0\" describe --dataset {table}");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &command, env!("CARGO_BIN_EXE_sensorium")]);
    shell.current_dir(small.path("")).output().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_small_table_is_described_or_refused_within_two_gigabytes() {
    let small = Small::empty();
    let line = |row: usize| format!("{{\"k{}\":1}}\n", row % 9_000);
    small.write("wide.jsonl", (0..30_000).map(line).collect::<Vec<_>>().concat());
    small.write("long.csv", format!("img,{}\na.png,x\n", "n".repeat(1_000_000)));
    let header: Vec<String> = (0..9_999).map(|column| column.to_string()).collect();
    let row = ",".repeat(9_998);
    small.write("many.csv", format!("{}\n{}", header.join(","), format!("{row}\n").repeat(90)));
    for table in ["wide.jsonl", "long.csv", "many.csv"] {
        let started = std::time::Instant::now();
        let output = described(&small, table);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(matches!(output.status.code(), Some(0 | 2)), "{table}: {errors}");
        // Ten times what is aimed at: tests run unoptimised and beside each other.
        assert!(started.elapsed().as_secs() < 50, "{table}: {:?}", started.elapsed());
    }
}
