//! What every modality of the list must keep, whatever it reads.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use sensorium_core::FeatureShape;
use sensorium_table::Value;
use serde_json::json;

use crate::small_table::{SmallTable, text};
use crate::{Features, FittedModality, ModalityConfig, ModalityError};

/// Cells that the modality reads, the first four of which differ; none is missing.
fn cells(modality: &str) -> Vec<Value> {
    let texts = |cells: &[&str]| cells.iter().map(|cell| text(cell)).collect();
    match modality {
        "image" => (0..5).map(picture).map(Value::Bytes).collect(),
        "audio" => (0..5).map(sound).map(Value::Bytes).collect(),
        "binary" => texts(&["yes", "no", "yes", "no", "no"]),
        "number" => [0.1, 2.5, -3.0, 1e6, 0.7].map(Value::Number).into(),
        "category" => texts(&["red", "blue", "green", "grey", "red"]),
        "text" => texts(&["A red apple.", "two words", "我们 喜欢 🍎", "\u{200b}", "apple apple"]),
        other => panic!("give the contract cells that `{other}` reads"),
    }
}

/// A PNG file of 3 × 2 pixels in shades that `index` decides.
fn picture(index: u8) -> Vec<u8> {
    let shade =
        |x: u32, y: u32| image::Rgb([index * 40, u8::from(x > 0) * 70, u8::from(y > 0) * 90]);
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_fn(3, 2, shade).write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

/// A WAV file of a tenth of a second of a tone that `index` decides: mono, 16 kHz, 16 bits.
fn sound(index: u8) -> Vec<u8> {
    const RATE_HZ: u32 = 16_000;
    const SAMPLES: u32 = 1_600;
    let frequency_hz = 300.0 * (f64::from(index) + 1.0);
    let sample = |step: u32| {
        let angle = std::f64::consts::TAU * frequency_hz * f64::from(step) / f64::from(RATE_HZ);
        #[expect(clippy::cast_possible_truncation, reason = "within 10 000 of 0")]
        return ((angle.sin() * 10_000.0) as i16).to_le_bytes();
    };
    let head = [
        b"RIFF".as_slice(),
        &(36 + 2 * SAMPLES).to_le_bytes(),
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
        &[1, 0, 1, 0],
        &RATE_HZ.to_le_bytes(),
        &(2 * RATE_HZ).to_le_bytes(),
        &[2, 0, 16, 0],
        b"data",
        &(2 * SAMPLES).to_le_bytes(),
    ];
    [head.concat(), (0..SAMPLES).flat_map(sample).collect()].concat()
}

fn names() -> impl Iterator<Item = &'static str> {
    ModalityConfig::COMPONENTS.iter().map(|(name, _)| *name)
}

fn fit(name: &str, table: &SmallTable) -> Result<FittedModality, ModalityError> {
    ModalityConfig::read(name, json!({})).unwrap().fit(table.column(), table.train())
}

fn fitted(name: &str) -> FittedModality {
    fit(name, &SmallTable::of(cells(name))).unwrap()
}

/// The features of the train cells of a table.
fn features(modality: &FittedModality, table: &SmallTable) -> Vec<Option<Features>> {
    let cells = table.train().indices().iter().map(|&row| table.column().cell(row));
    cells.map(|cell| modality.features_of(&cell).unwrap()).collect()
}

/// Whether the sizes and ids of features are those that a shape says, and all values finite.
fn obeys(features: &Features, shape: FeatureShape) -> bool {
    let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
    match (features, shape) {
        (Features::Vector(values), FeatureShape::Vector { width }) => {
            values.len() == width && finite(values)
        }
        (
            Features::Sequence { values, width },
            FeatureShape::Sequence { max_length, width: of },
        ) => {
            let steps = values.len() / width;
            *width == of
                && steps * width == values.len()
                && finite(values)
                && (1..=max_length).contains(&steps)
        }
        (Features::Grid(values), FeatureShape::Grid { channels, height, width }) => {
            values.len() == channels * height * width && finite(values)
        }
        (Features::Tokens(ids), FeatureShape::Tokens { max_length, vocabulary_size }) => {
            let known = |&id: &u32| id > 0 && (id as usize) < vocabulary_size;
            (1..=max_length).contains(&ids.len()) && ids.iter().all(known)
        }
        _ => false,
    }
}

#[test]
fn features_have_the_shape_that_the_modality_says() {
    for name in names() {
        let modality = fitted(name);
        let shape = modality.shape();
        let config = ModalityConfig::read(name, json!({})).unwrap();
        assert_eq!(config.layout(), shape.layout(), "{name}");
        for features in features(&modality, &SmallTable::of(cells(name))) {
            let features = features.unwrap();
            assert_eq!(features.layout(), shape.layout(), "{name}");
            assert!(obeys(&features, shape), "{name}: {features:?} is not {shape:?}");
        }
    }
}

#[test]
fn different_cells_have_different_features() {
    for name in names() {
        let features = features(&fitted(name), &SmallTable::of(cells(name)));
        assert_ne!(features[0], features[1], "{name}");
    }
}

#[test]
fn a_missing_cell_has_no_features() {
    for name in names() {
        let table = SmallTable::of([Value::Missing, text("")]);
        assert_eq!(features(&fitted(name), &table), [None, None], "{name}");
    }
}

#[test]
fn missing_train_cells_change_nothing() {
    for name in names() {
        let holes = cells(name).into_iter().flat_map(|cell| [Value::Missing, cell]);
        assert_eq!(fit(name, &SmallTable::of(holes)).unwrap(), fitted(name), "{name}");
    }
}

#[test]
fn a_column_with_nothing_in_train_is_refused_by_name() {
    for name in names() {
        let held_out = [cells(name)[0].clone(), cells(name)[1].clone()];
        let table = SmallTable::with_held_out([Value::Missing], held_out);
        let message = fit(name, &table).unwrap_err().to_string();
        assert!(message.contains("column `it` cannot be fitted"), "{name}: {message}");
    }
}

#[test]
fn what_is_fitted_does_not_depend_on_rows_outside_train() {
    for name in names() {
        let cells = cells(name);
        let (train, held_out) = cells.split_at(3);
        let fit = |validation: &Value, test: &Value| {
            let held_out = [validation.clone(), test.clone()];
            fit(name, &SmallTable::with_held_out(train.to_vec(), held_out)).unwrap()
        };
        let one = fit(&held_out[0], &held_out[1]);
        assert_eq!(one, fit(&train[0], &Value::Missing), "{name}");
        assert_eq!(one, fit(&text("unreadable"), &Value::Bytes(vec![0; 9])), "{name}");
    }
}

#[test]
fn what_is_fitted_depends_on_train_rows() {
    // A binary column has nothing to learn but its spelling.
    for name in names().filter(|name| *name != "binary") {
        let train = cells(name)[..2].to_vec();
        assert_ne!(fit(name, &SmallTable::of(train)).unwrap(), fitted(name), "{name}");
    }
}

#[test]
fn save_and_load_change_nothing() {
    for name in names() {
        let modality = fitted(name);
        let stored = serde_json::to_string(&modality).unwrap();
        let loaded: FittedModality = serde_json::from_str(&stored).unwrap();
        assert_eq!(loaded, modality, "{name}");
        assert_eq!((loaded.name(), loaded.shape()), (name, modality.shape()));
        let table = SmallTable::of(cells(name));
        assert_eq!(features(&loaded, &table), features(&modality, &table), "{name}");
        assert_eq!(serde_json::to_string(&loaded).unwrap(), stored, "{name}");
    }
}

#[test]
fn features_do_not_depend_on_other_rows() {
    for name in names() {
        let modality = fitted(name);
        let together = features(&modality, &SmallTable::of(cells(name)));
        let mut backwards = cells(name);
        backwards.reverse();
        let mut backwards = features(&modality, &SmallTable::of(backwards));
        backwards.reverse();
        assert_eq!(together, backwards, "{name}");
        let alone = cells(name).into_iter().map(|cell| SmallTable::of([cell]));
        let alone: Vec<_> = alone.map(|table| features(&modality, &table).remove(0)).collect();
        assert_eq!(together, alone, "{name}");
    }
}

#[test]
fn every_modality_is_guessed_from_its_own_cells() {
    for name in names() {
        // Labels are told from texts by how often each occurs.
        let many = (0..4).flat_map(|_| cells(name));
        let many = if name == "text" { many.take(5) } else { many.take(20) };
        let guess = crate::infer(&SmallTable::of(many).summary());
        assert_eq!(guess.modality, name, "{}", guess.because);
    }
}
