//! Files that appear whole or not at all, whatever happens while they are written.
//!
//! Bytes go to a temporary file in the same folder, which takes the target's name once all of it
//! is on the disk. A process that is killed leaves at most a file that starts with a dot, which
//! [`clear_unfinished`] removes; one that ends on a signal calls [`abandon`] and leaves none.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tempfile::TempPath;

use crate::WriteError;

/// A file that takes its name when it is committed, and leaves nothing when it is dropped before.
///
/// Errors of [`Write`] are the system's own, without the path: wrap them in [`WriteError::Write`].
///
/// # Examples
///
/// ```
/// # use std::io::Write;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("report.json");
/// let mut file = sensorium_table::atomic::AtomicFile::create(&path)?;
/// file.write_all(b"{}")?;
/// assert!(!path.exists());
/// file.commit()?;
/// assert!(path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    file: BufWriter<File>,
    temporary: TempPath,
    target: PathBuf,
    unfinished: Unfinished,
}

const PREFIX: &str = ".sensorium-";
const SUFFIX: &str = ".part";

/// Every file of this process that has not its name yet.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A file that [`abandon`] removes, until this is dropped.
#[derive(Debug)]
struct Unfinished(PathBuf);

impl Unfinished {
    fn new(path: &Path) -> Self {
        let mut all = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Removes every file that this process has not finished: for a process that is about to end without
/// dropping them.
pub fn abandon() {
    let all = UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner);
    for path in all.iter() {
        drop(fs::remove_file(path));
    }
}

/// Removes the files of a folder that a process which was killed left unfinished. No other process
/// may be writing there.
pub fn clear_unfinished(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

impl AtomicFile {
    /// Starts a file that will replace `path`.
    ///
    /// # Errors
    ///
    /// [`WriteError::Write`] where the folder does not exist or cannot be written, and
    /// [`WriteError::NotFile`] where `path` is there and is no regular file.
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        // A rename would take the place of `/dev/stdout` instead of writing to it.
        if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file())
            || path.file_name().is_none()
        {
            return Err(WriteError::NotFile { path: path.to_owned() });
        }
        let temporary = builder().tempfile_in(folder_of(path));
        let temporary = temporary.map_err(|source| failed(path, source))?;
        let (file, temporary) = temporary.into_parts();
        let unfinished = Unfinished::new(&temporary);
        Ok(Self { file: BufWriter::new(file), temporary, target: path.to_owned(), unfinished })
    }

    /// Writes everything to the disk and gives the file its name.
    ///
    /// # Errors
    ///
    /// [`WriteError::Write`] naming the path; what was there before is then still there.
    pub fn commit(self) -> Result<(), WriteError> {
        let Self { mut file, temporary, target, unfinished } = self;
        let write = || -> io::Result<()> {
            file.flush()?;
            file.get_ref().sync_all()?;
            drop(file);
            temporary.persist(&target).map_err(|error| error.error)?;
            drop(unfinished);
            sync_folder(folder_of(&target))
        };
        write().map_err(|source| failed(&target, source))
    }

    /// The path that the file will have.
    pub fn path(&self) -> &Path {
        &self.target
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Writes a small file whole or not at all.
///
/// # Errors
///
/// [`WriteError`] naming the path; what was there before is then still there.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|source| failed(path, source))?;
    file.commit()
}

fn failed(path: &Path, source: io::Error) -> WriteError {
    WriteError::Write { path: path.to_owned(), source }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // Temporary files are their owner's alone; results are for whom the process' mask allows.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// Makes the new name last through a power cut.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be opened as files here; the system keeps names in order itself.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use sensorium_core::Hint;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_committed_file_replaces_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write_atomically(&path, b"old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        file.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["a.bin"]);
    }

    #[test]
    fn a_file_that_is_dropped_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(&vec![7; 100_000]).unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        drop(file);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn what_a_killed_process_left_is_cleared_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".sensorium-x1.part", ".sensorium-x1", "a.part", "a.bin"] {
            fs::write(folder.path().join(name), b"").unwrap();
        }
        clear_unfinished(folder.path());
        assert_eq!(names(folder.path()), [".sensorium-x1", "a.bin", "a.part"]);
    }

    /// `/dev/full` is Linux's own full disk.
    #[cfg(target_os = "linux")]
    pub(crate) fn on_a_full_disk(path: &Path) -> AtomicFile {
        let mut file = AtomicFile::create(path).unwrap();
        let full = File::options().write(true).open("/dev/full").unwrap();
        file.file = BufWriter::new(full);
        file
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        write_atomically(&path, b"old").unwrap();
        let mut file = on_a_full_disk(&path);
        file.write_all(b"new").unwrap(); // still in the buffer
        let error = file.commit().unwrap_err();
        assert_eq!(error.to_string(), format!("could not write `{}`", path.display()));
        assert_eq!(
            error.hint().unwrap(),
            "the disk is full: free some space, or write to another folder"
        );
        assert_eq!(names(folder.path()), ["a.bin"]);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let mut file = on_a_full_disk(&path);
        file.write_all(&vec![7; 100_000]).unwrap_err();
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("b/a.bin");
        let error = write_atomically(&path, b"").unwrap_err();
        assert_eq!(error.to_string(), format!("could not write `{}`", path.display()));
        assert_eq!(error.hint().unwrap(), "its folder must exist");
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_atomically(folder.path(), b"").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("`{}` is there and is not a regular file", folder.path().display())
        );
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_the_file_as_the_process_mask_says() {
        use std::os::unix::fs::MetadataExt;

        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("a"), folder.path().join("b"));
        write_atomically(&ours, b"").unwrap();
        File::create(&plain).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }
}
