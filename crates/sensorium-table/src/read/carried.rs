//! What Parquet and Arrow files carry beside their columns: Hugging Face's names of classes, pandas'
//! categoricals, dictionaries, and which columns are dates or lists.

use std::collections::{BTreeMap, BTreeSet};

use arrow_schema::{DataType, Fields};
use serde_json::Value;

use crate::Annotation;
use crate::storage::{BuildError, Scalar};

/// What is said of each column, by its index.
#[derive(Debug, Default)]
pub(super) struct Carried {
    pub(super) annotations: Vec<Option<Annotation>>,
    /// The names that a column's whole numbers stand for.
    classes: BTreeMap<usize, Vec<String>>,
}

impl Carried {
    /// Reads what stands in the file's metadata under `huggingface` and `pandas`; `fields` are the
    /// columns as Arrow has them.
    pub(super) fn read<'a>(
        fields: &Fields,
        as_written: Option<&Fields>,
        metadata: impl Fn(&str) -> Option<&'a str>,
    ) -> Self {
        let parsed = |key| metadata(key).and_then(|text| serde_json::from_str(text).ok());
        let features: Option<Value> = parsed("huggingface");
        let categoricals = categoricals(&parsed("pandas").unwrap_or_default());
        let mut carried = Self::default();
        for (index, field) in fields.iter().enumerate() {
            let names = features.as_ref().and_then(|features| classes(features, field.name()));
            let names = names.filter(|_| field.data_type().is_integer());
            let is_dictionary =
                as_written.and_then(|fields| fields.find(field.name())).is_some_and(
                    |(_, written)| matches!(written.data_type(), DataType::Dictionary(..)),
                );
            carried.annotations.push(match (&names, field.data_type()) {
                (Some(names), _) => Some(Annotation::Named { classes: names.len() }),
                _ if is_dictionary || categoricals.contains(field.name()) => {
                    Some(Annotation::Categorical)
                }
                (_, other) => of_type(other),
            });
            carried.classes.extend(names.map(|names| (index, names)));
        }
        carried
    }

    /// The names of a column's classes, if it has any.
    pub(super) fn classes(&self, column: usize) -> Option<&[String]> {
        self.classes.get(&column).map(Vec::as_slice)
    }
}

fn of_type(data_type: &DataType) -> Option<Annotation> {
    match data_type {
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => Some(Annotation::Date),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            Some(Annotation::List)
        }
        _ => None,
    }
}

/// The names of a `ClassLabel`, as `datasets` writes them.
fn classes(metadata: &Value, column: &str) -> Option<Vec<String>> {
    let feature = metadata.get("info")?.get("features")?.get(column)?;
    if feature.get("_type")?.as_str()? != "ClassLabel" {
        return None;
    }
    let names = feature.get("names")?.as_array()?;
    names.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

/// The columns that pandas held as categoricals.
fn categoricals(metadata: &Value) -> BTreeSet<String> {
    let columns = metadata.get("columns").and_then(Value::as_array);
    let is_so =
        |column: &&Value| column.get("pandas_type").and_then(Value::as_str) == Some("categorical");
    let name = |column: &Value| Some(column.get("field_name")?.as_str()?.to_owned());
    columns.into_iter().flatten().filter(is_so).filter_map(name).collect()
}

/// The class that a code stands for; `datasets` writes -1 where there is none.
pub(super) fn named(classes: &[String], code: i64) -> Result<Scalar<'_>, BuildError> {
    if code == -1 {
        return Ok(Scalar::Missing);
    }
    let name = usize::try_from(code).ok().and_then(|code| classes.get(code));
    name.map(|name| Scalar::Text(name))
        .ok_or(BuildError::UnknownClass { code, classes: classes.len() })
}
