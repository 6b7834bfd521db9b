//! Features with mean 0 and deviation 1 in every band.

use serde::{Deserialize, Serialize};

/// A deviation below this share of the mean counts as none: what never varied, but for rounding, is
/// centred and not blown up.
const LEAST_SHARE: f64 = 1e-5;
/// A deviation below this counts as none whatever the mean is.
const LEAST_DEVIATION: f64 = 1e-8;

/// Mean and standard deviation of each of the `D` bands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct BandScale {
    /// `[D]`
    pub(super) mean: Vec<f32>,
    /// `[D]`, each above 0.
    pub(super) deviation: Vec<f32>,
}

impl BandScale {
    /// Standardises features in place.
    ///
    /// # Shapes
    ///
    /// - `values`: `[T, D]`
    pub(super) fn apply(&self, values: &mut [f32]) {
        for frame in values.chunks_exact_mut(self.mean.len()) {
            let bands = self.mean.iter().zip(&self.deviation);
            for (value, (mean, deviation)) in frame.iter_mut().zip(bands) {
                *value = (*value - mean) / deviation;
            }
        }
    }

    /// Whether it fits features of `width` and makes finite numbers of them.
    pub(super) fn is_valid(&self, width: usize) -> bool {
        let is_positive = |deviation: &f32| deviation.is_normal() && *deviation > 0.0;
        self.mean.len() == width
            && self.deviation.len() == width
            && self.mean.iter().all(|mean| mean.is_finite())
            && self.deviation.iter().all(is_positive)
    }
}

/// Collects the mean and deviation of bands, frame by frame (Welford 1962).
pub(super) struct BandMoments {
    count: f64,
    mean: Vec<f64>,
    /// Sums of squared distances from the mean.
    spread: Vec<f64>,
}

impl BandMoments {
    pub(super) fn new(width: usize) -> Self {
        Self { count: 0.0, mean: vec![0.0; width], spread: vec![0.0; width] }
    }

    /// Adds the frames of `values`, `[T, D]`.
    pub(super) fn add(&mut self, values: &[f32]) {
        for frame in values.chunks_exact(self.mean.len()) {
            self.count += 1.0;
            let bands = self.mean.iter_mut().zip(&mut self.spread);
            for (&value, (mean, spread)) in frame.iter().zip(bands) {
                let distance = f64::from(value) - *mean;
                *mean += distance / self.count;
                *spread += distance * (f64::from(value) - *mean);
            }
        }
    }

    /// The scale of all frames so far.
    #[expect(clippy::cast_possible_truncation, reason = "both are of the size of the f32 values")]
    pub(super) fn scale(&self) -> BandScale {
        let deviation = |(spread, mean): (&f64, &f64)| {
            let least = (LEAST_SHARE * mean.abs()).max(LEAST_DEVIATION);
            match (spread / self.count.max(1.0)).sqrt() {
                deviation if deviation < least => 1.0,
                deviation => deviation as f32,
            }
        };
        BandScale {
            mean: self.mean.iter().map(|&mean| mean as f32).collect(),
            deviation: self.spread.iter().zip(&self.mean).map(deviation).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_deviation_are_those_of_the_population() {
        let mut moments = BandMoments::new(2);
        moments.add(&[1.0, 5.0, 3.0, 5.0]);
        moments.add(&[5.0, 5.0]);
        let scale = moments.scale();
        assert_eq!(scale.mean, [3.0, 5.0]);
        let deviation = (8.0_f32 / 3.0).sqrt(); // numpy.std([1, 3, 5])
        assert!((scale.deviation[0] - deviation).abs() < 1e-6);
        assert_eq!(scale.deviation[1].to_bits(), 1.0_f32.to_bits(), "a constant is not blown up");
    }

    #[test]
    fn what_was_measured_is_standardised_to_mean_zero_and_deviation_one() {
        let mut values = vec![1.0, -7.0, 4.0, 2.0, 10.0, 5.0];
        let mut moments = BandMoments::new(2);
        moments.add(&values);
        moments.scale().apply(&mut values);
        let mut again = BandMoments::new(2);
        again.add(&values);
        let scale = again.scale();
        for band in 0..2 {
            assert!(scale.mean[band].abs() < 1e-6 && (scale.deviation[band] - 1.0).abs() < 1e-6);
        }
    }
}
