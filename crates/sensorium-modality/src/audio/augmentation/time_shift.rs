//! Sounds that begin earlier or later.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;
use sensorium_core::config::in_range;
use serde::{Deserialize, Serialize};

use super::{ChangeSound, Rate};
use crate::audio::MAX_SECONDS;

/// Moves a sound in time within its length; what is left free is silent.
///
/// | key | default | unit | range |
/// |---|---|---|---|
/// | `max_shift_in_s` | 0.1 | seconds, either way | 0 to 600 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TimeShift {
    /// The furthest that a sound is moved.
    pub max_shift_in_s: f64,
}

impl Default for TimeShift {
    fn default() -> Self {
        Self { max_shift_in_s: 0.1 }
    }
}

impl ChangeSound for TimeShift {
    fn check(&self) -> Result<(), ConfigError> {
        in_range("max_shift_in_s", self.max_shift_in_s, 0.0..=MAX_SECONDS)
    }

    fn samples(&self, mut samples: Vec<f32>, rate: &Rate<'_>, rng: &mut ChaCha8Rng) -> Vec<f32> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most 600 s of samples"
        )]
        let most = (self.max_shift_in_s * f64::from(rate.hz)).round() as usize;
        let most = most.min(samples.len());
        let by = rng.random_range(0..=2 * most);
        if by >= most {
            later(&mut samples, by - most);
        } else {
            earlier(&mut samples, most - by);
        }
        samples
    }
}

fn later(samples: &mut [f32], by: usize) {
    samples.copy_within(..samples.len() - by, by);
    samples[..by].fill(0.0);
}

fn earlier(samples: &mut [f32], by: usize) {
    samples.copy_within(by.., 0);
    let left = samples.len() - by;
    samples[left..].fill(0.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_free_is_silent() {
        let mut samples = vec![1.0, 2.0, 3.0];
        later(&mut samples, 1);
        assert_eq!(samples, vec![0.0, 1.0, 2.0]);
        earlier(&mut samples, 2);
        assert_eq!(samples, vec![2.0, 0.0, 0.0]);
    }
}
