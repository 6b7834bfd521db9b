//! What a model sees, written and shown.

use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::small::Small;

const OF_CONFIG: &[&str] = &["features", "--config", "config.yaml", "--dataset", "table.csv"];

/// A tensor's shape and bytes.
fn tensor(file: &[u8], name: &str) -> (Vec<usize>, Vec<u8>) {
    let tensors = SafeTensors::deserialize(file).unwrap();
    let view = tensors.tensor(name).unwrap();
    (view.shape().to_vec(), view.data().to_vec())
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect()
}

#[test]
fn a_bundle_and_the_config_it_was_trained_by_see_the_same() {
    let small = Small::of_rows(48);
    small.train(&["--set", "trainer.epochs=1"]);
    small.succeed(&[OF_CONFIG, &["-o", "a.safetensors"]].concat());
    let of_bundle = ["features", "-m", "results/experiment_run", "--dataset", "table.csv"];
    small.succeed(&[&of_bundle[..], &["-o", "b.safetensors"]].concat());
    let [a, b] =
        ["a", "b"].map(|name| std::fs::read(small.path(&format!("{name}.safetensors"))).unwrap());
    for name in
        ["photo", "photo.rows", "caption", "caption.lengths", "sound", "sound.lengths", "noise"]
    {
        assert_eq!(tensor(&a, name), tensor(&b, name), "{name}");
    }
    // Row 1 of every eight has no photo, row 5 no sound.
    assert_eq!(tensor(&a, "photo").0, [42, 3, 16, 16]);
    assert_eq!(tensor(&a, "photo.rows").1[..24], [0_u64, 2, 3].map(u64::to_le_bytes).concat());
    let (shape, frames) = tensor(&a, "sound");
    assert_eq!((shape[1], frames.len()), (16, 4 * shape[0] * 16));
}

#[test]
fn the_file_says_what_each_array_is() {
    let small = Small::of_rows(48);
    small.succeed(&[OF_CONFIG, &["-o", "a.safetensors", "--limit", "3"]].concat());
    let file = std::fs::read(small.path("a.safetensors")).unwrap();
    let (_, header) = SafeTensors::read_metadata(&file).unwrap();
    let said = &header.metadata().as_ref().unwrap()["photo"];
    let said: Value = serde_json::from_str(said).unwrap();
    assert_eq!(said["axes"], json!(["row", "channel", "height", "width"]));
    assert_eq!((&said["column"], &said["type"]), (&json!("photo"), &json!("image")));
    assert_eq!(said["unit"], "sRGB, standardised by channel");
}

#[test]
fn a_table_holds_the_same_values_as_the_tensors() {
    let small = Small::of_rows(48);
    small.succeed(&[OF_CONFIG, &["-o", "a.safetensors", "--limit", "2"]].concat());
    small.succeed(&[OF_CONFIG, &["-o", "a.jsonl", "--limit", "2"]].concat());
    small.succeed(&[OF_CONFIG, &["-o", "a.parquet", "--limit", "2"]].concat());
    let rows: Vec<Value> =
        small.read("a.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &rows[1]["photo"]), (2, &Value::Null));
    let file = std::fs::read(small.path("a.safetensors")).unwrap();
    let list = |value: &Value| -> Vec<f32> {
        let values = value.as_array().unwrap().iter();
        #[expect(clippy::cast_possible_truncation, reason = "it was an f32")]
        values.map(|value| value.as_f64().unwrap() as f32).collect()
    };
    assert_eq!(floats(&tensor(&file, "photo").1), list(&rows[0]["photo"]));
    let sounds = [list(&rows[0]["sound"]), list(&rows[1]["sound"])].concat();
    assert_eq!(floats(&tensor(&file, "sound").1), sounds);
    assert_eq!(
        usize::try_from(rows[0]["sound_length"].as_u64().unwrap()).unwrap() * 16,
        list(&rows[0]["sound"]).len()
    );
}

#[test]
fn one_row_is_read_shown_and_drawn() {
    let small = Small::of_rows(48);
    small.train(&["--set", "trainer.epochs=1"]);
    let shown = small.succeed(&[
        "features",
        "-m",
        "results/experiment_run",
        "--input",
        "photo=0.png",
        "--input",
        "sound=0.wav",
        "--plot",
        "pictures",
    ]);
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    for part in ["photo", "[3, 16, 16]", "1 of 1", "0 of 1"] {
        assert!(shown.contains(part), "`{part}` is not in:\n{shown}");
    }
    let picture = image::open(small.path("pictures/1_photo.png")).unwrap().into_rgb8();
    assert_eq!(picture, image::open(small.path("0.png")).unwrap().into_rgb8());
    let spectrogram = image::open(small.path("pictures/1_sound.png")).unwrap();
    assert_eq!(spectrogram.height(), 256);
}

#[test]
fn mistakes_are_named_and_leave_nothing() {
    let small = Small::of_rows(48);
    let said = small.refused(&[OF_CONFIG, &["-o", "a.npz"]].concat());
    assert!(said.contains("a.npz") && said.contains("parquet"), "{said}");
    let said = small.refused(&["features", "--config", "config.yaml"]);
    assert!(said.contains("--dataset"), "{said}");
    std::fs::write(small.path("3.png"), "no picture").unwrap();
    let said = small.refused(&[OF_CONFIG, &["-o", "a.safetensors"]].concat());
    assert!(said.contains("row 4 of column `photo`"), "{said}");
    assert!(!small.path("a.safetensors").exists());
}
