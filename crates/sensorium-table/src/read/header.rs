//! Columns that cannot be asked for are set aside with a line, so that those beside them are read.
//!
//! A column without a name, such as pandas' index, is left out. Of columns with the same name none
//! is read, since which was meant is not said; one that is asked for is refused. A column of a type
//! that is not read keeps its name and is refused where it is asked for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sensorium_core::ColumnName;

use super::Content;
use crate::storage::Storage;

/// The most names that one line lists.
const SHOWN: usize = 10;

/// Leaves out what cannot be asked for, and says so.
pub(super) fn set_aside(mut content: Content) -> Content {
    let unread = unread(&content);
    drop_unnamed(&mut content);
    let doubled = doubled(&content.names);
    keep_one_of_each(&mut content, &doubled);
    let doubled =
        doubled.into_iter().map(|(name, count)| format!("`{}` ({count} times)", name.shown()));
    remark(
        &mut content,
        "a name that several columns have is not read",
        &doubled.collect::<Vec<_>>(),
    );
    remark(&mut content, "set aside, of a type that is not read", &unread);
    content
}

fn unread(content: &Content) -> Vec<String> {
    let columns = content.names.iter().zip(&content.columns);
    let unread = columns.filter_map(|(name, column)| match column {
        Storage::Unsupported(kind) => Some(format!("`{}` ({kind})", name.shown())),
        _ => None,
    });
    unread.collect()
}

pub(super) fn is_unnamed(name: &ColumnName) -> bool {
    name.as_str().trim().is_empty()
}

fn drop_unnamed(content: &mut Content) {
    let unnamed: Vec<usize> =
        (0..content.names.len()).filter(|index| is_unnamed(&content.names[*index])).collect();
    content.retain(|index| unnamed.binary_search(&index).is_err());
    let places: Vec<String> = unnamed.iter().map(|index| (index + 1).to_string()).collect();
    remark(content, "set aside, for want of a name: column", &places);
}

fn doubled(names: &[ColumnName]) -> BTreeMap<ColumnName, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.clone()).or_insert(0) += 1;
    }
    counts.retain(|_, count| *count > 1);
    counts
}

/// Keeps the place of the first of each, without its cells.
fn keep_one_of_each(content: &mut Content, doubled: &BTreeMap<ColumnName, usize>) {
    let names = content.names.clone();
    content.retain(|index| {
        !doubled.contains_key(&names[index]) || !names[..index].contains(&names[index])
    });
    for (name, column) in content.names.iter().zip(&mut content.columns) {
        if doubled.contains_key(name) {
            *column = Storage::Unsupported("several columns of one name".to_owned());
        }
    }
    content.doubled = doubled.keys().cloned().collect();
}

/// One line that names them, if there are any.
fn remark(content: &mut Content, what: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let mut line = format!("{what} {}", names[..names.len().min(SHOWN)].join(", "));
    if names.len() > SHOWN {
        let _ = write!(line, " and {} more", names.len() - SHOWN);
    }
    content.remarks.push(line);
}
