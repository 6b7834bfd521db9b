//! Random changes of sounds: of their samples, and of their frames.

mod gain;
mod noise;
mod spec_augment;
mod speed;
mod time_shift;

use rand_chacha::ChaCha8Rng;
use sensorium_core::ConfigError;

use super::resample::Resamplers;
use crate::augmentation::augmentations;

/// What a random change of a sound does; one of the two changes is its own, the other nothing.
pub(crate) trait ChangeSound {
    /// Checks every field against its documented range.
    fn check(&self) -> Result<(), ConfigError>;

    /// Changes the samples, of which there is at least one before and after.
    fn samples(&self, samples: Vec<f32>, _: &Rate<'_>, _: &mut ChaCha8Rng) -> Vec<f32> {
        samples
    }

    /// Changes `[T, D]` frames, as the model will see them.
    fn frames(&self, _: &mut [f32], _width: usize, _: &mut ChaCha8Rng) {}
}

/// The rate of the samples.
pub(crate) struct Rate<'a> {
    pub(super) hz: u32,
    /// To that rate.
    pub(super) resamplers: &'a Resamplers,
}

augmentations! {
    /// Random changes of sounds.
    AudioAugmentation: dyn ChangeSound, usually ["time_shift", "gain", "spec_augment"] {
        "time_shift" => time_shift::TimeShift, "moves the sound to and fro";
        "gain" => gain::Gain, "makes it louder or softer";
        "noise" => noise::Noise, "adds white noise at a signal-to-noise ratio";
        "speed" => speed::Speed, "plays it faster or slower, pitch and all";
        "spec_augment" => spec_augment::SpecAugment, "blanks bands and spans of time";
    }
}

#[cfg(test)]
mod tests {
    use sensorium_core::Seed;
    use serde_json::json;

    use super::*;
    use crate::Augmentation;

    #[test]
    fn every_change_leaves_a_sound_of_any_length_finite_and_repeats_with_its_seed() {
        let resamplers = Resamplers::to(16_000);
        let rate = Rate { hz: 16_000, resamplers: &resamplers };
        for (name, _) in AudioAugmentation::COMPONENTS {
            let entry = AudioAugmentation::read(name, json!({})).unwrap();
            for length in [1, 7, 4_000] {
                let sound: Vec<f32> = (0..length).map(|i| (i as f32).sin()).collect();
                let change = |seed| {
                    let mut rng = Seed::new(seed).rng();
                    let samples = entry.as_dyn().samples(sound.clone(), &rate, &mut rng);
                    let mut frames = sound.clone();
                    entry.as_dyn().frames(&mut frames, 1, &mut rng);
                    (samples, frames)
                };
                for seed in 0..5 {
                    let (samples, frames) = change(seed);
                    assert!(!samples.is_empty(), "{name}");
                    assert!(samples.iter().chain(&frames).all(|value| value.is_finite()), "{name}");
                    assert_eq!((samples, frames), change(seed), "{name}");
                }
                assert!(
                    length < 4_000
                        || (0..5).any(|seed| {
                            let (samples, frames) = change(seed);
                            samples != sound || frames != sound
                        }),
                    "{name} changes something"
                );
            }
        }
    }
}
