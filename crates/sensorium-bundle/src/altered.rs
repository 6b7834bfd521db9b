//! Bundles whose digest fits and whose content was altered, one value at a time: each opens and
//! predicts, or is refused; none panics.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn::tensor::{Device, TensorData};
use sensorium_core::{ColumnName, Seed};
use sensorium_table::{Table, Value, split};
use serde_json::{Value as Json, json};

use crate::config::parse_yaml;
use crate::{Bundle, BundleError, Calibration, Config, Fitted, LogitWeights, Predictor};

const CONFIG: &str = "\
input_features:
  - {name: photo, type: image, augmentation: true, encoder: {type: stacked_cnn, num_conv_layers: 1, out_channels: 4, output_size: 4}}
  - {name: sound, type: audio, preprocessing: {sample_rate: 8000, n_mels: 8}, encoder: {type: rnn, state_size: 4, output_size: 4}}
  - {name: words, type: text, preprocessing: {tokenizer: ngram}}
  - {name: age, type: number}
  - {name: colour, type: category}
  - {name: on, type: binary}
combiner: {type: concat, output_size: 4}
output_features:
  - {name: kind, type: category}
  - {name: good, type: binary}
  - {name: size, type: number}
preprocessing: {split: {type: random, probabilities: [0.6, 0.2, 0.2]}}
";

fn row(row: usize) -> Vec<Value> {
    let text = |words: [&str; 3]| Value::Text(words[row % 3].to_owned());
    let number = i64::try_from(row).unwrap();
    vec![
        Value::Bytes(png(row)),
        Value::Bytes(wav(row)),
        text(["a red ball", "a blue box", "a red box"]),
        Value::Integer(number * 7 % 11),
        text(["red", "blue", "green"]),
        Value::Boolean(row.is_multiple_of(2)),
        text(["ball", "box", "cube"]),
        Value::Boolean(row % 4 < 2),
        Value::Integer(number),
    ]
}

fn png(row: usize) -> Vec<u8> {
    let shade = u8::try_from(row * 37 % 256).unwrap();
    let mut png = Cursor::new(Vec::new());
    let picture = image::RgbImage::from_pixel(8, 8, image::Rgb([shade, 9, 200]));
    picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

/// 0.1 s of a saw at 8 kHz, mono, 16 bit.
fn wav(row: usize) -> Vec<u8> {
    let samples = (0..800).map(|n| i16::try_from(n * (row + 3) * 40 % 20_000).unwrap());
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let num_bytes = u32::try_from(data.len()).unwrap();
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + num_bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(8_000_u32.to_le_bytes());
    wav.extend(16_000_u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(num_bytes.to_le_bytes());
    wav.extend(data);
    wav
}

fn table() -> Table {
    let names = ["photo", "sound", "words", "age", "colour", "on", "kind", "good", "size"];
    let columns = names.into_iter().map(ColumnName::from).collect();
    Table::from_rows(columns, (0..20).map(row).collect(), Path::new("/")).unwrap()
}

#[derive(serde::Deserialize)]
struct Read {
    config: Config,
    fitted: Fitted,
    calibration: Calibration,
}

/// A bundle as it lies in a file, and rows for it.
struct Fixture {
    document: Json,
    weights: BTreeMap<String, TensorData>,
    table: Table,
}

impl Fixture {
    fn new() -> Self {
        let table = table();
        let config = Config::resolve(parse_yaml(CONFIG).unwrap(), &table, Seed::new(1)).unwrap();
        let splits = split(&table, &config.split, Seed::new(1)).unwrap();
        let fitted = Fitted::fit(&config, &table, &splits.train).unwrap();
        let model = fitted.build_model(&config, &Device::flex()).unwrap();
        let weighted = LogitWeights { together: 1.0, alone: vec![0.5; 6] };
        let calibration = Calibration::new(vec![weighted; 3]);
        let predictor = Predictor::of(config, fitted, &model).with_calibration(calibration);
        let bundle = predictor.into_bundle(Json::Null);
        let document = json!({
            "config": bundle.config, "fitted": bundle.fitted, "calibration": bundle.calibration,
        });
        Self { document, weights: bundle.weights, table }
    }

    /// Opens the document and predicts, as the file's reader does.
    fn predict(&self, document: &str) -> Result<(), BundleError> {
        let problem = |error: &dyn std::fmt::Display| {
            BundleError::content(Path::new("model"), error.to_string())
        };
        let Read { config, fitted, calibration } =
            serde_json::from_str(document).map_err(|error| problem(&error))?;
        let weights = self.weights.clone();
        let bundle = Bundle { config, fitted, report: Json::Null, calibration, weights };
        bundle.check().map_err(|error| problem(&error))?;
        Predictor::of_bundle(bundle)?.predict(&self.table).map(drop)
    }

    /// What becomes of the document where the value at `place` is the text `other`.
    #[track_caller]
    fn altered(&self, place: &str, other: &str) -> Result<(), BundleError> {
        let mut document = self.document.clone();
        *document.pointer_mut(place).unwrap() = json!("@@");
        let document = document.to_string().replace("\"@@\"", other);
        let outcome = catch_unwind(AssertUnwindSafe(|| self.predict(&document)));
        outcome.unwrap_or_else(|_| panic!("{place} = {other} panics"))
    }
}

/// The places of a document's values that `wanted` takes; of a long list, those of its ends.
fn places(document: &Json, at: &str, wanted: &dyn Fn(&Json) -> bool, found: &mut Vec<String>) {
    if wanted(document) {
        found.push(at.to_owned());
    }
    match document {
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if index < 2 || index + 1 == items.len() {
                    places(item, &format!("{at}/{index}"), wanted, found);
                }
            }
        }
        Json::Object(section) => {
            for (key, value) in section {
                places(value, &format!("{at}/{key}"), wanted, found);
            }
        }
        _ => {}
    }
}

fn all_places(fixture: &Fixture, wanted: &dyn Fn(&Json) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    places(&fixture.document, "", wanted, &mut found);
    found
}

#[test]
fn the_document_predicts_as_it_is() {
    let fixture = Fixture::new();
    fixture.predict(&fixture.document.to_string()).unwrap();
}

#[test]
fn no_number_of_a_bundle_makes_it_panic() {
    let fixture = Fixture::new();
    let places = all_places(&fixture, &Json::is_number);
    assert!(places.len() > 100, "{}", places.len());
    let (mut refused, mut opened) = (0, 0);
    for place in &places {
        for other in
            ["0", "-1", "1", "0.5", "4294967296", "18446744073709551615", "1e300", "1e999", "NaN"]
        {
            match fixture.altered(place, other) {
                Ok(()) => opened += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 2 * opened, "{refused} refused, {opened} opened");
}

#[test]
fn no_list_section_or_name_of_a_bundle_makes_it_panic() {
    let fixture = Fixture::new();
    let places = all_places(&fixture, &|value| !value.is_number());
    for place in places.iter().filter(|place| !place.is_empty()) {
        for other in ["null", "[]", "{}", "true", "\"\"", "[[]]", "\"image\""] {
            drop(fixture.altered(place, other));
        }
        let mut longer = fixture.document.pointer(place).unwrap().clone();
        if let Json::Array(items) = &mut longer {
            let first = items.first().cloned().unwrap_or(json!(1));
            items.push(first);
            drop(fixture.altered(place, &longer.to_string()));
            if let Json::Array(items) = &mut longer {
                items.truncate(items.len().saturating_sub(2));
            }
            drop(fixture.altered(place, &longer.to_string()));
        }
    }
}

#[test]
fn what_training_never_writes_is_refused_by_its_place() {
    let fixture = Fixture::new();
    let too_many = json!([{"together": 1.0}, {"together": 1.0}]).to_string();
    for (place, other, words) in [
        ("/config/trainer/batch_size", "0", "`config.trainer.batch_size` is 0"),
        ("/config/trainer/eval_batch_size", "0", "`config.trainer.eval_batch_size` is 0"),
        ("/config/trainer/modality_dropout", "1.5", "`config.trainer.modality_dropout` is 1.5"),
        ("/config/input_features/3/name", "\"photo\"", "`config.input_features` is `photo` twice"),
        ("/calibration", &too_many, "`calibration` is a list of 2, but one of 3"),
        ("/calibration/1/alone", "[1.0]", "`calibration[1].alone` is a list of 1, but one of 6"),
        ("/calibration/0/together", "-1", "`calibration[0].together` is -1"),
        ("/fitted/targets", "[]", "`fitted.targets` is of , but category, binary, number"),
    ] {
        let refusal = fixture.altered(place, other).unwrap_err().to_string();
        assert!(refusal.contains(words), "{refusal}, not {words}");
    }
}

#[test]
fn weights_that_are_no_numbers_and_variances_below_zero_are_refused() {
    let fixture = Fixture::new();
    let names: Vec<&String> = fixture.weights.keys().collect();
    let is_variance = |name: &&&String| name.ends_with("running_variance");
    let (variance, other) = (names.iter().find(is_variance).unwrap(), names[0]);
    for (name, value) in [(*variance, -1.0), (*variance, f32::INFINITY), (other, f32::NAN)] {
        let mut altered = fixture.weights[name].clone();
        altered.as_mut_slice::<f32>().unwrap()[0] = value;
        assert!(crate::check_weight(name, &altered).is_err(), "{name}: {value}");
    }
    for (name, tensor) in &fixture.weights {
        crate::check_weight(name, tensor).unwrap();
    }
}
