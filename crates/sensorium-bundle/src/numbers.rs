//! The numbers of weights that come from a file.

use burn::tensor::TensorData;
use sensorium_core::ConfigError;

/// Checks that weights are finite, and that no variance is below 0.
///
/// # Errors
///
/// [`ConfigError`] naming the weight.
///
/// # Panics
///
/// If the numbers are no 32-bit floats, which a sealed file's are.
pub fn check_weight(name: &str, tensor: &TensorData) -> Result<(), ConfigError> {
    if name.ends_with("running_variance") {
        return check_numbers(name, tensor, "finite numbers of 0 or more", |value| value >= 0.0);
    }
    check_numbers(name, tensor, "finite numbers", |_| true)
}

/// Checks that all numbers are finite and `fit`.
///
/// # Errors
///
/// [`ConfigError`] naming the tensor and the first number that is not.
///
/// # Panics
///
/// As [`check_weight`].
pub fn check_numbers(
    name: &str,
    tensor: &TensorData,
    expected: &str,
    fit: impl Fn(f32) -> bool,
) -> Result<(), ConfigError> {
    let values = tensor.as_slice::<f32>().expect("a sealed file holds 32-bit floats");
    match values.iter().find(|&&value| !value.is_finite() || !fit(value)) {
        None => Ok(()),
        Some(value) => Err(ConfigError::invalid(name, value, expected)),
    }
}
