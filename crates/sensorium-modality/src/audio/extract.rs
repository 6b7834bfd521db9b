//! Samples to log-mel or MFCC frames: the steps of one config, in a row.

use super::config::{AudioKind, CheckedAudio};
use super::decibel::decibels_from_powers;
use super::mel::MelBank;
use super::mfcc::Cepstrum;
use super::stft::ShortTimeFourier;

/// Everything about a config that is computed once: FFT plan, window, filter bank, DCT.
#[derive(Clone, Debug)]
pub struct FeatureExtractor {
    config: CheckedAudio,
    fourier: ShortTimeFourier,
    mel: MelBank,
    cepstrum: Option<Cepstrum>,
}

impl FeatureExtractor {
    /// Plans the transforms of a config.
    #[must_use]
    pub fn new(config: &CheckedAudio) -> Self {
        Self {
            fourier: ShortTimeFourier::new(config),
            mel: MelBank::new(config),
            cepstrum: (config.kind == AudioKind::Mfcc).then(|| Cepstrum::new(config)),
            config: config.clone(),
        }
    }

    /// The features of a sound at the config's rate, not yet standardised: dB, or coefficients.
    ///
    /// # Shapes
    ///
    /// - `samples`: `[N]` with `N` at least 1, each finite
    /// - returns: `[T, D]`, row-major
    ///
    /// # Panics
    ///
    /// If there are no samples.
    #[must_use]
    pub fn extract(&self, samples: &[f32]) -> Vec<f32> {
        assert!(!samples.is_empty(), "a sound has at least one sample");
        let frames = self.config.frames_of(samples.len());
        let mut bands = Vec::with_capacity(frames * self.config.num_mels);
        self.fourier.for_each_frame(samples, |powers| self.mel.apply(powers, &mut bands));
        decibels_from_powers(&mut bands, &self.config);
        let values = match &self.cepstrum {
            Some(cepstrum) => cepstrum.transform(&bands),
            None => bands,
        };
        #[expect(clippy::cast_possible_truncation, reason = "dB need no more digits than f32 has")]
        values.into_iter().map(|value| value as f32).collect()
    }
}
