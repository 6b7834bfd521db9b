//! Safetensors files with one JSON document and a digest over all of their bytes.
//!
//! The document lies under one metadata key: the format keeps its metadata in a hash map, and with
//! one key the same content always gives the same bytes. The digest lies in the document too, and is
//! that of the file with zeros in its own place, so that no byte can be altered unnoticed.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use burn::tensor::{DType, TensorData};
use safetensors::tensor::{Metadata, TensorView};
use safetensors::{Dtype, SafeTensors};
use sensorium_table::atomic::write_atomically;
use sensorium_table::regular::open_regular;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::BundleError;

/// The largest file that is read, in bytes: a checkpoint of four numbers for each weight of the
/// largest model.
pub const MAX_FILE_BYTES: u64 = 64 << 30;

const KEY: &str = "sensorium";
/// The length of the header, which comes before it.
const LENGTH_BYTES: usize = 8;
/// Hexadecimal characters of a digest.
const DIGEST_CHARACTERS: usize = 2 * blake3::OUT_LEN;
/// What stands before the digest, as the document's text lies in the header's.
const BEFORE_DIGEST: &[u8] = br#"\"digest\":\""#;

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
    let views = tensors.iter().map(|(name, data)| (name.as_str(), view(data)));
    Ok(write_atomically(path, &sealed(kind, content, views.collect()))?)
}

/// The bytes of a file.
fn sealed(kind: Kind, content: &impl Serialize, views: Vec<(&str, TensorView<'_>)>) -> Vec<u8> {
    let content = serde_json::value::to_raw_value(content).expect("our own types are JSON");
    let (name, version) = (kind.name.to_owned(), kind.version);
    let zeros = "0".repeat(DIGEST_CHARACTERS);
    let document = Document { kind: name, version, digest: zeros, content: &content };
    let document = serde_json::to_string(&document).expect("our own types are JSON");
    let metadata = HashMap::from([(KEY.to_owned(), document)]);
    let mut bytes =
        safetensors::serialize(views, Some(metadata)).expect("the views fit their shapes");
    let place = digest_place(&bytes).expect("the document was just written");
    let digest = digest(&bytes, &place);
    bytes[place].copy_from_slice(digest.as_bytes());
    bytes
}

/// Reads what [`write()`] wrote and verifies all of it.
///
/// # Errors
///
/// [`BundleError`] naming a file that is of another kind or version, truncated or altered, or larger
/// than [`MAX_FILE_BYTES`].
pub fn read<T: DeserializeOwned>(
    path: &Path,
    kind: Kind,
) -> Result<(T, BTreeMap<String, TensorData>), BundleError> {
    let bytes = bytes_of(path, kind)?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(|error| not_ours(path, kind, error.to_string()))?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes)
        .map_err(|error| not_ours(path, kind, error.to_string()))?;
    let document = document(path, kind, &metadata)?;
    let place =
        digest_place(&bytes).filter(|place| &bytes[place.clone()] == document.digest.as_bytes());
    if place.is_none_or(|place| digest(&bytes, &place) != document.digest) {
        return Err(BundleError::Altered { path: path.to_owned() });
    }
    let content = serde_json::from_str(document.content.get())
        .map_err(|error| BundleError::content(path, format!("its document: {error}")))?;
    let tensors =
        tensors.iter().map(|(name, view)| Ok((name.to_owned(), data(path, name, &view)?)));
    Ok((content, tensors.collect::<Result<_, BundleError>>()?))
}

/// The whole file. Its header is looked at first, so that no memory is taken for a file that is none
/// of ours, or not as long as it says.
fn bytes_of(path: &Path, kind: Kind) -> Result<Vec<u8>, BundleError> {
    let failed = |source| BundleError::Read { path: path.to_owned(), source };
    let file = open_regular(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    if length > MAX_FILE_BYTES {
        let problem = format!("it has {length} bytes, but at most {MAX_FILE_BYTES} are read");
        return Err(failed(io::Error::other(problem)));
    }
    let mut bytes = Vec::new();
    append(&file, LENGTH_BYTES as u64, &mut bytes).map_err(failed)?;
    let header_bytes = header_bytes(path, kind, &bytes, length)?;
    append(&file, header_bytes, &mut bytes).map_err(failed)?;
    let metadata = metadata_of(path, kind, &bytes)?;
    document(path, kind, &metadata)?;
    let data_bytes = metadata.data_len() as u64;
    match length.cmp(&(LENGTH_BYTES as u64 + header_bytes).saturating_add(data_bytes)) {
        Ordering::Less => return Err(truncated(path, length)),
        Ordering::Greater => return Err(BundleError::Altered { path: path.to_owned() }),
        Ordering::Equal => append(&file, data_bytes, &mut bytes).map_err(failed)?,
    }
    Ok(bytes)
}

fn append(file: &File, num_bytes: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    file.take(num_bytes).read_to_end(bytes).map(drop)
}

/// How long the header is, by the number at the file's start.
fn header_bytes(path: &Path, kind: Kind, start: &[u8], length: u64) -> Result<u64, BundleError> {
    /// As the format's library has it.
    const MAX_HEADER_BYTES: u64 = 100_000_000;
    let start = start.try_into().map_err(|_| truncated(path, length))?;
    let header_bytes = u64::from_le_bytes(start);
    if header_bytes > MAX_HEADER_BYTES {
        return Err(not_ours(path, kind, "it does not begin as one".to_owned()));
    }
    if LENGTH_BYTES as u64 + header_bytes > length {
        return Err(truncated(path, length));
    }
    Ok(header_bytes)
}

/// What stands in the header that follows the file's first bytes; what comes after it is not looked
/// at.
fn metadata_of(path: &Path, kind: Kind, header: &[u8]) -> Result<Metadata, BundleError> {
    serde_json::from_slice(&header[LENGTH_BYTES..])
        .map_err(|error| not_ours(path, kind, format!("its header cannot be read: {error}")))
}

fn truncated(path: &Path, bytes: u64) -> BundleError {
    BundleError::Truncated { path: path.to_owned(), bytes }
}

fn document<'a>(
    path: &Path,
    kind: Kind,
    metadata: &'a Metadata,
) -> Result<Document<'a>, BundleError> {
    let document = metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY));
    let document = document.ok_or_else(|| {
        not_ours(path, kind, "it has tensors, but no document of this program".to_owned())
    })?;
    parse(path, kind, document)
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

/// Where in the file the digest lies.
fn digest_place(bytes: &[u8]) -> Option<Range<usize>> {
    let found = bytes.windows(BEFORE_DIGEST.len()).position(|bytes| bytes == BEFORE_DIGEST)?;
    let start = found + BEFORE_DIGEST.len();
    let place = start..start + DIGEST_CHARACTERS;
    bytes.get(place.clone()).map(|_| place)
}

/// The digest of all bytes, with zeros in the digest's own place.
fn digest(bytes: &[u8], place: &Range<usize>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..place.start]);
    hasher.update(&[b'0'; DIGEST_CHARACTERS]);
    hasher.update(&bytes[place.end..]);
    hasher.finalize().to_hex().to_string()
}

fn view(data: &TensorData) -> TensorView<'_> {
    assert_eq!(data.dtype(), DType::F32, "weights are f32");
    TensorView::new(Dtype::F32, data.shape().to_vec(), data.as_bytes())
        .expect("the bytes fit the shape")
}

fn data(path: &Path, name: &str, view: &TensorView<'_>) -> Result<TensorData, BundleError> {
    if view.dtype() != Dtype::F32 {
        let problem = format!("`{name}` is of type {:?}, but F32 was expected", view.dtype());
        return Err(BundleError::content(path, problem));
    }
    Ok(TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), DType::F32))
}

fn not_ours(path: &Path, kind: Kind, problem: String) -> BundleError {
    BundleError::NotOurs { path: path.to_owned(), expected: kind.name, problem }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
            // A letter of the other case, the next character, and what white space may become.
            for other in [bytes[position] ^ 0x20, bytes[position] ^ 1, b'\t', b'\n', b' '] {
                let mut altered = bytes.clone();
                altered[position] = other;
                if altered != bytes {
                    fs::write(&path, &altered).unwrap();
                    assert!(read::<String>(&path, KIND).is_err(), "byte {position}: {other}");
                }
            }
        }
    }

    #[test]
    fn the_letter_of_a_type_and_the_headers_padding_are_under_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(text.contains("\"dtype\":\"F32\""), "{text}");
        let bytes = fs::read(&path).unwrap();
        let dtype = bytes.windows(5).position(|bytes| bytes == b"\"F32\"").unwrap() + 1;
        let header = usize::from(bytes[0]) + 256 * usize::from(bytes[1]) + LENGTH_BYTES;
        assert_eq!(bytes[header - 1], b' ', "the header is padded");
        for (position, other) in [(dtype, b'U'), (dtype, b'I'), (header - 1, b'\n')] {
            let mut altered = bytes.clone();
            altered[position] = other;
            fs::write(&path, &altered).unwrap();
            assert!(message(&path, KIND).contains("altered"), "{}", message(&path, KIND));
        }
    }

    #[test]
    fn tensors_of_other_types_are_refused_though_the_digest_fits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.safetensors");
        let bytes = [0; 16];
        for dtype in [Dtype::F16, Dtype::BF16, Dtype::F64, Dtype::I64, Dtype::I32, Dtype::U8] {
            let shape = vec![16 * 8 / dtype.bitsize()];
            let view = TensorView::new(dtype, shape, &bytes).unwrap();
            fs::write(&path, sealed(KIND, &"content", vec![("weight", view)])).unwrap();
            let expected = format!(
                "`/file.safetensors` holds what no training writes: `weight` is of type {dtype:?}, \
                 but F32 was expected"
            );
            assert_eq!(message(&path, KIND), expected);
        }
    }

    #[test]
    fn bytes_after_the_end_are_noticed_and_an_enormous_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let length = fs::metadata(&path).unwrap().len();
        // Sparse: reading either of them whole would take as much memory.
        for extra in [1, 40 << 30] {
            File::options().write(true).open(&path).unwrap().set_len(length + extra).unwrap();
            assert!(message(&path, KIND).contains("altered"), "{}", message(&path, KIND));
        }
        File::options().write(true).open(&path).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        let error = read::<String>(&path, KIND).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("but at most 68719476736 are read"), "{cause}");
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
