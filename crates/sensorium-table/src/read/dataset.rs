//! What a dataset's path names: a file, files by a pattern, or a folder of files, of pictures or of
//! sounds.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Content, FORMATS, class_folders, content, format, several};
use crate::{ReadOptions, TableError};

/// A table as it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) content: Content,
    /// Where paths in its cells start.
    pub(crate) folder: PathBuf,
    /// The files that hold its cells; none where it was made of a folder's file names.
    pub(crate) files: Vec<PathBuf>,
}

/// Finds and reads a table.
pub(crate) fn find(path: &Path, options: &ReadOptions) -> Result<Found, TableError> {
    if path.is_dir() {
        return in_folder(path, options);
    }
    if let Some(pattern) = pattern_of(path) {
        return of_pattern(path, pattern, options);
    }
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok(Found { content: content(path, options)?, folder, files: vec![path.to_owned()] })
}

/// The path as a pattern, where it is one and no file has that name.
fn pattern_of(path: &Path) -> Option<&str> {
    let pattern = path.to_str()?;
    (pattern.contains(['*', '?', '[']) && !path.exists()).then_some(pattern)
}

fn of_pattern(path: &Path, pattern: &str, options: &ReadOptions) -> Result<Found, TableError> {
    let no_files =
        || TableError::NoFiles { path: path.to_owned(), what: "no file fits the pattern" };
    // Hidden files want to be named, as in a shell.
    let matching = glob::MatchOptions { require_literal_leading_dot: true, ..Default::default() };
    let paths = glob::glob_with(pattern, matching).map_err(|_| no_files())?;
    let mut files = Vec::new();
    for found in paths {
        let found = found.map_err(|error| {
            let path = error.path().to_owned();
            TableError::Read { path, source: error.into() }
        })?;
        files.extend(found.is_file().then_some(found));
    }
    files.sort();
    let Some(first) = files.first() else { return Err(no_files()) };
    let folder = first.parent().unwrap_or(Path::new("")).to_owned();
    let is_one_folder = files.iter().all(|file| file.parent() == Some(&folder));
    let folder = if is_one_folder { folder } else { before_pattern(path) };
    Ok(Found { content: several::read(&files, options)?, folder, files })
}

/// The folder that a pattern names before its first wildcard.
fn before_pattern(path: &Path) -> PathBuf {
    let is_plain = |part: &std::path::Component<'_>| {
        !part.as_os_str().to_string_lossy().contains(['*', '?', '['])
    };
    path.components().take_while(is_plain).collect()
}

fn in_folder(folder: &Path, options: &ReadOptions) -> Result<Found, TableError> {
    let failed = |source| TableError::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        files.extend((!is_hidden(&path) && is_table(&path) && path.is_file()).then_some(path));
    }
    files.sort();
    let passed_over = leave_descriptions(&mut files);
    if files.is_empty() {
        if let Some((flag, extensions)) = options.dialect.given().next() {
            return Err(TableError::NotForFormat { path: folder.to_owned(), flag, extensions });
        }
        let content = class_folders::read(folder)?;
        return Ok(Found { content, folder: folder.to_owned(), files });
    }
    check_one_format(folder, &files)?;
    let mut content = several::read(&files, options)?;
    content.remarks.extend(passed_over);
    Ok(Found { content, folder: folder.to_owned(), files })
}

/// Whether a name begins as those do that are not for the reader, such as `_SUCCESS`.
pub(super) fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.starts_with(['.', '_'])
}

fn is_table(path: &Path) -> bool {
    let extension = format::table_extension(path).unwrap_or_default();
    FORMATS.iter().any(|(known, _)| *known == extension)
}

/// JSON files beside tables of another format describe these, as Hugging Face writes them.
fn leave_descriptions(files: &mut Vec<PathBuf>) -> Option<String> {
    let is_json = |file: &PathBuf| format::table_extension(file).as_deref() == Some("json");
    if files.iter().all(is_json) {
        return None;
    }
    let passed_over: Vec<String> =
        files.iter().filter(|file| is_json(file)).map(|file| name_of(file)).collect();
    files.retain(|file| !is_json(file));
    (!passed_over.is_empty()).then(|| format!("passed over: {}", passed_over.join(", ")))
}

fn name_of(file: &Path) -> String {
    file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn check_one_format(folder: &Path, files: &[PathBuf]) -> Result<(), TableError> {
    let first = format::table_extension(&files[0]);
    match files.iter().find(|file| format::table_extension(file) != first) {
        None => Ok(()),
        Some(other) => Err(TableError::SeveralFormats {
            folder: folder.to_owned(),
            files: [name_of(&files[0]), name_of(other)],
        }),
    }
}
