//! Golden cases for tests, and the one line that `docs/parity.md` has of each part.
//!
//! Cases are folders of `golden/<part>`, written by `reference/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

/// The folders of one part's cases, in the order of their names.
pub(crate) fn cases(part: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden").join(part);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{part}: {error}"));
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "{part} has no case");
    cases
}

/// What a case's `case.json` says.
pub(crate) fn case(folder: &Path) -> serde_json::Value {
    let path = folder.join("case.json");
    let json = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&json).unwrap()
}

/// Every f32 tensor of a safetensors file: its shape and its values, row-major.
pub(crate) fn tensors(path: &Path) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = file.iter().filter(|(_, view)| view.dtype() == Dtype::F32);
    floats
        .map(|(name, view)| {
            let (values, _) = view.data().as_chunks::<4>();
            let values = values.iter().map(|&value| f32::from_le_bytes(value)).collect();
            (name.to_owned(), (view.shape().to_vec(), values))
        })
        .collect()
}

/// The largest absolute difference of two lists of one length; NaN where only one of a pair is.
pub(crate) fn worst_difference(actual: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(actual.len(), expected.len(), "another number of values");
    let pairs = actual.iter().zip(expected).filter(|(a, b)| !(a.is_nan() && b.is_nan()));
    // Equal infinities have no difference, though their subtraction has no value.
    worst(
        pairs.map(|(a, b)| if a.to_bits() == b.to_bits() { 0.0 } else { f64::from((a - b).abs()) }),
    )
}

/// The largest of some differences; a NaN does not pass for none, as it would with `f64::max`.
pub(crate) fn worst(differences: impl Iterator<Item = f64>) -> f64 {
    differences.fold(0.0, |worst, d| if d > worst || d.is_nan() { d } else { worst })
}

/// Fails where `part` is further than `tolerance` from `reference`, and else prints the line that
/// `bench/features/parity.sh` collects: part, reference, worst difference, tolerance and unit.
pub(crate) fn assert_parity(part: &str, reference: &str, worst: f64, tolerance: f64, unit: &str) {
    assert!(worst <= tolerance, "{part} is {worst:e} {unit} from {reference}, over {tolerance:e}");
    println!("parity\t{part}\t{reference}\t{worst:.1e}\t{tolerance:.0e}\t{unit}");
}
