//! A folder of class folders of pictures or sounds: `cat/1.png` is a row whose `image` is that path
//! and whose `label` is `cat`, as torchvision's and Hugging Face's `ImageFolder` have it.
//!
//! Where all folders are `train`, `validation` (`val`, `valid`, `dev`) and `test`, the classes are
//! beneath them and a column `split` names the part. Pictures that lie in no class folder, such as
//! those to predict, have no column `label`.

use std::fs;
use std::path::{Component, Path, PathBuf};

use sensorium_core::ColumnName;

use super::dataset::is_hidden;
use super::{Content, refused};
use crate::storage::{Scalar, TableBuilder};
use crate::{Part, TableError};

/// The extensions of pictures and of sounds, and what a column of either is named.
const MEDIA: &[(&str, &[&str])] = &[
    (
        "image",
        &["png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "avif", "ppm", "pgm", "pnm"],
    ),
    (
        "audio",
        &[
            "wav", "mp3", "flac", "ogg", "oga", "opus", "m4a", "aac", "mp4", "aif", "aiff", "webm",
            "mka", "caf",
        ],
    ),
];
/// Folders within folders are looked into so far.
const MAX_DEPTH: usize = 16;

/// Makes a table of the files in `folder`, in the order of their paths.
pub(super) fn read(folder: &Path) -> Result<Content, TableError> {
    let mut found = Files::default();
    found.walk(folder, Path::new(""), 0)?;
    found.media.sort();
    let kind = found.kind(folder)?;
    let has_parts = has_parts(folder, &found.media)?;
    let places: Vec<Row> = found.media.iter().map(|path| Row::new(path, has_parts)).collect();
    let has_labels = check_alike(folder, &places)?;
    let mut content = build(folder, kind, &places, has_parts, has_labels)?;
    if !has_labels {
        content.remarks.push("no class folders, so there is no column `label`".to_owned());
    }
    if let Some(example) = found.others.iter().min() {
        content.remarks.push(format!(
            "{} files that are no pictures or sounds are passed over, such as `{}`",
            found.others.len(),
            example.display()
        ));
    }
    Ok(content)
}

/// The files of a folder, their paths relative to it.
#[derive(Default)]
struct Files {
    media: Vec<PathBuf>,
    others: Vec<PathBuf>,
}

impl Files {
    fn walk(&mut self, root: &Path, below: &Path, depth: usize) -> Result<(), TableError> {
        let folder = root.join(below);
        let failed = |source| TableError::Read { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = below.join(entry.file_name());
            if is_hidden(&path) {
                continue;
            }
            // Links to folders are not followed: they may lead round in a circle.
            if entry.file_type().map_err(failed)?.is_dir() {
                if depth < MAX_DEPTH {
                    self.walk(root, &path, depth + 1)?;
                }
            } else if kind_of(&path).is_some() {
                self.media.push(path);
            } else {
                self.others.push(path);
            }
        }
        Ok(())
    }

    /// What all files are.
    fn kind(&self, folder: &Path) -> Result<&'static str, TableError> {
        let Some(first) = self.media.first() else {
            let what = "it holds no table, and no picture or sound";
            return Err(TableError::NoFiles { path: folder.to_owned(), what });
        };
        match self.media.iter().find(|path| kind_of(path) != kind_of(first)) {
            None => Ok(kind_of(first).expect("media have a kind")),
            Some(other) => Err(TableError::SeveralFormats {
                folder: folder.to_owned(),
                files: [first.display().to_string(), other.display().to_string()],
            }),
        }
    }
}

fn kind_of(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    let (kind, _) = MEDIA.iter().find(|(_, known)| known.contains(&extension.as_str()))?;
    Some(kind)
}

/// The first folder of a path, if it lies in one.
fn first_folder(path: &Path) -> Option<&str> {
    let mut parts = path.components();
    match (parts.next()?, parts.next()) {
        (Component::Normal(folder), Some(_)) => folder.to_str(),
        _ => None,
    }
}

/// Whether the first folders are the parts of a split; those that are only partly are refused.
fn has_parts(folder: &Path, media: &[PathBuf]) -> Result<bool, TableError> {
    let is_part = |path: &PathBuf| first_folder(path).and_then(Part::of_word).is_some();
    let has_train =
        |path: &PathBuf| first_folder(path).and_then(Part::of_word) == Some(Part::Train);
    if !media.iter().any(has_train) {
        return Ok(false);
    }
    match media.iter().find(|path| !is_part(path)) {
        None => Ok(true),
        Some(other) => Err(TableError::OddFolder {
            folder: folder.to_owned(),
            odd: other.clone(),
            expected: "a folder of a part (train, validation, test), as others are",
        }),
    }
}

/// What the place of a file says.
struct Row<'a> {
    path: &'a Path,
    part: Option<Part>,
    label: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn new(path: &'a Path, has_parts: bool) -> Self {
        let part = first_folder(path).filter(|_| has_parts);
        let below = part.and_then(|part| path.strip_prefix(part).ok()).unwrap_or(path);
        Self { path, part: part.and_then(Part::of_word), label: first_folder(below) }
    }
}

/// Whether the files lie in class folders, which all must or none.
fn check_alike(folder: &Path, rows: &[Row<'_>]) -> Result<bool, TableError> {
    if rows.iter().all(|row| row.label.is_none()) {
        return Ok(false);
    }
    match rows.iter().find(|row| row.label.is_none()) {
        None => Ok(true),
        Some(row) => Err(TableError::OddFolder {
            folder: folder.to_owned(),
            odd: row.path.to_owned(),
            expected: "a class folder, as others are",
        }),
    }
}

fn build(
    folder: &Path,
    kind: &str,
    rows: &[Row<'_>],
    has_parts: bool,
    has_labels: bool,
) -> Result<Content, TableError> {
    let columns = [(kind, true), ("label", has_labels), ("split", has_parts)];
    let names: Vec<&str> =
        columns.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect();
    let failed = |error| refused(error, folder, || "its files".to_owned());
    // The names themselves are what the table may grow with.
    let name_bytes: usize = rows.iter().map(|row| row.path.as_os_str().len()).sum();
    let mut table = TableBuilder::new(name_bytes as u64);
    for _ in &names {
        table.add_column().map_err(failed)?;
    }
    for (row, place) in rows.iter().enumerate() {
        table.check_rows(row + 1).map_err(failed)?;
        for (column, name) in names.iter().enumerate() {
            let value = match *name {
                "label" => place.label.map(str::to_owned),
                "split" => place.part.map(|part| part.to_string()),
                _ => Some(text_of(folder, place.path)?),
            };
            let value = value.unwrap_or_default();
            table.set(column, row, Scalar::Text(&value)).map_err(failed)?;
        }
    }
    let (stored, spill) = table.finish();
    let names = names.into_iter().map(ColumnName::from).collect();
    Ok(Content::new(names, stored, rows.len(), spill))
}

fn text_of(folder: &Path, path: &Path) -> Result<String, TableError> {
    path.to_str().map(str::to_owned).ok_or_else(|| TableError::OddFolder {
        folder: folder.to_owned(),
        odd: path.to_owned(),
        expected: "under a name in UTF-8",
    })
}
