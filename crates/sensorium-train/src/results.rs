//! Where a run's files lie, in Ludwig's layout: `<output_directory>/<experiment>_<model>[_<n>]/`.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sensorium_bundle::{Bundle, BundleError};
use sensorium_table::atomic::{clear_unfinished, write_atomically};
use serde::Serialize;

use crate::TrainError;

/// One run's folder, which no other process may write into meanwhile.
///
/// One that is still empty when it is dropped, as of a run that was refused, is removed.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Held until the folder is dropped, or its process ends in whatever way.
    _lock: Option<File>,
}

/// How far a run of an earlier process came.
#[derive(Debug)]
pub enum Earlier {
    /// It left a checkpoint.
    Stopped(RunFolder),
    /// It ended before its first checkpoint: its folder is empty.
    NeverBegun(RunFolder),
    /// Its model lies in this folder.
    Finished(PathBuf),
}

impl RunFolder {
    /// Makes the first folder that does not exist yet: `experiment_run`, `experiment_run_0`, …
    ///
    /// # Errors
    ///
    /// [`TrainError::Folder`] where it cannot be made.
    ///
    /// # Panics
    ///
    /// Never: there is always a next name.
    pub fn create(output_directory: &Path, run: &str) -> Result<Self, TrainError> {
        fs::create_dir_all(output_directory).map_err(folder_error(output_directory))?;
        let mut names = names(run);
        loop {
            let path = output_directory.join(names.next().expect("there is always a next name"));
            match fs::create_dir(&path) {
                // Another process that resumes what was never begun may be quicker.
                Ok(()) => match Self::locked(&path) {
                    Err(TrainError::InUse { .. }) => {}
                    folder => return folder,
                },
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(folder_error(&path)(error)),
            }
        }
    }

    /// The run of that name to go on with: the newest that left a checkpoint, or else the newest of
    /// all; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`TrainError::InUse`] where it is still being trained.
    pub fn earlier(output_directory: &Path, run: &str) -> Result<Option<Earlier>, TrainError> {
        let paths = names(run).map(|name| output_directory.join(name));
        let paths: Vec<PathBuf> = paths.take_while(|path| path.is_dir()).collect();
        let stopped = paths.iter().rfind(|path| checkpoint(path).is_file());
        match stopped.or(paths.last()) {
            Some(path) => Self::open(path).map(Some),
            None => Ok(None),
        }
    }

    /// The run of a folder.
    ///
    /// # Errors
    ///
    /// [`TrainError::NothingToResume`] where the folder is none of a run, and [`TrainError::InUse`]
    /// where another process trains it.
    pub fn open(path: &Path) -> Result<Earlier, TrainError> {
        if bundle(path).is_file() && !checkpoint(path).is_file() {
            return Ok(Earlier::Finished(path.to_owned()));
        }
        let nothing = || TrainError::NothingToResume { path: path.to_owned() };
        if !path.is_dir() {
            return Err(nothing());
        }
        let folder = Self::locked(path)?;
        // Looked at again, now that nobody else writes.
        if checkpoint(path).is_file() {
            return Ok(Earlier::Stopped(folder));
        }
        if bundle(path).is_file() {
            return Ok(Earlier::Finished(path.to_owned()));
        }
        let is_empty = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        if is_empty { Ok(Earlier::NeverBegun(folder)) } else { Err(nothing()) }
    }

    /// The folder as this process' own, without the unfinished files of a process that was killed.
    fn locked(path: &Path) -> Result<Self, TrainError> {
        let lock = match lockable(path).map(|file| (file.try_lock(), file)) {
            Ok((Err(TryLockError::WouldBlock), _)) => {
                return Err(TrainError::InUse { path: path.to_owned() });
            }
            Ok((Ok(()), file)) => Some(file),
            // Some file systems know no locks; a run is worth more than one.
            Ok((Err(TryLockError::Error(_)), _)) | Err(_) => None,
        };
        clear_unfinished(path);
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoint's path.
    pub fn checkpoint(&self) -> PathBuf {
        checkpoint(&self.path)
    }

    /// The bundle's path.
    pub fn bundle(&self) -> PathBuf {
        bundle(&self.path)
    }

    /// Writes one of the run's JSON files, atomically.
    ///
    /// # Errors
    ///
    /// [`TrainError::Bundle`] where it cannot be written.
    ///
    /// # Panics
    ///
    /// If the content cannot be JSON.
    pub fn write_json(&self, name: &str, content: &impl Serialize) -> Result<(), TrainError> {
        let mut json = serde_json::to_vec_pretty(content).expect("our own types are JSON");
        json.push(b'\n');
        Ok(write_atomically(&self.path.join(name), &json)?)
    }

    /// Writes the bundle; the checkpoint, no longer needed then, goes.
    ///
    /// # Errors
    ///
    /// [`TrainError`] where the bundle cannot be written; the checkpoint stays then.
    pub fn finish(&self, bundle: &Bundle) -> Result<(), TrainError> {
        bundle.write(&self.bundle())?;
        let checkpoint = self.checkpoint();
        fs::remove_file(&checkpoint)
            .map_err(|source| BundleError::Read { path: checkpoint, source })?;
        Ok(())
    }
}

impl Drop for RunFolder {
    fn drop(&mut self) {
        // Fails where anything lies in it.
        drop(fs::remove_dir(&self.path));
    }
}

/// `experiment_run`, `experiment_run_0`, `experiment_run_1`, …
fn names(run: &str) -> impl Iterator<Item = String> {
    std::iter::once(run.to_owned()).chain((0..).map(move |n| format!("{run}_{n}")))
}

fn checkpoint(path: &Path) -> PathBuf {
    path.join("checkpoint.safetensors")
}

fn bundle(path: &Path) -> PathBuf {
    path.join("model.safetensors")
}

/// What stands for a folder's lock: the folder itself, so that nothing is left in it.
#[cfg(unix)]
fn lockable(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Folders cannot be opened as files here, so their lock lies beside them.
#[cfg(not(unix))]
fn lockable(path: &Path) -> io::Result<File> {
    File::create(path.with_extension("lock"))
}

fn folder_error(path: &Path) -> impl FnOnce(std::io::Error) -> TrainError {
    let path = path.to_owned();
    move |source| TrainError::Folder { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The folders `a_run`, `a_run_0` and so on, each with the files that are named.
    fn results(runs: &[&[&str]]) -> tempfile::TempDir {
        let results = tempfile::tempdir().unwrap();
        for (name, files) in names("a_run").zip(runs) {
            let path = results.path().join(name);
            fs::create_dir(&path).unwrap();
            files.iter().for_each(|file| fs::write(path.join(file), "").unwrap());
        }
        results
    }

    /// The name of the run that is gone on with, and how far it came.
    fn found(results: &Path) -> String {
        let (word, path) = match RunFolder::earlier(results, "a_run").unwrap() {
            None => return "none".to_owned(),
            Some(Earlier::Stopped(folder)) => ("stopped", folder.path().to_owned()),
            Some(Earlier::NeverBegun(folder)) => ("never begun", folder.path().to_owned()),
            Some(Earlier::Finished(path)) => ("finished", path),
        };
        format!("{} {word}", path.file_name().unwrap().to_str().unwrap())
    }

    const CHECKPOINT: &str = "checkpoint.safetensors";
    const BUNDLE: &str = "model.safetensors";

    #[test]
    fn every_run_gets_its_own_folder_and_one_that_stays_empty_goes() {
        let results = tempfile::tempdir().unwrap();
        let folders: Vec<_> =
            (0..3).map(|_| RunFolder::create(results.path(), "a_run").unwrap()).collect();
        let names = folders.iter().map(|folder| folder.path().file_name().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["a_run", "a_run_0", "a_run_1"]);
        fs::write(folders[1].checkpoint(), "").unwrap();
        drop(folders);
        let left: Vec<_> = fs::read_dir(results.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }

    #[test]
    fn the_newest_run_with_a_checkpoint_is_gone_on_with_or_else_the_newest() {
        for (runs, expected) in [
            (&[][..], "none"),
            (&[&[CHECKPOINT][..], &[CHECKPOINT], &[]], "a_run_0 stopped"),
            (&[&[CHECKPOINT], &[BUNDLE, "description.json"]], "a_run stopped"),
            (&[&[CHECKPOINT, BUNDLE]], "a_run stopped"),
            (&[&[BUNDLE], &[]], "a_run_0 never begun"),
            (&[&[], &[BUNDLE]], "a_run_0 finished"),
            (&[&[".sensorium-x7.part"]], "a_run never begun"),
        ] {
            let results = results(runs);
            assert_eq!(found(results.path()), expected, "{runs:?}");
        }
    }

    #[test]
    fn a_folder_that_is_none_of_a_run_is_refused() {
        let results = results(&[&["thesis.tex"]]);
        let error = RunFolder::earlier(results.path(), "a_run").unwrap_err();
        assert!(error.to_string().contains("holds no checkpoint to resume from"), "{error}");
        let error = RunFolder::open(&results.path().join("nowhere")).unwrap_err();
        assert!(matches!(error, TrainError::NothingToResume { .. }), "{error}");
    }

    #[test]
    fn a_run_is_one_process_own_until_it_is_dropped() {
        let results = results(&[&[CHECKPOINT, ".sensorium-dead.part"]]);
        let path = results.path().join("a_run");
        let first = RunFolder::open(&path).unwrap();
        assert!(!path.join(".sensorium-dead.part").exists(), "what a killed run left goes");
        let error = RunFolder::open(&path).unwrap_err();
        assert!(error.to_string().contains("is being trained by another process"), "{error}");
        drop(first);
        assert!(matches!(RunFolder::open(&path).unwrap(), Earlier::Stopped(_)));
    }
}
