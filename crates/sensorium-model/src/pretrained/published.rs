//! A folder or file of published weights.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use safetensors::tensor::Metadata;
use serde_json::{Map, Value};

use super::PretrainedError;

/// Files that hold weights in a form that is never read.
const PICKLES: [&str; 4] = ["bin", "pt", "pth", "ckpt"];
/// The whole model, or the list of its parts.
const WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.safetensors",
    "diffusion_pytorch_model.safetensors",
];
/// The largest description file that is read, in bytes.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// A folder in the Hugging Face layout, or one `.safetensors` file; only its descriptions are read.
#[derive(Clone, Debug)]
pub struct Published {
    path: PathBuf,
    weights: PathBuf,
    /// `config.json`, null where there is none.
    pub config: Value,
    /// `preprocessor_config.json`, null where there is none.
    pub preprocessor: Value,
    /// `sentence_bert_config.json`, null where there is none.
    pub sentence: Value,
    /// The folder of `tokenizer.json`, where there is one.
    pub tokenizer: Option<PathBuf>,
}

/// What a published model says of an encoder and of what it reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Adopted {
    /// Keys of the encoder's section.
    pub encoder: Map<String, Value>,
    /// Keys of the column's `preprocessing`.
    pub preprocessing: Map<String, Value>,
}

/// Keys of `preprocessing` that mean something beside one value of another key alone.
const TIED: [(&str, &str); 1] = [("shortest_edge", "resize_method")];

impl Adopted {
    /// The keys for a column's `preprocessing`, without those that go with what the user wrote
    /// otherwise.
    #[must_use]
    pub fn preprocessing_under(mut self, written: &Value) -> Map<String, Value> {
        for (key, with) in TIED {
            if written.get(with).is_some_and(|value| self.preprocessing.get(with) != Some(value)) {
                self.preprocessing.shift_remove(key);
            }
        }
        self.preprocessing
    }
}

impl Published {
    /// Finds the weights at a path and reads what stands beside them.
    ///
    /// # Errors
    ///
    /// [`PretrainedError`] where there are no weights, only pickles, or a description that is not
    /// JSON.
    pub fn open(path: &Path) -> Result<Self, PretrainedError> {
        if !path.is_dir() {
            return Self::file(path);
        }
        let weights = WEIGHTS.iter().map(|name| path.join(name)).find(|path| path.is_file());
        let Some(weights) = weights else { return Err(without_weights(path)) };
        let json = |name: &str| json_or_null(&path.join(name));
        Ok(Self {
            config: json("config.json")?,
            preprocessor: json("preprocessor_config.json")?,
            sentence: json("sentence_bert_config.json")?,
            tokenizer: path.join("tokenizer.json").is_file().then(|| path.to_owned()),
            path: path.to_owned(),
            weights,
        })
    }

    fn file(path: &Path) -> Result<Self, PretrainedError> {
        if is_pickle(path) {
            return Err(PretrainedError::Pickle { path: path.to_owned() });
        }
        if !path.is_file() {
            let source = std::io::ErrorKind::NotFound.into();
            return Err(PretrainedError::Read { path: path.to_owned(), source });
        }
        Ok(Self {
            path: path.to_owned(),
            weights: path.to_owned(),
            config: Value::Null,
            preprocessor: Value::Null,
            sentence: Value::Null,
            tokenizer: None,
        })
    }

    /// What was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The shapes of the tensors, where no description says how the network is built. What cannot
    /// be read is left out: reading the weights says why.
    pub(crate) fn shapes(&self) -> Shapes {
        let files = self.weight_files().unwrap_or_default();
        Shapes(files.iter().filter_map(|file| shapes(file)).flatten().collect())
    }

    /// The files that hold the tensors, in order.
    ///
    /// # Errors
    ///
    /// [`PretrainedError`] where the list of parts is not one.
    pub fn weight_files(&self) -> Result<Vec<PathBuf>, PretrainedError> {
        if self.weights.extension().is_none_or(|extension| extension != "json") {
            return Ok(vec![self.weights.clone()]);
        }
        let index = json_or_null(&self.weights)?;
        let Some(parts) = index["weight_map"].as_object() else {
            return Err(malformed_index(&self.weights, "it has no `weight_map`"));
        };
        let mut names: Vec<&str> = parts.values().filter_map(Value::as_str).collect();
        names.sort_unstable();
        names.dedup();
        // Parts lie beside their list: a name that leads elsewhere is not one.
        match names.iter().find(|name| Path::new(name).components().count() != 1) {
            Some(name) => {
                Err(malformed_index(&self.weights, &format!("`{name}` is not a file beside it")))
            }
            None => Ok(names.into_iter().map(|name| self.path.join(name)).collect()),
        }
    }
}

/// The shapes of tensors by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes(BTreeMap<String, Vec<usize>>);

impl Shapes {
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The size of an axis of the tensor called `name`.
    pub(crate) fn size(&self, name: &str, axis: usize) -> Option<usize> {
        self.0.get(name)?.get(axis).copied()
    }

    /// [`Shapes::size`] of the first of `names` that there is.
    pub(crate) fn first_size(&self, names: &[&str], axis: usize) -> Option<usize> {
        names.iter().find_map(|name| self.size(name, axis))
    }

    /// How many blocks follow each other from 0 on, the name of a tensor of each being given.
    pub(crate) fn count(&self, name: impl Fn(usize) -> String) -> usize {
        (0..self.0.len()).take_while(|&block| self.contains(&name(block))).count()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What stands at the head of a safetensors file.
fn shapes(path: &Path) -> Option<BTreeMap<String, Vec<usize>>> {
    let mut file = fs::File::open(path).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length);
    if length > MAX_JSON_BYTES {
        return None;
    }
    let mut head = Vec::new();
    file.take(length).read_to_end(&mut head).ok()?;
    let metadata: Metadata = serde_json::from_slice(&head).ok()?;
    let shape =
        |(name, tensor): (String, &safetensors::tensor::TensorInfo)| (name, tensor.shape.clone());
    Some(metadata.tensors().into_iter().map(shape).collect())
}

/// Keys of a section from those of a published config: pairs of our key and theirs. What is not
/// there, or null, is left to its default.
pub(crate) fn adopt(config: &Value, keys: &[(&str, &str)]) -> Map<String, Value> {
    let keys = keys.iter().filter_map(|&(own, theirs)| match config.get(theirs) {
        None | Some(Value::Null) => None,
        Some(value) => Some((own.to_owned(), value.clone())),
    });
    keys.collect()
}

fn malformed_index(path: &Path, problem: &str) -> PretrainedError {
    let (expected, problem) = ("a list of weight files", problem.to_owned());
    PretrainedError::Malformed { path: path.to_owned(), expected, problem }
}

fn is_pickle(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| PICKLES.contains(&extension))
}

fn without_weights(folder: &Path) -> PretrainedError {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut pickles: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| is_pickle(path)).collect();
    pickles.sort();
    if let Some(path) = pickles.into_iter().next() {
        return PretrainedError::Pickle { path };
    }
    PretrainedError::NoWeights { path: folder.to_owned(), expected: WEIGHTS.join(" nor ") }
}

fn json_or_null(path: &Path) -> Result<Value, PretrainedError> {
    let read = |source| PretrainedError::Read { path: path.to_owned(), source };
    let malformed = |problem: String| PretrainedError::Malformed {
        path: path.to_owned(),
        expected: "JSON",
        problem,
    };
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Value::Null),
        Err(error) => return Err(read(error)),
        Ok(file) if file.len() > MAX_JSON_BYTES => {
            return Err(malformed(format!("it has more than {MAX_JSON_BYTES} bytes")));
        }
        Ok(_) => {}
    }
    let text = fs::read_to_string(path).map_err(read)?;
    serde_json::from_str(&text).map_err(|error| malformed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use sensorium_core::Hint;

    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn a_pickle_is_refused_with_the_script_that_converts_it() {
        let folder = folder(&[("pytorch_model.bin", ""), ("config.json", "{}")]);
        for path in [folder.path().to_owned(), folder.path().join("pytorch_model.bin")] {
            let error = Published::open(&path).unwrap_err();
            assert!(matches!(error, PretrainedError::Pickle { .. }), "{error}");
            assert!(error.hint().unwrap().contains("scripts/safetensors_from_pytorch.py"));
        }
    }

    #[test]
    fn a_folder_without_weights_and_a_path_to_nothing_are_named() {
        let folder = folder(&[("config.json", "{}")]);
        let error = Published::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("holds no weights: neither model.safetensors nor"), "{error}");
        let error = Published::open(&folder.path().join("nowhere")).unwrap_err();
        assert!(matches!(error, PretrainedError::Read { .. }), "{error}");
        assert!(error.hint().unwrap().contains("`--features hub`"));
    }

    #[test]
    fn the_parts_of_a_sharded_model_are_those_of_its_list_and_lie_beside_it() {
        let index =
            r#"{"weight_map": {"b": "2.safetensors", "a": "1.safetensors", "c": "2.safetensors"}}"#;
        let whole = folder(&[("model.safetensors.index.json", index)]);
        let files = Published::open(whole.path()).unwrap().weight_files().unwrap();
        assert_eq!(files, ["1.safetensors", "2.safetensors"].map(|name| whole.path().join(name)));
        let outside = r#"{"weight_map": {"b": "../2.safetensors"}}"#;
        let outside = folder(&[("model.safetensors.index.json", outside)]);
        let error = Published::open(outside.path()).unwrap().weight_files().unwrap_err();
        assert!(error.to_string().contains("is not a file beside it"), "{error}");
    }

    #[test]
    fn a_key_goes_with_the_one_that_gave_it_its_meaning() {
        let keys = serde_json::json!({"resize_method": "center_crop", "shortest_edge": 256});
        let adopted =
            || Adopted { preprocessing: keys.as_object().unwrap().clone(), ..Adopted::default() };
        let under = |written: Value| adopted().preprocessing_under(&written).len();
        assert_eq!(under(serde_json::json!({"resize_method": "letterbox"})), 1);
        assert_eq!(under(serde_json::json!({"resize_method": "center_crop"})), 2);
        assert_eq!(under(serde_json::json!({"height": 3})), 2);
    }

    #[test]
    fn shapes_are_read_and_of_a_broken_file_there_are_none() {
        let folder = folder(&[]);
        let path = folder.path().join("model.safetensors");
        let bytes = [0; 24];
        let view =
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, vec![2, 3], &bytes);
        let tensors = [("blocks.0.weight", view.unwrap())];
        safetensors::serialize_to_file(tensors, None, &path).unwrap();
        let shapes = Published::open(folder.path()).unwrap().shapes();
        assert_eq!(shapes.size("blocks.0.weight", 1), Some(3));
        assert_eq!(shapes.count(|block| format!("blocks.{block}.weight")), 1);
        for broken in [&[][..], &[255; 20], &[9, 0, 0, 0, 0, 0, 0, 0, b'{']] {
            fs::write(&path, broken).unwrap();
            assert_eq!(Published::open(&path).unwrap().shapes().names().count(), 0);
        }
    }

    #[test]
    fn a_description_that_is_not_json_is_named() {
        let folder = folder(&[("model.safetensors", ""), ("config.json", "{")]);
        let error = Published::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("config.json` is not JSON"), "{error}");
    }
}
