//! Tables of other kinds than one plain CSV file, from the command line.

use std::fmt::Write as _;
use std::fs;

use crate::small::{COLOURS, Small};

const NUMBERS: &str = "\
input_features: [{name: x, type: number}]
output_features: [{name: label, type: category}]
preprocessing: {split: {type: fixed, column: split}}
trainer: {epochs: 2, batch_size: 16}
";

/// 64 rows of a number, a label and a part.
fn rows(delimiter: char, mark: char) -> String {
    let mut table = format!("x{delimiter}label{delimiter}split\n");
    for row in 0..64 {
        let (tenths, label) = (row % 7, ["größe", "日本"][row % 2]);
        let part = ["train", "train", "validation", "test"][row / 2 % 4];
        let whole = 3 * (row % 2);
        writeln!(table, "{whole}{mark}{tenths}{delimiter}{label}{delimiter}{part}").unwrap();
    }
    table
}

/// What a command said on standard error.
fn said(small: &Small, arguments: &[&str]) -> String {
    let output = small.run(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?} failed:\n{said}");
    said
}

fn predictions(small: &Small, dataset: &[&str]) -> String {
    let predict = ["predict", "--model_path", "results/experiment_run", "--dataset"];
    small.succeed(&[&predict, dataset].concat())
}

#[test]
fn a_model_of_one_kind_of_table_predicts_every_other_alike() {
    let small = Small::empty();
    small.write("config.yaml", NUMBERS);
    small.write("table.csv", rows(',', '.'));
    small.train(&[]);
    let expected = predictions(&small, &["table.csv"]);

    let semicolons = rows(';', ',');
    small.write("semicolons.csv", &semicolons);
    let marked = format!("\u{feff}{semicolons}");
    let utf_16: Vec<u8> = marked.encode_utf16().flat_map(u16::to_le_bytes).collect();
    small.write("utf16.csv", &utf_16);
    small.write("unmarked.csv", &utf_16[2..]);
    let lines: String = rows(',', '.').lines().skip(1).fold(String::new(), |all, row| {
        let cells: Vec<&str> = row.split(',').collect();
        format!("{all}{{\"x\": {}, \"label\": \"{}\"}},", cells[0], cells[1])
    });
    small.write("array.json", format!("[{}]", lines.trim_end_matches(',')));
    let (header, body) = semicolons.split_once('\n').unwrap();
    let middle = body.match_indices('\n').nth(20).unwrap().0 + 1;
    fs::create_dir(small.path("parts")).unwrap();
    small.write("parts/1.csv", format!("{header}\n{}", &body[..middle]));
    small.write("parts/2.csv", format!("{header}\n{}", &body[middle..]));

    for dataset in [
        &["semicolons.csv"][..],
        &["semicolons.csv", "--delimiter", ";", "--decimal", ","],
        &["utf16.csv"],
        &["unmarked.csv", "--encoding", "utf-16le"],
        &["array.json"],
        &["parts"],
        &["parts/*.csv"],
    ] {
        assert_eq!(predictions(&small, dataset), expected, "{dataset:?}");
    }
    small.write("doubled.csv", "x,label,x\n1,a,2\n");
    let refused =
        small.refused(&["predict", "-m", "results/experiment_run", "--dataset", "doubled.csv"]);
    assert!(refused.contains("the table has several columns `x`"), "{refused}");
    small.write("nested.jsonl", "{\"x\": {\"value\": 1}}\n");
    let refused =
        small.refused(&["predict", "-m", "results/experiment_run", "--dataset", "nested.jsonl"]);
    assert!(refused.contains("column `x` is of the type an object in row 1"), "{refused}");

    let said = said(&small, &["describe", "--dataset", "semicolons.csv"]);
    assert!(said.contains("semicolons.csv: cells are read as separated by `;`"), "{said}");
    assert!(said.contains("commas are read as decimal marks in `x`"), "{said}");
}

#[test]
fn a_folder_of_class_folders_is_trained_on_and_predicted() {
    let small = Small::of_rows(48);
    for row in (0..48).filter(|row| row % 8 != 1) {
        let part = ["train", "train", "val", "test"][row / 3 % 4];
        let folder = small.path(&format!("pictures/{part}/{}", COLOURS[row * 7 % 3]));
        fs::create_dir_all(&folder).unwrap();
        fs::copy(small.path(&format!("{row}.png")), folder.join(format!("{row}.png"))).unwrap();
    }
    small.write(
        "config.yaml",
        "input_features: [{name: image, type: image, encoder: {type: stacked_cnn, \
         num_conv_layers: 1, out_channels: 4, output_size: 8}}]\n\
         output_features: [{name: label, type: category}]\n\
         preprocessing: {split: {type: fixed, column: split}}\n\
         trainer: {epochs: 1, batch_size: 16}\n",
    );
    small.succeed(&["train", "--config", "config.yaml", "--dataset", "pictures"]);
    let lines = predictions(&small, &["pictures/test/red"]);
    assert_eq!(
        lines.lines().count(),
        fs::read_dir(small.path("pictures/test/red")).unwrap().count()
    );
}

#[test]
fn a_column_of_parts_that_the_config_does_not_use_is_pointed_out() {
    let small = Small::empty();
    small.write("config.yaml", NUMBERS.replace("{type: fixed, column: split}", "{type: random}"));
    small.write("table.csv", rows(',', '.'));
    let said = said(&small, crate::small::TRAIN);
    let expected = "the column `split` says each row's part, but the split is random; \
                    `preprocessing.split: {type: fixed, column: split}` follows it";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn lists_and_numbers_are_not_taken_for_labels_in_silence() {
    let small = Small::empty();
    let mut lines = String::new();
    for row in 0..32 {
        let part = ["train", "train", "validation", "test"][row / 2 % 4];
        let label = row % 2;
        writeln!(
            lines,
            "{{\"x\": [{label}, 1], \"z\": {row}, \"label\": {label}.5, \"split\": \"{part}\"}}"
        )
        .unwrap();
    }
    small.write("table.jsonl", lines);
    small.write(
        "config.yaml",
        NUMBERS.replace("{name: x, type: number}", "{name: x, type: text}, {name: z, type: text}"),
    );
    let said = said(&small, &["train", "--config", "config.yaml", "--dataset", "table.jsonl"]);
    for expected in [
        "x: of type text, but cells hold lists, read as their JSON text, such as `[0,1]`",
        "z: of type text, but cells hold numbers, such as `0`",
        "label: of type category, but cells hold numbers, of which each is a label, such as `0.5`",
    ] {
        assert!(said.contains(expected), "`{expected}` is not in:\n{said}");
    }
    let shown = small.succeed(&["describe", "--dataset", "table.jsonl"]);
    assert!(shown.contains("lists, read as JSON text"), "{shown}");
}

#[test]
fn a_flag_that_does_not_apply_or_is_not_known_is_refused() {
    let small = Small::empty();
    small.write("t.jsonl", "{\"x\": 1}\n");
    let refused = small.refused(&["describe", "--dataset", "t.jsonl", "--delimiter", ";"]);
    assert!(refused.contains("`--delimiter` is given for the table"), "{refused}");
    let refused = small.refused(&["describe", "--dataset", "t.jsonl", "--encoding", "klingon"]);
    assert!(refused.contains("windows-1252"), "{refused}");
    let refused = small.refused(&["describe", "--dataset", "no/*.csv"]);
    assert!(refused.contains("no file fits the pattern"), "{refused}");
}
