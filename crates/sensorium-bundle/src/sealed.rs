//! Safetensors files with one JSON document and a digest over everything.
//!
//! The document lies under one metadata key: the format keeps its metadata in a hash map, and with
//! one key the same content always gives the same bytes.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::tensor::{SafeTensorError, TensorView};
use safetensors::{Dtype, SafeTensors};
use sensorium_table::atomic::write_atomically;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::BundleError;

const KEY: &str = "sensorium";

/// Which kind of file this is, and in which version.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What a person calls it, such as `model bundle`.
    pub name: &'static str,
    /// The version that is written and the only one that is read.
    pub version: u32,
}

#[derive(Serialize, Deserialize)]
struct Document<'a> {
    kind: String,
    version: u32,
    digest: String,
    #[serde(borrow)]
    content: &'a RawValue,
}

/// Writes a document and named `f32` tensors as one file, atomically.
///
/// # Errors
///
/// [`BundleError::Write`] where the file cannot be written; nothing is left half-written then.
///
/// # Panics
///
/// If a tensor is not `f32`, or the content cannot be JSON: both are mistakes of the caller.
pub fn write(
    path: &Path,
    kind: Kind,
    content: &impl Serialize,
    tensors: &BTreeMap<String, TensorData>,
) -> Result<(), BundleError> {
    let content = serde_json::value::to_raw_value(content).expect("our own types are JSON");
    let views: Vec<(&str, TensorView<'_>)> =
        tensors.iter().map(|(name, data)| (name.as_str(), view(data))).collect();
    let digest = digest(&content, views.iter().map(|(name, view)| (*name, view)));
    let document =
        Document { kind: kind.name.to_owned(), version: kind.version, digest, content: &content };
    let document = serde_json::to_string(&document).expect("our own types are JSON");
    let metadata = HashMap::from([(KEY.to_owned(), document)]);
    let bytes = safetensors::serialize(views, Some(metadata)).expect("the views fit their shapes");
    Ok(write_atomically(path, &bytes)?)
}

/// Reads what [`write()`] wrote and verifies all of it.
///
/// # Errors
///
/// [`BundleError`] naming a file that is of another kind or version, truncated or altered.
pub fn read<T: DeserializeOwned>(
    path: &Path,
    kind: Kind,
) -> Result<(T, BTreeMap<String, TensorData>), BundleError> {
    let bytes =
        fs::read(path).map_err(|source| BundleError::Read { path: path.to_owned(), source })?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes)
        .map_err(|error| not_safetensors(path, kind, &bytes, &error))?;
    let document = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
    let document = document.ok_or_else(|| {
        not_ours(path, kind, "it has tensors, but no document of this program".to_owned())
    })?;
    let document = parse(path, kind, document)?;

    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|error| not_safetensors(path, kind, &bytes, &error))?;
    let views: BTreeMap<&str, TensorView<'_>> = tensors.iter().collect();
    if digest(document.content, views.iter().map(|(name, view)| (*name, view))) != document.digest {
        return Err(BundleError::Altered { path: path.to_owned() });
    }
    let content = serde_json::from_str(document.content.get())
        .map_err(|error| not_ours(path, kind, format!("its document cannot be read: {error}")))?;
    let tensors = views.iter().map(|(name, view)| ((*name).to_owned(), data(view))).collect();
    Ok((content, tensors))
}

fn parse<'a>(path: &Path, kind: Kind, document: &'a str) -> Result<Document<'a>, BundleError> {
    #[derive(Deserialize)]
    struct Envelope {
        kind: String,
        version: u32,
    }
    let unreadable = |error| not_ours(path, kind, format!("its document is not JSON: {error}"));
    let envelope: Envelope = serde_json::from_str(document).map_err(unreadable)?;
    if envelope.kind != kind.name {
        return Err(not_ours(path, kind, format!("it is a {}", envelope.kind)));
    }
    if envelope.version != kind.version {
        let (got, expected) = (envelope.version, kind.version);
        return Err(BundleError::Version { path: path.to_owned(), got, expected });
    }
    serde_json::from_str(document).map_err(unreadable)
}

/// The digest of the document and of every tensor's name, shape and values, in name order.
fn digest<'a>(
    content: &RawValue,
    tensors: impl Iterator<Item = (&'a str, &'a TensorView<'a>)>,
) -> String {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(content.get().as_bytes());
    for (name, view) in tensors {
        part(name.as_bytes());
        for &size in view.shape() {
            part(&(size as u64).to_le_bytes());
        }
        part(view.data());
    }
    hasher.finalize().to_hex().to_string()
}

fn view(data: &TensorData) -> TensorView<'_> {
    assert_eq!(data.dtype(), DType::F32, "weights are f32");
    TensorView::new(Dtype::F32, data.shape().to_vec(), data.as_bytes())
        .expect("the bytes fit the shape")
}

fn data(view: &TensorView<'_>) -> TensorData {
    TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), DType::F32)
}

fn not_safetensors(path: &Path, kind: Kind, bytes: &[u8], error: &SafeTensorError) -> BundleError {
    use SafeTensorError as E;
    match error {
        E::MetadataIncompleteBuffer | E::InvalidHeaderLength | E::HeaderTooSmall => {
            BundleError::Truncated { path: path.to_owned(), bytes: bytes.len() }
        }
        other => not_ours(path, kind, other.to_string()),
    }
}

fn not_ours(path: &Path, kind: Kind, problem: String) -> BundleError {
    BundleError::NotOurs { path: path.to_owned(), expected: kind.name, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind { name: "test file", version: 2 };

    fn tensors() -> BTreeMap<String, TensorData> {
        let weight = TensorData::new(vec![1.0_f32, -2.0, 3.5, 0.0, 5.0, 6.0], [2, 3]);
        let bias = TensorData::new(vec![0.25_f32; 70], [70]);
        BTreeMap::from([("weight".to_owned(), weight), ("bias".to_owned(), bias)])
    }

    fn written(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("file.safetensors");
        write(&path, KIND, &"content", &tensors()).unwrap();
        path
    }

    fn message(path: &Path, kind: Kind) -> String {
        let folder = path.parent().unwrap().display().to_string();
        read::<String>(path, kind).unwrap_err().to_string().replace(&folder, "")
    }

    #[test]
    fn what_was_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (content, read) = read::<String>(&written(folder.path()), KIND).unwrap();
        assert_eq!(content, "content");
        assert_eq!(read, tensors());
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let first = fs::read(written(folder.path())).unwrap();
        for _ in 0..20 {
            assert_eq!(fs::read(written(folder.path())).unwrap(), first);
        }
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let bytes = fs::read(&path).unwrap();
        for position in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[position] ^= 1;
            fs::write(&path, &altered).unwrap();
            // A space in the header's padding carries nothing; all else must be refused.
            let padding = bytes[position] == b' ';
            assert!(padding || read::<String>(&path, KIND).is_err(), "byte {position}");
        }
    }

    #[test]
    fn every_shorter_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let bytes = fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(read::<String>(&path, KIND).is_err(), "{length} bytes");
        }
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let expected =
            format!("`/file.safetensors` is truncated: it ends after {} bytes", bytes.len() - 1);
        assert_eq!(message(&path, KIND), expected);
    }

    #[test]
    fn another_kind_and_another_version_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        assert_eq!(
            message(&path, Kind { name: "model bundle", version: 2 }),
            "`/file.safetensors` is not a model bundle: it is a test file"
        );
        assert_eq!(
            message(&path, Kind { name: "test file", version: 1 }),
            "`/file.safetensors` has format version 2, this program reads version 1"
        );
    }

    #[test]
    fn a_safetensors_file_of_another_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.safetensors");
        let tensors = tensors();
        let views: Vec<_> = tensors.iter().map(|(name, data)| (name, view(data))).collect();
        fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        assert_eq!(
            message(&path, KIND),
            "`/other.safetensors` is not a test file: it has tensors, but no document of this program"
        );
    }
}
