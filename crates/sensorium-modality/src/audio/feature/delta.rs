//! How fast features change, by a Savitzky-Golay filter over time.
//!
//! Source: `librosa.feature.delta` of librosa 0.11, which is `scipy.signal.savgol_filter` with
//! `polyorder` and `deriv` both `order`. The derivative of that order of a polynomial of that
//! degree is the same everywhere, and is the product of the samples with the one discrete
//! orthogonal polynomial of that degree (Savitzky and Golay 1964). So scipy's `interp`, which
//! extends the first and the last polynomial to the ends, repeats the first and the last value.

/// What is taken for the values beyond the ends, by scipy's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeltaMode {
    /// The polynomial through the first or the last `width` frames; needs as many. librosa's default.
    Interp,
    /// The first or the last frame, repeated.
    Nearest,
}

/// The derivative of each feature over time, per frame (squared for order 2, and so on).
///
/// # Shapes
///
/// - `features`: `[T, D]`, `num_features` being `D`
/// - returns: `[T, D]`
///
/// # Panics
///
/// If `width` is even or below 3, if `order` is not 1 to `width - 1`, or if there are fewer than
/// `width` frames for [`DeltaMode::Interp`].
#[must_use]
pub fn delta(
    features: &[f32],
    num_features: usize,
    filter: DeltaFilter,
    mode: DeltaMode,
) -> Vec<f32> {
    let num_frames = features.len() / num_features;
    let weights = filter.weights();
    let half = filter.width / 2;
    let is_interpolated = mode == DeltaMode::Interp;
    assert!(!is_interpolated || num_frames >= filter.width, "`interp` needs `width` frames");
    let mut deltas = vec![0.0; features.len()];
    for (frame, out) in deltas.chunks_exact_mut(num_features).enumerate() {
        let centre = if is_interpolated { frame.clamp(half, num_frames - 1 - half) } else { frame };
        for (step, weight) in weights.iter().enumerate() {
            let seen = (centre + step).saturating_sub(half).min(num_frames - 1);
            let values = &features[seen * num_features..][..num_features];
            out.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    deltas
}

/// The filter of a [`delta`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeltaFilter {
    /// The number of frames that each value is made of, odd and at least 3.
    pub width: usize,
    /// The order of the derivative, below `width`.
    pub order: usize,
}

impl Default for DeltaFilter {
    fn default() -> Self {
        Self { width: 9, order: 1 }
    }
}

impl DeltaFilter {
    /// The weight of each of the `width` frames, the earliest first.
    #[expect(clippy::cast_possible_truncation, reason = "weights of features that are f32")]
    fn weights(self) -> Vec<f32> {
        let Self { width, order } = self;
        assert!(width >= 3 && width % 2 == 1, "a width of {width} is not odd and at least 3");
        assert!((1..width).contains(&order), "an order of {order} is not 1 to {}", width - 1);
        let polynomial = orthogonal_polynomial(order, width);
        let factorial: f64 = (1..=order).map(|factor| factor as f64).product();
        let scale = factorial / square_norm(&polynomial);
        polynomial.iter().map(|value| (scale * value) as f32).collect()
    }
}

/// The polynomial of a degree, its highest coefficient 1, that is orthogonal to all lower ones over
/// `width` points around 0, at those points.
fn orthogonal_polynomial(degree: usize, width: usize) -> Vec<f64> {
    let points: Vec<f64> = (0..width).map(|i| i as f64 - (width / 2) as f64).collect();
    let (mut below, mut current) = (vec![0.0; width], vec![1.0; width]);
    let mut norm_below = 1.0;
    for _ in 0..degree {
        let norm = square_norm(&current);
        let next =
            (0..width).map(|i| points[i] * current[i] - norm / norm_below * below[i]).collect();
        (below, current, norm_below) = (current, next, norm);
    }
    current
}

fn square_norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope_and_a_parabola_its_curvature() {
        let line: Vec<f32> = (0..12).map(|t| 3.0 * t as f32 - 5.0).collect();
        let slope = delta(&line, 1, DeltaFilter::default(), DeltaMode::Interp);
        assert!(slope.iter().all(|value| (value - 3.0).abs() < 1e-5), "{slope:?}");
        let parabola: Vec<f32> = (0..12).map(|t| 2.0 * (t * t) as f32).collect();
        let filter = DeltaFilter { order: 2, ..DeltaFilter::default() };
        let curvature = delta(&parabola, 1, filter, DeltaMode::Interp);
        assert!(curvature.iter().all(|value| (value - 4.0).abs() < 1e-4), "{curvature:?}");
    }

    #[test]
    fn one_frame_does_not_change() {
        let deltas = delta(&[4.0, -1.0], 2, DeltaFilter::default(), DeltaMode::Nearest);
        assert!(deltas.iter().all(|value| value.abs() < 1e-6), "{deltas:?}");
    }

    #[test]
    fn features_are_filtered_each_by_itself() {
        let features: Vec<f32> = (0..10).flat_map(|t| [t as f32, -2.0 * t as f32]).collect();
        let deltas = delta(&features, 2, DeltaFilter::default(), DeltaMode::Interp);
        for pair in deltas.as_chunks::<2>().0 {
            assert!((pair[0] - 1.0).abs() < 1e-6 && (pair[1] + 2.0).abs() < 1e-6);
        }
    }
}
