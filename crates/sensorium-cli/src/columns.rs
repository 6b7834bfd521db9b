//! What a person should know of how a config uses a table's columns.

use sensorium_bundle::Config;
use sensorium_core::ColumnName;
use sensorium_table::{Annotation, PhysicalType, SplitConfig, Table, names_parts};

use crate::remarks::features;

/// A column of parts that the config does not use, and columns whose cells are read as something
/// else than they are.
pub(crate) fn remarks(config: &Config, table: &Table) -> Vec<String> {
    unused_split(config, table).into_iter().chain(taken_for_text(config, table)).collect()
}

/// A column that says each row's part, which a split drawn at random would mix.
fn unused_split(config: &Config, table: &Table) -> Option<String> {
    const NAMES: [&str; 5] = ["split", "subset", "partition", "set", "fold"];
    if matches!(config.split, SplitConfig::Fixed { .. }) {
        return None;
    }
    let column = table.column_names().iter().find(|name| {
        NAMES.contains(&name.as_str().to_lowercase().as_str())
            && !features(config).any(|(_, column, _)| column == *name)
            && table.column(name).is_ok_and(|column| names_parts(column, table.num_rows()))
    })?;
    Some(format!(
        "the column `{column}` says each row's part, but the split is {}; \
         `preprocessing.split: {{type: fixed, column: {column}}}` follows it",
        config.split
    ))
}

/// Lists, dates and numbers that a text or label is made of.
fn taken_for_text(config: &Config, table: &Table) -> Vec<String> {
    let remark = |(_, name, kind): (&ColumnName, &ColumnName, &'static str)| {
        let column = table.column(name).ok()?;
        let cells = match (column.annotation(), column.physical_type(), kind) {
            (Some(Annotation::List), _, "text" | "category") => "lists, read as their JSON text",
            (Some(Annotation::Date), _, "text" | "category") => "dates, read as their text",
            (None, PhysicalType::Number | PhysicalType::Integer, "text") => "numbers",
            (None, PhysicalType::Number, "category") => "numbers, of which each is a label",
            _ => return None,
        };
        let example = (0..table.num_rows()).find_map(|row| column.cell(row).text().ok().flatten());
        let example: String = example?.chars().take(40).collect();
        Some(format!("{name}: of type {kind}, but cells hold {cells}, such as `{example}`"))
    };
    features(config).filter_map(remark).collect()
}
