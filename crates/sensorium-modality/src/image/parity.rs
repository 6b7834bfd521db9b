//! Whole picture features against published preprocessing; cases made by
//! `reference/image/features.py`.

use std::fs;
use std::path::Path;

use sensorium_table::Value;

use super::{Image, ResizePrecision};
use crate::small_table::SmallTable;
use crate::{Features, Modality, golden};

/// How far one case is off: in scaled values, and in gray levels before the scale.
struct Differences {
    values: f64,
    levels: f64,
}

fn fitted(case: &Path, table: &SmallTable) -> Image {
    let written = fs::read(case.join("case.json")).unwrap();
    let mut written: serde_json::Value = serde_json::from_slice(&written).unwrap();
    let config = sensorium_core::config::read(written["preprocessing"].take()).unwrap();
    Image::check(&config).unwrap();
    table.fit(&config).unwrap()
}

fn differences(case: &Path, table: &SmallTable, image: &Image) -> Differences {
    let picture = image.decode(&table.column().cell(0)).unwrap().unwrap();
    let Features::Grid(actual) = image.features(&picture) else { panic!("no grid") };
    let (_, expected) =
        golden::tensors(&case.join("expected.safetensors")).remove("features").unwrap();
    let num_pixels = expected.len() / 3;
    let planes = actual.chunks(num_pixels).zip(expected.chunks(num_pixels));
    let levels = planes.zip(&image.channels).map(|((actual, expected), scale)| {
        255.0 * scale.deviation * golden::worst_difference(actual, expected)
    });
    let levels = golden::worst(levels);
    Differences { values: golden::worst_difference(&actual, &expected), levels }
}

#[test]
fn features_are_those_of_torchvision_pillow_and_hugging_face() {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    for case in golden::cases("image_features") {
        let table = SmallTable::of([Value::Bytes(fs::read(case.join("input.png")).unwrap())]);
        let image = fitted(&case, &table);
        let differences = differences(&case, &table, &image);
        let name = case.file_name().unwrap().display();
        match image.resize.precision {
            ResizePrecision::Uint8 => {
                // Fixed-point weights of other bits round differently, by one level at most.
                assert!(differences.levels < 1.001, "{name} is off by {}", differences.levels);
                levels.push(differences.levels);
            }
            ResizePrecision::Float32 => {
                assert!(differences.values < 1e-5, "{name} is off by {}", differences.values);
                values.push(differences.values);
            }
        }
    }
    let reference = "torchvision 0.26.0, Pillow 13.0.0, transformers 5.24.0";
    let levels = golden::worst(levels.into_iter());
    golden::assert_parity("picture features, uint8", reference, levels, 1.001, "grey level");
    // Sums of 32-bit floats in another order, over deviations of 0.22 and more.
    let values = golden::worst(values.into_iter());
    golden::assert_parity("picture features, float32", reference, values, 1e-5, "of scaled values");
}
