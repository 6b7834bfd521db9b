//! The tensors of published weights, as 32-bit floats.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, TensorData};
use safetensors::{Dtype, SafeTensors};

use super::{PretrainedError, Published};

/// The largest file of published weights that is read, in bytes.
const MAX_FILE_BYTES: u64 = 64 << 30;

/// Every float tensor of published weights by name, and the names of the others.
#[derive(Debug)]
pub(crate) struct Tensors {
    pub(crate) path: PathBuf,
    pub(crate) floats: BTreeMap<String, TensorData>,
    /// Counters and positions: no publisher keeps weights in whole numbers.
    pub(crate) others: BTreeMap<String, String>,
}

impl Tensors {
    /// # Errors
    ///
    /// [`PretrainedError`] for a file that cannot be read or is not safetensors.
    pub(crate) fn read(published: &Published) -> Result<Self, PretrainedError> {
        let path = published.path().to_owned();
        let mut tensors = Self { path, floats: BTreeMap::new(), others: BTreeMap::new() };
        for file in published.weight_files()? {
            tensors.add(&file)?;
        }
        Ok(tensors)
    }

    fn add(&mut self, file: &Path) -> Result<(), PretrainedError> {
        let bytes = content(file)
            .map_err(|source| PretrainedError::Read { path: file.to_owned(), source })?;
        let views = SafeTensors::deserialize(&bytes).map_err(|error| {
            let (expected, problem) = ("a safetensors file", error.to_string());
            PretrainedError::Malformed { path: file.to_owned(), expected, problem }
        })?;
        for (name, view) in views.iter() {
            let name = &modern(name);
            match float(view.dtype()) {
                Some(dtype) => {
                    let data = TensorData::from_bytes_vec(
                        view.data().to_vec(),
                        view.shape().to_vec(),
                        dtype,
                    );
                    self.floats.insert(name.clone(), data.convert::<f32>());
                }
                None => {
                    self.others.insert(name.clone(), format!("{:?}", view.dtype()));
                }
            }
        }
        Ok(())
    }

    /// Whether there is such a tensor.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.floats.contains_key(name) || self.others.contains_key(name)
    }
}

/// Files made from TensorFlow's name the scale and shift of norms as it does.
pub(crate) fn modern(name: &str) -> String {
    for (old, new) in
        [("LayerNorm.gamma", "LayerNorm.weight"), ("LayerNorm.beta", "LayerNorm.bias")]
    {
        if let Some(module) = name.strip_suffix(old) {
            return format!("{module}{new}");
        }
    }
    name.to_owned()
}

fn content(file: &Path) -> io::Result<Vec<u8>> {
    let length = fs::metadata(file)?.len();
    if length > MAX_FILE_BYTES {
        let problem = format!("it has {length} bytes, but at most {MAX_FILE_BYTES} are read");
        return Err(io::Error::other(problem));
    }
    fs::read(file)
}

fn float(dtype: Dtype) -> Option<DType> {
    match dtype {
        Dtype::F64 => Some(DType::F64),
        Dtype::F32 => Some(DType::F32),
        Dtype::F16 => Some(DType::F16),
        Dtype::BF16 => Some(DType::BF16),
        _ => None,
    }
}
