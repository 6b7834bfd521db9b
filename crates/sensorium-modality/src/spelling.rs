//! Settings that have one name here and another in the library that users come from.

use sensorium_core::ConfigError;

/// The one of two spellings of a setting that is given.
pub(crate) fn one_spelling<T>(
    (ours, value): (&str, Option<T>),
    (theirs, other): (&str, Option<T>),
) -> Result<Option<T>, ConfigError> {
    if value.is_some() && other.is_some() {
        return Err(ConfigError::Conflict {
            at: theirs.to_owned(),
            problem: format!("`{ours}` and `{theirs}` are two spellings of one setting"),
            advice: format!("keep one of `{ours}` and `{theirs}`"),
        });
    }
    Ok(value.or(other))
}
