//! What bad input gets: what is wrong and where, a hint, exit code 2, and nothing half-written.

use crate::small::{Small, TRAIN};

/// Trains on a small folder changed by `spoil`, and gives what was said.
fn refused(spoil: impl Fn(&Small)) -> String {
    let small = Small::of_rows(48);
    spoil(&small);
    let errors = small.refused(TRAIN);
    assert!(!small.path("results").exists(), "something was written: {errors}");
    errors
}

fn said(errors: &str, parts: &[&str]) {
    for part in parts {
        assert!(errors.contains(part), "`{part}` is not said in:\n{errors}");
    }
}

fn config(from: &str, to: &str) -> String {
    refused(|small| small.edit("config.yaml", from, to))
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest() {
    let errors = config("batch_size: 16", "batchsize: 16");
    said(
        &errors,
        &["config.yaml", "`trainer` has no key `batchsize`", "did you mean `batch_size`?"],
    );
}

#[test]
fn an_unknown_value_is_answered_with_the_nearest() {
    let errors = config("{type: transformer,", "{type: transfomer,");
    said(&errors, &["`combiner.type` is `transfomer`", "did you mean `transformer`?"]);
    let errors = config("type: stacked_cnn, num_conv", "type: staked_cnn, num_conv");
    said(&errors, &["input_features[0].encoder", "`staked_cnn`", "did you mean `stacked_cnn`?"]);
    let errors = config("type: image", "type: imgae");
    said(&errors, &["input_features[0]", "`imgae`", "did you mean `image`?"]);
}

#[test]
fn a_mistake_in_an_augmentation_is_placed() {
    let errors = config("type: image,", "type: image, augmentation: [random_rotat],");
    said(&errors, &["`input_features[0].augmentation[0].type`", "did you mean `random_rotate`?"]);
    let errors = config("type: image,", "type: image, augmentation: [{degree: 3}],");
    said(&errors, &["`input_features[0].augmentation[0]`", "lacks the key `type`"]);
    let errors = config("type: number}", "type: number, augmentation: [{type: jitter, std: -1}]}");
    said(&errors, &["`input_features[3].augmentation[0].std` is -1"]);
}

#[test]
fn an_encoder_that_cannot_read_its_modality_is_refused_naming_both() {
    let errors = config("type: embed, embedding_size: 16, output_size: 16", "type: passthrough");
    said(&errors, &["input_features[1].encoder", "passthrough", "tokens", "parallel_cnn"]);
}

#[test]
fn a_column_that_does_not_exist_is_answered_with_the_nearest() {
    let errors = config("name: caption", "name: captoin");
    said(&errors, &["captoin", "did you mean `caption`?"]);
}

#[test]
fn a_metric_that_an_output_does_not_have_is_refused() {
    let errors = config("epochs: 8", "validation_field: colour, validation_metric: r2, epochs: 8");
    said(&errors, &["trainer.validation_metric", "`r2`", "accuracy"]);
}

#[test]
fn yaml_that_is_not_yaml_is_placed() {
    let errors = config("input_features:", "input_features: [");
    said(&errors, &["config.yaml", "not valid YAML"]);
}

#[test]
fn an_output_that_is_an_input_too_is_refused() {
    let errors = config("name: size, type: number", "name: noise, type: number");
    said(&errors, &["output_features", "column `noise` is an input too"]);
}

#[test]
fn a_split_without_rows_is_refused() {
    let errors = refused(|small| {
        let table = small.read("table.csv").replace(",validation", ",train");
        small.write("table.csv", table);
    });
    said(&errors, &["validation"]);
}

#[test]
fn a_target_with_one_class_is_refused() {
    let errors = refused(|small| {
        let table = small.read("table.csv").replace(",red,", ",blue,").replace(",green,", ",blue,");
        small.write("table.csv", table);
    });
    said(&errors, &["colour", "blue"]);
}

#[test]
fn a_number_that_is_not_finite_is_refused_with_its_cell() {
    for value in ["inf", "-infinity"] {
        let errors = refused(|small| {
            let table = small.read("table.csv");
            let line = table.lines().nth(1).unwrap();
            let cells: Vec<&str> = line.split(',').collect();
            let mut spoiled = cells.clone();
            spoiled[3] = value;
            small.edit("table.csv", line, &spoiled.join(","));
        });
        said(&errors, &["row 1 of column `noise`", value]);
    }
}

#[test]
fn a_bad_picture_or_sound_is_refused_with_its_cell() {
    type Spoil<'a> = &'a dyn Fn(&Small);
    let png = |small: &Small| std::fs::read(small.path("2.png")).unwrap();
    let cases: [(&str, Spoil<'_>); 6] = [
        ("row 3 of column `photo`", &|small| small.write("2.png", b"not a picture")),
        ("row 3 of column `photo`", &|small| small.write("2.png", b"")),
        ("row 3 of column `photo`", &|small| small.write("2.png", &png(small)[..200])),
        ("row 3 of column `photo`", &|small| small.write("2.png", enormous_png(&png(small)))),
        ("row 3 of column `sound`", &|small| small.write("2.wav", b"RIFF....WAVEfmt ")),
        ("row 3 of column `sound`", &|small| std::fs::remove_file(small.path("2.wav")).unwrap()),
    ];
    for (place, spoil) in cases {
        let errors = refused(spoil);
        said(&errors, &[place, "hint:"]);
    }
}

/// A PNG whose header says 60,000 by 60,000 pixels.
fn enormous_png(png: &[u8]) -> Vec<u8> {
    let mut bytes = png.to_vec();
    bytes[16..20].copy_from_slice(&60_000_u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&60_000_u32.to_be_bytes());
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// CRC-32 as PNG has it (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    let shifted =
        |crc: u32| (0..8).fold(crc, |c, _| c >> 1 ^ if c & 1 == 1 { 0xEDB8_8320 } else { 0 });
    !bytes.iter().fold(!0, |crc, &byte| shifted((crc ^ u32::from(byte)) & 0xFF) ^ crc >> 8)
}

#[test]
fn a_path_outside_the_media_root_is_refused() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    let errors = refused(|small| {
        small.edit("table.csv", "2.png", outside.path().to_str().unwrap());
    });
    said(&errors, &["row 3 of column `photo`", "--media-root"]);
    let errors = refused(|small| small.edit("table.csv", "2.png", "../2.png"));
    said(&errors, &["row 3 of column `photo`"]);
}

#[test]
fn rows_that_cannot_be_read_are_left_out_and_listed_on_request() {
    let small = Small::of_rows(48);
    small.write("2.png", b"not a picture");
    std::fs::remove_file(small.path("4.wav")).unwrap();
    let output = small.run(&[TRAIN, &["--on-error", "skip", "--set", "trainer.epochs=1"]].concat());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    said(&errors, &["2 rows left out", "row 3 of column `photo`", "row 5 of column `sound`"]);
    let description = small.read("results/experiment_run/description.json");
    said(&description, &["row 3 of column `photo`"]);
}

#[test]
fn a_bundle_of_another_kind_or_spoiled_is_refused() {
    let small = Small::of_rows(48);
    small.train(&["--set", "trainer.epochs=1"]);
    let path = "results/experiment_run/model.safetensors";
    let bundle = std::fs::read(small.path(path)).unwrap();
    let predict = ["predict", "--model_path", path, "--input", "caption=sky"];
    small.succeed(&predict);

    let mut altered = bundle.clone();
    *altered.last_mut().unwrap() ^= 1;
    small.write(path, altered);
    said(&small.refused(&predict), &["altered", "digest"]);
    small.write(path, &bundle[..bundle.len() - 9]);
    said(&small.refused(&predict), &["truncated"]);
    small.write(path, "colour,size");
    said(&small.refused(&predict), &["is not a sensorium model bundle"]);
    std::fs::remove_file(small.path(path)).unwrap();
    said(&small.refused(&predict), &["could not read", "model.safetensors"]);
}

#[test]
fn what_predict_is_given_is_checked_before_anything_is_written() {
    let small = Small::of_rows(48);
    small.train(&["--set", "trainer.epochs=1"]);
    let model = ["predict", "--model_path", "results/experiment_run"];
    let refused = |more: &[&str]| small.refused(&[&model[..], more].concat());

    said(&refused(&["--input", "captoin=sky"]), &["`captoin`", "did you mean `caption`?"]);
    said(&refused(&["--dataset", "table.csv", "--output", "p.xlsx"]), &["p.xlsx", "parquet"]);
    small.write("other.csv", "a,b\n1,2\n");
    said(&refused(&["--dataset", "other.csv"]), &["none of the model's inputs", "photo"]);
    small.write("40.png", b"not a picture");
    said(&refused(&["--dataset", "table.csv", "--output", "p.csv"]), &["row 41 of column `photo`"]);
    assert!(!small.path("p.csv").exists());
}

#[test]
fn a_disk_that_is_full_leaves_nothing_half_written() {
    if !std::path::Path::new("/dev/full").exists() {
        println!("skipped: this system has no /dev/full");
        return;
    }
    let small = Small::of_rows(48);
    small.train(&["--set", "trainer.epochs=1"]);
    let model = ["predict", "--model_path", "results/experiment_run", "--dataset", "table.csv"];
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = small.command(&model).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    said(&String::from_utf8(output.stderr).unwrap(), &["could not write", "space"]);
}
