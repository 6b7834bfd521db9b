//! A row that is written on the command line.

use std::collections::BTreeMap;
use std::path::Path;

use sensorium_bundle::config::InputFeature;
use sensorium_core::{ColumnName, nearest};
use sensorium_table::{Table, Value};

use crate::failure::Failure;

/// A table of the one row that `--input NAME=VALUE` describes.
///
/// A path is one that the user wrote, relative to the working folder, so no media root holds it.
pub(super) fn one_row(features: &[InputFeature], inputs: &[String]) -> Result<Table, Failure> {
    let mut given: BTreeMap<ColumnName, Value> = BTreeMap::new();
    for input in inputs {
        let (name, value) = input.split_once('=').ok_or_else(|| {
            let hint = "such as `--input photo=cat.jpg`";
            Failure::new(format!("`--input {input}` is not NAME=VALUE"), Some(hint))
        })?;
        let feature = features.iter().find(|feature| feature.name.as_str() == name);
        let feature = feature.ok_or_else(|| unknown_input(features, name))?;
        let value = if value.is_empty() {
            Value::Missing
        } else {
            Value::Text(absolute(feature.modality.name(), value))
        };
        given.insert(feature.column.clone(), value);
    }
    let (columns, row) = given.into_iter().unzip();
    Ok(Table::from_rows(columns, vec![row], Path::new("/"))?)
}

/// A path to media, made absolute; any other value as it is.
fn absolute(modality: &str, value: &str) -> String {
    match std::path::absolute(value) {
        Ok(path) if matches!(modality, "image" | "audio") => path.display().to_string(),
        _ => value.to_owned(),
    }
}

fn unknown_input(features: &[InputFeature], name: &str) -> Failure {
    let names: Vec<&str> = features.iter().map(|feature| feature.name.as_str()).collect();
    let all = format!("the model reads: {}", names.join(", "));
    let hint = nearest(name, names.iter().copied())
        .map_or_else(|| all.clone(), |meant| format!("did you mean `{meant}`? {all}"));
    Failure::new(format!("the model has no input `{name}`"), Some(&hint))
}
