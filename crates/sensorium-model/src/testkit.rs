//! What the tests of this crate share.

use burn::tensor::Tensor;

/// The numbers of a tensor, last axis fastest.
pub(crate) fn values<const D: usize>(tensor: &Tensor<D>) -> Vec<f32> {
    tensor.to_data().try_into_vec().expect("tensors of this crate hold f32")
}

/// Fails naming `what` and the first number that is farther than `tolerance` from what was
/// expected.
#[track_caller]
pub(crate) fn assert_close<const D: usize>(
    what: &str,
    actual: &Tensor<D>,
    expected: &[f32],
    tolerance: f32,
) {
    let actual = values(actual);
    assert_eq!(actual.len(), expected.len(), "{what}: {actual:?} and {expected:?}");
    for (index, (&got, &want)) in actual.iter().zip(expected).enumerate() {
        let near = (got - want).abs() <= tolerance;
        assert!(near, "{what}[{index}] is {got}, but {want} ± {tolerance} was expected");
    }
}
