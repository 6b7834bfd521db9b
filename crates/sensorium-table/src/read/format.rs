//! Which format a file's name says.

use std::path::Path;

use super::packing;

/// The lower-case extension that says the table's format, that of a packing left out: `csv` of
/// `Table.CSV.gz`.
pub(super) fn table_extension(path: &Path) -> Option<String> {
    let extension = extension_of(path)?;
    if packing::EXTENSIONS.contains(&extension.as_str()) {
        return extension_of(Path::new(path.file_stem()?));
    }
    Some(extension)
}

fn extension_of(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}
