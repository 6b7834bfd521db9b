//! The memory that one batch of pictures takes, known before the first is read.

use sensorium_bundle::{Config, Fitted};
use sensorium_core::{ConfigError, FeatureShape};

/// Rows lie in memory as they are read, and once more in the batch that is made of them; what an
/// encoder makes of them comes on top.
const COPIES: u64 = 2;
/// Bytes of one value.
const NUMBER: u64 = 4;

/// Refuses pictures of which one training batch takes more than `limit` bytes; `of` says whose limit
/// it is. Sounds and texts are as long as they are, so only pictures are known beforehand.
///
/// # Errors
///
/// [`ConfigError::Conflict`] at the input whose pictures are the largest.
pub(crate) fn check(
    config: &Config,
    fitted: &Fitted,
    train_rows: usize,
    (limit, of): (u64, &str),
) -> Result<(), ConfigError> {
    let rows = config.trainer.batch_size.min(train_rows);
    let bytes: Vec<u64> = fitted.inputs.iter().map(|input| bytes_of(&input.shape())).collect();
    let all = bytes.iter().fold(0_u64, |all, &bytes| all.saturating_add(bytes));
    let batch = all.saturating_mul(rows as u64).saturating_mul(COPIES);
    if batch <= limit {
        return Ok(());
    }
    let largest = (0..bytes.len()).max_by_key(|&input| bytes[input]).unwrap_or_default();
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    Err(ConfigError::Conflict {
        at: format!("input_features[{largest}].preprocessing"),
        problem: format!(
            "the pictures of a batch of {rows} rows take {:.1} GiB, but {of} {:.1} GiB",
            gib(batch),
            gib(limit)
        ),
        advice: "lower `height` and `width`, or `trainer.batch_size`".to_owned(),
    })
}

fn bytes_of(shape: &FeatureShape) -> u64 {
    match *shape {
        FeatureShape::Grid { channels, height, width } => {
            [channels, height, width].iter().fold(NUMBER, |all, &n| all.saturating_mul(n as u64))
        }
        _ => 0,
    }
}
