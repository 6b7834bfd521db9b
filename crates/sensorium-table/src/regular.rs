//! Files that a person names, read only where they are regular and within a stated limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::open::open_at_once;

/// Opens a file; a folder, a device or a pipe is refused by its kind, before it could block or never
/// end.
///
/// # Errors
///
/// What the system said, or which kind of file it is.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = open_at_once(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok(file);
    }
    Err(io::Error::other(if metadata.is_dir() {
        "it is a folder, not a file"
    } else {
        "it is a device or a pipe, not a regular file"
    }))
}

/// Reads a whole file of at most `max_bytes` bytes.
///
/// # Errors
///
/// As [`open_regular`], and for a file that is larger.
pub fn read_within(path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let too_large =
        |bytes| io::Error::other(format!("it has {bytes} bytes, but at most {max_bytes} are read"));
    let length = file.metadata()?.len();
    if length > max_bytes {
        return Err(too_large(length));
    }
    // A file that grows meanwhile is still not read further than allowed.
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes { Err(too_large(bytes.len() as u64)) } else { Ok(bytes) }
}

/// As [`read_within`], of a text in UTF-8.
///
/// # Errors
///
/// As [`read_within`], and for bytes that are no UTF-8.
pub fn read_text_within(path: &Path, max_bytes: u64) -> io::Result<String> {
    let bytes = read_within(path, max_bytes)?;
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        io::Error::other(format!("it is not a text in UTF-8: see its byte {}", place + 1))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_not_beyond() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read_within(&path, 5).unwrap(), b"12345");
        assert_eq!(
            read_within(&path, 4).unwrap_err().to_string(),
            "it has 5 bytes, but at most 4 are read"
        );
        // Sparse: a reader that took memory for it first would need a terabyte.
        File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read_within(&path, 1 << 20).unwrap_err().to_string().contains("1099511627776"));
    }

    #[test]
    fn a_text_that_is_not_utf_8_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, b"ab\xff").unwrap();
        let error = read_text_within(&path, 9).unwrap_err().to_string();
        assert_eq!(error, "it is not a text in UTF-8: see its byte 3");
    }

    #[test]
    fn what_is_no_regular_file_is_refused_by_its_kind() {
        let folder = tempfile::tempdir().unwrap();
        let error = open_regular(folder.path()).unwrap_err();
        assert_eq!(error.to_string(), "it is a folder, not a file");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_and_a_pipe_that_nobody_writes_to_are_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [Path::new("/dev/zero"), &pipe] {
            let error = read_within(path, 1 << 20).unwrap_err();
            assert_eq!(error.to_string(), "it is a device or a pipe, not a regular file");
        }
    }
}
