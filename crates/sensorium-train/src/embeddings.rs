//! What frozen encoders make of each row, made once and kept.
//!
//! A frozen encoder whose input is not augmented gives the same embedding in every epoch and every
//! run. So each distinct cell is encoded once, before the first epoch, and read from memory after
//! that; where a folder is given, from a file there in every later run. The file is named by a digest
//! of all that the embeddings depend on (encoder, its weights' bytes, preprocessing), and an entry by
//! a digest of the cell's bytes, so that what has changed is encoded again.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burn::tensor::{Device, Tensor, TensorData};
use sensorium_bundle::config::InputFeature;
use sensorium_bundle::sealed::{self, Kind};
use sensorium_bundle::{BundleError, Fitted, check_numbers};
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use sensorium_modality::pipeline::{Embeddings, FeatureSource, PipelineLimits, RowResult};
use sensorium_modality::{Features, LeftOutRow};
use sensorium_model::pretrained::Published;
use sensorium_model::{Embedding, FeatureBatch, Model};
use sensorium_table::{Column, Table};
use serde::{Deserialize, Serialize};

use crate::observe::{Event, Observer};
use crate::plan::{LeftOut, OnError};
use crate::{Plan, TrainError};

const KIND: Kind = Kind { name: "sensorium embeddings", version: 2 };
/// Rows that are encoded together: enough to keep every core busy.
const BATCH_ROWS: usize = 16;
/// The most memory that the embeddings of one input may take: 2 GiB. Where more would be needed,
/// judged by the first batch, its rows are encoded in every epoch, and memory does not grow with
/// them.
const MAX_BYTES: usize = 2 << 30;
/// A file is written at least this often, so that little is lost where the program is killed.
const WRITE_EVERY: Duration = Duration::from_mins(1);

/// The embeddings of every input whose encoder is frozen.
#[derive(Debug, Default)]
pub struct FrozenInputs {
    /// One entry for each input; `None` for those that are encoded in every epoch.
    by_input: Vec<Option<Embeddings>>,
    /// The rows that cannot be read, and why.
    pub(crate) left_out: BTreeMap<usize, LeftOutRow>,
}

/// How the embeddings of one input came to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The input.
    pub input: String,
    /// The rows that have an embedding.
    pub rows: usize,
    /// The distinct cells that were encoded now.
    pub encoded: usize,
    /// Those that were read from the file of an earlier run.
    pub read: usize,
    /// How long all of it took.
    pub time: Duration,
}

impl FrozenInputs {
    /// Encodes `plan.rows()` of every input whose encoder is frozen, or reads what was encoded before
    /// from `folder`. `None` where the observer asked to stop: what was encoded so far is kept there.
    ///
    /// # Errors
    ///
    /// [`TrainError`] for published weights that do not fit, for the first cell that cannot be read
    /// unless rows are to be left out, and for a file that cannot be read or written.
    pub fn encode(
        plan: &Plan,
        table: &Table,
        folder: Option<&Path>,
        on_error: OnError,
        observer: &mut dyn Observer,
    ) -> Result<Option<Self>, TrainError> {
        let device = Device::flex();
        let inputs = &plan.config.input_features;
        let mut model = plan.fitted.unloaded_model(&plan.config, &device)?;
        let mut left_out = LeftOut::new(on_error);
        let mut by_input = Vec::new();
        let frozen = model.frozen_inputs();
        for (input, feature) in inputs.iter().enumerate() {
            let Some(path) = feature.pretrained.as_ref().filter(|_| frozen.contains(&input)) else {
                by_input.push(None);
                continue;
            };
            if is_changed(plan, feature) {
                by_input.push(None);
                continue;
            }
            let published = Published::open(path).map_err(BundleError::from)?;
            model = model.with_published(input, &published).map_err(BundleError::from)?;
            let work = Work {
                plan,
                input,
                model: &model,
                column: plan.config.column(table, &feature.column)?,
            };
            let name = work.name(&published)?;
            let path = folder.map(|folder| folder.join(format!("{name}.safetensors")));
            match work.embeddings(path, &mut left_out, observer)? {
                Made::All(embeddings) => by_input.push(Some(embeddings)),
                Made::TooMany => by_input.push(None),
                Made::Stopped => return Ok(None),
            }
        }
        Ok(Some(Self { by_input, left_out: left_out.rows }))
    }

    /// One entry for each input, for [`FeatureSource::with_embeddings`].
    pub fn by_input(&self) -> Vec<Option<&Embeddings>> {
        self.by_input.iter().map(Option::as_ref).collect()
    }
}

/// What became of one input.
enum Made<T> {
    All(T),
    /// They would take more than [`MAX_BYTES`].
    TooMany,
    /// The observer asked to stop.
    Stopped,
}

/// Whether the rows of an input are not the same in every epoch.
fn is_changed(plan: &Plan, feature: &InputFeature) -> bool {
    let trainer = &plan.config.trainer;
    let mixes = trainer.mixup > 0.0 || trainer.cutmix > 0.0;
    !feature.augmentation.is_empty() || (mixes && feature.modality.name() == "image")
}

/// One frozen input.
struct Work<'a> {
    plan: &'a Plan,
    input: usize,
    model: &'a Model,
    column: Column<'a>,
}

impl Work<'_> {
    fn fitted(&self) -> &Fitted {
        &self.plan.fitted
    }

    fn feature(&self) -> &InputFeature {
        &self.plan.config.input_features[self.input]
    }

    /// A digest of all that the embeddings depend on.
    fn name(&self, published: &Published) -> Result<String, TrainError> {
        let mut hasher = blake3::Hasher::new();
        let described = (&self.feature().encoder, &self.fitted().inputs[self.input]);
        hasher.update(&serde_json::to_vec(&described).expect("our own types are JSON"));
        hasher.update(&[u8::from(self.model.reads_tokens())]);
        // A file of another version is not found, and its cells are encoded again.
        hasher.update(&KIND.version.to_le_bytes());
        for path in published.weight_files().map_err(BundleError::from)? {
            let read = |source| BundleError::Read { path: path.clone(), source };
            let mut file = File::open(&path).map_err(read)?;
            std::io::copy(&mut file, &mut hasher).map_err(read)?;
        }
        Ok(hasher.finalize().to_hex().to_string())
    }

    /// The embedding of every row.
    fn embeddings(
        &self,
        path: Option<PathBuf>,
        left_out: &mut LeftOut,
        observer: &mut dyn Observer,
    ) -> Result<Made<Embeddings>, TrainError> {
        let started = Instant::now();
        let mut store = Store::open(path, self.model.input_width(self.input))?;
        let keys = self.keys(left_out)?;
        let rows = first_of_each(&keys, &store);
        let read = keys
            .values()
            .filter(|key| store.by_key.contains_key(*key))
            .collect::<BTreeSet<_>>()
            .len();
        match self.encode(&rows, &keys, &mut store, left_out, observer)? {
            Made::All(()) => {}
            Made::TooMany => return Ok(Made::TooMany),
            Made::Stopped => {
                store.write()?;
                return Ok(Made::Stopped);
            }
        }
        if !rows.is_empty() {
            store.write()?;
        }
        let rows_of =
            keys.iter().filter_map(|(&row, key)| Some((row, store.by_key.get(key)?.clone())));
        let embeddings: Embeddings = rows_of.collect();
        observer.on(Event::Embedded(&Embedded {
            input: self.feature().name.to_string(),
            rows: embeddings.len(),
            encoded: rows.len(),
            read,
            time: started.elapsed(),
        }));
        Ok(Made::All(embeddings))
    }

    /// The digest of each row's cell; an absent cell has none.
    fn keys(&self, left_out: &mut LeftOut) -> Result<BTreeMap<usize, Key>, TrainError> {
        let modality = &self.fitted().inputs[self.input];
        let mut keys = BTreeMap::new();
        for row in self.plan.rows() {
            match modality.content(&self.column.cell(row)) {
                Ok(None) => {}
                Ok(Some(bytes)) => {
                    keys.insert(row, blake3::hash(&bytes).to_hex().to_string());
                }
                Err(error) => left_out.add(row, error)?,
            }
        }
        Ok(keys)
    }

    /// Encodes `rows` into the store.
    fn encode(
        &self,
        rows: &[usize],
        keys: &BTreeMap<usize, Key>,
        store: &mut Store,
        left_out: &mut LeftOut,
        observer: &mut dyn Observer,
    ) -> Result<Made<()>, TrainError> {
        let source =
            FeatureSource::new(vec![(Some(self.column), &self.fitted().inputs[self.input])]);
        let batches: Vec<Vec<usize>> = rows.chunks(BATCH_ROWS).map(<[usize]>::to_vec).collect();
        let (mut done, mut written) = (0, Instant::now());
        let flow = source.for_each_batch(&batches, PipelineLimits::default(), |results, _| {
            let batch = &rows[done..done + results.len()];
            done += results.len();
            let added = self.add(batch, results, keys, store, left_out);
            let (input, total) = (self.feature().name.as_str(), rows.len());
            observer.on(Event::Embedding { input, done, total });
            let kept = added.and_then(|()| {
                if written.elapsed() < WRITE_EVERY {
                    return Ok(());
                }
                written = Instant::now();
                store.write()
            });
            match kept {
                Err(error) => ControlFlow::Break(Err(error)),
                Ok(()) if observer.wants_stop() => ControlFlow::Break(Ok(Made::Stopped)),
                Ok(()) if store.num_bytes_of(keys.len()) > MAX_BYTES => {
                    ControlFlow::Break(Ok(Made::TooMany))
                }
                Ok(()) => ControlFlow::Continue(()),
            }
        });
        flow.break_value().unwrap_or(Ok(Made::All(())))
    }

    fn add(
        &self,
        rows: &[usize],
        results: Vec<RowResult>,
        keys: &BTreeMap<usize, Key>,
        store: &mut Store,
        left_out: &mut LeftOut,
    ) -> Result<(), TrainError> {
        let mut readable = Vec::new();
        for (&row, result) in rows.iter().zip(results) {
            match result {
                Ok(features) => readable.push((&keys[&row], features)),
                Err(error) => left_out.add(row, error)?,
            }
        }
        if readable.is_empty() {
            return Ok(());
        }
        let features: Vec<Option<&Features>> =
            readable.iter().map(|(_, row)| row.features[0].as_ref()).collect();
        let device = Device::flex();
        let shape = self.fitted().inputs[self.input].shape();
        let batch = FeatureBatch::collate(&features, &shape, &device);
        let embedding = self.model.encode_input(self.input, &batch, &device);
        let rows = split(&embedding, self.model.reads_tokens());
        for ((key, _), embedding) in readable.into_iter().zip(rows) {
            store.by_key.insert(key.clone(), embedding);
        }
        Ok(())
    }
}

/// A digest in hexadecimal.
type Key = String;

/// The first row of each cell that the store does not have.
fn first_of_each(keys: &BTreeMap<usize, Key>, store: &Store) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let rows = keys.iter().filter(|(_, key)| !store.by_key.contains_key(*key) && seen.insert(*key));
    rows.map(|(&row, _)| row).collect()
}

/// Each row of a batch by itself, without the tokens that are masked; a combiner that reads none gets
/// the pooled vector as its one token.
fn split(embedding: &Embedding, reads_tokens: bool) -> Vec<Features> {
    let [_, width] = embedding.pooled.dims();
    let pooled = numbers(embedding.pooled.clone());
    if !reads_tokens {
        let row = |row: &[f32]| Features::Embedding { pooled: row.to_vec(), tokens: row.to_vec() };
        return pooled.chunks_exact(width).map(row).collect();
    }
    let [_, steps, _] = embedding.tokens.dims();
    let tokens = numbers(embedding.tokens.clone());
    let mask: Vec<bool> = embedding.mask.clone().into_data().iter().collect();
    let rows = pooled.chunks_exact(width).zip(tokens.chunks_exact(steps * width));
    let rows = rows.zip(mask.chunks_exact(steps));
    rows.map(|((pooled, tokens), mask)| {
        let real = tokens.chunks_exact(width).zip(mask).filter(|&(_, &real)| real);
        let tokens = real.flat_map(|(token, _)| token.iter().copied()).collect();
        Features::Embedding { pooled: pooled.to_vec(), tokens }
    })
    .collect()
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().expect("embeddings are 32-bit floats")
}

/// The embeddings of one encoder, in memory and in a file.
#[derive(Debug, Default)]
struct Store {
    path: Option<PathBuf>,
    by_key: BTreeMap<Key, Features>,
}

#[derive(Serialize, Deserialize)]
struct Index {
    keys: Vec<Key>,
    /// Tokens of each.
    lengths: Vec<usize>,
}

impl Index {
    /// Checks that there is one vector of this width for each key, and one for each of its tokens.
    fn check(
        &self,
        pooled: &TensorData,
        tokens: &TensorData,
        width: usize,
    ) -> Result<(), ConfigError> {
        let all = self.lengths.iter().fold(0_usize, |all, &length| all.saturating_add(length));
        in_range("lengths", self.lengths.len(), self.keys.len()..=self.keys.len())?;
        for (name, tensor, rows) in [("pooled", pooled, self.keys.len()), ("tokens", tokens, all)] {
            if tensor.shape().as_slice() != [rows, width] {
                let got = format!("of the shape {:?}", tensor.shape().as_slice());
                return Err(ConfigError::invalid(name, got, format!("[{rows}, {width}]")));
            }
            check_numbers(name, tensor, "finite numbers", |_| true)?;
        }
        Ok(())
    }
}

impl Store {
    /// Reads the file of an encoder that gives vectors of this width, where there is one.
    ///
    /// # Errors
    ///
    /// [`TrainError::Cache`] for a file that is damaged, or whose parts do not go together.
    fn open(path: Option<PathBuf>, width: usize) -> Result<Self, TrainError> {
        let Some(path) = path else { return Ok(Self::default()) };
        if !path.is_file() {
            return Ok(Self { path: Some(path), by_key: BTreeMap::new() });
        }
        let (index, mut tensors): (Index, _) =
            sealed::read(&path, KIND).map_err(TrainError::Cache)?;
        let mut take = |name: &str| {
            tensors.remove(name).unwrap_or(TensorData::new(Vec::<f32>::new(), [0, width]))
        };
        let (pooled, tokens) = (take("pooled"), take("tokens"));
        index
            .check(&pooled, &tokens, width)
            .map_err(|error| TrainError::Cache(BundleError::content(&path, error)))?;
        let (pooled, tokens) = (numbers_of(pooled), numbers_of(tokens));
        let mut rest = tokens.as_slice();
        let Index { keys, lengths } = index;
        let rows = keys.into_iter().zip(lengths).zip(pooled.chunks_exact(width));
        let by_key = rows.map(|((key, length), pooled)| {
            let (own, after) = rest.split_at(length * width);
            rest = after;
            let tokens = if own.is_empty() { pooled.to_vec() } else { own.to_vec() };
            (key, Features::Embedding { pooled: pooled.to_vec(), tokens })
        });
        Ok(Self { by_key: by_key.collect(), path: Some(path) })
    }

    /// What so many rows would take if they were like those that there are.
    fn num_bytes_of(&self, rows: usize) -> usize {
        let known = self.by_key.len().max(1);
        let bytes: usize = self.by_key.values().take(BATCH_ROWS).map(Features::num_bytes).sum();
        bytes / known.min(BATCH_ROWS) * rows
    }

    /// Replaces the file as a whole.
    fn write(&self) -> Result<(), TrainError> {
        let Some(path) = &self.path else { return Ok(()) };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|source| TrainError::Folder { path: folder.to_owned(), source })?;
        }
        let mut index = Index { keys: Vec::new(), lengths: Vec::new() };
        let (mut all_pooled, mut all_tokens) = (Vec::new(), Vec::new());
        let mut width = 0;
        for (key, features) in &self.by_key {
            let Features::Embedding { pooled, tokens } = features else { continue };
            width = pooled.len();
            index.keys.push(key.clone());
            all_pooled.extend_from_slice(pooled);
            // A single token that is the pooled vector is not written twice.
            let own = if tokens == pooled { &[][..] } else { tokens };
            index.lengths.push(own.len() / width);
            all_tokens.extend_from_slice(own);
        }
        let tensor = |values: Vec<f32>| {
            let rows = values.len() / width.max(1);
            TensorData::new(values, [rows, width])
        };
        let tensors = BTreeMap::from([
            ("pooled".to_owned(), tensor(all_pooled)),
            ("tokens".to_owned(), tensor(all_tokens)),
        ]);
        Ok(sealed::write(path, KIND, &index, &tensors)?)
    }
}

fn numbers_of(data: TensorData) -> Vec<f32> {
    data.try_into_vec().expect("a sealed file holds 32-bit floats")
}

#[cfg(test)]
mod tests {
    use sensorium_core::Hint;

    use super::*;

    fn store(path: &Path) -> Store {
        let embedding = |value: f32, tokens: usize| Features::Embedding {
            pooled: vec![value; 2],
            tokens: vec![value + 0.5; 2 * tokens],
        };
        let by_key = [("a", embedding(1.0, 3)), ("b", embedding(2.0, 1))];
        let by_key = by_key.map(|(key, embedding)| (key.to_owned(), embedding)).into();
        Store { path: Some(path.to_owned()), by_key }
    }

    #[test]
    fn what_was_written_is_read_and_an_altered_byte_says_to_delete_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        store(&path).write().unwrap();
        let read = Store::open(Some(path.clone()), 2).unwrap();
        assert_eq!(read.by_key, store(&path).by_key);

        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let error = Store::open(Some(path), 2).unwrap_err();
        assert!(error.to_string().contains("was altered"), "{error}");
        assert_eq!(error.hint().unwrap(), "delete this file: what it holds is encoded again");
    }

    #[test]
    fn parts_that_do_not_go_together_are_refused_though_the_digest_fits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.safetensors");
        let tensor = |rows: usize, width: usize, value: f32| {
            TensorData::new(vec![value; rows * width], [rows, width])
        };
        let keys = || vec!["a".to_owned(), "b".to_owned()];
        for (lengths, pooled, tokens, words) in [
            (vec![3], tensor(2, 2, 0.0), tensor(3, 2, 0.0), "`lengths` is 1, but 2 to 2"),
            (vec![3, 1], tensor(1, 2, 0.0), tensor(4, 2, 0.0), "`pooled` is of the shape [1, 2]"),
            (vec![3, 1], tensor(2, 3, 0.0), tensor(4, 3, 0.0), "`pooled` is of the shape [2, 3]"),
            (vec![3, 9], tensor(2, 2, 0.0), tensor(4, 2, 0.0), "but [12, 2] was expected"),
            (vec![usize::MAX, 9], tensor(2, 2, 0.0), tensor(4, 2, 0.0), "`tokens` is of the shape"),
            (vec![3, 1], tensor(2, 2, f32::NAN), tensor(4, 2, 0.0), "`pooled` is NaN"),
        ] {
            let tensors =
                BTreeMap::from([("pooled".to_owned(), pooled), ("tokens".to_owned(), tokens)]);
            sealed::write(&path, KIND, &Index { keys: keys(), lengths }, &tensors).unwrap();
            let refusal = Store::open(Some(path.clone()), 2).unwrap_err().to_string();
            assert!(refusal.contains(words), "{refusal}, not {words}");
        }
    }
}
