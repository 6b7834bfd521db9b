//! The windows that a frame is seen through.
//!
//! Source: `scipy.signal.get_window(name, length, fftbins=True)`, which librosa calls: the
//! periodic forms.

use std::f64::consts::TAU;

use serde::{Deserialize, Serialize};

/// The form of a window, by its name in scipy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// `0.5 - 0.5 cos`.
    Hann,
    /// `0.54 - 0.46 cos`.
    Hamming,
    /// `0.42 - 0.5 cos + 0.08 cos 2`.
    Blackman,
    /// A triangle that starts at zero.
    Bartlett,
    /// Ones.
    Boxcar,
}

impl Window {
    /// The window's `length` weights.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "weights of samples that are f32")]
    pub fn weights(self, length: usize) -> Vec<f32> {
        if length == 1 {
            return vec![1.0];
        }
        (0..length).map(|index| self.weight(index as f64 / length as f64) as f32).collect()
    }

    /// The weight at `phase`, from 0 at the window's start to 1 at its end.
    fn weight(self, phase: f64) -> f64 {
        let angle = TAU * phase;
        match self {
            Self::Hann => 0.5 - 0.5 * angle.cos(),
            Self::Hamming => 0.54 - 0.46 * angle.cos(),
            Self::Blackman => 0.42 - 0.5 * angle.cos() + 0.08 * (2.0 * angle).cos(),
            Self::Bartlett => 1.0 - (2.0 * phase - 1.0).abs(),
            Self::Boxcar => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_of_four_are_scipys() {
        // scipy.signal.get_window(name, 4)
        let cases = [
            (Window::Hann, [0.0, 0.5, 1.0, 0.5]),
            (Window::Hamming, [0.08, 0.54, 1.0, 0.54]),
            (Window::Blackman, [0.0, 0.34, 1.0, 0.34]),
            (Window::Bartlett, [0.0, 0.5, 1.0, 0.5]),
            (Window::Boxcar, [1.0; 4]),
        ];
        for (window, expected) in cases {
            for (weight, expected) in window.weights(4).into_iter().zip(expected) {
                assert!((weight - expected).abs() < 1e-7, "{window:?}: {weight}, not {expected}");
            }
        }
        assert_eq!(Window::Hann.weights(1), [1.0]);
    }
}
