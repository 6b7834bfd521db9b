//! Samples to features: the front end of one config, and its deltas.

use std::sync::Arc;

use super::config::CheckedAudio;
use super::feature::{DeltaFilter, DeltaMode, delta};
use super::front_end::FrontEnd;

/// Everything about a config that is computed once: FFT plan, window, filter bank, DCT.
#[derive(Clone, Debug)]
pub struct FeatureExtractor {
    front_end: Arc<dyn FrontEnd>,
    deltas: usize,
}

impl FeatureExtractor {
    /// Takes the plans of a config.
    #[must_use]
    pub fn new(config: &CheckedAudio) -> Self {
        Self { front_end: Arc::clone(&config.front_end), deltas: config.deltas }
    }

    /// The features of a sound at the config's rate, not yet standardised.
    ///
    /// # Shapes
    ///
    /// - `samples`: `[N]` with `N` at least 1; one that is not finite makes NaN of what sees it
    /// - returns: `[T, D]`, row-major
    ///
    /// # Panics
    ///
    /// If there are no samples.
    #[must_use]
    pub fn extract(&self, samples: &[f32]) -> Vec<f32> {
        assert!(!samples.is_empty(), "a sound has at least one sample");
        let features = self.front_end.extract(samples);
        match self.deltas {
            0 => features,
            deltas => with_deltas(&features, self.front_end.width(), deltas),
        }
    }
}

/// Each frame followed by its derivatives up to an order, over 9 frames, those at the ends being
/// repeated: librosa's default, `interp`, is not defined for a sound of fewer frames.
fn with_deltas(features: &[f32], width: usize, deltas: usize) -> Vec<f32> {
    let derivatives = (1..=deltas).map(|order| {
        let filter = DeltaFilter { order, ..DeltaFilter::default() };
        delta(features, width, filter, DeltaMode::Nearest)
    });
    let parts: Vec<Vec<f32>> = std::iter::once(features.to_vec()).chain(derivatives).collect();
    let frames = 0..features.len() / width;
    let parts =
        frames.flat_map(|frame| parts.iter().map(move |part| &part[frame * width..][..width]));
    parts.flatten().copied().collect()
}
