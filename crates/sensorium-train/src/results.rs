//! Where a run's files lie, in Ludwig's layout: `<output_directory>/<experiment>_<model>[_<n>]/`.

use std::fs;
use std::path::{Path, PathBuf};

use sensorium_bundle::{Bundle, BundleError};
use sensorium_table::atomic::write_atomically;
use serde::Serialize;

use crate::TrainError;

/// One run's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
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
        let mut names = std::iter::once(run.to_owned()).chain((0..).map(|n| format!("{run}_{n}")));
        loop {
            let path = output_directory.join(names.next().expect("there is always a next name"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(folder_error(&path)(error)),
            }
        }
    }

    /// The newest folder of the run that holds a checkpoint.
    ///
    /// # Errors
    ///
    /// [`TrainError::NothingToResume`] where there is none.
    pub fn latest(output_directory: &Path, run: &str) -> Result<Self, TrainError> {
        let mut latest = None;
        for name in std::iter::once(run.to_owned()).chain((0..).map(|n| format!("{run}_{n}"))) {
            let folder = Self { path: output_directory.join(name) };
            if !folder.path.is_dir() {
                break;
            }
            if folder.checkpoint().is_file() {
                latest = Some(folder);
            }
        }
        latest.ok_or_else(|| TrainError::NothingToResume { path: output_directory.join(run) })
    }

    /// A folder that an earlier run made.
    ///
    /// # Errors
    ///
    /// [`TrainError::NothingToResume`] where it holds no checkpoint.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let folder = Self { path: path.to_owned() };
        if folder.checkpoint().is_file() {
            Ok(folder)
        } else {
            Err(TrainError::NothingToResume { path: path.to_owned() })
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The checkpoint's path.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.safetensors")
    }

    /// The bundle's path.
    pub fn bundle(&self) -> PathBuf {
        self.path.join("model.safetensors")
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

fn folder_error(path: &Path) -> impl FnOnce(std::io::Error) -> TrainError {
    let path = path.to_owned();
    move |source| TrainError::Folder { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_gets_its_own_folder_and_the_newest_is_resumed() {
        let results = tempfile::tempdir().unwrap();
        let names: Vec<_> = (0..3)
            .map(|_| RunFolder::create(results.path(), "a_run").unwrap())
            .map(|folder| folder.path().file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, ["a_run", "a_run_0", "a_run_1"]);

        assert!(RunFolder::latest(results.path(), "a_run").is_err());
        for name in ["a_run", "a_run_0"] {
            fs::write(results.path().join(name).join("checkpoint.safetensors"), "").unwrap();
        }
        let latest = RunFolder::latest(results.path(), "a_run").unwrap();
        assert_eq!(latest.path(), results.path().join("a_run_0"));
    }
}
