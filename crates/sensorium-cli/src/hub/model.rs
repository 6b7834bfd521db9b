//! One model of the hub in the local cache: what is there, and the download of what is not.
//!
//! The cache is laid out as `huggingface_hub` lays it out, and shared with it:
//! `models--owner--name` with `refs/<revision>` (the commit), `snapshots/<commit>/<file>`, and
//! `.no_exist/<commit>/<file>` for a file that the hub was asked for and does not have
//! (`file_download.py`, `_cache_commit_hash_for_specific_revision` and `try_to_load_from_cache`).

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use hf_hub::{Cache, CacheRepo, Repo, RepoType};
use sensorium_model::pretrained::{PretrainedError, Published};

use super::environment::Environment;
use super::{ModelName, Wanted, is_name};
use crate::failure::Failure;

/// What stands beside weights and says how to use them; a model may lack any of them.
const DESCRIPTIONS: [&str; 4] =
    ["config.json", "preprocessor_config.json", "tokenizer.json", "sentence_bert_config.json"];
const WHOLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLES: [&str; 2] = ["pytorch_model.bin", "pytorch_model.bin.index.json"];
/// The letters of a commit's name.
const COMMIT_LENGTH: usize = 40;

/// A model, its place in the cache, and the hub that has it.
pub(super) struct Model<'a> {
    environment: &'a Environment,
    name: ModelName,
    api: Api,
    /// The commit that every file is of, once it is known.
    commit: Option<String>,
    /// Files that the hub does not have.
    absent: Vec<String>,
    /// Whether the user was told of the download.
    is_announced: bool,
}

impl<'a> Model<'a> {
    /// # Errors
    ///
    /// [`Failure`] where the client cannot be made.
    pub(super) fn new(environment: &'a Environment, name: ModelName) -> Result<Self, Failure> {
        // No retries: 0.5.0 would write the rest of a file behind a part of it from its start.
        let api = ApiBuilder::from_cache(Cache::new(environment.cache.clone()))
            .with_endpoint(environment.endpoint.clone())
            .with_token(environment.token.clone())
            .build()
            .map_err(|error| Failure::new(format!("could not reach the hub: {error}"), None))?;
        let commit = cached_commit(environment, &name);
        Ok(Self { environment, name, api, commit, absent: Vec::new(), is_announced: false })
    }

    /// The folder with all that is wanted of the model, downloaded where it is not there.
    ///
    /// # Errors
    ///
    /// [`Failure`] where something of it can neither be found nor downloaded.
    pub(super) fn folder(mut self, wanted: Wanted) -> Result<String, Failure> {
        match wanted {
            Wanted::Weights => {
                // Weights last: where they are, all that was wanted of the model is.
                for file in DESCRIPTIONS {
                    self.get(file)?;
                }
                self.weights()?;
            }
            Wanted::Tokenizer if self.get("tokenizer.json")? => {}
            Wanted::Tokenizer => return Err(self.lacks("tokenizer.json")),
        }
        self.remember_absent();
        let folder = self.snapshot().expect("a file of it was found");
        folder.to_str().map(str::to_owned).ok_or_else(|| {
            let problem = format!("the cache `{}` is not named in Unicode", folder.display());
            Failure::new(problem, Some("set `HF_HOME` to another folder"))
        })
    }

    fn weights(&mut self) -> Result<(), Failure> {
        // A cache that another program filled may hold the list and know nothing of the whole.
        let is_sharded = self.cached(INDEX) == Some(true) && self.cached(WHOLE) != Some(true);
        if !is_sharded && self.get(WHOLE)? {
            return Ok(());
        }
        if !self.get(INDEX)? {
            return Err(self.without_weights());
        }
        for part in self.parts()? {
            if !self.get(&part)? {
                return Err(self.lacks(&part));
            }
        }
        Ok(())
    }

    /// The files that the list of parts names.
    fn parts(&self) -> Result<Vec<String>, Failure> {
        let folder = self.snapshot().expect("the list of parts was found in it");
        let files = Published::open(&folder)?.weight_files()?;
        let name = |file: &PathBuf| {
            let name = file.file_name().and_then(|name| name.to_str());
            name.filter(|name| is_name(name)).map(str::to_owned).ok_or_else(|| {
                let part = file.strip_prefix(&folder).unwrap_or(file).display();
                Failure::new(
                    format!("`{}` names `{part}` as a part, which is no file", self.of(INDEX)),
                    None,
                )
            })
        };
        files.iter().map(name).collect()
    }

    /// Whether the model has a file, which is in the cache then.
    fn get(&mut self, file: &str) -> Result<bool, Failure> {
        match self.cached(file) {
            Some(is_there) => Ok(is_there),
            None if self.environment.is_offline => Ok(false),
            None => self.download(file),
        }
    }

    /// Whether the model has a file, as far as the cache knows.
    fn cached(&self, file: &str) -> Option<bool> {
        if self.snapshot()?.join(file).exists() {
            return Some(true);
        }
        self.absence(file)?.exists().then_some(false)
    }

    fn download(&mut self, file: &str) -> Result<bool, Failure> {
        self.announce();
        let size = Cell::new(0);
        let repo = self.api.repo(self.repo());
        match repo.download_with_progress(file, Announced(&size)) {
            Ok(path) => {
                whole(&path, size.get()).map_err(|problem| self.failed(file, &problem))?;
                let commit = path.parent().and_then(Path::file_name);
                self.commit = commit.map(|commit| commit.to_string_lossy().into_owned());
                Ok(true)
            }
            Err(error) if status(&error) == Some(404) => {
                self.absent.push(file.to_owned());
                Ok(false)
            }
            Err(error) => Err(self.refused(file, &error)),
        }
    }

    fn announce(&mut self) {
        if !self.is_announced {
            // The second half is for those who meant a path.
            let (id, endpoint) = (&self.name.id, &self.environment.endpoint);
            let line = format!("downloading {id} from {endpoint}, as no such path is here");
            crate::terminal::say(&line);
            self.is_announced = true;
        }
    }

    /// At the commit that is known, so that a branch that moves meanwhile mixes nothing.
    fn repo(&self) -> Repo {
        let revision = self.commit.as_ref().unwrap_or(&self.name.revision).clone();
        Repo::with_revision(self.name.id.clone(), RepoType::Model, revision)
    }

    fn snapshot(&self) -> Option<PathBuf> {
        let repo: CacheRepo = Cache::new(self.environment.cache.clone()).repo(self.repo());
        Some(repo.pointer_path(self.commit.as_ref()?))
    }

    /// The empty file that says that the hub does not have a file.
    fn absence(&self, file: &str) -> Option<PathBuf> {
        let folder = self.environment.cache.join(self.repo().folder_name());
        Some(folder.join(".no_exist").join(self.commit.as_ref()?).join(file))
    }

    /// Spares the next run the question. A cache that cannot be written to is as good without.
    fn remember_absent(&self) {
        for path in self.absent.iter().filter_map(|file| self.absence(file)) {
            let folder = path.parent().expect("it lies in the cache");
            let _ = fs::create_dir_all(folder).and_then(|()| fs::write(&path, ""));
        }
    }

    fn of(&self, file: &str) -> String {
        format!("{}/{file}", self.name.id)
    }

    /// Why there are no weights: offline, a pickle alone, or none at all.
    fn without_weights(&mut self) -> Failure {
        let is_there = |file: &&str| {
            let url = self.api.repo(self.repo()).url(file);
            !self.environment.is_offline && self.api.metadata(&url).is_ok()
        };
        match PICKLES.into_iter().find(is_there) {
            Some(pickle) => PretrainedError::Pickle { path: self.of(pickle).into() }.into(),
            None => self.lacks(&format!("{WHOLE} nor {INDEX}")),
        }
    }

    fn lacks(&self, files: &str) -> Failure {
        let (id, revision) = (&self.name.id, &self.name.revision);
        let without = if files.contains(" nor ") { "neither" } else { "no" };
        if self.environment.is_offline {
            let folder = self.environment.cache.join(self.repo().folder_name());
            return Failure::new(
                format!(
                    "the cache has {without} {files} of `{id}` at `{revision}`; looked for in `{}`",
                    folder.display()
                ),
                Some("`HF_HUB_OFFLINE` forbids downloads; run once without it, or name a folder"),
            );
        }
        Failure::new(
            format!(
                "`{id}` at `{revision}` has {without} {files} on {}",
                self.environment.endpoint
            ),
            Some("look at the files of the model's page; `name@revision` names another revision"),
        )
    }

    fn refused(&self, file: &str, error: &ApiError) -> Failure {
        let Some(status) = status(error) else { return self.failed(file, &error.to_string()) };
        let hint = match status {
            401 | 403 => Some(
                "there is no such model, or it is private or gated: accept its terms on its page \
                 and give your token in `HF_TOKEN`",
            ),
            // An earlier run was killed between a file's last byte and its name.
            416 => Some("remove the `.part` files in the model's `blobs` folder of the cache"),
            429 | 500.. => Some("try again later; what is there already is kept"),
            _ => None,
        };
        let endpoint = &self.environment.endpoint;
        Failure::new(format!("{endpoint} answered {status} for `{}`", self.of(file)), hint)
    }

    fn failed(&self, file: &str, problem: &str) -> Failure {
        let endpoint = &self.environment.endpoint;
        Failure::new(
            format!("could not download `{}` from {endpoint}: {problem}", self.of(file)),
            Some(
                "the next run goes on where this one stopped; `HF_HUB_OFFLINE=1` takes what the \
                 cache holds",
            ),
        )
    }
}

/// The commit that a revision was when it was last asked for.
fn cached_commit(environment: &Environment, name: &ModelName) -> Option<String> {
    let revision = &name.revision;
    if revision.len() == COMMIT_LENGTH && revision.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(revision.clone());
    }
    let repo = Repo::model(name.id.clone());
    let refs = environment.cache.join(repo.folder_name()).join("refs");
    let commit = fs::read_to_string(refs.join(revision)).ok()?;
    Some(commit.trim().to_owned()).filter(|commit| is_name(commit))
}

/// What the hub answered, where it answered that it will not.
fn status(error: &ApiError) -> Option<u16> {
    match error {
        ApiError::RequestError(error) => match **error {
            ureq::Error::StatusCode(status) => Some(status),
            _ => None,
        },
        _ => None,
    }
}

/// How many bytes the hub says that a file has.
struct Announced<'a>(&'a Cell<usize>);

impl Progress for Announced<'_> {
    fn init(&mut self, size: usize, _: &str) {
        self.0.set(size);
    }

    fn update(&mut self, _: usize) {}

    fn finish(&mut self) {}
}

/// Takes a file out of the cache again that is shorter than announced: a connection that is cut
/// says so only where the answer told its length.
fn whole(path: &Path, num_bytes: usize) -> Result<(), String> {
    let blob = fs::canonicalize(path).map_err(|error| error.to_string())?;
    let got = fs::metadata(&blob).map_err(|error| error.to_string())?.len();
    if got >= num_bytes as u64 {
        return Ok(());
    }
    // In this order: a link to nothing is no file.
    let _ = fs::remove_file(&blob).and_then(|()| fs::remove_file(path));
    Err(format!("got {got} bytes, but {num_bytes} were expected"))
}
