//! Opening what a name from outside leads to: at once, and files alone.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use crate::TableError;

/// Opens the file of a table; a pipe is not waited for, and a device not read.
pub(crate) fn open_table(path: &Path) -> Result<(File, u64), TableError> {
    let failed = |source| TableError::Read { path: path.to_owned(), source };
    let file = open_at_once(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let file_bytes = size_of_file(&metadata)
        .map_err(|kind| TableError::NotFile { path: path.to_owned(), kind })?;
    Ok((file, file_bytes))
}

/// The size of a regular file in bytes, or what it is that is none and could block or never end.
pub(crate) fn size_of_file(metadata: &Metadata) -> Result<u64, &'static str> {
    if metadata.is_file() {
        Ok(metadata.len())
    } else if metadata.is_dir() {
        Err("a folder")
    } else {
        Err("a device or a pipe")
    }
}

/// Opens for reading without waiting for a writer, and without becoming a terminal's owner.
#[cfg(unix)]
pub(crate) fn open_at_once(path: &Path) -> io::Result<File> {
    Ok(rustix::fs::open(path, AT_ONCE, rustix::fs::Mode::empty())?.into())
}

#[cfg(not(unix))]
pub(crate) fn open_at_once(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// The flags of a file that is opened for reading, whatever is there.
#[cfg(unix)]
pub(crate) const AT_ONCE: rustix::fs::OFlags = rustix::fs::OFlags::RDONLY
    .union(rustix::fs::OFlags::NONBLOCK)
    .union(rustix::fs::OFlags::CLOEXEC)
    .union(rustix::fs::OFlags::NOCTTY);

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use sensorium_core::Hint;

    use super::*;

    fn refusal(path: &Path) -> String {
        let error = crate::Table::read(path, None).unwrap_err();
        assert!(error.hint().is_some(), "{error}");
        error.to_string()
    }

    #[test]
    fn a_pipe_or_a_device_is_no_table_and_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        for extension in ["csv", "jsonl", "json", "parquet", "arrow", "xlsx", "csv.gz"] {
            let of_name = |name: &str| folder.path().join(format!("{name}.{extension}"));
            let (pipe, zero) = (of_name("pipe"), of_name("zero"));
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)
                .unwrap();
            std::os::unix::fs::symlink("/dev/zero", &zero).unwrap();
            for path in [pipe, zero] {
                let expected = format!(
                    "the table `{}` is a device or a pipe, but a file was expected",
                    path.display()
                );
                assert_eq!(refusal(&path), expected);
            }
        }
    }
}
